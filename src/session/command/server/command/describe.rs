//! COMMAND and COMMAND INFO: arity, flags, keys and categories of commands, in the ten fields that Redis gives them.

use crate::command::{Args, Fault, Find, Flags, KeySpec, Spec};
use crate::resp::Reply;
use crate::session::{Entry, Session};

use super::{find, listed};

/// COMMAND
pub(crate) fn all(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let entries = session.local.board.registry.entries();
    reply.array(entries.len());
    entries.iter().for_each(|entry| describe(entry, reply));
    Ok(())
}

/// COMMAND INFO [name ...]
pub(crate) fn run(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len() == 2 {
        return all(session, args, reply);
    }
    let names = args.from(2);
    reply.array(names.len());
    for name in names {
        match find(&session.local.board.registry, name) {
            Some(entry) => describe(entry, reply),
            None => reply.null(),
        }
    }
    Ok(())
}

fn describe(entry: &Entry, reply: &mut Reply<'_>) {
    let spec = entry.spec;
    let legacy = Legacy::of(spec);
    reply.array(10);
    reply.bulk(spec.name.as_bytes());
    reply.integer(spec.arity.signed());
    let flags = if legacy.is_partial { spec.flags.and(Flags::MOVABLE_KEYS) } else { spec.flags };
    words(reply, flags.names());
    reply.integer(legacy.first);
    reply.integer(legacy.last);
    reply.integer(legacy.step);
    words(reply, spec.all_categories().names());
    reply.set(spec.tips.len());
    spec.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(spec.keys.len());
    spec.keys.iter().for_each(|keys| key_spec(keys, reply));
    let subcommands = listed(entry);
    if subcommands.is_empty() {
        reply.set(0);
    } else {
        reply.array(subcommands.len());
        subcommands.iter().for_each(|entry| describe(entry, reply));
    }
}

/// A set of simple strings.
pub(super) fn words<S: AsRef<str>>(reply: &mut Reply<'_>, words: impl Iterator<Item = S>) {
    let set = reply.set_later();
    let mut count = 0;
    for word in words {
        reply.simple(word.as_ref());
        count += 1;
    }
    reply.close(set, count);
}

fn key_spec(keys: &KeySpec, reply: &mut Reply<'_>) {
    let begin = i64::try_from(keys.begin).unwrap_or(i64::MAX);
    reply.map(3);
    reply.bulk(b"flags");
    words(reply, keys.access.names());
    reply.bulk(b"begin_search");
    match keys.find {
        Find::Unknown { .. } => typed(reply, "unknown", &[]),
        Find::Behind { word } => keyword(reply, word, begin),
        _ => typed(reply, "index", &[("index", begin)]),
    }
    reply.bulk(b"find_keys");
    match keys.find {
        Find::Range { last, step } => {
            typed(reply, "range", &[("lastkey", i64::from(last)), ("keystep", i64::try_from(step).unwrap_or(1)), ("limit", 0)]);
        }
        Find::Unknown { .. } => typed(reply, "unknown", &[]),
        Find::Counted { step } => {
            typed(reply, "keynum", &[("keynumidx", 0), ("firstkey", 1), ("keystep", i64::try_from(step).unwrap_or(1))]);
        }
        Find::Behind { .. } => typed(reply, "range", &[("lastkey", 0), ("keystep", 1), ("limit", 0)]),
    }
}

/// Where a key begins that stands behind a word.
fn keyword(reply: &mut Reply<'_>, word: &str, begin: i64) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"keyword");
    reply.bulk(b"spec");
    reply.map(2);
    reply.bulk(b"keyword");
    reply.bulk(word.as_bytes());
    reply.bulk(b"startfrom");
    reply.integer(begin);
}

fn typed(reply: &mut Reply<'_>, kind: &str, fields: &[(&str, i64)]) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields.len());
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        reply.integer(*value);
    }
}

/// The three numbers that said where keys are before there were key specifications.
#[derive(Debug, Default, PartialEq, Eq)]
struct Legacy {
    first: i64,
    last: i64,
    step: i64,
    /// They do not tell of every key: `movablekeys`.
    is_partial: bool,
}

impl Legacy {
    /// One range as it is; of several those with step 1 that follow one another, as one.
    fn of(spec: &Spec) -> Legacy {
        let range = |keys: &KeySpec| {
            let Find::Range { last, step } = keys.find else { return None };
            let (first, last) = (i64::try_from(keys.begin).unwrap_or(i64::MAX), i64::from(last));
            Some(Legacy {
                first,
                last: if last < 0 { last } else { first + last },
                step: i64::try_from(step).unwrap_or(1),
                is_partial: false,
            })
        };
        if let [keys] = spec.keys {
            return range(keys).unwrap_or(Legacy { is_partial: true, ..Legacy::default() });
        }
        let mut whole = Legacy::default();
        for keys in spec.keys {
            match range(keys) {
                Some(next) if next.step == 1 && (whole.first == 0 || whole.last + 1 == next.first) => {
                    if whole.first == 0 {
                        whole.first = next.first;
                    }
                    (whole.last, whole.step) = (next.last, 1);
                }
                _ => whole.is_partial = true,
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Access, Arity};

    fn legacy(keys: &'static [KeySpec]) -> (i64, i64, i64, bool) {
        let Legacy { first, last, step, is_partial } = Legacy::of(&Spec::new("x", Arity::at_least(1), keys, Flags::NONE));
        (first, last, step, is_partial)
    }

    #[test]
    fn ranges_that_follow_one_another_are_one() {
        const RO: Access = Access::RO;
        assert_eq!(legacy(&[]), (0, 0, 0, false));
        assert_eq!(legacy(const { &[KeySpec::at(1, RO)] }), (1, 1, 1, false));
        assert_eq!(legacy(const { &[KeySpec::rest(1, 2, RO)] }), (1, -1, 2, false));
        assert_eq!(legacy(const { &[KeySpec::at(1, RO), KeySpec::at(2, RO)] }), (1, 2, 1, false));
        assert_eq!(legacy(const { &[KeySpec::at(1, RO), KeySpec::rest(2, 1, RO)] }), (1, -1, 1, false));
        assert_eq!(legacy(const { &[KeySpec::at(1, RO), KeySpec::counted(2, 1, RO)] }), (1, 1, 1, true));
        assert_eq!(legacy(const { &[KeySpec::counted(1, 1, RO)] }), (0, 0, 0, true));
        assert_eq!(legacy(const { &[KeySpec::at(1, RO), KeySpec::unknown(RO, None)] }), (1, 1, 1, true));
        assert_eq!(legacy(const { &[KeySpec::at(1, RO), KeySpec::behind("STORE", 5, RO)] }), (1, 1, 1, true));
    }
}
