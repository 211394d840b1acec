//! A hash: fields and values in one packed row while they are few and short, then a table of pairs.
//!
//! A pair of the table is one block: the length of the field, the field, the value. The length is shifted left by one bit, which is
//! kept
//! for a deadline of the field: eight bytes would follow the length. A packed hash with deadlines will be a row of triples, as in
//! Redis.

use super::packed::Packed;
use super::table::{Item, Table};
use super::{Element, Thresholds, below, entries};
use crate::store::memory::size_class;
use crate::store::value::{Kind, Typed, Value};

/// Fields and their values.
#[derive(Clone, Debug, Default)]
pub struct Hash {
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// Field, value, field, value.
    Packed(Packed),
    Table(Box<Table<Pair>>),
}

impl Default for Form {
    fn default() -> Form {
        Form::Packed(Packed::new())
    }
}

/// Bits of a field's length that fit into a byte: seven, of which the lowest of the first byte is kept.
const LENGTH_BITS: u32 = 7;

/// A field and its value in one block.
#[derive(Clone, Debug)]
struct Pair {
    /// The length of the field times two, seven bits to a byte, low bits first, a set top bit where more follow; field; value.
    block: Box<[u8]>,
}

impl Pair {
    fn new(field: &[u8], value: &[u8]) -> Pair {
        let mut head = [0u8; 10];
        let mut head_len = 0;
        // Lengths are below isize::MAX, so that the shift loses nothing.
        let mut rest = (field.len() as u64) << 1;
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
        (head_len, head_len + (length >> 1) as usize)
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

    /// The packed row, if the encoding is "listpack".
    pub fn packed(&self) -> Option<&Packed> {
        match &self.form {
            Form::Packed(packed) => Some(packed),
            Form::Table(_) => None,
        }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Packed(packed) => packed.len() / 2,
            Form::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match self.form {
            Form::Packed(_) => "listpack",
            Form::Table(_) => "hashtable",
        }
    }

    /// The memory it owns beyond its own fields.
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Packed(packed) => packed.heap_bytes(),
            Form::Table(table) => size_class(size_of::<Table<Pair>>()) + table.heap_bytes(),
        }
    }

    /// A deep copy.
    pub fn duplicate(&self) -> Hash {
        self.clone()
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<Element<'_>> {
        match &self.form {
            Form::Packed(packed) => {
                let entries = packed.entries();
                let at = entries.find(entries.first()?, field, 1)?;
                entries.get(entries.next(at)?)
            }
            Form::Table(table) => table.get(field).map(|pair| Element::Bytes(pair.value())),
        }
    }

    pub fn contains(&self, field: &[u8]) -> bool {
        self.get(field).is_some()
    }

    /// Gives a field a value; true if the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], thresholds: &Thresholds) -> bool {
        if let Form::Packed(packed) = &mut self.form {
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
        let Form::Table(table) = &mut self.form else { return false };
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
        match &mut self.form {
            Form::Packed(packed) => {
                let row = packed.entries();
                let Some(at) = row.first().and_then(|first| row.find(first, field, 1)) else { return false };
                packed.remove(at, 2) > 0
            }
            Form::Table(table) => table.remove(field).is_some(),
        }
    }

    /// Every field with its value once: packed ones in the order they came, those of a table in none.
    pub fn iter(&self) -> impl Iterator<Item = (Element<'_>, Element<'_>)> + Clone + '_ {
        let (packed, table) = match &self.form {
            Form::Packed(packed) => (Some(Pairs { row: packed.iter() }), None),
            Form::Table(table) => (None, Some(table.iter())),
        };
        let pairs = table.into_iter().flatten().map(|pair| (Element::Bytes(pair.key()), Element::Bytes(pair.value())));
        packed.into_iter().flatten().chain(pairs)
    }

    /// A field with its value, each as likely as any other. Different seeds give different picks.
    pub fn random(&self, seed: u64) -> Option<(Element<'_>, Element<'_>)> {
        match &self.form {
            Form::Packed(packed) => {
                let entries = packed.entries();
                let mut seed = seed;
                let at = entries.seek(i64::try_from(below(self.len(), &mut seed)).ok()?.checked_mul(2)?)?;
                Some((entries.get(at)?, entries.get(entries.next(at)?)?))
            }
            Form::Table(table) => table.random(seed).map(|pair| (Element::Bytes(pair.key()), Element::Bytes(pair.value()))),
        }
    }

    /// Shows some fields with their values and returns the cursor to go on with, 0 when all have been shown: a packed hash is shown
    /// at once,
    /// of a table about fifty at a time. What stays from 0 to 0 is shown at least once.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(Element<'_>, Element<'_>)) -> u64 {
        match &self.form {
            Form::Packed(_) => {
                self.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            Form::Table(table) => table.scan(cursor, |pair| visit(Element::Bytes(pair.key()), Element::Bytes(pair.value()))),
        }
    }

    fn make_table(&mut self, thresholds: &Thresholds) {
        if let Form::Packed(packed) = &self.form {
            let mut table = Table::new(thresholds.hash_seeds);
            for (field, value) in (Pairs { row: packed.iter() }) {
                table.insert_new(Pair::new(field.bytes(&mut [0; 20]), value.bytes(&mut [0; 20])));
            }
            self.form = Form::Table(Box::new(table));
        }
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
                if let Form::Packed(packed) = &hash.form {
                    prop_assert!(packed.len() <= 2 * entries);
                    prop_assert!(packed.iter().all(|element| element.len() <= longest));
                    let again = Hash::from_packed(packed.clone(), &thresholds).unwrap();
                    prop_assert_eq!(again.encoding(), "listpack");
                }
                if let Form::Table(table) = &hash.form {
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
    fn a_small_hash_is_its_block_and_two_words() {
        assert_eq!(size_of::<Hash>(), 16);
    }
}
