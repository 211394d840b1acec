//! The record: what calls leave for the journal, encoded as it will be written.
//!
//! A call that changed something is recorded by its own words, unless it said what to record instead, because its words would not do the same
//! again: they hold a span of time, leave the choice to chance, or to the clock. What one call leaves, if it is more than one command, and what a
//! block leaves is wrapped in MULTI and EXEC, so that it is replayed whole or not at all.

use crate::command::Args;

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// Commands on their way to the journal, in order.
#[derive(Debug, Default)]
pub(crate) struct Record {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// Of the call at hand, or of the last one.
    database: u16,
    /// Where what will be wrapped together begins, and how many commands it has so far.
    start: usize,
    commands: usize,
    /// The call at hand said what to record.
    said: bool,
    /// Calls are wrapped together, not each for itself.
    in_block: bool,
}

/// Commands that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The database that they are about.
    pub(crate) database: u16,
    /// Where they end.
    pub(crate) end: usize,
    /// One command that every part of a unit runs at this place, FLUSHALL or SWAPDB: what the parts did before belongs before it, and what they do
    /// afterwards behind it.
    pub(crate) everywhere: bool,
}

impl Record {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes that it holds.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many commands a part has.
    pub(crate) fn commands(&self) -> usize {
        self.commands
    }

    /// Its commands, and what of them lies together.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (Piece, &[u8])> {
        let mut start = 0;
        self.pieces.iter().map(move |piece| {
            let from = std::mem::replace(&mut start, piece.end);
            (*piece, &self.bytes[from..piece.end])
        })
    }

    // What a call says ----------------------------------------------------------------------------------------------------------

    pub(super) fn begin_call(&mut self, database: usize) {
        // SELECT takes no number beyond 16 bits.
        self.database = u16::try_from(database).unwrap_or(u16::MAX);
        self.said = false;
        if !self.in_block {
            self.start = self.bytes.len();
            self.commands = 0;
        }
    }

    /// The call at hand is recorded as this, not by its own words. Said more than once, it is recorded as all of that, in order.
    pub(crate) fn instead<'a>(&mut self, words: impl IntoIterator<Item = &'a [u8], IntoIter: ExactSizeIterator>) {
        self.said = true;
        self.put(self.database, words.into_iter());
    }

    /// Nothing of the call at hand is recorded, though it changed something.
    pub(crate) fn nothing(&mut self) {
        self.said = true;
    }

    /// Something else happened on the way: a key was found past its deadline.
    pub(crate) fn besides<'a>(&mut self, database: usize, words: impl IntoIterator<Item = &'a [u8], IntoIter: ExactSizeIterator>) {
        self.put(u16::try_from(database).unwrap_or(u16::MAX), words.into_iter());
    }

    /// The call's own words, unless it said something else.
    pub(super) fn words_of(&mut self, args: &Args<'_>) {
        if !self.said {
            self.put(self.database, args.from(0));
        }
    }

    /// The call ran on every slice of the data; the part that `counts` records it, the others its place.
    pub(super) fn everywhere(&mut self, args: &Args<'_>, counts: bool) {
        if counts {
            self.encode(args.from(0));
        }
        self.pieces.push(Piece { database: self.database, end: self.bytes.len(), everywhere: true });
    }

    pub(super) fn end_call(&mut self) {
        if !self.in_block {
            self.wrap();
        }
    }

    // What belongs together -----------------------------------------------------------------------------------------------------

    /// The call at hand is a script: what it calls is recorded, as one with whatever it is part of. Returns what the end has to be told.
    pub(super) fn begin_script(&mut self) -> bool {
        !std::mem::replace(&mut self.in_block, true)
    }

    /// The script is done. Its own words are not recorded.
    pub(super) fn end_script(&mut self, opened: bool) {
        self.in_block &= !opened;
        self.said = true;
    }

    /// Calls from here to the end of the block are replayed whole or not at all.
    pub(crate) fn begin_block(&mut self) {
        self.in_block = true;
        self.start = self.bytes.len();
        self.commands = 0;
    }

    /// The calls of one block are over, or those of another follow; 0 is none.
    pub(crate) fn turn_block(&mut self, last: u8, next: u8) {
        if last != 0 {
            self.end_block();
        }
        if next != 0 {
            self.begin_block();
        }
    }

    pub(crate) fn end_block(&mut self) {
        self.in_block = false;
        self.wrap();
    }

    /// All of this record is a part of a unit: who has the other parts wraps them together.
    pub(crate) fn begin_part(&mut self) {
        self.in_block = true;
    }

    pub(crate) fn end_part(&mut self) {
        self.in_block = false;
    }

    /// Puts MULTI before and EXEC behind what was recorded since `start`, if that is more than one command.
    fn wrap(&mut self) {
        if self.commands < 2 {
            return;
        }
        let start = self.start;
        self.bytes.splice(start..start, MULTI.iter().copied());
        self.bytes.extend_from_slice(EXEC);
        self.pieces.iter_mut().filter(|piece| piece.end > start).for_each(|piece| piece.end += MULTI.len());
        if let Some(last) = self.pieces.last_mut() {
            last.end += EXEC.len();
        }
        self.commands = 0;
    }

    // How it is written ---------------------------------------------------------------------------------------------------------

    fn put<'a>(&mut self, database: u16, words: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.encode(words);
        let end = self.bytes.len();
        match self.pieces.last_mut() {
            Some(last) if last.database == database && !last.everywhere => last.end = end,
            _ => self.pieces.push(Piece { database, end, everywhere: false }),
        }
    }

    fn encode<'a>(&mut self, words: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.commands += 1;
        encode(words, &mut self.bytes);
    }
}

/// Writes a command as clients send it.
pub(crate) fn encode<'a>(words: impl ExactSizeIterator<Item = &'a [u8]>, bytes: &mut Vec<u8>) {
    header(b'*', words.len(), bytes);
    for word in words {
        header(b'$', word.len(), bytes);
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
}

fn header(kind: u8, number: usize, bytes: &mut Vec<u8>) {
    bytes.push(kind);
    // Most words are short, and most calls have few.
    match u8::try_from(number) {
        Ok(digit @ 0..=9) => bytes.push(b'0' + digit),
        _ => bytes.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
    }
    bytes.extend_from_slice(b"\r\n");
}

/// A number as a word.
pub(crate) fn decimal(number: u64) -> Vec<u8> {
    itoa::Buffer::new().format(number).as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces as text: the database before each, and `!` where it is one for all.
    fn text(record: &Record) -> String {
        let piece = |(piece, bytes): (Piece, &[u8])| {
            let words: Vec<&str> = std::str::from_utf8(bytes).expect("text").split("\r\n").filter(|line| !line.starts_with('$')).collect();
            format!("{}{}{}", piece.database, if piece.everywhere { "!" } else { ":" }, words.join(" "))
        };
        record.pieces().map(piece).collect::<Vec<_>>().join("|")
    }

    fn say(record: &mut Record, database: usize, calls: &[&str]) {
        record.begin_call(database);
        for call in calls {
            record.instead(call.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        }
        record.end_call();
    }

    #[test]
    fn one_command_stands_alone_and_several_are_wrapped() {
        let mut record = Record::default();
        say(&mut record, 0, &["SET a 1"]);
        say(&mut record, 0, &["DEL a", "SET a 2"]);
        say(&mut record, 3, &[]);
        say(&mut record, 2, &["DEL b"]);
        assert_eq!(text(&record), "0:*3 SET a 1 *1 MULTI *2 DEL a *3 SET a 2 *1 EXEC |2:*2 DEL b ");
    }

    #[test]
    fn a_block_is_wrapped_whole() {
        let mut record = Record::default();
        say(&mut record, 1, &["SET x 1"]);
        record.begin_block();
        say(&mut record, 1, &["SET a 1"]);
        say(&mut record, 2, &["SET b 1", "SET c 1"]);
        record.end_block();
        record.begin_block();
        say(&mut record, 1, &["SET d 1"]);
        record.end_block();
        assert_eq!(text(&record), "1:*3 SET x 1 *1 MULTI *3 SET a 1 |2:*3 SET b 1 *3 SET c 1 *1 EXEC |1:*3 SET d 1 ");
    }

    #[test]
    fn a_script_is_recorded_as_what_it_called() {
        let mut record = Record::default();
        let script = |record: &mut Record, calls: &[&str]| {
            record.begin_call(0);
            let opened = record.begin_script();
            calls.iter().for_each(|call| say(record, 0, &[call]));
            record.end_script(opened);
            record.words_of(&Args::new(b"", &[]));
            record.end_call();
        };
        script(&mut record, &["SET a 1"]);
        script(&mut record, &["SET b 1", "DEL a"]);
        script(&mut record, &[]);
        record.begin_block();
        script(&mut record, &["SET c 1", "SET d 1"]);
        say(&mut record, 0, &["SET e 1"]);
        record.end_block();
        let expected = "0:*3 SET a 1 *1 MULTI *3 SET b 1 *2 DEL a *1 EXEC *1 MULTI *3 SET c 1 *3 SET d 1 *3 SET e 1 *1 EXEC ";
        assert_eq!(text(&record), expected);
    }

    #[test]
    fn a_part_is_left_open() {
        let mut record = Record::default();
        record.begin_part();
        say(&mut record, 0, &["SET a 1"]);
        say(&mut record, 0, &["SET b 1"]);
        record.end_part();
        assert_eq!((text(&record).as_str(), record.commands()), ("0:*3 SET a 1 *3 SET b 1 ", 2));
    }
}
