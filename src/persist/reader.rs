//! Reading a file of the log: batches that fit their checksums, or plain commands as Redis writes them, and what is wrong with the first that is neither.
//!
//! A file that was being written when the power failed ends in what never was durable: that is *torn*, and may be cut off. Damage to what once was
//! durable is *rot*: to go on without it would lose what clients were promised. The headers tell them apart: each says how much of its file was durable
//! when it was written, so that damage before the highest such mark is rot. In plain commands only a missing end is taken for a tear, as Redis does.

use std::io;

use crate::persist::disk::DiskFile;
use crate::persist::frame::{self, HEADER_BYTES_MAX};

/// What is read at once.
const PIECE_BYTES: usize = 1 << 20;

/// A comment is a line, and no longer than this: as Redis.
const COMMENT_BYTES_MAX: usize = 1024;

/// A command of a log has no more words than this, and a word no more bytes.
const WORDS_MAX: u64 = 1 << 31;
const WORD_BYTES_MAX: u64 = 1 << 32;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct LogReader {
    file: Box<dyn DiskFile>,
    len: u64,
    /// Where in the file `buffer[start]` is.
    at: u64,
    buffer: Vec<u8>,
    start: usize,
    /// The number of the last batch; 0 while there was none.
    number: u64,
    /// The highest mark of a header so far.
    synced: u64,
    /// Commands with a checksum, and without one.
    pub(crate) batches: u64,
}

/// Why reading ended before the end.
#[derive(Debug)]
pub(crate) enum Trouble {
    Io(io::Error),
    Damage(Damage),
}

/// The first place from which a file is not sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) at: u64,
    pub(crate) why: &'static str,
    /// It may be cut off here: nothing behind it was durable.
    pub(crate) is_torn: bool,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Io(error)
    }
}

const CUT_OFF: &str = "the file ends in the middle of a batch";
const CUT_COMMAND: &str = "the file ends in the middle of a command or transaction";
const BAD_HEADER: &str = "the header of a batch is damaged";
const BAD_BATCH: &str = "a batch does not fit its checksum";
const MISSING: &str = "a batch is missing before this one";
const NO_COMMAND: &str = "there is neither a command nor a comment";

impl LogReader {
    #[cfg(test)]
    pub(crate) fn new(file: Box<dyn DiskFile>) -> io::Result<LogReader> {
        LogReader::from(file, 0)
    }

    /// Begins at an offset: behind the preamble of an older log.
    pub(crate) fn from(file: Box<dyn DiskFile>, at: u64) -> io::Result<LogReader> {
        let len = file.len()?;
        Ok(LogReader { file, len, at, buffer: Vec::new(), start: 0, number: 0, synced: 0, batches: 0 })
    }

    /// Where the next batch or command begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The number of the last batch.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next commands, whole, and whole transactions; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, Trouble> {
        loop {
            self.fill(HEADER_BYTES_MAX)?;
            match self.rest().first() {
                None => return Ok(None),
                Some(b'#') => {
                    if let Some(end) = self.comment()? {
                        return Ok(Some(&self.buffer[end..self.start]));
                    }
                }
                Some(b'*') => {
                    let bytes = self.plain()?;
                    return Ok(Some(&self.buffer[self.start - bytes..self.start]));
                }
                Some(_) => return Err(self.damage(NO_COMMAND, self.number > 0)?),
            }
        }
    }

    /// A line that begins with `#`. If it is the header of a batch, the batch is read; says where in the buffer it begins.
    fn comment(&mut self) -> Result<Option<usize>, Trouble> {
        self.fill(COMMENT_BYTES_MAX)?;
        let marked = frame::is_marked(self.rest());
        let line = match self.rest().iter().take(COMMENT_BYTES_MAX).position(|&byte| byte == b'\n') {
            Some(end) => end + 1,
            None if self.rest().len() < COMMENT_BYTES_MAX => return Err(self.damage(CUT_OFF, true)?),
            None => return Err(self.damage(NO_COMMAND, self.number > 0)?),
        };
        if !marked {
            // Redis passes over every comment and writes only times; where there are batches, what is neither was a header.
            if self.number > 0 && !self.rest().starts_with(b"#TS:") {
                return Err(self.damage(BAD_HEADER, true)?);
            }
            self.pass(line);
            return Ok(None);
        }
        let Some(header) = frame::read(&self.rest()[..line]) else { return Err(self.damage(BAD_HEADER, true)?) };
        if header.number != self.number + 1 {
            return Err(self.damage(MISSING, true)?);
        }
        let left = self.len - self.at - line as u64;
        let Some(bytes) = usize::try_from(header.bytes).ok().filter(|_| header.bytes <= left) else {
            return Err(self.damage(CUT_OFF, true)?);
        };
        self.fill(line + bytes)?;
        if !self.rest().get(line..line + bytes).is_some_and(|commands| header.fits(commands)) {
            return Err(self.damage(BAD_BATCH, true)?);
        }
        self.number = header.number;
        self.synced = self.synced.max(header.synced);
        self.batches += 1;
        self.pass(line + bytes);
        Ok(Some(self.start - bytes).filter(|_| bytes > 0))
    }

    /// Commands without a checksum: as many as the buffer has whole, at least one. Returns their bytes.
    fn plain(&mut self) -> Result<usize, Trouble> {
        let mut wanted = PIECE_BYTES;
        loop {
            self.fill(wanted)?;
            let at_end = self.at + self.rest().len() as u64 >= self.len;
            match whole_commands(self.rest()) {
                Err(()) => return Err(self.damage(NO_COMMAND, self.number > 0)?),
                Ok(0) if at_end => return Err(self.damage(CUT_COMMAND, true)?),
                Ok(0) => wanted = self.rest().len().saturating_mul(2),
                Ok(bytes) => {
                    self.pass(bytes);
                    return Ok(bytes);
                }
            }
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn pass(&mut self, bytes: usize) {
        self.start += bytes;
        self.at += bytes as u64;
    }

    /// Reads until there are so many bytes in the buffer, or the file ends.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        if self.rest().len() >= bytes {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        while self.buffer.len() < bytes {
            let before = self.buffer.len();
            // No more than the file has is made room for.
            let there = usize::try_from(self.len - self.at - before as u64).unwrap_or(usize::MAX);
            if there == 0 {
                return Ok(());
            }
            self.buffer.resize(before + there.min(PIECE_BYTES.max(bytes - before)), 0);
            let read = self.file.read_at(self.at + before as u64, &mut self.buffer[before..])?;
            self.buffer.truncate(before + read);
            if read == 0 {
                // It was cut off meanwhile.
                self.len = self.at + before as u64;
                return Ok(());
            }
        }
        Ok(())
    }

    /// What is wrong at this place. `may_be_torn`: it may be what a power cut leaves, unless a header behind it says that it was durable.
    fn damage(&mut self, why: &'static str, may_be_torn: bool) -> io::Result<Trouble> {
        let at = self.at;
        let is_torn = may_be_torn && self.synced <= at && self.highest_mark_behind()? <= at;
        Ok(Trouble::Damage(Damage { at, why, is_torn }))
    }

    /// The highest mark of any header behind this place whose batch is sound.
    fn highest_mark_behind(&mut self) -> io::Result<u64> {
        let mut highest = 0;
        loop {
            self.fill(PIECE_BYTES)?;
            // Not only at the beginning of a line: it is the end of the line before that may be damaged.
            let found = self.rest().windows(3).skip(1).position(|window| window == b"#B:").map(|at| at + 1);
            let Some(begin) = found else {
                if self.rest().len() < PIECE_BYTES {
                    return Ok(highest);
                }
                let passed = self.rest().len() - 3;
                self.pass(passed);
                continue;
            };
            self.pass(begin);
            self.fill(HEADER_BYTES_MAX)?;
            let line = self.rest().iter().take(HEADER_BYTES_MAX).position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let Some(header) = frame::read(&self.rest()[..line]) else { continue };
            let left = self.len - self.at - line as u64;
            let Some(bytes) = usize::try_from(header.bytes).ok().filter(|_| header.bytes <= left) else { continue };
            self.fill(line + bytes)?;
            if self.rest().get(line..line + bytes).is_some_and(|commands| header.fits(commands)) {
                highest = highest.max(header.synced);
                self.pass(line + bytes - 1);
            }
        }
    }
}

/// How many bytes of a buffer are whole commands, and whole transactions. An error if it is none that begins there.
fn whole_commands(buffer: &[u8]) -> Result<usize, ()> {
    let (mut at, mut whole, mut in_block) = (0, 0, false);
    while buffer.get(at) == Some(&b'*') {
        let Some((end, name)) = command(&buffer[at..])? else { break };
        if name.eq_ignore_ascii_case(b"multi") {
            in_block = true;
        } else if name.eq_ignore_ascii_case(b"exec") {
            in_block = false;
        }
        at += end;
        if !in_block {
            whole = at;
        }
    }
    // What follows is looked at for itself.
    if whole == 0 && at < buffer.len() && buffer[at] != b'*' && buffer[at] != b'#' {
        return Err(());
    }
    Ok(whole)
}

/// Where the command at the front of a buffer ends, and its name. Nothing if the buffer ends first; an error if it is no command.
fn command(buffer: &[u8]) -> Result<Option<(usize, &[u8])>, ()> {
    let Some((words, mut at)) = number(buffer, 0, b'*', WORDS_MAX)? else { return Ok(None) };
    if words == 0 {
        return Err(());
    }
    let mut name: &[u8] = b"";
    for word in 0..words {
        let Some((bytes, begin)) = number(buffer, at, b'$', WORD_BYTES_MAX)? else { return Ok(None) };
        let end = begin + usize::try_from(bytes).map_err(|_| ())?;
        let Some(text) = buffer.get(begin..end) else { return Ok(None) };
        match buffer.get(end..end + 2) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err(()),
        }
        if word == 0 {
            name = text;
        }
        at = end + 2;
    }
    Ok(Some((at, name)))
}

/// The number of a line at `at` that begins with `kind`, and where the line ends.
fn number(buffer: &[u8], at: usize, kind: u8, most: u64) -> Result<Option<(u64, usize)>, ()> {
    const LINE_MAX: usize = 24;
    let Some(line) = buffer.get(at..) else { return Ok(None) };
    match line.first() {
        None => return Ok(None),
        Some(first) if *first == kind => {}
        Some(_) => return Err(()),
    }
    let Some(end) = line.iter().take(LINE_MAX).position(|&byte| byte == b'\n') else {
        return if line.len() < LINE_MAX { Ok(None) } else { Err(()) };
    };
    let digits = line[1..end].strip_suffix(b"\r").ok_or(())?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse::<u64>().ok()).filter(|&number| number <= most).ok_or(())?;
    Ok(Some((number, at + end + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::disk::Disk;
    use crate::persist::disk::tests::simulated::Simulated;

    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

    /// What is read of a file, and what is wrong with it.
    fn read(bytes: &[u8]) -> (Vec<u8>, Option<Damage>) {
        let disk = Simulated::default();
        disk.put("log", bytes);
        let mut reader = LogReader::new(disk.open("log").expect("it was put there")).expect("it has a length");
        let mut all = Vec::new();
        loop {
            match reader.next() {
                Ok(Some(commands)) => all.extend_from_slice(commands),
                Ok(None) => return (all, None),
                Err(Trouble::Damage(damage)) => return (all, Some(damage)),
                Err(Trouble::Io(error)) => panic!("{error}"),
            }
        }
    }

    /// Three batches; the second knows that the first is durable, the third knows nothing more.
    fn three() -> (Vec<u8>, [usize; 3]) {
        let mut log = Vec::new();
        frame::write(1, 0, PING, &mut log);
        let first = log.len();
        frame::write(2, first as u64, &PING.repeat(2), &mut log);
        let second = log.len();
        frame::write(3, first as u64, PING, &mut log);
        let third = log.len();
        (log, [first, second, third])
    }

    #[test]
    fn batches_and_plain_commands_are_read() {
        let (mut log, _) = three();
        assert_eq!(read(&log), (PING.repeat(4), None));
        log.extend_from_slice(b"#TS:1628217473\r\n");
        log.extend_from_slice(PING);
        frame::write(4, 0, PING, &mut log);
        assert_eq!(read(&log), (PING.repeat(6), None));
    }

    #[test]
    fn a_torn_tail_is_told_from_rot() {
        let (log, [first, second, third]) = three();
        for cut in 1..log.len() {
            let (read, damage) = read(&log[..cut]);
            let whole = [third, second, first].into_iter().find(|&end| end <= cut).unwrap_or(0);
            assert_eq!(
                read.len(),
                [0, 1, 3, 4][[0, first, second, third].iter().position(|&end| end == whole).expect("an end")] * PING.len()
            );
            match damage {
                None => assert_eq!(cut, whole),
                Some(damage) => assert_eq!((damage.at, damage.is_torn), (whole as u64, true), "cut at {cut}"),
            }
        }
        for at in 0..log.len() {
            let mut damaged = log.clone();
            damaged[at] ^= 0x20;
            let (_, damage) = read(&damaged);
            let damage = damage.unwrap_or_else(|| panic!("a flipped bit at {at} goes unnoticed"));
            // The second batch and the third both say that the first was durable. A header that is none any more is a comment, and what is behind it
            // plain commands: the next header misses it.
            assert_eq!(damage.is_torn, at >= first || [1, 2].contains(&at), "at {at}: {damage:?}");
        }
        let mut missing = log[..first].to_vec();
        missing.extend_from_slice(&log[second..]);
        assert_eq!(read(&missing).1, Some(Damage { at: first as u64, why: MISSING, is_torn: true }));
    }

    #[test]
    fn plain_commands_end_as_redis_sees_it() {
        let set = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
        let block = [b"*1\r\n$5\r\nMULTI\r\n".as_slice(), set, b"*1\r\n$4\r\nEXEC\r\n"].concat();
        let log = [set.as_slice(), &block].concat();
        assert_eq!(read(&log), (log.clone(), None));
        for cut in set.len() + 1..log.len() {
            let torn = Some(Damage { at: set.len() as u64, why: CUT_COMMAND, is_torn: true });
            assert_eq!(read(&log[..cut]), (set.to_vec(), torn), "cut at {cut}");
        }
        for bad in ["*1\r\n$4\r\nPINGx\r\n", "*0\r\n", "*1\r\n:4\r\n", "PING\r\n", "*x\r\n", "\0\0\0\0", "*99999999999999999999\r\n"] {
            let (_, damage) = read(bad.as_bytes());
            assert!(damage.is_some_and(|damage| damage.at == 0 && !damage.is_torn), "{bad:?}: {damage:?}");
        }
    }

    #[test]
    fn what_is_announced_is_not_made_room_for() {
        let log = b"*1\r\n$4294967296\r\nx";
        let (_, damage) = read(log);
        assert!(damage.is_some_and(|damage| damage.is_torn));
        let mut log = Vec::new();
        frame::write(1, 0, b"", &mut log);
        log.extend_from_slice(b"#B:2:18446744073709551615:0:0000000000000000\r\nabc");
        assert!(read(&log).1.is_some_and(|damage| damage.is_torn && damage.why == CUT_OFF));
    }
}
