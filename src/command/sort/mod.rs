//! SORT and SORT_RO: the elements of a list, set or sorted set in another order, or what keys named after them hold.

mod options;
mod order;
mod pattern;

use options::Wanted;
use pattern::{Finder, Pattern};

use crate::command::{Access, Args, Arity, Categories, Classes, Cx, Fault, KeySpec, Row, answer, spec};
use crate::resp::Reply;
use crate::store::types::list::End;
use crate::store::types::{DIGITS_MAX, Element, List, Thresholds};
use crate::store::{Kind, Value};

const SOURCE: KeySpec = KeySpec::at(1, Access::RO.and(Access::ACCESS));
/// BY and GET: their keys are made of what the key holds.
const NAMED_BY_ELEMENTS: KeySpec = KeySpec::unknown(Access::RO.and(Access::ACCESS), None);
const TARGET: KeySpec = KeySpec::unknown(Access::OW.and(Access::UPDATE), Some(options::target));

const KINDS: Categories = Categories::SET.and(Categories::SORTEDSET).and(Categories::LIST).and(Categories::DANGEROUS);

pub(crate) static TABLE: &[Row] = &[
    spec::write("sort", Arity::at_least(2), const { &[SOURCE, NAMED_BY_ELEMENTS, TARGET] }, sort)
        .denyoom()
        .beyond(options::reach_beyond)
        .categories(KINDS)
        .doc(
            "generic",
            "1.0.0",
            "Answers the elements of a list, a set or a sorted set in order, or what keys named after them hold; or stores that as a list.",
            "O(N+M*log(M)) for N elements of which M are answered",
            "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]",
        ),
    spec::read("sort_ro", Arity::at_least(2), const { &[SOURCE, NAMED_BY_ELEMENTS] }, sort_ro)
        .beyond(options::reach_beyond)
        .categories(KINDS)
        .doc(
            "generic",
            "7.0.0",
            "Answers the elements of a list, a set or a sorted set in order, or what keys named after them hold.",
            "O(N+M*log(M)) for N elements of which M are answered",
            "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]",
        ),
];

/// The shortest value in a reply is a null of RESP3.
const VALUE_BYTES_MIN: usize = 3;
const TOO_MUCH: &str = "ERR the reply would be longer than proto-max-bulk-len";

fn sort(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args.key(1), &Wanted::parse(args, true)?, reply)
}

fn sort_ro(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args.key(1), &Wanted::parse(args, false)?, reply)
}

fn run(cx: &mut Cx<'_>, key: &[u8], wanted: &Wanted<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match cx.read(key).map(|entry| entry.kind()) {
        None | Some(Kind::List | Kind::Set | Kind::SortedSet) => {}
        Some(_) => return Err(Fault::WrongType),
    }
    let (thresholds, bytes_max) = (cx.thresholds(), cx.limits.string_bytes_max);
    // Elements and what is found by them are shown as they lie: nothing changes before the last of them is written.
    let finder = Finder::new(cx);
    let done = order::elements(&finder, key, wanted).and_then(|elements| match wanted.target {
        None => show(&finder, &elements, &wanted.gets, bytes_max, reply).map(|()| None),
        Some(target) => Ok(Some((target, list_of(&finder, &elements, &wanted.gets, thresholds)))),
    });
    let (hits, misses) = finder.counts();
    let missed = finder.missed();
    cx.effects.hits += hits;
    cx.effects.misses += misses;
    missed.iter().for_each(|name| cx.event(Classes::MISS, "keymiss", name));
    if let Some((target, list)) = done? {
        store(cx, target, list, reply);
    }
    Ok(())
}

/// Answers elements, or for each of them what the patterns find.
fn show(finder: &Finder<'_>, elements: &[Element<'_>], gets: &[Pattern<'_>], bytes_max: usize, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if gets.is_empty() {
        reply.array(elements.len());
        elements.iter().for_each(|&element| answer::element(element, reply));
        return Ok(());
    }
    // As many values as elements times patterns: both are the client's to choose.
    let values = elements.len().saturating_mul(gets.len());
    if values > bytes_max / VALUE_BYTES_MIN {
        return Err(Fault::Because(TOO_MUCH));
    }
    reply.array(values);
    let limit = reply.mark().saturating_add(bytes_max);
    for &element in elements {
        gets.iter().for_each(|pattern| answer::element_or_null(finder.find(pattern, element), reply));
        if reply.mark() > limit {
            return Err(Fault::Because(TOO_MUCH));
        }
    }
    Ok(())
}

/// The same as a list; what is not found is an empty element.
fn list_of(finder: &Finder<'_>, elements: &[Element<'_>], gets: &[Pattern<'_>], thresholds: &Thresholds) -> List {
    let mut list = List::new();
    let mut push = |element: Element<'_>| list.push(End::Back, element.bytes(&mut [0; DIGITS_MAX]), thresholds);
    for &element in elements {
        if gets.is_empty() {
            push(element);
        }
        gets.iter().for_each(|pattern| push(finder.find(pattern, element).unwrap_or(Element::Bytes(b""))));
    }
    list
}

fn store(cx: &mut Cx<'_>, target: &[u8], list: List, reply: &mut Reply<'_>) {
    let stored = list.len();
    answer::count(stored, reply);
    if stored == 0 {
        let removed = cx.delete(target);
        cx.changed(u64::from(removed));
    } else {
        cx.put(target, Value::List(Box::new(list)), None);
        cx.changed(stored as u64);
        cx.event(Classes::LIST, "sortstore", target);
    }
}
