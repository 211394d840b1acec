//! LMPOP numkeys key \[key ...\] LEFT|RIGHT \[COUNT count\]: elements leave the first of several lists that is there.

use crate::command::list::pop;
use crate::command::{Args, Cx, Fault, decimal};
use crate::resp::{Reply, number};
use crate::store::types::List;
use crate::store::types::list::End;

pub(super) fn lmpop(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if !Wanted::read(args, 1)?.pop(cx, args, reply)? {
        reply.null_array();
    }
    Ok(())
}

/// What was asked for.
pub(super) struct Wanted {
    /// The first key, and how many there are.
    keys: (usize, usize),
    end: End,
    count: usize,
}

impl Wanted {
    /// Reads the words from the number of keys on.
    pub(super) fn read(args: &Args<'_>, at: usize) -> Result<Wanted, Fault> {
        let keys = positive(args.get(at)).ok_or(Fault::Because("ERR numkeys should be greater than 0"))?;
        let end_at = keys.checked_add(at + 1).filter(|&at| at < args.len()).ok_or(Fault::Syntax)?;
        let end = end_of(args.get(end_at))?;
        let mut count = None;
        let mut options = args.options(end_at + 1);
        while let Some(word) = options.next() {
            if count.is_some() || !word.eq_ignore_ascii_case(b"count") {
                return Err(Fault::Syntax);
            }
            count = Some(positive(options.operand()?).ok_or(Fault::Because("ERR count should be greater than 0"))?);
        }
        Ok(Wanted { keys: (at + 1, keys), end, count: count.unwrap_or(1) })
    }

    /// Takes elements out of the first list that is there; false if none is.
    pub(super) fn pop(&self, cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<bool, Fault> {
        let (first, keys) = self.keys;
        for key in args.from(first).take(keys) {
            if let Some(len) = cx.check_as::<List>(key)?.map(List::len) {
                reply.array(2);
                reply.bulk(key);
                if let Some(record) = cx.record() {
                    let command: &[u8] = if self.end == End::Front { b"LPOP" } else { b"RPOP" };
                    record.instead([command, key, &decimal(self.count.min(len) as u64)]);
                }
                pop::pop_up_to(cx, key, self.end, self.count, reply)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The end of a list that a word names.
pub(super) fn end_of(word: &[u8]) -> Result<End, Fault> {
    if word.eq_ignore_ascii_case(b"left") {
        Ok(End::Front)
    } else if word.eq_ignore_ascii_case(b"right") {
        Ok(End::Back)
    } else {
        Err(Fault::Syntax)
    }
}

/// A number above 0.
pub(super) fn positive(word: &[u8]) -> Option<usize> {
    number::parse_integer(word).and_then(|number| usize::try_from(number).ok()).filter(|&number| number > 0)
}
