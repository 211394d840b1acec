//! The plan of a call: which shards own its keys, and so how it is done.

use crate::command::{Args, Row, Spread, keys_of};
use crate::slot;

/// How a call is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// On one shard, as it is.
    One(u32),
    /// Its keys, or pairs, are dealt to their shards: one unit.
    Split,
    /// By every shard: one unit.
    Every,
    /// With the keyspaces of these shards borrowed (bit i for shard i).
    Borrow(u64),
}

impl Plan {
    /// The plan of a call when there are `shards`.
    #[inline]
    pub(crate) fn of(row: &Row, args: &Args<'_>, shards: u32) -> Plan {
        if shards == 1 {
            return Plan::One(0);
        }
        if let Some(at) = row.spec.single_key() {
            return Plan::One(slot::shard_of(args.key(at), shards));
        }
        Plan::of_several(row, args, shards)
    }

    fn of_several(row: &Row, args: &Args<'_>, shards: u32) -> Plan {
        if row.beyond.is_some_and(|beyond| beyond(args)) {
            return Plan::Borrow(every(shards));
        }
        match row.spread {
            Spread::All(_) => return Plan::Every,
            Spread::Cursor(at) => {
                // What is not a cursor is refused by the command itself, wherever it runs.
                let cursor = std::str::from_utf8(args.get(at)).ok().and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0);
                return Plan::One(u32::try_from(cursor % u64::from(shards)).unwrap_or(0));
            }
            Spread::No | Spread::Keys(_) | Spread::Pairs(_) => {}
        }
        let mut owners = 0u64;
        // Keys that cannot be counted are a fault that the command tells the client; any shard can.
        let counted = keys_of(&row.spec, args, |at, _| owners |= 1 << slot::shard_of(args.key(at), shards));
        match (counted, owners.count_ones(), row.spread) {
            (Err(_), ..) | (_, 0, _) => Plan::One(0),
            (_, 1, _) => Plan::One(owners.trailing_zeros()),
            // An odd number of words behind MSET is a fault; the command says so on any shard.
            (_, _, Spread::Pairs(_)) if args.len().is_multiple_of(2) => Plan::One(0),
            (_, _, Spread::Keys(_) | Spread::Pairs(_)) => Plan::Split,
            (_, _, _) => Plan::Borrow(owners),
        }
    }
}

/// Every shard, as bits. There are at most 64.
fn every(shards: u32) -> u64 {
    u64::MAX >> (64 - shards.clamp(1, 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::FAMILIES;
    use crate::resp::Span;

    const SHARDS: u32 = 4;

    fn plan(call: &str) -> Plan {
        let mut at = 0;
        let spans: Vec<Span> = call
            .split(' ')
            .map(|word| {
                let span = Span { start: at, len: word.len() as u32 };
                at += span.len + 1;
                span
            })
            .collect();
        let args = Args::new(call.as_bytes(), &spans);
        let name = std::str::from_utf8(args.get(0)).unwrap();
        let row = FAMILIES.iter().copied().flatten().find(|row| row.spec.name == name).unwrap();
        Plan::of(row, &args, SHARDS)
    }

    fn owner(key: &str) -> u32 {
        slot::shard_of(key.as_bytes(), SHARDS)
    }

    #[test]
    fn a_sort_needs_every_shard_only_if_its_patterns_may_name_any_key() {
        let one = Plan::One(owner("l"));
        for call in ["sort l", "sort l desc limit 0 10 alpha", "sort l by nosort get #", "sort_ro l get fixed", "sort l limit 1"] {
            assert_eq!(plan(call), one, "{call}");
        }
        for call in ["sort l by w_*", "sort l get # get o_*->name", "sort_ro l by nosort get *", "sort l by w_* store l"] {
            assert_eq!(plan(call), Plan::Borrow(0b1111), "{call}");
        }
        let target = (0..).map(|number| format!("d{number}")).find(|key| owner(key) != owner("l")).unwrap();
        assert_eq!(plan(&format!("sort l store {target}")), Plan::Borrow(1 << owner("l") | 1 << owner(&target)));
        assert_eq!(plan(&format!("sort l by store get {target}")), one);
        assert_eq!(every(64), u64::MAX);
    }

    #[test]
    fn who_reaches_beyond_its_keys_is_asked_whether_it_does() {
        for row in FAMILIES.iter().copied().flatten() {
            assert!(row.beyond.is_none() || row.spec.single_key().is_none(), "{row:?}");
        }
    }
}
