//! Parts of a string: GETRANGE (once SUBSTR) reads one, SETRANGE overwrites one, APPEND adds one at the end.

use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::Reply;
use crate::store::Keep;

pub(super) fn getrange(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (start, end) = (args.int(2)?, args.int(3)?);
    match cx.read_text(args.key(1))? {
        Some(text) => reply.bulk(text.range(start, end, &mut [0; 20])),
        None => reply.bulk(b""),
    }
    Ok(())
}

pub(super) fn setrange(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (key, patch) = (args.key(1), args.get(3));
    let offset = usize::try_from(args.int(2)?).map_err(|_| Fault::OffsetOutOfRange)?;
    let length_max = cx.limits.string_bytes_max;
    let length = match cx.write(key) {
        Some(mut entry) => {
            let length = entry.text().ok_or(Fault::WrongType)?.len();
            if !patch.is_empty() {
                let end = end_of(offset, patch.len(), length_max)?;
                entry.splice(offset, patch);
                length.max(end)
            } else {
                length
            }
        }
        None if patch.is_empty() => 0,
        None => {
            let end = end_of(offset, patch.len(), length_max)?;
            cx.set_text(key, b"", Keep::Clear);
            if let Some(mut entry) = cx.write(key) {
                entry.splice(offset, patch);
            }
            end
        }
    };
    if !patch.is_empty() {
        cx.changed(1);
        cx.event(Classes::STRING, "setrange", key);
    }
    reply.integer(i64::try_from(length).unwrap_or(i64::MAX));
    Ok(())
}

pub(super) fn append(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (key, more) = (args.key(1), args.get(2));
    let length_max = cx.limits.string_bytes_max;
    let length = match cx.write(key) {
        Some(mut entry) => {
            let length = entry.text().ok_or(Fault::WrongType)?.len();
            let length = end_of(length, more.len(), length_max)?;
            entry.append(more);
            length
        }
        None => {
            cx.set_text(key, more, Keep::Clear);
            more.len()
        }
    };
    cx.changed(1);
    cx.event(Classes::STRING, "append", key);
    reply.integer(i64::try_from(length).unwrap_or(i64::MAX));
    Ok(())
}

/// Where `more` bytes from `offset` on end, if a string may be that long.
fn end_of(offset: usize, more: usize, length_max: usize) -> Result<usize, Fault> {
    offset.checked_add(more).filter(|&end| end <= length_max).ok_or(Fault::StringTooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_within_its_limit() {
        assert_eq!(end_of(10, 6, 16), Ok(16));
        assert_eq!(end_of(11, 6, 16), Err(Fault::StringTooLong));
        assert_eq!(end_of(usize::MAX, 1, 16), Err(Fault::StringTooLong));
    }
}
