//! Pushes: what a client is told without having asked. Encoded once, and shared by everybody it goes to.

use std::ops::Range;

use crate::pubsub::Space;
use crate::resp::{Protocol, Reply};

/// One push, encoded in RESP3. RESP2 differs in the first byte only, which the outbox changes as it copies. Or lines of MONITOR, the same in both.
#[derive(Debug)]
pub(crate) struct Push(Vec<u8>);

/// Room for what a message has around its channel and its text: eight words' worth of lengths and line ends, and its kind.
const FRAME_BYTES: usize = 64;

/// The channel on which clients in RESP2 are told.
const INVALIDATIONS: &[u8] = b"__redis__:invalidate";

/// What a push begins with that invalidates keys; a list of them follows, or a null.
const INVALIDATES: &[u8] = b">2\r\n$10\r\ninvalidate\r\n";

impl Push {
    /// What `write` writes. It begins with the header of an array or a push.
    pub(crate) fn of(protocol: Protocol, write: impl FnOnce(&mut Reply<'_>)) -> Push {
        let mut bytes = Vec::new();
        write(&mut Reply::new(&mut bytes, protocol));
        Push(bytes)
    }

    /// Tells one who caches keys that these have changed.
    pub(crate) fn stale<'k>(keys: impl Iterator<Item = &'k [u8]> + Clone) -> Push {
        Push::invalidating(|reply| {
            reply.array(keys.clone().count());
            keys.for_each(|key| reply.bulk(key));
        })
    }

    /// The same of all keys there are.
    pub(crate) fn all_stale() -> Push {
        Push::invalidating(|reply| reply.null())
    }

    fn invalidating(write: impl FnOnce(&mut Reply<'_>)) -> Push {
        Push::of(Protocol::Resp3, |reply| {
            reply.raw(INVALIDATES);
            write(reply);
        })
    }

    /// What invalidates keys, as a message on a channel: for those who speak RESP2 and can be told nothing else.
    pub(crate) fn as_message(&self) -> Push {
        Push::of(Protocol::Resp2, |reply| {
            reply.push(3);
            reply.bulk(b"message");
            reply.bulk(INVALIDATIONS);
            match self.0.get(INVALIDATES.len()..) {
                Some(keys) if !keys.starts_with(b"_") => reply.raw(keys),
                _ => reply.null(),
            }
        })
    }

    /// Tells one who caches keys that who is told in its place is gone.
    pub(crate) fn redirect_broken(target: u64) -> Push {
        Push::of(Protocol::Resp3, |reply| {
            reply.push(2);
            reply.bulk(b"tracking-redir-broken");
            reply.integer(i64::try_from(target).unwrap_or(i64::MAX));
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The byte that begins it in this protocol.
    pub(crate) fn first(&self, protocol: Protocol) -> &'static [u8] {
        match (self.0.first(), protocol) {
            (Some(b'+'), _) => b"+",
            (_, Protocol::Resp2) => b"*",
            (_, Protocol::Resp3) => b">",
        }
    }

    /// What follows the first byte.
    pub(crate) fn rest(&self) -> &[u8] {
        self.0.get(1..).unwrap_or_default()
    }
}

/// A message on its way to a channel's listeners, already in the form in which they get it.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) space: Space,
    push: Push,
    /// Where the channel begins in `push`, its length before it, and the channel itself.
    tail: usize,
    channel: Range<usize>,
}

impl Letter {
    /// To the listeners of a channel, and of the patterns that match it.
    pub(crate) fn to_channel(channel: &[u8], text: &[u8]) -> Letter {
        Letter::new(Space::Channels, "message", channel, text)
    }

    /// To the listeners of a sharded channel.
    pub(crate) fn to_shard_channel(channel: &[u8], text: &[u8]) -> Letter {
        Letter::new(Space::ShardChannels, "smessage", channel, text)
    }

    /// Lines for those who monitor, each a status.
    pub(crate) fn to_monitors(lines: Vec<u8>) -> Letter {
        Letter { space: Space::Monitors, push: Push(lines), tail: 0, channel: 0..0 }
    }

    fn new(space: Space, kind: &str, channel: &[u8], text: &[u8]) -> Letter {
        let mut bytes = Vec::with_capacity(channel.len() + text.len() + FRAME_BYTES);
        let mut reply = Reply::new(&mut bytes, Protocol::Resp3);
        reply.push(3);
        reply.bulk(kind.as_bytes());
        let tail = reply.mark();
        reply.bulk(channel);
        let end = reply.mark() - b"\r\n".len();
        reply.bulk(text);
        Letter { space, push: Push(bytes), tail, channel: end - channel.len()..end }
    }

    pub(crate) fn channel(&self) -> &[u8] {
        &self.push.0[self.channel.clone()]
    }

    /// As those get it who listen to a pattern.
    pub(crate) fn by_pattern(&self, pattern: &[u8]) -> Push {
        let tail = &self.push.0[self.tail..];
        let mut bytes = Vec::with_capacity(pattern.len() + tail.len() + FRAME_BYTES);
        let mut reply = Reply::new(&mut bytes, Protocol::Resp3);
        reply.push(4);
        reply.bulk(b"pmessage");
        reply.bulk(pattern);
        reply.raw(tail);
        Push(bytes)
    }

    /// As those get it who listen to the channel.
    pub(crate) fn into_push(self) -> Push {
        self.push
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: &Push) -> String {
        String::from_utf8_lossy(&push.0).replace("\r\n", " ")
    }

    #[test]
    fn invalidations_are_pushes_and_messages() {
        let push = Push::stale([&b"a"[..], b"bc"].into_iter());
        assert_eq!(text(&push), ">2 $10 invalidate *2 $1 a $2 bc ");
        assert_eq!(text(&push.as_message()), "*3 $7 message $20 __redis__:invalidate *2 $1 a $2 bc ");
        assert_eq!(text(&Push::all_stale()), ">2 $10 invalidate _ ");
        assert_eq!(text(&Push::all_stale().as_message()), "*3 $7 message $20 __redis__:invalidate $-1 ");
        assert_eq!(text(&Push::redirect_broken(7)), ">2 $21 tracking-redir-broken :7 ");
    }

    #[test]
    fn a_letter_is_encoded_as_its_readers_get_it() {
        let letter = Letter::to_channel(b"news", b"hello\r\n");
        assert_eq!(letter.channel(), b"news");
        assert_eq!(text(&letter.by_pattern(b"n*")), ">4 $8 pmessage $2 n* $4 news $7 hello  ");
        assert_eq!(text(&letter.into_push()), ">3 $7 message $4 news $7 hello  ");
        let letter = Letter::to_shard_channel(b"", b"");
        assert_eq!(letter.channel(), b"");
        assert_eq!(text(&letter.into_push()), ">3 $8 smessage $0  $0  ");
    }
}
