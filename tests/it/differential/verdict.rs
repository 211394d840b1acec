//! Is it the same? Replies of two servers to one step, compared as far as anything promises that they are equal.

use super::speech::{Command, Step};
use crate::reply::Reply;

/// The first command of a step whose reply is not what the reference's is.
pub struct Difference {
    pub at: usize,
    pub why: String,
}

/// How far apart two servers may see the same moment.
const SLACK_MS: i64 = 5_000;
/// A deadline that was given as a moment is a multiple of this, and beyond what is counted from now (`words::absolute`): then there is no slack.
/// Some deadline that is counted from now is such a multiple by chance, one in a million.
const ROUND_MS: i64 = 1_000_000;
const ABSOLUTE_MS_MIN: i64 = 2_000_000_000_000;

/// In what order the elements of a reply come is nobody's promise; so many of them belong together in RESP2.
const UNORDERED: &[(&str, usize)] =
    &[("smembers", 1), ("sinter", 1), ("sunion", 1), ("sdiff", 1), ("keys", 1), ("hkeys", 1), ("hvals", 1), ("hgetall", 2)];

/// Where we differ on purpose: the command (`*`: any), whether the replies are that difference, and why.
type Known = (&'static str, fn(&Command, &Reply, &Reply) -> bool, &'static str);
const KNOWN: &[Known] = &[
    ("*", ends_at_zero, "Redis reads some words only up to a byte that is zero"),
    ("command", counts_loosely, "for GETKEYS the reference reads a number of keys as C does, blanks and all"),
    ("*", repeats_zero, "an error of Redis that repeats a word ends where the word has a byte that is zero"),
    ("bitcount", looks_first, "7.2 reads the numbers before it looks at the key"),
    ("bitpos", looks_first, "7.2 reads the numbers before it looks at the key"),
    ("georadius", equally_far, "of members at one place either may come first"),
    ("georadius_ro", equally_far, "of members at one place either may come first"),
    ("georadiusbymember", equally_far, "of members at one place either may come first"),
    ("georadiusbymember_ro", equally_far, "of members at one place either may come first"),
    ("geosearch", equally_far, "of members at one place either may come first"),
    ("lpos", least_rank, "7.2 refuses the least integer, which has no counterpart above zero"),
    ("sort", collates_to_zero, "the reference compares texts up to a byte that is zero"),
    ("sort_ro", collates_to_zero, "the reference compares texts up to a byte that is zero"),
    ("sort", stale_error, "the reference may take an error of an earlier number for one of this"),
    ("sort_ro", stale_error, "the reference may take an error of an earlier number for one of this"),
    ("xread", last_entry, "`+` for the last entry is of 7.4"),
    ("object", sorted_as_large, "SORT makes the reference keep a sorted set in its large form"),
    ("object", small_list, "7.2 has a listpack for small lists, 7.0 a quicklist for all"),
    ("object", shared_number, "Redis shares small numbers among keys, and a value with the words of a block"),
    ("object", small_set, "7.2 has a listpack for small sets, 7.0 a hash table for all but integers"),
];

fn ends_at_zero(command: &Command, ours: &Reply, _: &Reply) -> bool {
    const REFUSED: [&[u8]; 2] = [b"ERR invalid cursor", b"ERR min or max is not a float"];
    command.iter().any(|word| word.contains(&0)) && matches!(ours, Reply::Error(text) if REFUSED.contains(&text.as_slice()))
}

fn counts_loosely(_: &Command, ours: &Reply, reference: &Reply) -> bool {
    !matches!(reference, Reply::Error(_)) && matches!(ours, Reply::Error(text) if text == b"ERR Invalid arguments specified for command")
}

fn repeats_zero(command: &Command, ours: &Reply, reference: &Reply) -> bool {
    let (Reply::Error(ours), Reply::Error(reference)) = (ours, reference) else { return false };
    command.iter().any(|word| word.contains(&0)) && ours.starts_with(reference.trim_ascii_end())
}

fn looks_first(_: &Command, ours: &Reply, reference: &Reply) -> bool {
    let refused =
        matches!(ours, Reply::Error(text) if text == b"ERR value is not an integer or out of range" || text == b"ERR syntax error");
    let looked = matches!(reference, Reply::Integer(0 | -1)) || matches!(reference, Reply::Error(text) if text.starts_with(b"WRONGTYPE"));
    refused && looked
}

/// As many, as far away where that is told, and the same ones unless only some of them were asked for.
fn equally_far(command: &Command, ours: &Reply, reference: &Reply) -> bool {
    let says = |option: &[u8]| command.iter().any(|word| word.eq_ignore_ascii_case(option));
    let (ours, reference) = (groups(ours, 1), groups(reference, 1));
    let distances = |groups: &[Vec<Reply>]| -> Vec<Option<Reply>> {
        let of = |group: &Vec<Reply>| if let [Reply::Array(told)] = &group[..] { told.get(1).cloned() } else { None };
        groups.iter().map(of).collect()
    };
    let sorted = |mut groups: Vec<Vec<Reply>>| {
        groups.sort();
        groups
    };
    ours.len() == reference.len()
        && (!says(b"WITHDIST") || distances(&ours) == distances(&reference))
        && (says(b"COUNT") || sorted(ours) == sorted(reference))
}

fn least_rank(command: &Command, ours: &Reply, _: &Reply) -> bool {
    command.iter().any(|word| word == b"-9223372036854775808")
        && matches!(ours, Reply::Error(text) if text.starts_with(b"ERR value is out of range, value must between -9223372036854775807"))
}

fn stale_error(_: &Command, ours: &Reply, reference: &Reply) -> bool {
    !matches!(ours, Reply::Error(_)) && matches!(reference, Reply::Error(text) if text.ends_with(b"can't be converted into double"))
}

fn collates_to_zero(command: &Command, ours: &Reply, reference: &Reply) -> bool {
    let has_zero = |reply: &Reply| groups(reply, 1).iter().flatten().any(|item| matches!(item, Reply::Bulk(text) if text.contains(&0)));
    let is_of_texts = command.iter().any(|word| word.eq_ignore_ascii_case(b"ALPHA"));
    is_of_texts && (has_zero(ours) || has_zero(reference)) && as_many(command, ours, reference)
}

fn last_entry(command: &Command, _: &Reply, reference: &Reply) -> bool {
    let is_refused = matches!(reference, Reply::Error(text) if text.starts_with(b"ERR Invalid stream ID"));
    is_refused && command.iter().any(|word| word == b"+")
}

fn sorted_as_large(_: &Command, ours: &Reply, reference: &Reply) -> bool {
    is(ours, "listpack") && is(reference, "skiplist")
}

fn small_list(_: &Command, ours: &Reply, reference: &Reply) -> bool {
    is(ours, "listpack") && is(reference, "quicklist")
}

fn shared_number(_: &Command, ours: &Reply, reference: &Reply) -> bool {
    *ours == Reply::Integer(1) && matches!(reference, Reply::Integer(2..))
}

fn small_set(_: &Command, ours: &Reply, reference: &Reply) -> bool {
    is(ours, "listpack") && is(reference, "hashtable")
}

fn is(reply: &Reply, text: &str) -> bool {
    matches!(reply, Reply::Bulk(own) if own == text.as_bytes())
}

pub fn judge(step: &Step, ours: &[Reply], reference: &[Reply]) -> Option<Difference> {
    if let (Step::Block(commands), [said @ .., Reply::Array(ours)], [_, .., Reply::Array(reference)]) = (step, ours, reference) {
        let queued =
            commands.iter().zip(said).filter(|(_, reply)| **reply == Reply::Simple(b"QUEUED".to_vec())).map(|(command, _)| command);
        let mut replies = queued.zip(ours).zip(reference);
        let all = replies.all(|((command, ours), reference)| is_same(command, ours, reference)) && ours.len() == reference.len();
        return (!all).then(|| Difference { at: commands.len() - 1, why: "not the same in a block".to_owned() });
    }
    for (at, command) in step.commands().iter().enumerate() {
        let is_choice = at == 1 && matches!(step, Step::Choice(_) | Step::Take(_));
        // What is left after a choice depends on the choice.
        let is_rest = at == 2 && matches!(step, Step::Take(_));
        let why = if is_choice && !matches!(ours[at], Reply::Error(_)) {
            choice(command, &ours[0], &ours[1], &reference[1])
        } else if is_rest {
            rest(&ours[0], &ours[1], &ours[2])
        } else if is_same(command, &ours[at], &reference[at]) {
            None
        } else {
            Some("not the same".to_owned())
        };
        if let Some(why) = why {
            return Some(Difference { at, why });
        }
    }
    None
}

/// Any difference that is not one of the known.
pub fn is_same(command: &Command, ours: &Reply, reference: &Reply) -> bool {
    let name = name(command);
    if alike(command, &name, ours, reference) {
        return true;
    }
    KNOWN.iter().any(|(of, holds, _)| (*of == name || *of == "*") && holds(command, ours, reference))
}

pub fn name(command: &Command) -> String {
    command.first().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).unwrap_or_default()
}

/// Do the elements of this command's reply come in no particular order? Then how many of them belong together.
pub fn unordered(command: &Command) -> Option<usize> {
    let name = name(command);
    UNORDERED.iter().find(|(of, _)| *of == name).map(|(_, group)| *group)
}

fn alike(command: &Command, name: &str, ours: &Reply, reference: &Reply) -> bool {
    if matches!((ours, reference), (Reply::Error(_), _) | (_, Reply::Error(_))) {
        return ours == reference;
    }
    match name {
        "ttl" => near(ours, reference, SLACK_MS / 1000, |_| false),
        "pttl" => near(ours, reference, SLACK_MS, |_| false),
        "expiretime" => near(ours, reference, SLACK_MS / 1000, |time| is_moment(time.saturating_mul(1000))),
        "pexpiretime" => near(ours, reference, SLACK_MS, is_moment),
        "dump" => kind(ours) == kind(reference),
        "scan" | "sscan" | "hscan" | "zscan" => scanned(name, ours, reference),
        "sort" | "sort_ro" => ours == reference || (is_unsorted(command) && as_many(command, ours, reference)),
        "xpending" | "xinfo" => with_times(name, reference).accepts(&with_fields_of(reference, ours)),
        _ => match unordered(command) {
            Some(group) => sorted(ours, group) == sorted(reference, group),
            None => ours == reference,
        },
    }
}

fn kind(reply: &Reply) -> std::mem::Discriminant<Reply> {
    std::mem::discriminant(reply)
}

fn is_moment(time_ms: i64) -> bool {
    time_ms % ROUND_MS == 0 && time_ms >= ABSOLUTE_MS_MIN
}

fn near(ours: &Reply, reference: &Reply, slack: i64, is_moment: fn(i64) -> bool) -> bool {
    match (ours, reference) {
        (Reply::Integer(ours), Reply::Integer(reference)) if *ours > 0 && *reference > 0 => {
            let is_exact = is_moment(*ours) || is_moment(*reference);
            ours == reference || (!is_exact && (ours - reference).abs() <= slack)
        }
        _ => ours == reference,
    }
}

/// A scan that came to its end at once has told everything; of one that did not, only the form can be compared.
fn scanned(name: &str, ours: &Reply, reference: &Reply) -> bool {
    let (Reply::Array(own), Reply::Array(theirs)) = (ours, reference) else { return ours == reference };
    let ([cursor, elements], [their_cursor, their_elements]) = (&own[..], &theirs[..]) else { return ours == reference };
    if is(cursor, "0") && is(their_cursor, "0") {
        let group = if matches!(name, "hscan" | "zscan") { 2 } else { 1 };
        return sorted(elements, group) == sorted(their_elements, group);
    }
    kind(cursor) == kind(their_cursor) && kind(elements) == kind(their_elements)
}

/// A set or a hash whose elements are not put in any order by the command.
fn is_unsorted(command: &Command) -> bool {
    command.windows(2).any(|pair| pair[0].eq_ignore_ascii_case(b"BY") && !pair[1].contains(&b'*'))
}

/// Of elements in no order, those that LIMIT leaves may be any.
fn as_many(command: &Command, ours: &Reply, reference: &Reply) -> bool {
    let is_limited = command.iter().any(|word| word.eq_ignore_ascii_case(b"LIMIT"));
    if is_limited { groups(ours, 1).len() == groups(reference, 1).len() } else { sorted(ours, 1) == sorted(reference, 1) }
}

/// The elements in one order, whatever collection they come in.
fn sorted(reply: &Reply, group: usize) -> (std::mem::Discriminant<Reply>, Vec<Vec<Reply>>) {
    let mut groups = groups(reply, group);
    groups.sort();
    (kind(reply), groups)
}

fn groups(reply: &Reply, group: usize) -> Vec<Vec<Reply>> {
    match reply {
        Reply::Array(items) | Reply::Set(items) => items.chunks(group).map(<[Reply]>::to_vec).collect(),
        Reply::Map(pairs) => pairs.iter().map(|(key, value)| vec![key.clone(), value.clone()]).collect(),
        other => vec![vec![other.clone()]],
    }
}

/// Is what we chose there, as often as it may be, and of the form that the reference chose?
fn choice(command: &Command, all: &Reply, chosen: &Reply, reference: &Reply) -> Option<String> {
    let elements = |reply: &Reply| match reply {
        Reply::Array(items) | Reply::Set(items) => Some(items.clone()),
        _ => None,
    };
    let form = |reply: &Reply| (kind(reply), elements(reply).map(|items| items.iter().map(kind).collect::<Vec<_>>()));
    if form(chosen) != form(reference) {
        return Some("another form".to_owned());
    }
    let by_name = name(command);
    let is_pairs = |reply: &Reply| elements(reply).is_some_and(|items| items.iter().all(|item| matches!(item, Reply::Array(_))));
    let with_more = command.iter().skip(3).any(|word| word.to_ascii_lowercase().starts_with(b"with"));
    // What there is to choose from, each as a group of one or of two.
    let has_pairs = matches!(by_name.as_str(), "hrandfield" | "zrandmember");
    let mut there = if is_pairs(all) {
        elements(all).unwrap_or_default().iter().flat_map(|pair| groups(pair, 2)).collect()
    } else {
        groups(all, if has_pairs { 2 } else { 1 })
    };
    if !with_more {
        there.iter_mut().for_each(|group| group.truncate(1));
    }
    let taken: Vec<Vec<Reply>> = match chosen {
        Reply::Nil => Vec::new(),
        Reply::Bulk(_) => vec![vec![chosen.clone()]],
        _ if is_pairs(chosen) => elements(chosen).unwrap_or_default().iter().flat_map(|pair| groups(pair, 2)).collect(),
        _ => groups(chosen, if with_more { 2 } else { 1 }),
    };
    if let Some(stranger) = taken.iter().find(|group| !there.contains(group)) {
        return Some(format!("chose {stranger:?}, which is not there"));
    }
    let may_repeat = command.get(2).is_some_and(|count| count.starts_with(b"-"));
    let mut different = taken.clone();
    different.sort();
    different.dedup();
    (!may_repeat && different.len() < taken.len()).then(|| "chose one twice".to_owned())
}

/// After a choice was taken away, is the rest there?
fn rest(all: &Reply, taken: &Reply, left: &Reply) -> Option<String> {
    if matches!(taken, Reply::Error(_)) || matches!(all, Reply::Error(_)) {
        return (all != left).then(|| "changed by a command that failed".to_owned());
    }
    let taken = match taken {
        Reply::Nil => Vec::new(),
        Reply::Bulk(_) => vec![vec![taken.clone()]],
        _ => groups(taken, 1),
    };
    let mut expected = groups(all, 1);
    expected.retain(|group| !taken.contains(group));
    expected.sort();
    (sorted(left, 1).1 != expected).then(|| "what was not chosen is not what is left".to_owned())
}

/// Fields of XINFO that tell a time, or how long ago something was.
const TIMES: &[&str] = &["idle", "inactive", "seen-time", "active-time"];
/// Fields of XINFO that tell of the inside.
const INSIDES: &[&str] = &["radix-tree-keys", "radix-tree-nodes"];

/// The reference's reply as an expectation: times may be a little off.
fn with_times(name: &str, reply: &Reply) -> Reply {
    let loose = |item: &Reply| match item {
        Reply::Integer(time) if *time >= 0 => Reply::Between(time.saturating_sub(SLACK_MS), time.saturating_add(SLACK_MS)),
        other => other.clone(),
    };
    let deeper = |item: &Reply| with_times(name, item);
    let value = |key: &Reply, value: &Reply| {
        if TIMES.iter().any(|time| is(key, time)) {
            loose(value)
        } else if INSIDES.iter().any(|inside| is(key, inside)) {
            Reply::Any
        } else {
            deeper(value)
        }
    };
    match reply {
        Reply::Map(pairs) => Reply::Map(pairs.iter().map(|(key, item)| (key.clone(), value(key, item))).collect()),
        // An entry that waits: its id, perhaps who has it, since when or how long, how often.
        Reply::Array(items) => match &items[..] {
            [id @ Reply::Bulk(_), who @ Reply::Bulk(_), time, times @ Reply::Integer(_)] => {
                Reply::Array(vec![id.clone(), who.clone(), loose(time), times.clone()])
            }
            [id @ Reply::Bulk(_), time @ Reply::Integer(_), times @ Reply::Integer(_)] => {
                Reply::Array(vec![id.clone(), loose(time), times.clone()])
            }
            flat if name == "xinfo" && is_flat_map(flat) => {
                Reply::Array(flat.chunks(2).flat_map(|pair| [pair[0].clone(), value(&pair[0], &pair[1])]).collect())
            }
            items => Reply::Array(items.iter().map(deeper).collect()),
        },
        other => other.clone(),
    }
}

/// A description as RESP2 writes it: names of fields, each with its value.
fn is_flat_map(items: &[Reply]) -> bool {
    const FIRST: &[&str] = &["name", "length"];
    items.len() >= 6 && items.len().is_multiple_of(2) && FIRST.iter().any(|first| is(&items[0], first))
}

/// Of how far a group has come; later versions no longer tell it (it is null) where deleted entries make it uncertain.
const UNCERTAIN: &[&str] = &["lag", "entries-read"];

/// Our value for this field as the reference, which is older, would tell it.
fn as_older(name: &Reply, reference: &Reply, ours: &Reply) -> Reply {
    let is_uncertain = *ours == Reply::Nil && UNCERTAIN.iter().any(|uncertain| is(name, uncertain));
    if is_uncertain { reference.clone() } else { with_fields_of(reference, ours) }
}

/// Without the fields that the reference does not have.
fn with_fields_of(reference: &Reply, ours: &Reply) -> Reply {
    match (reference, ours) {
        (Reply::Map(theirs), Reply::Map(own)) => {
            let of = |name: &Reply| theirs.iter().find(|(key, _)| key == name);
            Reply::Map(own.iter().filter_map(|(key, item)| of(key).map(|(_, theirs)| (key.clone(), as_older(key, theirs, item)))).collect())
        }
        (Reply::Array(theirs), Reply::Array(own)) if is_flat_map(theirs) && is_flat_map(own) => {
            let of = |name: &Reply| theirs.chunks(2).find(|pair| pair[0] == *name);
            let kept =
                own.chunks(2).filter_map(|pair| of(&pair[0]).map(|theirs| [pair[0].clone(), as_older(&pair[0], &theirs[1], &pair[1])]));
            Reply::Array(kept.flatten().collect())
        }
        (Reply::Array(theirs), Reply::Array(own)) if theirs.len() == own.len() => {
            Reply::Array(theirs.iter().zip(own).map(|(theirs, own)| with_fields_of(theirs, own)).collect())
        }
        (_, ours) => ours.clone(),
    }
}
