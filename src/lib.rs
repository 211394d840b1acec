//! Trencadis: an in-memory database daemon that speaks the Redis protocol.
//!
//! The way of a request, which is also the reading order of the modules: bytes become words ([`resp`]), words a row of the
//! command table (`command`, `session`), its keys a shard (`slot`, `router`), the batch a message to the shard's owner
//! (`shard`), which runs it on its own data (`store`) and writes the replies that go back to the socket (`net`).
#![deny(unsafe_code)]

// Floor 0: ground.
mod error;
mod glob;
mod slot;
mod time;
// Floor 1: vocabulary.
mod metrics;
mod resp;
mod settings;
// Floor 2: data.
mod store;
// Floor 3: the written form of data.
mod rdb;
// Floor 4: commands on data.
mod command;
// Floor 6, above the tokio line: actors and edges.
mod net;
mod pubsub;
mod shard;
// Floor 7: between actors.
mod router;
// Floor 8: the disk.
mod persist;
// Floor 9: partners.
mod script;
// Floor 10: the conversation.
mod session;
// Floor 11: roof.
mod server;
mod tutorial;

#[doc(hidden)]
pub mod internal;

pub use error::{Error, Result};
pub use net::Connection;
pub use resp::frame::{self, Frame};
pub use server::{Server, logging};
pub use settings::{Request, SetFault, Settings};
pub use tutorial::Command;
