//! A hash: fields and values in one packed row while they are few and short, then a table of pairs.
//!
//! A pair of the table is one block: the length of the field, the field, the value. The deadlines of fields lie beside either form
//! ([`Mortals`]); a packed hash without any is its row and nothing else.

use super::packed::Packed;
use super::table::{Item, Table};
use super::{DIGITS_MAX, Element, Mortals, Perishable, Thresholds, below, entries};
use crate::store::memory::size_class;
use crate::store::value::{Kind, Typed, Value};
use crate::time::UnixMillis;

/// Fields and their values.
#[derive(Clone, Debug, Default)]
pub struct Hash {
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// Field, value, field, value.
    Packed(Packed),
    Large(Box<Large>),
}

/// What is too large for a row alone: a table, or a row and deadlines of its fields.
#[derive(Clone, Debug)]
struct Large {
    body: Body,
    mortals: Mortals,
}

#[derive(Clone, Debug)]
enum Body {
    /// As in `Form`. It stays here when the last deadline is gone, as in Redis.
    Packed(Packed),
    Table(Table<Pair>),
}

/// What is in a hash, by form.
#[derive(Clone, Copy, Debug)]
enum View<'a> {
    Packed(&'a Packed),
    Table(&'a Table<Pair>),
}

impl Default for Form {
    fn default() -> Form {
        Form::Packed(Packed::new())
    }
}

/// Bits of a field's length that fit into a byte.
const LENGTH_BITS: u32 = 7;

/// A field and its value in one block.
#[derive(Clone, Debug)]
struct Pair {
    /// The length of the field, seven bits to a byte, low bits first, a set top bit where more follow; field; value.
    block: Box<[u8]>,
}

impl Pair {
    fn new(field: &[u8], value: &[u8]) -> Pair {
        let mut head = [0u8; 10];
        let mut head_len = 0;
        let mut rest = field.len() as u64;
        loop {
            let more = rest >> LENGTH_BITS != 0;
            head[head_len] = (rest & 0x7f) as u8 | if more { 0x80 } else { 0 };
            head_len += 1;
            rest >>= LENGTH_BITS;
            if !more {
                break;
            }
        }
        let mut block = Vec::with_capacity(head_len + field.len() + value.len());
        block.extend_from_slice(&head[..head_len]);
        block.extend_from_slice(field);
        block.extend_from_slice(value);
        Pair { block: block.into_boxed_slice() }
    }

    /// Where the field begins and where the value does.
    #[inline]
    fn bounds(&self) -> (usize, usize) {
        let (mut length, mut head_len) = (0u64, 0);
        for (index, byte) in self.block.iter().enumerate() {
            length |= u64::from(byte & 0x7f) << (LENGTH_BITS * index as u32);
            head_len = index + 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        (head_len, head_len + length as usize)
    }

    #[inline]
    fn value(&self) -> &[u8] {
        &self.block[self.bounds().1..]
    }

    fn set_value(&mut self, value: &[u8]) {
        let (_, start) = self.bounds();
        if self.block.len() - start != value.len() {
            let mut block = std::mem::take(&mut self.block).into_vec();
            let len = start + value.len();
            if len > block.len() {
                block.reserve_exact(len - block.len());
            }
            block.resize(len, 0);
            self.block = block.into_boxed_slice();
        }
        self.block[start..].copy_from_slice(value);
    }
}

impl Item for Pair {
    #[inline]
    fn key(&self) -> &[u8] {
        let (start, end) = self.bounds();
        &self.block[start..end]
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        size_class(self.block.len())
    }

    #[inline]
    fn block(&self) -> &[u8] {
        &self.block
    }
}

impl Hash {
    pub fn new() -> Hash {
        Hash::default()
    }

    /// A hash from the packed row of one, for RESTORE and loading. None if fields and values do not pair, or a field comes twice.
    pub fn from_packed(packed: Packed, thresholds: &Thresholds) -> Option<Hash> {
        if !packed.len().is_multiple_of(2) {
            return None;
        }
        let mut fields: Vec<Vec<u8>> = packed.iter().step_by(2).map(Element::to_vec).collect();
        let long = packed.iter().any(|element| element.len() > thresholds.hash_listpack_value);
        let many = fields.len() > thresholds.hash_listpack_entries;
        fields.sort_unstable();
        if fields.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
        let mut hash = Hash { form: Form::Packed(packed) };
        if long || many {
            hash.make_table(thresholds);
        }
        Some(hash)
    }

    /// A hash from fields with their values and deadlines, for RESTORE and loading. None if a field comes twice.
    pub fn from_fields<'f>(
        fields: impl IntoIterator<Item = (&'f [u8], &'f [u8], Option<UnixMillis>)>,
        thresholds: &Thresholds,
    ) -> Option<Hash> {
        let mut hash = Hash::new();
        for (field, value, deadline) in fields {
            if !hash.set(field, value, thresholds) {
                return None;
            }
            if let Some(deadline) = deadline {
                hash.give_deadline(field, deadline, thresholds);
            }
        }
        Some(hash)
    }

    /// The packed row, if the encoding is "listpack".
    pub fn packed(&self) -> Option<&Packed> {
        match &self.form {
            Form::Packed(packed) => Some(packed),
            Form::Large(_) => None,
        }
    }

    /// Whether fields are found by walking a row, with deadlines or without.
    pub fn is_packed(&self) -> bool {
        matches!(self.view(), View::Packed(_))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        match self.view() {
            View::Packed(packed) => packed.len() / 2,
            View::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match &self.form {
            Form::Packed(_) => "listpack",
            Form::Large(large) => match large.body {
                Body::Packed(_) => "listpackex",
                Body::Table(_) => "hashtable",
            },
        }
    }

    /// The memory it owns beyond its own fields.
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Packed(packed) => packed.heap_bytes(),
            Form::Large(large) => {
                let body = match &large.body {
                    Body::Packed(packed) => packed.heap_bytes(),
                    Body::Table(table) => table.heap_bytes(),
                };
                size_class(size_of::<Large>()) + body + large.mortals.heap_bytes()
            }
        }
    }

    /// A deep copy.
    pub fn duplicate(&self) -> Hash {
        self.clone()
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<Element<'_>> {
        match self.view() {
            View::Packed(packed) => {
                let entries = packed.entries();
                let at = entries.find(entries.first()?, field, 1)?;
                entries.get(entries.next(at)?)
            }
            View::Table(table) => table.get(field).map(|pair| Element::Bytes(pair.value())),
        }
    }

    pub fn contains(&self, field: &[u8]) -> bool {
        self.get(field).is_some()
    }

    /// Gives a field a value, and no deadline; true if the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], thresholds: &Thresholds) -> bool {
        self.take_deadline(field);
        self.update(field, value, thresholds)
    }

    /// Gives a field a value that is made from the one before: it keeps its deadline. True if the field is new.
    pub fn update(&mut self, field: &[u8], value: &[u8], thresholds: &Thresholds) -> bool {
        if let Some(packed) = self.packed_mut() {
            let short = field.len().max(value.len()) <= thresholds.hash_listpack_value;
            if short && packed.has_room(entries::string_bytes(field.len()).saturating_add(entries::string_bytes(value.len()))) {
                let row = packed.entries();
                let found = row.first().and_then(|first| row.find(first, field, 1)).and_then(|at| row.next(at));
                if let Some(at) = found {
                    packed.replace(at, Element::of(value));
                    return false;
                }
                if packed.len() / 2 < thresholds.hash_listpack_entries {
                    packed.push_back(Element::of(field));
                    packed.push_back(Element::of(value));
                    return true;
                }
            }
            self.make_table(thresholds);
        }
        let Some(table) = self.table_mut() else { return false };
        if table.edit(field, |pair| pair.set_value(value)).is_some() {
            return false;
        }
        table.insert_new(Pair::new(field, value));
        true
    }

    /// Gives a field a value unless it has one; true if it had none.
    pub fn set_new(&mut self, field: &[u8], value: &[u8], thresholds: &Thresholds) -> bool {
        !self.contains(field) && self.set(field, value, thresholds)
    }

    /// Removes a field; true if it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.take_deadline(field);
        if let Some(packed) = self.packed_mut() {
            let row = packed.entries();
            let Some(at) = row.first().and_then(|first| row.find(first, field, 1)) else { return false };
            return packed.remove(at, 2) > 0;
        }
        self.table_mut().is_some_and(|table| table.remove(field).is_some())
    }

    /// Every field with its value once: packed ones in the order they came, those of a table in none.
    pub fn iter(&self) -> impl Iterator<Item = (Element<'_>, Element<'_>)> + Clone + '_ {
        let (packed, table) = match self.view() {
            View::Packed(packed) => (Some(Pairs { row: packed.iter() }), None),
            View::Table(table) => (None, Some(table.iter())),
        };
        let pairs = table.into_iter().flatten().map(|pair| (Element::Bytes(pair.key()), Element::Bytes(pair.value())));
        packed.into_iter().flatten().chain(pairs)
    }

    /// Every field with its value and its deadline, in the order of [`Hash::iter`]: what DUMP and a snapshot write.
    pub fn iter_with_deadlines(&self) -> impl Iterator<Item = (Element<'_>, Element<'_>, Option<UnixMillis>)> + '_ {
        let mortals = self.mortals().filter(|mortals| !mortals.is_empty());
        self.iter().map(move |(field, value)| {
            let deadline = mortals.and_then(|mortals| mortals.get(field.bytes(&mut [0; DIGITS_MAX])));
            (field, value, deadline)
        })
    }

    /// A field with its value, each as likely as any other. Different seeds give different picks.
    pub fn random(&self, seed: u64) -> Option<(Element<'_>, Element<'_>)> {
        match self.view() {
            View::Packed(packed) => {
                let entries = packed.entries();
                let mut seed = seed;
                let at = entries.seek(i64::try_from(below(self.len(), &mut seed)).ok()?.checked_mul(2)?)?;
                Some((entries.get(at)?, entries.get(entries.next(at)?)?))
            }
            View::Table(table) => table.random(seed).map(|pair| (Element::Bytes(pair.key()), Element::Bytes(pair.value()))),
        }
    }

    /// Shows some fields with their values and returns the cursor to go on with, 0 when all have been shown: a packed hash is shown
    /// at once,
    /// of a table about fifty at a time. What stays from 0 to 0 is shown at least once.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(Element<'_>, Element<'_>)) -> u64 {
        match self.view() {
            View::Packed(_) => {
                self.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            View::Table(table) => table.scan(cursor, |pair| visit(Element::Bytes(pair.key()), Element::Bytes(pair.value()))),
        }
    }

    #[inline]
    fn view(&self) -> View<'_> {
        match &self.form {
            Form::Packed(packed) => View::Packed(packed),
            Form::Large(large) => match &large.body {
                Body::Packed(packed) => View::Packed(packed),
                Body::Table(table) => View::Table(table),
            },
        }
    }

    fn packed_mut(&mut self) -> Option<&mut Packed> {
        match &mut self.form {
            Form::Packed(packed) => Some(packed),
            Form::Large(large) => match &mut large.body {
                Body::Packed(packed) => Some(packed),
                Body::Table(_) => None,
            },
        }
    }

    fn table_mut(&mut self) -> Option<&mut Table<Pair>> {
        match &mut self.form {
            Form::Large(large) => match &mut large.body {
                Body::Table(table) => Some(table),
                Body::Packed(_) => None,
            },
            Form::Packed(_) => None,
        }
    }

    fn make_table(&mut self, thresholds: &Thresholds) {
        let View::Packed(packed) = self.view() else { return };
        let mut table = Table::new(thresholds.hash_seeds);
        for (field, value) in (Pairs { row: packed.iter() }) {
            table.insert_new(Pair::new(field.bytes(&mut [0; DIGITS_MAX]), value.bytes(&mut [0; DIGITS_MAX])));
        }
        let body = Body::Table(table);
        match &mut self.form {
            Form::Packed(_) => self.form = Form::Large(Box::new(Large { body, mortals: Mortals::default() })),
            Form::Large(large) => large.body = body,
        }
    }
}

impl Perishable for Hash {
    #[inline]
    fn mortals(&self) -> Option<&Mortals> {
        match &self.form {
            Form::Packed(_) => None,
            Form::Large(large) => Some(&large.mortals),
        }
    }

    #[inline]
    fn mortals_mut(&mut self) -> Option<&mut Mortals> {
        match &mut self.form {
            Form::Packed(_) => None,
            Form::Large(large) => Some(&mut large.mortals),
        }
    }

    fn make_room(&mut self, _thresholds: &Thresholds) {
        if let Form::Packed(packed) = &mut self.form {
            let body = Body::Packed(std::mem::take(packed));
            self.form = Form::Large(Box::new(Large { body, mortals: Mortals::default() }));
        }
    }

    fn holds(&self, member: &[u8]) -> bool {
        self.contains(member)
    }

    fn drop_member(&mut self, member: &[u8]) -> bool {
        self.remove(member)
    }

    fn members(&self) -> usize {
        self.len()
    }
}

/// The elements of a row, two at a time.
#[derive(Clone, Debug)]
struct Pairs<'a> {
    row: entries::Iter<'a>,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Element<'a>, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.row.next()?, self.row.next()?))
    }
}

impl Typed for Hash {
    const KIND: Kind = Kind::Hash;

    fn from_value(value: Value) -> Option<Box<Hash>> {
        match value {
            Value::Hash(hash) => Some(hash),
            _ => None,
        }
    }

    fn into_value(self: Box<Hash>) -> Value {
        Value::Hash(self)
    }

    fn heap_bytes(&self) -> usize {
        self.heap_bytes()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    #[inline]
    fn next_deadline(&self) -> Option<UnixMillis> {
        self.earliest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn word() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            6 => (0..40i64).prop_map(|number| number.to_string().into_bytes()),
            3 => (b'a'..b'm', 0..14usize).prop_map(|(byte, len)| vec![byte; len]),
            1 => (any::<u8>(), prop::sample::select(vec![63usize, 64, 127, 128, 9000])).prop_map(|(byte, len)| vec![byte; len]),
        ]
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(Vec<u8>, Vec<u8>),
        SetNew(Vec<u8>, Vec<u8>),
        Remove(Vec<u8>),
        Random(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (word(), word()).prop_map(|(field, value)| Step::Set(field, value)),
            1 => (word(), word()).prop_map(|(field, value)| Step::SetNew(field, value)),
            3 => word().prop_map(Step::Remove),
            1 => any::<u64>().prop_map(Step::Random),
        ]
    }

    fn owned((field, value): (Element<'_>, Element<'_>)) -> (Vec<u8>, Vec<u8>) {
        (field.to_vec(), value.to_vec())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_hash_is_a_map(
            entries in 0..12usize,
            longest in prop::sample::select(vec![4usize, 64, 10_000]),
            steps in prop::collection::vec(step(), 1..200),
        ) {
            let thresholds = Thresholds { hash_listpack_entries: entries, hash_listpack_value: longest, ..Thresholds::default() };
            let (mut hash, mut model) = (Hash::new(), HashMap::new());
            for step in steps {
                match step {
                    Step::Set(field, value) => {
                        prop_assert_eq!(hash.set(&field, &value, &thresholds), !model.contains_key(&field));
                        prop_assert_eq!(hash.get(&field).map(Element::to_vec), Some(value.clone()));
                        model.insert(field, value);
                    }
                    Step::SetNew(field, value) => {
                        prop_assert_eq!(hash.set_new(&field, &value, &thresholds), !model.contains_key(&field));
                        model.entry(field).or_insert(value);
                    }
                    Step::Remove(field) => {
                        prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                        prop_assert!(!hash.contains(&field));
                    }
                    Step::Random(seed) => match hash.random(seed).map(owned) {
                        Some((field, value)) => prop_assert_eq!(model.get(&field), Some(&value)),
                        None => prop_assert!(model.is_empty()),
                    },
                }
                prop_assert_eq!(hash.len(), model.len());
                prop_assert_eq!(hash.is_empty(), model.is_empty());
                let pairs: Vec<_> = hash.iter().map(owned).collect();
                prop_assert_eq!(pairs.len(), model.len());
                prop_assert_eq!(&pairs.into_iter().collect::<HashMap<_, _>>(), &model);
                if let View::Packed(packed) = hash.view() {
                    prop_assert!(packed.len() <= 2 * entries);
                    prop_assert!(packed.iter().all(|element| element.len() <= longest));
                    let again = Hash::from_packed(packed.clone(), &thresholds).unwrap();
                    prop_assert_eq!(again.encoding(), "listpack");
                }
                if let View::Table(table) = hash.view() {
                    table.assert_sound();
                }
            }
        }
    }

    #[test]
    fn a_hash_becomes_a_table_behind_its_thresholds() {
        let thresholds = Thresholds::default();
        let mut hash = Hash::new();
        for number in 0..512 {
            assert!(hash.set(format!("f{number}").as_bytes(), &[b'v'; 64], &thresholds));
        }
        assert_eq!(hash.encoding(), "listpack");
        assert!(!hash.set(b"f0", b"other", &thresholds));
        assert_eq!(hash.encoding(), "listpack");
        assert!(hash.set(b"one more", b"", &thresholds));
        assert_eq!((hash.encoding(), hash.len()), ("hashtable", 513));

        let mut hash = Hash::new();
        assert!(hash.set(b"f", &[b'v'; 65], &thresholds));
        assert_eq!(hash.encoding(), "hashtable");
    }

    #[test]
    fn a_row_with_a_field_twice_is_no_hash() {
        let thresholds = Thresholds::default();
        let mut row = Packed::new();
        for word in ["a", "1", "b", "2", "a"] {
            row.push_back(Element::of(word.as_bytes()));
        }
        assert!(Hash::from_packed(row.clone(), &thresholds).is_none());
        row.push_back(Element::Integer(3));
        assert!(Hash::from_packed(row, &thresholds).is_none());
    }

    #[test]
    fn fields_with_deadlines_are_told_and_made_again() {
        for (entries, encoding) in [(10, "listpackex"), (2, "hashtable")] {
            let thresholds = Thresholds { hash_listpack_entries: entries, ..Thresholds::default() };
            let fields: [(&[u8], &[u8], _); 3] =
                [(b"a", b"1", None), (b"7", b"seven", Some(UnixMillis(20))), (b"c", b"", Some(UnixMillis(10)))];
            let hash = Hash::from_fields(fields, &thresholds).expect("each field comes once");
            assert_eq!((hash.encoding(), hash.len(), hash.earliest()), (encoding, 3, Some(UnixMillis(10))));
            let owned = |hash: &Hash| -> Vec<_> {
                let mut told: Vec<_> =
                    hash.iter_with_deadlines().map(|(field, value, deadline)| (field.to_vec(), value.to_vec(), deadline)).collect();
                told.sort();
                told
            };
            let mut expected: Vec<_> = fields.iter().map(|(field, value, deadline)| (field.to_vec(), value.to_vec(), *deadline)).collect();
            expected.sort();
            assert_eq!(owned(&hash), expected);
            assert_eq!(owned(&hash.duplicate()), expected);
            assert!(Hash::from_fields(fields.into_iter().chain([(&b"a"[..], &b"2"[..], None)]), &thresholds).is_none());
        }
    }

    #[test]
    fn a_hash_gives_back_what_its_deadlines_took() {
        let thresholds = Thresholds::default();
        let mut hash = Hash::new();
        for number in 0..400 {
            hash.set(format!("f{number}").as_bytes(), b"v", &thresholds);
        }
        hash.make_room(&thresholds);
        let before = hash.heap_bytes();
        for number in 0..400 {
            hash.give_deadline(format!("f{number}").as_bytes(), UnixMillis(number), &thresholds);
        }
        assert!(hash.heap_bytes() > before + 400 * 24);
        for number in 0..400 {
            assert!(hash.take_deadline(format!("f{number}").as_bytes()));
        }
        assert_eq!((hash.heap_bytes(), hash.earliest()), (before, None));
    }

    #[test]
    fn a_small_hash_is_its_block_and_two_words() {
        assert_eq!(size_of::<Hash>(), 16);
    }
}
