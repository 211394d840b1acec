//! One value of the protocol as a tree: what the tutorial's programs, the link to a primary and tests read and write.
//!
//! The daemon's own requests and replies never become frames: see the decoder and the writer beside this file.

use std::fmt;
use std::io::Cursor;

use bytes::Bytes;
use memchr::memchr;

use super::number::parse_integer;
use super::{BULK_BYTES_MAX, LINE_BYTES_MAX, Protocol, Reply, number};

/// How deep values may nest. Nothing real goes past ten; reading a frame, and dropping it, calls itself once per level.
pub const DEPTH_MAX: usize = 128;

/// One value of RESP2 or RESP3.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Bytes),
    Null,
    Array(Vec<Frame>),
    // What follows, only RESP3 has.
    Map(Vec<(Frame, Frame)>),
    Set(Vec<Frame>),
    /// A message that answers no request.
    Push(Vec<Frame>),
    Double(f64),
    Boolean(bool),
    /// An integer of any length, as its digits.
    BigNumber(String),
    /// Text for people; `kind` is `txt` or `mkd`.
    Verbatim {
        kind: String,
        text: Bytes,
    },
    /// A value and what is said about it.
    Attributed(Vec<(Frame, Frame)>, Box<Frame>),
}

/// Why there is no frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not all of it has arrived.
    Incomplete,
    /// It is not the protocol.
    Other(String),
}

impl Frame {
    /// Checks whether a whole frame lies at the cursor, and moves it behind that frame.
    pub fn check(source: &mut Cursor<&[u8]>) -> Result<(), Error> {
        let length = Scanner::default().advance(remaining(source))?.ok_or(Error::Incomplete)?;
        skip(source, length);
        Ok(())
    }

    /// Reads the frame at the cursor, and moves it behind that frame.
    pub fn parse(source: &mut Cursor<&[u8]>) -> Result<Frame, Error> {
        let mut rest = remaining(source);
        let length = rest.len();
        let frame = read(&mut rest, 0)?;
        skip(source, length - rest.len());
        Ok(frame)
    }

    /// Appends the frame as it goes over the wire. `Null` is written as in RESP2, which everybody understands.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut reply = Reply::new(out, Protocol::Resp3);
        match self {
            Frame::Simple(text) => reply.simple(text),
            Frame::Error(text) => reply.error(text),
            Frame::Integer(value) => reply.integer(*value),
            Frame::Bulk(bytes) => reply.bulk(bytes),
            Frame::Null => reply.raw(b"$-1\r\n"),
            Frame::Array(frames) => {
                reply.array(frames.len());
                frames.iter().for_each(|frame| frame.encode(out));
            }
            Frame::Set(frames) => {
                reply.set(frames.len());
                frames.iter().for_each(|frame| frame.encode(out));
            }
            Frame::Push(frames) => {
                reply.push(frames.len());
                frames.iter().for_each(|frame| frame.encode(out));
            }
            Frame::Map(pairs) => {
                reply.map(pairs.len());
                encode_pairs(pairs, out);
            }
            Frame::Attributed(pairs, frame) => {
                reply.attributes(pairs.len());
                encode_pairs(pairs, out);
                frame.encode(out);
            }
            Frame::Double(value) => reply.double(*value),
            Frame::Boolean(value) => reply.boolean(*value),
            Frame::BigNumber(digits) => reply.big_number(digits),
            Frame::Verbatim { kind, text } => reply.verbatim(kind, text),
        }
    }
}

fn encode_pairs(pairs: &[(Frame, Frame)], out: &mut Vec<u8>) {
    for (key, value) in pairs {
        key.encode(out);
        value.encode(out);
    }
}

fn remaining<'a>(source: &Cursor<&'a [u8]>) -> &'a [u8] {
    let from = usize::try_from(source.position()).unwrap_or(usize::MAX);
    source.get_ref().get(from..).unwrap_or_default()
}

fn skip(source: &mut Cursor<&[u8]>, length: usize) {
    source.set_position(source.position() + length as u64);
}

/// Finds where a frame ends, without building it and without scanning anything twice while it arrives.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    /// Where the next header begins, from the frame's first byte.
    position: usize,
    /// No header that begins at `position` ends before this.
    searched: usize,
    /// How many values each open array, map or the like still lacks, the outermost first.
    open: Vec<u64>,
}

impl Scanner {
    /// Goes on scanning the frame that begins with `bytes`: those of the call before, and more. Returns its length once it is
    /// whole, and is ready for the next one then.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        loop {
            let Some((header, body)) = self.header(bytes)? else { return Ok(None) };
            match header {
                Header::Leaf => self.position = body,
                Header::Bulk(length) => {
                    let end = body + length + 2;
                    if end > bytes.len() {
                        return Ok(None);
                    }
                    expect_line_end(&bytes[body + length..end])?;
                    self.position = end;
                }
                Header::Open(values) => {
                    if self.open.len() >= DEPTH_MAX {
                        return Err(too_deep());
                    }
                    self.position = body;
                    if values > 0 {
                        self.open.push(values);
                        continue;
                    }
                }
            }
            // A value is whole, and perhaps what it lies in.
            while let Some(missing) = self.open.last_mut() {
                *missing -= 1;
                if *missing > 0 {
                    break;
                }
                self.open.pop();
            }
            if self.open.is_empty() {
                let length = self.position;
                *self = Scanner::default();
                return Ok(Some(length));
            }
        }
    }

    fn header(&mut self, bytes: &[u8]) -> Result<Option<(Header, usize)>, Error> {
        let from = self.searched.max(self.position);
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(offset) = memchr(b'\n', rest) else {
            self.searched = from + rest.len();
            return if self.searched - self.position > LINE_BYTES_MAX { Err(too_long()) } else { Ok(None) };
        };
        let end = from + offset;
        // A bulk that has not arrived has its header read again, and no more.
        self.searched = end;
        let line = bytes[self.position..end].strip_suffix(b"\r").ok_or_else(no_line_end)?;
        Ok(Some((Header::read(line)?, end + 1)))
    }
}

/// What a frame's first line announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    /// Nothing more.
    Leaf,
    /// So many bytes and a line end.
    Bulk(usize),
    /// So many values.
    Open(u64),
}

impl Header {
    fn read(line: &[u8]) -> Result<Header, Error> {
        let (kind, rest) = line.split_first().ok_or_else(|| Error::Other("protocol error: empty line".to_owned()))?;
        match kind {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => Ok(Header::Leaf),
            b'$' | b'=' | b'!' => match announced(rest)? {
                Some(length) if length <= BULK_BYTES_MAX => Ok(Header::Bulk(length)),
                Some(_) => Err(Error::Other("protocol error: invalid bulk length".to_owned())),
                None => Ok(Header::Leaf),
            },
            b'*' | b'~' | b'>' => Ok(announced(rest)?.map_or(Header::Leaf, |count| Header::Open(count as u64))),
            b'%' => Ok(announced(rest)?.map_or(Header::Leaf, |count| Header::Open(count as u64 * 2))),
            // The value that the attributes belong to follows them.
            b'|' => Ok(announced(rest)?.map_or(Header::Leaf, |count| Header::Open(count as u64 * 2 + 1))),
            kind => Err(Error::Other(format!("protocol error: invalid frame type byte '{}'", kind.escape_ascii()))),
        }
    }
}

/// A length, `None` for -1. Nothing has more than 2^31 - 1 of anything.
fn announced(text: &[u8]) -> Result<Option<usize>, Error> {
    match parse_integer(text) {
        Some(-1) => Ok(None),
        Some(count @ 0..=0x7fff_ffff) => Ok(usize::try_from(count).ok()),
        _ => Err(Error::Other("protocol error: invalid length".to_owned())),
    }
}

fn read(rest: &mut &[u8], depth: usize) -> Result<Frame, Error> {
    let line = take_line(rest)?;
    let header = Header::read(line)?;
    let (kind, text) = (line[0], &line[1..]);
    let frame = match (kind, header) {
        (b'+', _) => Frame::Simple(utf8(text)?),
        (b'-', _) => Frame::Error(utf8(text)?),
        (b':', _) => Frame::Integer(parse_integer(text.strip_prefix(b"+").unwrap_or(text)).ok_or_else(|| invalid("integer"))?),
        (b',', _) if text.eq_ignore_ascii_case(b"nan") => Frame::Double(f64::NAN),
        (b',', _) => Frame::Double(number::parse_double(text).ok_or_else(|| invalid("double"))?),
        (b'#', _) => Frame::Boolean(match text {
            b"t" => true,
            b"f" => false,
            _ => return Err(invalid("boolean")),
        }),
        (b'(', _) => Frame::BigNumber(utf8(text)?),
        (b'_', _) | (_, Header::Leaf) => Frame::Null,
        (kind, Header::Bulk(length)) => {
            let (bytes, after) = rest.split_at_checked(length).ok_or(Error::Incomplete)?;
            let (line_end, after) = after.split_at_checked(2).ok_or(Error::Incomplete)?;
            expect_line_end(line_end)?;
            *rest = after;
            match (kind, bytes) {
                (b'!', text) => Frame::Error(utf8(text)?),
                (b'=', [a, b, c, b':', text @ ..]) => Frame::Verbatim { kind: utf8(&[*a, *b, *c])?, text: Bytes::copy_from_slice(text) },
                (b'=', _) => return Err(invalid("verbatim text")),
                (_, bytes) => Frame::Bulk(Bytes::copy_from_slice(bytes)),
            }
        }
        (_, Header::Open(_)) if depth >= DEPTH_MAX => return Err(too_deep()),
        (b'%', Header::Open(values)) => Frame::Map(read_pairs(rest, values / 2, depth)?),
        (b'|', Header::Open(values)) => {
            let pairs = read_pairs(rest, values / 2, depth)?;
            Frame::Attributed(pairs, Box::new(read(rest, depth + 1)?))
        }
        (kind, Header::Open(values)) => {
            let frames = read_many(rest, values, depth)?;
            match kind {
                b'~' => Frame::Set(frames),
                b'>' => Frame::Push(frames),
                _ => Frame::Array(frames),
            }
        }
    };
    Ok(frame)
}

/// The vector grows with what has arrived, not with what was announced.
fn read_many(rest: &mut &[u8], count: u64, depth: usize) -> Result<Vec<Frame>, Error> {
    (0..count).map(|_| read(rest, depth + 1)).collect::<Result<Vec<_>, _>>()
}

fn read_pairs(rest: &mut &[u8], count: u64, depth: usize) -> Result<Vec<(Frame, Frame)>, Error> {
    (0..count).map(|_| Ok((read(rest, depth + 1)?, read(rest, depth + 1)?))).collect::<Result<Vec<_>, _>>()
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Error> {
    let end = memchr(b'\n', rest).ok_or(Error::Incomplete)?;
    let line = rest[..end].strip_suffix(b"\r").ok_or_else(no_line_end)?;
    *rest = &rest[end + 1..];
    Ok(line)
}

fn expect_line_end(bytes: &[u8]) -> Result<(), Error> {
    if bytes == b"\r\n" { Ok(()) } else { Err(no_line_end()) }
}

fn utf8(text: &[u8]) -> Result<String, Error> {
    String::from_utf8(text.to_vec()).map_err(|_| invalid("text"))
}

fn invalid(what: &str) -> Error {
    Error::Other(format!("protocol error: invalid {what}"))
}

fn no_line_end() -> Error {
    Error::Other("protocol error: line end expected".to_owned())
}

fn too_long() -> Error {
    Error::Other("protocol error: too long a line".to_owned())
}

fn too_deep() -> Error {
    Error::Other("protocol error: values nest too deep".to_owned())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Incomplete => f.write_str("the frame has not arrived whole"),
            Error::Other(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for Error {}

impl From<&str> for Error {
    fn from(problem: &str) -> Error {
        Error::Other(problem.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Result<Frame, Error> {
        Frame::parse(&mut Cursor::new(bytes))
    }

    fn encoded(frame: &Frame) -> Vec<u8> {
        let mut out = Vec::new();
        frame.encode(&mut out);
        out
    }

    fn bulk(text: &'static str) -> Frame {
        Frame::Bulk(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn frames_are_read_and_written() {
        let cases = [
            ("+OK\r\n", Frame::Simple("OK".to_owned())),
            ("-ERR no\r\n", Frame::Error("ERR no".to_owned())),
            (":-7\r\n", Frame::Integer(-7)),
            ("$5\r\nhe\r\no\r\n", bulk("he\r\no")),
            ("$0\r\n\r\n", bulk("")),
            ("$-1\r\n", Frame::Null),
            ("*0\r\n", Frame::Array(vec![])),
            ("*2\r\n*1\r\n:1\r\n$1\r\nx\r\n", Frame::Array(vec![Frame::Array(vec![Frame::Integer(1)]), bulk("x")])),
            ("%1\r\n+a\r\n~1\r\n#t\r\n", Frame::Map(vec![(Frame::Simple("a".to_owned()), Frame::Set(vec![Frame::Boolean(true)]))])),
            (">1\r\n#f\r\n", Frame::Push(vec![Frame::Boolean(false)])),
            (",1.5\r\n", Frame::Double(1.5)),
            (",-inf\r\n", Frame::Double(f64::NEG_INFINITY)),
            ("(123456789012345678901234567890\r\n", Frame::BigNumber("123456789012345678901234567890".to_owned())),
            ("=7\r\ntxt:abc\r\n", Frame::Verbatim { kind: "txt".to_owned(), text: Bytes::from_static(b"abc") }),
            (
                "|1\r\n+ttl\r\n:9\r\n$1\r\nx\r\n",
                Frame::Attributed(vec![(Frame::Simple("ttl".to_owned()), Frame::Integer(9))], Box::new(bulk("x"))),
            ),
        ];
        for (bytes, frame) in cases {
            assert_eq!(parse(bytes.as_bytes()), Ok(frame.clone()), "{bytes}");
            assert_eq!(String::from_utf8(encoded(&frame)).unwrap(), bytes);
            let mut cursor = Cursor::new(bytes.as_bytes());
            assert_eq!(Frame::check(&mut cursor), Ok(()));
            assert_eq!(cursor.position(), bytes.len() as u64);
            for cut in 0..bytes.len() {
                let head = &bytes.as_bytes()[..cut];
                assert_eq!(Frame::check(&mut Cursor::new(head)), Err(Error::Incomplete), "{}", head.escape_ascii());
                assert_eq!(parse(head), Err(Error::Incomplete), "{}", head.escape_ascii());
            }
        }
        assert_eq!(parse(b"_\r\n"), Ok(Frame::Null));
        assert_eq!(parse(b"*-1\r\n"), Ok(Frame::Null));
        assert_eq!(parse(b"!5\r\nERR x\r\n"), Ok(Frame::Error("ERR x".to_owned())));
        assert_eq!(parse(b":+7\r\n"), Ok(Frame::Integer(7)));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bytes in [
            &b"PING\r\n"[..],
            b"\r\n",
            b"+a\n",
            b"$x\r\n",
            b"$-2\r\n",
            b"$536870913\r\n",
            b"*2147483648\r\n",
            b"$1\r\nabc",
            b":x\r\n",
            b"#x\r\n",
            b",x\r\n",
            b"=1\r\nx\r\n",
            b"+\xff\r\n",
        ] {
            assert!(matches!(parse(bytes), Err(Error::Other(_))), "{}", bytes.escape_ascii());
        }
        assert!(matches!(Frame::check(&mut Cursor::new(&b"+".repeat(70_000)[..])), Err(Error::Other(_))));
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| [&b"*1\r\n".repeat(depth)[..], b":1\r\n"].concat();
        assert!(parse(&nested(DEPTH_MAX)).is_ok());
        assert!(Frame::check(&mut Cursor::new(&nested(DEPTH_MAX)[..])).is_ok());
        for depth in [DEPTH_MAX + 1, 1_000_000] {
            assert_eq!(parse(&nested(depth)), Err(too_deep()));
            assert_eq!(Frame::check(&mut Cursor::new(&nested(depth)[..])), Err(too_deep()));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(parts in prop::collection::vec(prop::sample::select(
            vec!["*", "$", "\r\n", "1", "2", "-1", "0", "%1\r\n", "|1\r\n", "~2\r\n", ":1\r\n", "$1\r\na\r\n", "+a\r\n", "_\r\n", "#t\r\n", ",1\r\n", "=5\r\ntxt:x\r\n"]), 0..30)) {
            let bytes = parts.concat().into_bytes();
            let mut cursor = Cursor::new(&bytes[..]);
            // Whatever checks is found by a scanner that sees one byte more each time, and if it parses, then to the same end.
            let checked = Frame::check(&mut cursor);
            let mut scanner = Scanner::default();
            let scanned = (0..=bytes.len()).map(|end| scanner.advance(&bytes[..end])).find(|result| *result != Ok(None)).unwrap_or(Ok(None));
            match checked {
                Ok(()) => prop_assert_eq!(scanned, Ok(Some(usize::try_from(cursor.position()).unwrap()))),
                Err(Error::Incomplete) => prop_assert_eq!(scanned, Ok(None)),
                Err(_) => prop_assert!(scanned.is_err()),
            }
            let mut reader = Cursor::new(&bytes[..]);
            match Frame::parse(&mut reader) {
                Ok(_) => prop_assert_eq!(cursor.position(), reader.position()),
                Err(Error::Incomplete) => prop_assert!(Frame::check(&mut Cursor::new(&bytes[..])).is_err()),
                Err(_) => {}
            }
        }
    }
}
