//! LCS key1 key2: the longest subsequence that two strings have in common, its length, or where it lies.
//!
//! The table of the textbook: cell (i, j) is the length for the first i bytes of one string and the first j of the other. Where only the
//! length is asked, two rows of it are kept; else all of it, to walk back through. Redis refuses what would take more memory than
//! proto-max-bulk-len, which bounds the time as well; so do we, even where two rows would do.

use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;

/// What the options ask for.
#[derive(Clone, Copy, Default)]
struct Asked {
    length: bool,
    places: bool,
    /// Runs shorter than this are left out of the places.
    run_bytes_min: usize,
    run_lengths: bool,
}

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    // Both texts are copied: two keys cannot be held at once, and beside the table they weigh nothing.
    let (a, b) = (string_at(cx, args.key(1)), string_at(cx, args.key(2)));
    let (a, b) = (a?, b?);
    let mut asked = Asked::default();
    let mut options = args.options(3);
    while let Some(word) = options.next() {
        if word.eq_ignore_ascii_case(b"idx") {
            asked.places = true;
        } else if word.eq_ignore_ascii_case(b"len") {
            asked.length = true;
        } else if word.eq_ignore_ascii_case(b"withmatchlen") {
            asked.run_lengths = true;
        } else if word.eq_ignore_ascii_case(b"minmatchlen") {
            // Negative ones mean none; larger ones than any string all the same.
            asked.run_bytes_min = usize::try_from(options.int()?.max(0)).unwrap_or(usize::MAX);
        } else {
            return Err(Fault::Syntax);
        }
    }
    if asked.length && asked.places {
        return Err(Fault::Because("ERR If you want both the length and indexes, please just use IDX."));
    }
    let cells = (a.len() + 1).checked_mul(b.len() + 1);
    if cells.and_then(|cells| cells.checked_mul(size_of::<u32>())).is_none_or(|bytes| bytes > cx.limits.string_bytes_max) {
        return Err(Fault::Because("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"));
    }
    if asked.length {
        reply.integer(i64::from(length(&a, &b)));
        return Ok(());
    }
    let table = Table::of(&a, &b);
    if !asked.places {
        reply.bulk(&table.subsequence(&a, &b));
        return Ok(());
    }
    let runs = table.runs(&a, &b);
    let shown = || runs.iter().filter(|run| run.bytes >= asked.run_bytes_min);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(shown().count());
    for run in shown() {
        reply.array(2 + usize::from(asked.run_lengths));
        for start in [run.a, run.b] {
            reply.array(2);
            reply.integer(signed(start));
            reply.integer(signed(start + run.bytes - 1));
        }
        if asked.run_lengths {
            reply.integer(signed(run.bytes));
        }
    }
    reply.bulk(b"len");
    reply.integer(i64::from(table.at(a.len(), b.len())));
    Ok(())
}

fn string_at(cx: &mut Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Fault> {
    match cx.read_text(key) {
        Ok(text) => Ok(text.map(|text| text.to_vec()).unwrap_or_default()),
        Err(_) => Err(Fault::Because("ERR The specified keys must contain string values")),
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The length of the longest common subsequence.
fn length(a: &[u8], b: &[u8]) -> u32 {
    let mut row = vec![0u32; b.len() + 1];
    for &byte in a {
        let mut above_left = 0;
        for (j, &other) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if byte == other { above_left + 1 } else { above.max(row[j]) };
            above_left = above;
        }
    }
    row[b.len()]
}

struct Table {
    cells: Vec<u32>,
    width: usize,
}

/// A run of bytes that both strings have: where it begins in each, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    a: usize,
    b: usize,
    bytes: usize,
}

impl Table {
    fn of(a: &[u8], b: &[u8]) -> Table {
        let width = b.len() + 1;
        let mut cells = vec![0u32; width * (a.len() + 1)];
        for (i, &byte) in a.iter().enumerate() {
            let (above, row) = cells[i * width..].split_at_mut(width);
            for (j, &other) in b.iter().enumerate() {
                row[j + 1] = if byte == other { above[j] + 1 } else { above[j + 1].max(row[j]) };
            }
        }
        Table { cells, width }
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.cells[i * self.width + j]
    }

    /// Walks back from the end and visits each pair of bytes that belongs to the subsequence. Of two ways of equal length it takes the one
    /// that Redis takes.
    fn walk(&self, a: &[u8], b: &[u8], mut visit: impl FnMut(usize, usize)) {
        let (mut i, mut j) = (a.len(), b.len());
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                visit(i, j);
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
    }

    fn subsequence(&self, a: &[u8], b: &[u8]) -> Vec<u8> {
        let mut common = Vec::with_capacity(self.at(a.len(), b.len()) as usize);
        self.walk(a, b, |i, _| common.push(a[i]));
        common.reverse();
        common
    }

    /// The runs that the subsequence is made of, the last one first.
    fn runs(&self, a: &[u8], b: &[u8]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        self.walk(a, b, |i, j| match runs.last_mut() {
            Some(run) if run.a == i + 1 && run.b == j + 1 => *run = Run { a: i, b: j, bytes: run.bytes + 1 },
            _ => runs.push(Run { a: i, b: j, bytes: 1 }),
        });
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_manual() {
        let (a, b) = (b"ohmytext".as_slice(), b"mynewtext".as_slice());
        let table = Table::of(a, b);
        assert_eq!(table.subsequence(a, b), b"mytext");
        assert_eq!(table.runs(a, b), [Run { a: 4, b: 5, bytes: 4 }, Run { a: 2, b: 0, bytes: 2 }]);
        assert_eq!(length(a, b), 6);
    }

    #[test]
    fn two_rows_find_the_same_length_as_the_table() {
        let texts: [&[u8]; 6] = [b"", b"a", b"aaaa", b"abcabcabc", b"cbacba", b"the quick brown fox"];
        for a in texts {
            for b in texts {
                let table = Table::of(a, b);
                assert_eq!(length(a, b), table.at(a.len(), b.len()));
                assert_eq!(table.subsequence(a, b).len(), length(a, b) as usize);
                assert_eq!(table.runs(a, b).iter().map(|run| run.bytes).sum::<usize>(), length(a, b) as usize);
            }
        }
    }
}
