//! COPY to another key or database, and MOVE to another database; the deadline goes along.

use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::{Reply, number};

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (source, target) = (args.key(1), args.key(2));
    let (mut database, mut replace) = (cx.database, false);
    let mut options = args.options(3);
    while let Some(word) = options.next() {
        if word.eq_ignore_ascii_case(b"replace") {
            replace = true;
        } else if word.eq_ignore_ascii_case(b"db") {
            database = database_of(cx, options.operand()?)?;
        } else {
            return Err(Fault::Syntax);
        }
    }
    if source == target && database == cx.database {
        return Err(Fault::SameObject);
    }
    let copied = match cx.read(source).map(|entry| (entry.duplicate(), entry.deadline(), entry.encoding() == "raw")) {
        Some((value, deadline, is_raw)) if replace || !cx.exists(database, target) => {
            // As RENAME does: the key is a new one.
            cx.remove_in(database, target);
            cx.put_in(database, target, value, deadline);
            if is_raw {
                cx.mark_raw(database, target);
            }
            cx.event_in(database, Classes::GENERIC, "copy_to", target);
            true
        }
        _ => false,
    };
    cx.changed(u64::from(copied));
    reply.integer(i64::from(copied));
    Ok(())
}

pub(super) fn relocate(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let (source, target) = (cx.database, database_of(cx, args.get(2))?);
    if source == target {
        return Err(Fault::SameObject);
    }
    let is_raw = cx.write(key).is_some_and(|entry| entry.encoding() == "raw");
    let moved = !cx.exists(target, key)
        && match cx.take_in(source, key) {
            Some((value, deadline)) => {
                cx.put_in(target, key, value, deadline);
                if is_raw {
                    cx.mark_raw(target, key);
                }
                true
            }
            None => false,
        };
    if moved {
        cx.changed(1);
        cx.event_in(source, Classes::GENERIC, "move_from", key);
        cx.event_in(target, Classes::GENERIC, "move_to", key);
    }
    reply.integer(i64::from(moved));
    Ok(())
}

/// The database that a word names.
fn database_of(cx: &mut Cx<'_>, word: &[u8]) -> Result<usize, Fault> {
    let number = number::parse_integer(word).ok_or(Fault::NotInteger)?;
    // Redis reads a C int here.
    let number =
        i32::try_from(number).map_err(|_| Fault::Because("ERR value is out of range, value must between -2147483648 and 2147483647"))?;
    usize::try_from(number).ok().filter(|&number| number < cx.databases()).ok_or(Fault::DatabaseOutOfRange)
}
