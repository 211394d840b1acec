//! What a string is tested for before it is overwritten or removed (IFEQ IFNE IFDEQ IFDNE), and DIGEST, which answers what two of the tests
//! compare.

use xxhash_rust::xxh3::xxh3_64;

use crate::command::{Args, Cx, Fault, Options};
use crate::resp::Reply;
use crate::store::Text;

/// A test of the string at a key. A missing key differs from every string, and equals none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test<'a> {
    Equals(&'a [u8]),
    Differs(&'a [u8]),
    DigestEquals(u64),
    DigestDiffers(u64),
}

impl<'a> Test<'a> {
    /// Takes `word` as a test, its operand from `options`. `None` if it is none.
    pub(super) fn option(word: &[u8], options: &mut Options<'a>) -> Result<Option<Test<'a>>, Fault> {
        Ok(Some(if word.eq_ignore_ascii_case(b"ifeq") {
            Test::Equals(options.operand()?)
        } else if word.eq_ignore_ascii_case(b"ifne") {
            Test::Differs(options.operand()?)
        } else if word.eq_ignore_ascii_case(b"ifdeq") {
            Test::DigestEquals(parse_digest(options.operand()?)?)
        } else if word.eq_ignore_ascii_case(b"ifdne") {
            Test::DigestDiffers(parse_digest(options.operand()?)?)
        } else {
            return Ok(None);
        }))
    }

    /// Whether what a key holds passes. It must be a string, or nothing.
    pub(super) fn passes_at(self, cx: &mut Cx<'_>, key: &[u8]) -> Result<bool, Fault> {
        let entry = cx.write(key);
        let text = entry.as_ref().map(|entry| entry.text().ok_or(Fault::WrongType)).transpose()?;
        let is = |expected: &[u8]| text.is_some_and(|text| text.bytes(&mut [0; 20]) == expected);
        let hashes_to = |expected: u64| text.is_some_and(|text| digest_of(text) == expected);
        Ok(match self {
            Test::Equals(expected) => is(expected),
            Test::Differs(expected) => !is(expected),
            Test::DigestEquals(expected) => hashes_to(expected),
            Test::DigestDiffers(expected) => !hashes_to(expected),
        })
    }
}

pub(super) fn digest(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match cx.read_text(args.key(1))? {
        Some(text) => reply.bulk(format!("{:016x}", digest_of(text)).as_bytes()),
        None => reply.null(),
    }
    Ok(())
}

fn digest_of(text: Text<'_>) -> u64 {
    xxh3_64(text.bytes(&mut [0; 20]))
}

/// Sixteen hexadecimal digits, in either case.
fn parse_digest(word: &[u8]) -> Result<u64, Fault> {
    let digits = std::str::from_utf8(word).ok().filter(|digits| digits.len() == 16 && !digits.starts_with('+'));
    digits
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or(Fault::Because("ERR digest must be exactly 16 hexadecimal characters"))
}
