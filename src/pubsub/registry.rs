//! Who listens to what. Pure: no channel, no task, no time.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

use crate::glob::Pattern;
use crate::pubsub::push::Push;
use crate::pubsub::{Letter, Name};

/// Names of one kind do not meet those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Channels,
    /// Patterns that channels may match.
    Patterns,
    ShardChannels,
}

/// Whom a message is for: a client, and the worker that it lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        }
    }

    pub(crate) fn join(&mut self, space: Space, name: Name, listener: ListenerId) {
        match space {
            Space::Channels => self.channels.entry(name).or_default().join(listener),
            Space::ShardChannels => self.shard_channels.entry(name).or_default().join(listener),
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
            Space::Patterns => {
                if let Some((_, audience)) = self.patterns.get_mut(name) {
                    audience.leave(listener);
                    if audience.is_empty() {
                        self.patterns.remove(name);
                    }
                }
                return;
            }
        };
        if let Some(audience) = channels.get_mut(name) {
            audience.leave(listener);
            if audience.is_empty() {
                channels.remove(name);
            }
        }
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
        }
    }

    /// How many names somebody listens to.
    pub(crate) fn count(&self, space: Space) -> usize {
        match space {
            Space::Channels => self.channels.len(),
            Space::ShardChannels => self.shard_channels.len(),
            Space::Patterns => self.patterns.len(),
        }
    }

    /// How many listen to a name.
    pub(crate) fn listeners(&self, space: Space, name: &[u8]) -> usize {
        let audience = match space {
            Space::Channels => self.channels.get(name),
            Space::ShardChannels => self.shard_channels.get(name),
            Space::Patterns => self.patterns.get(name).map(|(_, audience)| audience),
        };
        audience.map_or(0, Audience::len)
    }
}
