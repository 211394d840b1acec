//! How a call names the members it is about: `FIELDS numfields field ...` for hashes, `MEMBERS nummembers member ...` for sets and sorted sets.

use crate::command::{Args, Classes, Cx, Fault, decimal};
use crate::store::types::{Hash, Perishable, Set, SortedSet};
use crate::time::UnixMillis;

/// A collection, and the words for its members.
pub(crate) trait Worded: Perishable {
    const WORDS: Words;
    const EVENTS: Events;
}

/// What is told of its members' deadlines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events {
    pub(super) class: Classes,
    pub(super) expire: &'static str,
    pub(super) persist: &'static str,
    /// The deadline had passed, and the members are gone at once.
    pub(super) removed: &'static str,
}

/// The keywords, and what is said about their misuse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    keywords: &'static [&'static str],
    missing: &'static str,
    /// A count that is none, where deadlines are given.
    no_count: &'static str,
    /// The same where they are told or taken.
    no_count_to_tell: &'static str,
    mismatch: &'static str,
    /// What the journal calls it when members get deadlines, lose them, or go.
    give: &'static str,
    take: &'static str,
    remove: &'static str,
}

const FIELDS: Words = Words {
    keywords: &["fields"],
    missing: "ERR Mandatory argument FIELDS is missing or not at the right position",
    no_count: "ERR Parameter `numFields` should be greater than 0",
    no_count_to_tell: "ERR Number of fields must be a positive integer",
    mismatch: "ERR The `numfields` parameter must match the number of arguments",
    give: "HPEXPIREAT",
    take: "HPERSIST",
    remove: "HDEL",
};

/// FIELDS is understood as well, so that one helper of a client serves the three types.
const MEMBERS: Words = Words {
    keywords: &["members", "fields"],
    missing: "ERR Mandatory argument MEMBERS is missing or not at the right position",
    no_count: "ERR Parameter `numMembers` should be greater than 0",
    no_count_to_tell: "ERR Number of members must be a positive integer",
    mismatch: "ERR The `nummembers` parameter must match the number of arguments",
    give: "SPEXPIREAT",
    take: "SPERSIST",
    remove: "SREM",
};

impl Worded for Hash {
    const WORDS: Words = FIELDS;
    const EVENTS: Events = Events { class: Classes::HASH, expire: "hexpire", persist: "hpersist", removed: "hdel" };
}

impl Worded for Set {
    const WORDS: Words = MEMBERS;
    const EVENTS: Events = Events { class: Classes::SET, expire: "sexpire", persist: "spersist", removed: "srem" };
}

impl Worded for SortedSet {
    const WORDS: Words = Words { give: "ZPEXPIREAT", take: "ZPERSIST", remove: "ZREM", ..MEMBERS };
    const EVENTS: Events = Events { class: Classes::ZSET, expire: "zexpire", persist: "zpersist", removed: "zrem" };
}

/// What a call did to the deadlines of members, for the journal.
#[derive(Default)]
pub(crate) struct Dealt<'a> {
    /// They have this one now.
    pub(crate) given: Vec<&'a [u8]>,
    /// They have none any more.
    pub(crate) taken: Vec<&'a [u8]>,
    /// They went, since it had passed.
    pub(crate) removed: Vec<&'a [u8]>,
}

impl Dealt<'_> {
    /// Records all of it in place of the call's words.
    pub(crate) fn record(&self, cx: &mut Cx<'_>, words: Words, key: &[u8], deadline: UnixMillis) {
        let Some(record) = cx.record() else { return };
        let (deadline, keyword) = (decimal(deadline.0), words.keywords[0].to_ascii_uppercase());
        let mut say = |head: &[&[u8]], members: &[&[u8]], counted: bool| {
            if members.is_empty() {
                return;
            }
            let count = decimal(members.len() as u64);
            let counted: &[&[u8]] = if counted { &[keyword.as_bytes(), &count] } else { &[] };
            record.instead([head, counted, members].concat());
        };
        say(&[words.give.as_bytes(), key, &deadline], &self.given, true);
        say(&[words.take.as_bytes(), key], &self.taken, true);
        say(&[words.remove.as_bytes(), key], &self.removed, false);
    }
}

impl Words {
    /// The members of a call that gives deadlines; the keyword stands at word `at`.
    pub(super) fn of_giving<'a>(self, args: &Args<'a>, at: usize) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + use<'a>, Fault> {
        self.read(args, at, self.no_count)
    }

    /// The members of any other call.
    pub(crate) fn of<'a>(self, args: &Args<'a>, at: usize) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + use<'a>, Fault> {
        self.read(args, at, self.no_count_to_tell)
    }

    fn read<'a>(
        self,
        args: &Args<'a>,
        at: usize,
        no_count: &'static str,
    ) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + use<'a>, Fault> {
        if !self.keywords.iter().any(|keyword| args.is(at, keyword)) {
            return Err(Fault::Because(self.missing));
        }
        let count = args.int(at + 1).ok().and_then(|count| usize::try_from(count).ok()).filter(|&count| count > 0);
        let count = count.ok_or(Fault::Because(no_count))?;
        let members = args.from(at + 2);
        if members.len() != count {
            return Err(Fault::Because(self.mismatch));
        }
        Ok(members)
    }
}
