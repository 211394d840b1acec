//! MSET, MSETNX and MSETEX: many strings at once, all or none of them.

use super::options::{Condition, Lifetime};
use super::set;
use super::set::record_set;
use crate::command::{Args, Cx, Fault};
use crate::resp::{Reply, number};
use crate::store::Keep;

/// Cannot fault on data, so its pairs may be dealt to their shards.
pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len().is_multiple_of(2) {
        return Err(Fault::Arity("mset"));
    }
    for (key, value) in args.pairs(1) {
        cx.set_text(key, value, Keep::Clear);
        cx.changed(1);
        set::tell(cx, key, Keep::Clear);
    }
    reply.ok();
    Ok(())
}

pub(super) fn msetnx(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len().is_multiple_of(2) {
        return Err(Fault::Arity("msetnx"));
    }
    let database = cx.database;
    let free = args.pairs(1).all(|(key, _)| !cx.exists(database, key));
    if free {
        for (key, value) in args.pairs(1) {
            cx.set_text(key, value, Keep::Clear);
            cx.changed(1);
            set::tell(cx, key, Keep::Clear);
        }
    }
    reply.integer(i64::from(free));
    Ok(())
}

pub(super) fn msetex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let count = pairs_of(args.get(1), args.len())?;
    let (mut condition, mut lifetime) = (Condition::Always, Lifetime::Unsaid);
    let mut options = args.options(2 + 2 * count);
    while let Some(word) = options.next() {
        if let Some(said) = condition.option(word)? {
            condition = said;
        } else {
            lifetime = lifetime.option(word, &mut options)?.filter(|&said| said != Lifetime::Persist).ok_or(Fault::Syntax)?;
        }
    }
    let keep = lifetime.keep(cx.now, "msetex")?;
    let database = cx.database;
    let mut pairs = args.pairs(2).take(count);
    let holds = match condition {
        Condition::Missing => pairs.all(|(key, _)| !cx.exists(database, key)),
        Condition::Present => pairs.all(|(key, _)| cx.exists(database, key)),
        Condition::Always | Condition::Text(_) => true,
    };
    if holds {
        for (key, value) in args.pairs(2).take(count) {
            cx.set_text(key, value, keep);
            record_set(cx, key, value, keep);
            cx.changed(1);
            set::tell(cx, key, keep);
        }
    }
    reply.integer(i64::from(holds));
    Ok(())
}

/// How many pairs follow the word that counts them, in a call of `words` words.
fn pairs_of(count: &[u8], words: usize) -> Result<usize, Fault> {
    let count = number::parse_integer(count).and_then(|count| i32::try_from(count).ok()).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|&count| count > 0).ok_or(Fault::Because("ERR invalid numkeys value"))?;
    let fits = count.checked_mul(2).is_some_and(|more| more <= words.saturating_sub(2));
    if fits { Ok(count) } else { Err(Fault::Because("ERR wrong number of key-value pairs")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_within_the_call() {
        assert_eq!(pairs_of(b"1", 4), Ok(1));
        assert_eq!(pairs_of(b"2", 7), Ok(2));
        for count in ["0", "-1", "a", "", "2147483648", "9223372036854775807"] {
            assert_eq!(pairs_of(count.as_bytes(), 4), Err(Fault::Because("ERR invalid numkeys value")));
        }
        for count in ["2", "2147483647"] {
            assert_eq!(pairs_of(count.as_bytes(), 5), Err(Fault::Because("ERR wrong number of key-value pairs")));
        }
    }
}
