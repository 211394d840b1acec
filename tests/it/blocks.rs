//! Transactions in pipelines: however a conversation is cut into reads, the answers are the same, and they are Redis's.
//!
//! A block that comes whole in one read joins the round of that read; one whose calls came earlier, or that watches, or that the session must help
//! with, waits its turn. Both ways have to say the same.

use crate::daemon::{Daemon, Peer};
use crate::reply;
use crate::wire::request;

/// Conversations, and what each is cut into. More by `TRENCADIS_SEEDS`.
const CONVERSATIONS: u64 = 60;
const CALLS: usize = 60;

/// What a conversation is made of. Keys with one tag share a shard; the others lie anywhere.
const LINES: &[&str] = &[
    "MULTI",
    "MULTI",
    "MULTI",
    "EXEC",
    "EXEC",
    "EXEC",
    "DISCARD",
    "WATCH {t}a",
    "UNWATCH",
    "SET {t}a 1",
    "INCR {t}a",
    "GET {t}a",
    "LPUSH {t}l x y",
    "LRANGE {t}l 0 -1",
    "INCR {t}l",
    "SET b 2",
    "INCR b",
    "INCR c",
    "GET d",
    "MSET b 5 c 6 d 7",
    "MGET {t}a b c d",
    "RENAME b d",
    "DEL {t}a {t}l",
    "SELECT 1",
    "SELECT 0",
    "PING",
    "ECHO x",
    "NOSUCH",
    "GET",
    "HELLO 3",
    "HELLO 2",
    "PUBLISH ch m",
];

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) as usize % bound
    }
}

/// The replies to a conversation of which so many calls at a time come in one write. Those that follow are sent when it is answered: they come in another
/// read.
fn answers(server: &Daemon, calls: &[Vec<u8>], mut at_once: impl FnMut() -> usize) -> Vec<u8> {
    let mut wire = server.wire();
    wire.line("FLUSHALL");
    let (mut rest, mut all) = (calls, Vec::new());
    while !rest.is_empty() {
        let (now, later) = rest.split_at(at_once().clamp(1, rest.len()));
        wire.send_raw(&now.concat());
        for _ in now {
            let reply = wire.reply().unwrap_or_else(|| panic!("no further answer after {}", String::from_utf8_lossy(&all)));
            all.extend_from_slice(&reply);
        }
        rest = later;
    }
    // HELLO answers with what differs between servers.
    without_greetings(&all)
}

fn without_greetings(replies: &[u8]) -> Vec<u8> {
    let (mut kept, mut at) = (Vec::new(), 0);
    while let Some(length) = reply::end(&replies[at..]) {
        let one = &replies[at..at + length];
        kept.extend_from_slice(if one.windows(6).any(|part| part == b"server") { b"(greeting)\r\n" } else { one });
        at += length;
    }
    kept
}

#[test]
fn however_a_conversation_is_cut_its_answers_are_the_same() {
    let first: u64 = std::env::var("TRENCADIS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let count: u64 = std::env::var("TRENCADIS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(CONVERSATIONS);
    let (one, four, peer) = (Daemon::start(&["--shards", "1"]), Daemon::start(&["--shards", "4"]), Peer::redis_server());
    for seed in first..first + count {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let lines: Vec<&str> = (0..CALLS).map(|_| LINES[dice.below(LINES.len())]).collect();
        let calls: Vec<Vec<u8>> = lines.iter().map(|line| request(&reply::words(line).expect("its quotes are balanced"))).collect();
        let expected = answers(&peer, &calls, || usize::MAX);
        let told = |how: &str, got: &[u8]| {
            format!(
                "seed {seed}, {how}\n{}\ngot\n{}\nexpected\n{}",
                lines.join("\n"),
                String::from_utf8_lossy(got),
                String::from_utf8_lossy(&expected)
            )
        };
        for (server, shards) in [(&one, 1), (&four, 4)] {
            let whole = answers(server, &calls, || usize::MAX);
            assert!(whole == expected, "{}", told(&format!("{shards} shards, in one read"), &whole));
            let cut = answers(server, &calls, || 1 + dice.below(8));
            assert!(cut == expected, "{}", told(&format!("{shards} shards, in many reads"), &cut));
        }
    }
}
