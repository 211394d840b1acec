//! JSON read as values.

use mlua::{Lua, Table, Value};

use super::Settings;
use crate::script::library::{SLOTS_MAX, number};
use crate::script::raise::Raised;

enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Colon,
    Comma,
    End,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    /// What is there is none, and why.
    Wrong(&'static str),
}

impl Token {
    /// What the texts call it.
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Wrong(why) => why,
        }
    }
}

/// A text that is read, and where its latest token began.
struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    start: usize,
    takes_any_number: bool,
}

/// A table that is being filled.
enum Open {
    Array(Table, usize),
    Object(Table, Vec<u8>),
}

impl Open {
    /// How many values lie on Redis's stack for it while what it holds is read.
    fn slots(&self) -> usize {
        if matches!(self, Open::Array(..)) { 1 } else { 2 }
    }
}

/// Reads the one value that a text is.
pub(super) fn read(lua: &Lua, text: &[u8], settings: &Settings) -> Result<Value, Raised> {
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err("JSON parser does not support UTF-16 or UTF-32".into());
    }
    let mut scanner = Scanner { text, at: 0, start: 0, takes_any_number: settings.decode_invalid };
    let depth_max = usize::try_from(settings.decode_depth_max).unwrap_or(usize::MAX);
    let mut path: Vec<Open> = Vec::new();
    let mut slots = 1;
    let mut token = scanner.next();
    loop {
        let is_object = matches!(token, Token::ObjectBegin);
        let mut value = match token {
            Token::ObjectBegin | Token::ArrayBegin => {
                let depth = path.len() + 1;
                if depth > depth_max || slots + 2 + usize::from(is_object) > SLOTS_MAX {
                    return Err(format!("Found too many nested data structures ({depth}) at character {}", scanner.at).into());
                }
                let table = lua.create_table()?;
                token = scanner.next();
                match token {
                    Token::ObjectEnd if is_object => Value::Table(table),
                    Token::ArrayEnd if !is_object => Value::Table(table),
                    first => {
                        let open = if is_object {
                            let key = scanner.key(first)?;
                            token = scanner.next();
                            Open::Object(table, key)
                        } else {
                            token = first;
                            Open::Array(table, 1)
                        };
                        slots += open.slots();
                        path.push(open);
                        continue;
                    }
                }
            }
            Token::Text(text) => Value::String(lua.create_string(text)?),
            Token::Number(number) => Value::Number(number),
            Token::Boolean(is_true) => Value::Boolean(is_true),
            Token::Null => Value::NULL,
            other => return Err(scanner.unexpected("value", &other)),
        };
        // The value goes to what it is in, which may end with it, and be the value of what that is in.
        loop {
            let following = scanner.next();
            let Some(open) = path.last_mut() else {
                return if matches!(following, Token::End) { Ok(value) } else { Err(scanner.unexpected("the end", &following)) };
            };
            match open {
                Open::Array(table, index) => {
                    table.raw_set(*index, value)?;
                    *index += 1;
                    match following {
                        Token::Comma => break,
                        Token::ArrayEnd => value = Value::Table(table.clone()),
                        other => return Err(scanner.unexpected("comma or array end", &other)),
                    }
                }
                Open::Object(table, key) => {
                    table.raw_set(lua.create_string(&key)?, value)?;
                    match following {
                        Token::Comma => {
                            let following = scanner.next();
                            *key = scanner.key(following)?;
                            break;
                        }
                        Token::ObjectEnd => value = Value::Table(table.clone()),
                        other => return Err(scanner.unexpected("comma or object end", &other)),
                    }
                }
            }
            slots -= open.slots();
            path.pop();
        }
        token = scanner.next();
    }
}

impl Scanner<'_> {
    /// The key that a token is, and the colon behind it.
    fn key(&mut self, token: Token) -> Result<Vec<u8>, Raised> {
        let Token::Text(key) = token else { return Err(self.unexpected("object key string", &token)) };
        match self.next() {
            Token::Colon => Ok(key),
            other => Err(self.unexpected("colon", &other)),
        }
    }

    /// The texts count from one.
    fn unexpected(&self, wanted: &str, found: &Token) -> Raised {
        format!("Expected {wanted} but found {} at character {}", found.name(), self.start + 1).into()
    }

    /// A zero byte ends the text like its end does.
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Token {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.start = self.at;
        let token = match self.peek() {
            0 => return Token::End,
            b'"' => return self.text().unwrap_or_else(Token::Wrong),
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            b'-' | b'0'..=b'9' => return self.number(),
            _ => return self.word(),
        };
        self.at += 1;
        token
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        for (word, token) in [(b"true".as_slice(), Token::Boolean(true)), (b"false", Token::Boolean(false)), (b"null", Token::Null)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return token;
            }
        }
        let is_number = rest[0] == b'+' || number::starts_with(rest, b"inf") || number::starts_with(rest, b"nan");
        if self.takes_any_number && is_number { self.number() } else { Token::Wrong("invalid token") }
    }

    fn number(&mut self) -> Token {
        let rest = &self.text[self.at..];
        if !self.takes_any_number && !is_plain(rest) {
            return Token::Wrong("invalid number");
        }
        let Some((number, length)) = number::read(rest) else { return Token::Wrong("invalid number") };
        self.at += length;
        Token::Number(number)
    }

    /// A text in quotes. What is wrong is where `start` is put.
    fn text(&mut self) -> Result<Token, &'static str> {
        let mut value = Vec::new();
        let begin = self.start;
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let plain = memchr::memchr3(b'"', b'\\', 0, rest).unwrap_or(rest.len());
            value.extend_from_slice(&rest[..plain]);
            self.at += plain;
            self.start = self.at;
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    self.start = begin;
                    return Ok(Token::Text(value));
                }
                b'\\' => self.escape(&mut value)?,
                _ => return Err("unexpected end of string"),
            }
        }
    }

    fn escape(&mut self, value: &mut Vec<u8>) -> Result<(), &'static str> {
        let byte = match self.text.get(self.at + 1) {
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'b') => 8,
            Some(b't') => 9,
            Some(b'n') => 10,
            Some(b'f') => 12,
            Some(b'r') => 13,
            Some(b'u') => {
                let (character, length) = self.unicode().ok_or("invalid unicode escape code")?;
                value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                self.at += length;
                return Ok(());
            }
            _ => return Err("invalid escape code"),
        };
        value.push(byte);
        self.at += 2;
        Ok(())
    }

    /// A character by its number, or by the two halves of one beyond the first 65 536, and how long that is.
    fn unicode(&self) -> Option<(char, usize)> {
        let unit = |at: usize| {
            let digits = self.text.get(at..)?.strip_prefix(b"\\u")?.get(..4)?;
            digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
        };
        let first = unit(self.at)?;
        if !(0xd800..0xdc00).contains(&first) {
            return Some((char::from_u32(first)?, 6));
        }
        let second = unit(self.at + 6).filter(|unit| (0xdc00..0xe000).contains(unit))?;
        Some((char::from_u32(0x10000 + ((first & 0x3ff) << 10 | (second & 0x3ff)))?, 12))
    }
}

/// Whether it begins like a number of JSON's: none with a needless zero or a plus in front, none in hexadecimal, none infinite.
fn is_plain(text: &[u8]) -> bool {
    match text.strip_prefix(b"-").unwrap_or(text) {
        [b'0', next, ..] => next | 32 != b'x' && !next.is_ascii_digit(),
        unsigned => !number::starts_with(unsigned, b"inf") && !number::starts_with(unsigned, b"nan"),
    }
}
