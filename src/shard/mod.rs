//! The shard actor: one task that owns one keyspace and is the only one to touch it.
//!
//! Read in this order: [`message`] (what may be asked), [`batch`] (what one read of one connection sends), [`core`] (what a shard does:
//! plain `&mut self` functions without an await, driven by seed in the simulation), [`meter`] (whose calls take how long), [`task`] (two hundred lines of tokio around it),
//! [`waiters`] (who waits for what: BLPOP and kin), [`loan`] (a keyspace on its way to a borrower and back), [`pages`] (records leave here for the journal, one way), [`dispatch`] (and replies, when they may), [`outbox`] (events of keys leave here, to be told), [`reclaim`] (large values leave here, to be freed off the shard), [`saving`] (the shard's side of a snapshot).

pub(crate) mod batch;
pub(crate) mod core;
pub(crate) mod dispatch;
pub(crate) mod gate;
pub(crate) mod loan;
pub(crate) mod mailbox;
pub(crate) mod message;
pub(crate) mod meter;
pub(crate) mod outbox;
pub(crate) mod pages;
pub(crate) mod reclaim;
pub(crate) mod saving;
pub(crate) mod task;
pub(crate) mod waiters;

pub(crate) use batch::{Batch, Call};
pub(crate) use core::Shard;
pub(crate) use gate::Gate;
pub(crate) use loan::{Held, Loan, Returned, Tools};
pub(crate) use mailbox::Mailbox;
pub(crate) use message::{Borrow, Message};
pub(crate) use outbox::{Outbox, Posted};
pub(crate) use pages::{Durability, Pages};
pub(crate) use waiters::{Claim, Leave, Stay};

#[cfg(test)]
mod tests;
