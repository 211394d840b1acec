//! The commands that a script may call and no shard answers: those of the conversation that need no client.

use std::time::{SystemTime, UNIX_EPOCH};

use super::act::Act;
use crate::command::{Args, Fault, Published, Spec};
use crate::resp::Reply;

/// One of them.
pub(super) struct Own {
    name: &'static str,
    pub(super) run: fn(&mut Act, &Args<'_>, &mut Reply<'_>) -> Result<(), Fault>,
}

static TABLE: &[Own] = &[
    Own { name: "ping", run: ping },
    Own { name: "echo", run: echo },
    Own { name: "select", run: select },
    Own { name: "time", run: time },
    Own { name: "publish", run: |act, args, reply| publish(act, args, reply, false) },
    Own { name: "spublish", run: |act, args, reply| publish(act, args, reply, true) },
];

/// How a script does without a client what this command does.
pub(super) fn find(spec: &Spec) -> Option<&'static Own> {
    TABLE.iter().find(|own| own.name == spec.name)
}

fn ping(_: &mut Act, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match args.len() {
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.get(1)),
        _ => return Err(Fault::Arity("ping")),
    }
    Ok(())
}

fn echo(_: &mut Act, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.bulk(args.get(1));
    Ok(())
}

fn select(act: &mut Act, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let number = usize::try_from(args.int(1)?).ok().filter(|&number| number < act.stage.databases());
    act.stage.database = number.ok_or(Fault::DatabaseOutOfRange)?;
    reply.ok();
    Ok(())
}

fn time(_: &mut Act, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    reply.array(2);
    reply.bulk_integer(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    reply.bulk_integer(i64::from(now.subsec_micros()));
    Ok(())
}

/// The message goes out when the script is done. How many get it is not known before.
fn publish(act: &mut Act, args: &Args<'_>, reply: &mut Reply<'_>, sharded: bool) -> Result<(), Fault> {
    act.stage.effects.published.push(Published { sharded, channel: args.get(1).into(), message: args.get(2).into() });
    reply.integer(0);
    Ok(())
}
