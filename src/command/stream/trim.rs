//! XTRIM, and the options it shares with XADD: what to keep of a stream, exactly or in whole nodes, with a LIMIT.

use super::{ids, references};
use crate::command::{Args, Classes, Cx, Fault, Options, answer, decimal};
use crate::resp::{Reply, number};
use crate::store::types::Thresholds;
use crate::store::types::stream::{ID_BYTES_MAX, Id, Precision, References, Stream, Trim};

const TWO_STRATEGIES: &str = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
const LIMIT_OF_NOTHING: &str = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
const NO_STRATEGY: &str = "ERR syntax error, XTRIM must be called with a trimming strategy";
const LIMIT_OF_EXACT: &str = "ERR syntax error, LIMIT cannot be used without the special ~ option";

/// How many nodes' worth of entries go at most with `~`, unless LIMIT says otherwise.
const NODES_MAX: usize = 100;
/// And so many where nodes have no bound of entries.
const ENTRIES_DEFAULT: usize = 10_000;
const ENTRIES_MAX: usize = 1_000_000;

/// What was said so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trimming {
    keep: Option<Trim>,
    /// `~`
    nodes: bool,
    limit: Option<usize>,
    references: References,
}

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    keep: Trim,
    precision: Precision,
    references: References,
}

impl Cut {
    /// Does it; returns how many entries went.
    #[inline]
    pub(super) fn apply(self, stream: &mut Stream) -> usize {
        stream.trim_with(self.keep, self.precision, self.references)
    }

    /// The words that cut a stream to what this one has just left of it. Empty if the words of the call do that, because they were exact.
    pub(super) fn exactly(self, stream: &Stream) -> Vec<Vec<u8>> {
        if matches!(self.precision, Precision::Exact) {
            return Vec::new();
        }
        let (word, bound): (&[u8], _) = match self.keep {
            Trim::MinId(_) if let Some((first, _)) = stream.range(Id::MIN, Id::MAX, false).next() => {
                (b"MINID", first.write(&mut [0; ID_BYTES_MAX]).to_vec())
            }
            _ => (b"MAXLEN", decimal(stream.len() as u64)),
        };
        vec![word.to_vec(), b"=".to_vec(), bound]
    }
}

pub(super) fn xtrim(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut trimming = Trimming::default();
    let mut options = args.options(2);
    while let Some(word) = options.next() {
        if !trimming.option(word, &mut options)? {
            return Err(Fault::Syntax);
        }
    }
    let cut = trimming.settle(cx.thresholds(), true)?.ok_or(Fault::Because(NO_STRATEGY))?;
    let (trimmed, done) = match cx.edit_as::<Stream>(args.key(1))? {
        Some(mut stream) => {
            let trimmed = cut.apply(&mut stream);
            (trimmed, cut.exactly(&stream))
        }
        None => (0, Vec::new()),
    };
    if let Some(record) = cx.record().filter(|_| !done.is_empty()) {
        record.instead([b"XTRIM".as_slice(), args.key(1)].into_iter().chain(done.iter().map(Vec::as_slice)).collect::<Vec<_>>());
    }
    if trimmed > 0 {
        cx.changed(trimmed as u64);
        cx.event(Classes::STREAM, "xtrim", args.key(1));
    }
    answer::count(trimmed, reply);
    Ok(())
}

impl Trimming {
    /// Takes `word` as one of the options, its operands from `options`; false if it is none, or nothing follows it.
    pub(super) fn option(&mut self, word: &[u8], options: &mut Options<'_>) -> Result<bool, Fault> {
        if let Some(references) = references::option(word) {
            self.references = references;
            return Ok(true);
        }
        if options.left() == 0 {
            return Ok(false);
        }
        if word.eq_ignore_ascii_case(b"maxlen") {
            let operand = self.operand(options)?;
            let len = number::parse_integer(operand).ok_or(Fault::NotInteger)?;
            let len = u64::try_from(len).map_err(|_| Fault::Because("ERR The MAXLEN argument must be >= 0."))?;
            self.keep = Some(Trim::MaxLen(len));
        } else if word.eq_ignore_ascii_case(b"minid") {
            self.keep = Some(Trim::MinId(ids::strict_id(self.operand(options)?, 0)?));
        } else if word.eq_ignore_ascii_case(b"limit") {
            let limit = usize::try_from(options.int()?).map_err(|_| Fault::Because("ERR The LIMIT argument must be >= 0."))?;
            self.limit = Some(limit);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// The operand of MAXLEN or MINID, behind `~` or `=` if one of them is said.
    fn operand<'a>(&mut self, options: &mut Options<'a>) -> Result<&'a [u8], Fault> {
        if self.keep.is_some() {
            return Err(Fault::Because(TWO_STRATEGIES));
        }
        let word = options.operand()?;
        // As the last word, a sign is taken for the operand, which it cannot be.
        match word {
            b"~" | b"=" if options.left() > 0 => {
                self.nodes = word == b"~";
                options.operand()
            }
            _ => Ok(word),
        }
    }

    /// What is to be done, once all options are read. XTRIM is nothing without a strategy.
    pub(super) fn settle(self, thresholds: &Thresholds, must_trim: bool) -> Result<Option<Cut>, Fault> {
        if self.keep.is_none() && self.limit.is_some_and(|limit| limit > 0) {
            return Err(Fault::Because(LIMIT_OF_NOTHING));
        }
        if must_trim && self.keep.is_none() {
            return Err(Fault::Because(NO_STRATEGY));
        }
        if self.limit.is_some() && !self.nodes {
            return Err(Fault::Because(LIMIT_OF_EXACT));
        }
        let Some(keep) = self.keep else { return Ok(None) };
        let references = self.references;
        if !self.nodes {
            return Ok(Some(Cut { keep, precision: Precision::Exact, references }));
        }
        let limit = self.limit.unwrap_or_else(|| match thresholds.stream_node_entries.saturating_mul(NODES_MAX) {
            0 => ENTRIES_DEFAULT,
            entries => entries.min(ENTRIES_MAX),
        });
        Ok(Some(Cut { keep, precision: Precision::Nodes { limit }, references }))
    }
}
