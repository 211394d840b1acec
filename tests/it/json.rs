//! JSON, as far as the files of tests/data are written in it.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Number(f64),
    Text(String),
    Array(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    pub fn read(text: &str) -> Json {
        let mut reader = Reader { text: text.as_bytes(), at: 0 };
        let value = reader.value();
        assert_eq!(reader.peek(), 0, "something behind the value at {}", reader.at);
        value
    }

    pub fn object(&self) -> &BTreeMap<String, Json> {
        match self {
            Json::Object(fields) => fields,
            other => panic!("an object was due: {other:?}"),
        }
    }

    pub fn array(&self) -> &[Json] {
        match self {
            Json::Array(elements) => elements,
            other => panic!("an array was due: {other:?}"),
        }
    }

    pub fn number(&self) -> i64 {
        match self {
            Json::Number(number) => *number as i64,
            other => panic!("a number was due: {other:?}"),
        }
    }

    /// A text, or what stands for one that is none: `{"hex": ...}`.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Json::Text(text) => text.clone().into_bytes(),
            Json::Object(fields) => unhex(&String::from_utf8(fields["hex"].bytes()).unwrap()),
            other => panic!("a text was due: {other:?}"),
        }
    }
}

pub fn unhex(digits: &str) -> Vec<u8> {
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).expect("hex digits")).collect()
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// The next byte that is not blank; 0 at the end.
    fn peek(&mut self) -> u8 {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn takes(&mut self, mark: u8) -> bool {
        let is_it = self.peek() == mark;
        self.at += usize::from(is_it);
        is_it
    }

    fn value(&mut self) -> Json {
        match self.peek() {
            b'{' => {
                self.at += 1;
                let mut fields = BTreeMap::new();
                while !self.takes(b'}') {
                    let name = self.text();
                    assert!(self.takes(b':'));
                    fields.insert(name, self.value());
                    self.takes(b',');
                }
                Json::Object(fields)
            }
            b'[' => {
                self.at += 1;
                let mut elements = Vec::new();
                while !self.takes(b']') {
                    elements.push(self.value());
                    self.takes(b',');
                }
                Json::Array(elements)
            }
            b'"' => Json::Text(self.text()),
            b'n' => {
                self.at += 4;
                Json::Null
            }
            _ => {
                let rest = &self.text[self.at..];
                let len = rest.iter().position(|byte| !byte.is_ascii_digit() && !b"+-.eE".contains(byte)).unwrap_or(rest.len());
                self.at += len;
                Json::Number(std::str::from_utf8(&rest[..len]).unwrap().parse().expect("a number"))
            }
        }
    }

    fn text(&mut self) -> String {
        assert!(self.takes(b'"'), "a text was due at {}", self.at);
        let mut text = Vec::new();
        loop {
            let byte = self.text[self.at];
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(text).expect("JSON is UTF-8"),
                b'\\' => {
                    let escape = self.text[self.at];
                    self.at += 1;
                    match escape {
                        b'n' => text.push(b'\n'),
                        b'r' => text.push(b'\r'),
                        b't' => text.push(b'\t'),
                        b'u' => {
                            let digits = std::str::from_utf8(&self.text[self.at..self.at + 4]).unwrap();
                            self.at += 4;
                            let code = u32::from_str_radix(digits, 16).expect("four hex digits");
                            text.extend_from_slice(char::from_u32(code).expect("no pairs here").to_string().as_bytes());
                        }
                        other => text.push(other),
                    }
                }
                other => text.push(other),
            }
        }
    }
}
