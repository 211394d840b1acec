//! The row of a command: its name, arity, keys, flags, categories and documentation, and the function that does it.
//!
//! Everything that is said about a command anywhere (COMMAND, routing, ACL, gates, the reference page) is read from here.

use crate::command::{Args, Cx, Fault, Waits};
use crate::resp::{Reply, number};

/// What a data command does, given its context and words; it writes its reply as it goes.
pub(crate) type Run = fn(&mut Cx<'_>, &Args<'_>, &mut Reply<'_>) -> Result<(), Fault>;

/// A data command: what is known about it, and what it does.
pub(crate) struct Row {
    pub(crate) spec: Spec,
    pub(crate) run: Run,
    pub(crate) spread: Spread,
    /// Says of a call whether it looks at keys that its words do not name, so that it needs every shard (SORT's patterns). A row that has
    /// this has no single key, or routing would not ask.
    pub(crate) beyond: Option<fn(&Args<'_>) -> bool>,
    /// Its calls may wait.
    pub(crate) waits: Option<&'static Waits>,
}

/// What is known about a command, data or session.
pub(crate) struct Spec {
    /// Lower case. A subcommand is written `container|name`.
    pub(crate) name: &'static str,
    pub(crate) arity: Arity,
    pub(crate) keys: &'static [KeySpec],
    pub(crate) flags: Flags,
    /// Besides those that follow from the flags.
    pub(crate) categories: Categories,
    pub(crate) doc: Doc,
    /// COMMAND tips, as Redis names them (`request_policy:all_shards`).
    pub(crate) tips: &'static [&'static str],
    pub(crate) secret: Secret,
}

/// Words that are shown to nobody but who handles the call: MONITOR and every log show `(redacted)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    Nothing,
    /// All behind the name.
    Everything,
    /// The two behind this one.
    Behind(&'static str),
}

impl Secret {
    /// Whether word `at` of a call must not be shown.
    pub(crate) fn hides(self, args: &Args<'_>, at: usize) -> bool {
        match self {
            Secret::Nothing => false,
            Secret::Everything => at > 0,
            Secret::Behind(word) => (1..=2).any(|back| at > back && args.is(at - back, word)),
        }
    }
}

/// How many words a call has, its name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arity {
    pub(crate) least: u32,
    pub(crate) most: u32,
}

impl Arity {
    pub(crate) const fn exactly(words: u32) -> Arity {
        Arity { least: words, most: words }
    }

    pub(crate) const fn at_least(words: u32) -> Arity {
        Arity { least: words, most: u32::MAX }
    }

    pub(crate) fn admits(self, words: usize) -> bool {
        words >= self.least as usize && words <= self.most as usize
    }

    /// As COMMAND prints it: negative for "at least".
    pub(crate) fn signed(self) -> i64 {
        if self.most == u32::MAX { -i64::from(self.least) } else { i64::from(self.least) }
    }
}

/// Where some of a call's keys stand, and what is done to them. The one key extractor: routing, COMMAND GETKEYS and, later, ACL and
/// cluster redirections all go through [`keys_of`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySpec {
    /// Index of the first key, or of the word that counts the keys.
    pub(crate) begin: usize,
    pub(crate) find: Find,
    pub(crate) access: Access,
}

/// How the keys go on from `begin`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Find {
    /// Up to `last` (relative to `begin`; negative counts from the last word, -1 being it), every `step` words.
    Range { last: i32, step: usize },
    /// The word at `begin` says how many keys follow it, `step` words apart.
    Counted { step: usize },
    /// Behind the first `word` from `begin` on: the first half of the rest, of which the second half is what belongs to each key.
    ///
    /// `options` are those that may stand before it, with the number of their operands: an operand may be that very word.
    Halved { word: &'static str, options: &'static [(&'static str, usize)] },
    /// COMMAND cannot say. `at` finds the word of a call that is one, if any is; without it the keys are not among the words at all.
    Unknown { at: Option<fn(&Args<'_>) -> Option<usize>> },
    /// The key follows this word, wherever from `begin` on it stands.
    Behind { word: &'static str },
}

impl KeySpec {
    pub(crate) const fn at(begin: usize, access: Access) -> KeySpec {
        KeySpec { begin, find: Find::Range { last: 0, step: 1 }, access }
    }

    /// From `begin` to the last word, every `step`.
    pub(crate) const fn rest(begin: usize, step: usize, access: Access) -> KeySpec {
        KeySpec { begin, find: Find::Range { last: -1, step }, access }
    }

    /// Behind `word`, which is looked for from `begin` on: see [`Find::Halved`].
    pub(crate) const fn halved(begin: usize, word: &'static str, options: &'static [(&'static str, usize)], access: Access) -> KeySpec {
        KeySpec { begin, find: Find::Halved { word, options }, access }
    }

    pub(crate) const fn counted(begin: usize, step: usize, access: Access) -> KeySpec {
        KeySpec { begin, find: Find::Counted { step }, access }
    }

    /// The word behind `word`, which is looked for from `begin` on (GEORADIUS .. STORE key).
    pub(crate) const fn behind(word: &'static str, begin: usize, access: Access) -> KeySpec {
        KeySpec { begin, find: Find::Behind { word }, access }
    }
}

impl KeySpec {
    /// A key whose place COMMAND cannot tell.
    pub(crate) const fn unknown(access: Access, at: Option<fn(&Args<'_>) -> Option<usize>>) -> KeySpec {
        KeySpec { begin: 0, find: Find::Unknown { at }, access }
    }
}

/// What a command does to a key, in the words of COMMAND's key specifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access(u16);

impl Access {
    pub(crate) const RO: Access = Access(1);
    pub(crate) const RW: Access = Access(1 << 1);
    pub(crate) const OW: Access = Access(1 << 2);
    pub(crate) const RM: Access = Access(1 << 3);
    pub(crate) const ACCESS: Access = Access(1 << 4);
    pub(crate) const UPDATE: Access = Access(1 << 5);
    pub(crate) const INSERT: Access = Access(1 << 6);
    pub(crate) const DELETE: Access = Access(1 << 7);
    pub(crate) const VARIABLE: Access = Access(1 << 8);
    /// It is no key, but is routed like one: a sharded channel.
    pub(crate) const NOT_KEY: Access = Access(1 << 9);

    pub(crate) const fn and(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }

    /// The names in the order in which Redis lists them.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [&str; 10] = ["RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "variable_flags", "not_key"];
        NAMES.into_iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| name)
    }
}

/// What kind of command this is, in the words of COMMAND.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u32);

#[allow(dead_code, reason = "the vocabulary of COMMAND is whole; families to come use the rest")]
impl Flags {
    pub(crate) const NONE: Flags = Flags(0);
    pub(crate) const WRITE: Flags = Flags(1);
    pub(crate) const READONLY: Flags = Flags(1 << 1);
    pub(crate) const DENYOOM: Flags = Flags(1 << 2);
    pub(crate) const ADMIN: Flags = Flags(1 << 3);
    pub(crate) const PUBSUB: Flags = Flags(1 << 4);
    pub(crate) const NOSCRIPT: Flags = Flags(1 << 5);
    pub(crate) const BLOCKING: Flags = Flags(1 << 6);
    pub(crate) const LOADING: Flags = Flags(1 << 7);
    pub(crate) const STALE: Flags = Flags(1 << 8);
    pub(crate) const SKIP_MONITOR: Flags = Flags(1 << 9);
    pub(crate) const SKIP_SLOWLOG: Flags = Flags(1 << 10);
    pub(crate) const ASKING: Flags = Flags(1 << 11);
    pub(crate) const FAST: Flags = Flags(1 << 12);
    pub(crate) const NO_AUTH: Flags = Flags(1 << 13);
    pub(crate) const MAY_REPLICATE: Flags = Flags(1 << 14);
    pub(crate) const NO_MANDATORY_KEYS: Flags = Flags(1 << 15);
    pub(crate) const PROTECTED: Flags = Flags(1 << 16);
    pub(crate) const NO_ASYNC_LOADING: Flags = Flags(1 << 17);
    pub(crate) const NO_MULTI: Flags = Flags(1 << 18);
    pub(crate) const ALLOW_BUSY: Flags = Flags(1 << 19);
    pub(crate) const MOVABLE_KEYS: Flags = Flags(1 << 20);
    /// Never queued by MULTI; not told by COMMAND.
    pub(crate) const IMMEDIATE: Flags = Flags(1 << 21);
    /// Runs what MULTI queued; not told by COMMAND.
    pub(crate) const RUNS_QUEUE: Flags = Flags(1 << 22);
    /// May be asked by a client that speaks RESP2 and listens to something; not told by COMMAND.
    pub(crate) const SUBSCRIBED: Flags = Flags(1 << 23);
    /// It is answered while a script holds shards, though it asks them; not told by COMMAND.
    pub(crate) const UNDISTURBED: Flags = Flags(1 << 24);
    /// It writes if its script does; not told by COMMAND.
    pub(crate) const MAY_WRITE: Flags = Flags(1 << 25);
    /// Asks whether all is well: refused as writes are while the data cannot be saved; not told by COMMAND.
    pub(crate) const PROBE: Flags = Flags(1 << 28);

    pub(crate) const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    pub(crate) const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names as COMMAND prints them; those that COMMAND does not tell have none.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [&str; 21] = [
            "write",
            "readonly",
            "denyoom",
            "admin",
            "pubsub",
            "noscript",
            "blocking",
            "loading",
            "stale",
            "skip_monitor",
            "skip_slowlog",
            "asking",
            "fast",
            "no_auth",
            "may_replicate",
            "no_mandatory_keys",
            "",
            "no_async_loading",
            "no_multi",
            "allow_busy",
            "movablekeys",
        ];
        NAMES.into_iter().enumerate().filter(move |(bit, name)| self.0 & (1 << bit) != 0 && !name.is_empty()).map(|(_, name)| name)
    }
}

/// ACL categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Categories(u32);

#[allow(dead_code, reason = "the categories of ACL are whole; families to come use the rest")]
impl Categories {
    pub(crate) const NONE: Categories = Categories(0);
    pub(crate) const KEYSPACE: Categories = Categories(1);
    pub(crate) const READ: Categories = Categories(1 << 1);
    pub(crate) const WRITE: Categories = Categories(1 << 2);
    pub(crate) const SET: Categories = Categories(1 << 3);
    pub(crate) const SORTEDSET: Categories = Categories(1 << 4);
    pub(crate) const LIST: Categories = Categories(1 << 5);
    pub(crate) const HASH: Categories = Categories(1 << 6);
    pub(crate) const STRING: Categories = Categories(1 << 7);
    pub(crate) const BITMAP: Categories = Categories(1 << 8);
    pub(crate) const HYPERLOGLOG: Categories = Categories(1 << 9);
    pub(crate) const GEO: Categories = Categories(1 << 10);
    pub(crate) const STREAM: Categories = Categories(1 << 11);
    pub(crate) const PUBSUB: Categories = Categories(1 << 12);
    pub(crate) const ADMIN: Categories = Categories(1 << 13);
    pub(crate) const FAST: Categories = Categories(1 << 14);
    pub(crate) const SLOW: Categories = Categories(1 << 15);
    pub(crate) const BLOCKING: Categories = Categories(1 << 16);
    pub(crate) const DANGEROUS: Categories = Categories(1 << 17);
    pub(crate) const CONNECTION: Categories = Categories(1 << 18);
    pub(crate) const TRANSACTION: Categories = Categories(1 << 19);
    pub(crate) const SCRIPTING: Categories = Categories(1 << 20);

    /// Every category's name, in Redis's order.
    pub(crate) const NAMES: [&str; 21] = [
        "keyspace",
        "read",
        "write",
        "set",
        "sortedset",
        "list",
        "hash",
        "string",
        "bitmap",
        "hyperloglog",
        "geo",
        "stream",
        "pubsub",
        "admin",
        "fast",
        "slow",
        "blocking",
        "dangerous",
        "connection",
        "transaction",
        "scripting",
    ];

    pub(crate) const fn and(self, other: Categories) -> Categories {
        Categories(self.0 | other.0)
    }

    pub(crate) const fn has(self, other: Categories) -> bool {
        self.0 & other.0 != 0
    }

    /// The category of that name, in any case.
    pub(crate) fn named(name: &[u8]) -> Option<Categories> {
        Categories::NAMES.iter().position(|known| name.eq_ignore_ascii_case(known.as_bytes())).map(|bit| Categories(1 << bit))
    }

    /// The names with their `@`.
    pub(crate) fn names(self) -> impl Iterator<Item = String> {
        Categories::NAMES.into_iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| format!("@{name}"))
    }
}

/// What COMMAND DOCS and the reference page say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doc {
    pub(crate) group: &'static str,
    pub(crate) since: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) complexity: &'static str,
    /// The words after the name, as manuals write them: `key value [NX | XX] [EX seconds | PX milliseconds]`.
    pub(crate) syntax: &'static str,
}

impl Doc {
    pub(crate) const NONE: Doc = Doc { group: "", since: "", summary: "", complexity: "", syntax: "" };
}

/// How a call whose keys lie on several shards is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// It borrows the keyspaces of its keys.
    No,
    /// Its keys (every word from 1 on) are dealt to their shards.
    Keys(Join),
    /// Its pairs of key and value (from word 1 on) are.
    Pairs(Join),
    /// Every shard runs it (it names no key).
    All(Join),
    /// The shard that its cursor, at this word, names runs it.
    Cursor(usize),
}

/// How the replies of the parts become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// Integers add up.
    Sum,
    /// One element per key, in the order of the keys.
    InOrder,
    /// All say OK.
    AllOk,
    /// Arrays, one after the other.
    Concat,
    /// Any that is not null.
    Any,
}

/// A row that changes data.
pub(crate) const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    Row { spec: Spec::new(name, arity, keys, Flags::WRITE), run, spread: Spread::No, beyond: None, waits: None }
}

/// A row that only reads.
pub(crate) const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    Row { spec: Spec::new(name, arity, keys, Flags::READONLY), run, spread: Spread::No, beyond: None, waits: None }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.spec.name)
    }
}

impl Row {
    /// More flags.
    pub(crate) const fn flags(mut self, flags: Flags) -> Row {
        self.spec.flags = self.spec.flags.and(flags);
        self
    }

    /// Also `fast`: constant or logarithmic time.
    pub(crate) const fn fast(self) -> Row {
        self.flags(Flags::FAST)
    }

    /// Also `denyoom`: refused when memory is full.
    pub(crate) const fn denyoom(self) -> Row {
        self.flags(Flags::DENYOOM)
    }

    /// More categories.
    pub(crate) const fn categories(mut self, categories: Categories) -> Row {
        self.spec.categories = self.spec.categories.and(categories);
        self
    }

    pub(crate) const fn spread(mut self, spread: Spread) -> Row {
        self.spread = spread;
        self
    }

    /// It may look at keys that its words do not name: see [`Row::beyond`].
    pub(crate) const fn beyond(mut self, beyond: fn(&Args<'_>) -> bool) -> Row {
        self.beyond = Some(beyond);
        self
    }

    /// Its calls may wait for what is not there yet.
    pub(crate) const fn waits(mut self, waits: &'static Waits) -> Row {
        self.waits = Some(waits);
        self.flags(Flags::BLOCKING)
    }

    pub(crate) const fn tips(mut self, tips: &'static [&'static str]) -> Row {
        self.spec.tips = tips;
        self
    }

    /// Documentation: group, since which version of Redis (or of ours), one sentence, cost, syntax.
    pub(crate) const fn doc(
        mut self,
        group: &'static str,
        since: &'static str,
        summary: &'static str,
        complexity: &'static str,
        syntax: &'static str,
    ) -> Row {
        self.spec.doc = Doc { group, since, summary, complexity, syntax };
        self
    }
}

impl Spec {
    pub(crate) const fn new(name: &'static str, arity: Arity, keys: &'static [KeySpec], flags: Flags) -> Spec {
        Spec { name, arity, keys, flags, categories: Categories::NONE, doc: Doc::NONE, tips: &[], secret: Secret::Nothing }
    }

    /// The categories, those that follow from the flags included.
    pub(crate) fn all_categories(&self) -> Categories {
        let mut all = self.categories;
        let mut when = |flag: Flags, category: Categories| {
            if self.flags.has(flag) {
                all = all.and(category);
            }
        };
        when(Flags::WRITE, Categories::WRITE);
        when(Flags::ADMIN, Categories::ADMIN.and(Categories::DANGEROUS));
        when(Flags::PUBSUB, Categories::PUBSUB);
        when(Flags::FAST, Categories::FAST);
        when(Flags::BLOCKING, Categories::BLOCKING);
        if self.flags.has(Flags::READONLY) && !all.has(Categories::SCRIPTING) {
            all = all.and(Categories::READ);
        }
        if !all.has(Categories::FAST) {
            all = all.and(Categories::SLOW);
        }
        all
    }

    /// The name of the container, for `container|name`.
    pub(crate) fn container(&self) -> Option<&'static str> {
        self.name.split_once('|').map(|(container, _)| container)
    }

    /// The only key of every call, where the table says that there is exactly one and where it stands.
    pub(crate) fn single_key(&self) -> Option<usize> {
        match self.keys {
            [KeySpec { begin, find: Find::Range { last: 0, .. }, .. }] => Some(*begin),
            _ => None,
        }
    }
}

/// The keys of a call: the index of each key's word, and what is done to it. Visits them in the order of the key specifications.
///
/// # Errors
/// A count of keys that is not a number, not positive, or more than the words there are.
pub(crate) fn keys_of(spec: &Spec, args: &Args<'_>, mut visit: impl FnMut(usize, Access)) -> Result<(), Fault> {
    for keys in spec.keys {
        let (first, last, step) = match keys.find {
            Find::Halved { word, options } => {
                let Some(first) = behind(args, keys.begin, word, options) else { return Err(UNCOUNTED) };
                match args.len().saturating_sub(first) / 2 {
                    0 => return Err(UNCOUNTED),
                    count => (first, first + count - 1, 1),
                }
            }
            Find::Range { last, step } => {
                let last = match usize::try_from(last) {
                    Ok(behind) => keys.begin + behind,
                    Err(_) => args.len().saturating_sub(usize::try_from(last.unsigned_abs()).unwrap_or(usize::MAX)),
                };
                (keys.begin, last, step)
            }
            Find::Counted { step } => {
                let count =
                    number::parse_integer(args.get(keys.begin)).and_then(|count| usize::try_from(count).ok()).filter(|&count| count > 0);
                let Some(count) = count else { return Err(UNCOUNTED) };
                let first = keys.begin + 1;
                let last = count.checked_sub(1).and_then(|more| more.checked_mul(step)).and_then(|more| more.checked_add(first));
                match last {
                    Some(last) if last < args.len() => (first, last, step),
                    _ => return Err(UNCOUNTED),
                }
            }
            Find::Unknown { at } => {
                if let Some(at) = at.and_then(|at| at(args)) {
                    visit(at, keys.access);
                }
                continue;
            }
            // Every time it is said: the command takes the last, and must find borrowed whatever it takes.
            Find::Behind { word } => {
                let said = (keys.begin..args.len().saturating_sub(1)).filter(|&at| args.get(at).eq_ignore_ascii_case(word.as_bytes()));
                said.for_each(|at| visit(at + 1, keys.access));
                continue;
            }
        };
        let mut at = first;
        while at <= last && at < args.len() {
            visit(at, keys.access);
            at += step;
        }
    }
    Ok(())
}

/// What COMMAND GETKEYS says of a call whose keys cannot be told.
const UNCOUNTED: Fault = Fault::Because("ERR Invalid arguments specified for command");

/// The index behind `word`: where the options of the call lead to it. Where they do not, the call is one that its command refuses, and
/// the first such word from `begin` on is as good as any.
fn behind(args: &Args<'_>, begin: usize, word: &str, options: &[(&str, usize)]) -> Option<usize> {
    let mut at = 1;
    while at < args.len() && !args.is(at, word) {
        match options.iter().find(|(option, _)| args.is(at, option)) {
            Some((_, operands)) => at += 1 + operands,
            None => break,
        }
    }
    if at < args.len() && args.is(at, word) {
        return Some(at + 1);
    }
    (begin..args.len()).find(|at| args.is(*at, word)).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Span;

    /// The keys of a call that is written with single spaces.
    fn keys(spec: &Spec, call: &str) -> Option<Vec<String>> {
        let mut at = 0;
        let spans: Vec<Span> = call
            .split(' ')
            .map(|word| {
                let span = Span { start: at, len: word.len() as u32 };
                at += word.len() as u32 + 1;
                span
            })
            .collect();
        let args = Args::new(call.as_bytes(), &spans);
        let mut keys = Vec::new();
        keys_of(spec, &args, |at, _| keys.push(String::from_utf8_lossy(args.key(at)).into_owned())).ok()?;
        Some(keys)
    }

    #[test]
    fn keys_behind_a_word_are_half_of_the_rest() {
        const KEYS: &[KeySpec] = &[KeySpec::halved(2, "streams", &[("count", 1), ("group", 2), ("noack", 0)], Access::RO)];
        let spec = Spec::new("x", Arity::at_least(1), KEYS, Flags::NONE);
        let found = |call: &str| keys(&spec, call).map(|keys| keys.join(" "));
        assert_eq!(found("x streams a 0"), Some("a".to_owned()));
        assert_eq!(found("x COUNT 5 noack STREAMS a b 0 0"), Some("a b".to_owned()));
        assert_eq!(found("x count 1 group streams c streams a b 0 0"), Some("a b".to_owned()), "an operand is no option");
        assert_eq!(found("x group g streams streams streams 0"), Some("streams".to_owned()));
        assert_eq!(found("x streams a b 0"), Some("a".to_owned()), "which the command refuses");
        assert_eq!(found("x nonsense 1 streams a 0"), Some("a".to_owned()));
        assert_eq!(found("x count streams a 0"), Some("a".to_owned()));
        assert_eq!(found("x streams a"), None);
        assert_eq!(found("x streams"), None);
        assert_eq!(found("x group streams"), None);
        assert_eq!(found("x count"), None);
    }
}
