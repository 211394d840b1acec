//! HRANDFIELD key \[count \[WITHVALUES\]\]: fields chosen at random, each once, or with repetitions if the count is negative.

use std::collections::BTreeSet;

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::{Protocol, Reply, number};
use crate::store::types::{Element, Hash, below, scramble};

const COUNT_OUT_OF_RANGE: &str = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
const PAIRS_OUT_OF_RANGE: &str = "ERR value is out of range";
const TOO_MUCH: &str = "ERR the reply would be longer than proto-max-bulk-len";

/// Of more than one field in so many, all are walked and some passed over; of fewer, some are drawn until enough are different.
const DRAWN_OF: usize = 3;
/// From so many picks on, the fields of a packed row are noted once rather than looked for each time.
const PICKS_BY_WALKING_MAX: usize = 4;

type Pair<'a> = (Element<'a>, Element<'a>);

pub(super) fn hrandfield(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len() == 2 {
        let seed = cx.random();
        let picked = cx.read_as::<Hash>(args.key(1))?.and_then(|hash| hash.random(seed));
        answer::element_or_null(picked.map(|(field, _)| field), reply);
        return Ok(());
    }
    let (count, repeat) = count_of(args)?;
    let mut writer = Writer { values: args.len() == 4, bytes_max: cx.limits.string_bytes_max };
    let mut seed = cx.random();
    let Some(hash) = cx.read_as::<Hash>(args.key(1))? else {
        reply.array(0);
        return Ok(());
    };
    if repeat {
        return writer.repeat(hash, count, &mut seed, reply);
    }
    let count = count.min(hash.len());
    writer.begin(count, reply);
    if hash.is_packed() || count > hash.len() / DRAWN_OF {
        writer.select(hash, count, &mut seed, reply);
    } else {
        writer.draw(hash, count, &mut seed, reply);
    }
    Ok(())
}

/// How many fields, and whether one may come more than once.
fn count_of(args: &Args<'_>) -> Result<(usize, bool), Fault> {
    let count = number::parse_integer(args.get(2)).ok_or(Fault::NotInteger)?;
    if count == i64::MIN {
        return Err(Fault::Because(COUNT_OUT_OF_RANGE));
    }
    if args.len() > 4 || (args.len() == 4 && !args.is(3, "withvalues")) {
        return Err(Fault::Syntax);
    }
    if args.len() == 4 && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return Err(Fault::Because(PAIRS_OUT_OF_RANGE));
    }
    Ok((usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX), count < 0))
}

/// How the chosen fields are answered.
struct Writer {
    /// WITHVALUES
    values: bool,
    /// Repetitions beyond this are refused: they are as many as a client likes, however small the hash.
    bytes_max: usize,
}

impl Writer {
    fn begin(&self, count: usize, reply: &mut Reply<'_>) {
        let nested = reply.protocol() == Protocol::Resp3;
        reply.array(if self.values && !nested { count.saturating_mul(2) } else { count });
    }

    fn pair(&self, (field, value): Pair<'_>, reply: &mut Reply<'_>) {
        if self.values && reply.protocol() == Protocol::Resp3 {
            reply.array(2);
        }
        answer::element(field, reply);
        if self.values {
            answer::element(value, reply);
        }
    }

    /// `count` fields, each time any of all.
    fn repeat(&mut self, hash: &Hash, count: usize, seed: &mut u64, reply: &mut Reply<'_>) -> Result<(), Fault> {
        let start = reply.mark();
        self.begin(count, reply);
        let noted: Vec<Pair<'_>> = if hash.is_packed() && count > PICKS_BY_WALKING_MAX { hash.iter().collect() } else { Vec::new() };
        for _ in 0..count {
            let picked = match noted.get(below(noted.len(), seed)) {
                Some(pair) => Some(*pair),
                None => hash.random(scramble(seed)),
            };
            let Some(pair) = picked else { break };
            self.pair(pair, reply);
            if reply.mark() - start > self.bytes_max {
                return Err(Fault::Because(TOO_MUCH));
            }
        }
        Ok(())
    }

    /// `count` different fields in the order of the hash: one walk, on which each field is as likely as the rest to be taken.
    fn select(&self, hash: &Hash, count: usize, seed: &mut u64, reply: &mut Reply<'_>) {
        let (mut wanted, mut left) = (count, hash.len());
        for pair in hash.iter() {
            if wanted == 0 {
                break;
            }
            if below(left, seed) < wanted {
                self.pair(pair, reply);
                wanted -= 1;
            }
            left -= 1;
        }
    }

    /// `count` different fields, far fewer than there are: most draws are new.
    fn draw(&self, hash: &Hash, count: usize, seed: &mut u64, reply: &mut Reply<'_>) {
        let mut drawn = BTreeSet::new();
        while drawn.len() < count {
            let Some((field, value)) = hash.random(scramble(seed)) else { break };
            if drawn.insert(field) {
                self.pair((field, value), reply);
            }
        }
    }
}
