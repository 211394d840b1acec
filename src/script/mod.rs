//! Scripts: Lua 5.1 with what Redis gives its scripts. This room knows Lua and the words of a call; it never sees a shard.
//!
//! Read in this order: [`engine`] (what a thread needs to run scripts), [`machine`] (one Lua state), [`act`] (one run, and the calls it makes),
//! [`sandbox`] (what a script finds) with [`guard`] (and cannot change), [`redis`] (its library), [`convert`] (replies and Lua values), [`source`] and [`cache`] (scripts the
//! server knows), [`proof`] (which of them need their keys only), [`functions`] (libraries), [`watchdog`] (those that do not end). `raise` is how a function written in Rust fails as Lua's own functions do;
//! [`library`] is what scripts find beside Lua's own: cjson, cmsgpack, struct, bit.

mod act;
pub(crate) mod cache;
pub(crate) mod caller;
mod convert;
mod dice;
mod engine;
pub(crate) mod functions;
mod guard;
pub(crate) mod library;
mod machine;
mod own;
mod proof;
pub(crate) mod raise;
mod redis;
mod sandbox;
mod sha1;
mod source;
mod token;
pub(crate) mod watchdog;

pub(crate) use caller::{Callee, Caller, Refusal};
pub(crate) use engine::{Engine, Shelf};
pub(crate) use functions::{Libraries, Policy};
pub(crate) use watchdog::Kill;
