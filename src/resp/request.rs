//! The words of one request as ranges of a buffer, and the reading of a request that comes as one line.

use super::error::Violation;

/// A range of the read buffer: one word.
///
/// Half the size of a `Range<usize>`: a batch carries one per word. No buffer reaches 4 GiB (`Decoder` sees to it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    /// A span from positions that are known to lie below 4 GiB.
    #[inline]
    pub(super) fn new(start: usize, len: usize) -> Span {
        debug_assert!(u32::try_from(start + len).is_ok(), "a buffer of 4 GiB has been refused before");
        Span { start: start as u32, len: len as u32 }
    }

    /// The bytes of `buffer` that this span names.
    #[inline]
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        let start = self.start as usize;
        &buffer[start..start + self.len as usize]
    }
}

/// Splits the line that lies in `buffer[from..to]` into words as Redis does, and unescapes them where they lie (a word never grows
/// by that). Words end at blanks; `"..."` knows `\n \r \t \b \a \xHH` and a backslash before anything else, `'...'` only `\'`; a
/// closing quote must end its word.
pub(super) fn split_line(buffer: &mut [u8], from: usize, to: usize, words: &mut Vec<Span>) -> Result<(), Violation> {
    let line = &mut buffer[from..to];
    let mut read = 0;
    loop {
        while line.get(read).is_some_and(|byte| is_blank(*byte)) {
            read += 1;
        }
        if read == line.len() {
            return Ok(());
        }
        let start = read;
        let mut write = start;
        loop {
            match line.get(read).copied() {
                // Vertical tab and form feed separate words, but do not end one: so does Redis.
                None | Some(b' ' | b'\t' | b'\r' | b'\n') => break,
                Some(quote @ (b'"' | b'\'')) => {
                    read = unquote(line, read + 1, &mut write, quote)?;
                    break;
                }
                Some(byte) => {
                    line[write] = byte;
                    write += 1;
                    read += 1;
                }
            }
        }
        words.push(Span::new(from + start, write - start));
    }
}

/// Unescapes what stands in quotes from `read` on, and returns the place after the closing one.
fn unquote(line: &mut [u8], mut read: usize, write: &mut usize, quote: u8) -> Result<usize, Violation> {
    loop {
        let byte = *line.get(read).ok_or(Violation::UnbalancedQuotes)?;
        let rest = &line[read + 1..];
        let (byte, taken) = match (byte, rest) {
            (byte, [] | [b'\t'..=b'\r' | b' ', ..]) if byte == quote => return Ok(read + 1),
            (byte, _) if byte == quote => return Err(Violation::UnbalancedQuotes),
            (b'\\', [b'\'', ..]) if quote == b'\'' => (b'\'', 2),
            (b'\\', [b'x', high, low, ..]) if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                ((hex_digit(*high) << 4) | hex_digit(*low), 4)
            }
            (b'\\', [escaped, ..]) if quote == b'"' => (unescape(*escaped), 2),
            (byte, _) => (byte, 1),
        };
        line[*write] = byte;
        *write += 1;
        read += taken;
    }
}

/// C's `isspace`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The value of one of `0-9a-fA-F`.
pub(super) fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Violation> {
        let mut buffer = [b"..", line, b".."].concat();
        let mut spans = Vec::new();
        let end = buffer.len() - 2;
        split_line(&mut buffer, 2, end, &mut spans)?;
        Ok(spans.iter().map(|span| span.of(&buffer).to_vec()).collect())
    }

    #[test]
    fn lines_split_as_redis_splits_them() {
        let cases: &[(&[u8], &[&[u8]])] = &[
            (b"", &[]),
            (b" \t\x0b\x0c ", &[]),
            (b"PING", &[b"PING"]),
            (b"  SET  a\tb ", &[b"SET", b"a", b"b"]),
            (b"a\rb", &[b"a", b"b"]),
            (b"\x0babc\x0bd", &[b"abc\x0bd"]),
            (br#"ECHO "a\x41\n\q""#, &[b"ECHO", b"aA\nq"]),
            (br#"ECHO "\x4""#, &[b"ECHO", b"x4"]),
            (br#"ECHO "\xzz\r\t\b\a\\\"""#, &[b"ECHO", b"xzz\r\t\x08\x07\\\""]),
            (br"ECHO 'it\'s \n'", &[b"ECHO", br"it's \n"]),
            (br#"a"b c" d"#, &[b"ab c", b"d"]),
            (br#""" '' x"#, &[b"", b"", b"x"]),
            (b"\"a\"\x0b", &[b"a"]),
            (b"a\0b c", &[b"a\0b", b"c"]),
            (br"back\slash", &[br"back\slash"]),
        ];
        for (line, words) in cases {
            assert_eq!(split(line).unwrap(), *words, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn quotes_must_balance_and_end_their_word() {
        for line in
            [&b"SET a \"b"[..], b"PING 'a", b"PING \"a\"b", b"a\"b\"c", b"\"a\\", b"\"a\"\"b\"", b"'a'\"b\"", b"\"a\" \"b", b"\"", b"'\\'"]
        {
            assert_eq!(split(line), Err(Violation::UnbalancedQuotes), "{}", line.escape_ascii());
        }
    }
}
