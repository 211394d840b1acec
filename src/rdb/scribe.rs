//! Writes entries for the image of a keyspace, whole or in parts, as a file has them.

use std::sync::Arc;

use super::encode::{self, Form, Pack};
use super::file;
use super::writer::Use;
use crate::store::{Entry, Scribe};

/// What of an entry's access bits is worth keeping.
pub(crate) type Usage = Arc<dyn Fn(u32) -> Option<Use> + Send + Sync>;

/// Writes the entries of one database.
pub(crate) struct Clerk {
    usage: Usage,
    pack: Pack,
    /// Where the entry goes on that is being written in parts.
    cursor: Option<u64>,
}

impl Clerk {
    pub(crate) fn new(usage: Usage, pack: Pack) -> Clerk {
        Clerk { usage, pack, cursor: None }
    }

    /// All that stands in front of a value.
    fn begin(&self, entry: Entry<'_>, form: &Form<'_>, target: &mut Vec<u8>) {
        write_front(entry, (self.usage)(entry.access()), form, self.pack, target);
    }
}

pub(super) fn write_front(entry: Entry<'_>, usage: Option<Use>, form: &Form<'_>, pack: Pack, target: &mut Vec<u8>) {
    if let Some(deadline) = entry.deadline() {
        target.push(file::DEADLINE_MS);
        target.extend_from_slice(&deadline.0.to_le_bytes());
    }
    match usage {
        Some(Use::Idle(seconds)) => {
            target.push(file::IDLE);
            encode::length(u64::from(seconds), target);
        }
        Some(Use::Frequency(counter)) => target.extend_from_slice(&[file::FREQUENCY, counter]),
        None => {}
    }
    target.push(form.code());
    encode::string(entry.key(), pack, target);
}

impl Scribe for Clerk {
    fn whole(&mut self, entry: Entry<'_>, target: &mut Vec<u8>) {
        let form = Form::of(entry);
        self.begin(entry, &form, target);
        form.write(self.pack, target);
    }

    fn part(&mut self, entry: Entry<'_>, bytes: usize, target: &mut Vec<u8>) -> bool {
        let form = Form::of(entry);
        let start = target.len();
        let mut cursor = match self.cursor {
            Some(cursor) => cursor,
            None => {
                self.begin(entry, &form, target);
                form.write_head(self.pack, target);
                0
            }
        };
        loop {
            let Some(next) = form.write_part(cursor, self.pack, target) else {
                self.cursor = None;
                return true;
            };
            cursor = next;
            if target.len() - start >= bytes {
                self.cursor = Some(cursor);
                return false;
            }
        }
    }
}
