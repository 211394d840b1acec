//! Sockets: what carries bytes between a peer and us, and where new ones come from. Knows no command.

mod connection;
pub(crate) mod listener;
mod stream;

pub use connection::Connection;
pub(crate) use listener::{Accepted, Door};
pub(crate) use stream::Stream;
