//! The keyspace of a shard and the structures its keys hold: pure, synchronous, and owner of every byte.

mod memory;
pub mod types;
mod value;
