//! Abuse of the protocol, byte by byte: what must be answered, what must be cut off, and what it may cost.
//!
//! tests/transcripts/protocol.txt holds what a few lines can say. Here is the rest: requests before AUTH, floods, memory, and
//! deliveries in pieces. Texts that Redis shares with us are asked of both servers.

use std::time::Duration;

use crate::daemon::{Daemon, Peer};
use crate::wire::{self, Wire};

/// Our daemon and the reference, started alike.
fn both(arguments: &[&str]) -> [(&'static str, Daemon); 2] {
    [("trencadis", Daemon::start(arguments)), ("redis-server", Peer::redis_server_with(arguments))]
}

fn ours(arguments: &[&str]) -> Daemon {
    Daemon::start(arguments)
}

/// Sends `input` on a new connection and takes all that comes until the server closes.
fn closed_after(server: &Daemon, input: &[u8]) -> String {
    let mut wire = server.wire();
    wire.send_raw(input);
    String::from_utf8_lossy(&wire.until_closed()).into_owned()
}

fn assert_alive(server: &Daemon, name: &str) {
    assert_eq!(server.wire().call(&[b"PING"]), b"+PONG\r\n", "{name} still serves others");
}

/// Rows 1 and 2.
#[test]
fn before_auth_requests_are_small() {
    for (name, server) in both(&["--requirepass", "secret"]) {
        assert_eq!(closed_after(&server, b"*11\r\n"), "-ERR Protocol error: unauthenticated multibulk length\r\n", "{name}");
        assert_eq!(closed_after(&server, b"*1\r\n$16385\r\n"), "-ERR Protocol error: unauthenticated bulk length\r\n", "{name}");
        // Ten words, nine of them of 16 KiB, are read, and refused for another reason.
        let mut wire = server.wire();
        let words: Vec<Vec<u8>> = std::iter::once(b"MGET".to_vec()).chain((0..9).map(|_| vec![b'x'; 16384])).collect();
        assert_eq!(wire.call(&words), b"-NOAUTH Authentication required.\r\n", "{name}");
        assert_eq!(wire.call(&["AUTH", "secret"]), b"+OK\r\n", "{name}");
        assert_eq!(wire.call(&[b"SET".as_slice(), b"k", &vec![b'x'; 20000]]), b"+OK\r\n", "{name}");
        let many: Vec<String> = std::iter::once("DEL".to_owned()).chain((0..100).map(|i| format!("k{i}"))).collect();
        assert_eq!(wire.call(&many), b":0\r\n", "{name}");
    }
}

/// Rows 1 and 19.
#[test]
fn before_auth_little_is_answered() {
    for (name, server) in both(&["--requirepass", "secret"]) {
        let mut wire = server.wire();
        let refused = b"-NOAUTH Authentication required.\r\n";
        assert_eq!(wire.call(&["GET", "k"]), refused, "{name}");
        assert_eq!(wire.call(&["PING"]), refused, "{name}");
        assert_eq!(wire.call(&["SELECT", "1"]), refused, "{name}");
        assert_eq!(wire.call(&["AUTH", "wrong"]), b"-WRONGPASS invalid username-password pair or user is disabled.\r\n", "{name}");
        let hello = "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be \
                     used to authenticate the client and select the RESP protocol version at the same time\r\n";
        assert_eq!(String::from_utf8_lossy(&wire.call(&["HELLO", "3"])), hello, "{name}");
        assert_eq!(wire.call(&["HELLO", "9"]), b"-NOPROTO unsupported protocol version\r\n", "{name}");
        assert!(wire.call(&["HELLO", "2", "AUTH", "default", "secret"]).starts_with(b"*14\r\n"), "{name}");
        assert_eq!(wire.call(&["GET", "k"]), b"$-1\r\n", "{name}");
        assert_eq!(server.wire().call(&["QUIT"]), b"+OK\r\n", "{name}");
    }
}

/// Row 4: who never authenticates and never reads costs little, and is not served for ever.
#[test]
fn a_flood_before_auth_stays_small() {
    let server = ours(&["--requirepass", "secret"]);
    assert_eq!(server.wire().call(&["AUTH", "secret"]), b"+OK\r\n");
    let before = server.resident_bytes();
    let mut wire = server.wire();
    // What is unread fills the sockets' buffers on both sides; a daemon that went on reading would grow by it all.
    wire.flood(&b"PING\r\n".repeat(10_000), 200, Duration::from_secs(3));
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 512 * 1024, "one connection that is not authenticated took {grown} bytes");
    assert_eq!(server.wire().call(&["AUTH", "secret"]), b"+OK\r\n");
}

/// Row 5: a count is a promise of nothing.
#[test]
fn an_announced_count_costs_nothing() {
    for (name, server) in both(&[]) {
        assert_eq!(closed_after(&server, b"*2147483648\r\n"), "-ERR Protocol error: invalid multibulk length\r\n", "{name}");
    }
    let server = ours(&[]);
    let first = server.wire();
    let before = server.resident_bytes();
    // At our own limit of 1,048,576 words: accepted, and awaited.
    let mut wires: Vec<Wire> = (0..20).map(|_| server.wire()).collect();
    for wire in &mut wires {
        wire.send_raw(b"*1048576\r\n");
        assert!(wire.reply_within(Duration::from_millis(20)).is_none());
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 20 * 64 * 1024, "{grown} bytes for 20 counts");
    assert_eq!(closed_after(&server, b"*1048577\r\n"), "-ERR Protocol error: invalid multibulk length\r\n");
    drop(first);
}

/// Row 9.
#[test]
fn a_line_without_an_end_is_cut_off() {
    const LONG: usize = 64 * 1024 + 1;
    for (name, server) in both(&[]) {
        let cases = [
            (vec![b'a'; LONG], "too big inline request"),
            ([b"*".to_vec(), vec![b'1'; LONG]].concat(), "too big mbulk count string"),
            ([b"*1\r\n$".to_vec(), vec![b'1'; LONG]].concat(), "too big bulk count string"),
        ];
        for (input, why) in cases {
            assert_eq!(closed_after(&server, &input), format!("-ERR Protocol error: {why}\r\n"), "{name}");
        }
        assert_alive(&server, name);
    }
}

/// Row 12: a bulk string that is not followed by CR LF. Lenient or closing, but never out of step.
#[test]
fn a_bulk_without_its_end_never_loses_step() {
    let server = ours(&[]);
    let mut wire = server.wire();
    wire.send_raw(b"*1\r\n$4\r\nPINGXX*1\r\n$4\r\nPING\r\n");
    match wire.reply() {
        Some(reply) if reply == b"+PONG\r\n" => assert_eq!(wire.reply().as_deref(), Some(b"+PONG\r\n".as_slice())),
        Some(reply) => {
            assert!(reply.starts_with(b"-ERR Protocol error"), "{}", String::from_utf8_lossy(&reply));
            assert!(wire.is_closed_within(Duration::from_secs(5)));
        }
        None => assert!(wire.is_closed_within(Duration::ZERO)),
    }
}

/// Row 13: many who announce half a gigabyte and then say little.
#[test]
fn an_announced_length_costs_what_arrives() {
    const CONNECTIONS: usize = 200;
    const SENT: usize = 4096;
    let server = ours(&[]);
    assert_alive(&server, "trencadis");
    let before = server.resident_bytes();
    let mut wires: Vec<Wire> = (0..CONNECTIONS).map(|_| server.wire()).collect();
    for wire in &mut wires {
        wire.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n");
        wire.send_raw(&[b'x'; SENT]);
    }
    assert_alive(&server, "trencadis");
    let grown = server.resident_bytes().saturating_sub(before) as usize;
    assert!(grown <= CONNECTIONS * (SENT + 16 * 1024), "{grown} bytes for {CONNECTIONS} connections that sent {SENT} each");
}

/// Row 14.
#[test]
fn noise_is_called_a_protocol_error() {
    for (name, server) in both(&[]) {
        for beginning in [b"\x00".as_slice(), b"*\x00", b"$\x00"] {
            let mut wire = server.wire();
            wire.send_raw(beginning);
            wire.flood(&[b'A'; 1024], 200, Duration::from_secs(10));
            let answer = wire.until_closed();
            assert!(String::from_utf8_lossy(&answer).contains("Protocol error"), "{name}: {:?}", String::from_utf8_lossy(&answer));
        }
        assert_alive(&server, name);
    }
}

/// Row 16: a browser's request says nothing more, whatever came before it.
#[test]
fn a_browser_is_closed_without_a_word() {
    for (name, server) in both(&[]) {
        assert_eq!(closed_after(&server, b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nPING"), "", "{name}");
        // Redis drops what it had to say to the calls before; saying it is as good.
        for input in [b"PING\r\nhOST: x\r\nSET k v\r\n".as_slice(), b"PING\r\n*1\r\n$5\r\nHost:\r\nSET k v\r\n"] {
            let told = closed_after(&server, input);
            assert!(told.is_empty() || told == "+PONG\r\n", "{name}: {told}");
        }
        assert_eq!(server.wire().call(&["GET", "k"]), b"$-1\r\n", "{name}: nothing ran after it");
    }
}

/// Row 17.
#[test]
fn a_tls_greeting_on_the_plain_port_harms_nobody() {
    let server = ours(&[]);
    let mut wire = server.wire();
    wire.send_raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\x00\x00");
    let _ = wire.reply_within(Duration::from_millis(300));
    assert_alive(&server, "trencadis");
}

/// Row 20: how the bytes are delivered does not matter.
#[test]
fn pieces_are_answered_as_the_whole() {
    let requests: Vec<Vec<u8>> = vec![
        wire::request(&["SET", "k", "value"]),
        b"GET k\r\n".to_vec(),
        b"\r\n*0\r\n".to_vec(),
        wire::request(&["MSET", "a", "1", "b", "2"]),
        wire::request(&["MGET", "a", "b", "missing"]),
        b"ECHO \"a b\\x41\"\n".to_vec(),
        wire::request(&[b"ECHO".as_slice(), b"\r\n$1\r\n\x00"]),
        wire::request(&["NOSUCH", "x"]),
        wire::request(&["GET"]),
        wire::request(&["LPUSH", "k", "x"]),
        wire::request(&["ECHO", ""]),
        wire::request(&["ECHO", "the end"]),
    ];
    let stream = requests.concat();
    for (name, server) in both(&[]) {
        let replies = |deliver: &dyn Fn(&mut Wire)| {
            let mut wire = server.wire();
            deliver(&mut wire);
            // One request, the line and the empty array, gets no reply.
            (0..requests.len() - 1).map(|_| wire.reply().expect("a reply for every request")).collect::<Vec<_>>().concat()
        };
        let whole = replies(&|wire| wire.send_raw(&stream));
        assert!(whole.ends_with(b"$7\r\nthe end\r\n"), "{name}: {:?}", String::from_utf8_lossy(&whole));
        let bytewise = replies(&|wire| stream.chunks(1).for_each(|byte| wire.send_raw(byte)));
        assert_eq!(String::from_utf8_lossy(&bytewise), String::from_utf8_lossy(&whole), "{name}, byte by byte");
        for cut in 1..stream.len() {
            let split = replies(&|wire| {
                wire.send_raw(&stream[..cut]);
                // Time for the first part to be read alone.
                std::thread::sleep(Duration::from_micros(300));
                wire.send_raw(&stream[cut..]);
            });
            assert_eq!(String::from_utf8_lossy(&split), String::from_utf8_lossy(&whole), "{name}, cut at {cut}");
        }
    }
}

/// A value larger than any buffer arrives and leaves whole, alone and in the middle of a pipeline.
#[test]
fn large_values_pass() {
    for (name, server) in both(&[]) {
        let value: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
        let mut wire = server.wire();
        let mut stream = wire::request(&["SET", "a", "1"]);
        stream.extend(wire::request(&[b"SET".as_slice(), b"big", &value]));
        stream.extend(wire::request(&["GET", "big"]));
        stream.extend(wire::request(&["GET", "a"]));
        wire.send_raw(&stream);
        assert_eq!(wire.reply().as_deref(), Some(b"+OK\r\n".as_slice()), "{name}");
        assert_eq!(wire.reply().as_deref(), Some(b"+OK\r\n".as_slice()), "{name}");
        let reply = wire.reply().expect("the value comes back");
        assert!(reply.starts_with(b"$5000000\r\n") && reply[10..reply.len() - 2] == value, "{name}");
        assert_eq!(wire.reply().as_deref(), Some(b"$1\r\n1\r\n".as_slice()), "{name}");
    }
}

/// Row S5: one read that is spread over all shards is answered in the order it was asked.
#[test]
fn a_pipeline_over_all_shards_keeps_its_order() {
    let server = ours(&["--shards", "4"]);
    let mut wire = server.wire();
    let mut stream = Vec::new();
    for i in 0..2000 {
        stream.extend(wire::request(&["SET".to_owned(), format!("key:{i}"), format!("value:{i}")]));
        stream.extend(wire::request(&["GET".to_owned(), format!("key:{i}")]));
        if i % 100 == 0 {
            stream.extend(wire::request(&["MGET".to_owned(), format!("key:{}", i / 2), format!("key:{i}")]));
            stream.extend(b"ECHO here\r\n");
        }
    }
    wire.send_raw(&stream);
    let bulk = |text: String| format!("${}\r\n{text}\r\n", text.len()).into_bytes();
    for i in 0..2000 {
        assert_eq!(wire.reply(), Some(b"+OK\r\n".to_vec()), "SET {i}");
        assert_eq!(wire.reply(), Some(bulk(format!("value:{i}"))), "GET {i}");
        if i % 100 == 0 {
            let pair = [b"*2\r\n".to_vec(), bulk(format!("value:{}", i / 2)), bulk(format!("value:{i}"))].concat();
            assert_eq!(wire.reply(), Some(pair), "MGET {i}");
            assert_eq!(wire.reply(), Some(bulk("here".to_owned())), "ECHO {i}");
        }
    }
}
