//! SINTER, SUNION, SDIFF: sets against each other; answered, stored (..STORE), or counted (..CARD).

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::{Reply, number};
use crate::store::Value;
use crate::store::types::{DIGITS_MAX, Element, Set, Thresholds, algebra};

pub(super) fn sinter(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    show(cx, args, reply, Operation::Intersect)
}

pub(super) fn sunion(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    show(cx, args, reply, Operation::Unite)
}

pub(super) fn sdiff(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    show(cx, args, reply, Operation::Subtract)
}

pub(super) fn sinterstore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    store(cx, args, reply, Operation::Intersect)
}

pub(super) fn sunionstore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    store(cx, args, reply, Operation::Unite)
}

pub(super) fn sdiffstore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    store(cx, args, reply, Operation::Subtract)
}

pub(super) fn sintercard(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    count(cx, args, reply, Operation::Intersect)
}

pub(super) fn sunioncard(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    count(cx, args, reply, Operation::Unite)
}

pub(super) fn sdiffcard(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    count(cx, args, reply, Operation::Subtract)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Intersect,
    Unite,
    Subtract,
}

impl Operation {
    /// The event of a result that is kept.
    fn stored(self) -> &'static str {
        match self {
            Operation::Intersect => "sinterstore",
            Operation::Unite => "sunionstore",
            Operation::Subtract => "sdiffstore",
        }
    }
}

/// The sets of a call, all held at once; what is not there is none.
struct Sets<'a> {
    sets: Vec<Option<&'a Set>>,
    seeds: [u64; 4],
}

impl<'a> Sets<'a> {
    /// Looks all keys up. A wrong type is a fault, even where a missing set has settled the result.
    fn of<'k>(cx: &'a mut Cx<'_>, keys: impl Iterator<Item = &'k [u8]> + Clone) -> Result<Sets<'a>, Fault> {
        for key in keys.clone() {
            cx.read_as::<Set>(key)?;
        }
        let seeds = cx.thresholds().hash_seeds;
        let cx = &*cx;
        let sets = keys.map(|key| cx.seen(key).and_then(|entry| entry.get::<Set>())).collect();
        Ok(Sets { sets, seeds })
    }

    /// Shows the members of the result, each once, until `visit` says that it is enough.
    fn run(&self, operation: Operation, visit: impl FnMut(Element<'a>) -> bool) {
        let there = |sets: &[Option<&'a Set>]| -> Vec<&'a Set> { sets.iter().copied().flatten().collect() };
        match (operation, self.sets.as_slice()) {
            (Operation::Intersect, sets) if sets.iter().all(Option::is_some) => algebra::intersect(&there(sets), visit),
            (Operation::Unite, sets) => algebra::unite(&there(sets), self.seeds, visit),
            (Operation::Subtract, [Some(first), others @ ..]) => algebra::subtract(first, &there(others), self.seeds, visit),
            (Operation::Intersect | Operation::Subtract, _) => {}
        }
    }
}

fn show(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Result<(), Fault> {
    let sets = Sets::of(cx, args.from(1))?;
    let all = reply.set_later();
    let mut members = 0;
    sets.run(operation, |member| {
        answer::element(member, reply);
        members += 1;
        true
    });
    reply.close(all, members);
    Ok(())
}

fn store(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let sets = Sets::of(cx, args.from(2))?;
    let result = if operation == Operation::Intersect { intersection(&sets, thresholds) } else { collected(&sets, operation, thresholds) };
    let target = args.key(1);
    answer::count(result.len(), reply);
    if result.is_empty() {
        let removed = cx.delete(target);
        cx.changed(u64::from(removed));
    } else {
        cx.put(target, Value::Set(Box::new(result)), None);
        cx.changed(1);
        cx.event(Classes::SET, operation.stored(), target);
    }
    Ok(())
}

/// The result as members come: its form is what SADD, member by member, would have made.
fn collected(sets: &Sets<'_>, operation: Operation, thresholds: &Thresholds) -> Set {
    let mut result = Set::new();
    sets.run(operation, |member| result.add(member.bytes(&mut [0; DIGITS_MAX]), thresholds));
    result
}

/// An intersection, of which Redis chooses the form when it is known: integers that are few enough are kept as such.
fn intersection(sets: &Sets<'_>, thresholds: &Thresholds) -> Set {
    let (mut members, mut integers) = (Vec::new(), true);
    sets.run(Operation::Intersect, |member| {
        integers &= member.integer().is_some();
        members.push(member);
        true
    });
    let mut result = Set::new();
    result.expect(if integers { b"0" } else { b"" }, members.len(), thresholds);
    for member in members {
        result.add(member.bytes(&mut [0; DIGITS_MAX]), thresholds);
    }
    result
}

fn count(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, operation: Operation) -> Result<(), Fault> {
    let number = |word| number::parse_integer(word).and_then(|number| usize::try_from(number).ok());
    let keys = number(args.get(1)).filter(|&keys| keys > 0).ok_or(Fault::Because("ERR numkeys should be greater than 0"))?;
    if keys > args.len() - 2 {
        return Err(Fault::Because("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = usize::MAX;
    let mut options = args.options(2 + keys);
    while let Some(word) = options.next() {
        if word.eq_ignore_ascii_case(b"limit") {
            let most = number(options.operand()?).ok_or(Fault::Because("ERR LIMIT can't be negative"))?;
            limit = if most == 0 { usize::MAX } else { most };
        } else if operation == Operation::Unite && word.eq_ignore_ascii_case(b"approx") {
            // The exact number is as good an estimate as any.
        } else {
            return Err(Fault::Syntax);
        }
    }
    let sets = Sets::of(cx, args.from(2).take(keys))?;
    let mut members = 0;
    sets.run(operation, |_| {
        members += 1;
        members < limit
    });
    answer::count(members, reply);
    Ok(())
}
