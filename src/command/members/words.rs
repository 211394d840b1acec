//! How a call names the members it is about: `FIELDS numfields field ...` for hashes, `MEMBERS nummembers member ...` for sets and sorted sets.

use crate::command::{Args, Classes, Fault};
use crate::store::types::{Hash, Perishable, Set, SortedSet};

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
}

const FIELDS: Words = Words {
    keywords: &["fields"],
    missing: "ERR Mandatory argument FIELDS is missing or not at the right position",
    no_count: "ERR Parameter `numFields` should be greater than 0",
    no_count_to_tell: "ERR Number of fields must be a positive integer",
    mismatch: "ERR The `numfields` parameter must match the number of arguments",
};

/// FIELDS is understood as well, so that one helper of a client serves the three types.
const MEMBERS: Words = Words {
    keywords: &["members", "fields"],
    missing: "ERR Mandatory argument MEMBERS is missing or not at the right position",
    no_count: "ERR Parameter `numMembers` should be greater than 0",
    no_count_to_tell: "ERR Number of members must be a positive integer",
    mismatch: "ERR The `nummembers` parameter must match the number of arguments",
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
    const WORDS: Words = MEMBERS;
    const EVENTS: Events = Events { class: Classes::ZSET, expire: "zexpire", persist: "zpersist", removed: "zrem" };
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
