//! The edges: what carries bytes between a peer and us.

mod connection;

pub use connection::Connection;
