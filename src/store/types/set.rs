//! A set: a sorted array of integers, or a packed row of short members, while they are few; then a table.
//!
//! The two small forms share one block, so that a small set costs no more than that block: its first byte says which it is.

use super::intset::{self, IntSet, Integers};
use super::packed::{self, Packed};
use super::pocket::Pocket;
use super::table::{Item, Table};
use super::{DIGITS_MAX, Element, Mortals, Perishable, Thresholds, below, canonical_integer, digits, entries, scramble};
use crate::store::memory::size_class;
use crate::store::value::{Kind, Typed, Value};
use crate::time::UnixMillis;
use std::collections::HashSet;

/// Of a table, at most one member in so many is drawn until enough are different; of more, all are walked and some passed over.
const DRAWN_OF: usize = 3;

/// Members, each once.
#[derive(Clone, Debug, Default)]
pub struct Set {
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// The block of an `IntSet` or of a `Packed`; that of a few integers lies in place.
    Small(Pocket),
    Table(Box<Large>),
}

/// A table, and the deadlines of its members. A set whose members shall have deadlines becomes a table.
#[derive(Clone, Debug)]
struct Large {
    table: Table<Member>,
    mortals: Mortals,
}

impl Default for Form {
    fn default() -> Form {
        Form::Small(Pocket::default())
    }
}

/// What is in a set, by form.
#[derive(Clone, Copy, Debug)]
enum View<'a> {
    Integers(Integers<'a>),
    Row(entries::Entries<'a>, usize),
    Table(&'a Table<Member>),
}

#[derive(Clone, Debug)]
struct Member {
    bytes: Box<[u8]>,
}

impl Item for Member {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        size_class(self.bytes.len())
    }

    #[inline]
    fn block(&self) -> &[u8] {
        &self.bytes
    }
}

impl Set {
    pub fn new() -> Set {
        Set::default()
    }

    /// Chooses a form for members to come, of which `first` is the first: as Redis does before SADD and for the results of
    /// SUNIONSTORE and
    /// kin. `count` is how many may come; for a set that is there already, it can only make a table of it.
    pub fn expect(&mut self, first: &[u8], count: usize, thresholds: &Thresholds) {
        let row_fits = count <= thresholds.set_listpack_entries;
        let table = match self.view() {
            _ if self.is_empty() => {
                let integers = canonical_integer(first).is_some() && count <= thresholds.set_intset_entries;
                self.form = Form::Small(if integers { Pocket::default() } else { Pocket::Block(Packed::begun().into_block()) });
                !integers && !row_fits
            }
            View::Integers(_) => count > thresholds.set_intset_entries,
            View::Row(..) => !row_fits,
            View::Table(_) => false,
        };
        if table {
            self.make_table(thresholds);
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        match self.view() {
            View::Integers(integers) => integers.len(),
            View::Row(_, count) => count,
            View::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match self.view() {
            View::Integers(_) => "intset",
            View::Row(..) => "listpack",
            View::Table(_) => "hashtable",
        }
    }

    /// The memory it owns beyond its own fields.
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Small(block) => block.heap_bytes(),
            Form::Table(large) => size_class(size_of::<Large>()) + large.table.heap_bytes() + large.mortals.heap_bytes(),
        }
    }

    /// A deep copy.
    pub fn duplicate(&self) -> Set {
        self.clone()
    }

    /// The sorted integers, if the encoding is "intset".
    pub fn integers(&self) -> Option<Integers<'_>> {
        match self.view() {
            View::Integers(integers) => Some(integers),
            _ => None,
        }
    }

    /// The packed row, if the encoding is "listpack".
    pub fn row(&self) -> Option<entries::Entries<'_>> {
        match self.view() {
            View::Row(row, _) => Some(row),
            _ => None,
        }
    }

    pub fn contains(&self, member: &[u8]) -> bool {
        match self.view() {
            View::Integers(integers) => canonical_integer(member).is_some_and(|number| integers.contains(number)),
            View::Row(row, _) => row.find(entries::Position(0), member, 0).is_some(),
            View::Table(table) => table.contains(member),
        }
    }

    /// As [`Set::contains`], of a member of another set.
    pub fn has(&self, member: Element<'_>) -> bool {
        match (self.view(), member) {
            (View::Integers(integers), _) => member.integer().is_some_and(|number| integers.contains(number)),
            _ => self.contains(member.bytes(&mut [0; DIGITS_MAX])),
        }
    }

    /// Adds a member, without a deadline; false if it was there.
    pub fn add(&mut self, member: &[u8], thresholds: &Thresholds) -> bool {
        match &mut self.form {
            Form::Small(block) if intset::is_marked(block) || block.is_empty() => match canonical_integer(member) {
                Some(number) => self.add_to_integers(number, thresholds),
                None => self.add_to_integers_other(member, thresholds),
            },
            Form::Small(_) => self.add_to_row(member, thresholds),
            Form::Table(large) => {
                large.mortals.clear(member);
                add_to_table(&mut large.table, member)
            }
        }
    }

    /// Removes a member; false if it was not there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.form {
            Form::Small(block) if intset::is_marked(block) => {
                canonical_integer(member).is_some_and(|number| edit_integers(block, |integers| integers.remove(number)))
            }
            Form::Small(block) => {
                let Some(at) = packed::entries_of(block).find(entries::Position(0), member, 0) else { return false };
                edit_row(block, |row| row.remove(at, 1)) > 0
            }
            Form::Table(large) => {
                large.mortals.clear(member);
                large.table.remove(member).is_some()
            }
        }
    }

    /// A member, each as likely as any other. Different seeds give different picks.
    pub fn random(&self, seed: u64) -> Option<Element<'_>> {
        let mut seed = seed;
        match self.view() {
            View::Integers(integers) => integers.get(below(integers.len(), &mut seed)).map(Element::Integer),
            View::Row(row, count) => row.get(row.seek(i64::try_from(below(count, &mut seed)).ok()?)?),
            View::Table(table) => table.random(seed).map(|member| Element::Bytes(&member.bytes)),
        }
    }

    /// Shows members, each drawn from all of them, until `visit` says that it is enough. Nothing if the set is empty.
    pub fn draw<'a>(&'a self, seed: u64, mut visit: impl FnMut(Element<'a>) -> bool) {
        let mut seed = seed;
        if let View::Table(table) = self.view() {
            while let Some(member) = table.random(scramble(&mut seed)) {
                if !visit(Element::Bytes(&member.bytes)) {
                    return;
                }
            }
            return;
        }
        // A place in a packed row is found by walking to it: once for all of them.
        let members: Vec<Element<'a>> = self.iter().collect();
        while let Some(member) = members.get(below(members.len(), &mut seed)) {
            if !visit(*member) {
                return;
            }
        }
    }

    /// Shows `count` different members, every choice of them as likely as any other; all of them if there are no more. They come in the
    /// order of [`Set::iter`] or in none.
    pub fn sample<'a>(&'a self, count: usize, seed: u64, mut visit: impl FnMut(Element<'a>)) {
        let mut seed = seed;
        let (mut wanted, mut left) = (count.min(self.len()), self.len());
        if let View::Table(table) = self.view()
            && wanted <= left / DRAWN_OF
        {
            let mut drawn = HashSet::with_capacity(wanted);
            while drawn.len() < wanted {
                let Some(member) = table.random(scramble(&mut seed)) else { return };
                if drawn.insert(std::ptr::from_ref(member)) {
                    visit(Element::Bytes(&member.bytes));
                }
            }
            return;
        }
        // Each is taken with the chance that those still wanted have among those still to come.
        for member in self.iter() {
            if wanted == 0 {
                return;
            }
            if below(left, &mut seed) < wanted {
                visit(member);
                wanted -= 1;
            }
            left -= 1;
        }
    }

    /// Takes a member out, each as likely as any other; `visit` sees it while it goes. None if the set is empty.
    pub fn pop_random<R>(&mut self, seed: u64, visit: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        if let Form::Table(large) = &mut self.form {
            let member = large.table.pop_random(seed)?;
            large.mortals.clear(&member.bytes);
            return Some(visit(Element::Bytes(&member.bytes)));
        }
        let mut seed = seed;
        let index = below(self.len(), &mut seed);
        let Form::Small(block) = &mut self.form else { return None };
        if intset::is_marked(block) {
            let number = intset::integers_of(block).get(index)?;
            edit_integers(block, |integers| integers.remove(number));
            Some(visit(Element::Integer(number)))
        } else {
            let row = packed::entries_of(block);
            let at = row.seek(i64::try_from(index).ok()?)?;
            let result = visit(row.get(at)?);
            edit_row(block, |row| row.remove(at, 1));
            Some(result)
        }
    }

    /// Every member once: integers in order, packed ones as they came, those of a table in none.
    pub fn iter(&self) -> impl Iterator<Item = Element<'_>> + Clone + '_ {
        let (integers, row, table) = match self.view() {
            View::Integers(integers) => (Some(integers.iter()), None, None),
            View::Row(row, _) => (None, Some(row.iter()), None),
            View::Table(table) => (None, None, Some(table.iter())),
        };
        let integers = integers.into_iter().flatten().map(Element::Integer);
        let members = table.into_iter().flatten().map(|member| Element::Bytes(&member.bytes));
        integers.chain(row.into_iter().flatten()).chain(members)
    }

    /// Shows some members and returns the cursor to go on with, 0 when all have been shown: a small set is shown at once, of a
    /// table about
    /// fifty at a time. What stays from 0 to 0 is shown at least once.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(Element<'_>)) -> u64 {
        match self.view() {
            View::Table(table) => table.scan(cursor, |member| visit(Element::Bytes(&member.bytes))),
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    fn view(&self) -> View<'_> {
        match &self.form {
            Form::Small(block) if intset::is_marked(block) => View::Integers(intset::integers_of(block)),
            Form::Small(block) => View::Row(packed::entries_of(block), packed::count_of(block)),
            Form::Table(large) => View::Table(&large.table),
        }
    }

    fn add_to_integers(&mut self, number: i64, thresholds: &Thresholds) -> bool {
        let Form::Small(block) = &mut self.form else { return false };
        let len = intset::integers_of(block).len();
        if len < thresholds.set_intset_entries.min(IntSet::LEN_MAX) {
            return insert_integer(block, number);
        }
        if len == 0 {
            return self.add_to_integers_other(digits(number, &mut [0; DIGITS_MAX]), thresholds);
        }
        if intset::integers_of(block).contains(number) {
            return false;
        }
        // Redis makes a table of integers that become too many, even where a packed row could hold them.
        self.make_table(thresholds);
        self.add(digits(number, &mut [0; DIGITS_MAX]), thresholds)
    }

    /// Adds what is not an integer to integers, or to nothing: they become a packed row, if that may hold them all, or a table.
    fn add_to_integers_other(&mut self, member: &[u8], thresholds: &Thresholds) -> bool {
        let Form::Small(block) = &mut self.form else { return false };
        let integers = intset::integers_of(block);
        let longest = [integers.get(0), integers.len().checked_sub(1).and_then(|last| integers.get(last))];
        let longest = longest.into_iter().flatten().map(|number| digits(number, &mut [0; DIGITS_MAX]).len()).max().unwrap_or(0);
        let fits = integers.len() < thresholds.set_listpack_entries
            && member.len().max(longest) <= thresholds.set_listpack_value
            && entries::string_bytes(member.len()).saturating_add(integers.len().saturating_mul(2 * DIGITS_MAX)) <= Packed::BYTES_MAX;
        if fits {
            let mut row = Packed::new();
            integers.iter().for_each(|number| row.push_back(Element::Integer(number)));
            row.push_back(Element::of(member));
            *block = Pocket::Block(row.into_block());
            return true;
        }
        self.make_table(thresholds);
        self.add(member, thresholds)
    }

    fn add_to_row(&mut self, member: &[u8], thresholds: &Thresholds) -> bool {
        let Form::Small(block) = &mut self.form else { return false };
        let row = packed::entries_of(block);
        if row.find(entries::Position(0), member, 0).is_some() {
            return false;
        }
        let room = row.as_bytes().len().saturating_add(entries::string_bytes(member.len())) <= Packed::BYTES_MAX;
        if room && packed::count_of(block) < thresholds.set_listpack_entries && member.len() <= thresholds.set_listpack_value {
            edit_row(block, |row| row.push_back(Element::of(member)));
            return true;
        }
        self.make_table(thresholds);
        self.add(member, thresholds)
    }

    fn make_table(&mut self, thresholds: &Thresholds) {
        let mut table = Table::new(thresholds.hash_seeds);
        for element in self.iter() {
            table.insert_new(Member { bytes: element.bytes(&mut [0; DIGITS_MAX]).into() });
        }
        self.form = Form::Table(Box::new(Large { table, mortals: Mortals::default() }));
    }
}

fn add_to_table(table: &mut Table<Member>, member: &[u8]) -> bool {
    if table.contains(member) {
        return false;
    }
    table.insert_new(Member { bytes: member.into() });
    true
}

fn insert_integer(block: &mut Pocket, number: i64) -> bool {
    if block.is_empty() {
        *block = Pocket::here();
        intset::begin(block, number);
    }
    intset::insert_into(block, number).unwrap_or_else(|| edit_integers(block, |integers| integers.insert(number)))
}

fn edit_integers<R>(block: &mut Pocket, change: impl FnOnce(&mut IntSet) -> R) -> R {
    let mut integers = IntSet::from_block(block.take());
    let result = change(&mut integers);
    let used = integers.used();
    *block = Pocket::of(integers.into_block(), used);
    result
}

fn edit_row<R>(block: &mut Pocket, change: impl FnOnce(&mut Packed) -> R) -> R {
    let mut row = Packed::from_block(block.take());
    let result = change(&mut row);
    *block = Pocket::Block(row.into_block());
    result
}

impl Perishable for Set {
    #[inline]
    fn mortals(&self) -> Option<&Mortals> {
        match &self.form {
            Form::Small(_) => None,
            Form::Table(large) => Some(&large.mortals),
        }
    }

    #[inline]
    fn mortals_mut(&mut self) -> Option<&mut Mortals> {
        match &mut self.form {
            Form::Small(_) => None,
            Form::Table(large) => Some(&mut large.mortals),
        }
    }

    fn make_room(&mut self, thresholds: &Thresholds) {
        if let Form::Small(_) = self.form {
            self.make_table(thresholds);
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

impl Typed for Set {
    const KIND: Kind = Kind::Set;

    fn from_value(value: Value) -> Option<Box<Set>> {
        match value {
            Value::Set(set) => Some(set),
            _ => None,
        }
    }

    fn into_value(self: Box<Set>) -> Value {
        Value::Set(self)
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
    use std::collections::BTreeSet;

    fn word() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => (-4..30i64).prop_map(|number| number.to_string().into_bytes()),
            1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
            1 => (b'a'..=b'z', 0..10usize).prop_map(|(byte, len)| vec![byte; len]),
        ]
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add(Vec<u8>),
        Remove(Vec<u8>),
        Pop(u64),
        Random(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => word().prop_map(Step::Add),
            3 => word().prop_map(Step::Remove),
            1 => any::<u64>().prop_map(Step::Pop),
            1 => any::<u64>().prop_map(Step::Random),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_set_is_a_set(integers in 0..20usize, entries in 0..20usize, longest in 1..30usize, steps in prop::collection::vec(step(), 1..150)) {
            let thresholds =
                Thresholds { set_intset_entries: integers, set_listpack_entries: entries, set_listpack_value: longest, ..Thresholds::default() };
            let (mut set, mut model) = (Set::new(), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Add(word) => {
                        prop_assert_eq!(set.contains(&word), model.contains(&word));
                        prop_assert_eq!(set.add(&word, &thresholds), model.insert(word.clone()));
                        prop_assert!(set.contains(&word));
                    }
                    Step::Remove(word) => {
                        prop_assert_eq!(set.remove(&word), model.remove(&word));
                        prop_assert!(!set.contains(&word));
                    }
                    Step::Pop(seed) => match set.pop_random(seed, |member| member.to_vec()) {
                        Some(word) => prop_assert!(model.remove(&word)),
                        None => prop_assert!(model.is_empty()),
                    },
                    Step::Random(seed) => match set.random(seed) {
                        Some(word) => prop_assert!(model.contains(&word.to_vec())),
                        None => prop_assert!(model.is_empty()),
                    },
                }
                prop_assert_eq!(set.len(), model.len());
                let words: BTreeSet<_> = set.iter().map(Element::to_vec).collect();
                prop_assert_eq!(&words, &model);
                prop_assert_eq!(set.iter().count(), model.len());
                match set.view() {
                    View::Integers(numbers) => prop_assert!(numbers.len() <= integers),
                    View::Row(row, count) => {
                        prop_assert!(count <= entries && row.iter().all(|element| element.len() <= longest));
                        prop_assert_eq!(row.count(), count);
                    }
                    View::Table(table) => table.assert_sound(),
                }
            }
        }
    }

    #[test]
    fn samples_are_different_members_and_fair() {
        let thresholds = Thresholds::default();
        for (size, count) in [(10u32, 4usize), (100, 30), (1000, 5), (1000, 900), (3, 7), (0, 2)] {
            for prefix in ["", "m"] {
                let set = of((0..size).map(|number| format!("{prefix}{number}")), &thresholds);
                let mut times = std::collections::BTreeMap::new();
                for seed in 0..400 {
                    let mut sample = BTreeSet::new();
                    set.sample(count, seed, |member| assert!(sample.insert(member.to_vec())));
                    assert_eq!(sample.len(), count.min(size as usize));
                    sample.into_iter().for_each(|member| *times.entry(member).or_insert(0u32) += 1);
                }
                let mean = 400.0 * count.min(size as usize) as f64 / f64::from(size.max(1));
                assert!(
                    times.values().all(|&times| f64::from(times) < mean + 8.0 * mean.sqrt() + 4.0),
                    "{prefix}{size} {count}: {times:?}"
                );
            }
        }
    }

    fn of(words: impl IntoIterator<Item = String>, thresholds: &Thresholds) -> Set {
        let mut set = Set::new();
        words.into_iter().for_each(|word| {
            set.add(word.as_bytes(), thresholds);
        });
        set
    }

    #[test]
    fn forms_change_where_those_of_redis_do() {
        let thresholds = Thresholds::default();
        let numbers = |count: u32| (0..count).map(|number| number.to_string());
        let texts = |count: u32| (0..count).map(|number| format!("t{number}"));
        assert_eq!(of(numbers(512), &thresholds).encoding(), "intset");
        assert_eq!(of(numbers(513), &thresholds).encoding(), "hashtable");
        assert_eq!(of(texts(128), &thresholds).encoding(), "listpack");
        assert_eq!(of(texts(129), &thresholds).encoding(), "hashtable");
        assert_eq!(of(numbers(127).chain(texts(1)), &thresholds).encoding(), "listpack");
        assert_eq!(of(numbers(128).chain(texts(1)), &thresholds).encoding(), "hashtable");
        assert_eq!(of(["x".repeat(64)], &thresholds).encoding(), "listpack");
        assert_eq!(of(["x".repeat(65)], &thresholds).encoding(), "hashtable");
    }

    #[test]
    fn what_is_expected_chooses_the_form() {
        let thresholds = Thresholds::default();
        for (first, count, encoding) in
            [("1", 512, "intset"), ("1", 513, "hashtable"), ("a", 128, "listpack"), ("a", 129, "hashtable"), ("1", 1, "intset")]
        {
            let mut set = Set::new();
            set.expect(first.as_bytes(), count, &thresholds);
            set.add(first.as_bytes(), &thresholds);
            assert_eq!((set.encoding(), set.len()), (encoding, 1), "{first} {count}");
        }
        let few_integers = Thresholds { set_intset_entries: 2, ..thresholds };
        let mut set = Set::new();
        set.expect(b"1", 3, &few_integers);
        for word in ["1", "2", "3"] {
            set.add(word.as_bytes(), &few_integers);
        }
        assert_eq!((set.encoding(), set.len()), ("listpack", 3));
        set.expect(b"4", 200, &few_integers);
        assert_eq!((set.encoding(), set.len()), ("hashtable", 3));
    }

    #[test]
    fn a_few_integers_lie_in_place() {
        assert_eq!(size_of::<Set>(), 24);
        let thresholds = Thresholds::default();
        let numbers = |count: i64, factor: i64| of((0..count).map(|number| (number * factor).to_string()), &thresholds);
        assert_eq!(numbers(9, 1000).heap_bytes(), 0);
        assert_eq!(numbers(10, 1000).heap_bytes(), 32);
        assert_eq!(numbers(4, 100_000).heap_bytes(), 0);
        let mut set = numbers(5, 100_000);
        assert_eq!(set.heap_bytes(), 32);
        assert!(set.remove(b"100000"));
        assert_eq!((set.heap_bytes(), set.len()), (0, 4));
        assert_eq!(of(["a".to_owned()], &thresholds).heap_bytes(), 16);
    }
}
