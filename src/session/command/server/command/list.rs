//! COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]: names.

use crate::command::{Args, Categories, Fault};
use crate::glob;
use crate::resp::Reply;
use crate::session::{Entry, Session};

use super::listed;

/// What is asked of a name.
enum Filter<'a> {
    /// There are no modules.
    Module,
    /// `None` for a category that does not exist.
    Category(Option<Categories>),
    Pattern(&'a [u8]),
}

pub(crate) fn run(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let filter = match args.len() {
        2 => None,
        5 if args.is(2, "filterby") && args.is(3, "module") => Some(Filter::Module),
        5 if args.is(2, "filterby") && args.is(3, "aclcat") => Some(Filter::Category(Categories::named(args.get(4)))),
        5 if args.is(2, "filterby") && args.is(3, "pattern") => Some(Filter::Pattern(args.get(4))),
        _ => return Err(Fault::Syntax),
    };
    let entries = session.local.board.registry.entries();
    let names = reply.array_later();
    let mut count = 0;
    let mut name = |entry: &Entry| {
        reply.bulk(entry.spec.name.as_bytes());
        count += 1;
    };
    match filter {
        // Without a filter subcommands are not named, with one they are.
        None => entries.iter().for_each(name),
        Some(filter) => {
            let every = entries.iter().flat_map(|entry| std::iter::once(entry).chain(listed(entry)));
            every.filter(|entry| filter.admits(entry)).for_each(&mut name);
        }
    }
    reply.close(names, count);
    Ok(())
}

impl Filter<'_> {
    fn admits(&self, entry: &Entry) -> bool {
        match self {
            Filter::Module => false,
            Filter::Category(category) => category.is_some_and(|category| entry.spec.all_categories().has(category)),
            Filter::Pattern(pattern) => glob::matches(pattern, entry.spec.name.as_bytes(), true),
        }
    }
}
