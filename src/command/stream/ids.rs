//! Ids of entries as clients write them: `ms-seq`, `ms`, and what stands for the ends of a stream or of a range.

use crate::command::{Args, Fault, Options};
use crate::resp::{Reply, number};
use crate::store::types::stream::{ID_BYTES_MAX, Id};

/// More than any id takes; Redis refuses what is longer before it looks.
const WORD_BYTES_MAX: usize = 127;

const NOT_AN_ID: Fault = Fault::Because("ERR Invalid stream ID specified as stream command argument");

/// An id, or `-` and `+` for the lowest and the highest. An id without a sequence number gets `missing_seq`.
pub(super) fn id(word: &[u8], missing_seq: u64) -> Result<Id, Fault> {
    match word {
        b"-" => Ok(Id::MIN),
        b"+" => Ok(Id::MAX),
        _ => strict_id(word, missing_seq),
    }
}

/// An id and nothing else.
pub(super) fn strict_id(word: &[u8], missing_seq: u64) -> Result<Id, Fault> {
    if word.len() > WORD_BYTES_MAX {
        return Err(NOT_AN_ID);
    }
    Id::parse(word, missing_seq).ok_or(NOT_AN_ID)
}

/// The first id of a range: `(id` begins behind it.
pub(super) fn first_of_range(word: &[u8]) -> Result<Id, Fault> {
    match word {
        [b'(', rest @ ..] if !rest.is_empty() => strict_id(rest, 0)?.next().ok_or(Fault::Because("ERR invalid start ID for the interval")),
        _ => id(word, 0),
    }
}

/// The last id of a range: `(id` ends before it.
pub(super) fn last_of_range(word: &[u8]) -> Result<Id, Fault> {
    match word {
        [b'(', rest @ ..] if !rest.is_empty() => {
            strict_id(rest, u64::MAX)?.previous().ok_or(Fault::Because("ERR invalid end ID for the interval"))
        }
        _ => id(word, u64::MAX),
    }
}

/// Writes an id as clients see it.
#[inline]
pub(super) fn write(id: Id, reply: &mut Reply<'_>) {
    reply.bulk(id.write(&mut [0; ID_BYTES_MAX]));
}

/// An id as clients write it.
pub(super) fn text(id: Id) -> Vec<u8> {
    id.write(&mut [0; ID_BYTES_MAX]).to_vec()
}

/// The words from `at` on, each of which is an id.
pub(super) fn all(args: &Args<'_>, at: usize) -> Result<Vec<Id>, Fault> {
    args.from(at).map(|word| strict_id(word, 0)).collect()
}

/// The words of an IDS block, behind IDS itself: how many, and so many ids. Moves the cursor behind them.
pub(super) fn block(options: &mut Options<'_>) -> Result<Vec<Id>, Fault> {
    let count = number::parse_integer(options.operand()?).and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    let count = count.ok_or(Fault::Because("ERR Number of IDs must be a positive integer"))?;
    if count > options.left() {
        return Err(Fault::Because("ERR The `numids` parameter must match the number of arguments"));
    }
    (0..count).map(|_| strict_id(options.operand()?, 0)).collect()
}
