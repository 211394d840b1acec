//! The scripts that the server knows, by digest. One value that all threads see; a change makes the next one, which shares almost all of the last.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::sha1::Digest;
use super::source::Source;

/// Scripts that are known only because somebody ran them by their text. More than these and the oldest is forgotten, as Redis does from
/// version 7.4 on: programs that write a new text for every call would fill the memory. Who calls by digest keeps a script with SCRIPT LOAD, or
/// is told NOSCRIPT and sends the text again.
const RUN_MAX: usize = 500;

/// By the first byte of the digest: a change copies one of these.
const BUCKETS: usize = 256;

type Bucket = Arc<HashMap<Digest, Known>>;

#[derive(Clone, Debug)]
struct Known {
    source: Arc<Source>,
    /// By SCRIPT LOAD: until SCRIPT FLUSH.
    is_loaded: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Cache {
    buckets: Box<[Bucket]>,
    /// Those that are known by having been run, oldest first.
    run: VecDeque<Digest>,
    count: usize,
    bytes: usize,
    evicted: u64,
    /// How often everything was forgotten.
    pub(crate) flushes: u64,
}

impl Default for Cache {
    fn default() -> Cache {
        let buckets = (0..BUCKETS).map(|_| Bucket::default()).collect();
        Cache { buckets, run: VecDeque::new(), count: 0, bytes: 0, evicted: 0, flushes: 0 }
    }
}

impl Cache {
    pub(crate) fn get(&self, digest: &Digest) -> Option<&Arc<Source>> {
        self.buckets[usize::from(digest.0[0])].get(digest).map(|known| &known.source)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many were forgotten to make room.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Knows a script from now on; false if it did already. `load`: until it is told to forget it.
    pub(crate) fn add(&mut self, source: &Arc<Source>, load: bool) -> bool {
        let digest = source.digest;
        let before = self.buckets[usize::from(digest.0[0])].get(&digest).map(|known| known.is_loaded);
        match before {
            Some(is_loaded) if is_loaded || !load => return false,
            Some(_) => self.run.retain(|run| *run != digest),
            None => {
                self.count += 1;
                self.bytes += source.text.len();
            }
        }
        self.bucket(&digest).insert(digest, Known { source: source.clone(), is_loaded: load });
        if !load {
            self.run.push_back(digest);
            if self.run.len() > RUN_MAX
                && let Some(oldest) = self.run.pop_front()
                && let Some(known) = self.bucket(&oldest).remove(&oldest)
            {
                self.count -= 1;
                self.bytes -= known.source.text.len();
                self.evicted += 1;
            }
        }
        true
    }

    /// Knows none any more.
    pub(crate) fn flush(&mut self) {
        *self = Cache { flushes: self.flushes + 1, evicted: self.evicted, ..Cache::default() };
    }

    fn bucket(&mut self, digest: &Digest) -> &mut HashMap<Digest, Known> {
        Arc::make_mut(&mut self.buckets[usize::from(digest.0[0])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: usize) -> Arc<Source> {
        let text = format!("return {number}");
        Arc::new(Source::new(text.as_bytes(), Digest::of(text.as_bytes())).unwrap())
    }

    #[test]
    fn what_was_only_run_makes_room() {
        let mut cache = Cache::default();
        let kept = source(0);
        assert!(cache.add(&kept, true) && !cache.add(&kept, true) && !cache.add(&kept, false));
        let before = cache.clone();
        (1..=RUN_MAX + 10).for_each(|number| assert!(cache.add(&source(number), false)));
        assert_eq!((cache.len(), cache.evicted(), before.len()), (RUN_MAX + 1, 10, 1));
        assert!(cache.get(&kept.digest).is_some() && cache.get(&source(10).digest).is_none());
        // What is loaded after it was run stays.
        assert!(cache.add(&source(11), true));
        (1000..1000 + RUN_MAX).for_each(|number| assert!(cache.add(&source(number), false)));
        assert!(cache.get(&source(11).digest).is_some() && cache.get(&source(12).digest).is_none());
        let bytes = [kept.text.len(), source(11).text.len()].iter().sum::<usize>() + RUN_MAX * "return 1000".len();
        assert_eq!(cache.bytes(), bytes);
        cache.flush();
        assert_eq!((cache.len(), cache.bytes(), cache.flushes), (0, 0, 1));
        assert!(cache.get(&kept.digest).is_none());
    }
}
