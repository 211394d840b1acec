//! Keys that are written together: whoever reads them sees all of one write, and after the new value of one of them no old value of another.
//!
//! And boxes that are opened and closed within one transaction, which nobody finds open.

use std::time::Duration;

use super::{Cast, Client, Gone, Lived, SHARDS, Stage, play, text};
use crate::reply::Reply;

const KEYS: usize = SHARDS as usize;

const WRITE: &str = "for at, name in ipairs(KEYS) do redis.call('SET', name, ARGV[1]) end; return 1";

/// Two replies of it are more than a shard answers at once.
const LARGE: usize = 700 << 10;

pub(super) fn enter<'s>(stage: &'s Stage<'s>, cast: &mut Cast<'s>) {
    let (pair, rising, boxes) = (stage.keys("pair", KEYS), stage.keys("rising", KEYS), stage.keys("box", KEYS));
    let mut wire = stage.daemon.wire();
    for keys in [&pair, &rising] {
        let pairs: Vec<String> = keys.iter().map(|key| format!("{key} 0")).collect();
        wire.line(&format!("MSET {}", pairs.join(" ")));
    }
    // Beside the box that its transactions are about.
    wire.send(&["SET", &large(&boxes[0]), &"x".repeat(LARGE)]);
    wire.reply();
    for number in 0..4 {
        let pair = pair.clone();
        cast.push((
            "pair",
            Box::new(move || {
                let mut count = 0;
                vec![play(Client::new(stage, "pair", number, None), |client| match number {
                    0 | 1 => write(client, &pair, &mut count),
                    _ => read(client, &pair).map(drop),
                })]
            }),
        ));
    }
    for number in 0..3 {
        let rising = rising.clone();
        cast.push((
            "rising",
            Box::new(move || {
                let mut count = 0;
                vec![play(Client::new(stage, "rising", number, None), |client| match number {
                    0 => write(client, &rising, &mut count),
                    _ => follow(client, &rising),
                })]
            }),
        ));
    }
    for number in 0..3 {
        let boxes = boxes.clone();
        cast.push((
            "box",
            Box::new(move || {
                vec![play(Client::new(stage, "box", number, None), |client| match number {
                    0 | 1 => open_and_close(client, &boxes),
                    _ => reach_in(client, &boxes),
                })]
            }),
        ));
    }
}

fn large(name: &str) -> String {
    format!("{{{name}}}:large")
}

/// Writes one value to all of them.
fn write(client: &mut Client<'_>, keys: &[String], count: &mut u64) -> Lived<()> {
    *count += 1;
    let value = if client.role == "rising" { count.to_string() } else { format!("{}:{count}", client.number) };
    match client.dice.below(4) {
        0 | 1 => {
            let pairs: Vec<String> = keys.iter().map(|key| format!("{key} {value}")).collect();
            client.ok(&format!("MSET {}", pairs.join(" ")))
        }
        2 if client.stage.has_scripts => {
            let count = keys.len().to_string();
            let mut words = vec!["EVAL", WRITE, &count];
            words.extend(keys.iter().map(String::as_str));
            words.push(&value);
            let reply = client.ask(&words)?;
            client.number(&reply, "a script that writes").map(drop)
        }
        _ => {
            let calls: Vec<String> = keys.iter().map(|key| format!("SET {key} {value}")).collect();
            client.block_done(&calls).map(drop)
        }
    }
}

/// What all of them hold.
fn read(client: &mut Client<'_>, keys: &[String]) -> Lived<String> {
    let values = if client.dice.below(3) == 0 {
        let calls: Vec<String> = keys.iter().map(|key| format!("GET {key}")).collect();
        client.block_done(&calls)?.iter().map(text).collect()
    } else {
        // The order of the words is no order of the shards.
        let mut keys = keys.to_vec();
        let by = client.dice.below(KEYS);
        keys.rotate_left(by);
        client.values(&keys)?
    };
    match values.first() {
        Some(Some(first)) if values.iter().all(|value| value.as_ref() == Some(first)) => Ok(first.clone()),
        _ => Err(client.complain(format!("what was written together is read as {values:?}"))),
    }
}

/// The writer writes rising numbers: what was seen of one key is not undone on another.
fn follow(client: &mut Client<'_>, keys: &[String]) -> Lived<()> {
    let mut seen = 0u64;
    for _ in 0..4 {
        let value = if client.dice.below(4) == 0 {
            read(client, keys)?
        } else {
            let key = &keys[client.dice.below(KEYS)];
            let reply = client.line(&format!("GET {key}"))?;
            text(&reply).ok_or_else(|| client.complain(format!("{key} is gone")))?
        };
        let value: u64 = value.parse().map_err(|_| client.complain(format!("{value} was never written")))?;
        if value < seen {
            return Err(client.complain(format!("it saw {seen}, and {value} after that")));
        }
        seen = value;
    }
    Ok(())
}

/// Puts something into a box and takes it out again, as one; or counts, with large answers in between.
fn open_and_close(client: &mut Client<'_>, boxes: &[String]) -> Lived<()> {
    if client.dice.below(30) == 0 {
        let (counter, large) = (format!("{{{}}}:count", boxes[0]), large(&boxes[0]));
        let calls = [
            format!("INCR {counter}"),
            format!("STRLEN {large}"),
            format!("GET {large}"),
            format!("GET {large}"),
            format!("INCR {counter}"),
        ];
        let replies = client.block_done(&calls)?;
        let (first, last) = (client.number(&replies[0], "INCR")?, client.number(&replies[4], "INCR")?);
        if last != first + 1 {
            return Err(client.complain(format!("a transaction that counts twice counts {first} and {last}")));
        }
        return Ok(());
    }
    let token = format!("{}:{}", client.number, client.dice.below(1000));
    let at = client.dice.below(KEYS);
    let (one, other) = (&boxes[at], &boxes[(at + 1) % KEYS]);
    let mut calls = vec![format!("RPUSH {one} {token}"), format!("LPOP {one}")];
    if client.dice.below(2) == 0 {
        // By way of another shard.
        calls.insert(1, format!("LMOVE {one} {other} LEFT LEFT"));
        calls[2] = format!("LPOP {other}");
    }
    let replies = client.block_done(&calls)?;
    if text(&replies[calls.len() - 1]).as_ref() != Some(&token) {
        return Err(client.complain(format!("{calls:?} answers {replies:?}: somebody was in between")));
    }
    Ok(())
}

/// Waits for what is in a box, which is nothing whenever anybody looks.
fn reach_in(client: &mut Client<'_>, boxes: &[String]) -> Lived<()> {
    let at = client.dice.below(KEYS);
    if client.dice.below(2) == 0 {
        // Counts in between, if there is a between.
        for _ in 0..10 {
            client.integer(&format!("INCR {{{}}}:count", boxes[0]))?;
        }
        return Ok(());
    }
    let line = match client.dice.below(3) {
        0 => format!("BLPOP {} 0.02", boxes[at]),
        1 => format!("BLPOP {} {} 0.02", boxes[at], boxes[(at + 1) % KEYS]),
        _ => format!("BLMOVE {} {} LEFT RIGHT 0.02", boxes[at], boxes[(at + 2) % KEYS]),
    };
    match client.line(&line)? {
        Reply::NilArray | Reply::Nil => Ok(()),
        other => {
            // The writers complain about it, too.
            std::thread::sleep(Duration::from_millis(1));
            Err::<(), Gone>(client.complain(format!("{line} answers {other}, which was there only within a transaction")))
        }
    }
}
