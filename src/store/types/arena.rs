//! An arena: boxed nodes named by number, so that a tree may link its nodes both ways in safe code.

use crate::store::memory::size_class;

/// Nodes by number; numbers of released nodes are given out again. Each node is a block of its own, so growth copies a
/// table of pointers and never the nodes, and what is released goes back to the allocator.
#[derive(Clone)]
pub(crate) struct Arena<T> {
    nodes: Vec<Option<Box<T>>>,
    free: Vec<u32>,
}

const GONE: &str = "a number is used only while its node is linked";

impl<T> Arena<T> {
    pub(crate) fn new() -> Arena<T> {
        Arena { nodes: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn add(&mut self, node: T) -> u32 {
        let node = Some(Box::new(node));
        if let Some(number) = self.free.pop() {
            self.nodes[number as usize] = node;
            return number;
        }
        let number = u32::try_from(self.nodes.len()).expect("2^32 nodes would fill more than 2 TiB");
        self.nodes.push(node);
        number
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> &T {
        self.nodes[number as usize].as_deref().expect(GONE)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> &mut T {
        self.nodes[number as usize].as_deref_mut().expect(GONE)
    }

    /// Takes a node out so that it and another can be changed together; its number stays reserved until
    /// [`Arena::put_back`] or [`Arena::release`].
    pub(crate) fn take(&mut self, number: u32) -> Box<T> {
        self.nodes[number as usize].take().expect(GONE)
    }

    pub(crate) fn put_back(&mut self, number: u32, node: Box<T>) {
        self.nodes[number as usize] = Some(node);
    }

    /// Frees the number of a node that was taken.
    pub(crate) fn release(&mut self, number: u32) {
        debug_assert!(self.nodes[number as usize].is_none());
        self.free.push(number);
        if self.free.len() == self.nodes.len() {
            self.nodes = Vec::new();
            self.free = Vec::new();
        }
    }

    pub(crate) fn remove(&mut self, number: u32) -> Box<T> {
        let node = self.take(number);
        self.release(number);
        node
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Bytes as allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_class(self.nodes.capacity() * size_of::<Option<Box<T>>>())
            + size_class(self.free.capacity() * size_of::<u32>())
            + self.nodes() * size_class(size_of::<T>())
    }
}
