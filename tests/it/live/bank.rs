//! Money: whatever moves it moves it whole, so that all accounts together hold the same at every moment anybody looks.
//!
//! And one coin, which is at exactly one of its places.

use super::{Cast, Client, Lived, Outcome, SHARDS, Stage, play, text};
use crate::reply::Reply;

/// Two of them share a shard.
const ACCOUNTS: usize = SHARDS as usize + 2;
const EACH: i64 = 1000;
const PLACES: usize = SHARDS as usize + 1;

/// Its keys are found out by what it does: ARGV[1] is no key to anybody who only looks at the call.
const MOVE: &str = "local n = tonumber(ARGV[3]); redis.call('DECRBY', ARGV[1], n); return redis.call('INCRBY', ARGV[2], n)";
const MOVE_READ: &str = "local from, to = redis.call('GET', ARGV[1]), redis.call('GET', ARGV[2]); \
                         redis.call('SET', ARGV[1], from - ARGV[3]); redis.call('SET', ARGV[2], to + ARGV[3]); return 1";
const SUM: &str = "local sum = 0; for _, name in ipairs(ARGV) do sum = sum + redis.call('GET', name) end; return sum";

pub(super) fn enter<'s>(stage: &'s Stage<'s>, cast: &mut Cast<'s>) {
    let mut wire = stage.daemon.wire();
    let accounts = stage.keys("account", ACCOUNTS);
    for account in &accounts {
        wire.line(&format!("SET {account} {EACH}"));
    }
    let places = stage.keys("coin", PLACES);
    wire.line(&format!("SET {} gold", places[0]));
    for number in 0..5 {
        let accounts = accounts.clone();
        cast.push((
            "bank",
            Box::new(move || {
                vec![play(Client::new(stage, "bank", number, Some(number)), |client| match number {
                    0..=2 => transfer(client, &accounts),
                    _ => look(client, &accounts),
                })]
            }),
        ));
    }
    for number in 0..3 {
        let places = places.clone();
        cast.push((
            "coin",
            Box::new(move || vec![play(Client::new(stage, "coin", number, None), |client| carry(client, &places, number == 2))]),
        ));
    }
}

fn transfer(client: &mut Client<'_>, accounts: &[String]) -> Lived<()> {
    let from = client.dice.below(ACCOUNTS);
    let to = (from + 1 + client.dice.below(ACCOUNTS - 1)) % ACCOUNTS;
    let (from, to) = (&accounts[from], &accounts[to]);
    let amount = 1 + client.dice.below(9);
    let blind = [format!("DECRBY {from} {amount}"), format!("INCRBY {to} {amount}")];
    match client.dice.below(12) {
        0..=2 => watched(client, accounts, from, to, amount),
        3..=5 => client.block_done(&blind).map(drop),
        // The two exchange what they hold.
        6 => {
            let between = format!("between:{}", client.number);
            let calls = [format!("RENAME {from} {between}"), format!("RENAME {to} {from}"), format!("RENAME {between} {to}")];
            let replies = client.block_done(&calls)?;
            match replies.iter().find(|reply| !matches!(reply, Reply::Simple(_))) {
                Some(wrong) => Err(client.complain(format!("an account is missing: {calls:?} answers {wrong}"))),
                None => Ok(()),
            }
        }
        7 => {
            client.block_and_hang_up(&blind);
            Ok(())
        }
        8 => {
            // Everything at once, on whatever shards.
            let calls: Vec<String> = accounts.iter().map(|account| format!("INCRBY {account} {amount}")).collect();
            let back = accounts.iter().map(|account| format!("DECRBY {account} {amount}"));
            client.block_done(&calls.iter().cloned().chain(back).collect::<Vec<_>>()).map(drop)
        }
        9 | 10 if client.stage.has_scripts => {
            let script = if amount > 4 { MOVE } else { MOVE_READ };
            let reply = client.ask(&["EVAL", script, "0", from, to, &amount.to_string()])?;
            client.number(&reply, "a script that moves money").map(drop)
        }
        _ => client.block_done(&blind).map(drop),
    }
}

/// Reads what two accounts hold, and writes what they will, if nobody wrote them meanwhile.
fn watched(client: &mut Client<'_>, accounts: &[String], from: &str, to: &str, amount: usize) -> Lived<()> {
    if client.dice.below(2) == 0 {
        client.ok(&format!("WATCH {from} {to}"))?;
    } else {
        client.ok(&format!("WATCH {from}"))?;
        client.ok(&format!("WATCH {to}"))?;
    }
    if client.dice.below(4) == 0 {
        // One more that it does not use.
        client.ok(&format!("WATCH {}", accounts[client.number % ACCOUNTS]))?;
    }
    let held = client.values(&[from.to_owned(), to.to_owned()])?;
    let [Some(Ok(from_held)), Some(Ok(to_held))] = [0, 1].map(|at| held[at].as_ref().map(|text| text.parse::<i64>())) else {
        return Err(client.complain(format!("an account is missing: {from} and {to} hold {held:?}")));
    };
    let amount = i64::try_from(amount).expect("it is small");
    let mut calls = vec![format!("SET {from} {}", from_held - amount), format!("SET {to} {}", to_held + amount)];
    if client.dice.below(4) == 0 {
        calls.insert(1, "PING".to_owned());
    }
    client.block(&calls).map(drop)
}

fn look(client: &mut Client<'_>, accounts: &[String]) -> Lived<()> {
    let all = accounts.join(" ");
    let gets: Vec<String> = accounts.iter().map(|account| format!("GET {account}")).collect();
    let (how, values) = match client.dice.below(6) {
        0 | 1 => ("MGET", client.values(accounts)?),
        2 => ("MULTI of GET", client.block_done(&gets)?.iter().map(text).collect()),
        3 => {
            let (some, others) = accounts.split_at(ACCOUNTS / 2);
            let calls = [format!("MGET {}", some.join(" ")), "PING".to_owned(), format!("MGET {}", others.join(" "))];
            let replies = client.block_done(&calls)?;
            let mut values = Vec::new();
            for reply in replies {
                if let Reply::Array(items) = reply {
                    values.extend(items.iter().map(text));
                }
            }
            ("MULTI of MGET, PING, MGET", values)
        }
        4 if client.stage.has_scripts => {
            let words: Vec<&str> = ["EVAL", SUM, "0"].into_iter().chain(accounts.iter().map(String::as_str)).collect();
            let reply = client.ask(&words)?;
            ("EVAL", vec![Some(client.number(&reply, "a script that sums")?.to_string())])
        }
        _ => {
            // One by one; they count if none of them was changed meanwhile.
            client.ok(&format!("WATCH {all}"))?;
            let mut values = Vec::new();
            for get in &gets {
                values.push(text(&client.line(get)?));
            }
            match client.block(&["PING".to_owned()])? {
                Outcome::Done(_) => ("WATCH, GET one by one, EXEC", values),
                Outcome::Refused => return Ok(()),
            }
        }
    };
    let sum: Option<i64> = values.iter().map(|value| value.as_ref().and_then(|text| text.parse::<i64>().ok())).sum();
    let due = EACH * ACCOUNTS as i64;
    if sum == Some(due) { Ok(()) } else { Err(client.complain(format!("{how} sees {values:?}, together {sum:?} instead of {due}"))) }
}

fn carry(client: &mut Client<'_>, places: &[String], looks: bool) -> Lived<()> {
    if looks {
        let held = client.values(places)?;
        if held.iter().flatten().count() != 1 {
            return Err(client.complain(format!("the coin is not in one place: {held:?}")));
        }
        let line = format!("EXISTS {}", places.join(" "));
        return match client.integer(&line)? {
            1 => Ok(()),
            count => Err(client.complain(format!("the coin is in {count} places"))),
        };
    }
    let from = client.dice.below(PLACES);
    let to = (from + 1 + client.dice.below(PLACES - 1)) % PLACES;
    match client.line(&format!("RENAME {} {}", places[from], places[to]))? {
        Reply::Simple(_) => Ok(()),
        Reply::Error(text) if text == b"ERR no such key" => Ok(()),
        other => Err(client.complain(format!("RENAME answers {other}"))),
    }
}
