//! SPOP key \[count\]: members chosen at random leave the set.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::{Set, scramble};

pub(super) fn spop(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match args.len() {
        2 => pop_one(cx, args.key(1), reply),
        3 => pop_many(cx, args.key(1), args.count(2)?, reply),
        _ => Err(Fault::Syntax),
    }
}

#[inline]
fn pop_one(cx: &mut Cx<'_>, key: &[u8], reply: &mut Reply<'_>) -> Result<(), Fault> {
    let seed = cx.random();
    let Some(mut set) = cx.edit_as::<Set>(key)? else {
        reply.null();
        return Ok(());
    };
    set.pop_random(seed, |member| answer::element(member, reply));
    let emptied = set.is_empty();
    drop(set);
    cx.event(Classes::SET, "spop", key);
    if emptied {
        cx.drop_if_empty::<Set>(key);
    }
    cx.changed(1);
    Ok(())
}

fn pop_many(cx: &mut Cx<'_>, key: &[u8], count: usize, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut seed = cx.random();
    let Some(mut set) = cx.edit_as::<Set>(key)? else {
        reply.set(0);
        return Ok(());
    };
    let popped = count.min(set.len());
    reply.set(popped);
    let all = popped == set.len();
    if all {
        set.iter().for_each(|member| answer::element(member, reply));
    } else {
        for _ in 0..popped {
            set.pop_random(scramble(&mut seed), |member| answer::element(member, reply));
        }
    }
    drop(set);
    if popped > 0 {
        cx.event(Classes::SET, "spop", key);
    }
    if all {
        cx.delete(key); // by way of the reclaimer, if it was large
    }
    cx.changed(popped as u64);
    Ok(())
}
