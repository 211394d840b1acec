//! Events of keys: what notify-keyspace-events lets be told of a change. A command names what it did with `Cx::event`, in Redis's words and order.

use crate::command::{Outdated, Receipt};

/// Classes of events, and the channels on which they are told: a set of letters of notify-keyspace-events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Classes(u16);

impl Classes {
    pub(crate) const NONE: Classes = Classes(0);
    /// Told on `__keyspace@N__:key`.
    pub(crate) const BY_KEY: Classes = Classes(1);
    /// Told on `__keyevent@N__:event`.
    pub(crate) const BY_EVENT: Classes = Classes(1 << 1);
    pub(crate) const GENERIC: Classes = Classes(1 << 2);
    pub(crate) const STRING: Classes = Classes(1 << 3);
    pub(crate) const LIST: Classes = Classes(1 << 4);
    pub(crate) const SET: Classes = Classes(1 << 5);
    pub(crate) const HASH: Classes = Classes(1 << 6);
    pub(crate) const ZSET: Classes = Classes(1 << 7);
    pub(crate) const EXPIRED: Classes = Classes(1 << 8);
    pub(crate) const EVICTED: Classes = Classes(1 << 9);
    pub(crate) const STREAM: Classes = Classes(1 << 10);
    /// A reader's look-up that found nothing.
    pub(crate) const MISS: Classes = Classes(1 << 11);
    /// A key that was not there before.
    pub(crate) const NEW: Classes = Classes(1 << 12);
    /// Of values of modules, of which there are none.
    const MODULE: Classes = Classes(1 << 13);

    /// What A stands for.
    const ALL: [Classes; 10] = [
        Classes::GENERIC,
        Classes::STRING,
        Classes::LIST,
        Classes::SET,
        Classes::HASH,
        Classes::ZSET,
        Classes::EXPIRED,
        Classes::EVICTED,
        Classes::STREAM,
        Classes::MODULE,
    ];

    /// The classes that letters name. Without a channel to tell them on, there are none.
    pub(crate) fn named(letters: &str) -> Classes {
        let bits = letters.chars().flat_map(Classes::of_letter).fold(0, |bits, class| bits | class.0);
        let all = Classes(bits);
        if all.has(Classes::BY_KEY) || all.has(Classes::BY_EVENT) { all } else { Classes::NONE }
    }

    fn of_letter(letter: char) -> &'static [Classes] {
        match letter {
            'K' => &[Classes::BY_KEY],
            'E' => &[Classes::BY_EVENT],
            'g' => &[Classes::GENERIC],
            '$' => &[Classes::STRING],
            'l' => &[Classes::LIST],
            's' => &[Classes::SET],
            'h' => &[Classes::HASH],
            'z' => &[Classes::ZSET],
            'x' => &[Classes::EXPIRED],
            'e' => &[Classes::EVICTED],
            't' => &[Classes::STREAM],
            'm' => &[Classes::MISS],
            'n' => &[Classes::NEW],
            'd' => &[Classes::MODULE],
            'A' => &Classes::ALL,
            _ => &[],
        }
    }

    /// Whether they have one in common.
    #[inline]
    pub(crate) fn has(self, class: Classes) -> bool {
        self.0 & class.0 != 0
    }
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) database: usize,
    pub(crate) name: &'static str,
    pub(crate) key: Box<[u8]>,
    /// On which channels it is told.
    pub(crate) told: Classes,
}

impl Event {
    /// Bytes that it takes while it is on its way, roughly.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Event>() + self.key.len()
    }
}

/// Events on their way to those who listen, in the order of the changes.
#[derive(Debug)]
pub(crate) struct Lot {
    pub(crate) events: Vec<Event>,
    /// What those who cache keys are told.
    pub(crate) outdated: Vec<Outdated>,
    /// Let go when they have been told.
    pub(crate) receipt: Option<Receipt>,
    /// What it took of the room that there is for lots, to be given back when they have been told.
    pub(crate) weight: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_name_classes() {
        assert_eq!(Classes::named(""), Classes::NONE);
        // Nowhere to tell them.
        assert_eq!(Classes::named("g$lshzxetmnd"), Classes::NONE);
        assert_eq!(Classes::named("AKE"), Classes::named("g$lshzxetdKE"));
        let some = Classes::named("Kxm");
        for (class, named) in [
            (Classes::BY_KEY, true),
            (Classes::BY_EVENT, false),
            (Classes::EXPIRED, true),
            (Classes::MISS, true),
            (Classes::NEW, false),
            (Classes::GENERIC, false),
        ] {
            assert_eq!(some.has(class), named);
        }
        // A is neither misses nor new keys.
        assert!(!Classes::named("KA").has(Classes::MISS) && !Classes::named("KA").has(Classes::NEW));
    }
}
