//! Who caches what he reads, and how each wants to be told what has changed. Pure, as the registry is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::command::{Outdated, What};
use crate::pubsub::desk::Item;
use crate::pubsub::push::Push;
use crate::pubsub::{ListenerId, Name};

/// How a client wants to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Of every change to keys with its prefixes, instead of those that it has read.
    pub(crate) broadcasts: bool,
    /// Not of its own changes.
    pub(crate) no_loop: bool,
    /// Somebody else is told in its place.
    pub(crate) redirect: Option<ListenerId>,
}

#[derive(Debug)]
struct Tracker {
    worker: u32,
    manner: Manner,
    prefixes: BTreeSet<Name>,
}

/// See the file's first line.
#[derive(Debug, Default)]
pub(crate) struct Trackers {
    clients: HashMap<u64, Tracker>,
    /// Who wants to hear of keys that begin so.
    prefixes: BTreeMap<Name, BTreeSet<u64>>,
    /// How long prefixes are, and how many are: a key is looked up cut to each length.
    lengths: BTreeMap<usize, usize>,
}

impl Trackers {
    /// A client wants to be told from now on, or in another manner than before. `prefixes` are added to those that it has.
    pub(crate) fn track(&mut self, client: ListenerId, manner: Manner, prefixes: Vec<Name>) {
        let fresh = || Tracker { worker: client.worker, manner, prefixes: BTreeSet::new() };
        let tracker = self.clients.entry(client.client).or_insert_with(fresh);
        tracker.manner = manner;
        for prefix in prefixes {
            let clients = self.prefixes.entry(prefix.clone()).or_default();
            if clients.is_empty() {
                *self.lengths.entry(prefix.len()).or_default() += 1;
            }
            clients.insert(client.client);
            tracker.prefixes.insert(prefix);
        }
    }

    /// A client is told nothing any more.
    pub(crate) fn forget(&mut self, client: u64) {
        for prefix in self.clients.remove(&client).into_iter().flat_map(|tracker| tracker.prefixes) {
            if let Some(clients) = self.prefixes.get_mut(&prefix) {
                clients.remove(&client);
                if clients.is_empty() {
                    self.prefixes.remove(&prefix);
                    self.lengths.entry(prefix.len()).and_modify(|count| *count -= 1);
                    self.lengths.retain(|_, count| *count > 0);
                }
            }
        }
    }

    /// How many clients are told, and how many prefixes there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.clients.len(), self.prefixes.len())
    }

    /// The prefixes that somebody wants to hear of.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = Name> {
        self.prefixes.keys().cloned()
    }

    /// What is to be handed to which worker, so that everybody hears of what has changed. Keys by prefix come last, as many together as there are here.
    pub(crate) fn tell(&self, news: &[Outdated], mut hand: impl FnMut(u32, Item)) {
        // By prefix: each key, and who changed it last.
        let mut broadcast: BTreeMap<&Name, BTreeMap<&[u8], Option<u64>>> = BTreeMap::new();
        for Outdated { by, what } in news {
            match what {
                What::Key(stale) => {
                    let push = || Push::stale([&*stale.key].into_iter());
                    let told = stale.readers.iter().filter(|(client, _)| self.is_told(*client, *by)).map(|&(client, _)| client);
                    self.hand_out(told, push, &mut hand);
                    if stale.is_broadcast {
                        for prefix in self.prefixes_of(&stale.key) {
                            broadcast.entry(prefix).or_default().insert(&stale.key, *by);
                        }
                    }
                }
                What::All => {
                    let mut all: Vec<u64> = self.clients.keys().copied().collect();
                    all.sort_unstable();
                    self.hand_out(all.into_iter(), Push::all_stale, &mut hand);
                }
            }
        }
        for (prefix, keys) in broadcast {
            let clients = || self.prefixes[prefix].iter().copied();
            let is_loop = |client: u64| self.clients[&client].manner.no_loop && keys.values().any(|&by| by == Some(client));
            self.hand_out(clients().filter(|&client| !is_loop(client)), || Push::stale(keys.keys().copied()), &mut hand);
            for client in clients().filter(|&client| is_loop(client)) {
                let others = keys.iter().filter(|&(_, &by)| by != Some(client)).map(|(&key, _)| key);
                if others.clone().next().is_some() {
                    self.hand_out([client].into_iter(), || Push::stale(others.clone()), &mut hand);
                }
            }
        }
    }

    /// The prefixes that a key begins with.
    fn prefixes_of(&self, key: &[u8]) -> impl Iterator<Item = &Name> {
        let cuts = self.lengths.keys().map_while(|&length| key.get(..length));
        cuts.filter_map(|start| self.prefixes.get_key_value(start).map(|(prefix, _)| prefix))
    }

    /// Whether a client that once read a key is still to be told that `by` changed it.
    fn is_told(&self, client: u64, by: Option<u64>) -> bool {
        let is_spared = |manner: Manner| manner.broadcasts || manner.no_loop && by == Some(client);
        self.clients.get(&client).is_some_and(|tracker| !is_spared(tracker.manner))
    }

    fn hand_out(&self, clients: impl Iterator<Item = u64>, push: impl Fn() -> Push, hand: &mut impl FnMut(u32, Item)) {
        let mut direct: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        let mut made: Option<Arc<Push>> = None;
        for client in clients {
            let Some(tracker) = self.clients.get(&client) else { continue };
            match tracker.manner.redirect {
                None => direct.entry(tracker.worker).or_default().push(client),
                Some(target) => {
                    let push = made.get_or_insert_with(|| Arc::new(push())).clone();
                    let origin = ListenerId { worker: tracker.worker, client };
                    hand(target.worker, Item::Redirected { push, target: target.client, origin });
                }
            }
        }
        for (worker, clients) in direct {
            let push = made.get_or_insert_with(|| Arc::new(push())).clone();
            hand(worker, Item::Stale { push, clients });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::resp::Protocol;
    use crate::store::Stale;

    /// What a client is told, as text, by whoever gets it.
    type Told = BTreeMap<(u32, u64), Vec<String>>;

    fn text(push: &Push) -> String {
        let bytes = [push.first(Protocol::Resp3), push.rest()].concat();
        String::from_utf8_lossy(&bytes).replace("\r\n", " ")
    }

    fn told(trackers: &Trackers, news: &[Outdated]) -> Told {
        let mut told = Told::new();
        trackers.tell(news, |worker, item| match item {
            Item::Stale { push, clients } => {
                clients.into_iter().for_each(|client| told.entry((worker, client)).or_default().push(text(&push)));
            }
            Item::Redirected { push, target, .. } => told.entry((worker, target)).or_default().push(text(&push)),
            other => panic!("{other:?}"),
        });
        told
    }

    fn words(keys: &[&[u8]]) -> String {
        let keys: String = keys.iter().map(|key| format!("${} {} ", key.len(), String::from_utf8_lossy(key))).collect();
        format!(">2 $10 invalidate *{} {keys}", keys.matches('$').count())
    }

    #[derive(Clone, Debug)]
    enum Step {
        Track(u64, Manner, Vec<Name>),
        Forget(u64),
        Tell(Vec<Outdated>),
    }

    fn name() -> impl Strategy<Value = Name> {
        "[ab]{0,3}".prop_map(|text| Name::from(text.as_bytes()))
    }

    fn of(client: u64) -> ListenerId {
        ListenerId { worker: (client % 3) as u32, client }
    }

    fn manner() -> impl Strategy<Value = Manner> {
        (any::<bool>(), any::<bool>(), prop::option::of(10..13u64)).prop_map(|(broadcasts, no_loop, redirect)| Manner {
            broadcasts,
            no_loop,
            redirect: redirect.map(of),
        })
    }

    fn outdated() -> impl Strategy<Value = Outdated> {
        let readers = prop::collection::btree_set(0..6u64, 0..4);
        let key = (name(), readers).prop_map(|(key, readers)| {
            What::Key(Stale { key, readers: readers.into_iter().map(|client| (client, of(client).worker)).collect(), is_broadcast: true })
        });
        (prop::option::of(0..6u64), prop_oneof![6 => key, 1 => Just(What::All)]).prop_map(|(by, what)| Outdated { by, what })
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..6u64, manner(), prop::collection::vec(name(), 0..3)).prop_map(|(client, manner, prefixes)| Step::Track(client, manner, prefixes)),
            1 => (0..6u64).prop_map(Step::Forget),
            3 => prop::collection::vec(outdated(), 1..4).prop_map(Step::Tell),
        ]
    }

    /// Looked up one client after the other.
    fn naive(clients: &BTreeMap<u64, (Manner, BTreeSet<Name>)>, news: &[Outdated]) -> Told {
        let mut told = Told::new();
        for (&client, (manner, prefixes)) in clients {
            let to = manner.redirect.unwrap_or(of(client));
            let mut hears = |text: String| told.entry((to.worker, to.client)).or_default().push(text);
            for Outdated { by, what } in news {
                match what {
                    What::All => hears(">2 $10 invalidate _ ".to_owned()),
                    What::Key(stale) => {
                        let reads = stale.readers.iter().any(|(reader, _)| *reader == client);
                        if reads && !manner.broadcasts && !(manner.no_loop && *by == Some(client)) {
                            hears(words(&[&stale.key]));
                        }
                    }
                }
            }
            for prefix in prefixes {
                let mut keys: BTreeMap<&[u8], Option<u64>> = BTreeMap::new();
                for Outdated { by, what } in news {
                    if let What::Key(stale) = what
                        && stale.key.starts_with(prefix)
                    {
                        keys.insert(&stale.key, *by);
                    }
                }
                keys.retain(|_, by| !manner.no_loop || *by != Some(client));
                if !keys.is_empty() {
                    hears(words(&keys.into_keys().collect::<Vec<_>>()));
                }
            }
        }
        told
    }

    fn sorted(mut told: Told) -> Told {
        told.values_mut().for_each(|texts| texts.sort_unstable());
        told
    }

    proptest! {
        #[test]
        fn everybody_is_told_what_a_look_at_each_client_says(steps in prop::collection::vec(step(), 1..60)) {
            let (mut trackers, mut clients) = (Trackers::default(), BTreeMap::<u64, (Manner, BTreeSet<Name>)>::new());
            for step in steps {
                match step {
                    Step::Track(client, manner, prefixes) => {
                        let prefixes = if manner.broadcasts { prefixes } else { Vec::new() };
                        let known = clients.entry(client).or_default();
                        known.0 = manner;
                        known.1.extend(prefixes.iter().cloned());
                        trackers.track(of(client), manner, prefixes);
                    }
                    Step::Forget(client) => {
                        clients.remove(&client);
                        trackers.forget(client);
                    }
                    // In which order one client is told of several things is for the transcripts.
                    Step::Tell(news) => prop_assert_eq!(sorted(told(&trackers, &news)), sorted(naive(&clients, &news))),
                }
                let prefixes: BTreeSet<Name> = clients.values().flat_map(|(_, prefixes)| prefixes.iter().cloned()).collect();
                prop_assert_eq!(trackers.counts(), (clients.len(), prefixes.len()));
                prop_assert_eq!(trackers.prefixes().collect::<BTreeSet<_>>(), prefixes);
            }
        }
    }
}
