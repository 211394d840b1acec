//! Who listens to what. Pure: no channel, no task, no time.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

use crate::glob::Pattern;
use crate::pubsub::events;
use crate::pubsub::push::Push;
use crate::pubsub::{Letter, Name, Trackers};

/// Names of one kind do not meet those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Channels,
    /// Patterns that channels may match.
    Patterns,
    ShardChannels,
    /// What MONITOR shows: one thing without a name.
    Monitors,
}

impl Space {
    /// What clients subscribe to.
    pub(crate) const SUBSCRIBED: [Space; 3] = [Space::Channels, Space::Patterns, Space::ShardChannels];
    pub(crate) const ALL: [Space; 4] = [Space::Channels, Space::Patterns, Space::ShardChannels, Space::Monitors];
}

/// Whom a message is for: a client, and the worker that it lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenerId {
    pub(crate) worker: u32,
    /// Never used twice in the life of a process, so that a message for somebody who left reaches nobody.
    pub(crate) client: u64,
}

/// The listeners to one name, by worker. A message takes the list of each worker along as it is; who joins or leaves while a message is under way
/// makes a new one.
#[derive(Debug, Default)]
struct Audience(Vec<(u32, Arc<Vec<u64>>)>);

impl Audience {
    fn join(&mut self, listener: ListenerId) {
        let at = self.0.iter().position(|&(worker, _)| worker == listener.worker).unwrap_or_else(|| {
            self.0.push((listener.worker, Arc::default()));
            self.0.len() - 1
        });
        let clients = Arc::make_mut(&mut self.0[at].1);
        debug_assert!(!clients.contains(&listener.client), "a listener knows what it listens to, and joins once");
        clients.push(listener.client);
    }

    /// Looks through the clients of one worker: there are at most `maxclients`, which takes a few microseconds.
    fn leave(&mut self, listener: ListenerId) {
        let Some(at) = self.0.iter().position(|&(worker, _)| worker == listener.worker) else { return };
        let clients = &mut self.0[at].1;
        let Some(place) = clients.iter().position(|&client| client == listener.client) else { return };
        Arc::make_mut(clients).remove(place);
        if clients.is_empty() {
            self.0.swap_remove(at);
        }
    }

    fn len(&self) -> usize {
        self.0.iter().map(|(_, clients)| clients.len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// See the file's first line.
#[derive(Debug)]
pub(crate) struct Registry {
    channels: HashMap<Name, Audience, RandomState>,
    shard_channels: HashMap<Name, Audience, RandomState>,
    patterns: HashMap<Name, (Pattern, Audience), RandomState>,
    monitors: Audience,
    /// How many of the channels and patterns may be such as events of keys are told on.
    of_keys: usize,
    /// Those who are told of keys that they cache.
    pub(crate) trackers: Trackers,
}

impl Registry {
    /// `seeds`: of the tables, so that nobody can choose names that collide.
    pub(crate) fn new(seeds: [u64; 4]) -> Registry {
        let [a, b, c, d] = seeds;
        let hasher = RandomState::with_seeds(a, b, c, d);
        Registry {
            channels: HashMap::with_hasher(hasher.clone()),
            shard_channels: HashMap::with_hasher(hasher.clone()),
            patterns: HashMap::with_hasher(hasher),
            monitors: Audience::default(),
            of_keys: 0,
            trackers: Trackers::default(),
        }
    }

    pub(crate) fn join(&mut self, space: Space, name: Name, listener: ListenerId) {
        let is_new = match space {
            Space::Channels => names_keys(&name) && !self.channels.contains_key(&name),
            Space::Patterns => may_name_keys(&name) && !self.patterns.contains_key(&name),
            Space::ShardChannels | Space::Monitors => false,
        };
        self.of_keys += usize::from(is_new);
        match space {
            Space::Channels => self.channels.entry(name).or_default().join(listener),
            Space::ShardChannels => self.shard_channels.entry(name).or_default().join(listener),
            Space::Monitors => self.monitors.join(listener),
            Space::Patterns => {
                let pattern = |name: &Name| (Pattern::new(name, false), Audience::default());
                self.patterns.entry(name).or_insert_with_key(pattern).1.join(listener);
            }
        }
    }

    /// A name that nobody listens to any more is forgotten.
    pub(crate) fn leave(&mut self, space: Space, name: &[u8], listener: ListenerId) {
        let channels = match space {
            Space::Channels => &mut self.channels,
            Space::ShardChannels => &mut self.shard_channels,
            Space::Monitors => return self.monitors.leave(listener),
            Space::Patterns => {
                if let Some((_, audience)) = self.patterns.get_mut(name) {
                    audience.leave(listener);
                    if audience.is_empty() {
                        self.patterns.remove(name);
                        self.of_keys -= usize::from(may_name_keys(name));
                    }
                }
                return;
            }
        };
        if let Some(audience) = channels.get_mut(name) {
            audience.leave(listener);
            if audience.is_empty() {
                channels.remove(name);
                self.of_keys -= usize::from(space == Space::Channels && names_keys(name));
            }
        }
    }

    /// Whether anybody may listen to events of keys: true for who does.
    pub(crate) fn hears_of_keys(&self) -> bool {
        self.of_keys > 0
    }

    /// Whether anybody listens to a channel, by its name or by a pattern.
    pub(crate) fn is_heard(&self, channel: &[u8]) -> bool {
        self.channels.contains_key(channel) || self.patterns.values().any(|(pattern, _)| pattern.matches(channel))
    }

    /// Hands a letter to each worker that somebody who gets it lives on: listeners of the channel first, then those of each pattern that it matches.
    /// Says how many get it; who listens in several ways gets it as often.
    pub(crate) fn deal(&self, letter: Letter, mut hand: impl FnMut(u32, &Arc<Push>, &Arc<Vec<u64>>)) -> usize {
        let mut receivers = 0;
        let mut to = |push: Push, audience: &Audience| {
            let push = Arc::new(push);
            for (worker, clients) in &audience.0 {
                receivers += clients.len();
                hand(*worker, &push, clients);
            }
        };
        let direct = match letter.space {
            Space::ShardChannels => self.shard_channels.get(letter.channel()),
            Space::Monitors => Some(&self.monitors),
            Space::Channels | Space::Patterns => self.channels.get(letter.channel()),
        };
        let matched: Vec<(Push, &Audience)> = if letter.space == Space::Channels && !self.patterns.is_empty() {
            let matching = self.patterns.iter().filter(|(_, (pattern, _))| pattern.matches(letter.channel()));
            matching.map(|(name, (_, audience))| (letter.by_pattern(name), audience)).collect()
        } else {
            Vec::new()
        };
        if let Some(audience) = direct {
            to(letter.into_push(), audience);
        }
        for (push, audience) in matched {
            to(push, audience);
        }
        receivers
    }

    /// The names that somebody listens to, of those that match.
    pub(crate) fn names(&self, space: Space, pattern: Option<&[u8]>) -> Vec<Name> {
        let pattern = pattern.map(|pattern| Pattern::new(pattern, false));
        let wanted = |name: &&Name| pattern.as_ref().is_none_or(|pattern| pattern.matches(name));
        match space {
            Space::Channels => self.channels.keys().filter(wanted).cloned().collect(),
            Space::ShardChannels => self.shard_channels.keys().filter(wanted).cloned().collect(),
            Space::Patterns => self.patterns.keys().filter(wanted).cloned().collect(),
            Space::Monitors => Vec::new(),
        }
    }

    /// How many names somebody listens to, or how many monitor.
    pub(crate) fn count(&self, space: Space) -> usize {
        match space {
            Space::Channels => self.channels.len(),
            Space::ShardChannels => self.shard_channels.len(),
            Space::Patterns => self.patterns.len(),
            Space::Monitors => self.monitors.len(),
        }
    }

    /// How many listen to a name.
    pub(crate) fn listeners(&self, space: Space, name: &[u8]) -> usize {
        let audience = match space {
            Space::Channels => self.channels.get(name),
            Space::ShardChannels => self.shard_channels.get(name),
            Space::Patterns => self.patterns.get(name).map(|(_, audience)| audience),
            Space::Monitors => Some(&self.monitors),
        };
        audience.map_or(0, Audience::len)
    }
}

/// Whether events of keys are told on such a channel.
fn names_keys(channel: &[u8]) -> bool {
    channel.starts_with(events::PREFIX)
}

/// Whether a pattern may match such a channel: what it begins with does not speak against it.
fn may_name_keys(pattern: &[u8]) -> bool {
    let plain = pattern.iter().position(|byte| b"*?[\\".contains(byte)).unwrap_or(pattern.len());
    let (plain, prefix) = (&pattern[..plain], events::PREFIX);
    plain.starts_with(prefix) || plain.len() < pattern.len() && prefix.starts_with(plain)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::glob;

    /// Who listens to what, as a set: everything else is looked for in it.
    #[derive(Default)]
    struct Naive(BTreeSet<(usize, Vec<u8>, u32, u64)>);

    impl Naive {
        fn listeners(&self, space: Space, name: &[u8]) -> Vec<(u32, u64)> {
            self.0
                .iter()
                .filter(|(of, known, ..)| *of == space as usize && known == name)
                .map(|&(_, _, worker, client)| (worker, client))
                .collect()
        }

        fn names(&self, space: Space) -> BTreeSet<Vec<u8>> {
            self.0.iter().filter(|(of, ..)| *of == space as usize).map(|(_, name, ..)| name.clone()).collect()
        }

        /// Everybody who gets a message, as often as he gets it, by what he gets.
        fn receivers(&self, space: Space, channel: &[u8]) -> BTreeMap<Vec<u8>, Vec<(u32, u64)>> {
            let mut all = BTreeMap::new();
            let letter = if space == Space::Channels { Letter::to_channel } else { Letter::to_shard_channel };
            all.insert(letter(channel, b"text").into_push().rest().to_vec(), self.listeners(space, channel));
            if space == Space::Channels {
                for pattern in self.names(Space::Patterns).into_iter().filter(|pattern| glob::matches(pattern, channel, false)) {
                    let push = Letter::to_channel(channel, b"text").by_pattern(&pattern);
                    all.insert(push.rest().to_vec(), self.listeners(Space::Patterns, &pattern));
                }
            }
            all.retain(|_, listeners| !listeners.is_empty());
            all
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Join(usize, Vec<u8>, ListenerId),
        Leave(usize, Vec<u8>, ListenerId),
        Deal(bool, Vec<u8>),
    }

    fn step() -> impl Strategy<Value = Step> {
        let name = || prop_oneof!["[ab]{0,2}".prop_map(String::into_bytes), "[ab*?]{1,2}".prop_map(String::into_bytes)];
        let listener = || (0..3u32, 0..4u64).prop_map(|(worker, client)| ListenerId { worker, client: client * 3 + u64::from(worker) });
        prop_oneof![
            3 => (0..3usize, name(), listener()).prop_map(|(space, name, listener)| Step::Join(space, name, listener)),
            2 => (0..3usize, name(), listener()).prop_map(|(space, name, listener)| Step::Leave(space, name, listener)),
            2 => (any::<bool>(), name()).prop_map(|(sharded, name)| Step::Deal(sharded, name)),
        ]
    }

    proptest! {
        #[test]
        fn it_knows_what_a_set_knows(steps in prop::collection::vec(step(), 1..120)) {
            let (mut registry, mut naive) = (Registry::new([1, 2, 3, 4]), Naive::default());
            for step in steps {
                match step {
                    // As a listener does: it joins once.
                    Step::Join(space, name, listener) => {
                        if naive.0.insert((space, name.clone(), listener.worker, listener.client)) {
                            registry.join(Space::SUBSCRIBED[space], name.into(), listener);
                        }
                    }
                    Step::Leave(space, name, listener) => {
                        naive.0.remove(&(space, name.clone(), listener.worker, listener.client));
                        registry.leave(Space::SUBSCRIBED[space], &name, listener);
                    }
                    Step::Deal(sharded, channel) => {
                        let space = if sharded { Space::ShardChannels } else { Space::Channels };
                        let letter = if sharded { Letter::to_shard_channel(&channel, b"text") } else { Letter::to_channel(&channel, b"text") };
                        let mut dealt: BTreeMap<Vec<u8>, Vec<(u32, u64)>> = BTreeMap::new();
                        let count = registry.deal(letter, |worker, push, clients| {
                            dealt.entry(push.rest().to_vec()).or_default().extend(clients.iter().map(|&client| (worker, client)));
                        });
                        dealt.values_mut().for_each(|listeners| listeners.sort_unstable());
                        prop_assert_eq!(count, dealt.values().map(Vec::len).sum::<usize>());
                        prop_assert_eq!(dealt, naive.receivers(space, &channel));
                    }
                }
                for space in Space::SUBSCRIBED {
                    let names = naive.names(space);
                    prop_assert_eq!(registry.count(space), names.len());
                    if space == Space::Patterns {
                        // No channel here is one of a key, and every pattern but those of letters alone may match one.
                        let may = names.iter().filter(|name| name.first().is_some_and(|first| b"*?".contains(first))).count();
                        prop_assert_eq!(registry.of_keys, may);
                        prop_assert_eq!(registry.hears_of_keys(), may > 0);
                    }
                    prop_assert_eq!(registry.names(space, None).iter().map(|name| name.to_vec()).collect::<BTreeSet<_>>(), names.clone());
                    let matching = registry.names(space, Some(b"a*")).len();
                    prop_assert_eq!(matching, names.iter().filter(|name| name.starts_with(b"a")).count());
                    for name in &names {
                        prop_assert_eq!(registry.listeners(space, name), naive.listeners(space, name).len());
                    }
                }
            }
        }
    }

    #[test]
    fn it_knows_whether_anybody_may_hear_of_keys() {
        let mut registry = Registry::new([1, 2, 3, 4]);
        let of = ListenerId { worker: 0, client: 1 };
        for (space, name, may) in [
            (Space::Channels, "__keyspace@0__:k", true),
            (Space::Channels, "__key", true),
            (Space::Channels, "_", false),
            (Space::Channels, "*", false),
            (Space::ShardChannels, "__keyspace@0__:k", false),
            (Space::Patterns, "__key*__:*", true),
            (Space::Patterns, "__keyevent@0__:expired", true),
            (Space::Patterns, "", false),
            (Space::Patterns, "__", false),
            (Space::Patterns, "*", true),
            (Space::Patterns, "_?key*", true),
            (Space::Patterns, "[_]*", true),
            (Space::Patterns, "\\_*", true),
            (Space::Patterns, "news*", false),
            (Space::Patterns, "__kez*", false),
        ] {
            registry.join(space, Name::from(name.as_bytes()), of);
            assert_eq!(registry.hears_of_keys(), may, "{name}");
            registry.leave(space, name.as_bytes(), of);
            assert!(!registry.hears_of_keys(), "{name}");
        }
    }

    #[test]
    fn a_parcel_under_way_keeps_its_list() {
        let mut registry = Registry::new([1, 2, 3, 4]);
        let of = |client| ListenerId { worker: 0, client };
        registry.join(Space::Channels, Name::from(&b"c"[..]), of(1));
        let mut under_way = None;
        assert_eq!(registry.deal(Letter::to_channel(b"c", b"x"), |_, _, clients| under_way = Some(clients.clone())), 1);
        registry.join(Space::Channels, Name::from(&b"c"[..]), of(2));
        registry.leave(Space::Channels, b"c", of(1));
        assert_eq!(under_way.as_deref(), Some(&vec![1]));
        assert_eq!(registry.listeners(Space::Channels, b"c"), 1);
    }
}
