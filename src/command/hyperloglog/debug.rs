//! PFDEBUG: the registers of a HyperLogLog, its runs, its form. PFSELFTEST: whether the structure does what it says.

use super::{edit, read};
use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;
use crate::store::types::hyperloglog::{self, Form, Histogram, REGISTERS, Writer};

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (word, key) = (args.get(1), args.key(2));
    // Not a reader's look-up that misses.
    let missing = Fault::Because("ERR The specified key does not exist");
    if !cx.exists(cx.database, key) {
        return Err(missing);
    }
    let Some(text) = read(cx, key)? else { return Err(missing) };
    let is_sparse = hyperloglog::form(text) == Some(Form::Sparse);
    if word.eq_ignore_ascii_case(b"getreg") {
        let mut registers = [0; REGISTERS];
        hyperloglog::merge(text, &mut registers)?;
        make_dense(cx, key, is_sparse)?; // as Redis does, odd as it is
        reply.array(REGISTERS);
        for rank in registers {
            reply.integer(i64::from(rank));
        }
    } else if word.eq_ignore_ascii_case(b"decode") {
        if !is_sparse {
            return Err(Fault::Because("ERR HLL encoding is not sparse"));
        }
        reply.bulk(hyperloglog::describe(text).as_bytes());
    } else if word.eq_ignore_ascii_case(b"encoding") {
        reply.simple(if is_sparse { "sparse" } else { "dense" });
    } else if word.eq_ignore_ascii_case(b"todense") {
        make_dense(cx, key, is_sparse)?;
        reply.integer(i64::from(is_sparse));
    } else {
        return Err(Fault::told(format!("ERR Unknown PFDEBUG subcommand '{}'", String::from_utf8_lossy(word))));
    }
    Ok(())
}

fn make_dense(cx: &mut Cx<'_>, key: &[u8], is_sparse: bool) -> Result<(), Fault> {
    if is_sparse {
        edit(cx, key, |writer| Ok(writer.make_dense()?))?;
        cx.changed(1);
    }
    Ok(())
}

/// Elements of the self-test: enough to use both forms, few enough not to be noticed by the other keys of the shard.
const TRIED: u64 = 20_000;

/// Adds numbers to a HyperLogLog of its own and compares its count with theirs.
pub(super) fn selftest(cx: &mut Cx<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    const FAILED: Fault = Fault::Because("ERR TESTFAILED the count is too far off");
    let mut text = hyperloglog::empty();
    for number in 1..=TRIED {
        let (index, rank) = hyperloglog::place_of(&number.to_le_bytes());
        Writer::new(&mut text, cx.limits.hll_sparse_bytes).ok_or(FAILED)?.raise(index, rank)?;
        if number.is_power_of_two() || number == TRIED {
            // Six times the standard error, and one for the smallest.
            let allowed = number * 6 * 81 / 10_000 + 1;
            if Histogram::of(&text)?.estimate().abs_diff(number) > allowed {
                return Err(FAILED);
            }
        }
    }
    reply.ok();
    Ok(())
}
