//! XADD: an entry under an id of the caller's or of the clock's, and perhaps fewer old ones.
//!
//! With IDMP or IDMPAUTO the caller names himself and the entry: one that was added already is not added again.

use super::ids;
use super::trim::Trimming;
use crate::command::{Args, Classes, Cx, Fault, Options};
use crate::resp::Reply;
use crate::store::Guard;
use crate::store::types::producers;
use crate::store::types::stream::{ID_BYTES_MAX, Id, Stream};

const NOT_ABOVE_ZERO: &str = "ERR The ID specified in XADD must be greater than 0-0";
const NOT_ABOVE_LAST: &str = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
const EXHAUSTED: &str = "ERR The stream has exhausted the last possible ID, unable to add more items";
const NAMED_WITH_ID: &str = "ERR IDMP and IDMPAUTO can only be used with an id that is generated, *";
const NAMED_TWICE: &str = "ERR syntax error, IDMP and IDMPAUTO can be given only once";
const NAMELESS: &str = "ERR The producer ID and the idempotent ID must not be empty";
const TOO_LARGE: &str = "ERR Elements are too large to be stored";

/// Fields and values of one entry together, as in Redis.
const ENTRY_BYTES_MAX: usize = 1 << 30;

/// The id that was asked for.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// `*`
    Any,
    /// `ms-*`
    In(u64),
    Exactly(Id),
}

/// How the caller named the entry.
#[derive(Clone, Copy, Debug)]
enum Named<'a> {
    By(&'a [u8], &'a [u8]),
    /// By what it holds.
    Itself(&'a [u8]),
}

impl<'a> Named<'a> {
    /// IDMP or IDMPAUTO with their operands, if `word` is one of them and they follow it.
    fn option(word: &[u8], options: &mut Options<'a>) -> Result<Option<Named<'a>>, Fault> {
        let named = if word.eq_ignore_ascii_case(b"idmp") && options.left() > 1 {
            Named::By(options.operand()?, options.operand()?)
        } else if word.eq_ignore_ascii_case(b"idmpauto") && options.left() > 0 {
            Named::Itself(options.operand()?)
        } else {
            return Ok(None);
        };
        match named {
            Named::By(b"", _) | Named::By(_, b"") | Named::Itself(b"") => Err(Fault::Because(NAMELESS)),
            _ => Ok(Some(named)),
        }
    }
}

impl Asked {
    fn read(word: &[u8]) -> Result<Asked, Fault> {
        match word.strip_suffix(b"-*") {
            // The first dash must be this one.
            Some(ms) if !ms.contains(&b'-') => Ok(Asked::In(ids::strict_id(ms, 0)?.ms)),
            _ => Ok(Asked::Exactly(ids::strict_id(word, 0)?)),
        }
    }

    /// The id that `stream` gives its next entry.
    fn choose(self, stream: &Stream, now_ms: u64) -> Result<Id, Fault> {
        if stream.last_id() == Id::MAX {
            return Err(Fault::Because(EXHAUSTED));
        }
        match self {
            Asked::Any => stream.next_id(now_ms).ok_or(Fault::Because(EXHAUSTED)),
            Asked::In(ms) => stream.next_id_in(ms).ok_or(Fault::Because(NOT_ABOVE_LAST)),
            Asked::Exactly(id) => Some(id).filter(|id| *id > stream.last_id()).ok_or(Fault::Because(NOT_ABOVE_LAST)),
        }
    }
}

pub(super) fn xadd(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (mut trimming, mut asked, mut must_exist, mut named) = (Trimming::default(), None, false, None);
    let mut options = args.options(2);
    while let Some(word) = options.next() {
        if word == b"*" {
            asked = Some(Asked::Any);
        } else if trimming.option(word, &mut options)? {
            continue;
        } else if word.eq_ignore_ascii_case(b"nomkstream") {
            must_exist = true;
            continue;
        } else if let Some(name) = Named::option(word, &mut options)? {
            if named.replace(name).is_some() {
                return Err(Fault::Because(NAMED_TWICE));
            }
            continue;
        } else {
            asked = Some(Asked::read(word)?);
        }
        break;
    }
    let thresholds = cx.thresholds();
    let trim = trimming.settle(thresholds, false)?;
    let words = options.left();
    let Some(asked) = asked.filter(|_| words > 0 && words.is_multiple_of(2)) else { return Err(Fault::Arity("xadd")) };
    if matches!(asked, Asked::Exactly(Id::MIN)) {
        return Err(Fault::Because(NOT_ABOVE_ZERO));
    }
    if named.is_some() && !matches!(asked, Asked::Any) && !cx.is_replay() {
        return Err(Fault::Because(NAMED_WITH_ID));
    }
    let fields = args.pairs(options.position());
    if args.from(options.position()).map(<[u8]>::len).fold(0, usize::saturating_add) > ENTRY_BYTES_MAX {
        return Err(Fault::Because(TOO_LARGE));
    }

    let (key, now, is_replay) = (args.key(1), cx.now, cx.is_replay());
    let Some(mut stream) = open(cx, key, must_exist)? else {
        reply.null();
        return Ok(());
    };
    let hash;
    let named = match named {
        Some(Named::By(producer, name)) => Some((producer, name)),
        Some(Named::Itself(producer)) => {
            hash = producers::name_of(fields.clone());
            Some((producer, hash.as_slice()))
        }
        None => None,
    };
    if let Some((producer, name)) = named
        && !is_replay
        && let Some(id) = stream.producers_mut().find(producer, name, now.0)
    {
        reply.bulk(id.write(&mut [0; ID_BYTES_MAX]));
        return Ok(());
    }
    // A new stream refuses nothing that is above 0-0, so that none is left behind without an entry.
    let id = asked.choose(&stream, now.0)?;
    stream.append(id, fields, thresholds).map_err(|_| Fault::Because(NOT_ABOVE_LAST))?;
    let (mut cut_words, mut trimmed) = (Vec::new(), 0);
    if let Some(cut) = trim {
        trimmed = cut.apply(&mut stream);
        cut_words = cut.exactly(&stream);
    }
    if let Some((producer, name)) = named {
        stream.producers_mut().remember(producer, name, id, now.0);
    }
    drop(stream);
    record(cx, args, options.position() - 1, id, &cut_words);
    cx.changed(1);
    cx.event(Classes::STREAM, "xadd", key);
    if trimmed > 0 {
        cx.event(Classes::STREAM, "xtrim", key);
    }
    reply.bulk(id.write(&mut [0; ID_BYTES_MAX]));
    Ok(())
}

/// Tells the journal of an entry under the id that it got, which stands at word `id_at` of the call, and of a cut in words that repeat it.
fn record(cx: &mut Cx<'_>, args: &Args<'_>, id_at: usize, id: Id, cut: &[Vec<u8>]) {
    let Some(record) = cx.record() else { return };
    let mut scratch = [0; ID_BYTES_MAX];
    let id: &[u8] = id.write(&mut scratch);
    let mut words: Vec<&[u8]> = Vec::with_capacity(args.len() + 3);
    let mut at = 0;
    while at < id_at {
        let word = args.get(at);
        at += 1;
        if !cut.is_empty() && (word.eq_ignore_ascii_case(b"maxlen") || word.eq_ignore_ascii_case(b"minid")) && at > 2 {
            // With its `~` and its operand.
            at += 2;
            words.extend(cut.iter().map(Vec::as_slice));
        } else if !cut.is_empty() && word.eq_ignore_ascii_case(b"limit") && at > 2 {
            at += 1;
        } else {
            words.push(word);
            // The operands of IDMP and IDMPAUTO may be anything.
            let operands = if at <= 2 {
                0
            } else {
                usize::from(word.eq_ignore_ascii_case(b"idmpauto")) + 2 * usize::from(word.eq_ignore_ascii_case(b"idmp"))
            };
            words.extend(args.from(at).take(operands));
            at += operands;
        }
    }
    words.push(id);
    words.extend(args.from(id_at + 1));
    record.instead(words);
}

/// The stream to be added to, a new one if there is none and that is wanted.
#[inline]
fn open<'c>(cx: &'c mut Cx<'_>, key: &[u8], must_exist: bool) -> Result<Option<Guard<'c, Stream>>, Fault> {
    if must_exist { cx.edit_as(key) } else { cx.create_as(key, Stream::new).map(Some) }
}
