//! SUBSCRIBE, PUBLISH and kin: messages between clients.

mod census;
mod publish;
mod subscribe;

use crate::command::{Access, Arity, Categories, Flags, KeySpec};
use crate::session::SessionRow;
use crate::session::command::{help, here};

/// What may be asked at any time, on a connection that listens too.
const LISTENS: Flags = Flags::PUBSUB.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::SUBSCRIBED);
const PUBLISHES: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST);
const LOOKS: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);
/// Of a cluster, sharded channels have slots as keys do.
const SHARD_CHANNEL: &[KeySpec] = &[KeySpec::at(1, Access::NOT_KEY)];
const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::rest(1, 1, Access::NOT_KEY)];

/// The commands of publish and subscribe.
pub(crate) static TABLE: &[SessionRow] = &[
    SessionRow::ask("subscribe", Arity::at_least(2), subscribe::subscribe).flags(LISTENS).categories(Categories::PUBSUB).doc(
        "pubsub",
        "2.0.0",
        "Listens to channels: what is published on them comes without being asked for.",
        "O(N) where N is the number of channels",
        "channel [channel ...]",
    ),
    SessionRow::ask("unsubscribe", Arity::at_least(1), subscribe::unsubscribe).flags(LISTENS).categories(Categories::PUBSUB).doc(
        "pubsub",
        "2.0.0",
        "Listens to the named channels no more, or to no channel at all.",
        "O(N) where N is the number of channels",
        "[channel [channel ...]]",
    ),
    SessionRow::ask("psubscribe", Arity::at_least(2), subscribe::psubscribe).flags(LISTENS).categories(Categories::PUBSUB).doc(
        "pubsub",
        "2.0.0",
        "Listens to every channel that matches a pattern.",
        "O(N) where N is the number of patterns",
        "pattern [pattern ...]",
    ),
    SessionRow::ask("punsubscribe", Arity::at_least(1), subscribe::punsubscribe).flags(LISTENS).categories(Categories::PUBSUB).doc(
        "pubsub",
        "2.0.0",
        "Listens by the named patterns no more, or by no pattern at all.",
        "O(N) where N is the number of patterns",
        "[pattern [pattern ...]]",
    ),
    SessionRow::ask("ssubscribe", Arity::at_least(2), subscribe::ssubscribe)
        .flags(LISTENS)
        .keys(SHARD_CHANNELS)
        .categories(Categories::PUBSUB)
        .doc(
            "pubsub",
            "7.0.0",
            "Listens to sharded channels, whose messages stay on one node of a cluster.",
            "O(N) where N is the number of channels",
            "shardchannel [shardchannel ...]",
        ),
    SessionRow::ask("sunsubscribe", Arity::at_least(1), subscribe::sunsubscribe)
        .flags(LISTENS)
        .keys(SHARD_CHANNELS)
        .categories(Categories::PUBSUB)
        .doc(
            "pubsub",
            "7.0.0",
            "Listens to the named sharded channels no more, or to none at all.",
            "O(N) where N is the number of channels",
            "[shardchannel [shardchannel ...]]",
        ),
    SessionRow::post("publish", Arity::exactly(3), publish::publish).flags(PUBLISHES).categories(Categories::PUBSUB).doc(
        "pubsub",
        "2.0.0",
        "Sends a message to everybody who listens to a channel, and answers how many that are.",
        "O(N+M) where N is the number of clients that get the message and M is the number of patterns of all clients",
        "channel message",
    ),
    SessionRow::post("spublish", Arity::exactly(3), publish::spublish)
        .flags(PUBLISHES)
        .keys(SHARD_CHANNEL)
        .categories(Categories::PUBSUB)
        .doc(
            "pubsub",
            "7.0.0",
            "Sends a message to everybody who listens to a sharded channel, and answers how many that are.",
            "O(N) where N is the number of clients that get the message",
            "shardchannel message",
        ),
    SessionRow::container("pubsub", Arity::at_least(2)).doc(
        "pubsub",
        "2.8.0",
        "Holds the commands that tell who listens.",
        "Depends on subcommand.",
        "",
    ),
    SessionRow::ask("pubsub|channels", Arity::at_least(2), census::channels).flags(LOOKS).categories(Categories::PUBSUB).doc(
        "pubsub",
        "2.8.0",
        "Answers the channels that somebody listens to: all, or those that match a pattern.",
        "O(N) where N is the number of channels that somebody listens to",
        "[pattern]",
    ),
    SessionRow::ask("pubsub|numsub", Arity::at_least(2), census::numsub).flags(LOOKS).categories(Categories::PUBSUB).doc(
        "pubsub",
        "2.8.0",
        "Answers how many listen to each of the channels, patterns not counted.",
        "O(N) where N is the number of channels asked for",
        "[channel [channel ...]]",
    ),
    SessionRow::ask("pubsub|numpat", Arity::exactly(2), census::numpat).flags(LOOKS).categories(Categories::PUBSUB).doc(
        "pubsub",
        "2.8.0",
        "Answers how many different patterns somebody listens by.",
        "O(1)",
        "",
    ),
    SessionRow::ask("pubsub|shardchannels", Arity::at_least(2), census::shardchannels).flags(LOOKS).categories(Categories::PUBSUB).doc(
        "pubsub",
        "7.0.0",
        "Answers the sharded channels that somebody listens to: all, or those that match a pattern.",
        "O(N) where N is the number of sharded channels that somebody listens to",
        "[pattern]",
    ),
    SessionRow::ask("pubsub|shardnumsub", Arity::at_least(2), census::shardnumsub).flags(LOOKS).categories(Categories::PUBSUB).doc(
        "pubsub",
        "7.0.0",
        "Answers how many listen to each of the sharded channels.",
        "O(N) where N is the number of channels asked for",
        "[shardchannel [shardchannel ...]]",
    ),
    here("pubsub|help", Arity::exactly(2), help::run).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "pubsub",
        "6.2.0",
        "Lists the subcommands of PUBSUB.",
        "O(1)",
        "",
    ),
];
