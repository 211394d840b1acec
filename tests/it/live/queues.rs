//! Queues: every element that was put in comes out once, or is still there; those of one producer in the order sent; and who waits first is served
//! first. Consumers are killed, hang up, and give up waiting all the time.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use super::{Cast, Client, Gone, Lived, PATIENCE, SHARDS, Stage, Steps, left, play, text};
use crate::reply::Reply;
use crate::wire::Wire;

const QUEUES: usize = SHARDS as usize;
const PRODUCERS: usize = 2;
const CONSUMERS: usize = 7;
/// Consumers with these numbers hang up while they wait: what they take they move to a list, where nobody can lose it.
const HANG_UP: usize = 2;
/// Consumers from this one on may be killed; their places among the victims begin here.
const MORTAL: usize = 4;
const FIRST_PLACE: usize = 6;

/// An element came out: its queue, who put it in and as his how manyeth; when it was asked for and answered.
struct Taken {
    queue: usize,
    producer: usize,
    number: u64,
    called: u64,
    answered: u64,
}

pub(super) fn enter<'s>(stage: &'s Stage<'s>, cast: &mut Cast<'s>) {
    let queues = stage.keys("queue", QUEUES);
    let moved: Vec<String> = (0..CONSUMERS)
        .map(|number| stage.keys("moved", SHARDS as usize)[(number + 1) % QUEUES].clone() + ":" + &number.to_string())
        .collect();
    cast.push(("queue", Box::new(move || all(stage, &queues, &moved))));
    for number in 0..2 {
        let keys = stage.keys(&format!("ball{number}"), SHARDS as usize);
        cast.push(("ball", Box::new(move || catch_balls(stage, number, &keys))));
    }
    let keys = stage.keys("line", SHARDS as usize);
    cast.push(("line", Box::new(move || stand_in_line(stage, &keys))));
}

/// Even queues are filled at the right end and emptied at the left, odd ones the other way.
fn side(queue: usize, puts: bool) -> &'static str {
    if queue.is_multiple_of(2) == puts { "RIGHT" } else { "LEFT" }
}

fn all(stage: &Stage<'_>, queues: &[String], moved: &[String]) -> Vec<(&'static str, Steps)> {
    let (mut steps, mut taken) = (Vec::new(), Vec::new());
    let mut sent = vec![[0u64; QUEUES]; PRODUCERS];
    thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS).map(|number| scope.spawn(move || produce(stage, number, queues))).collect();
        let consumers: Vec<_> = (0..CONSUMERS).map(|number| scope.spawn(move || consume(stage, number, queues, &moved[number]))).collect();
        for (number, producer) in producers.into_iter().enumerate() {
            let (client, counts) = producer.join().expect("what it found is told otherwise");
            steps.push(client);
            sent[number] = counts;
        }
        for consumer in consumers {
            let (client, elements) = consumer.join().expect("what it found is told otherwise");
            steps.push(client);
            taken.extend(elements);
        }
    });
    if !stage.over.load(std::sync::atomic::Ordering::Relaxed) {
        let mut client = Client::new(stage, "queue", 99, None);
        let _ = judge(&mut client, queues, moved, &sent, &taken);
    }
    steps
}

/// Puts elements in. A producer lives through the round, so that it knows what it has sent.
fn produce(stage: &Stage<'_>, number: usize, queues: &[String]) -> ((&'static str, Steps), [u64; QUEUES]) {
    let mut client = Client::new(stage, "queue", number, None);
    let mut sent = [0; QUEUES];
    while client.goes_on() {
        if put(&mut client, queues, &mut sent).is_err() {
            break;
        }
        if client.dice.below(3) == 0 {
            client.dawdle(1500);
        }
    }
    (left(client), sent)
}

fn put(client: &mut Client<'_>, queues: &[String], sent: &mut [u64; QUEUES]) -> Lived<()> {
    let number = client.number;
    let mut call = |queue: usize, several: usize| {
        let elements = (0..several).map(|_| {
            sent[queue] += 1;
            format!("{number}:{queue}:{}", sent[queue])
        });
        let name = if side(queue, true) == "RIGHT" { "RPUSH" } else { "LPUSH" };
        format!("{name} {} {}", queues[queue], elements.collect::<Vec<_>>().join(" "))
    };
    let queue = client.dice.below(QUEUES);
    let several = 1 + client.dice.below(3);
    match client.dice.below(4) {
        0 => {
            let calls = [call(queue, several), call((queue + 1) % QUEUES, 1)];
            client.block_done(&calls).map(drop)
        }
        1 if client.stage.has_scripts => {
            let call = call(queue, several);
            let words: Vec<&str> = call.split(' ').collect();
            let reply = client.ask(&[&["EVAL", "return redis.call(unpack(ARGV))", "0"], words.as_slice()].concat())?;
            client.number(&reply, "a script that pushes").map(drop)
        }
        _ => client.integer(&call(queue, several)).map(drop),
    }
}

fn consume(stage: &Stage<'_>, number: usize, queues: &[String], moved: &str) -> ((&'static str, Steps), Vec<Taken>) {
    // Who is killed is given half a second for what was just taken for him. A daemon that is held up on purpose may not get to it in time.
    let victim = (number >= MORTAL && !stage.is_held_up()).then(|| FIRST_PLACE + number - MORTAL);
    let mut client = Client::new(stage, "queue", PRODUCERS + number, victim);
    let mut taken = Vec::new();
    while client.goes_on() {
        // Who was killed while it waited has taken nothing, or has been answered first.
        let _ = get(&mut client, number, queues, moved, &mut taken);
    }
    (left(client), taken)
}

fn get(client: &mut Client<'_>, number: usize, queues: &[String], moved: &str, taken: &mut Vec<Taken>) -> Lived<()> {
    let timeout = ["0.001", "0.002", "0.005", "0.02", "0.1"][client.dice.below(5)];
    let queue = client.dice.below(QUEUES);
    let away = format!("BLMOVE {} {moved} {} RIGHT {timeout}", queues[queue], side(queue, false));
    let from_one = format!("{} {} {timeout}", if side(queue, false) == "LEFT" { "BLPOP" } else { "BRPOP" }, queues[queue]);
    if number < HANG_UP {
        client.send(&away.split(' ').collect::<Vec<_>>());
        if client.dice.below(3) == 0 {
            client.dawdle(3000);
            client.hang_up();
            return Ok(());
        }
        let reply = client.take()?;
        client.note(format!("{away} -> {reply}"));
        return match reply {
            Reply::Bulk(_) | Reply::Nil | Reply::NilArray => Ok(()),
            other => Err(client.complain(format!("{away} answers {other}"))),
        };
    }
    // Of a call that does not wait the answer is lost with the client, as in Redis: who may be killed makes none.
    let kinds = if number < MORTAL { 6 } else { 5 };
    let line = match client.dice.below(kinds) {
        0 => from_one,
        1 => format!("BLPOP {} {} {timeout}", queues[0], queues[2]),
        2 => format!("BRPOP {} {} {timeout}", queues[3], queues[1]),
        3 => format!("BLMPOP {timeout} 2 {} {} LEFT", queues[2], queues[0]),
        4 => {
            // The answer is of the moved element, which lies in a list of its own from then on.
            let reply = client.line(&away)?;
            return match reply {
                Reply::Bulk(_) | Reply::Nil | Reply::NilArray => Ok(()),
                other => Err(client.complain(format!("{away} answers {other}"))),
            };
        }
        _ => format!("{} {}", if side(queue, false) == "LEFT" { "LPOP" } else { "RPOP" }, queues[queue]),
    };
    let called = client.stage.now();
    let reply = client.line(&line)?;
    let element = match &reply {
        Reply::Nil | Reply::NilArray => return Ok(()),
        Reply::Array(words) => match words.last() {
            Some(Reply::Array(elements)) => elements.first().and_then(text),
            Some(element) => text(element),
            None => None,
        },
        other => text(other),
    };
    let Some((producer, queue, count)) = element.as_deref().and_then(parse) else {
        return Err(client.complain(format!("{line} answers {reply}, which nobody has put in")));
    };
    taken.push(Taken { queue, producer, number: count, called, answered: client.stage.now() });
    Ok(())
}

fn parse(element: &str) -> Option<(usize, usize, u64)> {
    let mut words = element.split(':');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// When the round is over: everything is somewhere, once, and came out in its order.
fn judge(client: &mut Client<'_>, queues: &[String], moved: &[String], sent: &[[u64; QUEUES]], taken: &[Taken]) -> Lived<()> {
    let mut seen: HashMap<(usize, usize, u64), Vec<String>> = HashMap::new();
    for one in taken {
        seen.entry((one.producer, one.queue, one.number)).or_default().push("a consumer".to_owned());
    }
    for key in queues.iter().chain(moved) {
        let is_queue = queues.contains(key);
        let reply = client.line(&format!("LRANGE {key} 0 -1"))?;
        let mut last: HashMap<(usize, usize), u64> = HashMap::new();
        for element in client.items(reply, "LRANGE")? {
            let Some(found) = text(&element).as_deref().and_then(parse) else {
                return Err(client.complain(format!("{key} holds {element}, which nobody has put in")));
            };
            let before = last.insert((found.0, found.1), found.2).unwrap_or(0);
            if !is_queue && before > found.2 {
                return Err(client.complain(format!("{key} has {found:?} (producer, queue, number) behind {before}")));
            }
            seen.entry(found).or_default().push(key.clone());
        }
    }
    for (producer, counts) in sent.iter().enumerate() {
        for (queue, &count) in counts.iter().enumerate() {
            for number in 1..=count {
                match seen.get(&(producer, queue, number)).map(Vec::as_slice) {
                    Some([_]) => {}
                    Some(places) => {
                        return Err(client.complain(format!("element {number} of producer {producer} in queue {queue} is in {places:?}")));
                    }
                    None => {
                        return Err(client.complain(format!("element {number} of {count} of producer {producer} in queue {queue} is lost")));
                    }
                }
            }
        }
    }
    // Who asked when a later element had been answered already got a later one.
    for (producer, queue) in (0..PRODUCERS).flat_map(|producer| (0..QUEUES).map(move |queue| (producer, queue))) {
        let mut of_one: Vec<&Taken> = taken.iter().filter(|one| (one.producer, one.queue) == (producer, queue)).collect();
        of_one.sort_by_key(|one| one.number);
        let mut earliest = u64::MAX;
        for one in of_one.iter().rev() {
            if one.called > earliest {
                let what = format!("element {} of producer {producer} in queue {queue} came out behind a later one", one.number);
                return Err(client.complain(what));
            }
            earliest = earliest.min(one.answered);
        }
    }
    Ok(())
}

/// One waits for keys of several shards, and at the same moment something comes to one of them: he gets it, whoever was first.
fn catch_balls(stage: &Stage<'_>, number: usize, keys: &[String]) -> Vec<(&'static str, Steps)> {
    let (mut catcher, thrower) = (Client::new(stage, "ball", 2 * number, None), Client::new(stage, "ball", 2 * number + 1, None));
    let mut count = 0;
    let throws = play(thrower, |thrower| {
        count += 1;
        let key = &keys[thrower.dice.below(keys.len())];
        let call = match thrower.dice.below(3) {
            0 => ["BLPOP"].into_iter().chain(keys.iter().map(String::as_str)).chain(["0"]).collect::<Vec<_>>().join(" "),
            1 => format!("BLPOP {key} 0"),
            _ => format!("BLMOVE {key} {}:caught LEFT LEFT 0", keys[0]),
        };
        catcher.send(&call.split(' ').collect::<Vec<_>>());
        if thrower.dice.below(2) == 0 {
            thrower.dawdle(300);
        }
        if thrower.dice.below(3) == 0 {
            // By way of another shard: it comes while the keyspaces are lent.
            let by = format!("{}:by", keys[thrower.dice.below(keys.len())]);
            thrower.block_done(&[format!("RPUSH {by} {count}"), format!("RENAME {by} {key}")])?;
        } else {
            thrower.integer(&format!("RPUSH {key} {count}"))?;
        }
        catcher.note(call.clone());
        let caught = catcher.take()?;
        let element = if let Reply::Array(words) = &caught { words.last().and_then(text) } else { text(&caught) };
        if element.as_deref() != Some(&count.to_string()) {
            return Err(thrower.complain(format!("{call} answers {caught} where {count} was thrown")));
        }
        Ok(())
    });
    vec![throws, left(catcher)]
}

/// Three wait for one key, each when the one before is seen to wait; three elements come.
fn stand_in_line(stage: &Stage<'_>, keys: &[String]) -> Vec<(&'static str, Steps)> {
    let mut waiting: Vec<(Wire, i64)> = (0..3)
        .map(|_| {
            let mut wire = stage.daemon.wire();
            let Reply::Integer(id) = wire.line("CLIENT ID") else { panic!("an id is an integer") };
            (wire, id)
        })
        .collect();
    let steps = play(Client::new(stage, "line", 0, None), |judge| {
        let key = keys[judge.dice.below(keys.len())].clone();
        for (wire, id) in &mut waiting {
            wire.send(&["BLPOP", &key, "0"]);
            let since = Instant::now();
            loop {
                let list = text(&judge.line(&format!("CLIENT LIST ID {id}"))?).unwrap_or_default();
                if list.contains(" flags=b ") {
                    break;
                }
                if since.elapsed() > PATIENCE {
                    return Err(judge.complain(format!("BLPOP {key} 0 does not wait: {list}")));
                }
            }
        }
        match judge.dice.below(3) {
            0 => judge.integer(&format!("RPUSH {key} 0 1 2")).map(drop)?,
            1 => judge.block_done(&[format!("RPUSH {key} 0"), format!("RPUSH {key} 1 2")]).map(drop)?,
            _ => {
                for at in 0..3 {
                    judge.integer(&format!("RPUSH {key} {at}"))?;
                }
            }
        }
        for (at, (wire, _)) in waiting.iter_mut().enumerate() {
            let reply = wire.reply_within(PATIENCE).and_then(|bytes| Reply::decode(&bytes));
            let element = match &reply {
                Some((Reply::Array(words), _)) => words.last().and_then(text),
                _ => None,
            };
            if element.as_deref() != Some(&at.to_string()) {
                return Err::<(), Gone>(judge.complain(format!("who came as number {at} to {key} is answered {reply:?}")));
            }
        }
        thread::sleep(Duration::from_millis(1));
        Ok(())
    });
    vec![steps]
}
