//! The manifest: which files are the log, in Redis's form. One base, then files of what happened since, in order; and history, to be removed.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b
//! file appendonly.aof.1.incr.aof seq 1 type h
//! file appendonly.aof.2.incr.aof seq 2 type i
//! ```

use std::fmt::Write as _;

/// As Redis: a longer line is no manifest of anyone.
const LINE_BYTES_MAX: usize = 1024;

/// One file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) seq: u64,
}

/// See the module's page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) base: Option<Part>,
    /// Ascending.
    pub(crate) increments: Vec<Part>,
    /// What is needed no more, and may be there still.
    pub(crate) history: Vec<Part>,
}

/// Why a text is no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsound {
    pub(crate) line: usize,
    pub(crate) why: &'static str,
}

impl std::fmt::Display for Unsound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl Manifest {
    /// Reads it. What it says twice, out of order, or not in the form above is refused: a file left out would be data lost in silence.
    pub(crate) fn read(text: &[u8]) -> Result<Manifest, Unsound> {
        let mut manifest = Manifest::default();
        if text.is_empty() {
            return Err(Unsound { line: 1, why: "Found an empty AOF manifest" });
        }
        for (at, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let wrong = |why| Unsound { line: at + 1, why };
            if line.len() > LINE_BYTES_MAX {
                return Err(wrong("The AOF manifest file contains too long line"));
            }
            if line.first() == Some(&b'#') {
                continue;
            }
            let Some(line) = line.strip_suffix(b"\n") else {
                return Err(wrong("The AOF manifest file is cut off in the middle of a line"));
            };
            let (kind, part) = read_line(line).map_err(wrong)?;
            match kind {
                b'b' if manifest.base.is_some() => return Err(wrong("Found duplicate base file information")),
                b'b' => manifest.base = Some(part),
                b'h' => manifest.history.push(part),
                _ => {
                    if manifest.increments.last().is_some_and(|last| last.seq >= part.seq) {
                        return Err(wrong("Found a non-monotonic sequence number"));
                    }
                    manifest.increments.push(part);
                }
            }
        }
        Ok(manifest)
    }

    /// As Redis writes it.
    pub(crate) fn write(&self) -> String {
        let mut text = String::new();
        let all = self.base.iter().map(|part| ('b', part));
        let all = all.chain(self.history.iter().map(|part| ('h', part))).chain(self.increments.iter().map(|part| ('i', part)));
        for (kind, part) in all {
            let _ = writeln!(text, "file {} seq {} type {kind}", quoted(&part.name), part.seq);
        }
        text
    }

    /// Every file that is needed, in the order in which they are read.
    pub(crate) fn needed(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.increments)
    }

    /// A base by its number.
    pub(crate) fn base_of(prefix: &str, seq: u64) -> Part {
        Part { name: format!("{prefix}.{seq}.base.rdb"), seq }
    }

    /// The name of a new increment.
    pub(crate) fn new_increment(&self, prefix: &str) -> Part {
        let seq = self.increments.last().map_or(0, |part| part.seq).saturating_add(1);
        Part { name: format!("{prefix}.{seq}.incr.aof"), seq }
    }
}

fn read_line(line: &[u8]) -> Result<(u8, Part), &'static str> {
    const FORM: &str = "Invalid AOF manifest file format";
    let words = words(line).ok_or(FORM)?;
    if words.len() < 6 || words.len() % 2 != 0 {
        return Err(FORM);
    }
    let (mut name, mut seq, mut kind) = (None, None, None);
    for pair in words.chunks(2) {
        // What else a later version may say is passed over, as Redis does.
        let says = |what: &str| pair[0].eq_ignore_ascii_case(what);
        if says("file") {
            name = Some(pair[1].clone());
        } else if says("seq") {
            seq = pair[1].parse::<u64>().ok();
        } else if says("type") {
            kind = pair[1].bytes().next().filter(|_| pair[1].len() == 1);
        }
    }
    let name = name.filter(|name| !name.is_empty()).ok_or(FORM)?;
    if name.contains(['/', '\\']) || name == "." || name == ".." {
        return Err("File can't be a path, just a filename");
    }
    let seq = seq.filter(|&seq| seq > 0).ok_or(FORM)?;
    match kind.ok_or(FORM)? {
        kind @ (b'b' | b'h' | b'i') => Ok((kind, Part { name, seq })),
        _ => Err("Unknown AOF file type"),
    }
}

/// The words of a line; `"..."` may hold blanks.
fn words(line: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(line).ok()?;
    let (mut words, mut rest) = (Vec::new(), text.trim_matches([' ', '\t', '\r']));
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"')?;
                let (word, after) = (&quoted[..end], &quoted[end + 1..]);
                if word.contains('\\') || !after.is_empty() && !after.starts_with([' ', '\t']) {
                    return None;
                }
                (word, after)
            }
            None => rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = after.trim_start_matches([' ', '\t']);
    }
    Some(words)
}

fn quoted(name: &str) -> String {
    if name.contains([' ', '\t']) { format!("\"{name}\"") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, seq: u64) -> Part {
        Part { name: name.to_owned(), seq }
    }

    #[test]
    fn what_was_written_is_read() {
        let manifest = Manifest {
            base: Some(part("appendonly.aof.2.base.rdb", 2)),
            increments: vec![part("a b.3.incr.aof", 3), part("appendonly.aof.4.incr.aof", 4)],
            history: vec![part("appendonly.aof.1.base.rdb", 1), part("appendonly.aof.1.incr.aof", 1)],
        };
        assert_eq!(Manifest::read(manifest.write().as_bytes()), Ok(manifest.clone()));
        assert_eq!(manifest.new_increment("x").name, "x.5.incr.aof");
        assert_eq!(Manifest::default().new_increment("x").name, "x.1.incr.aof");
    }

    #[test]
    fn what_is_none_is_refused() {
        let refused = |text: &str| Manifest::read(text.as_bytes()).expect_err(text).to_string();
        for (text, why) in [
            ("", "line 1: Found an empty AOF manifest"),
            ("\n", "line 1: Invalid AOF manifest file format"),
            ("file a seq 1 type b\n\nfile b seq 1 type i\n", "line 2: Invalid AOF manifest file format"),
            ("file ../a seq 1 type b\n", "line 1: File can't be a path, just a filename"),
            ("file a/b seq 1 type b\n", "line 1: File can't be a path, just a filename"),
            ("file a seq 1 type b\nfile b seq 2 type b\n", "line 2: Found duplicate base file information"),
            ("file a seq 2 type i\nfile b seq 1 type i\n", "line 2: Found a non-monotonic sequence number"),
            ("file a seq 2 type i\nfile b seq 2 type i\n", "line 2: Found a non-monotonic sequence number"),
            ("file a seq 1 type x\n", "line 1: Unknown AOF file type"),
            ("file a seq 1\n", "line 1: Invalid AOF manifest file format"),
            ("file a seq 1 type\n", "line 1: Invalid AOF manifest file format"),
            ("file a seq one type b\n", "line 1: Invalid AOF manifest file format"),
            ("file a seq 0 type b\n", "line 1: Invalid AOF manifest file format"),
            ("file \"a seq 1 type b\n", "line 1: Invalid AOF manifest file format"),
            ("file a seq 1 type b", "line 1: The AOF manifest file is cut off in the middle of a line"),
        ] {
            assert_eq!(refused(text), why, "{text}");
        }
        assert!(refused(&format!("file {} seq 1 type b\n", "a".repeat(2000))).contains("too long line"));
    }

    #[test]
    fn comments_and_later_words_are_passed_over() {
        let manifest = Manifest::read(b"# made by hand\nFILE a SEQ 1 TYPE b startoffset 12\n").expect("a manifest");
        assert_eq!(manifest.base, Some(part("a", 1)));
    }
}
