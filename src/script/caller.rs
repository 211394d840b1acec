//! Who knows the commands that scripts call: the one thing this room asks of those above it.

use crate::command::{Args, Row, Spec};

/// What the words of a call name.
#[derive(Clone, Copy)]
pub(crate) enum Callee {
    /// A command on data, and its number, where its calls are counted.
    Data(&'static Row, u16),
    /// Another command; few of them can do without a client.
    Other(&'static Spec),
}

/// Why there is nothing to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unknown,
    /// It has too few words or too many.
    Arity,
}

/// Finds commands.
pub(crate) trait Caller {
    /// The command that these words call.
    ///
    /// # Errors
    /// There is none, or not with so many words.
    fn find(&self, args: &Args<'_>) -> Result<Callee, Refusal>;

    /// The command of that name, whatever the number of words; `None` if there is none.
    ///
    /// # Errors
    /// It has subcommands, and `sub`, the second word, is not known.
    fn named(&self, name: &[u8], sub: Option<&[u8]>) -> Result<Option<Callee>, Refusal>;

    /// Whether there is a command of that name.
    fn knows(&self, args: &Args<'_>) -> bool;
}
