//! Another client: PING and GET in turn, a thousand times a second on a connection of its own, and how long it waited for each reply.
//!
//! The machine itself makes a thread wait now and then. The probe sleeps about a millisecond between its questions; by how much it
//! overslept at worst is told beside the waits, as what cannot be the server's doing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::seat::Seat;
use crate::spread::Spread;

/// What the probe saw while something was done.
pub struct Run {
    waits_ms: Vec<f64>,
    overslept_ms: f64,
    seconds: f64,
}

/// Several runs of the same.
pub struct Waits {
    pub worst_ms: Spread,
    pub p999_ms: Spread,
    pub p50_ms: Spread,
    pub overslept_ms: Spread,
    pub seconds: Spread,
}

/// Asks for `key` and for nothing while `deed` runs, and for `after` longer: what a server puts off it may do then.
pub fn during(seat: &Seat, key: &[u8], after: Duration, deed: impl FnOnce() -> Outcome<()>) -> Outcome<Run> {
    const PAUSE: Duration = Duration::from_millis(1);
    let mut probe = seat.wire()?;
    let (begun, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| -> Result<(Vec<f64>, f64), String> {
            let (mut waits_ms, mut overslept) = (Vec::new(), Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                let asleep = Instant::now();
                std::thread::sleep(PAUSE);
                overslept = overslept.max(asleep.elapsed().saturating_sub(PAUSE));
                let question: &[&[u8]] = if waits_ms.len() % 2 == 0 { &[b"PING"] } else { &[b"GET", key] };
                let asked = Instant::now();
                probe.call(question).map_err(|error| error.to_string())?;
                waits_ms.push(asked.elapsed().as_secs_f64() * 1e3);
                begun.store(true, Ordering::Relaxed);
            }
            Ok((waits_ms, overslept.as_secs_f64() * 1e3))
        });
        // A deed shorter than the first question would be over before anybody looked.
        while !begun.load(Ordering::Relaxed) && !asking.is_finished() {
            std::thread::yield_now();
        }
        let started = Instant::now();
        let outcome = deed();
        let seconds = started.elapsed().as_secs_f64();
        std::thread::sleep(after);
        done.store(true, Ordering::Relaxed);
        let (waits_ms, overslept_ms) = asking.join().map_err(|_| "the probe panicked")??;
        outcome?;
        Ok(Run { waits_ms, overslept_ms, seconds })
    })
}

impl Waits {
    pub fn of(runs: &[Run]) -> Waits {
        let at = |share: f64| {
            let one = |run: &Run| {
                let mut waits = run.waits_ms.clone();
                waits.sort_by(f64::total_cmp);
                waits.get(((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1))).copied().unwrap_or(0.0)
            };
            Spread::of(runs.iter().map(one).collect())
        };
        Waits {
            worst_ms: at(1.0),
            p999_ms: at(0.999),
            p50_ms: at(0.5),
            overslept_ms: Spread::of(runs.iter().map(|run| run.overslept_ms).collect()),
            seconds: Spread::of(runs.iter().map(|run| run.seconds).collect()),
        }
    }
}
