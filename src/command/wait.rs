//! Calls that may wait: how long and for what, which the row says, and what the shard needs to know of an attempt that found nothing.

use std::time::Duration;

use crate::command::{Args, Cx, Fault, keys_of};
use crate::resp::number;
use crate::store::Kind;

/// What a row says of those of its calls that wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    /// How long a call waits. `None` if it does not, or if the row will refuse it.
    pub(crate) patience: fn(&Args<'_>) -> Option<Patience>,
    /// What a key must hold for the call to be worth another attempt.
    pub(crate) kind: Kind,
    /// Only the first key is waited for (BLMOVE writes to the other).
    pub(crate) first_key_only: bool,
    /// Another attempt is worth it, too, when the key is gone or holds something else (XREADGROUP: so is the group).
    pub(crate) even_without: bool,
}

/// How long a client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    Endless,
    For(Duration),
}

impl Waits {
    /// For keys that hold this; the call's timeout is what `patience` finds.
    pub(crate) const fn until(kind: Kind, patience: fn(&Args<'_>) -> Option<Patience>) -> Waits {
        Waits { patience, kind, first_key_only: false, even_without: false }
    }

    /// The keys that a call waits for, each once.
    pub(crate) fn keys<'a>(&self, spec: &crate::command::Spec, args: &Args<'a>) -> Vec<&'a [u8]> {
        let mut keys: Vec<&[u8]> = Vec::new();
        // A call whose keys cannot be counted was refused.
        let _ = keys_of(spec, args, |at, _| {
            let key = args.key(at);
            let is_wanted = keys.is_empty() || !self.first_key_only;
            if is_wanted && !keys.contains(&key) {
                keys.push(key);
            }
        });
        keys
    }
}

/// A timeout in seconds, with a fraction; 0 is for ever.
pub(crate) fn seconds(word: &[u8]) -> Result<Patience, Fault> {
    let seconds = number::parse_double(word).ok_or(Fault::Because("ERR timeout is not a float or out of range"))?;
    let millis = (seconds * 1000.0).ceil();
    match () {
        () if millis < 0.0 => Err(Fault::Because("ERR timeout is negative")),
        // So far in the future that it would overflow the clock.
        () if millis > MILLIS_MAX => Err(Fault::Because("ERR timeout is out of range")),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 2^63")]
        () => Ok(Patience::millis(millis as u64)),
    }
}

/// Leaves room for the time of day in 63 bits of milliseconds.
const MILLIS_MAX: f64 = (i64::MAX - (1 << 46)) as f64;

impl Patience {
    pub(crate) fn millis(millis: u64) -> Patience {
        if millis == 0 { Patience::Endless } else { Patience::For(Duration::from_millis(millis)) }
    }
}

/// The state of an attempt.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// The call waits if it finds nothing. Elsewhere (in a transaction, in a script) it is answered at once.
    pub(crate) may_wait: bool,
    /// It found nothing.
    pub(crate) found_nothing: bool,
    /// Words that mean something else when the call is attempted again (`$` of XREAD), by their place.
    pub(crate) rewritten: Vec<(usize, Box<[u8]>)>,
}

impl Cx<'_> {
    /// Nothing is there that the call asks for: it waits, or `write` tells so where it must not.
    pub(crate) fn wait_or(&mut self, write: impl FnOnce()) -> Result<(), Fault> {
        if self.attempt.may_wait {
            return Err(Fault::Nothing);
        }
        write();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_in_redis() {
        let ms = |millis| Ok(Patience::For(Duration::from_millis(millis)));
        assert_eq!(seconds(b"0.0001"), ms(1));
        assert_eq!(seconds(b"1.5"), ms(1500));
        assert_eq!(seconds(b"0x2"), ms(2000));
        assert_eq!(seconds(b"0"), Ok(Patience::Endless));
        assert_eq!(seconds(b"-0"), Ok(Patience::Endless));
        for (words, fault) in [
            (&["", " 1", "nan", "abc", "1s"][..], "ERR timeout is not a float or out of range"),
            (&["-1", "-0.1", "-inf"], "ERR timeout is negative"),
            (&["inf", "1e17", "9223372036854775807"], "ERR timeout is out of range"),
        ] {
            for word in words {
                assert_eq!(seconds(word.as_bytes()).unwrap_err().text(), fault, "{word}");
            }
        }
    }
}
