//! The decoder: one pass over the read buffer that finds the words of a request, and every limit it has to keep.

use memchr::memchr;

use super::error::Violation;
use super::number::parse_integer;
use super::request::{Span, split_line};
use super::{LINE_BYTES_MAX, Limits, UNAUTHENTICATED_BULK_BYTES_MAX, UNAUTHENTICATED_WORDS_MAX};

/// Finds requests in a connection's read buffer, one per call of [`Decoder::next`].
///
/// A request that lies in the buffer whole, as nearly all do, is read by one straight loop that keeps nothing here. Only an
/// incomplete one leaves its progress behind, as distances from its first byte: the caller may move it to the front of a buffer.
/// No byte is looked at twice, and nothing is allocated for what is announced, only for what has come.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Where the next part (header or word) begins. 0: the first header is not read yet.
    position: usize,
    /// No line end lies between `position` and here, if that is further.
    searched: usize,
    /// Words still to come, the one of `bulk` included.
    missing: usize,
    /// The announced length of the word that begins at `position`, once its header is read.
    bulk: Option<usize>,
    /// The words that have come, `start` counted from the request's first byte.
    arrived: Vec<Span>,
    /// What the word of `bulk` and its line end still lack.
    wanted: usize,
}

impl Decoder {
    /// A decoder between two requests. It owns no memory.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// How many bytes the current request is known to lack, 0 if that is not known. What was announced need never come: let a
    /// buffer grow by no more than has already arrived.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// Decodes the request that begins at `buffer[at]`.
    ///
    /// Whole: pushes its words onto `words`, as spans of `buffer`, and returns where it ends. A request without words (an empty
    /// line, `*0`) pushes nothing. Incomplete: `None`; call again with the same bytes and more behind them, at any `at`.
    /// `buffer` is changed only where the words of a line are unescaped.
    pub fn next(&mut self, buffer: &mut [u8], at: usize, limits: &Limits, words: &mut Vec<Span>) -> Result<Option<usize>, Violation> {
        // Spans have 32 bits; a query buffer is limited to 1 GiB long before.
        if u32::try_from(buffer.len()).is_err() {
            return Err(Violation::BulkLength);
        }
        let begin = words.len();
        let decoded = match buffer.get(at) {
            None => return Ok(None),
            Some(b'*') if self.searched == 0 => self.array_at_once(buffer, at, limits, words),
            Some(b'*') => self.array(buffer, at, limits, words),
            Some(_) => self.inline(buffer, at, words),
        };
        match decoded {
            Ok(None) => Ok(None),
            Ok(Some(end)) => match words.get(begin) {
                Some(name) if is_smuggled(name.of(buffer)) => Err(Violation::Smuggled),
                _ => Ok(Some(end)),
            },
            Err(violation) => {
                words.truncate(begin);
                self.reset();
                Err(violation)
            }
        }
    }

    /// The fast path: an array whose headers are short and whose words are all there. At the first thing that is otherwise, hands
    /// what it has to the careful reader.
    #[inline]
    fn array_at_once(&mut self, buffer: &[u8], at: usize, limits: &Limits, words: &mut Vec<Span>) -> Result<Option<usize>, Violation> {
        let (words_max, bulk_bytes_max) = if limits.authenticated {
            (limits.words_max, limits.bulk_bytes_max)
        } else {
            (limits.words_max.min(UNAUTHENTICATED_WORDS_MAX), limits.bulk_bytes_max.min(UNAUTHENTICATED_BULK_BYTES_MAX))
        };
        let begin = words.len();
        let Some((count, mut position)) = short_header(buffer, at, b'*') else {
            return self.array(buffer, at, limits, words);
        };
        if count > words_max {
            return self.array(buffer, at, limits, words);
        }
        let mut missing = count;
        while missing > 0 {
            let Some((length, start)) = short_header(buffer, position, b'$') else { break };
            // Below 4 GiB + 10^9, so neither sum can overflow.
            let end = start + length + 2;
            if length > bulk_bytes_max || end > buffer.len() {
                break;
            }
            words.push(Span::new(start, length));
            position = end;
            missing -= 1;
        }
        if missing == 0 {
            return Ok(Some(position));
        }
        self.arrived.extend(words.drain(begin..).map(|span| Span::new(span.start as usize - at, span.len as usize)));
        self.position = position - at;
        self.searched = self.position;
        self.missing = missing;
        self.array(buffer, at, limits, words)
    }

    /// The careful reader: takes up an array wherever it was left, and says what is wrong with it.
    #[cold]
    fn array(&mut self, buffer: &[u8], at: usize, limits: &Limits, words: &mut Vec<Span>) -> Result<Option<usize>, Violation> {
        if self.position == 0 {
            let Some(end) = self.line_end(buffer, at, Violation::MultibulkCountTooBig)? else { return Ok(None) };
            // Redis's order of complaints: what never was a length, what a stranger may not ask, and then our own limit.
            let count = parse_integer(&buffer[at + 1..end]).filter(|count| *count <= i64::from(i32::MAX));
            let count = count.ok_or(Violation::MultibulkLength)?;
            let count = usize::try_from(count).unwrap_or(0);
            if count > UNAUTHENTICATED_WORDS_MAX && !limits.authenticated {
                return Err(Violation::UnauthenticatedMultibulkLength);
            }
            if count > limits.words_max {
                return Err(Violation::MultibulkLength);
            }
            if count == 0 {
                self.reset();
                return Ok(Some(end + 2));
            }
            self.missing = count;
            self.position = end + 2 - at;
            self.searched = self.position;
        }
        while self.missing > 0 {
            let length = match self.bulk {
                Some(length) => length,
                None => {
                    let Some(length) = self.bulk_header(buffer, at, limits)? else { return Ok(None) };
                    length
                }
            };
            // Neither CR nor LF is looked at: Redis skips two bytes, whatever they are.
            let arrived = buffer.len().saturating_sub(at + self.position);
            if arrived < length + 2 {
                self.wanted = length + 2 - arrived;
                return Ok(None);
            }
            self.arrived.push(Span::new(self.position, length));
            self.position += length + 2;
            self.searched = self.position;
            self.bulk = None;
            self.missing -= 1;
        }
        let end = at + self.position;
        words.extend(self.arrived.drain(..).map(|span| Span::new(at + span.start as usize, span.len as usize)));
        self.reset();
        Ok(Some(end))
    }

    /// The length of the next word, once its whole header is there.
    fn bulk_header(&mut self, buffer: &[u8], at: usize, limits: &Limits) -> Result<Option<usize>, Violation> {
        self.wanted = 0;
        let Some(end) = self.line_end(buffer, at, Violation::BulkCountTooBig)? else { return Ok(None) };
        let start = at + self.position;
        if buffer[start] != b'$' {
            return Err(Violation::Expected(buffer[start]));
        }
        let length = parse_integer(&buffer[start + 1..end]).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length <= limits.bulk_bytes_max).ok_or(Violation::BulkLength)?;
        if length > UNAUTHENTICATED_BULK_BYTES_MAX && !limits.authenticated {
            return Err(Violation::UnauthenticatedBulkLength);
        }
        self.bulk = Some(length);
        self.position = end + 2 - at;
        self.searched = self.position;
        Ok(Some(length))
    }

    /// Where the CR of the current header lies, once the byte after it has come too.
    fn line_end(&mut self, buffer: &[u8], at: usize, too_big: Violation) -> Result<Option<usize>, Violation> {
        let Some(end) = self.find(b'\r', buffer, at, too_big)? else { return Ok(None) };
        if end + 1 < buffer.len() {
            return Ok(Some(end));
        }
        self.searched = end - at;
        Ok(None)
    }

    /// Looks for `byte` in the current line, beginning where the last search ended.
    fn find(&mut self, byte: u8, buffer: &[u8], at: usize, too_big: Violation) -> Result<Option<usize>, Violation> {
        let longest = at + self.position + LINE_BYTES_MAX + 1;
        let from = at + self.searched.max(self.position);
        let seen = buffer.get(from..buffer.len().min(longest)).unwrap_or_default();
        match memchr(byte, seen) {
            Some(offset) => Ok(Some(from + offset)),
            None if buffer.len() >= longest => Err(too_big),
            None => {
                self.searched = buffer.len().saturating_sub(at);
                Ok(None)
            }
        }
    }

    /// A request that comes as one line of words.
    fn inline(&mut self, buffer: &mut [u8], at: usize, words: &mut Vec<Span>) -> Result<Option<usize>, Violation> {
        let Some(end) = self.find(b'\n', buffer, at, Violation::InlineTooBig)? else { return Ok(None) };
        let line_end = if end > at && buffer[end - 1] == b'\r' { end - 1 } else { end };
        split_line(buffer, at, line_end, words)?;
        self.reset();
        Ok(Some(end + 1))
    }

    /// Between two requests again: an idle connection keeps nothing.
    fn reset(&mut self) {
        *self = Decoder::default();
    }
}

/// The number of the header at `at`, if that begins with `mark`, has up to nine digits, is written as Redis writes one, and its line end has
/// arrived; and where the next part begins. Nearly every header has one digit or two.
#[inline(always)]
fn short_header(buffer: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    match buffer.get(at..)? {
        [first, digit @ b'0'..=b'9', b'\r', _, ..] if *first == mark => Some((usize::from(digit - b'0'), at + 4)),
        [first, ten @ b'1'..=b'9', one @ b'0'..=b'9', b'\r', _, ..] if *first == mark => {
            Some((usize::from(ten - b'0') * 10 + usize::from(one - b'0'), at + 5))
        }
        [first, rest @ ..] if *first == mark => longer_number(rest).map(|(number, bytes)| (number, at + 1 + bytes)),
        _ => None,
    }
}

/// The same for a header of more digits, without its mark: the number, and how many bytes it and its line end take.
fn longer_number(rest: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (index, byte) in rest.iter().take(10).enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + usize::from(byte - b'0'),
            b'\r' if index > 1 && rest[0] != b'0' && index + 1 < rest.len() => return Some((value, index + 2)),
            _ => return None,
        }
    }
    None
}

/// Whether a request's first word tells that it is HTTP.
#[inline]
fn is_smuggled(name: &[u8]) -> bool {
    match name {
        [b'p' | b'P', _, _, _] => name.eq_ignore_ascii_case(b"post"),
        [b'h' | b'H', _, _, _, b':'] => name.eq_ignore_ascii_case(b"host:"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::WORDS_MAX;
    use super::*;
    use proptest::prelude::*;

    type Request = Vec<Vec<u8>>;

    const STRANGER: Limits = Limits { bulk_bytes_max: 512 << 20, words_max: WORDS_MAX, authenticated: false };

    /// What a connection reads that receives `parts` one after another, moving its buffer's rest to the front every time.
    fn read(parts: &[&[u8]], limits: &Limits) -> (Vec<Request>, Option<Violation>, usize) {
        let (mut decoder, mut buffer, mut requests) = (Decoder::new(), Vec::new(), Vec::new());
        for part in parts {
            buffer.extend_from_slice(part);
            let mut at = 0;
            loop {
                let mut words = Vec::new();
                match decoder.next(&mut buffer, at, limits, &mut words) {
                    Ok(Some(end)) => at = end,
                    Ok(None) => {
                        assert!(words.is_empty());
                        break;
                    }
                    Err(violation) => return (requests, Some(violation), 0),
                }
                if !words.is_empty() {
                    requests.push(words.iter().map(|span| span.of(&buffer).to_vec()).collect());
                }
            }
            buffer.drain(..at);
        }
        (requests, None, decoder.wanted())
    }

    fn refused(input: &[u8], limits: &Limits) -> Option<String> {
        read(&[input], limits).1.map(|violation| violation.to_string())
    }

    fn encode(request: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", request.len()).into_bytes();
        for word in request {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    /// Read off Redis 7.0.15, as all texts here.
    #[test]
    fn violations_have_the_texts_of_redis() {
        let long = |head: &str, count: usize| [head.as_bytes(), &b"1".repeat(count)].concat();
        let cases: &[(&[u8], &str)] = &[
            (b"*2147483648\r\n", "invalid multibulk length"),
            (b"*1048577\r\n", "invalid multibulk length"),
            (b"*01\r\n", "invalid multibulk length"),
            (b"*+1\r\n", "invalid multibulk length"),
            (b"*-0\r\n", "invalid multibulk length"),
            (b"*\r\n", "invalid multibulk length"),
            (b"*-\r\n", "invalid multibulk length"),
            (b"*1x\r\n", "invalid multibulk length"),
            (b"*1\n\r\n", "invalid multibulk length"),
            (b"*1\r\n$536870913\r\n", "invalid bulk length"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$04\r\n", "invalid bulk length"),
            (b"*1\r\n$\r\n", "invalid bulk length"),
            (b"*1\r\n$9223372036854775808\r\n", "invalid bulk length"),
            (b"*1\r\n:1\r\n", "expected '$', got ':'"),
            (b"*1\r\n\r\n", "expected '$', got ' '"),
            (b"*1\r\n\n\r\n", "expected '$', got ' '"),
            (b"*2\r\n$1\r\na\r\nxy\r\n", "expected '$', got 'x'"),
            (b"SET a \"b\r\n", "unbalanced quotes in request"),
            (&long("", 65_537), "too big inline request"),
            (&long("*", 65_536), "too big mbulk count string"),
            (&long("*1\r\n$", 65_536), "too big bulk count string"),
            (&[b"\0", &b"A".repeat(65_536)[..]].concat(), "too big inline request"),
            (&[b"*\0", &b"A".repeat(65_536)[..]].concat(), "too big mbulk count string"),
        ];
        for (input, text) in cases {
            let expected = format!("Protocol error: {text}");
            assert_eq!(refused(input, &Limits::default()), Some(expected.clone()), "{}", input[..input.len().min(40)].escape_ascii());
            let one_by_one: Vec<&[u8]> = input.chunks(1).collect();
            assert_eq!(read(&one_by_one, &Limits::default()).1.map(|violation| violation.to_string()), Some(expected));
        }
        for input in
            [long("", 65_536), long("*", 65_535), long("*1\r\n$", 65_535), b"*1048576\r\n".to_vec(), b"*1\r\n$536870912\r\n".to_vec()]
        {
            assert_eq!(refused(&input, &Limits::default()), None);
        }
    }

    #[test]
    fn strangers_may_announce_little() {
        for (input, text) in [
            (&b"*11\r\n"[..], "unauthenticated multibulk length"),
            (b"*1048577\r\n", "unauthenticated multibulk length"),
            (b"*2147483648\r\n", "invalid multibulk length"),
            (b"*1\r\n$16385\r\n", "unauthenticated bulk length"),
            (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        ] {
            assert_eq!(refused(input, &STRANGER), Some(format!("Protocol error: {text}")));
        }
        assert_eq!(refused(b"*10\r\n", &STRANGER), None);
        assert_eq!(refused(b"*1\r\n$16384\r\n", &STRANGER), None);
        assert_eq!(refused(&encode(&vec![b"x".to_vec(); 11]), &STRANGER).unwrap(), "Protocol error: unauthenticated multibulk length");
        assert_eq!(refused(&encode(&[vec![0; 16_385]]), &STRANGER).unwrap(), "Protocol error: unauthenticated bulk length");
    }

    #[test]
    fn browsers_are_recognized() {
        for input in
            [&b"POST / HTTP/1.1\r\n"[..], b"PING\r\npOsT\r\n", b"host: x\r\n", b"*1\r\n$5\r\nHOST:\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n"]
        {
            let (_, violation, _) = read(&[input], &Limits::default());
            assert_eq!(violation, Some(Violation::Smuggled));
        }
        assert_eq!(refused(b"SET post host:\r\n*2\r\n$3\r\nGET\r\n$4\r\npost\r\n", &Limits::default()), None);
    }

    #[test]
    fn what_has_no_words_is_skipped() {
        let (requests, violation, _) = read(&[b"*0\r\n*-1\r\n\r\n\n   \r\n*-5\r\nPING\r\nPING\n"], &Limits::default());
        assert_eq!((requests, violation), (vec![vec![b"PING".to_vec()]; 2], None));
    }

    #[test]
    fn two_bytes_after_a_word_are_skipped_unread() {
        let (requests, violation, _) = read(&[b"*1\r\n$4\r\nPINGXX*1\rX$4\rXPING\r\n"], &Limits::default());
        assert_eq!((requests, violation), (vec![vec![b"PING".to_vec()]; 2], None));
    }

    #[test]
    fn what_a_word_lacks_is_told() {
        assert_eq!(read(&[b"*2\r\n$3\r\nGET\r\n$10\r\nabc"], &Limits::default()).2, 9);
        assert_eq!(read(&[b"*2\r\n$3\r\nGET\r\n$10\r\nabc", b"defghij\r"], &Limits::default()).2, 1);
        assert_eq!(read(&[b"*2\r\n$3\r\nGET\r\n$10"], &Limits::default()).2, 0);
        assert_eq!(read(&[b"*2\r\n$1\r\nx", b"\r\n$1"], &Limits::default()).2, 0);
    }

    #[test]
    fn nothing_is_allocated_for_what_is_announced() {
        let (mut decoder, mut words) = (Decoder::new(), Vec::new());
        let mut buffer = b"*1048576\r\n$536870912\r\n".to_vec();
        assert_eq!(decoder.next(&mut buffer, 0, &Limits::default(), &mut words), Ok(None));
        assert_eq!((decoder.arrived.capacity(), words.capacity()), (0, 0));
        assert_eq!(decoder.wanted(), (512 << 20) + 2);
    }

    #[test]
    fn requests_split_anywhere_read_the_same() {
        let large = vec![b'v'; 1000];
        let corpus: Vec<Vec<u8>> = vec![
            encode(&[b"SET".to_vec(), b"key".to_vec(), b"value".to_vec()]),
            encode(&[b"SET".to_vec(), vec![], large]),
            encode(&vec![b"\r\n$1\r\n".to_vec(); 12]),
            b"SET \"a b\\x41\" 'c\\'d' e\r\n".to_vec(),
            b"PING\nECHO a\r\n\r\n*0\r\n*1\r\n$4\r\nPINGXXGET  x \r\n".to_vec(),
            b"*2\r\n$4\r\nLLEN\r\n$6\r\nmylist\r\n*-1\r\n*1\r\n$0\r\n\r\n".to_vec(),
            b"PING\r\n*1\r\n$x\r\n".to_vec(),
            b"PING\r\n\"x\"y\r\n".to_vec(),
            b"*1\r\n$4\r\nPOST\r\n".to_vec(),
            encode(&vec![b"PING".to_vec(); 10]),
        ];
        for bytes in &corpus {
            let whole = read(&[bytes], &Limits::default());
            let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read(&one_by_one, &Limits::default()), whole);
            for first in 0..bytes.len() {
                let (head, tail) = bytes.split_at(first);
                assert_eq!(read(&[head, tail], &Limits::default()), whole, "{} | {}", head.escape_ascii(), tail.escape_ascii());
                for second in (0..tail.len()).step_by(7) {
                    let (middle, end) = tail.split_at(second);
                    assert_eq!(read(&[head, middle, end], &Limits::default()), whole);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn encoded_words_are_decoded(requests in prop::collection::vec(prop::collection::vec(any::<Vec<u8>>(), 1..20), 1..5), cut: prop::sample::Index) {
            let bytes = requests.iter().map(|request| encode(request)).collect::<Vec<_>>().concat();
            let (head, tail) = bytes.split_at(cut.index(bytes.len()));
            let (decoded, violation, _) = read(&[head, tail], &Limits::default());
            prop_assert_eq!(violation, None);
            prop_assert_eq!(decoded, requests);
        }

        #[test]
        fn any_bytes_do_no_harm(bytes: Vec<u8>, cut: prop::sample::Index) {
            let cut = if bytes.is_empty() { 0 } else { cut.index(bytes.len()) };
            let (head, tail) = bytes.split_at(cut);
            prop_assert_eq!(read(&[head, tail], &STRANGER), read(&[&bytes], &STRANGER));
        }

        #[test]
        fn bytes_that_look_like_requests_do_no_harm(parts in prop::collection::vec(prop::sample::select(
            vec!["*", "$", "\r\n", "1", "2", "3", "0", "-", "a", "\"", "'", "\\", "\n", "\r", " ", "POST", "12345678901", "*1\r\n", "$3\r\nabc\r\n"]), 0..40), cut: prop::sample::Index) {
            let bytes = parts.concat().into_bytes();
            let cut = if bytes.is_empty() { 0 } else { cut.index(bytes.len()) };
            let (head, tail) = bytes.split_at(cut);
            prop_assert_eq!(read(&[head, tail], &STRANGER), read(&[&bytes], &STRANGER));
        }
    }
}
