//! What a command works with: the selected database, the time of its batch, the limits, and what it leaves behind.

use std::sync::Arc;

use crate::command::wait::Attempt;
use crate::command::{Args, Classes, Effects, Fault, Flags, Limits, Outdated, Reach, Record, Row, Scripts, What, keys_of};
use crate::store::types::Thresholds;
use crate::store::{Database, Due, Entry, EntryMut, Guard, Keep, Keyspace, Kind, Reader, Stamp, Text, Typed, Value, Watch};
use crate::time::UnixMillis;

/// The context of one call. Everything a command may look at besides its words is here, so that the same command runs in a
/// shard, in a borrower, in a script and in a test.
pub(crate) struct Cx<'a> {
    /// The time of the batch: every call of it sees the same.
    pub(crate) now: UnixMillis,
    /// Deadlines before this have passed. The same as `now`; but the beginning of time while a journal is replayed, which says itself what
    /// expired, and when.
    pub(crate) expiry: UnixMillis,
    /// What may grow how far. Copy the reference out first where an entry is held at the same time.
    pub(crate) limits: &'a Limits,
    pub(crate) effects: &'a mut Effects,
    /// The client's selected database.
    pub(crate) database: usize,
    /// False for clients that asked CLIENT NO-TOUCH: their look-ups leave no trace on a key's access time.
    pub(crate) touches: bool,
    pub(crate) attempt: Attempt,
    /// What events are told of; none while nobody listens.
    events: Classes,
    reach: Reach<'a>,
    seed: &'a mut u64,
    /// Keys that the call at hand may have changed and somebody is interested in, by database: told when it has.
    touched: Vec<(usize, Box<[u8]>)>,
    /// Of the client whose batch this is, while it registers its watch.
    watch: Option<Arc<Watch>>,
    /// Who runs scripts, where somebody does.
    scripts: Option<&'a dyn Scripts>,
    /// The client whose batch this is, if it caches what it reads.
    reader: Option<Arc<Reader>>,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(reach: Reach<'a>, limits: &'a Limits, effects: &'a mut Effects, seed: &'a mut u64, now: UnixMillis) -> Cx<'a> {
        let events = limits.events;
        let (touched, attempt) = (Vec::new(), Attempt::default());
        Cx {
            now,
            expiry: now,
            limits,
            effects,
            database: 0,
            touches: true,
            attempt,
            events,
            reach,
            seed,
            touched,
            watch: None,
            reader: None,
            scripts: None,
        }
    }

    /// With somebody who runs scripts.
    pub(crate) fn with_scripts(mut self, scripts: Option<&'a dyn Scripts>) -> Cx<'a> {
        self.scripts = scripts;
        self
    }

    pub(super) fn scripts(&self) -> Option<&'a dyn Scripts> {
        self.scripts
    }

    pub(super) fn reach_mut(&mut self) -> &mut Reach<'a> {
        &mut self.reach
    }

    /// Asks the processor for the line of the table where this key is looked up first. Returns the key's hash.
    #[inline]
    pub(crate) fn prefetch(&mut self, database: usize, key: &[u8]) -> u64 {
        let (hash, data) = locate(&mut self.reach, database, key);
        data.prefetch(hash);
        hash
    }

    /// Asks for the entry that was found there; some work should lie between the two. Only where one keyspace is in reach.
    #[inline]
    pub(crate) fn prefetch_entry(&mut self, database: usize, hash: u64) {
        if let Reach::One(keyspace) = &self.reach {
            keyspace.database(database).prefetch_entry(hash);
        }
    }

    /// The thresholds of the packed forms, free of the borrow of `self`.
    pub(crate) fn thresholds(&self) -> &'a Thresholds {
        &self.limits.thresholds
    }

    /// The next number of a generator whose seed was handed in (splitmix64), so that a test or a simulation replays.
    pub(crate) fn random(&mut self) -> u64 {
        *self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Notes `count` changes to the data.
    pub(crate) fn changed(&mut self, count: u64) {
        self.effects.changed += count;
    }

    /// Where the call says what the journal is told in place of its words; nothing while the journal is off.
    #[inline]
    pub(crate) fn record(&mut self) -> Option<&mut Record> {
        if self.is_recorded() { Some(&mut self.effects.record) } else { None }
    }

    /// Whether the journal is to know of changes.
    #[inline]
    pub(crate) fn is_recorded(&self) -> bool {
        self.reach.is_recorded()
    }

    /// Whether these calls happened before, and are read from a journal.
    pub(crate) fn is_replay(&self) -> bool {
        self.expiry.0 == 0
    }

    // Events of keys ----------------------------------------------------------------------------------------------------------

    /// Nobody listens: no event need be told.
    pub(crate) fn hush(&mut self) {
        self.events = Classes::NONE;
    }

    /// Whether no event is told.
    pub(super) fn is_hushed(&self) -> bool {
        self.events == Classes::NONE
    }

    /// Whether such events are told.
    pub(crate) fn tells(&self, class: Classes) -> bool {
        self.events.has(class)
    }

    /// Tells those who listen what has happened to a key of the selected database. Said where the command has done it, in Redis's order.
    #[inline]
    pub(crate) fn event(&mut self, class: Classes, name: &'static str, key: &[u8]) {
        self.event_in(self.database, class, name, key);
    }

    /// As [`Cx::event`], in a database of the command's choosing.
    #[inline]
    pub(crate) fn event_in(&mut self, database: usize, class: Classes, name: &'static str, key: &[u8]) {
        if self.events.has(class) {
            self.effects.tell(self.events, database, name, key);
        }
    }

    /// A key is about to be written that may not be there yet.
    #[cold]
    fn tell_if_new(&mut self, database: usize, key: &[u8]) {
        let (hash, data) = locate(&mut self.reach, database, key);
        if data.find(hash, key).is_none() {
            self.event_in(database, Classes::NEW, "new", key);
        }
    }

    // Reading -----------------------------------------------------------------------------------------------------------------

    /// The entry of a key, for a reader: counts a hit or a miss and refreshes the access time.
    #[inline]
    pub(crate) fn read(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.read_in(self.database, key)
    }

    /// As [`Cx::read`], in a database of the command's choosing.
    #[inline]
    pub(crate) fn read_in(&mut self, database: usize, key: &[u8]) -> Option<Entry<'_>> {
        let (touches, now, limits) = (self.touches, self.now, self.limits);
        self.drop_if_due(database, key);
        let (hash, data) = locate(&mut self.reach, database, key);
        let Some(entry) = data.find(hash, key) else {
            self.effects.missed(self.events, database, key);
            return None;
        };
        self.effects.hits += 1;
        if touches {
            entry.touch(limits.touched(entry.access(), now));
        }
        Some(entry)
    }

    /// The entry of a key for a command that looks at it without using it (TTL, TYPE, OBJECT): the access time stays.
    pub(crate) fn peek(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        self.peek_in(self.database, key)
    }

    /// As [`Cx::peek`], in a database of the command's choosing.
    pub(crate) fn peek_in(&mut self, database: usize, key: &[u8]) -> Option<Entry<'_>> {
        self.drop_if_due(database, key);
        let (hash, data) = locate(&mut self.reach, database, key);
        let found = data.find(hash, key);
        match found {
            Some(_) => self.effects.hits += 1,
            None => self.effects.missed(self.events, database, key),
        }
        found
    }

    /// As [`Cx::peek`], for who asks how a value is kept (OBJECT): that it is not there is no event.
    pub(crate) fn inspect(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        let database = self.database;
        self.drop_if_due(database, key);
        let (hash, data) = locate(&mut self.reach, database, key);
        let found = data.find(hash, key);
        match found {
            Some(_) => self.effects.hits += 1,
            None => self.effects.misses += 1,
        }
        found
    }

    /// The entry of a key that [`Cx::read`] has looked up before: nothing is counted or touched, and so several can be held at once.
    pub(crate) fn seen(&self, key: &[u8]) -> Option<Entry<'_>> {
        let keyspace = self.reach.see(key);
        keyspace.database(self.database).find(keyspace.hash(key), key)
    }

    /// Whether the key is there; neither counted nor touched.
    pub(crate) fn exists(&mut self, database: usize, key: &[u8]) -> bool {
        self.drop_if_due(database, key);
        let (hash, data) = locate(&mut self.reach, database, key);
        data.find(hash, key).is_some()
    }

    /// Bytes allocated for a key: its entry, what that holds, and its share of the tables. Neither counted nor touched.
    pub(crate) fn weigh(&mut self, key: &[u8]) -> Option<usize> {
        self.drop_if_due(self.database, key);
        let (hash, data) = locate(&mut self.reach, self.database, key);
        let own = data.find(hash, key)?.heap_bytes();
        Some(own + data.table_bytes() / data.len().max(1))
    }

    /// The string at a key.
    #[inline]
    pub(crate) fn read_text(&mut self, key: &[u8]) -> Result<Option<Text<'_>>, Fault> {
        match self.read(key) {
            None => Ok(None),
            Some(entry) => entry.text().map(Some).ok_or(Fault::WrongType),
        }
    }

    /// The collection at a key.
    pub(crate) fn read_as<T: Typed>(&mut self, key: &[u8]) -> Result<Option<&T>, Fault> {
        match self.read(key) {
            None => Ok(None),
            Some(entry) => entry.get::<T>().map(Some).ok_or(Fault::WrongType),
        }
    }

    /// The entry of a key that a call comes upon while it holds others (SORT's patterns). A key past its deadline is passed over but stays;
    /// a use leaves its trace, and the caller counts.
    pub(crate) fn look(&self, key: &[u8]) -> Option<Entry<'_>> {
        let entry = self.seen(key).filter(|entry| !entry.is_due(self.expiry))?;
        if self.touches {
            entry.touch(self.limits.touched(entry.access(), self.now));
        }
        Some(entry)
    }

    /// The collection at a key that a call may change, or may leave alone once it has looked: not counted, not touched, and no change yet
    /// to who watches the key.
    pub(crate) fn check_as<T: Typed>(&mut self, key: &[u8]) -> Result<Option<&T>, Fault> {
        self.drop_if_due(self.database, key);
        match self.seen(key) {
            None => Ok(None),
            Some(entry) => entry.get::<T>().map(Some).ok_or(Fault::WrongType),
        }
    }

    // Writing -----------------------------------------------------------------------------------------------------------------

    /// The entry of a key, to be changed. Neither a hit nor a miss: Redis counts readers only.
    #[inline]
    pub(crate) fn write(&mut self, key: &[u8]) -> Option<EntryMut<'_>> {
        self.note_change(self.database, key);
        self.write_unwatched(key)
    }

    /// As [`Cx::write`], for changes that who watches the key is not told of.
    #[inline]
    fn write_unwatched(&mut self, key: &[u8]) -> Option<EntryMut<'_>> {
        let (touches, now, limits, database) = (self.touches, self.now, self.limits, self.database);
        self.drop_if_due(database, key);
        let (hash, data) = locate(&mut self.reach, database, key);
        let mut entry = data.find_mut(hash, key)?;
        if touches {
            let access = limits.touched(entry.access(), now);
            entry.set_access(access);
        }
        Some(entry)
    }

    /// The collection at a key, to be changed.
    pub(crate) fn edit_as<T: Typed>(&mut self, key: &[u8]) -> Result<Option<Guard<'_, T>>, Fault> {
        match self.write(key) {
            None => Ok(None),
            Some(entry) => entry.into_guard::<T>().map(Some).ok_or(Fault::WrongType),
        }
    }

    /// As [`Cx::edit_as`], for changes that who watches the key is not told of: those of a stream's groups, in Redis too.
    pub(crate) fn edit_unwatched_as<T: Typed>(&mut self, key: &[u8]) -> Result<Option<Guard<'_, T>>, Fault> {
        match self.write_unwatched(key) {
            None => Ok(None),
            Some(entry) => entry.into_guard::<T>().map(Some).ok_or(Fault::WrongType),
        }
    }

    /// The collection at a key, to be changed; an empty one from `make` if the key is missing.
    ///
    /// A command that may leave it empty calls [`Cx::drop_if_empty`] afterwards.
    pub(crate) fn create_as<T: Typed>(&mut self, key: &[u8], make: impl FnOnce() -> T) -> Result<Guard<'_, T>, Fault> {
        let (touches, now, limits, database) = (self.touches, self.now, self.limits, self.database);
        self.before_change(database, key);
        let (hash, data) = locate(&mut self.reach, database, key);
        data.set_stamp(limits.stamp(now));
        let mut entry = data.find_or_add(hash, key, || T::into_value(Box::new(make())));
        if touches {
            let access = limits.touched(entry.access(), now);
            entry.set_access(access);
        }
        entry.into_guard::<T>().ok_or(Fault::WrongType)
    }

    /// Removes the key if its collection became empty: Redis keeps no empty collections. What the command itself tells of comes before.
    pub(crate) fn drop_if_empty<T: Typed>(&mut self, key: &[u8]) {
        let (hash, data) = locate(&mut self.reach, self.database, key);
        let empty = data.find(hash, key).and_then(Entry::get::<T>).is_some_and(Typed::is_empty);
        if empty {
            data.remove(hash, key);
            self.event(Classes::GENERIC, "del", key);
        }
    }

    /// Stores a string, whatever was there before. The fast path of SET.
    #[inline]
    pub(crate) fn set_text(&mut self, key: &[u8], text: &[u8], keep: Keep) {
        let (now, limits, database) = (self.now, self.limits, self.database);
        self.before_change(database, key);
        let (hash, data) = locate(&mut self.reach, database, key);
        data.set_stamp(limits.stamp(now));
        let old = data.set_text(hash, key, text, keep);
        if let Some(old) = old {
            self.effects.discard(old);
        }
    }

    /// Stores a value with or without a deadline, whatever was there before.
    pub(crate) fn put(&mut self, key: &[u8], value: Value, deadline: Option<UnixMillis>) {
        self.put_in(self.database, key, value, deadline);
    }

    /// As [`Cx::put`], in a database of the command's choosing.
    pub(crate) fn put_in(&mut self, database: usize, key: &[u8], value: Value, deadline: Option<UnixMillis>) {
        let stamp = self.limits.stamp(self.now);
        self.before_change(database, key);
        let (hash, data) = locate(&mut self.reach, database, key);
        data.set_stamp(stamp);
        if let Some(old) = data.insert(hash, key, value, deadline) {
            self.effects.discard(old);
        }
    }

    /// Lets OBJECT ENCODING call a short string raw, which says that it was changed in place once: copies and renamed keys stay so.
    pub(crate) fn mark_raw(&mut self, database: usize, key: &[u8]) {
        let (hash, data) = locate(&mut self.reach, database, key);
        if let Some(mut entry) = data.find_mut(hash, key) {
            entry.text_mut(0);
        }
    }

    /// Removes a key; says whether it was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        self.remove_in(self.database, key)
    }

    /// As [`Cx::remove`], in a database of the command's choosing.
    pub(crate) fn remove_in(&mut self, database: usize, key: &[u8]) -> bool {
        match self.take_in(database, key) {
            None => false,
            Some((value, _)) => {
                self.effects.discard(value);
                true
            }
        }
    }

    /// As [`Cx::remove`], and tells of it.
    pub(crate) fn delete(&mut self, key: &[u8]) -> bool {
        let removed = self.remove(key);
        if removed {
            self.event(Classes::GENERIC, "del", key);
        }
        removed
    }

    /// Removes a key and hands over what it held.
    pub(crate) fn take_in(&mut self, database: usize, key: &[u8]) -> Option<(Value, Option<UnixMillis>)> {
        self.drop_if_due(database, key);
        let (hash, data) = locate(&mut self.reach, database, key);
        let taken = data.remove(hash, key)?;
        self.note_change(database, key);
        Some(taken)
    }

    /// Gives a key a deadline, or takes it away; false if there is no such key.
    pub(crate) fn set_deadline(&mut self, key: &[u8], deadline: Option<UnixMillis>) -> bool {
        self.note_change(self.database, key);
        let (hash, data) = locate(&mut self.reach, self.database, key);
        data.set_deadline(hash, key, deadline)
    }

    // Whole keyspaces ---------------------------------------------------------------------------------------------------------

    /// Every keyspace within reach (DBSIZE, KEYS, FLUSHALL).
    pub(crate) fn every(&mut self) -> impl Iterator<Item = &mut Keyspace> {
        self.reach.every()
    }

    /// Every keyspace within reach, and beside it what the call leaves behind.
    pub(crate) fn every_with_effects(&mut self) -> (impl Iterator<Item = &mut Keyspace>, &mut Effects) {
        (self.reach.every(), &mut *self.effects)
    }

    /// The selected database in slice `index` of the whole, and how many slices there are (SCAN).
    pub(crate) fn slice(&mut self, index: u32) -> Option<&mut Database> {
        let database = self.database;
        self.reach.slice(index).map(|keyspace| keyspace.database_mut(database))
    }

    /// How many slices the whole keyspace has.
    pub(crate) fn slices(&mut self) -> u32 {
        self.reach.slices()
    }

    /// How many databases there are to select.
    pub(crate) fn databases(&mut self) -> usize {
        self.every().next().map_or(0, |keyspace| keyspace.databases())
    }

    // Who is to know of changes -----------------------------------------------------------------------------------------------

    /// Hands the calls that follow the watch of their client.
    pub(crate) fn watch_by(&mut self, watch: Arc<Watch>) {
        self.watch = Some(watch);
    }

    /// Lets the client know of the next change of a key (WATCH).
    pub(crate) fn watch(&mut self, key: &[u8]) {
        let database = self.database;
        self.drop_if_due(database, key);
        if let Some(watch) = &self.watch {
            self.reach.of(key).interests_mut().watch(database, key, watch);
        }
    }

    /// Removes what is due of all watched keys, so that a watch knows whether its keys are still there.
    pub(crate) fn drop_due_watched(&mut self) {
        let now = self.expiry;
        let mut due = Vec::new();
        for keyspace in self.reach.every() {
            for number in 0..keyspace.databases() {
                if keyspace.database(number).next_deadline().is_some_and(|earliest| earliest < now) {
                    due.extend(keyspace.interests().watched(number).map(|key| (number, Box::<[u8]>::from(key))));
                }
            }
        }
        due.iter().for_each(|(database, key)| self.drop_if_due(*database, key));
    }

    /// The call is over: who is interested in what it changed is told. A call that changed nothing has touched nothing.
    #[cold]
    pub(super) fn tell_of_changes(&mut self, changed: bool) {
        for (database, key) in std::mem::take(&mut self.touched) {
            if changed {
                self.reach.of(&key).interests_mut().touch(database, &key);
            }
        }
    }

    /// Whether the call at hand may have changed a key that somebody is interested in.
    #[inline]
    pub(super) fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    // Cached keys -------------------------------------------------------------------------------------------------------------

    /// The calls that follow are those of a client that caches what it reads.
    pub(crate) fn read_by(&mut self, reader: Arc<Reader>) {
        self.reader = Some(reader);
    }

    pub(super) fn reader(&self) -> Option<Arc<Reader>> {
        self.reader.clone()
    }

    /// Remembers that the client at hand keeps the keys of a call that reads, now that it has been run. As in Redis these are the keys that its
    /// words name, found or not.
    #[cold]
    pub(crate) fn remember(&mut self, row: &Row, args: &Args<'_>) {
        let Some(reader) = self.reader.clone().filter(|_| row.spec.flags.has(Flags::READONLY)) else { return };
        let mut places = Vec::new();
        // Who cannot say which keys it has named has read none.
        if keys_of(&row.spec, args, |at, _| places.push(at)).is_err() {
            return;
        }
        for at in places {
            let mut seed = self.random();
            let pick = || {
                seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                seed >> 16
            };
            let key = args.key(at);
            self.reach.of(key).interests_mut().note_read(key, &reader, pick);
        }
    }

    /// Takes down what those who keep keys are to be told of the calls so far.
    #[inline]
    pub(crate) fn collect_outdated(&mut self) {
        for keyspace in self.reach.every() {
            if keyspace.interests().has_stale() {
                self.effects.outdate(self.reader.as_ref().map(|reader| reader.client), keyspace.interests_mut().take_stale());
            }
        }
    }

    /// Databases were emptied or exchanged: nobody may rely on anything that was read before.
    pub(crate) fn outdate_all(&mut self) {
        self.collect_outdated();
        let mut is_told = false;
        for keyspace in self.reach.every() {
            keyspace.interests_mut().forget_read();
            // Every slice is told to do it, and one of them says so.
            is_told |= keyspace.part().index == 0;
        }
        if is_told && self.limits.is_tracked {
            let by = self.reader.as_ref().map(|reader| reader.client);
            self.effects.outdated.push(Outdated { by, what: What::All });
        }
    }

    /// What every change of a key begins with.
    #[inline]
    fn before_change(&mut self, database: usize, key: &[u8]) {
        self.drop_if_due(database, key);
        if self.events.has(Classes::NEW) {
            self.tell_if_new(database, key);
        }
        self.note_change(database, key);
    }

    /// Something happened at a key that only those who wait for it are to know of.
    pub(crate) fn stir(&mut self, key: &[u8]) {
        let database = self.database;
        self.reach.of(key).interests_mut().stir(database, key);
    }

    /// Whether somebody may be served that waits for a key of the only keyspace in reach.
    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        if let Reach::One(keyspace) = &self.reach { keyspace.interests().has_ready() } else { false }
    }

    /// The word at `at` is to be `word` when the call is attempted again.
    pub(crate) fn rewrite(&mut self, at: usize, word: impl FnOnce() -> Box<[u8]>) {
        if self.attempt.may_wait {
            self.attempt.rewritten.push((at, word()));
        }
    }

    #[inline]
    fn note_change(&mut self, database: usize, key: &[u8]) {
        if !self.reach.of(key).interests().is_quiet() {
            self.note_interest(database, key);
        }
    }

    #[cold]
    fn note_interest(&mut self, database: usize, key: &[u8]) {
        if self.reach.of(key).interests().concern(database, key) {
            self.touched.push((database, key.into()));
        }
    }

    /// Lazy expiry: removes the key if its deadline has passed, else the members of it whose deadline has. Whoever gets a collection from
    /// here sees none that is due. Costs one comparison while nothing in the database is.
    #[inline]
    fn drop_if_due(&mut self, database: usize, key: &[u8]) {
        let keyspace = self.reach.of(key);
        if keyspace.database(database).next_deadline().is_some_and(|earliest| earliest < self.expiry) {
            self.drop_due(database, key);
        }
    }

    #[cold]
    fn drop_due(&mut self, database: usize, key: &[u8]) {
        let (now, recorded) = (self.expiry, self.is_recorded());
        let (hash, data) = locate(&mut self.reach, database, key);
        let Some(due) = data.find(hash, key).and_then(|entry| entry.due(now)) else { return };
        if let Due::Members(_) = due {
            let mut gone = Gone::default();
            self.effects.expired_members += data.drop_due_members(hash, key, now, &mut |kind, member| {
                if recorded {
                    gone.add(kind, member);
                }
            }) as u64;
            gone.record(database, key, &mut self.effects.record);
        } else if let Some((value, _)) = data.remove(hash, key) {
            self.effects.expired += 1;
            self.effects.discard(value);
            if recorded {
                self.effects.record.besides(database, [b"DEL".as_slice(), key]);
            }
        }
        self.effects.tell_expired(self.events, database, key, due);
        self.reach.of(key).interests_mut().touch(database, key);
    }
}

/// Members of one key that expired, on their way to the journal.
#[derive(Default)]
pub(crate) struct Gone {
    command: &'static str,
    members: Vec<Box<[u8]>>,
}

impl Gone {
    pub(crate) fn add(&mut self, kind: Kind, member: &[u8]) {
        self.command = match kind {
            Kind::Hash => "HDEL",
            Kind::SortedSet => "ZREM",
            _ => "SREM",
        };
        self.members.push(member.into());
    }

    /// Records that they are gone, if any are.
    pub(crate) fn record(&mut self, database: usize, key: &[u8], record: &mut Record) {
        if !self.members.is_empty() {
            let words = [self.command.as_bytes(), key].into_iter().chain(self.members.iter().map(|member| &**member));
            record.besides(database, words.collect::<Vec<_>>());
            self.members.clear();
        }
    }
}

/// The database that owns `key`, and the key's hash in it. Apart from `Cx`, so that a caller may use its other fields meanwhile.
#[inline]
fn locate<'r>(reach: &'r mut Reach<'_>, database: usize, key: &[u8]) -> (u64, &'r mut Database) {
    let keyspace = reach.of(key);
    (keyspace.hash(key), keyspace.database_mut(database))
}

impl Limits {
    /// The access bits of entries that are written now: a time is renewed by every write, a frequency begins once.
    #[inline]
    fn stamp(&self, now: UnixMillis) -> Stamp {
        if self.frequency {
            Stamp { born: (minutes(now) << 8) | LFU_START, written: None }
        } else {
            Stamp { born: seconds(now), written: Some(seconds(now)) }
        }
    }

    /// The access bits of an entry that was `access` and is used now.
    #[inline]
    pub(crate) fn touched(&self, access: u32, now: UnixMillis) -> u32 {
        if !self.frequency {
            return seconds(now);
        }
        let counter = self.frequency_of(access, now);
        // The Morris counter of Redis's LFU: the higher it stands, the rarer it moves. The clock's low bits serve as the die.
        let above = f64::from(counter.saturating_sub(LFU_START));
        let chance = 1.0 / (above * f64::from(self.lfu_log_factor) + 1.0);
        let die = f64::from(u32::try_from(now.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).unwrap_or(0)) / f64::from(1u32 << 24);
        let counter = if counter < 255 && die < chance { counter + 1 } else { counter };
        (minutes(now) << 8) | counter
    }

    /// OBJECT FREQ: the logarithmic counter after its decay.
    pub(crate) fn frequency_of(&self, access: u32, now: UnixMillis) -> u32 {
        let counter = access & 0xff;
        let elapsed = minutes(now).wrapping_sub(access >> 8) & 0xffff;
        elapsed.checked_div(self.lfu_decay_minutes).map_or(counter, |decay| counter.saturating_sub(decay))
    }

    /// The access bits, under an LFU policy, of an entry whose counter stands at `counter`.
    pub(crate) fn used_so_often(counter: u8, now: UnixMillis) -> u32 {
        (minutes(now) << 8) | u32::from(counter)
    }

    /// The access bits, under other policies, of an entry last used that many seconds ago.
    pub(crate) fn last_used(idle_seconds: u64, now: UnixMillis) -> u32 {
        let idle = u32::try_from(idle_seconds).unwrap_or(u32::MAX).min(0x00ff_ffff);
        seconds(now).wrapping_sub(idle) & 0x00ff_ffff
    }

    /// OBJECT IDLETIME: seconds since the last use.
    pub(crate) fn idle_seconds(access: u32, now: UnixMillis) -> u32 {
        seconds(now).wrapping_sub(access) & 0x00ff_ffff
    }
}

/// Where a new key's frequency counter starts, so that it is not the first to be evicted.
const LFU_START: u32 = 5;

fn seconds(now: UnixMillis) -> u32 {
    (now.seconds() & 0x00ff_ffff) as u32
}

fn minutes(now: UnixMillis) -> u32 {
    ((now.seconds() / 60) & 0xffff) as u32
}
