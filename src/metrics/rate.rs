//! How much happens a second, from samples taken on a clock, and how large memory ever was.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The clock. Sixteen samples as Redis, but one every 250 ms instead of every 100: a figure tells of the last four seconds, and an idle server stays
/// below a five-hundredth of a core.
pub(crate) const SAMPLE_EVERY: Duration = Duration::from_millis(250);
const SAMPLES: usize = 16;

/// What was sampled last. One task writes it, everybody may read it.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    pub(crate) calls_per_second: AtomicU64,
    pub(crate) bytes_in_per_second: AtomicU64,
    pub(crate) bytes_out_per_second: AtomicU64,
    pub(crate) memory_at_start: AtomicU64,
    memory_peak: AtomicU64,
}

impl Pulse {
    /// The most memory that was ever seen in use, `now` included.
    pub(crate) fn memory_peak(&self, now: u64) -> u64 {
        self.memory_peak.fetch_max(now, Ordering::Relaxed).max(now)
    }
}

/// The totals of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) calls: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

/// Takes the samples.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    calls: Rate,
    bytes_in: Rate,
    bytes_out: Rate,
}

impl Sampler {
    /// Takes a sample, `since` the last, and shows the new figures.
    pub(crate) fn sample(&mut self, totals: Totals, since: Duration, pulse: &Pulse) {
        pulse.calls_per_second.store(self.calls.sample(totals.calls, since), Ordering::Relaxed);
        pulse.bytes_in_per_second.store(self.bytes_in.sample(totals.bytes_in, since), Ordering::Relaxed);
        pulse.bytes_out_per_second.store(self.bytes_out.sample(totals.bytes_out, since), Ordering::Relaxed);
    }
}

/// The growth of one total.
#[derive(Debug, Default)]
struct Rate {
    last: u64,
    samples: [u64; SAMPLES],
    next: usize,
}

impl Rate {
    /// The mean of the samples, this one included.
    fn sample(&mut self, total: u64, since: Duration) -> u64 {
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX).max(1);
        // A total that was set back begins again.
        let growth = total.checked_sub(self.last).unwrap_or(total);
        self.last = total;
        self.samples[self.next] = growth.saturating_mul(1_000_000) / micros;
        self.next = (self.next + 1) % SAMPLES;
        self.samples.iter().fold(0, |sum: u64, sample| sum.saturating_add(*sample)) / SAMPLES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_shows_its_rate() {
        let mut rate = Rate::default();
        let shown = (1..=SAMPLES as u64).map(|tick| rate.sample(tick * 125, SAMPLE_EVERY)).last();
        assert_eq!(shown, Some(500));
        // It fades when nothing comes any more.
        assert_eq!(rate.sample(2000, SAMPLE_EVERY), 500 * 15 / 16);
        let quiet = (0..SAMPLES).map(|_| rate.sample(2000, SAMPLE_EVERY)).last();
        assert_eq!(quiet, Some(0));
    }

    #[test]
    fn a_total_may_be_set_back() {
        let mut rate = Rate::default();
        rate.sample(1_000_000, SAMPLE_EVERY);
        let before = rate.samples.iter().sum::<u64>();
        rate.sample(16, SAMPLE_EVERY);
        assert_eq!(rate.samples.iter().sum::<u64>(), before + 64);
    }

    #[test]
    fn the_peak_only_grows() {
        let pulse = Pulse::default();
        assert_eq!(pulse.memory_peak(10), 10);
        assert_eq!(pulse.memory_peak(5), 10);
        assert_eq!(pulse.memory_peak(11), 11);
    }
}
