//! A reply as a tree, and as the text that transcripts write: read off the wire, read from a line, printed, compared.
//!
//! | written | on the wire |
//! |---|---|
//! | `+OK`, `-ERR no such key` | simple string, error; quoted (`+"a, b"`) where the bare text would be ambiguous |
//! | `:1`, `"text\r\n\x00"` | integer, bulk string |
//! | `(nil)`, `(nil array)` | `$-1` or `_`, and `*-1` |
//! | `["a", :1, [(nil)]]`, `{"k": :1}`, `~["a"]`, `>["message"]` | array, map, set, push |
//! | `,1.5`, `#t`, `=txt:"text"`, `(123` | double, boolean, verbatim string, big number |
//!
//! In an expectation `*` stands for any one value and `:5..10` for an integer between two.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    Nil,
    NilArray,
    Array(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
    Set(Vec<Reply>),
    Push(Vec<Reply>),
    /// Its text: how a double is printed is part of what is promised.
    Double(Vec<u8>),
    Boolean(bool),
    Verbatim(Vec<u8>, Vec<u8>),
    BigNumber(Vec<u8>),
    /// Expected only: any value.
    Any,
    /// Expected only: an integer from the first to the second.
    Between(i64, i64),
}

/// Where the first whole reply in `bytes` ends.
pub fn end(bytes: &[u8]) -> Option<usize> {
    Reply::decode(bytes).map(|(_, length)| length)
}

impl Reply {
    /// The first reply in `bytes` and its length; None while it is incomplete. What is not RESP panics: no test expects it.
    pub fn decode(bytes: &[u8]) -> Option<(Reply, usize)> {
        let mut at = 0;
        let reply = Reply::decode_at(bytes, &mut at)?;
        Some((reply, at))
    }

    fn decode_at(bytes: &[u8], at: &mut usize) -> Option<Reply> {
        let start = *at;
        let rest = bytes.get(start..)?;
        let length = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = rest[1.min(length)..length].to_vec();
        *at = start + length + 2;
        let number = || {
            let text = String::from_utf8_lossy(&line).into_owned();
            text.parse::<i64>().unwrap_or_else(|_| panic!("not a number where one is due: {:?}", String::from_utf8_lossy(rest)))
        };
        let items = |at: &mut usize, count: i64| (0..count).map(|_| Reply::decode_at(bytes, at)).collect::<Option<Vec<Reply>>>();
        let reply = match rest[0] {
            b'+' => Reply::Simple(line),
            b'-' => Reply::Error(line),
            b':' => Reply::Integer(number()),
            b'_' => Reply::Nil,
            b',' => Reply::Double(line),
            b'#' => Reply::Boolean(line == b"t"),
            b'(' => Reply::BigNumber(line),
            b'$' | b'=' if number() < 0 => Reply::Nil,
            kind @ (b'$' | b'=') => {
                let length = number() as usize;
                let text = bytes.get(*at..*at + length)?.to_vec();
                let tail = bytes.get(*at + length..*at + length + 2)?;
                assert_eq!(tail, b"\r\n", "a bulk string ends with CR LF");
                *at += length + 2;
                if kind == b'$' { Reply::Bulk(text) } else { Reply::Verbatim(text[..3].to_vec(), text[4..].to_vec()) }
            }
            b'*' if number() < 0 => Reply::NilArray,
            b'*' => Reply::Array(items(at, number())?),
            b'~' => Reply::Set(items(at, number())?),
            b'>' => Reply::Push(items(at, number())?),
            b'%' => {
                let flat = items(at, number() * 2)?;
                Reply::Map(flat.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
            }
            other => panic!("no reply begins with {:?}: {:?}", other as char, String::from_utf8_lossy(rest)),
        };
        Some(reply)
    }

    /// Reads what `Display` writes, and the two wildcards. `Ok(None)` when brackets are still open.
    pub fn read(text: &str) -> Result<Option<Reply>, String> {
        // At the outermost level these go to the end of the line, whatever they hold.
        for (mark, of) in [("+", Reply::Simple as fn(Vec<u8>) -> Reply), ("-", Reply::Error)] {
            if let Some(rest) = text.strip_prefix(mark).filter(|rest| !rest.starts_with('"')) {
                return Ok(Some(of(rest.as_bytes().to_vec())));
            }
        }
        let mut reader = Reader { text: text.as_bytes(), at: 0 };
        match reader.value() {
            Ok(reply) => {
                reader.spaces();
                if reader.at < text.len() { Err(format!("more text after the value: {:?}", &text[reader.at..])) } else { Ok(Some(reply)) }
            }
            Err(Unread::Open) => Ok(None),
            Err(Unread::Wrong(why)) => Err(why),
        }
    }

    /// Does this, as an expectation, accept `actual`?
    pub fn accepts(&self, actual: &Reply) -> bool {
        let all = |expected: &[Reply], actual: &[Reply]| {
            expected.len() == actual.len() && expected.iter().zip(actual).all(|(expected, actual)| expected.accepts(actual))
        };
        match (self, actual) {
            (Reply::Any, _) => true,
            (Reply::Between(low, high), Reply::Integer(value)) => (low..=high).contains(&value),
            (Reply::Array(expected), Reply::Array(actual))
            | (Reply::Set(expected), Reply::Set(actual))
            | (Reply::Push(expected), Reply::Push(actual)) => all(expected, actual),
            (Reply::Map(expected), Reply::Map(actual)) => {
                expected.len() == actual.len() && expected.iter().zip(actual).all(|(e, a)| e.0.accepts(&a.0) && e.1.accepts(&a.1))
            }
            (expected, actual) => expected == actual,
        }
    }

    /// As `accepts`, but the elements of the outermost collection may come in any order, `group` of them at a time.
    pub fn accepts_in_any_order(&self, actual: &Reply, group: usize) -> bool {
        let (Some(mut expected), Some(mut actual)) = (self.groups(group), actual.groups(group).filter(|_| self.is_kin_of(actual))) else {
            return false;
        };
        // Taking the first that fits is enough as long as wildcards choose last.
        expected.sort_by_key(|group| group.iter().any(Reply::has_wildcard));
        expected.len() == actual.len()
            && expected.iter().all(|wanted| {
                let fits = |got: &Vec<Reply>| wanted.len() == got.len() && wanted.iter().zip(got).all(|(e, a)| e.accepts(a));
                actual.iter().position(fits).map(|at| actual.swap_remove(at)).is_some()
            })
    }

    fn is_kin_of(&self, other: &Reply) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    fn groups(&self, group: usize) -> Option<Vec<Vec<Reply>>> {
        match self {
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => Some(items.chunks(group).map(<[Reply]>::to_vec).collect()),
            Reply::Map(pairs) => Some(pairs.iter().map(|(key, value)| vec![key.clone(), value.clone()]).collect()),
            _ => None,
        }
    }

    fn has_wildcard(&self) -> bool {
        match self {
            Reply::Any | Reply::Between(..) => true,
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => items.iter().any(Reply::has_wildcard),
            Reply::Map(pairs) => pairs.iter().any(|(key, value)| key.has_wildcard() || value.has_wildcard()),
            _ => false,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, nested: bool) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, mark: char, text: &[u8]| {
            let plain = text.iter().all(|byte| (b' '..=b'~').contains(byte)) && !text.starts_with(b"\"") && !text.ends_with(b" ");
            let plain = plain && !(nested && text.iter().any(|byte| b",:[]{}".contains(byte)));
            if plain { write!(f, "{mark}{}", String::from_utf8_lossy(text)) } else { write!(f, "{mark}{}", quote(text)) }
        };
        let items = |f: &mut fmt::Formatter<'_>, open: &str, items: &[Reply]| {
            f.write_str(open)?;
            for (i, item) in items.iter().enumerate() {
                f.write_str(if i > 0 { ", " } else { "" })?;
                item.write(f, true)?;
            }
            f.write_str("]")
        };
        match self {
            Reply::Simple(text) => line(f, '+', text),
            Reply::Error(text) => line(f, '-', text),
            Reply::Integer(value) => write!(f, ":{value}"),
            Reply::Bulk(text) => f.write_str(&quote(text)),
            Reply::Nil => f.write_str("(nil)"),
            Reply::NilArray => f.write_str("(nil array)"),
            Reply::Array(list) => items(f, "[", list),
            Reply::Set(list) => items(f, "~[", list),
            Reply::Push(list) => items(f, ">[", list),
            Reply::Map(pairs) => {
                f.write_str("{")?;
                for (i, (key, value)) in pairs.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    key.write(f, true)?;
                    f.write_str(": ")?;
                    value.write(f, true)?;
                }
                f.write_str("}")
            }
            Reply::Double(text) => write!(f, ",{}", String::from_utf8_lossy(text)),
            Reply::Boolean(value) => f.write_str(if *value { "#t" } else { "#f" }),
            Reply::Verbatim(kind, text) => write!(f, "={}:{}", String::from_utf8_lossy(kind), quote(text)),
            Reply::BigNumber(text) => write!(f, "({}", String::from_utf8_lossy(text)),
            Reply::Any => f.write_str("*"),
            Reply::Between(low, high) => write!(f, ":{low}..{high}"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

/// As redis-cli prints it.
pub fn quote(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in text {
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => out.push(*byte as char),
            other => out.push_str(&format!("\\x{other:02x}")),
        }
    }
    out + "\""
}

pub fn quote_words(words: &[impl AsRef<[u8]>]) -> String {
    words.iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// The words of a line, quoted as in redis-cli: "..." with escapes, '...' with \' only.
pub fn words(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut reader = Reader { text: line.as_bytes(), at: 0 };
    let mut words = Vec::new();
    loop {
        reader.spaces();
        match reader.peek() {
            None => return Ok(words),
            Some(b'"') => words.push(reader.quoted().map_err(|_| format!("unbalanced quotes: {line}"))?),
            Some(b'\'') => {
                reader.at += 1;
                let mut word = Vec::new();
                loop {
                    match (reader.next(), reader.peek()) {
                        (None, _) => return Err(format!("unbalanced quotes: {line}")),
                        (Some(b'\''), _) => break,
                        (Some(b'\\'), Some(b'\'')) => word.extend(reader.next()),
                        (Some(byte), _) => word.push(byte),
                    }
                }
                words.push(word);
            }
            Some(_) => {
                let start = reader.at;
                while reader.peek().is_some_and(|byte| byte != b' ') {
                    reader.at += 1;
                }
                words.push(reader.text[start..reader.at].to_vec());
            }
        }
        if reader.peek().is_some_and(|byte| byte != b' ') {
            return Err(format!("a closing quote is followed by a space: {line}"));
        }
    }
}

enum Unread {
    /// The text ends before the value does.
    Open,
    Wrong(String),
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.text[self.at..].starts_with(text.as_bytes());
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn value(&mut self) -> Result<Reply, Unread> {
        self.spaces();
        for (text, reply) in [
            ("(nil array)", Reply::NilArray),
            ("(nil)", Reply::Nil),
            ("#t", Reply::Boolean(true)),
            ("#f", Reply::Boolean(false)),
            ("*", Reply::Any),
        ] {
            if self.take(text) {
                return Ok(reply);
            }
        }
        for (mark, of) in [("[", Reply::Array as fn(Vec<Reply>) -> Reply), ("~[", Reply::Set), (">[", Reply::Push)] {
            if self.take(mark) {
                return self.items().map(of);
            }
        }
        match self.peek() {
            None => Err(Unread::Open),
            Some(b'"') => self.quoted().map(Reply::Bulk),
            Some(b'+') => self.line().map(Reply::Simple),
            Some(b'-') => self.line().map(Reply::Error),
            Some(b',') => self.line().map(Reply::Double),
            Some(b'(') => self.line().map(Reply::BigNumber),
            Some(b':') => self.integer(),
            Some(b'{') => self.pairs(),
            Some(b'=') => {
                self.at += 1;
                let kind = self.text.get(self.at..self.at + 3).ok_or(Unread::Open)?.to_vec();
                self.at += 3;
                if !self.take(":") {
                    return Err(Unread::Wrong("a verbatim string is written =txt:\"...\"".to_owned()));
                }
                Ok(Reply::Verbatim(kind, self.quoted()?))
            }
            Some(other) => Err(Unread::Wrong(format!("no value begins with {:?}", other as char))),
        }
    }

    fn items(&mut self) -> Result<Vec<Reply>, Unread> {
        let mut items = Vec::new();
        loop {
            self.spaces();
            if self.take("]") {
                return Ok(items);
            }
            items.push(self.value()?);
            self.spaces();
            if !self.take(",") && self.peek() != Some(b']') {
                return Err(if self.peek().is_none() { Unread::Open } else { Unread::Wrong("elements are parted by commas".to_owned()) });
            }
        }
    }

    fn pairs(&mut self) -> Result<Reply, Unread> {
        self.at += 1;
        let mut pairs = Vec::new();
        loop {
            self.spaces();
            if self.take("}") {
                return Ok(Reply::Map(pairs));
            }
            let key = self.value()?;
            self.spaces();
            if !self.take(":") {
                return Err(if self.peek().is_none() { Unread::Open } else { Unread::Wrong("a key is followed by a colon".to_owned()) });
            }
            pairs.push((key, self.value()?));
            self.spaces();
            if !self.take(",") && self.peek() != Some(b'}') {
                return Err(if self.peek().is_none() { Unread::Open } else { Unread::Wrong("pairs are parted by commas".to_owned()) });
            }
        }
    }

    fn integer(&mut self) -> Result<Reply, Unread> {
        let text = String::from_utf8_lossy(&self.line()?).into_owned();
        let number = |text: &str| text.parse::<i64>().map_err(|_| Unread::Wrong(format!("not an integer: {text}")));
        match text.split_once("..") {
            Some((low, high)) => Ok(Reply::Between(number(low)?, number(high)?)),
            None => Ok(Reply::Integer(number(&text)?)),
        }
    }

    /// The rest of a one-line value inside a collection.
    fn line(&mut self) -> Result<Vec<u8>, Unread> {
        self.at += 1;
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let start = self.at;
        while self.peek().is_some_and(|byte| !b",:]}\n".contains(&byte)) {
            self.at += 1;
        }
        Ok(self.text[start..self.at].to_vec())
    }

    fn quoted(&mut self) -> Result<Vec<u8>, Unread> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.next().ok_or(Unread::Open)? {
                b'"' => return Ok(text),
                b'\\' => match self.next().ok_or(Unread::Open)? {
                    b'n' => text.push(b'\n'),
                    b'r' => text.push(b'\r'),
                    b't' => text.push(b'\t'),
                    b'a' => text.push(7),
                    b'b' => text.push(8),
                    b'x' => {
                        let digits = self.text.get(self.at..self.at + 2).and_then(|digits| std::str::from_utf8(digits).ok());
                        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                        text.push(byte.ok_or_else(|| Unread::Wrong("\\x is followed by two hexadecimal digits".to_owned()))?);
                        self.at += 2;
                    }
                    other => text.push(other),
                },
                other => text.push(other),
            }
        }
    }
}

#[test]
fn what_is_printed_is_read_back() {
    let wire: &[u8] = b"*12\r\n+OK\r\n-ERR a, b\r\n:-5\r\n$3\r\na\"\n\r\n$-1\r\n*-1\r\n*0\r\n%1\r\n$1\r\nk\r\n,1.5\r\n~1\r\n#t\r\n=7\r\ntxt:a b\r\n_\r\n(99\r\n";
    let (reply, length) = Reply::decode(wire).expect("a whole reply");
    assert_eq!(length, wire.len());
    let text = reply.to_string();
    assert_eq!(text, r#"[+OK, -"ERR a, b", :-5, "a\"\n", (nil), (nil array), [], {"k": ,1.5}, ~[#t], =txt:"a b", (nil), (99]"#);
    assert_eq!(Reply::read(&text), Ok(Some(reply)));
    for cut in 0..wire.len() {
        assert_eq!(Reply::decode(&wire[..cut]), None, "cut at {cut}");
    }
}

#[test]
fn expectations_accept_what_they_should() {
    let accepts = |expected: &str, actual: &[u8]| {
        Reply::read(expected).expect("readable").expect("closed").accepts(&Reply::decode(actual).expect("whole").0)
    };
    assert!(accepts("[*, :1..3]", b"*2\r\n$1\r\na\r\n:2\r\n"));
    assert!(!accepts("[*, :1..3]", b"*2\r\n$1\r\na\r\n:4\r\n"));
    assert!(!accepts("[*]", b"*2\r\n:1\r\n:2\r\n"));
    assert!(!accepts("\"1\"", b":1\r\n"));
    let unordered = |expected: &str, actual: &[u8], group| {
        Reply::read(expected).expect("readable").expect("closed").accepts_in_any_order(&Reply::decode(actual).expect("whole").0, group)
    };
    assert!(unordered("[*, \"a\"]", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", 1));
    assert!(!unordered("[\"a\", \"a\"]", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", 1));
    assert!(unordered("[\"a\", :1, \"b\", :2]", b"*4\r\n$1\r\nb\r\n:2\r\n$1\r\na\r\n:1\r\n", 2));
    assert!(!unordered("[\"a\", :1, \"b\", :2]", b"*4\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n:2\r\n", 2));
    assert!(!unordered("[\"a\"]", b"~1\r\n$1\r\na\r\n", 1));
    assert_eq!(Reply::read("[\"a\","), Ok(None));
    assert!(Reply::read("[\"a\" \"b\"]").is_err());
}

#[test]
fn words_are_split_as_redis_cli_does() {
    assert_eq!(
        words(r#"SET k "a b\x00\n" 'c\'d' """#),
        Ok(vec![b"SET".to_vec(), b"k".to_vec(), b"a b\0\n".to_vec(), b"c'd".to_vec(), Vec::new()])
    );
    assert!(words("SET \"a").is_err());
    assert!(words("SET \"a\"b").is_err());
}
