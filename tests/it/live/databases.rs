//! Whole databases: exchanged, emptied and counted as one, though every shard has a piece of each.

use super::{Cast, Client, Lived, SHARDS, Stage, play};
use crate::reply::Reply;

const KEYS: usize = SHARDS as usize;

pub(super) fn enter<'s>(stage: &'s Stage<'s>, cast: &mut Cast<'s>) {
    let (sides, filled) = (stage.keys("side", KEYS), stage.keys("filled", KEYS));
    let mut wire = stage.daemon.wire();
    for (database, value) in [(2, "two"), (3, "three")] {
        wire.line(&format!("SELECT {database}"));
        wire.line(&format!("MSET {}", sides.iter().map(|key| format!("{key} {value}")).collect::<Vec<_>>().join(" ")));
    }
    for number in 0..4 {
        let (sides, filled) = (sides.clone(), filled.clone());
        cast.push((
            "database",
            Box::new(move || {
                let mut client = Client::new(stage, "database", number, None);
                let mut count = 0;
                let _ = client.ok(&format!("SELECT {}", [0, 2, 4, 4][number]));
                vec![play(client, |client| match number {
                    0 => {
                        client.dawdle(300);
                        client.ok("SWAPDB 2 3")
                    }
                    1 => see(client, &sides, false),
                    2 => fill(client, &filled, &mut count),
                    _ => see(client, &filled, true),
                })]
            }),
        ));
    }
}

fn fill(client: &mut Client<'_>, keys: &[String], count: &mut u64) -> Lived<()> {
    *count += 1;
    client.dawdle(100);
    match client.dice.below(4) {
        0 => client.ok("FLUSHDB"),
        1 => client.ok("FLUSHDB ASYNC"),
        _ => client.ok(&format!("MSET {}", keys.iter().map(|key| format!("{key} {count}")).collect::<Vec<_>>().join(" "))),
    }
}

/// All keys are of one side, or of one filling; a database that is emptied now and then has all of them or none.
fn see(client: &mut Client<'_>, keys: &[String], may_be_empty: bool) -> Lived<()> {
    let count = match client.dice.below(4) {
        0 => client.integer("DBSIZE")?,
        1 => {
            let reply = client.line("KEYS *")?;
            i64::try_from(client.items(reply, "KEYS")?.len()).expect("a few keys")
        }
        2 => client.integer(&format!("EXISTS {}", keys.join(" ")))?,
        _ => {
            let values = client.values(keys)?;
            let is_one = values.iter().all(|value| *value == values[0]) && (may_be_empty || values[0].is_some());
            return if is_one { Ok(()) } else { Err(client.complain(format!("pieces of a database do not fit: {values:?}"))) };
        }
    };
    let all = KEYS as i64;
    if count == all || (may_be_empty && count == 0) {
        return Ok(());
    }
    let reply = client.line("KEYS *").unwrap_or(Reply::Nil);
    Err(client.complain(format!("a database of {all} keys has {count}; then {reply}")))
}
