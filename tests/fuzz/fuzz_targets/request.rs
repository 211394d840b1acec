//! Any words, encoded and decoded again; and any text, read as a number.
#![no_main]

use libfuzzer_sys::fuzz_target;

// Included, because the crate does not export its protocol, which in turn imports nothing of the crate.
#[allow(dead_code, unused_imports)]
#[path = "../../../src/resp/mod.rs"]
mod resp;

use resp::number::{DOUBLE_BYTES_MAX, add_long_double, format_double, parse_double, parse_integer};
use resp::{Decoder, Limits, Protocol, Reply, Violation};

fuzz_target!(|input: Vec<&[u8]>| {
    let mut buffer = Vec::new();
    let mut reply = Reply::new(&mut buffer, Protocol::Resp2);
    reply.array(input.len());
    input.iter().for_each(|word| reply.bulk(word));
    let (length, mut spans) = (buffer.len(), Vec::new());
    match Decoder::new().next(&mut buffer, 0, &Limits::default(), &mut spans) {
        Ok(end) => {
            assert_eq!(end, Some(length));
            assert!(spans.iter().map(|span| span.of(&buffer)).eq(input.iter().copied()));
        }
        Err(violation) => assert_eq!(violation, Violation::Smuggled),
    }

    if let [first, second, ..] = input[..] {
        let _ = add_long_double(first, second);
        if let Some(integer) = parse_integer(first) {
            assert_eq!(integer.to_string().as_bytes(), first);
        }
        if let Some(double) = parse_double(first) {
            assert_eq!(parse_double(format_double(double, &mut [0; DOUBLE_BYTES_MAX]).as_bytes()), Some(double));
        }
    }
});
