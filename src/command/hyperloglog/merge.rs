//! PFMERGE target source ..: the target's registers rise to the highest of all.

use super::{edit, read};
use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::Reply;
use crate::store::types::hyperloglog::{self, Form, REGISTERS};

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut registers = [0; REGISTERS];
    let mut any_dense = false;
    for key in args.from(1) {
        if let Some(text) = read(cx, key)? {
            any_dense |= hyperloglog::form(text) == Some(Form::Dense);
            hyperloglog::merge(text, &mut registers)?;
        }
    }
    edit(cx, args.key(1), |writer| {
        if any_dense {
            writer.make_dense()?;
        }
        for (index, &rank) in registers.iter().enumerate().filter(|(_, rank)| **rank > 0) {
            writer.raise(index, rank)?;
        }
        writer.forget();
        Ok(())
    })?;
    cx.changed(1);
    cx.event(Classes::STRING, "pfadd", args.key(1));
    reply.ok();
    Ok(())
}
