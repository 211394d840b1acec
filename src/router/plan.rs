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
