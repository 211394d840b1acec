//! BY and GET patterns: names of keys, or of fields of hashes, that an element completes.

use std::cell::{Cell, RefCell};

use crate::command::{Classes, Cx};
use crate::store::Text;
use crate::store::types::{DIGITS_MAX, Element, Hash};

/// A pattern, taken apart once.
#[derive(Debug)]
pub(super) enum Pattern<'a> {
    /// `#`: the element itself.
    Itself,
    /// Without an asterisk: it names nothing, whatever the element.
    Fixed,
    /// `before*behind`, or `before*behind->field`.
    Named { before: &'a [u8], behind: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    pub(super) fn parse(word: &'a [u8]) -> Pattern<'a> {
        if word == b"#" {
            return Pattern::Itself;
        }
        let Some(asterisk) = word.iter().position(|&byte| byte == b'*') else { return Pattern::Fixed };
        let (before, behind) = (&word[..asterisk], &word[asterisk + 1..]);
        // An arrow with nothing behind it belongs to the name.
        match behind.windows(2).position(|pair| pair == b"->").filter(|&arrow| arrow + 2 < behind.len()) {
            Some(arrow) => Pattern::Named { before, behind: &behind[..arrow], field: Some(&behind[arrow + 2..]) },
            None => Pattern::Named { before, behind, field: None },
        }
    }

    /// Whether it says the same of every element. `BY #` is no order either.
    pub(super) fn is_fixed(&self) -> bool {
        !matches!(self, Pattern::Named { .. })
    }
}

/// Looks keys up while elements are held.
pub(super) struct Finder<'c> {
    pub(super) cx: &'c Cx<'c>,
    hits: Cell<u64>,
    misses: Cell<u64>,
    /// The names of those that did not, if they are told of.
    missed: Option<RefCell<Vec<Box<[u8]>>>>,
    /// Where names are put together.
    name: RefCell<Vec<u8>>,
}

impl<'c> Finder<'c> {
    pub(super) fn new(cx: &'c Cx<'c>) -> Finder<'c> {
        let missed = cx.tells(Classes::MISS).then(RefCell::default);
        Finder { cx, hits: Cell::new(0), misses: Cell::new(0), missed, name: RefCell::new(Vec::new()) }
    }

    /// Look-ups that found their key, and those that did not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.hits.get(), self.misses.get())
    }

    /// The names of keys that were not found, as far as they are told of.
    pub(super) fn missed(&self) -> Vec<Box<[u8]>> {
        self.missed.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// What a pattern finds for an element.
    pub(super) fn find<'e>(&self, pattern: &Pattern<'_>, element: Element<'e>) -> Option<Element<'e>>
    where
        'c: 'e,
    {
        let Pattern::Named { before, behind, field } = pattern else {
            return if matches!(pattern, Pattern::Itself) { Some(element) } else { None };
        };
        let mut name = self.name.borrow_mut();
        name.clear();
        for piece in [*before, element.bytes(&mut [0; DIGITS_MAX]), *behind] {
            name.extend_from_slice(piece);
        }
        let Some(entry) = self.cx.look(&name) else {
            self.misses.set(self.misses.get() + 1);
            if let Some(missed) = &self.missed {
                missed.borrow_mut().push(name.as_slice().into());
            }
            return None;
        };
        self.hits.set(self.hits.get() + 1);
        match field {
            Some(field) => entry.get::<Hash>()?.get(field),
            None => match entry.text()? {
                Text::Integer(number) => Some(Element::Integer(number)),
                Text::Bytes(bytes) => Some(Element::Bytes(bytes)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_taken_apart_as_redis_does() {
        let cases = [
            ("w_*", ("w_", "", None)),
            ("*", ("", "", None)),
            ("a*b*c", ("a", "b*c", None)),
            ("h_*->f", ("h_", "", Some("f"))),
            ("h_*:x->f->g", ("h_", ":x", Some("f->g"))),
            ("h_*->", ("h_", "->", None)),
            ("a->b*", ("a->b", "", None)),
            ("h*-->f", ("h", "-", Some("f"))),
        ];
        for (word, expected) in cases {
            let Pattern::Named { before, behind, field } = Pattern::parse(word.as_bytes()) else { panic!("{word} has an asterisk") };
            let text = |bytes| std::str::from_utf8(bytes).unwrap();
            assert_eq!((text(before), text(behind), field.map(text)), expected, "{word}");
        }
        assert!(matches!(Pattern::parse(b"#"), Pattern::Itself));
        for word in ["", "nosort", "##", "a->b"] {
            assert!(matches!(Pattern::parse(word.as_bytes()), Pattern::Fixed), "{word}");
        }
    }
}
