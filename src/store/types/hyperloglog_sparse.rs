//! The sparse form of a HyperLogLog: runs of registers of equal rank, one or two bytes each.
//!
//! ```text
//! 00llllll             1 to 64 registers of rank 0
//! 01llllll llllllll    1 to 16384 registers of rank 0
//! 1vvvvvll             1 to 4 registers of rank 1 to 32
//! ```
//!
//! How runs are split and joined as registers rise is part of the format as far as clients can see it with GET, so it follows Redis: the run
//! around a register is cut in up to three, and then up to five runs from the one before it on are looked at for neighbours of one rank.

use super::hyperloglog::{Corrupt, HEADER_BYTES};

/// The highest rank a run can have.
const RANK_MAX: u8 = 32;
/// The most registers of one rank in a run, and of rank 0 in one of one byte and of two.
const RANKS_MAX: usize = 4;
const ZEROS_MAX: usize = 64;
/// Runs that are looked at for a neighbour to join.
const LOOKED_AT: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Zeros(usize),
    /// `rank` is 1 to 32, `len` 1 to 4.
    Ranks {
        rank: u8,
        len: usize,
    },
}

impl Run {
    /// The run that begins at `at`, and how many bytes it takes there. `None` if there is none, or half of one.
    fn read(text: &[u8], at: usize) -> Option<(Run, usize)> {
        let first = *text.get(at)?;
        Some(match first >> 6 {
            0 => (Run::Zeros(usize::from(first) + 1), 1),
            1 => (Run::Zeros((usize::from(first & 0x3f) << 8 | usize::from(*text.get(at + 1)?)) + 1), 2),
            _ => (Run::Ranks { rank: (first >> 2 & 0x1f) + 1, len: usize::from(first & 3) + 1 }, 1),
        })
    }

    /// Nothing, if it is of no register.
    pub(super) fn write(self, text: &mut Vec<u8>) {
        match self {
            Run::Zeros(0) | Run::Ranks { len: 0, .. } => {}
            Run::Zeros(len) if len <= ZEROS_MAX => text.push((len - 1) as u8),
            Run::Zeros(len) => text.extend_from_slice(&[((len - 1) >> 8) as u8 & 0x3f | 0x40, (len - 1) as u8]),
            Run::Ranks { rank, len } => text.push(ranks_byte(rank, len)),
        }
    }

    pub(super) fn len(self) -> usize {
        match self {
            Run::Zeros(len) | Run::Ranks { len, .. } => len,
        }
    }

    pub(super) fn rank(self) -> u8 {
        match self {
            Run::Zeros(_) => 0,
            Run::Ranks { rank, .. } => rank,
        }
    }

    /// As many registers of the same rank.
    fn of_len(self, len: usize) -> Run {
        match self {
            Run::Zeros(_) => Run::Zeros(len),
            Run::Ranks { rank, .. } => Run::Ranks { rank, len },
        }
    }
}

fn ranks_byte(rank: u8, len: usize) -> u8 {
    0x80 | (rank - 1) << 2 | (len - 1) as u8
}

/// The runs of a sparse string, and how many bytes each takes; half a run at the end is an error.
pub(super) struct Runs<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Runs<'a> {
    pub(super) fn of(text: &'a [u8]) -> Runs<'a> {
        Runs { text, at: HEADER_BYTES }
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<(Run, usize), Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() {
            return None;
        }
        let Some((run, width)) = Run::read(self.text, self.at) else {
            self.at = self.text.len();
            return Some(Err(Corrupt));
        };
        self.at += width;
        Some(Ok((run, width)))
    }
}

/// Where a search may begin: a run that is known to lie before every register that is asked for next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    at: usize,
    /// The first register of the run at `at`.
    first: usize,
}

impl Default for Cursor {
    fn default() -> Cursor {
        Cursor { at: HEADER_BYTES, first: 0 }
    }
}

/// What came of raising a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    Yes,
    /// It was as high already.
    No,
    /// The rank or the length is too much for the sparse form. Nothing was done.
    TooLarge,
}

/// Raises a register. `cursor` is from the last time on the same string, or new; rising registers are then found without starting over.
pub(super) fn raise(text: &mut Vec<u8>, cursor: &mut Cursor, index: usize, rank: u8, bytes_max: usize) -> Result<Raised, Corrupt> {
    if rank > RANK_MAX {
        return Ok(Raised::TooLarge);
    }
    // The run that the cursor is at is that before the last one found, so it is right to go on from it only if the register lies behind it.
    let mut at = Cursor::default();
    if cursor.first <= index && Run::read(text, cursor.at).is_some_and(|(run, _)| cursor.first + run.len() <= index) {
        at = *cursor;
    }
    let mut before = at;
    let mut is_first = true;
    let (run, width) = loop {
        let (run, width) = Run::read(text, at.at).ok_or(Corrupt)?;
        if index < at.first + run.len() {
            break (run, width);
        }
        (before, is_first) = (at, false);
        at = Cursor { at: at.at + width, first: at.first + run.len() };
    };
    *cursor = before;
    if run.rank() >= rank {
        return Ok(Raised::No);
    }
    let (left, right) = (index - at.first, at.first + run.len() - 1 - index);
    let mut pieces = Vec::with_capacity(5);
    run.of_len(left).write(&mut pieces);
    Run::Ranks { rank, len: 1 }.write(&mut pieces);
    run.of_len(right).write(&mut pieces);
    if pieces.len() > width && text.len() + pieces.len() - width > bytes_max {
        return Ok(Raised::TooLarge);
    }
    text.splice(at.at..at.at + width, pieces);
    join(text, if is_first { HEADER_BYTES } else { before.at });
    if let Some(top) = text.get_mut(HEADER_BYTES - 1) {
        *top |= 0x80; // the count is stale
    }
    Ok(Raised::Yes)
}

/// Joins neighbours of one rank among the runs from `at` on.
fn join(text: &mut Vec<u8>, at: usize) {
    let mut at = at;
    for _ in 0..LOOKED_AT {
        let Some((run, width)) = Run::read(text, at) else { return };
        if let Run::Ranks { rank, len } = run
            && let Some((Run::Ranks { rank: next_rank, len: next_len }, _)) = Run::read(text, at + 1)
            && rank == next_rank
            && len + next_len <= RANKS_MAX
        {
            text.remove(at + 1);
            text[at] = ranks_byte(rank, len + next_len);
            continue;
        }
        at += width;
    }
}
