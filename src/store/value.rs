//! The types a key can hold.

use super::types::{Hash, List, Set, SortedSet, Stream};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    String,
    List,
    Set,
    SortedSet,
    Hash,
    Stream,
}

#[derive(Debug)]
pub enum Value {
    List(Box<List>),
    Set(Box<Set>),
    SortedSet(Box<SortedSet>),
    Hash(Box<Hash>),
    Stream(Box<Stream>),
}

/// A collection that a key can hold. `heap_bytes` is what it owns beyond its own fields, and is a running count.
pub trait Typed: Sized + 'static {
    const KIND: Kind;
    fn from_value(value: Value) -> Option<Box<Self>>;
    fn into_value(self: Box<Self>) -> Value;
    fn heap_bytes(&self) -> usize;
    fn is_empty(&self) -> bool;
}
