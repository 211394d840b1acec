//! Scripts: Lua 5.1 with what Redis gives its scripts. This room knows Lua and the words of a call; it never sees a shard.
//!
//! `raise` is how a function written in Rust fails as Lua's own functions do; `library` is what scripts find beside Lua's own: cjson,
//! cmsgpack, struct, bit.

pub(crate) mod library;
pub(crate) mod raise;
