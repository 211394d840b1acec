//! The stopwatch of a shard: whose calls are running, and since when.
//!
//! A look at the clock costs as much as half a GET. So time is taken when another command's calls begin, and when the shard rests, not for
//! every call and not for every batch: a turn full of one command costs two looks.

use crate::metrics::CommandTally;

/// A monotonic clock in nanoseconds, handed in so that a simulation can replay.
pub(crate) type Ticks = fn() -> u64;

/// What runs, and what it has run up since it began.
#[derive(Debug)]
pub(crate) struct Meter {
    ticks: Ticks,
    /// The row's number whose calls are running; `None` at rest.
    running: Option<u16>,
    tally: CommandTally,
    /// The clock when they began, or when the turn did.
    since: u64,
}

impl Meter {
    /// A meter at rest.
    pub(crate) fn new(ticks: Ticks) -> Meter {
        Meter { ticks, running: None, tally: CommandTally::default(), since: 0 }
    }

    /// The clock now.
    pub(crate) fn ticks(&self) -> u64 {
        (self.ticks)()
    }

    /// Work begins: the time until now belongs to nobody.
    pub(crate) fn begin(&mut self) {
        debug_assert!(self.running.is_none(), "what ran before has been counted");
        self.since = (self.ticks)();
    }

    /// A call of row `id` comes next. Tells `count` of the calls before it, if they were another row's.
    #[inline]
    pub(crate) fn next(&mut self, id: u16, count: &mut impl FnMut(u16, CommandTally)) {
        if self.running != Some(id) {
            self.change(Some(id), count);
        }
    }

    /// The call is done. A part of a split call other than its first does not count.
    #[inline]
    pub(crate) fn done(&mut self, counts: bool, failed: bool) {
        self.tally.calls += u64::from(counts);
        self.tally.failed += u64::from(counts & failed);
    }

    /// Work ends for now: what follows belongs to nobody.
    pub(crate) fn rest(&mut self, count: &mut impl FnMut(u16, CommandTally)) {
        if self.running.is_some() {
            self.change(None, count);
        }
    }

    #[cold]
    fn change(&mut self, next: Option<u16>, count: &mut impl FnMut(u16, CommandTally)) {
        if let Some(id) = self.running {
            let ended = (self.ticks)();
            self.tally.nanos = ended.saturating_sub(self.since);
            count(id, std::mem::take(&mut self.tally));
            self.since = ended;
        }
        self.running = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn time_belongs_to_whose_calls_run() {
        thread_local!(static NOW: Cell<u64> = const { Cell::new(0) });
        let pass = |nanos| NOW.with(|now| now.set(now.get() + nanos));
        let mut meter = Meter::new(|| NOW.with(Cell::get));
        let mut told = Vec::new();
        let mut count = |id, tally: CommandTally| told.push((id, tally.calls, tally.nanos, tally.failed));
        pass(1000);
        meter.begin();
        for (id, nanos, counts, failed) in [(7, 5, true, false), (7, 6, true, true), (3, 10, true, false), (3, 1, false, true)] {
            meter.next(id, &mut count);
            pass(nanos);
            meter.done(counts, failed);
        }
        meter.rest(&mut count);
        meter.rest(&mut count);
        pass(1000);
        meter.begin();
        meter.next(3, &mut count);
        pass(2);
        meter.done(true, false);
        meter.rest(&mut count);
        assert_eq!(told, [(7, 2, 11, 1), (3, 1, 11, 0), (3, 1, 2, 0)]);
    }
}
