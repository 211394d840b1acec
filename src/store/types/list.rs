//! A list: one packed row while it is small, then a chain of them.
//!
//! Both ends are cheap in either form. An index is found by walking the nodes of a chain from the nearer end, then the elements of one
//! node. An element larger than what a node should hold has one of its own.

use super::chain::{self, Chain, Limit, Node};
use super::entries::{self, Entries, Position};
use super::packed::Packed;
use super::{Element, Thresholds};
use crate::store::value::{Kind, Typed, Value};
use std::collections::vec_deque;

pub use super::chain::{End, Side};

/// A list of elements.
#[derive(Clone, Debug, Default)]
pub struct List {
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    One(Packed),
    Many(Box<Chain>),
}

impl Default for Form {
    fn default() -> Form {
        Form::One(Packed::new())
    }
}

impl List {
    pub fn new() -> List {
        List::default()
    }

    pub fn len(&self) -> usize {
        match &self.form {
            Form::One(packed) => packed.len(),
            Form::Many(chain) => chain.len,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match self.form {
            Form::One(_) => "listpack",
            Form::Many(_) => "quicklist",
        }
    }

    /// The memory it owns beyond its own fields.
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::One(packed) => packed.heap_bytes(),
            Form::Many(chain) => chain.heap_bytes(),
        }
    }

    /// A deep copy.
    pub fn duplicate(&self) -> List {
        self.clone()
    }

    /// The packed rows in order, for DUMP and snapshots: one if the encoding is "listpack".
    pub fn rows(&self) -> impl Iterator<Item = Entries<'_>> {
        let (one, nodes) = match &self.form {
            Form::One(packed) => (Some(packed.entries()), None),
            Form::Many(chain) => (None, Some(chain.nodes.iter())),
        };
        one.into_iter().chain(nodes.into_iter().flatten().map(|node| node.packed.entries()))
    }

    /// Adds an element at an end.
    pub fn push(&mut self, end: End, word: &[u8], thresholds: &Thresholds) {
        self.add(end, Element::of(word), word.len(), Limit::of(thresholds));
    }

    /// As [`List::push`], of an element that was one already.
    pub fn push_element(&mut self, end: End, element: Element<'_>, thresholds: &Thresholds) {
        self.add(end, element, element.len(), Limit::of(thresholds));
    }

    /// The element at an end.
    pub fn peek(&self, end: End) -> Option<Element<'_>> {
        self.get(match end {
            End::Front => 0,
            End::Back => -1,
        })
    }

    /// Takes the element at an end out; `visit` sees it while it goes. None if the list is empty.
    pub fn pop<R>(&mut self, end: End, thresholds: &Thresholds, visit: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        match &mut self.form {
            Form::One(packed) => chain::pop_from(packed, end, visit),
            Form::Many(chain) => {
                let number = chain.end(end)?;
                let result = chain.edit(number, |packed| chain::pop_from(packed, end, visit));
                chain.drop_if_empty(number);
                if chain.nodes.len() <= 1 {
                    self.settle(thresholds);
                }
                result
            }
        }
    }

    /// The element `index` from the front, or, if negative, from the back: -1 is the last.
    pub fn get(&self, index: i64) -> Option<Element<'_>> {
        match &self.form {
            Form::One(packed) => packed.get(packed.entries().seek(index)?),
            Form::Many(chain) => {
                let (number, offset) = chain.locate(self.absolute(index)?)?;
                let packed = &chain.nodes.get(number)?.packed;
                packed.get(chain::seek_near(packed, offset)?)
            }
        }
    }

    /// Puts another element in the place of that one. False if there is none.
    pub fn set(&mut self, index: i64, word: &[u8], thresholds: &Thresholds) -> bool {
        let limit = Limit::of(thresholds);
        let Some(index) = self.absolute(index) else { return false };
        if let Form::One(packed) = &mut self.form {
            // One more element, although none is added: Redis reckons so, and its encoding shows.
            if limit.is_one(packed.used().saturating_add(word.len()), packed.len() + 1) {
                return chain::seek_near(packed, index).map(|at| packed.replace(at, Element::of(word))).is_some();
            }
            self.make_chain();
        }
        let Form::Many(chain) = &mut self.form else { return false };
        let Some((number, offset)) = chain.locate(index) else { return false };
        let done = chain.set(number, offset, word, limit);
        self.settle(thresholds);
        done
    }

    /// Puts an element beside the first one that is `pivot`. False if there is no such element.
    pub fn insert(&mut self, side: Side, pivot: &[u8], word: &[u8], thresholds: &Thresholds) -> bool {
        let limit = Limit::of(thresholds);
        if let Form::One(packed) = &mut self.form {
            let Some(at) = packed.entries().find(Position(0), pivot, 0) else { return false };
            if limit.is_one(packed.used().saturating_add(word.len()), packed.len() + 1) {
                packed.insert(chain::beside(packed, at, side), Element::of(word));
                return true;
            }
            self.make_chain();
        }
        let Form::Many(chain) = &mut self.form else { return false };
        let found =
            chain.nodes.iter().enumerate().find_map(|(number, node)| Some((number, node.packed.entries().find(Position(0), pivot, 0)?)));
        let Some((number, at)) = found else { return false };
        chain.insert(number, chain::beside(&chain.nodes[number].packed, at, side), word, limit);
        true
    }

    /// Removes elements that are `word`: the first `count`, the last `-count` if it is negative, all of them if it is 0. Returns
    /// how many
    /// went. One pass.
    pub fn remove(&mut self, count: i64, word: &[u8], thresholds: &Thresholds) -> usize {
        let quota = if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
        let from_back = count < 0;
        match &mut self.form {
            Form::One(packed) => chain::remove_from(packed, quota, from_back, word),
            Form::Many(chain) => {
                let removed = chain.remove(quota, from_back, word);
                if removed > 0 {
                    chain.gather(Limit::of(thresholds));
                    self.settle(thresholds);
                }
                removed
            }
        }
    }

    /// Keeps only the `count` elements from the one at `first` on, as [`List::span`] says where they are, and returns the nodes that went
    /// whole: there may be so many of them that freeing them is somebody else's work.
    pub fn trim(&mut self, first: usize, count: usize, thresholds: &Thresholds) -> List {
        match &mut self.form {
            _ if count == 0 => std::mem::take(self),
            Form::One(packed) => {
                chain::trim_row(packed, first, count);
                List::new()
            }
            Form::Many(chain) => {
                let gone = chain.trim(first, count);
                self.settle(thresholds);
                if gone.nodes.is_empty() { List::new() } else { List { form: Form::Many(Box::new(gone)) } }
            }
        }
    }

    /// Shows the indexes of elements that are `word`: LPOS. `rank` n begins with the nth match, -n with the nth from the back,
    /// going to the
    /// front; at most `count` matches are shown and `look_at` elements compared, where 0 means all.
    pub fn positions(&self, word: &[u8], rank: i64, count: usize, look_at: usize, mut visit: impl FnMut(usize)) {
        let len = self.len();
        let mut skip = rank.unsigned_abs().saturating_sub(1);
        let mut left = if count == 0 { usize::MAX } else { count };
        let wanted = Element::of(word);
        let look_at = if look_at == 0 { len } else { look_at.min(len) };
        // One match at `index`; whether to go on.
        let mut matched = |index: usize| {
            if skip > 0 {
                skip -= 1;
                return true;
            }
            visit(index);
            left -= 1;
            left > 0
        };
        if rank >= 0 {
            self.iter().take(look_at).enumerate().all(|(index, element)| element != wanted || matched(index));
        } else {
            self.iter_back().take(look_at).enumerate().all(|(index, element)| element != wanted || matched(len - 1 - index));
        }
    }

    /// The index of the first element and the number of elements from `start` to `stop`, both inclusive, negative ones counted from the
    /// back, as LRANGE and LTRIM have it.
    pub fn span(&self, start: i64, stop: i64) -> (usize, usize) {
        let len = i64::try_from(self.len()).unwrap_or(i64::MAX);
        let from_back = |index: i64| if index < 0 { index.saturating_add(len).max(-1) } else { index };
        let (start, stop) = (from_back(start).max(0), from_back(stop).min(len.saturating_sub(1)));
        match (usize::try_from(start), usize::try_from(stop)) {
            (Ok(start), Ok(stop)) if start <= stop => (start, stop - start + 1),
            _ => (0, 0),
        }
    }

    /// Shows `count` elements from the one at `first` on, a row at a time.
    pub fn for_range(&self, first: usize, count: usize, mut visit: impl FnMut(Element<'_>)) {
        let Iter { mut row, rest } = self.iter_from(first);
        let (mut rest, mut left) = (rest, count);
        loop {
            for element in row {
                if left == 0 {
                    return;
                }
                left -= 1;
                visit(element);
            }
            let Some(node) = rest.next() else { return };
            row = node.packed.iter();
        }
    }

    /// The elements from front to back.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(0)
    }

    /// The elements from the one at `index` to the back.
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        match &self.form {
            Form::One(packed) => Iter { row: row_from(packed, index), rest: Default::default() },
            Form::Many(chain) => match chain.locate(index) {
                Some((number, offset)) => {
                    Iter { row: row_from(&chain.nodes[number].packed, offset), rest: chain.nodes.range(number + 1..) }
                }
                None => Iter { row: Entries::new(&[]).iter(), rest: Default::default() },
            },
        }
    }

    /// The elements from back to front.
    pub fn iter_back(&self) -> IterBack<'_> {
        self.iter_back_from(self.len().saturating_sub(1))
    }

    /// The elements from the one at `index` to the front.
    pub fn iter_back_from(&self, index: usize) -> IterBack<'_> {
        match &self.form {
            Form::One(packed) => IterBack { row: row_up_to(packed, index), rest: Default::default() },
            Form::Many(chain) => match chain.locate(index) {
                Some((number, offset)) => {
                    IterBack { row: row_up_to(&chain.nodes[number].packed, offset), rest: chain.nodes.range(..number) }
                }
                None => IterBack { row: Entries::new(&[]).iter(), rest: Default::default() },
            },
        }
    }

    fn add(&mut self, end: End, element: Element<'_>, len: usize, limit: Limit) {
        if let Form::One(packed) = &mut self.form {
            if limit.is_one(packed.used().saturating_add(len), packed.len() + 1) {
                chain::push_to(packed, end, element);
                return;
            }
            self.make_chain();
        }
        if let Form::Many(chain) = &mut self.form {
            chain.push(end, element, len, limit);
        }
    }

    /// The index from the front of an index that may count from the back.
    fn absolute(&self, index: i64) -> Option<usize> {
        let index = if index < 0 { i64::try_from(self.len()).ok()?.checked_add(index)? } else { index };
        usize::try_from(index).ok().filter(|index| *index < self.len())
    }

    fn make_chain(&mut self) {
        if let Form::One(packed) = &mut self.form {
            let mut chain = Chain::default();
            chain.place(0, std::mem::take(packed));
            self.form = Form::Many(Box::new(chain));
        }
    }

    /// Makes one row of a chain that has become short.
    fn settle(&mut self, thresholds: &Thresholds) {
        let Form::Many(chain) = &mut self.form else { return };
        let one = match chain.nodes.front() {
            None => true,
            Some(node) => chain.nodes.len() == 1 && Limit::of(thresholds).is_little(node.packed.used(), chain.len),
        };
        if one {
            let packed = chain.nodes.pop_front().map(|node| node.packed).unwrap_or_default();
            self.form = Form::One(packed);
        }
    }
}

fn row_from(row: &Packed, offset: usize) -> entries::Iter<'_> {
    row.entries().iter_from(chain::seek_near(row, offset).unwrap_or(row.entries().end()))
}

fn row_up_to(row: &Packed, offset: usize) -> entries::Iter<'_> {
    let end = row.entries().end();
    let behind = chain::seek_near(row, offset).and_then(|at| row.entries().after(at));
    row.entries().iter_before(behind.unwrap_or(end))
}

/// Elements of a list, from front to back.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    row: entries::Iter<'a>,
    rest: vec_deque::Iter<'a, Node>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            if let Some(element) = self.row.next() {
                return Some(element);
            }
            self.row = self.rest.next()?.packed.iter();
        }
    }
}

/// Elements of a list, from back to front.
#[derive(Clone, Debug)]
pub struct IterBack<'a> {
    row: entries::Iter<'a>,
    rest: vec_deque::Iter<'a, Node>,
}

impl<'a> Iterator for IterBack<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            if let Some(element) = self.row.next_back() {
                return Some(element);
            }
            self.row = self.rest.next_back()?.packed.iter();
        }
    }
}

impl Typed for List {
    const KIND: Kind = Kind::List;

    fn from_value(value: Value) -> Option<Box<List>> {
        match value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    fn into_value(self: Box<List>) -> Value {
        Value::List(self)
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

    fn word() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            4 => (0..6u8).prop_map(|byte| vec![b'a' + byte]),
            3 => (-3..300i64).prop_map(|number| number.to_string().into_bytes()),
            2 => (any::<u8>(), 0..60usize).prop_map(|(byte, len)| vec![byte; len]),
            1 => (any::<u8>(), 3000..6000usize).prop_map(|(byte, len)| vec![byte; len]),
        ]
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(End, Vec<Vec<u8>>),
        Pop(End, usize),
        Set(i64, Vec<u8>),
        Insert(Side, Vec<u8>, Vec<u8>),
        Remove(i64, Vec<u8>),
        Trim(i64, i64),
        Positions(Vec<u8>, i64, usize, usize),
        From(usize),
    }

    fn end() -> impl Strategy<Value = End> {
        prop_oneof![Just(End::Front), Just(End::Back)]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            10 => (end(), prop::collection::vec(word(), 1..20)).prop_map(|(end, words)| Step::Push(end, words)),
            5 => (end(), 1..12usize).prop_map(|(end, count)| Step::Pop(end, count)),
            5 => (-60..60i64, word()).prop_map(|(index, word)| Step::Set(index, word)),
            5 => (prop_oneof![Just(Side::Before), Just(Side::After)], word(), word()).prop_map(|(side, pivot, word)| Step::Insert(side, pivot, word)),
            3 => (-4..4i64, word()).prop_map(|(count, word)| Step::Remove(count, word)),
            1 => (-90..20i64, -30..90i64).prop_map(|(start, stop)| Step::Trim(start, stop)),
            2 => (word(), prop_oneof![-3..0i64, 1..4i64], 0..3usize, 0..30usize).prop_map(|(word, rank, count, look_at)| Step::Positions(word, rank, count, look_at)),
            2 => (0..100usize).prop_map(Step::From),
        ]
    }

    /// What LPOS says, by the book.
    fn model_positions(model: &[Vec<u8>], word: &[u8], rank: i64, count: usize, look_at: usize) -> Vec<usize> {
        let mut indexes: Vec<_> = (0..model.len()).collect();
        if rank < 0 {
            indexes.reverse();
        }
        indexes.truncate(if look_at == 0 { usize::MAX } else { look_at });
        let matches = indexes.into_iter().filter(|index| model[*index] == word).skip(rank.unsigned_abs() as usize - 1);
        matches.take(if count == 0 { usize::MAX } else { count }).collect()
    }

    fn model_index(model: &[Vec<u8>], index: i64) -> Option<usize> {
        let index = if index < 0 { index + model.len() as i64 } else { index };
        usize::try_from(index).ok().filter(|index| *index < model.len())
    }

    fn assert_same(list: &List, model: &[Vec<u8>]) {
        assert_eq!(list.iter().map(Element::to_vec).collect::<Vec<_>>(), model);
        let mut back: Vec<_> = list.iter_back().map(Element::to_vec).collect();
        back.reverse();
        assert_eq!(back, model);
        assert_eq!(list.len(), model.len());
        assert_eq!(list.is_empty(), model.is_empty());
        recount(list);
        assert_eq!(list.duplicate().iter().count(), model.len());
        assert_eq!(list.rows().map(|row| row.count()).sum::<usize>(), model.len());
    }

    /// What a list counts of itself is what is there.
    fn recount(list: &List) {
        let counted = match &list.form {
            Form::One(packed) => packed.heap_bytes(),
            Form::Many(chain) => {
                assert!(chain.nodes.iter().all(|node| node.count() == node.packed.len() && node.count() > 0));
                chain.recount()
            }
        };
        assert_eq!(list.heap_bytes(), counted);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_list_is_a_vector(size in prop::sample::select(vec![-2i64, -1, 1, 2, 5, 128]), steps in prop::collection::vec(step(), 1..80)) {
            let thresholds = Thresholds { list_listpack_size: size, ..Thresholds::default() };
            let mut list = List::new();
            let mut model: Vec<Vec<u8>> = Vec::new();
            for step in steps {
                match step {
                    Step::Push(end, words) => for word in words {
                        list.push(end, &word, &thresholds);
                        model.insert(if end == End::Front { 0 } else { model.len() }, word);
                    },
                    Step::Pop(end, count) => for _ in 0..count {
                        let wanted = if end == End::Front { model.first().cloned() } else { model.last().cloned() };
                        prop_assert_eq!(list.peek(end).map(Element::to_vec), wanted.clone());
                        prop_assert_eq!(list.pop(end, &thresholds, |element| element.to_vec()), wanted);
                        if !model.is_empty() {
                            model.remove(if end == End::Front { 0 } else { model.len() - 1 });
                        }
                    },
                    Step::Set(index, word) => {
                        let at = model_index(&model, index);
                        prop_assert_eq!(list.get(index).map(Element::to_vec), at.map(|at| model[at].clone()));
                        prop_assert_eq!(list.set(index, &word, &thresholds), at.is_some());
                        if let Some(at) = at {
                            model[at] = word;
                        }
                    }
                    Step::Insert(side, pivot, word) => {
                        let at = model.iter().position(|other| *other == pivot);
                        prop_assert_eq!(list.insert(side, &pivot, &word, &thresholds), at.is_some());
                        if let Some(at) = at {
                            model.insert(at + usize::from(side == Side::After), word);
                        }
                    }
                    Step::Remove(count, word) => {
                        let found = model_positions(&model, &word, if count < 0 { -1 } else { 1 }, count.unsigned_abs() as usize, 0);
                        let mut index = 0;
                        model.retain(|_| {
                            index += 1;
                            !found.contains(&(index - 1))
                        });
                        prop_assert_eq!(list.remove(count, &word, &thresholds), found.len());
                    }
                    Step::Trim(start, stop) => {
                        let len = model.len() as i64;
                        let absolute = |index: i64| if index < 0 { index + len } else { index };
                        let mut index = -1;
                        model.retain(|_| {
                            index += 1;
                            (absolute(start)..=absolute(stop)).contains(&index)
                        });
                        let (first, count) = list.span(start, stop);
                        let before = list.len();
                        let gone = list.trim(first, count, &thresholds);
                        prop_assert!(gone.len() <= before - count);
                        recount(&gone);
                    }
                    Step::Positions(word, rank, count, look_at) => {
                        let mut found = Vec::new();
                        list.positions(&word, rank, count, look_at, |index| found.push(index));
                        prop_assert_eq!(found, model_positions(&model, &word, rank, count, look_at));
                    }
                    Step::From(index) => {
                        prop_assert!(list.iter_from(index).map(Element::to_vec).eq(model.iter().skip(index).cloned()));
                        let mut range = Vec::new();
                        list.for_range(index, 3, |element| range.push(element.to_vec()));
                        prop_assert!(range.iter().eq(model.iter().skip(index).take(3)));
                        if index < model.len() {
                            prop_assert!(list.iter_back_from(index).map(Element::to_vec).eq(model[..=index].iter().rev().cloned()));
                        }
                    }
                }
                assert_same(&list, &model);
            }
        }
    }

    #[test]
    fn one_row_says_listpack_until_it_is_full_and_again_when_half_empty() {
        let thresholds = Thresholds::default();
        let mut list = List::new();
        while list.encoding() == "listpack" {
            list.push(End::Back, &[b'x'; 100], &thresholds);
        }
        // 8192 bytes, less 7 of header, at 103 bytes each: 79 fit, the last one reckoned without its own three.
        assert_eq!(list.len(), 80);
        while list.encoding() == "quicklist" {
            list.pop(End::Back, &thresholds, |_| ());
        }
        assert_eq!(list.len(), 39);
        list.push(End::Back, &[b'y'; 9000], &thresholds);
        assert_eq!((list.encoding(), list.rows().count()), ("quicklist", 2));
        let (first, count) = list.span(-1, -1);
        assert_eq!(list.trim(first, count, &thresholds).len(), 39);
        assert_eq!((list.encoding(), list.len()), ("quicklist", 1));
        assert!(list.set(0, b"small", &thresholds));
        assert_eq!(list.encoding(), "listpack");
    }

    #[test]
    fn a_small_list_is_its_block_and_two_words() {
        assert_eq!(size_of::<List>(), 16);
    }

    /// Were any of it quadratic, this would take hours.
    #[test]
    fn a_million_elements_are_walked_once() {
        const LEN: usize = if cfg!(miri) { 500 } else { 1_000_000 };
        let thresholds = Thresholds::default();
        let mut list = List::new();
        (0..LEN).for_each(|number| list.push(End::Back, if number % 2 == 0 { b"even" } else { b"odd" }, &thresholds));
        list.push(End::Back, b"last", &thresholds);
        let mut found = 0;
        list.positions(b"odd", -1, 0, 0, |_| found += 1);
        assert_eq!(found, LEN / 2);
        assert!(list.insert(Side::Before, b"last", b"last but one", &thresholds));
        assert_eq!(list.remove(-3, b"odd", &thresholds), 3);
        assert_eq!(list.remove(0, b"even", &thresholds), LEN / 2);
        assert_eq!(list.len(), LEN / 2 - 1);
        recount(&list);
        let mut shown = 0;
        list.for_range(1, LEN, |_| shown += 1);
        assert_eq!(shown, list.len() - 1);
    }

    #[test]
    fn ranges_are_those_of_lrange() {
        let thresholds = Thresholds::default();
        let mut list = List::new();
        (0..5).for_each(|number| list.push(End::Back, number.to_string().as_bytes(), &thresholds));
        let cases = [(0, -1, (0, 5)), (-3, -2, (2, 2)), (-100, 100, (0, 5)), (3, 1, (0, 0)), (5, 9, (0, 0)), (-9, -8, (0, 0))];
        for (start, stop, span) in cases {
            assert_eq!(list.span(start, stop), span, "{start} {stop}");
        }
        assert_eq!(list.span(i64::MIN, i64::MAX), (0, 5));
        assert_eq!(List::new().span(0, -1), (0, 0));
    }
}
