//! The writer that every command answers with: RESP2 or RESP3, straight into the batch's buffer.

use super::Protocol;
use super::number::{DOUBLE_BYTES_MAX, format_double};

/// Writes replies behind one another into a buffer, in the client's protocol.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

/// A place for the length of an array, map or set that is not known yet: see [`Reply::array_later`].
#[derive(Debug)]
#[must_use = "without Reply::close the reply has no length"]
pub struct Later {
    place: usize,
    kind: u8,
    /// How many values one element is: 2 for a pair of a map that is written as an array.
    values: usize,
    /// How many digits there is room for.
    digits: usize,
}

/// The most bytes that a header takes: a sign that says what follows, 20 digits, a line end.
const HEADER_BYTES_MAX: usize = 23;

/// What [`Reply::foresee`] may set aside: few replies are longer, and a wrong guess is no more than this.
const FORESEEN_BYTES_MAX: usize = 64 << 20;

impl<'a> Reply<'a> {
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Reply<'a> {
        Reply { out, protocol }
    }

    /// The protocol that is written.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Writes another protocol from here on: HELLO answers in the one it chose.
    pub fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Where the next reply will begin: a place to [`rewind`](Reply::rewind) to.
    #[inline]
    pub fn mark(&self) -> usize {
        self.out.len()
    }

    /// Takes back all that was written since `mark`.
    pub fn rewind(&mut self, mark: usize) {
        self.out.truncate(mark);
    }

    /// Makes room for `left` more elements like the `written` ones behind `mark`, so that a long reply is not moved each time it doubles.
    /// Only a guess: it is bounded, and without memory for it the reply grows as it comes.
    pub fn foresee(&mut self, mark: usize, written: usize, left: usize) {
        let mean = (self.out.len() - mark) / written.max(1) + 1;
        let _ = self.out.try_reserve(mean.saturating_mul(left).min(FORESEEN_BYTES_MAX));
    }

    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A status. Line ends become spaces.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error; `text` begins with its code word, as in `ERR no such key`. Line ends become spaces, so that nobody's data can end
    /// the reply early.
    pub fn error(&mut self, text: &str) {
        self.line(b'-', text.as_bytes());
    }

    /// As [`Reply::simple`], of bytes that need not be text.
    pub fn simple_bytes(&mut self, text: &[u8]) {
        self.line(b'+', text);
    }

    /// As [`Reply::error`], of bytes that need not be text.
    pub fn error_bytes(&mut self, text: &[u8]) {
        self.line(b'-', text);
    }

    #[inline]
    pub fn integer(&mut self, value: i64) {
        match value {
            0..=9 => self.out.extend_from_slice(&[b':', b'0' + value as u8, b'\r', b'\n']),
            _ => self.header(b':', value),
        }
    }

    /// Bytes, whatever they are.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        let length = bytes.len();
        self.out.reserve(length + HEADER_BYTES_MAX + 2);
        match length {
            0..=9 => self.out.extend_from_slice(&[b'$', b'0' + length as u8, b'\r', b'\n']),
            10..=99 => {
                let (tens, ones) = (length / 10, length % 10);
                self.out.extend_from_slice(&[b'$', b'0' + tens as u8, b'0' + ones as u8, b'\r', b'\n']);
            }
            _ => self.length(b'$', length),
        }
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer as a bulk string: what GET answers for a counter.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Nothing, where bytes could have been.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// Nothing, where an array could have been.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// Announces `count` values.
    #[inline]
    pub fn array(&mut self, count: usize) {
        self.length(b'*', count);
    }

    /// Announces `pairs` pairs, key before value.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => self.length(b'*', pairs * 2),
            Protocol::Resp3 => self.length(b'%', pairs),
        }
    }

    /// Announces `count` values without an order.
    pub fn set(&mut self, count: usize) {
        self.length(self.of(b'~'), count);
    }

    /// Announces a message of `count` values that answers no request.
    pub fn push(&mut self, count: usize) {
        self.length(self.of(b'>'), count);
    }

    /// Announces `pairs` attributes of the value that follows them. RESP3 only.
    pub fn attributes(&mut self, pairs: usize) {
        debug_assert_eq!(self.protocol, Protocol::Resp3, "RESP2 has no place for attributes");
        self.length(b'|', pairs);
    }

    /// A double, as `%.17g` prints it.
    pub fn double(&mut self, value: f64) {
        let mut scratch = [0; DOUBLE_BYTES_MAX];
        let text = format_double(value, &mut scratch).as_bytes();
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => self.line(b',', text),
        }
    }

    pub fn boolean(&mut self, value: bool) {
        match (self.protocol, value) {
            (Protocol::Resp2, _) => self.integer(i64::from(value)),
            (Protocol::Resp3, true) => self.raw(b"#t\r\n"),
            (Protocol::Resp3, false) => self.raw(b"#f\r\n"),
        }
    }

    /// Text for people, whose `kind` is three letters: `txt` or `mkd`.
    pub fn verbatim(&mut self, kind: &str, text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                debug_assert_eq!(kind.len(), 3, "the protocol gives the kind three bytes");
                self.length(b'=', text.len() + 4);
                self.out.extend_from_slice(kind.as_bytes());
                self.out.push(b':');
                self.out.extend_from_slice(text);
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// An integer of any length, as its digits.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// What is encoded already.
    #[inline]
    pub fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    /// Begins an array whose length shows only when it has been written; [`Reply::close`] must follow. Such arrays may nest, the
    /// inner one closed first.
    pub fn array_later(&mut self) -> Later {
        self.later(b'*', 1)
    }

    /// As [`Reply::array_later`], where the length is likely to have as many digits as this number.
    pub fn array_of_about(&mut self, count: usize) -> Later {
        let place = self.mark();
        self.length(b'*', count);
        Later { place, kind: b'*', values: 1, digits: self.mark() - place - 3 }
    }

    /// As [`Reply::array_later`], for a map: closed with its number of pairs.
    pub fn map_later(&mut self) -> Later {
        match self.protocol {
            Protocol::Resp2 => self.later(b'*', 2),
            Protocol::Resp3 => self.later(b'%', 1),
        }
    }

    /// As [`Reply::array_later`], for a set.
    pub fn set_later(&mut self) -> Later {
        self.later(self.of(b'~'), 1)
    }

    /// Fills in the length of what was begun.
    pub fn close(&mut self, later: Later, count: usize) {
        let count = count * later.values;
        if let (1, Ok(digit @ 0..=9), Some(place)) = (later.digits, u8::try_from(count), self.out.get_mut(later.place + 1)) {
            *place = b'0' + digit;
            return;
        }
        let mut header = Vec::with_capacity(HEADER_BYTES_MAX);
        Reply::new(&mut header, self.protocol).length(later.kind, count);
        let end = later.place + later.digits + 3;
        match self.out.get_mut(later.place..end) {
            Some(place) if place.len() == header.len() => place.copy_from_slice(&header),
            // More digits, or fewer: the elements move. Twice the copying of a long reply, but nothing for a short one.
            _ => {
                self.out.splice(later.place..end, header);
            }
        }
    }

    fn later(&mut self, kind: u8, values: usize) -> Later {
        let place = self.mark();
        self.out.extend_from_slice(&[kind, b'0', b'\r', b'\n']);
        Later { place, kind, values, digits: 1 }
    }

    /// `kind` where the protocol has it, an array where it has not.
    fn of(&self, kind: u8) -> u8 {
        match self.protocol {
            Protocol::Resp2 => b'*',
            Protocol::Resp3 => kind,
        }
    }

    #[inline]
    fn length(&mut self, kind: u8, count: usize) {
        match count {
            0..=9 => self.out.extend_from_slice(&[kind, b'0' + count as u8, b'\r', b'\n']),
            _ => self.header(kind, i64::try_from(count).unwrap_or(i64::MAX)),
        }
    }

    fn header(&mut self, kind: u8, value: i64) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value).as_bytes();
        self.out.reserve(HEADER_BYTES_MAX);
        self.out.push(kind);
        self.out.extend_from_slice(digits);
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(kind);
        let start = self.out.len();
        self.out.extend_from_slice(text);
        for byte in &mut self.out[start..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Reply<'_>)) -> (String, String) {
        let written = |protocol| {
            let mut out = Vec::new();
            write(&mut Reply::new(&mut out, protocol));
            String::from_utf8(out).unwrap()
        };
        (written(Protocol::Resp2), written(Protocol::Resp3))
    }

    fn same(write: impl Fn(&mut Reply<'_>)) -> String {
        let (two, three) = both(write);
        assert_eq!(two, three);
        two
    }

    #[test]
    fn what_both_protocols_have() {
        assert_eq!(same(|reply| reply.ok()), "+OK\r\n");
        assert_eq!(same(|reply| reply.simple("a\r\nb")), "+a  b\r\n");
        assert_eq!(same(|reply| reply.error("ERR x\r\n+INJ")), "-ERR x  +INJ\r\n");
        for value in [0, 1, 9, 10, 99, 100, -1, i64::MAX, i64::MIN] {
            assert_eq!(same(|reply| reply.integer(value)), format!(":{value}\r\n"));
            assert_eq!(same(|reply| reply.bulk_integer(value)), format!("${}\r\n{value}\r\n", value.to_string().len()));
        }
        for length in [0, 1, 9, 10, 11, 99, 100, 999, 1000, 70_000] {
            let text = "x".repeat(length);
            assert_eq!(same(|reply| reply.bulk(text.as_bytes())), format!("${length}\r\n{text}\r\n"));
            assert_eq!(same(|reply| reply.array(length)), format!("*{length}\r\n"));
        }
    }

    #[test]
    fn what_differs() {
        let pair = |two: &str, three: &str| (two.to_owned(), three.to_owned());
        assert_eq!(both(|reply| reply.null()), pair("$-1\r\n", "_\r\n"));
        assert_eq!(both(|reply| reply.null_array()), pair("*-1\r\n", "_\r\n"));
        assert_eq!(both(|reply| reply.map(7)), pair("*14\r\n", "%7\r\n"));
        assert_eq!(both(|reply| reply.set(3)), pair("*3\r\n", "~3\r\n"));
        assert_eq!(both(|reply| reply.push(3)), pair("*3\r\n", ">3\r\n"));
        assert_eq!(both(|reply| reply.double(1.5)), pair("$3\r\n1.5\r\n", ",1.5\r\n"));
        assert_eq!(both(|reply| reply.double(f64::NEG_INFINITY)), pair("$4\r\n-inf\r\n", ",-inf\r\n"));
        assert_eq!(both(|reply| reply.boolean(true)), pair(":1\r\n", "#t\r\n"));
        assert_eq!(both(|reply| reply.boolean(false)), pair(":0\r\n", "#f\r\n"));
        assert_eq!(both(|reply| reply.verbatim("txt", b"abc")), pair("$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n"));
        assert_eq!(both(|reply| reply.big_number("123")), pair("$3\r\n123\r\n", "(123\r\n"));
    }

    #[test]
    fn lengths_are_filled_in_later() {
        for count in [0_usize, 1, 9, 10, 500] {
            let written = both(|reply| {
                reply.ok();
                let outer = reply.array_later();
                let inner = reply.map_later();
                for index in 0..count {
                    reply.integer(1);
                    reply.integer(index as i64);
                }
                reply.close(inner, count);
                let empty = reply.set_later();
                reply.close(empty, 0);
                reply.close(outer, 12);
            });
            let body: String = (0..count).map(|index| format!(":1\r\n:{index}\r\n")).collect();
            assert_eq!(written.0, format!("+OK\r\n*12\r\n*{}\r\n{body}*0\r\n", count * 2));
            assert_eq!(written.1, format!("+OK\r\n*12\r\n%{count}\r\n{body}~0\r\n"));
        }
    }

    #[test]
    fn lengths_may_be_guessed() {
        for (guess, count) in [(0, 0), (7, 5), (9, 10), (10, 9), (123, 456), (1000, 999), (999, 1_000_000), (1_000_000, 0)] {
            let written = same(|reply| {
                reply.ok();
                let array = reply.array_of_about(guess);
                reply.bulk(b"x");
                reply.foresee(1, 1, usize::MAX);
                reply.close(array, count);
                reply.ok();
            });
            assert_eq!(written, format!("+OK\r\n*{count}\r\n$1\r\nx\r\n+OK\r\n"));
        }
    }

    #[test]
    fn a_reply_can_be_taken_back() {
        let written = same(|reply| {
            reply.ok();
            let mark = reply.mark();
            reply.bulk(b"half");
            reply.rewind(mark);
            reply.null_array();
            reply.rewind(mark);
            reply.error("ERR no");
        });
        assert_eq!(written, "+OK\r\n-ERR no\r\n");
    }
}
