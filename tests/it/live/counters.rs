//! Counters: every number is answered once, none is left out, and who asks later gets a larger one.
//!
//! And keys that are over before their watcher's transaction is.

use std::thread;
use std::time::Duration;

use super::{Cast, Client, Lived, Outcome, SHARDS, Stage, left, play};

const COUNTERS: usize = SHARDS as usize;
const CLIENTS: usize = 3;

/// One that is run where its key is, among the calls of that shard, and one whose key nobody can know beforehand.
const COUNT: &str = "return redis.call('INCR', KEYS[1])";
const COUNT_UNDECLARED: &str = "return redis.call('INCR', ARGV[1])";

/// One answer: the counter, when it was called and answered, and the number.
type Counted = (usize, u64, u64, i64);

pub(super) fn enter<'s>(stage: &'s Stage<'s>, cast: &mut Cast<'s>) {
    let keys = stage.keys("count", COUNTERS);
    cast.push(("counter", Box::new(move || all(stage, &keys))));
    let keys = stage.keys("mortal", SHARDS as usize);
    cast.push(("mortal", Box::new(move || vec![play(Client::new(stage, "mortal", 0, None), |client| outlive(client, &keys))])));
}

fn all(stage: &Stage<'_>, keys: &[String]) -> Vec<(&'static str, super::Steps)> {
    let ended: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || one(stage, number, keys))).collect();
        clients.into_iter().map(|client| client.join().expect("what it found is told otherwise")).collect()
    });
    let (mut counted, mut steps) = (Vec::new(), Vec::new());
    for (client, answers, is_whole) in ended {
        counted.extend(answers);
        steps.push(client);
        if !is_whole {
            // Somebody has complained already.
            return steps;
        }
    }
    judge(stage, counted);
    steps
}

fn one(stage: &Stage<'_>, number: usize, keys: &[String]) -> ((&'static str, super::Steps), Vec<Counted>, bool) {
    let mut client = Client::new(stage, "counter", number, None);
    let mut counted = Vec::new();
    let mut is_whole = true;
    while client.goes_on() && is_whole {
        is_whole = count(&mut client, keys, &mut counted).is_ok();
    }
    (left(client), counted, is_whole)
}

fn count(client: &mut Client<'_>, keys: &[String], counted: &mut Vec<Counted>) -> Lived<()> {
    let one = client.dice.below(COUNTERS);
    let other = (one + 1 + client.dice.below(COUNTERS - 1)) % COUNTERS;
    let called = client.stage.now();
    let got: Vec<(usize, i64)> = match client.dice.below(6) {
        0 | 1 => vec![(one, client.integer(&format!("INCR {}", keys[one]))?)],
        2 => {
            // A pipeline.
            client.send(&["INCR", &keys[one]]);
            client.send(&["INCR", &keys[other]]);
            let (first, second) = (client.take()?, client.take()?);
            vec![(one, client.number(&first, "INCR")?), (other, client.number(&second, "INCR")?)]
        }
        3 if client.stage.has_scripts => {
            let (script, count) = if client.dice.below(2) == 0 { (COUNT, "1") } else { (COUNT_UNDECLARED, "0") };
            let reply = client.ask(&["EVAL", script, count, &keys[one]])?;
            vec![(one, client.number(&reply, "a script that counts")?)]
        }
        _ => {
            let calls = [one, other, one].map(|at| format!("INCR {}", keys[at]));
            let replies = client.block_done(&calls)?;
            let mut got = Vec::new();
            for (at, reply) in [one, other, one].into_iter().zip(&replies) {
                got.push((at, client.number(reply, "INCR")?));
            }
            if got[2].1 != got[0].1 + 1 {
                return Err(client.complain(format!("{calls:?} answers {replies:?}: somebody was in between")));
            }
            got
        }
    };
    let answered = client.stage.now();
    counted.extend(got.into_iter().map(|(counter, number)| (counter, called, answered, number)));
    Ok(())
}

fn judge(stage: &Stage<'_>, counted: Vec<Counted>) {
    for counter in 0..COUNTERS {
        let mut of_one: Vec<&Counted> = counted.iter().filter(|answer| answer.0 == counter).collect();
        of_one.sort_by_key(|answer| answer.3);
        if let Some((due, wrong)) = (1..).zip(&of_one).find(|(due, answer)| *due != answer.3) {
            stage.complain("counter", format!("counter {counter}: where {due} was due {} was answered", wrong.3));
            return;
        }
        // By number: none was called after a later one was answered.
        let mut earliest = u64::MAX;
        for answer in of_one.iter().rev() {
            if answer.1 > earliest {
                stage.complain("counter", format!("counter {counter}: {} was asked for after a larger one was answered", answer.3));
                return;
            }
            earliest = earliest.min(answer.2);
        }
    }
}

/// Watches a key that is over before EXEC: it was changed.
fn outlive(client: &mut Client<'_>, keys: &[String]) -> Lived<()> {
    let at = client.dice.below(keys.len());
    let (key, target) = (keys[at].clone(), keys[client.dice.below(keys.len())].clone() + ":target");
    client.ok(&format!("SET {key} v PX 5"))?;
    let since = client.stage.now();
    client.ok(&format!("WATCH {key}"))?;
    if client.integer(&format!("PTTL {key}"))? < 1 {
        return client.ok("UNWATCH");
    }
    let left = Duration::from_micros(6000).saturating_sub(Duration::from_nanos(client.stage.now() - since));
    thread::sleep(left);
    match client.block(&[format!("SET {target} v")])? {
        Outcome::Refused => Ok(()),
        Outcome::Done(_) => Err(client.complain(format!("{key} was watched and is over, and EXEC ran all the same"))),
    }
}
