//! Packed rows of elements as they come in: listpacks, and the ziplists, zipmaps and intsets of older versions. A row is checked
//! whole before its first element is seen, so that whoever walks it may trust it.
//!
//! ```text
//! listpack  | bytes u32 | elements u16 | element, element, ... | 0xff |       the elements: see `store::types::entries`
//! ziplist   | bytes u32 | last u32 | elements u16 | element, ... | 0xff |     last: the offset of the last element
//!           element: | length of the one before: a byte below 254, or 254 and u32 | code | bytes |
//!           code:    | 00llllll | 01llllll llllllll | 10...... l u32 |         a string of l bytes, high byte first
//!                    | 0xc0 0xd0 0xe0 0xf0 0xfe |                              an integer of 2, 4, 8, 3, 1 bytes, low byte first
//!                    | 1111nnnn |                                              n - 1, n from 1 to 13
//! zipmap    | pairs, or 254 or more | l | field | l | free | value | ... | 0xff |
//!           l: a byte below 254, or 254 and u32; as many bytes as `free` says lie behind the value
//! intset    | width u32: 2, 4, 8 | members u32 | members in ascending order, low byte first |
//! ```

use super::Flaw;
use crate::store::types::Element;
use crate::store::types::entries::{self, Entries};

const END: u8 = 0xff;
/// A count in a header that means: count them.
const UNCOUNTED: u16 = u16::MAX;
/// A length of one byte that means: the four that follow.
const LONG: u8 = 254;

const BAD_LISTPACK: Flaw = Flaw::Broken("a listpack that is none");
const BAD_ZIPLIST: Flaw = Flaw::Broken("a ziplist that is none");
const BAD_ZIPMAP: Flaw = Flaw::Broken("a zipmap that is none");
const BAD_INTSET: Flaw = Flaw::Broken("an intset that is none");

/// A checked row: how many elements, and they.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    left: usize,
    elements: Elements<'a>,
}

#[derive(Clone, Debug)]
enum Elements<'a> {
    Listpack(entries::Iter<'a>),
    Ziplist(&'a [u8]),
    Zipmap(&'a [u8], bool),
    Intset(&'a [u8], usize),
}

impl<'a> Row<'a> {
    pub(super) fn listpack(blob: &'a [u8]) -> Result<Row<'a>, Flaw> {
        let (entries, count) = listpack(blob)?;
        Ok(Row { left: count, elements: Elements::Listpack(entries.iter()) })
    }

    pub(super) fn ziplist(blob: &'a [u8]) -> Result<Row<'a>, Flaw> {
        let (header, rest) = blob.split_first_chunk::<10>().ok_or(BAD_ZIPLIST)?;
        let row = body(rest).ok_or(BAD_ZIPLIST)?;
        let (bytes, last) = (word(header), word(&header[4..]));
        let stored = u16::from_le_bytes([header[8], header[9]]);
        let (mut at, mut before, mut count) = (0, 0, 0);
        while let Some((element, size)) = ziplist_element(row.get(at..).unwrap_or_default()) {
            if element.before != before {
                return Err(BAD_ZIPLIST);
            }
            (at, before, count) = (at + size, size, count + 1);
        }
        let last_is = header.len() + at - before;
        if at != row.len() || bytes != blob.len() || last != last_is || (stored != UNCOUNTED && usize::from(stored) != count) {
            return Err(BAD_ZIPLIST);
        }
        Ok(Row { left: count, elements: Elements::Ziplist(row) })
    }

    /// Fields and values by turns.
    pub(super) fn zipmap(blob: &'a [u8]) -> Result<Row<'a>, Flaw> {
        let (pairs, rest) = blob.split_first().ok_or(BAD_ZIPMAP)?;
        let row = body(rest).ok_or(BAD_ZIPMAP)?;
        let (mut at, mut count) = (0, 0);
        while let Some((_, size)) = zipmap_text(row.get(at..).unwrap_or_default(), count % 2 == 1) {
            (at, count) = (at + size, count + 1);
        }
        if at != row.len() || count % 2 != 0 || (*pairs < LONG && usize::from(*pairs) != count / 2) {
            return Err(BAD_ZIPMAP);
        }
        Ok(Row { left: count, elements: Elements::Zipmap(row, false) })
    }

    pub(super) fn intset(blob: &'a [u8]) -> Result<Row<'a>, Flaw> {
        let (header, members) = blob.split_first_chunk::<8>().ok_or(BAD_INTSET)?;
        let (width, count) = (word(header), word(&header[4..]));
        if ![2, 4, 8].contains(&width) || count.checked_mul(width) != Some(members.len()) {
            return Err(BAD_INTSET);
        }
        let row = Row { left: count, elements: Elements::Intset(members, width) };
        let mut numbers = row.clone().filter_map(|element| element.integer());
        let mut last = numbers.next();
        let ascending = numbers.all(|number| last.replace(number) < Some(number));
        if ascending { Ok(row) } else { Err(Flaw::Broken("an intset out of order")) }
    }

    /// How many elements are left.
    pub(super) fn len(&self) -> usize {
        self.left
    }

    /// The elements two by two, if they pair.
    pub(super) fn pairs(mut self) -> Result<impl Iterator<Item = (Element<'a>, Element<'a>)>, Flaw> {
        if !self.left.is_multiple_of(2) {
            return Err(Flaw::Broken("an odd number of elements where they pair"));
        }
        Ok(std::iter::from_fn(move || Some((self.next()?, self.next()?))))
    }
}

impl<'a> Iterator for Row<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.elements {
            Elements::Listpack(entries) => entries.next(),
            Elements::Ziplist(row) => {
                let (element, size) = ziplist_element(row)?;
                *row = row.get(size..)?;
                Some(element.content)
            }
            Elements::Zipmap(row, is_value) => {
                let (text, size) = zipmap_text(row, *is_value)?;
                *row = row.get(size..)?;
                *is_value = !*is_value;
                Some(Element::Bytes(text))
            }
            Elements::Intset(members, width) => {
                let (member, rest) = members.split_at_checked(*width)?;
                *members = rest;
                integer(member).map(Element::Integer)
            }
        }
    }
}

/// The elements of a listpack as they lie there, and their number.
pub(super) fn listpack(blob: &[u8]) -> Result<(Entries<'_>, usize), Flaw> {
    let (header, rest) = blob.split_first_chunk::<6>().ok_or(BAD_LISTPACK)?;
    let row = body(rest).ok_or(BAD_LISTPACK)?;
    let count = Entries::check(row).map_err(|_| BAD_LISTPACK)?;
    let stored = u16::from_le_bytes([header[4], header[5]]);
    if word(header) != blob.len() || (stored != UNCOUNTED && usize::from(stored) != count) {
        return Err(BAD_LISTPACK);
    }
    Ok((Entries::new(row), count))
}

/// What lies before the mark of the end.
fn body(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.split_last() {
        Some((&END, body)) => Some(body),
        _ => None,
    }
}

/// The first four bytes, low byte first.
fn word(bytes: &[u8]) -> usize {
    bytes.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
}

/// An integer of up to eight bytes, low byte first.
fn integer(bytes: &[u8]) -> Option<i64> {
    let mut number = if bytes.last()? & 0x80 == 0 { [0; 8] } else { [0xff; 8] };
    number.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(number))
}

struct ZiplistElement<'a> {
    /// What it says of the length of the one before.
    before: usize,
    content: Element<'a>,
}

/// The first element of a row, and how many bytes it takes. None at the end, and where there is none.
fn ziplist_element(row: &[u8]) -> Option<(ZiplistElement<'_>, usize)> {
    let (before, head) = long_or_short(row)?;
    let rest = row.get(head..)?;
    let code = *rest.first()?;
    let integer_of = |width: usize| Some((Element::Integer(integer(rest.get(1..1 + width)?)?), 1 + width));
    let text_of = |head: usize, len: usize| Some((Element::Bytes(rest.get(head..)?.get(..len)?), head.checked_add(len)?));
    let (content, size) = match code {
        0..0x40 => text_of(1, usize::from(code))?,
        0x40..0x80 => text_of(2, usize::from(code & 0x3f) << 8 | usize::from(*rest.get(1)?))?,
        0x80..0xc0 => text_of(5, u32::from_be_bytes(*rest.get(1..)?.first_chunk()?) as usize)?,
        0xc0 => integer_of(2)?,
        0xd0 => integer_of(4)?,
        0xe0 => integer_of(8)?,
        0xf0 => integer_of(3)?,
        0xfe => integer_of(1)?,
        0xf1..=0xfd => (Element::Integer(i64::from(code & 0x0f) - 1), 1),
        _ => return None,
    };
    Some((ZiplistElement { before, content }, head.checked_add(size)?))
}

/// A field or a value at the front of a zipmap, and how many bytes it takes.
fn zipmap_text(row: &[u8], is_value: bool) -> Option<(&[u8], usize)> {
    let (len, mut head) = long_or_short(row)?;
    let mut free = 0;
    if is_value {
        free = usize::from(*row.get(head)?);
        head += 1;
    }
    let text = row.get(head..)?.get(..len)?;
    let size = head.checked_add(len)?.checked_add(free)?;
    if size <= row.len() { Some((text, size)) } else { None }
}

/// A length of one byte or five, and which.
fn long_or_short(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.first()? {
        END => None,
        LONG => Some((u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?) as usize, 5)),
        short => Some((usize::from(short), 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(row: Result<Row<'_>, Flaw>) -> Result<Vec<String>, Flaw> {
        row.map(|row| row.map(|element| String::from_utf8_lossy(&element.to_vec()).into_owned()).collect())
    }

    #[test]
    fn a_ziplist_holds_strings_and_integers_of_every_width() {
        let mut row: Vec<u8> = Vec::new();
        let mut before = 0usize;
        let mut last = 10;
        let codes: [&[u8]; 8] = [
            &[2, b'h', b'i'],
            &[0x40, 3, b'a', b'b', b'c'],
            &[0x80, 0, 0, 0, 1, b'z'],
            &[0xc0, 0xff, 0xff],
            &[0xf0, 0, 0, 0x80],
            &[0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80],
            &[0xfe, 0x80],
            &[0xfd],
        ];
        for code in codes {
            last = 10 + row.len();
            row.push(before as u8);
            row.extend_from_slice(code);
            before = 1 + code.len();
        }
        let blob = |last: usize, count: u16| {
            let mut blob = (row.len() as u32 + 11).to_le_bytes().to_vec();
            blob.extend_from_slice(&(last as u32).to_le_bytes());
            blob.extend_from_slice(&count.to_le_bytes());
            blob.extend_from_slice(&row);
            blob.push(END);
            blob
        };
        let expected = ["hi", "abc", "z", "-1", "-8388608", "-9223372036854775808", "-128", "12"];
        assert_eq!(words(Row::ziplist(&blob(last, 8))).unwrap(), expected);
        assert_eq!(words(Row::ziplist(&blob(last, UNCOUNTED))).unwrap(), expected);
        assert_eq!(words(Row::ziplist(&blob(last, 7))), Err(BAD_ZIPLIST));
        assert_eq!(words(Row::ziplist(&blob(last + 1, 8))), Err(BAD_ZIPLIST));
        let empty = [11, 0, 0, 0, 10, 0, 0, 0, 0, 0, END];
        assert_eq!(words(Row::ziplist(&empty)), Ok(vec![]));
    }

    #[test]
    fn a_zipmap_pairs_and_an_intset_ascends() {
        let zipmap = [2, 1, b'a', 2, 1, b'b', b'c', b'?', 0, 254, 1, 0, 0, 0, 0, b'd', END];
        assert_eq!(words(Row::zipmap(&zipmap)), Ok(["a", "bc", "", "d"].map(str::to_owned).to_vec()));
        assert_eq!(words(Row::zipmap(&[1, 1, b'a', END])), Err(BAD_ZIPMAP));
        assert_eq!(words(Row::zipmap(&[0, END])), Ok(vec![]));
        let intset = [2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 7, 0];
        assert_eq!(words(Row::intset(&intset)), Ok(["-1", "7"].map(str::to_owned).to_vec()));
        let backwards = [2, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0xff, 0xff];
        assert_eq!(words(Row::intset(&backwards)), Err(Flaw::Broken("an intset out of order")));
        assert_eq!(words(Row::intset(&intset[..11])), Err(BAD_INTSET));
    }
}
