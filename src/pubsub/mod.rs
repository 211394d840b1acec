//! Publish and subscribe: who listens to what, and how a message reaches everybody who does.
//!
//! There is one broker for all channels, so that every subscriber sees every message in one order, as in Redis. It keeps the [`registry`] (pure:
//! who listens to what), counts the receivers of each message, and hands every worker one parcel for all of that worker's subscribers. A worker's
//! [`desk`] puts the messages into the [`outbox`] of each subscriber, which is bounded in bytes, and wakes a few sessions at a time to write them.
//!
//! Sends that may wait form a line: session -> broker -> desk. A desk waits for nobody: who does not read fills his outbox, and is disconnected
//! when it is full. So no publisher ever waits for a subscriber. [`events`] of keys come from the shards and go
//! the same way; what else wants to reach clients between replies (invalidated keys) sends letters to the same broker.

pub(crate) mod broker;
pub(crate) mod desk;
mod events;
mod outbox;
mod push;
mod registry;
mod trackers;

pub(crate) use broker::Broker;
pub(crate) use desk::Desk;
pub(crate) use events::Events;
pub(crate) use outbox::{Choice, Limit, Limits, Listener, Taken, Tracking};
pub(crate) use push::Letter;
pub(crate) use registry::{ListenerId, Registry, Space};
pub(crate) use trackers::{Manner, Trackers};

use std::sync::Arc;

/// The name of a channel, or a pattern. One allocation, shared by the registry and by those who listen.
pub(crate) type Name = Arc<[u8]>;
