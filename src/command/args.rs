//! The words of one call, as ranges of the buffer they arrived in, and how a command reads them.

use crate::command::Fault;
use crate::resp::{Span, number};

/// The words of one call; word 0 is the command's name.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    pub(crate) fn new(buffer: &'a [u8], spans: &'a [Span]) -> Args<'a> {
        Args { buffer, spans }
    }

    /// How many words, the name included.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Word `at`; empty if there is none, which the arity in the row rules out for the words it counts.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> &'a [u8] {
        let Some(span) = self.spans.get(at) else { return b"" };
        let start = span.start as usize;
        self.buffer.get(start..start + span.len as usize).unwrap_or_default()
    }

    /// Word `at`, which is a key. (The same bytes as [`Args::get`]; the name tells the reader.)
    #[inline]
    pub(crate) fn key(&self, at: usize) -> &'a [u8] {
        self.get(at)
    }

    /// Word `at` as an integer, by Redis's strict rules.
    pub(crate) fn int(&self, at: usize) -> Result<i64, Fault> {
        number::parse_integer(self.get(at)).ok_or(Fault::NotInteger)
    }

    /// Word `at` as a count: an integer that is not negative. Whatever else it is, Redis says the same.
    pub(crate) fn count(&self, at: usize) -> Result<usize, Fault> {
        number::parse_integer(self.get(at)).and_then(|count| usize::try_from(count).ok()).ok_or(Fault::NotPositive)
    }

    /// Whether word `at` is `word`, in any case. `word` is written in lower case.
    pub(crate) fn is(&self, at: usize, word: &str) -> bool {
        self.get(at).eq_ignore_ascii_case(word.as_bytes())
    }

    /// The words from `at` on.
    pub(crate) fn from(self, at: usize) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone {
        let spans = self.spans.get(at..).unwrap_or_default();
        spans.iter().map(move |span| {
            let start = span.start as usize;
            self.buffer.get(start..start + span.len as usize).unwrap_or_default()
        })
    }

    /// The words from `at` on in pairs (field and value, key and value); a last odd word is left out.
    pub(crate) fn pairs(self, at: usize) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
        let spans = self.spans.get(at..).unwrap_or_default();
        spans.as_chunks::<2>().0.iter().map(move |[a, b]| (self.word(*a), self.word(*b)))
    }

    /// The call without its first `count` words: what COMMAND GETKEYS is asked about.
    pub(crate) fn after(self, count: usize) -> Args<'a> {
        Args { buffer: self.buffer, spans: self.spans.get(count..).unwrap_or_default() }
    }

    /// A cursor over the options that begin at word `at`.
    pub(crate) fn options(self, at: usize) -> Options<'a> {
        Options { args: self, at }
    }

    /// The ranges themselves, for who routes the words on.
    pub(crate) fn spans(&self) -> &'a [Span] {
        self.spans
    }

    /// The words alone, one behind the other at the end of `bytes`, and where they are there. `None` if 32 bits do not reach so far.
    pub(crate) fn copy_to(self, bytes: &mut Vec<u8>) -> Option<Vec<Span>> {
        self.from(0)
            .map(|word| {
                let start = u32::try_from(bytes.len()).ok()?;
                bytes.extend_from_slice(word);
                u32::try_from(bytes.len()).ok()?;
                Some(Span { start, len: u32::try_from(word.len()).ok()? })
            })
            .collect()
    }

    fn word(&self, span: Span) -> &'a [u8] {
        let start = span.start as usize;
        self.buffer.get(start..start + span.len as usize).unwrap_or_default()
    }
}

/// A cursor over the options of a call: `while let Some(option) = options.next() { ... }`.
pub(crate) struct Options<'a> {
    args: Args<'a>,
    at: usize,
}

impl<'a> Options<'a> {
    /// The next word, or `None` at the end.
    pub(crate) fn next(&mut self) -> Option<&'a [u8]> {
        if self.at >= self.args.len() {
            return None;
        }
        self.at += 1;
        Some(self.args.get(self.at - 1))
    }

    /// The operand of the option just read; a syntax error if there is none.
    pub(crate) fn operand(&mut self) -> Result<&'a [u8], Fault> {
        self.next().ok_or(Fault::Syntax)
    }

    /// The operand of the option just read, an integer.
    pub(crate) fn int(&mut self) -> Result<i64, Fault> {
        number::parse_integer(self.operand()?).ok_or(Fault::NotInteger)
    }

    /// How many words are left.
    pub(crate) fn left(&self) -> usize {
        self.args.len() - self.at
    }

    /// Where the cursor stands: the index of the next word.
    pub(crate) fn position(&self) -> usize {
        self.at
    }
}
