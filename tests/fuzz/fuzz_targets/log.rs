//! The files of the journal, of any bytes: a log is read to its end or to its first damage, never beyond it; what a manifest says can be written down
//! and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trencadis::internal::log;

fuzz_target!(|data: &[u8]| {
    let (commands, damage) = log::read(data);
    assert!(commands <= data.len());
    if let Some((at, _)) = damage {
        let at = usize::try_from(at).expect("within the file");
        assert!(at <= data.len());
        // What lies before the damage is sound.
        let (again, damage) = log::read(&data[..at]);
        assert_eq!((again, damage), (commands, None));
    }
    if let Some(text) = log::manifest(data) {
        assert_eq!(log::manifest(text.as_bytes()).as_deref(), Some(text.as_str()).filter(|text| !text.is_empty()));
    }
});
