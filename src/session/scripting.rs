//! The commands that scripts call, found where clients find theirs.

use std::sync::Arc;

use crate::command::Args;
use crate::script::{Callee, Caller, Refusal};
use crate::session::admit::find;
use crate::session::{Board, Handler};

/// Every command of the daemon, as scripts see them.
pub(crate) struct Commands(Arc<Board>);

impl Commands {
    pub(crate) fn new(board: Arc<Board>) -> Commands {
        Commands(board)
    }
}

impl Caller for Commands {
    fn find(&self, args: &Args<'_>) -> Result<Callee, Refusal> {
        let entry = find(&self.0.registry, args).ok_or(Refusal::Unknown)?;
        if !entry.spec.arity.admits(args.len()) || matches!(entry.handler, Handler::Container) {
            return Err(Refusal::Arity);
        }
        Ok(match entry.handler {
            Handler::Data(row) | Handler::Waits(row) => Callee::Data(row, entry.id),
            _ => Callee::Other(entry.spec),
        })
    }

    fn named(&self, name: &[u8], sub: Option<&[u8]>) -> Result<Option<Callee>, Refusal> {
        let Some(mut entry) = self.0.registry.find(name) else { return Ok(None) };
        if !entry.plain {
            let Some(found) = entry.subcommand(sub.ok_or(Refusal::Unknown)?) else { return Ok(None) };
            entry = found;
        }
        Ok(Some(match entry.handler {
            Handler::Data(row) | Handler::Waits(row) => Callee::Data(row, entry.id),
            _ => Callee::Other(entry.spec),
        }))
    }

    fn knows(&self, args: &Args<'_>) -> bool {
        find(&self.0.registry, args).is_some()
    }
}
