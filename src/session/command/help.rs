//! HELP of every container: its subcommands, made from their rows.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::Session;

pub(super) fn run(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let Some(container) = session.local.board.registry.find(args.get(0)) else { return Err(Fault::Syntax) };
    let name = container.spec.name.to_ascii_uppercase();
    let lines = reply.array_later();
    let mut count = 0;
    let mut line = |text: &str| {
        reply.simple(text);
        count += 1;
    };
    line(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for entry in &container.subcommands {
        let doc = &entry.spec.doc;
        line(format!("{} {}", entry.short_name().to_ascii_uppercase(), doc.syntax).trim_end());
        line(&format!("    {}", doc.summary));
    }
    reply.close(lines, count);
    Ok(())
}
