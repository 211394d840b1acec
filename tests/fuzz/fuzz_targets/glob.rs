//! Any pattern and any text: matching directly and matching with the pattern read once must agree.
#![no_main]

use libfuzzer_sys::fuzz_target;

// Included, because the crate does not export it, and it imports nothing of the crate.
#[allow(dead_code)]
#[path = "../../../src/glob.rs"]
mod glob;

fuzz_target!(|input: (&[u8], &[u8], bool)| {
    let (pattern, text, fold_case) = input;
    assert_eq!(glob::Pattern::new(pattern, fold_case).matches(text), glob::matches(pattern, text, fold_case));
});
