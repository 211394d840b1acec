//! The canonical text of every directive, and where each came from. Everything else about settings is derived from this.

use std::sync::Arc;

use super::parse;
use super::table::{self, Directive, Index, Status};

/// Why a value was not taken.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// It is not of the directive's form; the text is Redis's.
    Form(String),
    /// The feature is not there yet; the text says what it waits for.
    Later(&'static str),
}

/// One text for each row of the table, in its order.
#[derive(Clone)]
pub(crate) struct Values {
    texts: Vec<String>,
    origins: Vec<Arc<str>>,
}

impl Values {
    /// The defaults of the table.
    pub(crate) fn defaults() -> Values {
        let origin: Arc<str> = Arc::from("default");
        let text = |row: &Directive| parse::canonical(row, row.default, row.default).unwrap_or_else(|_| row.default.to_owned());
        Values {
            texts: table::rows().map(|(_, _, row)| text(row)).collect(),
            origins: table::rows().map(|_| Arc::clone(&origin)).collect(),
        }
    }

    pub(crate) fn at(&self, index: Index) -> &str {
        &self.texts[index]
    }

    pub(crate) fn origin(&self, index: Index) -> &str {
        &self.origins[index]
    }

    /// The text of a directive by name. The error is a slip of ours, which the tests of `Settings` would show.
    pub(crate) fn text(&self, name: &str) -> Result<&str, String> {
        table::find(name).map(|(index, ..)| self.at(index)).ok_or_else(|| format!("{name} is not in the table"))
    }

    /// Whether the value is the table's (`dir`, which is made absolute, apart).
    pub(crate) fn is_default(&self, index: Index, row: &Directive) -> bool {
        self.at(index) == row.default || self.origin(index) == "default"
    }

    /// What would be stored for `given`.
    pub(crate) fn judge(&self, index: Index, row: &Directive, given: &str) -> Result<String, Refusal> {
        let text = parse::canonical(row, self.at(index), given).map_err(Refusal::Form)?;
        match row.status {
            Status::Later(needs) if text != row.default => Err(Refusal::Later(needs)),
            _ => Ok(text),
        }
    }

    /// Stores a canonical text.
    pub(crate) fn put(&mut self, index: Index, text: String, origin: &str) {
        self.texts[index] = text;
        self.origins[index] = Arc::from(origin);
    }
}
