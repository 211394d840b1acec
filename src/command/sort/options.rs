//! What the words of a SORT ask for; read by the command, and by routing for where its keys are.

use super::pattern::Pattern;
use crate::command::{Args, Fault};
use crate::resp::number;

/// What the options of one call come to.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// Not sorted: in the order in which the elements lie. Any BY without an asterisk says so.
    pub(super) as_it_is: bool,
    pub(super) by: Option<Pattern<'a>>,
    pub(super) gets: Vec<Pattern<'a>>,
    pub(super) descending: bool,
    /// Compared as text.
    pub(super) alpha: bool,
    /// LIMIT: how many are passed over, and how many are then wanted; negative numbers mean none, and all.
    pub(super) skip: i64,
    pub(super) take: i64,
    /// STORE
    pub(super) target: Option<&'a [u8]>,
}

/// One option, with the index of its first operand.
enum Word {
    By(usize),
    Get(usize),
    Store(usize),
    Limit(usize),
    Ascending,
    Descending,
    Alpha,
}

/// The options from word 2 on; a fault at the first that is none, or has no operands.
fn options<'a>(args: &Args<'a>) -> impl Iterator<Item = Result<Word, Fault>> + use<'a> {
    let args = *args;
    let mut at = 2;
    std::iter::from_fn(move || {
        if at >= args.len() {
            return None;
        }
        let operand = at + 1;
        let left = args.len() - operand;
        let (option, operands) = match () {
            () if args.is(at, "asc") => (Word::Ascending, 0),
            () if args.is(at, "desc") => (Word::Descending, 0),
            () if args.is(at, "alpha") => (Word::Alpha, 0),
            () if args.is(at, "limit") && left >= 2 => (Word::Limit(operand), 2),
            () if args.is(at, "store") && left >= 1 => (Word::Store(operand), 1),
            () if args.is(at, "by") && left >= 1 => (Word::By(operand), 1),
            () if args.is(at, "get") && left >= 1 => (Word::Get(operand), 1),
            () => {
                at = args.len();
                return Some(Err(Fault::Syntax));
            }
        };
        at = operand + operands;
        Some(Ok(option))
    })
}

impl<'a> Wanted<'a> {
    pub(super) fn parse(args: &Args<'a>, may_store: bool) -> Result<Wanted<'a>, Fault> {
        let mut wanted =
            Wanted { as_it_is: false, by: None, gets: Vec::new(), descending: false, alpha: false, skip: 0, take: -1, target: None };
        for option in options(args) {
            match option? {
                Word::Ascending => wanted.descending = false,
                Word::Descending => wanted.descending = true,
                Word::Alpha => wanted.alpha = true,
                Word::Limit(at) => (wanted.skip, wanted.take) = (integer(args, at)?, integer(args, at + 1)?),
                Word::Store(at) if may_store => wanted.target = Some(args.key(at)),
                Word::Store(_) => return Err(Fault::Syntax),
                Word::By(at) => {
                    let pattern = Pattern::parse(args.get(at));
                    wanted.as_it_is |= pattern.is_fixed();
                    wanted.by = Some(pattern);
                }
                Word::Get(at) => wanted.gets.push(Pattern::parse(args.get(at))),
            }
        }
        Ok(wanted)
    }

    /// Of `len` elements in order, which are wanted: the first, and how many.
    pub(super) fn span(&self, len: usize) -> (usize, usize) {
        let first = usize::try_from(self.skip).unwrap_or(if self.skip < 0 { 0 } else { usize::MAX }).min(len);
        let left = len - first;
        (first, usize::try_from(self.take).map_or(left, |take| take.min(left)))
    }
}

fn integer(args: &Args<'_>, at: usize) -> Result<i64, Fault> {
    number::parse_integer(args.get(at)).ok_or(Fault::NotInteger)
}

/// Whether the call looks up keys that only its elements name: those may be on any shard.
pub(super) fn reach_beyond(args: &Args<'_>) -> bool {
    options(args).any(|option| match option {
        Ok(Word::By(at) | Word::Get(at)) => args.get(at).contains(&b'*'),
        _ => false,
    })
}

/// The index of the key that the result is stored at; of several the last.
pub(super) fn target(args: &Args<'_>) -> Option<usize> {
    options(args).filter_map(|option| if let Ok(Word::Store(at)) = option { Some(at) } else { None }).last()
}
