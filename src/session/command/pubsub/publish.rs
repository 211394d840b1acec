//! PUBLISH channel message and SPUBLISH shardchannel message: to everybody who listens.

use crate::command::Args;
use crate::pubsub::Letter;

pub(super) fn publish(args: &Args<'_>) -> Letter {
    Letter::to_channel(args.get(1), args.get(2))
}

pub(super) fn spublish(args: &Args<'_>) -> Letter {
    Letter::to_shard_channel(args.get(1), args.get(2))
}
