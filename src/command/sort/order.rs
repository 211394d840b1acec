//! The elements of a collection in the order that a SORT wants, as far as it wants them.

use std::cmp::Ordering;

use super::options::Wanted;
use super::pattern::Finder;
use crate::command::Fault;
use crate::resp::number;
use crate::store::Entry;
use crate::store::types::{DIGITS_MAX, Element, List, Set, SortedSet};

const NO_NUMBER: &str = "ERR One or more scores can't be converted into double";

/// The elements of the collection at `key`, those wanted, in order. Its type has been looked at.
pub(super) fn elements<'c>(finder: &Finder<'c>, key: &[u8], wanted: &Wanted<'_>) -> Result<Vec<Element<'c>>, Fault> {
    let Some(entry) = finder.cx.seen(key) else { return Ok(Vec::new()) };
    // What a set is stored as must not hang on how its table happens to lie.
    let stored_set = wanted.target.is_some() && entry.get::<Set>().is_some();
    if wanted.as_it_is && !stored_set {
        return Ok(as_they_lie(entry, wanted));
    }
    let (alpha, by) = if wanted.as_it_is { (true, None) } else { (wanted.alpha, wanted.by.as_ref()) };
    let mut items = Vec::new();
    let mut sound = true;
    each(entry, |element| {
        let found = by.map_or(Some(element), |by| finder.find(by, element));
        let weight = match found {
            None => Weight::Nothing,
            Some(_) if alpha && by.is_none() => Weight::Nothing,
            Some(found) if alpha => Weight::Text(found),
            Some(found) => Weight::Number(score(found).unwrap_or_else(|| {
                sound = false;
                0.0
            })),
        };
        items.push(Item { element, weight, at: items.len() });
    });
    if !sound {
        return Err(Fault::Because(NO_NUMBER));
    }
    // Of those with equal texts Redis leaves the order open; of those with equal scores, or compared as they are, the elements decide.
    let elements_decide = !(alpha && by.is_some());
    let order = |one: &Item<'_>, other: &Item<'_>| {
        let order = one.weight.compare(&other.weight);
        let order = if elements_decide { order.then_with(|| compare(one.element, other.element)) } else { order };
        let order = if wanted.descending { order.reverse() } else { order };
        order.then(one.at.cmp(&other.at))
    };
    let (first, count) = wanted.span(items.len());
    let end = first + count;
    if count == 0 {
        return Ok(Vec::new());
    }
    if end < items.len() {
        items.select_nth_unstable_by(end, order);
        items.truncate(end);
    }
    items.sort_unstable_by(order);
    Ok(items[first..].iter().map(|item| item.element).collect())
}

/// An element and what it is sorted by.
struct Item<'a> {
    element: Element<'a>,
    weight: Weight<'a>,
    /// Its place before, which decides at last.
    at: usize,
}

/// What an element is sorted by besides itself.
enum Weight<'a> {
    /// It has none: among numbers that is zero, among texts it comes before all.
    Nothing,
    Number(f64),
    Text(Element<'a>),
}

impl Weight<'_> {
    fn compare(&self, other: &Weight<'_>) -> Ordering {
        match (self, other) {
            (Weight::Text(one), Weight::Text(other)) => compare(*one, *other),
            (Weight::Text(_), _) => Ordering::Greater,
            (_, Weight::Text(_)) => Ordering::Less,
            (one, other) => one.number().partial_cmp(&other.number()).unwrap_or(Ordering::Equal),
        }
    }

    fn number(&self) -> f64 {
        if let Weight::Number(number) = self { *number } else { 0.0 }
    }
}

/// By their bytes, as `strcoll` does in the C locale.
fn compare(one: Element<'_>, other: Element<'_>) -> Ordering {
    one.bytes(&mut [0; DIGITS_MAX]).cmp(other.bytes(&mut [0; DIGITS_MAX]))
}

/// The number that C's `strtod` reads in an element, if it reads the whole of it.
fn score(element: Element<'_>) -> Option<f64> {
    let bytes = match element {
        // As Redis does with a number that it keeps as such.
        Element::Integer(number) => return Some(number as f64),
        // To C a text ends here.
        Element::Bytes(bytes) => bytes.split(|&byte| byte == 0).next().unwrap_or_default(),
    };
    if bytes.is_empty() {
        return Some(0.0);
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    number::parse_double(&bytes[bytes.iter().take_while(|byte| blank(byte)).count()..])
}

/// Shows every element.
fn each<'a>(entry: Entry<'a>, mut visit: impl FnMut(Element<'a>)) {
    if let Some(list) = entry.get::<List>() {
        list.iter().for_each(visit);
    } else if let Some(set) = entry.get::<Set>() {
        set.iter().for_each(visit);
    } else if let Some(set) = entry.get::<SortedSet>() {
        set.iter().for_each(|(member, _)| visit(Element::Bytes(member)));
    }
}

/// The wanted elements in the order in which they lie; backwards for DESC, if they lie in one.
fn as_they_lie<'a>(entry: Entry<'a>, wanted: &Wanted<'_>) -> Vec<Element<'a>> {
    if let Some(list) = entry.get::<List>() {
        let (first, count) = wanted.span(list.len());
        if wanted.descending {
            let Some(from) = (list.len() - first).checked_sub(1) else { return Vec::new() };
            return list.iter_back_from(from).take(count).collect();
        }
        return list.iter_from(first).take(count).collect();
    }
    if let Some(set) = entry.get::<Set>() {
        let (first, count) = wanted.span(set.len());
        return set.iter().skip(first).take(count).collect();
    }
    let Some(set) = entry.get::<SortedSet>() else { return Vec::new() };
    let (first, count) = wanted.span(set.len());
    let ranks = if wanted.descending { set.len() - first - count..set.len() - first } else { first..first + count };
    set.range(ranks, wanted.descending).map(|(member, _)| Element::Bytes(member)).collect()
}
