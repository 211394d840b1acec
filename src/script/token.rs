//! The words of a Lua text, as far as a proof needs them. The text has been compiled before: whatever looks wrong here only means that nothing is proven.

/// One word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Name(&'a str),
    /// A string whose bytes stand in the text as they are.
    Text(&'a [u8]),
    /// A string with escapes, or of several lines.
    OtherText,
    Number(&'a str),
    /// A keyword or an operator.
    Sign(&'static str),
    End,
}

const KEYWORDS: [&str; 21] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not", "or", "repeat", "return",
    "then", "true", "until", "while",
];

/// Longer ones first.
const SIGNS: [&str; 26] = [
    "...", "..", "==", "~=", "<=", ">=", "+", "-", "*", "/", "%", "^", "#", "<", ">", "=", "(", ")", "{", "}", "[", "]", ";", ":", ",", ".",
];

/// All words of a text; `None` if it is not understood.
pub(super) fn tokens(text: &[u8]) -> Option<Vec<Token<'_>>> {
    let mut all = Vec::new();
    let mut rest = text;
    // A first line that begins with # is passed over by Lua's own reader of files only.
    while let Some((&first, behind)) = rest.split_first() {
        if first.is_ascii_whitespace() || first == 0x0b {
            rest = behind;
        } else if let Some(comment) = rest.strip_prefix(b"--") {
            rest = match long(comment) {
                Some((_, behind)) => behind,
                None => &comment[memchr::memchr(b'\n', comment).unwrap_or(comment.len())..],
            };
        } else if let Some((_, behind)) = long(rest) {
            all.push(Token::OtherText);
            rest = behind;
        } else if first == b'"' || first == b'\'' {
            let (token, behind) = quoted(behind, first)?;
            all.push(token);
            rest = behind;
        } else if first.is_ascii_alphabetic() || first == b'_' {
            let (word, behind) = split(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'_')?;
            all.push(KEYWORDS.iter().find(|keyword| **keyword == word).map_or(Token::Name(word), |keyword| Token::Sign(keyword)));
            rest = behind;
        } else if first.is_ascii_digit() || (first == b'.' && behind.first().is_some_and(u8::is_ascii_digit)) {
            let (number, behind) = number(rest)?;
            all.push(Token::Number(number));
            rest = behind;
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(sign.as_bytes()))?;
            all.push(Token::Sign(sign));
            rest = rest.get(sign.len()..)?;
        }
    }
    all.push(Token::End);
    Some(all)
}

fn split(text: &[u8], belongs: impl Fn(u8) -> bool) -> Option<(&str, &[u8])> {
    let end = text.iter().position(|&byte| !belongs(byte)).unwrap_or(text.len());
    Some((std::str::from_utf8(&text[..end]).ok()?, &text[end..]))
}

/// Digits, letters and points, and a sign behind an exponent, as Lua reads numbers.
fn number(text: &[u8]) -> Option<(&str, &[u8])> {
    let mut end = 0;
    while let Some(&byte) = text.get(end) {
        let exponent = end > 0 && text[end - 1].eq_ignore_ascii_case(&b'e') && !text.starts_with(b"0x") && !text.starts_with(b"0X");
        if !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || (exponent && (byte == b'+' || byte == b'-'))) {
            break;
        }
        end += 1;
    }
    Some((std::str::from_utf8(&text[..end]).ok()?, &text[end..]))
}

fn quoted(text: &[u8], quote: u8) -> Option<(Token<'_>, &[u8])> {
    let (mut at, mut plain) = (0, true);
    loop {
        match *text.get(at)? {
            b'\\' => {
                plain = false;
                at += 2;
            }
            byte if byte == quote => {
                let token = if plain { Token::Text(&text[..at]) } else { Token::OtherText };
                return Some((token, &text[at + 1..]));
            }
            _ => at += 1,
        }
    }
}

/// A string or comment in long brackets: what is inside, and what follows.
fn long(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let behind = text.strip_prefix(b"[")?;
    let level = behind.iter().take_while(|&&byte| byte == b'=').count();
    let inside = behind.get(level..)?.strip_prefix(b"[")?;
    let close = [&b"]"[..], &vec![b'='; level], b"]"].concat();
    let end = memchr::memmem::find(inside, &close)?;
    Some((&inside[..end], &inside[end + close.len()..]))
}
