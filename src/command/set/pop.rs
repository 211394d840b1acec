//! SPOP key \[count\]: members chosen at random leave the set.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::{DIGITS_MAX, Set, scramble};

pub(super) fn spop(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match args.len() {
        2 => pop_one(cx, args.key(1), reply),
        3 => pop_many(cx, args.key(1), args.count(2)?, reply),
        _ => Err(Fault::Syntax),
    }
}

#[inline]
fn pop_one(cx: &mut Cx<'_>, key: &[u8], reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (seed, recorded) = (cx.random(), cx.is_recorded());
    let Some(mut set) = cx.edit_as::<Set>(key)? else {
        reply.null();
        return Ok(());
    };
    let mut popped = Vec::new();
    set.pop_random(seed, |member| {
        if recorded {
            popped.extend_from_slice(member.bytes(&mut [0; DIGITS_MAX]));
        }
        answer::element(member, reply);
    });
    let emptied = set.is_empty();
    drop(set);
    cx.event(Classes::SET, "spop", key);
    if emptied {
        cx.drop_if_empty::<Set>(key);
    }
    if let Some(record) = cx.record() {
        record.instead([b"SREM".as_slice(), key, &popped]);
    }
    cx.changed(1);
    Ok(())
}

fn pop_many(cx: &mut Cx<'_>, key: &[u8], count: usize, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (mut seed, recorded) = (cx.random(), cx.is_recorded());
    let mut gone: Vec<Vec<u8>> = Vec::new();
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
            set.pop_random(scramble(&mut seed), |member| {
                if recorded {
                    gone.push(member.bytes(&mut [0; DIGITS_MAX]).to_vec());
                }
                answer::element(member, reply);
            });
        }
    }
    drop(set);
    if popped > 0 {
        cx.event(Classes::SET, "spop", key);
    }
    if all {
        cx.delete(key); // by way of the reclaimer, if it was large
    }
    if let Some(record) = cx.record() {
        if all {
            record.instead([b"DEL".as_slice(), key]);
        }
        gone.iter().for_each(|member| record.instead([b"SREM".as_slice(), key, member]));
    }
    cx.changed(popped as u64);
    Ok(())
}
