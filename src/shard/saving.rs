//! The shard's side of a snapshot: between its turns it writes down what it owes, as fast as the one who takes it allows.
//!
//! The shard never waits for that one: there is room for some pieces on the way, and when it is used up the walk rests. What is written
//! because an entry is about to change cannot rest; it stays here, up to a limit, beyond which the snapshot is given up.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::shard::Shard;
use crate::store::{Extent, PartEnd, Piece, Scribe};

/// Pieces on their way from one shard to the file.
pub(crate) const PIECES_MAX: usize = 8;
/// A piece is worth sending from so many bytes on.
const PIECE_BYTES: usize = 64 << 10;
/// What one step writes before the clock is looked at: some ten microseconds.
const STEP_BYTES: usize = 4 << 10;
/// What may wait here. A snapshot whose disk is so far behind the writes of clients is given up, since the memory is theirs.
const OWED_BYTES_MAX: usize = 256 << 20;

/// While clients ask for something the walk takes this part of the time.
const SHARE: u64 = 6;
/// Nanoseconds that pass at least between two slices then: a slice is worth beginning.
const PAUSE_MIN: u64 = 100_000;
/// And what a slice takes at most.
const SLICE_MAX: u64 = 1_000_000;
/// When nobody has asked for anything for so long, slices follow one another; but they are so short that who comes now hardly waits.
const IDLE: u64 = 3_000_000;
const SLICE_IDLE: u64 = 200_000;

/// The beginning of a snapshot, for one shard.
pub(crate) struct Save {
    /// Makes a scribe for each database.
    pub(crate) scribes: Box<dyn FnMut() -> Box<dyn Scribe> + Send>,
    /// What the shard held at the cut.
    pub(crate) cut: oneshot::Sender<Cut>,
    pub(crate) pieces: mpsc::Sender<Piece>,
    /// Dropped when the shard has nothing more to do with it, whether all was written or not.
    pub(crate) over: oneshot::Sender<Ending>,
}

impl std::fmt::Debug for Save {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Save")
    }
}

/// What a shard held at the cut.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pub(crate) extents: Vec<Extent>,
    /// Changes to its data until then.
    pub(crate) changed: u64,
}

/// How a shard's part of a snapshot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All of it has been sent.
    Whole,
    /// Nobody took it any more.
    Unwanted,
    /// More had to wait than may.
    Behind,
}

/// A snapshot under way.
#[derive(Debug)]
pub(crate) struct Saving {
    pieces: mpsc::Sender<Piece>,
    over: Option<oneshot::Sender<Ending>>,
    /// To be sent, in this order.
    owed: VecDeque<Piece>,
    /// To be sent when the entry has ended whose parts are being sent.
    later: VecDeque<Piece>,
    /// Such an entry has been begun.
    is_open: bool,
    owed_bytes: usize,
    /// Nobody wants it any more.
    given_up: Option<Ending>,
    /// When the last slice ended.
    last: u64,
    /// When somebody asked for something last.
    asked: u64,
}

impl Saving {
    /// The cut: from here on the shard owes what it holds now.
    pub(crate) fn begin(shard: &mut Shard, save: Save) -> Saving {
        let Save { mut scribes, cut, pieces, over } = save;
        let _ = cut.send(shard.begin_image(&mut *scribes));
        Saving {
            pieces,
            over: Some(over),
            owed: VecDeque::new(),
            later: VecDeque::new(),
            is_open: false,
            owed_bytes: 0,
            given_up: None,
            last: shard.ticks(),
            asked: shard.ticks(),
        }
    }

    /// Returns when it is time to go on, if nothing else is to be done.
    pub(crate) async fn is_due(&self) {
        if !self.owed.is_empty() {
            let _ = self.pieces.reserve().await;
        } else if self.last.saturating_sub(self.asked) > IDLE {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// A slice of the work, if one is due. `is_asked`: somebody asked for something since the last look. True if it was the last.
    pub(crate) fn go_on(&mut self, shard: &mut Shard, is_asked: bool) -> bool {
        let start = shard.ticks();
        if is_asked {
            self.asked = start;
        }
        let passed = start.saturating_sub(self.last);
        let slice = match () {
            () if start.saturating_sub(self.asked) > IDLE => SLICE_IDLE,
            () if passed < PAUSE_MIN => return false,
            () => (passed / SHARE).min(SLICE_MAX),
        };
        let is_over = loop {
            let is_written = self.collect(shard);
            self.send(shard);
            if is_written && self.owed.is_empty() {
                break true;
            }
            // What waits goes first; and what nobody asks for any more is soon over.
            if !self.owed.is_empty() || shard.ticks().saturating_sub(start) >= slice {
                break false;
            }
            shard.image_step(STEP_BYTES);
        };
        self.last = shard.ticks();
        if is_over && let Some(over) = self.over.take() {
            let _ = over.send(self.given_up.unwrap_or(Ending::Whole));
        }
        is_over
    }

    /// Takes over what was written; true if that is all there will be.
    fn collect(&mut self, shard: &mut Shard) -> bool {
        let Saving { owed, later, is_open, owed_bytes, .. } = self;
        let is_written = shard.collect_image(PIECE_BYTES, &mut |piece| {
            *owed_bytes += piece.bytes.len();
            match piece.part {
                None if *is_open => later.push_back(piece),
                part => {
                    *is_open = part == Some(PartEnd::GoesOn);
                    owed.push_back(piece);
                }
            }
            if !*is_open {
                owed.append(later);
            }
        });
        if self.owed_bytes + shard.image_bytes() > OWED_BYTES_MAX {
            self.give_up(shard, Ending::Behind);
        }
        is_written
    }

    fn send(&mut self, shard: &mut Shard) {
        while let Some(piece) = self.owed.pop_front() {
            let bytes = piece.bytes.len();
            match self.pieces.try_send(piece) {
                Ok(()) => self.owed_bytes -= bytes,
                Err(mpsc::error::TrySendError::Full(piece)) => {
                    self.owed.push_front(piece);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return self.give_up(shard, Ending::Unwanted),
            }
        }
    }

    fn give_up(&mut self, shard: &mut Shard, ending: Ending) {
        self.given_up.get_or_insert(ending);
        self.owed.clear();
        self.later.clear();
        self.owed_bytes = 0;
        // Nobody shall wait for more of it.
        let (closed, _) = mpsc::channel(1);
        self.pieces = closed;
        shard.cancel_image();
    }
}
