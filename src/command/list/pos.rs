//! LPOS key element \[RANK rank\] \[COUNT count\] \[MAXLEN len\]: where in a list an element stands.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::List;

pub(super) fn lpos(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let wanted = Wanted::parse(args)?;
    let list = cx.read_as::<List>(args.key(1))?;
    let Some(count) = wanted.count else {
        let mut found = None;
        if let Some(list) = list {
            list.positions(args.get(2), wanted.rank, 1, wanted.look_at, |index| found = Some(index));
        }
        match found {
            Some(index) => answer::count(index, reply),
            None => reply.null(),
        }
        return Ok(());
    };
    let array = reply.array_later();
    let mut found = 0;
    if let Some(list) = list {
        list.positions(args.get(2), wanted.rank, count, wanted.look_at, |index| {
            answer::count(index, reply);
            found += 1;
        });
    }
    reply.close(array, found);
    Ok(())
}

/// What the options ask for.
struct Wanted {
    /// Not 0: which match is the first to count, from the front or, negative, from the back.
    rank: i64,
    /// `None`: one, answered by itself. 0: all of them.
    count: Option<usize>,
    /// Elements to compare; 0: all of them.
    look_at: usize,
}

impl Wanted {
    fn parse(args: &Args<'_>) -> Result<Wanted, Fault> {
        let mut wanted = Wanted { rank: 1, count: None, look_at: 0 };
        let mut options = args.options(3);
        while let Some(word) = options.next() {
            if options.left() == 0 {
                return Err(Fault::Syntax);
            } else if word.eq_ignore_ascii_case(b"rank") {
                wanted.rank = match options.int()? {
                    0 => return Err(Fault::Because(RANK_ZERO)),
                    i64::MIN => return Err(Fault::Because(RANK_RANGE)),
                    rank => rank,
                };
            } else if word.eq_ignore_ascii_case(b"count") {
                wanted.count = Some(size(options.int(), "ERR COUNT can't be negative")?);
            } else if word.eq_ignore_ascii_case(b"maxlen") {
                wanted.look_at = size(options.int(), "ERR MAXLEN can't be negative")?;
            } else {
                return Err(Fault::Syntax);
            }
        }
        Ok(wanted)
    }
}

/// A number that is not negative. Whatever else the word is, Redis says the same.
fn size(word: Result<i64, Fault>, text: &'static str) -> Result<usize, Fault> {
    word.ok().and_then(|number| usize::try_from(number).ok()).ok_or(Fault::Because(text))
}

const RANK_ZERO: &str = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start \
                         from the end of the list";
const RANK_RANGE: &str = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
