//! BITOP: strings combined bit by bit into one.

use super::store;
use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::bits::{Combination, Combine};

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let how = operation(args.get(1))?;
    let (target, sources) = (args.key(2), args.len() - 3);
    match how {
        Combine::Not if sources != 1 => return Err(Fault::Because("ERR BITOP NOT must be called with a single source key.")),
        Combine::Diff | Combine::Diff1 | Combine::AndOr if sources < 2 => {
            let name = String::from_utf8_lossy(args.get(1)).to_ascii_uppercase();
            return Err(Fault::told(format!("ERR BITOP {name} must be called with at least two source keys.")));
        }
        _ => {}
    }
    // One string after the other, since no two of them can be held at once; where the first is taken last, the others come before.
    let mut combination = Combination::new(how);
    let first_last = how.takes_first_last();
    let order = (0..sources).map(|at| if first_last { (at + 1) % sources } else { at });
    for (turn, at) in order.enumerate() {
        let text = cx.read_text(args.key(3 + at))?;
        let mut scratch = [0; 20];
        combination.take(text.map_or(&[], |text| text.bytes(&mut scratch)), first_last && turn + 1 == sources);
    }
    let text = combination.finish();
    let length = text.len();
    let changed = if text.is_empty() {
        cx.delete(target)
    } else {
        store(cx, target, text);
        cx.event(Classes::STRING, "set", target);
        true
    };
    cx.changed(u64::from(changed));
    answer::count(length, reply);
    Ok(())
}

fn operation(word: &[u8]) -> Result<Combine, Fault> {
    const OPERATIONS: [(&[u8], Combine); 8] = [
        (b"and", Combine::And),
        (b"or", Combine::Or),
        (b"xor", Combine::Xor),
        (b"not", Combine::Not),
        (b"diff", Combine::Diff),
        (b"diff1", Combine::Diff1),
        (b"andor", Combine::AndOr),
        (b"one", Combine::One),
    ];
    OPERATIONS.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, how)| how).ok_or(Fault::Syntax)
}
