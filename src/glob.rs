//! The pattern language of KEYS, PSUBSCRIBE, ACL and CONFIG GET.
//!
//! `*` is any bytes, `?` one byte, `[a-z]` and `[^a-z]` one byte in or out of a class, `\` takes the next byte as it is. What is
//! odd in Redis is odd here: a class that is not closed ends with the pattern (`[^` is any byte), `[]` is empty, ranges compare
//! bytes as signed, and case is not folded behind a `\` in a class. But for one thing: stars match the empty text.
//!
//! Matching goes back to the last star only and never calls itself, so its time is at most the product of the two lengths and its
//! stack is flat. For many texts, [`Pattern`] reads the pattern once.

/// Whether `text` as a whole matches `pattern`. `fold_case` makes ASCII letters equal to their other case.
pub(crate) fn matches(pattern: &[u8], text: &[u8], fold_case: bool) -> bool {
    let stars = |from: usize| from + count_stars(&pattern[from..]);
    let step = |at: usize, byte: u8| match pattern[at] {
        b'?' => Some(at + 1),
        b'[' => {
            let mut hit = false;
            let (negated, end) = read_class(&pattern[at + 1..], |item| hit |= item.contains(byte, fold_case));
            (hit != negated).then_some(at + 1 + end)
        }
        first => {
            let (literal, next) = literal(first, &pattern[at + 1..]);
            equal(literal, byte, fold_case).then_some(at + next)
        }
    };
    search(pattern.len(), text, stars, step)
}

/// A pattern read once, for matching against many texts: runs of stars are one star, a class of any length is one look-up.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    elements: Vec<Element>,
    classes: Vec<[bool; 256]>,
    fold_case: bool,
    /// The same, if it is stars and plain bytes only, as most are.
    plain: Option<Plain>,
}

/// Plain bytes with stars between them: `user:*`, `*:cart:*`.
#[derive(Clone, Debug)]
struct Plain {
    /// Before the first star; everything, if there is none.
    prefix: Vec<u8>,
    /// Between stars.
    middle: Vec<Vec<u8>>,
    /// Behind the last star, if there is one.
    suffix: Option<Vec<u8>>,
}

impl Plain {
    fn of(elements: &[Element], fold_case: bool) -> Option<Plain> {
        let mut runs = vec![Vec::new()];
        for element in elements {
            match (element, runs.last_mut()) {
                (Element::Stars, _) => runs.push(Vec::new()),
                (Element::Literal(byte), Some(run)) if !fold_case => run.push(*byte),
                _ => return None,
            }
        }
        let suffix = if runs.len() > 1 { runs.pop() } else { None };
        let prefix = runs.remove(0);
        Some(Plain { prefix, middle: runs, suffix })
    }

    fn matches(&self, text: &[u8]) -> bool {
        if text.len() < self.prefix.len() || !are_equal(&text[..self.prefix.len()], &self.prefix) {
            return false;
        }
        let mut rest = &text[self.prefix.len()..];
        let Some(suffix) = &self.suffix else { return rest.is_empty() };
        let Some(end) = rest.len().checked_sub(suffix.len()) else { return false };
        if !are_equal(&rest[end..], suffix) {
            return false;
        }
        rest = &rest[..end];
        // The first place that fits leaves the most for what follows.
        for run in &self.middle {
            let Some(at) = find(rest, run) else { return false };
            rest = &rest[at + run.len()..];
        }
        true
    }
}

/// Whether two slices of one length are equal. By hand: they are short, and often empty, for which `memcmp` reads an address that is none; the
/// processor then takes longer to find out that it need not than all the rest of a match takes.
#[inline]
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).all(|(one, other)| one == other)
}

fn find(text: &[u8], run: &[u8]) -> Option<usize> {
    let Some((first, others)) = run.split_first() else { return Some(0) };
    let last = text.len().checked_sub(run.len())?;
    (0..=last).find(|&at| text[at] == *first && are_equal(&text[at + 1..at + run.len()], others))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Stars,
    Any,
    Literal(u8),
    /// An index of `classes`.
    Class(u32),
}

impl Pattern {
    pub(crate) fn new(pattern: &[u8], fold_case: bool) -> Pattern {
        let (mut elements, mut classes) = (Vec::new(), Vec::new());
        let mut rest = pattern;
        while let [first, after @ ..] = rest {
            let (element, taken) = match first {
                b'*' => (Element::Stars, count_stars(rest)),
                b'?' => (Element::Any, 1),
                b'[' => {
                    let mut class = [false; 256];
                    let (negated, end) = read_class(after, |item| {
                        for byte in 0..=u8::MAX {
                            class[usize::from(byte)] |= item.contains(byte, fold_case);
                        }
                    });
                    class.iter_mut().for_each(|inside| *inside ^= negated);
                    // Patterns often repeat a class; a long one of nothing else must not cost 256 bytes for every two.
                    let known = classes.iter().rev().take(8).position(|known| *known == class);
                    let index = known.map_or(classes.len(), |back| classes.len() - 1 - back);
                    if known.is_none() {
                        classes.push(class);
                    }
                    (Element::Class(u32::try_from(index).unwrap_or(u32::MAX)), 1 + end)
                }
                first => {
                    let (literal, taken) = literal(*first, after);
                    (Element::Literal(literal), taken)
                }
            };
            elements.push(element);
            rest = &rest[taken..];
        }
        let plain = Plain::of(&elements, fold_case);
        Pattern { elements, classes, fold_case, plain }
    }

    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        if let Some(plain) = &self.plain {
            return plain.matches(text);
        }
        let stars = |from: usize| from + usize::from(self.elements.get(from) == Some(&Element::Stars));
        let step = |at: usize, byte: u8| {
            let hit = match self.elements[at] {
                Element::Stars => false,
                Element::Any => true,
                Element::Literal(literal) => equal(literal, byte, self.fold_case),
                Element::Class(index) => self.classes.get(index as usize).is_some_and(|class| class[usize::from(byte)]),
            };
            hit.then_some(at + 1)
        };
        search(self.elements.len(), text, stars, step)
    }
}

/// Walks text and pattern side by side. `stars(at)` skips the stars at `at`; `step(at, byte)` says where the pattern goes on if its
/// element at `at`, which is no star, takes `byte`.
fn search(end: usize, text: &[u8], stars: impl Fn(usize) -> usize, step: impl Fn(usize, u8) -> Option<usize>) -> bool {
    let (mut at, mut read) = (0, 0);
    // Behind the last star: where the pattern goes on, and the text that the star has not swallowed yet. A star before it need not
    // be tried again: whatever it would swallow more, the last one can swallow as well.
    let mut retry = None;
    loop {
        let behind = stars(at);
        if behind == end && (behind > at || read == text.len()) {
            return true;
        }
        let Some(byte) = text.get(read) else { return false };
        if behind > at {
            (at, retry) = (behind, Some((behind, read)));
        }
        let next = if at < end { step(at, *byte) } else { None };
        (at, read) = match (next, retry) {
            (Some(next), _) => (next, read + 1),
            (None, Some((behind, from))) => {
                retry = Some((behind, from + 1));
                (behind, from + 1)
            }
            (None, None) => return false,
        };
    }
}

/// The stars at the beginning of `pattern`. By blocks, because someone will send a megabyte of them.
fn count_stars(pattern: &[u8]) -> usize {
    let blocks = pattern.chunks_exact(64).take_while(|block| block.iter().fold(true, |all, byte| all & (*byte == b'*'))).count();
    let rest = &pattern[blocks * 64..];
    blocks * 64 + rest.iter().take_while(|byte| **byte == b'*').count()
}

/// The byte that is meant by `first` and what follows, and how many bytes say so. A `\` at the very end means itself.
fn literal(first: u8, after: &[u8]) -> (u8, usize) {
    match (first, after) {
        (b'\\', [escaped, ..]) => (*escaped, 2),
        (first, _) => (first, 1),
    }
}

fn equal(literal: u8, byte: u8, fold_case: bool) -> bool {
    literal == byte || (fold_case && literal.eq_ignore_ascii_case(&byte))
}

/// What a class lists.
#[derive(Clone, Copy, Debug)]
enum Item {
    Escaped(u8),
    Byte(u8),
    Range(u8, u8),
}

impl Item {
    fn contains(self, byte: u8, fold_case: bool) -> bool {
        match self {
            Item::Escaped(item) => item == byte,
            Item::Byte(item) => equal(item, byte, fold_case),
            Item::Range(first, last) => {
                // The ends are put in order first and folded then, so that `[Z-a]` has no letter when case is folded.
                let (first, last) = if first.cast_signed() <= last.cast_signed() { (first, last) } else { (last, first) };
                let folded = |byte: u8| if fold_case { byte.to_ascii_lowercase() } else { byte }.cast_signed();
                (folded(first)..=folded(last)).contains(&folded(byte))
            }
        }
    }
}

/// Visits the items of the class that begins in `pattern`, behind its `[`, and tells whether it is negated and where it ends.
fn read_class(pattern: &[u8], mut visit: impl FnMut(Item)) -> (bool, usize) {
    let negated = pattern.first() == Some(&b'^');
    let mut at = usize::from(negated);
    loop {
        let (item, taken) = match &pattern[at..] {
            [] => return (negated, at),
            [b'\\', escaped, ..] => (Item::Escaped(*escaped), 2),
            [b']', ..] => return (negated, at + 1),
            [first, b'-', last, ..] => (Item::Range(*first, *last), 3),
            [byte, ..] => (Item::Byte(*byte), 1),
        };
        visit(item);
        at += taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    /// Both ways of matching, which must agree.
    fn agreed(pattern: &[u8], text: &[u8], fold_case: bool) -> bool {
        let direct = matches(pattern, text, fold_case);
        assert_eq!(Pattern::new(pattern, fold_case).matches(text), direct, "{} {}", pattern.escape_ascii(), text.escape_ascii());
        direct
    }

    /// Read off KEYS of Redis 7.0.15, but for the empty text.
    #[test]
    fn odd_patterns_match_as_in_redis() {
        let cases: &[(&[u8], &[u8], bool)] = &[
            (b"*", b"", true),
            (b"**", b"", true),
            (b"", b"", true),
            (b"", b"a", false),
            (b"?", b"", false),
            (b"**", b"a", true),
            (b"a**", b"a", true),
            (b"*a", b"a", true),
            (b"[^x]*", b"", false),
            (b"[", b"[", false),
            (b"[", b"a", false),
            (b"[^", b"a", true),
            (b"[^", b"", false),
            (b"[a", b"a", true),
            (b"[a", b"b", false),
            (b"[a-", b"a", true),
            (b"[a-", b"-", true),
            (b"[a-]", b"a", true),
            (b"[a-]", b"_", true),
            (b"[a-]", b"]", true),
            (b"[a-]x", b"ax", false),
            (b"[z-a]", b"m", true),
            (b"[]", b"]", false),
            (b"[]", b"a", false),
            (b"[^]", b"a", true),
            (b"[]a]", b"a]", false),
            (b"[]a]", b"]", false),
            (b"[\\]]", b"]", true),
            (b"[\\-a]", b"-", true),
            (b"[a\\-z]", b"-", true),
            (b"[a\\-z]", b"b", false),
            (b"[\\", b"\\", true),
            (b"[a\\", b"\\", true),
            (b"\\", b"\\", true),
            (b"a\\", b"a\\", true),
            (b"a\\", b"a", false),
            (b"\\*", b"*", true),
            (b"\\*", b"a", false),
            (b"\\a", b"a", true),
            (b"\\\\", b"\\", true),
            (b"[a-\xff]", b"b", false),
            (b"[a-\xff]", b"\xff", true),
            (b"[a-\xff]", b"\x80", false),
            (b"[a-\xff]", b"0", true),
            (b"[\x80-\xff]", b"\x90", true),
            (b"a*b", b"aXb", true),
            (b"a*b", b"ab", true),
            (b"*[", b"ab", false),
            (b"*[^", b"ab", true),
            (b"[^a-c]", b"b", false),
            (b"[^a-c]", b"d", true),
            (b"[a-c-e]", b"d", false),
            (b"[a-c-e]", b"-", true),
            (b"[a^]", b"^", true),
            (b"[^^]", b"^", false),
            (b"[--a]", b".", true),
            (b"[*]", b"*", true),
            (b"[?]", b"a", false),
            (b"a[", b"a", false),
            (b"a[", b"a[", false),
            (b"a*[", b"a", false),
            (b"x\\*", b"x*", true),
            (b"[a-\\]]", b"b", false),
            (b"[a-\\]]", b"\\]", true),
            (b"[a-\\", b"`", true),
            (b"[\\a-z]", b"b", false),
            (b"[\\a-z]", b"-", true),
            (b"news.*.[a-c]?", b"news.it.bx", true),
            (b"*ab*ab", b"abaab", true),
            (b"*ab*ab", b"aab", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(agreed(pattern, text, false), *expected, "{} {}", pattern.escape_ascii(), text.escape_ascii());
        }
    }

    #[test]
    fn case_folds_where_asked() {
        for (pattern, text, expected) in [
            ("MaxMemory*", "maxmemory-policy", true),
            ("[A-C]x", "bX", true),
            ("[Z-a]", "z", false),
            ("[\\A]", "a", false),
            ("\\A", "a", true),
        ] {
            assert_eq!(agreed(pattern.as_bytes(), text.as_bytes(), true), expected, "{pattern} {text}");
            assert!(pattern == "[Z-a]" || !agreed(pattern.as_bytes(), text.as_bytes(), false));
        }
    }

    #[test]
    fn hostile_patterns_stay_fast() {
        let begin = Instant::now();
        let alternating = [&b"*a".repeat(50_000)[..], b"b"].concat();
        let key = b"a".repeat(1000);
        for pattern in [
            &alternating[..],
            &b"*".repeat(100_000),
            &[&b"*".repeat(1 << 20)[..], b"x"].concat(),
            &b"a".repeat(1 << 20),
            &b"[".repeat(1 << 20),
        ] {
            for _ in 0..20 {
                assert_eq!(matches(pattern, &key, false), pattern.len() == 100_000 && pattern.ends_with(b"*"));
            }
        }
        // The key's length times a pattern that is one class of a megabyte: read once, it is one element.
        let class = Pattern::new(&[b"*[", &b"a-c".repeat(350_000)[..], b"]z"].concat(), false);
        let stars = Pattern::new(&[&b"*".repeat(1 << 20)[..], b"x"].concat(), false);
        for _ in 0..1000 {
            assert!(!class.matches(&key) && !stars.matches(&key));
        }
        // A hundredth of what backtracking over every star would need; no measurement.
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }

    /// The language by definition, one element at a time.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|taken| naive(rest, &text[taken..])),
            (_, []) => false,
            ([b'?', rest @ ..], [_, text @ ..]) => naive(rest, text),
            ([b'[', rest @ ..], [byte, text @ ..]) => {
                let (negated, mut items) = match rest {
                    [b'^', items @ ..] => (true, items),
                    items => (false, items),
                };
                let mut hit = false;
                let after = loop {
                    match items {
                        [] => break items,
                        [b'\\', escaped, rest @ ..] => (hit, items) = (hit || escaped == byte, rest),
                        [b']', rest @ ..] => break rest,
                        [a, b'-', b, rest @ ..] => (hit, items) = (hit || (a <= byte && byte <= b) || (b <= byte && byte <= a), rest),
                        [item, rest @ ..] => (hit, items) = (hit || item == byte, rest),
                    }
                };
                hit != negated && naive(after, text)
            }
            ([b'\\', escaped, rest @ ..], [byte, text @ ..]) => escaped == byte && naive(rest, text),
            ([item, rest @ ..], [byte, text @ ..]) => item == byte && naive(rest, text),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn matching_is_what_the_definition_says(pattern in r"[ab*?\[\]^\\-]{0,12}", text in r"[ab\]\\-]{0,10}") {
            prop_assert_eq!(agreed(pattern.as_bytes(), text.as_bytes(), false), naive(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn stars_find_what_the_definition_finds(pattern in "[ab*]{0,14}", text in "[ab]{0,14}") {
            prop_assert_eq!(agreed(pattern.as_bytes(), text.as_bytes(), false), naive(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn any_bytes_may_be_matched(pattern: Vec<u8>, text: Vec<u8>, fold_case: bool) {
            let _ = agreed(&pattern, &text, fold_case);
        }
    }
}
