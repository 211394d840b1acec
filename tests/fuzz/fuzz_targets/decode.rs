//! Any bytes, torn anywhere: the decoder must say the same as when they come at once, and frames must not fall over them.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;

// Included, because the crate does not export its protocol, which in turn imports nothing of the crate.
#[allow(dead_code, unused_imports)]
#[path = "../../../src/resp/mod.rs"]
mod resp;

use resp::frame::Frame;
use resp::{Decoder, Limits, Span, Violation};

fn read(parts: &[&[u8]], limits: &Limits) -> (Vec<Vec<Vec<u8>>>, Option<Violation>) {
    let (mut decoder, mut buffer, mut requests) = (Decoder::new(), Vec::new(), Vec::new());
    for part in parts {
        buffer.extend_from_slice(part);
        let mut at = 0;
        loop {
            let mut words = Vec::<Span>::new();
            match decoder.next(&mut buffer, at, limits, &mut words) {
                Ok(Some(end)) => at = end,
                Ok(None) => break,
                Err(violation) => return (requests, Some(violation)),
            }
            requests.push(words.iter().map(|span| span.of(&buffer).to_vec()).collect());
        }
        buffer.drain(..at);
    }
    (requests, None)
}

fuzz_target!(|input: (u16, bool, &[u8])| {
    let (cut, authenticated, bytes) = input;
    let limits = Limits { authenticated, ..Limits::default() };
    let (head, tail) = bytes.split_at(usize::from(cut).min(bytes.len()));
    assert_eq!(read(&[head, tail], &limits), read(&[bytes], &limits));

    let (mut checked, mut parsed) = (Cursor::new(bytes), Cursor::new(bytes));
    if let (Ok(()), Ok(frame)) = (Frame::check(&mut checked), Frame::parse(&mut parsed)) {
        assert_eq!(checked.position(), parsed.position());
        let mut out = Vec::new();
        frame.encode(&mut out);
    }
});
