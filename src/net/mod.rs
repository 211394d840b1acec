//! Sockets: what carries bytes to and from clients, and where new ones come from. Knows no command.

pub(crate) mod listener;
mod stream;

pub(crate) use listener::{Accepted, Door};
pub(crate) use stream::Stream;
