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
