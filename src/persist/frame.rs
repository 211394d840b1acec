//! The frame of a batch in the log: a comment line before the commands, which Redis skips, with their length and checksum.
//!
//! ```text
//! #B:<number>:<bytes>:<synced>:<checksum>\r\n
//! ```
//!
//! `number` counts the batches of a file from 1. `synced` is how long the file was when it was last made durable, in bytes from its beginning: what lies
//! before that was told to clients as durable, and if it is damaged, it was damaged afterwards. The checksum is of the line up to here and of the commands.

use crate::rdb;

const MARK: &[u8] = b"#B:";

/// Longer than any header: four numbers of 64 bits and what is between them.
pub(crate) const HEADER_BYTES_MAX: usize = 100;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) number: u64,
    /// Of the commands behind it.
    pub(crate) bytes: u64,
    pub(crate) synced: u64,
    checksum: u64,
    /// Of the line without the checksum.
    seed: u64,
}

/// Appends a batch of commands to `out`.
pub(crate) fn write(number: u64, synced: u64, commands: &[u8], out: &mut Vec<u8>) {
    let line = format!("#B:{number}:{}:{synced}:", commands.len());
    let checksum = rdb::checksum(rdb::checksum(0, line.as_bytes()), commands);
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(format!("{checksum:016x}\r\n").as_bytes());
    out.extend_from_slice(commands);
}

/// Whether a line that begins so is a header, as far as one can see.
pub(crate) fn is_marked(line: &[u8]) -> bool {
    line.starts_with(MARK)
}

/// Reads a line, its end included. `None` if it is no header.
pub(crate) fn read(line: &[u8]) -> Option<Header> {
    let text = line.strip_suffix(b"\r\n").filter(|_| line.len() <= HEADER_BYTES_MAX)?;
    let colon = text.iter().rposition(|&byte| byte == b':')?;
    let (said, checksum) = text.split_at(colon + 1);
    let numbers = std::str::from_utf8(said.strip_prefix(MARK)?.strip_suffix(b":")?).ok()?;
    let mut numbers = numbers.split(':').map(|number| number.parse().ok());
    let (number, bytes, synced) = (numbers.next()??, numbers.next()??, numbers.next()??);
    // One way to write a number, so that no bit of it can change unnoticed.
    let is_canonical = checksum.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if numbers.next().is_some() || checksum.len() != 16 || !is_canonical {
        return None;
    }
    let checksum = u64::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
    Some(Header { number, bytes, synced, checksum, seed: rdb::checksum(0, said) })
}

impl Header {
    /// Whether these are the commands that it stands for.
    pub(crate) fn fits(&self, commands: &[u8]) -> bool {
        commands.len() as u64 == self.bytes && rdb::checksum(self.seed, commands) == self.checksum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut out = Vec::new();
        write(7, 1234, b"*1\r\n$4\r\nPING\r\n", &mut out);
        let end = out.iter().position(|&byte| byte == b'\n').expect("the line ends") + 1;
        let header = read(&out[..end]).expect("a header");
        assert_eq!((header.number, header.bytes, header.synced), (7, 14, 1234));
        assert!(header.fits(&out[end..]));
        for at in 0..out.len() {
            let mut damaged = out.clone();
            damaged[at] ^= 1;
            let fits = read(&damaged[..end]).is_some_and(|header| header.fits(&damaged[end..]));
            assert!(!fits, "a flipped bit in byte {at} goes unnoticed");
        }
    }

    #[test]
    fn headers_are_short() {
        let mut out = Vec::new();
        write(u64::MAX, u64::MAX, b"", &mut out);
        assert!(out.len() <= HEADER_BYTES_MAX);
        for line in [
            "",
            "#B:",
            "#B:1:2:3:\r\n",
            "#B:1:2:3\r\n",
            "#TS:1628217473\r\n",
            "#B:1:2:3:4:00000000000000zz\r\n",
            "#B:-1:2:3:0000000000000000\r\n",
        ] {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
    }
}
