//! The table of directives: one row each, from which the file, `--help`, CONFIG GET and SET and docs/configuration.md are made.

mod access;
mod daemon;
mod data;
mod safety;

/// What a directive's value may be. `parse.rs` reads it; the canonical text is what CONFIG GET prints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    /// `yes` or `no`.
    YesNo,
    /// A decimal integer in a range.
    Integer { min: i64, max: i64 },
    /// A decimal integer in a range, then pulled to the nearer end of a narrower one, as Redis does for `hz`.
    Clamped { max: i64, low: i64, high: i64 },
    /// Permission bits in octal.
    Octal { max: u32 },
    /// A number of bytes: `64mb`, `1k`, `100`.
    Memory { min: u64, max: u64 },
    /// A number of bytes, or a share of `maxmemory` such as `5%`.
    MemoryOrPercent,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// Several words of a few, as in `nosave force`.
    Flags(&'static [&'static str]),
    /// Any text.
    Text,
    /// A file name without a directory.
    FileName,
    /// A directory that exists; CONFIG GET prints it absolute.
    Directory,
    /// Words separated by spaces, at most this many.
    Words(usize),
    /// Pairs of seconds and changes.
    SavePoints,
    /// Class, hard limit, soft limit and seconds, once for each class of client.
    OutputLimits,
    /// The letters of notify-keyspace-events.
    Events,
    /// Numbers from 0 to 100.
    Percentiles,
    /// Three integers from -2000 to 2000.
    OomScores,
    /// `auto`, or a number of shards.
    Shards,
}

/// When a directive may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// At any time, by CONFIG SET.
    Live,
    /// At start only.
    Boot,
    /// By CONFIG SET only if `enable-protected-configs` allows it.
    Protected,
}

/// What the daemon makes of a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It does what its help says.
    Ready,
    /// Any valid value is accepted, for the sake of scripts and tools, but nothing follows from it yet: the boot log says so.
    Unenforced(&'static str),
    /// Any valid value is accepted, and nothing follows from it, by design.
    Idle(&'static str),
    /// Only the default is accepted, until the feature is there.
    Later(&'static str),
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Directive {
    pub(crate) name: &'static str,
    /// Older or other names: Redis's own (`slave-*`, `*-ziplist-*`, `lua-time-limit`) and Valkey's.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) form: Form,
    /// As CONFIG GET prints it (`dir` apart, which is made absolute).
    pub(crate) default: &'static str,
    pub(crate) when: When,
    pub(crate) status: Status,
    pub(crate) help: &'static str,
    /// `--print-config` and logs do not show the value.
    pub(crate) secret: bool,
    /// CONFIG GET does not know it: a file's directive that may stand many times in redis.conf.
    pub(crate) hidden: bool,
}

/// A TOML section and its directives.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) rows: &'static [Directive],
}

/// Every directive, by section, in the order in which files and help show them.
pub(crate) static SECTIONS: &[Section] = &[
    Section { name: "network", about: "Where clients connect, and how many may.", rows: access::NETWORK },
    Section { name: "tls", about: "Encrypted connections.", rows: access::TLS },
    Section { name: "security", about: "Passwords, users, and what is locked.", rows: access::SECURITY },
    Section { name: "general", about: "The process: shards, logs, start and stop.", rows: daemon::GENERAL },
    Section { name: "clients", about: "What one client may take.", rows: access::CLIENTS },
    Section { name: "memory", about: "How much memory, and what happens when it is used up.", rows: data::MEMORY },
    Section { name: "encodings", about: "Up to which size a value keeps its compact form (OBJECT ENCODING).", rows: data::ENCODINGS },
    Section { name: "snapshot", about: "The dump file.", rows: safety::SNAPSHOT },
    Section { name: "appendonly", about: "The log of writes.", rows: safety::APPENDONLY },
    Section { name: "replication", about: "Primaries and replicas.", rows: safety::REPLICATION },
    Section { name: "cluster", about: "Slots spread over several daemons.", rows: safety::CLUSTER },
    Section { name: "scripting", about: "Lua scripts and functions.", rows: data::SCRIPTING },
    Section { name: "observation", about: "Slow commands, latency, events.", rows: daemon::OBSERVATION },
];

/// The number of a row in reading order, which is its place in `Values`.
pub(crate) type Index = usize;

/// Every row with its number and section, in reading order.
pub(crate) fn rows() -> impl Iterator<Item = (Index, &'static Section, &'static Directive)> {
    SECTIONS
        .iter()
        .flat_map(|section| section.rows.iter().map(move |row| (section, row)))
        .enumerate()
        .map(|(index, (section, row))| (index, section, row))
}

/// The row of a name or alias, whatever its case.
pub(crate) fn find(name: &str) -> Option<(Index, &'static Section, &'static Directive)> {
    rows().find(|(_, _, row)| row.names().any(|known| known.eq_ignore_ascii_case(name)))
}

/// The known name (or alias) that is fewest edits away from `name`, if it is near enough to be what was meant.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    nearest_of(name, rows().flat_map(|(_, _, row)| row.names()))
}

/// The section whose name is fewest edits away.
pub(crate) fn nearest_section(name: &str) -> Option<&'static str> {
    nearest_of(name, SECTIONS.iter().map(|section| section.name))
}

fn nearest_of(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    // A typing error changes a letter or two; a long name forgives a third of its length.
    let allowed = (name.chars().count() / 3).max(2);
    known
        .map(|known| (edits(&name, &known.replace('_', "-")), known))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, known)| known)
}

/// Levenshtein's distance: insertions, deletions and replacements that turn one text into the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.chars().enumerate() {
        let mut diagonal = above[0];
        above[0] = row + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = above[column + 1];
            above[column + 1] = replaced.min(diagonal + 1).min(above[column] + 1);
        }
    }
    above[to.len()]
}

impl Directive {
    /// The name and then the aliases.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// The first sentence of the help, for lists.
    pub(crate) fn summary(&self) -> &'static str {
        match self.help.find(". ") {
            Some(end) => &self.help[..=end],
            None => self.help,
        }
    }
}

/// A row that may change at run time. The other properties are added by the methods below.
const fn live(name: &'static str, default: &'static str, form: Form, help: &'static str) -> Directive {
    Directive { name, aliases: &[], form, default, when: When::Live, status: Status::Ready, help, secret: false, hidden: false }
}

/// A row that is fixed at start.
const fn boot(name: &'static str, default: &'static str, form: Form, help: &'static str) -> Directive {
    Directive { when: When::Boot, ..live(name, default, form, help) }
}

/// A row that may change at run time where `enable-protected-configs` allows it.
const fn protected(name: &'static str, default: &'static str, form: Form, help: &'static str) -> Directive {
    Directive { when: When::Protected, ..live(name, default, form, help) }
}

impl Directive {
    const fn also(self, aliases: &'static [&'static str]) -> Directive {
        Directive { aliases, ..self }
    }

    const fn later(self, needs: &'static str) -> Directive {
        Directive { status: Status::Later(needs), ..self }
    }

    const fn unenforced(self, needs: &'static str) -> Directive {
        Directive { status: Status::Unenforced(needs), ..self }
    }

    const fn idle(self, reason: &'static str) -> Directive {
        Directive { status: Status::Idle(reason), ..self }
    }

    const fn secret(self) -> Directive {
        Directive { secret: true, ..self }
    }

    const fn hidden(self) -> Directive {
        Directive { hidden: true, ..self }
    }
}

/// From 0 to the largest 32-bit integer: what most of Redis's counters take.
const COUNT: Form = Form::Integer { min: 0, max: i32::MAX as i64 };
/// From 0 to the largest 64-bit integer.
const LARGE: Form = Form::Integer { min: 0, max: i64::MAX };
const PORT: Form = Form::Integer { min: 0, max: 65535 };
/// Bytes without a limit of their own.
const BYTES: Form = Form::Memory { min: 0, max: i64::MAX as u64 };

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_lower_case_and_found() {
        let mut seen = HashSet::new();
        for (index, _, row) in rows() {
            for name in row.names() {
                assert!(seen.insert(name), "{name} stands twice");
                assert_eq!(name, name.to_ascii_lowercase());
                assert_eq!(find(name).map(|(index, ..)| index), Some(index));
            }
        }
        assert!(find("MaxMemory").is_some());
        assert!(find("nope").is_none());
    }

    #[test]
    fn help_is_a_sentence() {
        for (_, _, row) in rows() {
            assert!(row.help.ends_with('.'), "{}", row.name);
            assert!(row.help.starts_with(|first: char| first.is_uppercase() || first.is_ascii_digit()), "{}", row.name);
        }
    }

    #[test]
    fn the_nearest_name_is_what_was_meant() {
        assert_eq!(nearest("maxmemry"), Some("maxmemory"));
        assert_eq!(nearest("tcp_backlog"), Some("tcp-backlog"));
        assert_eq!(nearest("prot"), Some("port"));
        assert_eq!(nearest("max-clients"), Some("maxclients"));
        assert_eq!(nearest("zzzzzzzzzzzz"), None);
        assert_eq!(nearest_section("memroy"), Some("memory"));
        assert_eq!(edits("kitten", "sitting"), 3);
    }

    /// What `redis-server 7.0.15` answers to `CONFIG GET *`, names only.
    const REDIS_7_0: &str = include_str!("table/redis-7.0.txt");

    #[test]
    fn every_directive_of_redis_7_0_is_known() {
        for name in REDIS_7_0.lines() {
            assert!(find(name).is_some_and(|(_, _, row)| !row.hidden), "{name} is missing");
        }
    }
}
