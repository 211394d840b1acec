//! How elements of collections are written into a reply.

use crate::resp::Reply;
use crate::store::types::Element;

/// An element as the bytes that a client sent.
#[inline]
pub(crate) fn element(element: Element<'_>, reply: &mut Reply<'_>) {
    match element {
        Element::Bytes(bytes) => reply.bulk(bytes),
        Element::Integer(number) => reply.bulk_integer(number),
    }
}

/// An element if there is one, else null.
#[inline]
pub(crate) fn element_or_null(found: Option<Element<'_>>, reply: &mut Reply<'_>) {
    match found {
        Some(found) => element(found, reply),
        None => reply.null(),
    }
}

/// How many there are of something.
#[inline]
pub(crate) fn count(count: usize, reply: &mut Reply<'_>) {
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
}

/// Elements after which the rest of a long reply is guessed.
const FORESEEN_FROM: usize = 256;

/// Writes `count` elements, each by `write`. When some of a long reply are written, room is made for the others at once.
#[inline]
pub(crate) fn each<T>(elements: impl Iterator<Item = T>, count: usize, reply: &mut Reply<'_>, mut write: impl FnMut(T, &mut Reply<'_>)) {
    if count <= 2 * FORESEEN_FROM {
        return elements.for_each(|element| write(element, reply));
    }
    let mark = reply.mark();
    let mut elements = elements;
    elements.by_ref().take(FORESEEN_FROM).for_each(|element| write(element, reply));
    reply.foresee(mark, FORESEEN_FROM, count - FORESEEN_FROM);
    elements.for_each(|element| write(element, reply));
}
