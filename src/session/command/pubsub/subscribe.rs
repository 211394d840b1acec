//! SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites: what a connection listens to.
//!
//! A confirmation is a push and takes its place among the messages: it is written from the outbox, so that these calls have no reply but in a
//! transaction.

use crate::command::Args;
use crate::pubsub::Space;
use crate::resp::Reply;
use crate::session::subscribe::{join, leave};
use crate::session::{Asked, Session};

pub(super) fn subscribe<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move { join(session, Space::Channels, "subscribe", args.from(1), &mut reply).await })
}

pub(super) fn psubscribe<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move { join(session, Space::Patterns, "psubscribe", args.from(1), &mut reply).await })
}

pub(super) fn ssubscribe<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move { join(session, Space::ShardChannels, "ssubscribe", args.from(1), &mut reply).await })
}

pub(super) fn unsubscribe<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move { leave(session, Space::Channels, "unsubscribe", args.from(1), &mut reply).await })
}

pub(super) fn punsubscribe<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move { leave(session, Space::Patterns, "punsubscribe", args.from(1), &mut reply).await })
}

pub(super) fn sunsubscribe<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move { leave(session, Space::ShardChannels, "sunsubscribe", args.from(1), &mut reply).await })
}
