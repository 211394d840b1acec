//! How the replies of a split call's parts become one reply.

use crate::command::Join;
use crate::resp::{self, Reply};

/// Writes the one reply of a split call.
///
/// `parts` are the encoded replies of the parts; `order[i]` says which part holds the answer to the call's i-th key (for
/// [`Join::InOrder`]), each part's answers being in the order of its keys. A part that failed (it cannot fault on data, so this is a limit hit on one
/// shard) makes the whole call fail with its error.
pub(crate) fn join(join: Join, parts: &[&[u8]], order: &[u16], pick: u64, reply: &mut Reply<'_>) {
    if let Some(error) = parts.iter().find(|part| part.first() == Some(&b'-')) {
        reply.raw(error);
        return;
    }
    match join {
        Join::Sum => {
            let sum = parts.iter().filter_map(|part| resp::number::parse_integer(line(part))).fold(0i64, i64::saturating_add);
            reply.integer(sum);
        }
        Join::AllOk => reply.raw(parts.first().copied().unwrap_or(b"+OK\r\n")),
        Join::InOrder => {
            let mut rests: Vec<&[u8]> = parts.iter().map(|part| after_line(part)).collect();
            reply.array(order.len());
            for &part in order {
                let rest = &mut rests[usize::from(part)];
                let (element, behind) = rest.split_at(element_bytes(rest));
                reply.raw(element);
                *rest = behind;
            }
        }
        Join::Concat => {
            let count = parts.iter().filter_map(|part| resp::number::parse_integer(line(part))).sum::<i64>();
            reply.array(usize::try_from(count).unwrap_or(0));
            for part in parts {
                reply.raw(after_line(part));
            }
        }
        Join::Any => {
            // A null is `$-1` or `_`: any part that found something will do.
            let found: Vec<&&[u8]> = parts.iter().filter(|part| !part.starts_with(b"$-1") && !part.starts_with(b"_")).collect();
            let count = u64::try_from(found.len()).unwrap_or(1).max(1);
            match found.get(usize::try_from(pick % count).unwrap_or(0)) {
                Some(part) => reply.raw(part),
                None => reply.null(),
            }
        }
    }
}

/// How long the first element is: a bulk string, or a value of one line.
fn element_bytes(rest: &[u8]) -> usize {
    let line_bytes = rest.len() - after_line(rest).len();
    match (rest.first(), resp::number::parse_integer(line(rest)).and_then(|length| usize::try_from(length).ok())) {
        (Some(b'$'), Some(length)) => rest.len().min(line_bytes + length + 2),
        _ => line_bytes,
    }
}

/// The first line without its type byte and without CRLF.
fn line(part: &[u8]) -> &[u8] {
    let end = part.iter().position(|&byte| byte == b'\r').unwrap_or(part.len());
    part.get(1..end).unwrap_or_default()
}

/// What follows the first line.
fn after_line(part: &[u8]) -> &[u8] {
    let end = part.iter().position(|&byte| byte == b'\n').map_or(part.len(), |at| at + 1);
    &part[end..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Protocol;

    fn joined(how: Join, parts: &[&[u8]], order: &[u16]) -> Vec<u8> {
        let mut out = Vec::new();
        join(how, parts, order, 1, &mut Reply::new(&mut out, Protocol::Resp2));
        out
    }

    #[test]
    fn sums_add() {
        assert_eq!(joined(Join::Sum, &[b":3\r\n", b":0\r\n", b":39\r\n"], &[]), b":42\r\n");
    }

    #[test]
    fn elements_return_to_the_order_of_their_keys() {
        let parts: [&[u8]; 2] = [b"*2\r\n$1\r\na\r\n$-1\r\n", b"*1\r\n$2\r\n\r\n\r\n"];
        assert_eq!(joined(Join::InOrder, &parts, &[0, 1, 0]), b"*3\r\n$1\r\na\r\n$2\r\n\r\n\r\n$-1\r\n");
    }

    #[test]
    fn arrays_follow_one_another() {
        assert_eq!(joined(Join::Concat, &[b"*1\r\n$1\r\na\r\n", b"*0\r\n"], &[]), b"*1\r\n$1\r\na\r\n");
    }

    #[test]
    fn one_failed_part_fails_the_call() {
        assert_eq!(joined(Join::AllOk, &[b"+OK\r\n", b"-OOM no\r\n"], &[]), b"-OOM no\r\n");
    }

    #[test]
    fn any_prefers_what_was_found() {
        assert_eq!(joined(Join::Any, &[b"$-1\r\n", b"$1\r\nk\r\n"], &[]), b"$1\r\nk\r\n");
        assert_eq!(joined(Join::Any, &[b"$-1\r\n", b"$-1\r\n"], &[]), b"$-1\r\n");
    }
}
