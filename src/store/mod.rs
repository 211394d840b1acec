//! The keyspace of a shard and the structures its keys hold: pure, synchronous, and owner of every byte.

pub(crate) mod memory;
pub(crate) mod types;
pub(crate) mod value;
