//! Messages: every subscriber gets each of them once, those of one publisher in the order sent, and all subscribers in one order.

use std::thread;
use std::time::Instant;

use super::{Cast, Client, Lived, PATIENCE, Stage, Steps, left};
use crate::reply::Reply;

const CHANNELS: usize = 3;
const PUBLISHERS: usize = 2;

pub(super) fn enter<'s>(stage: &'s Stage<'s>, cast: &mut Cast<'s>) {
    let mut subscribers: Vec<Client<'s>> = (0..3).map(|number| Client::new(stage, "channel", PUBLISHERS + number, None)).collect();
    for (number, client) in subscribers.iter_mut().enumerate() {
        let line = if number == 0 { "PSUBSCRIBE live:*" } else { "SUBSCRIBE live:0 live:1 live:2" };
        for at in 0..line.split(' ').count() - 1 {
            let told = if at == 0 { client.line(line) } else { client.take() };
            if told.is_err() {
                return;
            }
        }
    }
    cast.push(("channel", Box::new(move || all(stage, subscribers))));
}

fn all<'s>(stage: &'s Stage<'s>, subscribers: Vec<Client<'s>>) -> Vec<(&'static str, Steps)> {
    let (mut steps, mut heard) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        let publishers: Vec<_> = (0..PUBLISHERS).map(|number| scope.spawn(move || publish(stage, number))).collect();
        let listening: Vec<_> = subscribers.into_iter().map(|client| scope.spawn(move || listen(client))).collect();
        steps.extend(publishers.into_iter().map(|publisher| publisher.join().expect("what it found is told otherwise")));
        for subscriber in listening {
            let (client, messages) = subscriber.join().expect("what it found is told otherwise");
            steps.push(client);
            heard.push(messages);
        }
    });
    if !stage.over.load(std::sync::atomic::Ordering::Relaxed)
        && let Some(at) = (0..heard[0].len()).find(|&at| heard.iter().any(|messages| messages[at] != heard[0][at]))
    {
        let told: Vec<&(usize, u64)> = heard.iter().map(|messages| &messages[at]).collect();
        stage.complain("channel", format!("message {at} is not the same for all subscribers (publisher, number): {told:?}"));
    }
    steps
}

/// Sends numbers, some at once; 0 is the last.
fn publish(stage: &Stage<'_>, number: usize) -> (&'static str, Steps) {
    let mut client = Client::new(stage, "channel", number, None);
    let mut count = 0;
    let mut send = |client: &mut Client<'_>, several: usize, is_last: bool| -> Lived<()> {
        for _ in 0..several {
            count += 1;
            let channel = format!("live:{}", client.dice.below(CHANNELS));
            client.send(&["PUBLISH", &channel, &format!("{number}:{}", if is_last { 0 } else { count })]);
        }
        for _ in 0..several {
            let reply = client.take()?;
            if client.number(&reply, "PUBLISH")? != 3 {
                return Err(client.complain(format!("PUBLISH reaches {reply} instead of 3")));
            }
        }
        Ok(())
    };
    while client.goes_on() {
        let several = 1 + client.dice.below(5);
        if send(&mut client, several, false).is_err() {
            return left(client);
        }
        client.dawdle(1000);
    }
    let _ = send(&mut client, 1, true);
    left(client)
}

fn listen(mut client: Client<'_>) -> ((&'static str, Steps), Vec<(usize, u64)>) {
    let mut heard = Vec::new();
    let mut next = [1; PUBLISHERS];
    // Beyond the end of the round until the last message of each has come.
    let until = client.stage.ends + PATIENCE;
    while next.iter().any(|&due| due != 0) && !client.stage.over.load(std::sync::atomic::Ordering::Relaxed) && Instant::now() < until {
        let Ok(reply) = client.take() else { break };
        let (Reply::Array(words) | Reply::Push(words)) = &reply else {
            client.complain(format!("not a message: {reply}"));
            break;
        };
        let message = words.last().and_then(super::text).unwrap_or_default();
        let parsed = message.split_once(':').and_then(|(who, what)| Some((who.parse::<usize>().ok()?, what.parse::<u64>().ok()?)));
        let Some((publisher, number)) = parsed else {
            client.complain(format!("nobody has sent {reply}"));
            break;
        };
        let due = next[publisher];
        client.note(format!("hears {message}"));
        if number != due && number != 0 {
            client.complain(format!("publisher {publisher}: {number} comes where {due} was due"));
            break;
        }
        next[publisher] = if number == 0 { 0 } else { due + 1 };
        heard.push((publisher, number));
    }
    (left(client), heard)
}
