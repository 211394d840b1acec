//! COMMAND DOCS [name ...]: what redis-cli shows as hints and help.

use crate::command::{Args, Fault, Spec};
use crate::resp::Reply;
use crate::session::{Entry, Session};

use super::syntax::{self, Argument, Kind};
use super::{find, listed};

pub(crate) fn run(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let registry = &session.local.board.registry;
    if args.len() == 2 {
        let entries = registry.entries();
        reply.map(entries.len());
        entries.iter().for_each(|entry| document(entry, reply));
        return Ok(());
    }
    let map = reply.map_later();
    let mut count = 0;
    for entry in args.from(2).filter_map(|name| find(registry, name)) {
        document(entry, reply);
        count += 1;
    }
    reply.close(map, count);
    Ok(())
}

/// Writes the name and its documentation.
fn document(entry: &Entry, reply: &mut Reply<'_>) {
    let doc = &entry.spec.doc;
    reply.bulk(entry.spec.name.as_bytes());
    let map = reply.map_later();
    let mut count = 0;
    for (field, text) in [("summary", doc.summary), ("since", doc.since), ("group", doc.group), ("complexity", doc.complexity)] {
        if !text.is_empty() {
            reply.bulk(field.as_bytes());
            reply.bulk(text.as_bytes());
            count += 1;
        }
    }
    if entry.is_debug() {
        reply.bulk(b"doc_flags");
        reply.set(1);
        reply.simple("syscmd");
        count += 1;
    }
    // A test reads every row's syntax.
    let arguments = syntax::read(doc.syntax).unwrap_or_default();
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        list(&arguments, entry.spec, &mut 0, reply);
        count += 1;
    }
    let subcommands = listed(entry);
    if !subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(subcommands.len());
        subcommands.iter().for_each(|entry| document(entry, reply));
        count += 1;
    }
    reply.close(map, count);
}

/// `keys_before` counts the arguments that were keys: each has its key specification.
fn list(arguments: &[Argument], spec: &Spec, keys_before: &mut usize, reply: &mut Reply<'_>) {
    reply.array(arguments.len());
    for argument in arguments {
        let map = reply.map_later();
        let mut count = 0;
        let mut text = |reply: &mut Reply<'_>, field: &str, text: &str| {
            reply.bulk(field.as_bytes());
            reply.bulk(text.as_bytes());
            count += 1;
        };
        text(reply, "name", &argument.name);
        text(reply, "type", argument.kind.name());
        let parts = match &argument.kind {
            Kind::OneOf(parts) | Kind::Block(parts) => Some(parts),
            Kind::Token => None,
            _ => {
                text(reply, "display_text", &argument.name);
                None
            }
        };
        if let Some(token) = &argument.token {
            text(reply, "token", token);
        }
        if argument.kind == Kind::Key
            && let Some(last) = spec.keys.len().checked_sub(1)
        {
            reply.bulk(b"key_spec_index");
            reply.integer(i64::try_from((*keys_before).min(last)).unwrap_or(0));
            *keys_before += 1;
            count += 1;
        }
        let flags = [(argument.optional, "optional"), (argument.multiple, "multiple"), (argument.multiple_token, "multiple_token")];
        if flags.iter().any(|&(is_set, _)| is_set) {
            reply.bulk(b"flags");
            super::describe::words(reply, flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag));
            count += 1;
        }
        if let Some(parts) = parts {
            reply.bulk(b"arguments");
            list(parts, spec, keys_before, reply);
            count += 1;
        }
        reply.close(map, count);
    }
}

#[cfg(test)]
mod tests {
    use crate::session::Registry;

    #[test]
    fn every_row_has_a_syntax_that_can_be_read() {
        let registry = Registry::whole();
        for entry in registry.entries().iter().flat_map(|entry| std::iter::once(entry).chain(&entry.subcommands)) {
            if let Err(problem) = super::syntax::read(entry.spec.doc.syntax) {
                panic!("{}: {problem}", entry.spec.name);
            }
        }
    }
}
