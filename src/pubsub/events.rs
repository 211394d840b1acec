//! Events of keys on their way to those who listen: as messages on the channels `__keyspace@N__:key` and `__keyevent@N__:event`.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::command::{Classes, Event, Lot};
use crate::pubsub::{Letter, Registry};

/// What the broker receives from the shards, and what it tells them.
#[derive(Debug)]
pub(crate) struct Events {
    pub(crate) lots: UnboundedReceiver<Lot>,
    /// The room that lots take until they have been told.
    pub(crate) room: Arc<Semaphore>,
    /// Whether anybody may want to hear of them.
    pub(crate) is_heard: Arc<AtomicBool>,
}

/// How the names of all channels of events begin.
pub(super) const PREFIX: &[u8] = b"__key";

impl Events {
    /// Notes whether anybody listens.
    pub(super) fn note(&self, registry: &Registry) {
        self.is_heard.store(registry.hears_of_keys(), Ordering::Relaxed);
    }

    /// A lot that has come; what it weighs counts until it is [`Events::done`].
    pub(super) fn next(&mut self) -> Option<Lot> {
        self.lots.try_recv().ok()
    }

    /// A lot has been told.
    pub(super) fn done(&self, weight: usize) {
        self.room.add_permits(weight);
    }
}

impl Drop for Events {
    /// Nobody waits for room when nobody makes any.
    fn drop(&mut self) {
        self.room.close();
    }
}

/// The letters of an event, in Redis's order: first that of the key's channel. `channel` is for the name of a channel, and used again; a letter is
/// written only if somebody listens.
pub(super) fn letters(event: &Event, registry: &Registry, channel: &mut Vec<u8>, mut send: impl FnMut(Letter)) {
    let name = event.name.as_bytes();
    let of_key = event.told.has(Classes::BY_KEY).then_some(("keyspace", &*event.key, name));
    let of_event = event.told.has(Classes::BY_EVENT).then_some(("keyevent", name, &*event.key));
    for (kind, about, text) in of_key.into_iter().chain(of_event) {
        channel.clear();
        // Writing to a vector cannot fail.
        let _ = write!(channel, "__{kind}@{}__:", event.database);
        channel.extend_from_slice(about);
        if registry.is_heard(channel) {
            send(Letter::to_channel(channel, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pubsub::{ListenerId, Name, Space};

    fn told(names: &[(Space, &str)], classes: &str) -> Vec<String> {
        let mut registry = Registry::new([1, 2, 3, 4]);
        for (space, name) in names {
            registry.join(*space, Name::from(name.as_bytes()), ListenerId { worker: 0, client: 1 });
        }
        let event = Event { database: 3, name: "set", key: b"k"[..].into(), told: Classes::named(classes) };
        let mut told = Vec::new();
        letters(&event, &registry, &mut Vec::new(), |letter| {
            let channel = String::from_utf8_lossy(letter.channel()).into_owned();
            told.push(format!("{channel} {}", registry.deal(letter, |_, _, _| {})));
        });
        told
    }

    #[test]
    fn letters_are_written_for_those_who_listen() {
        let all = [(Space::Patterns, "__key*__:*")];
        assert_eq!(told(&all, "KEA"), ["__keyspace@3__:k 1", "__keyevent@3__:set 1"]);
        assert_eq!(told(&all, "EA"), ["__keyevent@3__:set 1"]);
        assert_eq!(told(&all, "KA"), ["__keyspace@3__:k 1"]);
        assert_eq!(told(&[(Space::Channels, "__keyevent@3__:set")], "KEA"), ["__keyevent@3__:set 1"]);
        assert!(told(&[(Space::Channels, "__keyevent@4__:set"), (Space::ShardChannels, "__keyspace@3__:k")], "KEA").is_empty());
    }
}
