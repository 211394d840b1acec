//! BITCOUNT and BITPOS: how many bits are set, and where the first one is that is set or clear.
//!
//! The words of a call are checked before its key is looked up, as Redis does from 7.2 on.

use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;
use crate::store::types::bits;

/// The part of a string that a call is about, as its words say.
struct Part {
    start: i64,
    end: i64,
    in_bits: bool,
}

impl Part {
    const WHOLE: Part = Part { start: 0, end: -1, in_bits: false };

    fn unit(word: &[u8]) -> Result<bool, Fault> {
        if word.eq_ignore_ascii_case(b"bit") {
            Ok(true)
        } else if word.eq_ignore_ascii_case(b"byte") {
            Ok(false)
        } else {
            Err(Fault::Syntax)
        }
    }

    /// The first and last bit of it in a string of so many bytes; `None` if there is none.
    fn of(&self, bytes: usize) -> Option<(u64, u64)> {
        let unit = if self.in_bits { 1 } else { 8 };
        let len = i64::try_from(bytes).ok()?.checked_mul(8)? / unit;
        let from_end = |offset: i64| if offset < 0 { offset.saturating_add(len).max(0) } else { offset };
        let (start, end) = (from_end(self.start), from_end(self.end).min(len - 1));
        if start > end {
            return None;
        }
        let first = u64::try_from(start * unit).ok()?;
        Some((first, u64::try_from(end * unit + unit - 1).ok()?))
    }
}

pub(super) fn bitcount(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let part = match args.len() {
        2 => Part::WHOLE,
        4 | 5 => {
            let (start, end) = (args.int(2)?, args.int(3)?);
            // Both before the beginning and in the wrong order: none, although clamping would make them meet.
            let (start, end) = if start < 0 && end < 0 && start > end { (1, 0) } else { (start, end) };
            Part { start, end, in_bits: args.len() == 5 && Part::unit(args.get(4))? }
        }
        _ => return Err(Fault::Syntax),
    };
    let count = cx.read_text(args.key(1))?.map_or(0, |text| {
        let mut scratch = [0; 20];
        let bytes = text.bytes(&mut scratch);
        part.of(bytes.len()).map_or(0, |(first, last)| bits::count_between(bytes, first, last))
    });
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

pub(super) fn bitpos(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let wanted = match args.int(2)? {
        0 => false,
        1 => true,
        _ => return Err(Fault::Because("ERR The bit argument must be 1 or 0.")),
    };
    let words = args.len();
    if words > 6 {
        return Err(Fault::Syntax);
    }
    let mut part = Part::WHOLE;
    if words >= 4 {
        part.start = args.int(3)?;
    }
    if words == 6 {
        part.in_bits = Part::unit(args.get(5))?;
    }
    if words >= 5 {
        part.end = args.int(4)?;
    }
    let place = match cx.read_text(args.key(1))? {
        // A missing string is zeros without end.
        None => (!wanted).then_some(0),
        Some(text) => {
            let mut scratch = [0; 20];
            let bytes = text.bytes(&mut scratch);
            part.of(bytes.len()).and_then(|(first, last)| {
                let place = bits::find(bytes, wanted, first, last);
                // Behind a string of ones zeros go on, unless the call has said where to stop.
                if place.is_none() && !wanted && words < 5 { Some(bytes.len() as u64 * 8) } else { place }
            })
        }
    };
    reply.integer(place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_clamped() {
        let of = |start, end, in_bits| Part { start, end, in_bits }.of(3);
        assert_eq!(of(0, -1, false), Some((0, 23)));
        assert_eq!(of(1, 1, false), Some((8, 15)));
        assert_eq!(of(-2, 100, false), Some((8, 23)));
        assert_eq!(of(-2, 100, true), Some((22, 23)));
        assert_eq!(of(5, 7, true), Some((5, 7)));
        assert_eq!(of(3, -1, false), None);
        assert_eq!(of(-1, -2, false), None);
        assert_eq!(of(i64::MIN, i64::MAX, true), Some((0, 23)));
        assert_eq!(of(i64::MAX, i64::MIN, true), None);
        assert_eq!(Part::WHOLE.of(0), None);
    }
}
