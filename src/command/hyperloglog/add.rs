//! PFADD key element ..: adds elements, and says whether that changed anything.

use super::{checked, edit};
use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::Reply;
use crate::store::types::hyperloglog::{self, Form};

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let places = args.from(2).map(hyperloglog::place_of);
    let mut changes = 0;
    let mut is_new = true;
    if let Some(mut entry) = cx.write(key) {
        is_new = false;
        let form = hyperloglog::form(checked(entry.text().ok_or(Fault::WrongType)?)?);
        if form == Some(Form::Dense)
            && let Some(text) = entry.text_mut(0)
        {
            for (index, rank) in places {
                changes += u64::from(hyperloglog::raise_dense(text, index, rank));
            }
            if changes > 0 {
                hyperloglog::forget(text);
            }
            if changes > 0 {
                cx.changed(changes);
                cx.event(Classes::STRING, "pfadd", key);
            }
            reply.integer(i64::from(changes > 0));
            return Ok(());
        }
    }
    edit(cx, key, |writer| {
        for (index, rank) in places {
            changes += u64::from(writer.raise(index, rank)?);
        }
        if changes > 0 || is_new {
            writer.forget();
        }
        Ok(())
    })?;
    changes += u64::from(is_new);
    if changes > 0 {
        cx.changed(changes);
        cx.event(Classes::STRING, "pfadd", key);
    }
    reply.integer(i64::from(changes > 0));
    Ok(())
}
