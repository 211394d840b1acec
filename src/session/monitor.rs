//! What MONITOR shows of a call: when, in which database, who, and its words.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::command::{Args, Flags, Spec};
use crate::session::Session;

/// Writes the line of a call, as a status. What operators do is not shown, since it may hold passwords.
pub(super) fn show(out: &mut Vec<u8>, session: &Session, spec: &Spec, args: &Args<'_>) {
    if spec.flags.has(Flags::ADMIN) || spec.flags.has(Flags::SKIP_MONITOR) {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Writing to a vector cannot fail.
    let _ = write!(out, "+{}.{:06} [{} {}]", now.as_secs(), now.subsec_micros(), session.database, session.client.peer);
    for at in 0..args.len() {
        out.push(b' ');
        quote(out, if spec.secret.hides(args, at) { b"(redacted)" } else { args.get(at) });
    }
    out.extend_from_slice(b"\r\n");
}

/// A word in quotes, without anything that a terminal would take for more than a letter.
fn quote(out: &mut Vec<u8>, word: &[u8]) {
    out.push(b'"');
    for &byte in word {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_in_redis() {
        let mut out = Vec::new();
        quote(&mut out, b"a \"\\\r\n\t\x07\x08\x00\xff~");
        assert_eq!(String::from_utf8_lossy(&out), r#""a \"\\\r\n\t\a\b\x00\xff~""#);
    }
}
