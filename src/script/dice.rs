//! `math.random` of scripts: the same sequence after every start, on every machine. It is the generator that POSIX calls `lrand48`.

use std::cell::Cell;

/// A linear congruential generator of 48 bits.
#[derive(Debug)]
pub(super) struct Dice(Cell<u64>);

const MASK: u64 = (1 << 48) - 1;
/// The greatest number it shows.
const MOST: u32 = (1 << 31) - 1;

impl Dice {
    pub(super) fn new() -> Dice {
        Dice(Cell::new(0x1234_abcd_330e))
    }

    /// Begins anew.
    pub(super) fn seed(&self, seed: u32) {
        self.0.set((u64::from(seed) << 16) | 0x330e);
    }

    /// From 0 to below 1.
    pub(super) fn roll(&self) -> f64 {
        let next = self.0.get().wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & MASK;
        self.0.set(next);
        let shown = u32::try_from(next >> 17).unwrap_or(0);
        f64::from(shown % MOST) / f64::from(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_redis() {
        let dice = Dice::new();
        let shown: Vec<String> = (0..3).map(|_| format!("{:.14}", dice.roll())).collect();
        dice.seed(42);
        let seeded = format!("{:.14}", dice.roll());
        assert_eq!(
            (shown, seeded.as_str()),
            (vec!["0.39646477363839".into(), "0.84048536971234".into(), "0.35333609737146".into()], "0.74452500033403")
        );
    }
}
