//! SCAN cursor: the keys of the database in steps, from one slice of the whole to the next.
//!
//! The cursor that a client sees is `place in the slice * slices + index of the slice`, so that routing finds the slice from the cursor alone.
//! One call stays in one slice; the last of a slice hands on to the beginning of the next.

use crate::command::{Args, Cx, Fault, walk};
use crate::glob::Pattern;
use crate::resp::{Reply, number};
use crate::store::Entry;

/// How many keys a step looks at, if the client does not say.
const COUNT: usize = 10;
/// For every key that it may look at, a step may pass this many empty places.
const EMPTY_STEPS_PER_KEY: usize = 10;

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let cursor = walk::cursor(args.get(1))?;
    let wanted = Wanted::parse(args)?;
    let Some(cursor) = cursor else {
        walk::nothing(reply);
        return Ok(());
    };
    let slices = u64::from(cx.slices().max(1));
    let (now, index) = (cx.now, cursor % slices);
    let mut place = cursor / slices;
    // Routing brings a cursor to its slice.
    let Some(data) = u32::try_from(index).ok().and_then(|index| cx.slice(index)) else { return Err(Fault::InvalidCursor) };

    let mut encoded = Vec::new();
    let mut keys = Reply::new(&mut encoded, reply.protocol());
    let (mut seen, mut found) = (0usize, 0usize);
    let mut steps = wanted.count.saturating_mul(EMPTY_STEPS_PER_KEY);
    loop {
        place = data.scan(place, &mut |entry| {
            seen += 1;
            if !entry.is_due(now) && wanted.admits(entry) {
                keys.bulk(entry.key());
                found += 1;
            }
        });
        steps = steps.saturating_sub(1);
        if place == 0 || seen >= wanted.count || steps == 0 {
            break;
        }
    }
    let next = match place {
        0 if index + 1 < slices => index + 1,
        0 => 0,
        place => place.saturating_mul(slices).saturating_add(index),
    };
    walk::tell(reply, next, found, &encoded);
    Ok(())
}

/// What the options ask for.
struct Wanted<'a> {
    pattern: Option<Pattern>,
    kind: Option<&'a [u8]>,
    count: usize,
}

impl<'a> Wanted<'a> {
    fn parse(args: &Args<'a>) -> Result<Wanted<'a>, Fault> {
        let mut wanted = Wanted { pattern: None, kind: None, count: COUNT };
        let mut options = args.options(2);
        while let Some(word) = options.next() {
            if word.eq_ignore_ascii_case(b"match") {
                wanted.pattern = Some(options.operand()?).filter(|&pattern| pattern != b"*").map(|pattern| Pattern::new(pattern, false));
            } else if word.eq_ignore_ascii_case(b"count") {
                let count = number::parse_integer(options.operand()?).ok_or(Fault::NotInteger)?;
                wanted.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or(Fault::Syntax)?;
            } else if word.eq_ignore_ascii_case(b"type") {
                wanted.kind = Some(options.operand()?);
            } else {
                return Err(Fault::Syntax);
            }
        }
        Ok(wanted)
    }

    fn admits(&self, entry: Entry<'_>) -> bool {
        self.kind.is_none_or(|kind| entry.kind().name().as_bytes().eq_ignore_ascii_case(kind))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.matches(entry.key()))
    }
}
