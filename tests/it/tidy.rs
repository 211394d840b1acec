//! The house inspects itself: floors, the import table, and what is nowhere to be found.
//!
//! Every check is a function of one source file's tokens and returns complaints; below each stands a bad text that it must
//! complain about. `#[cfg(test)]` items may do as they like. docs/ARCHITECTURE.md says why the rules are what they are.

use std::fs;
use std::path::{Path, PathBuf};

struct Room {
    name: &'static str,
    floor: u8,
    imports: &'static [&'static str],
}

const fn room(name: &'static str, floor: u8, imports: &'static [&'static str]) -> Room {
    Room { name, floor, imports }
}

/// The floors from the ground up. Nothing is imported from the same floor or from above.
const ROOMS: &[Room] = &[
    room("error", 0, &[]),
    room("time", 0, &[]),
    room("slot", 0, &[]),
    room("glob", 0, &[]),
    room("resp", 1, &[]),
    room("settings", 1, &["error"]),
    room("metrics", 1, &["time"]),
    room("store", 2, &["time"]),
    room("rdb", 3, &["store", "error", "time"]),
    room("command", 4, &["resp", "store", "rdb", "time", "slot", "glob"]),
    room("acl", 5, &["command", "glob"]),
    room("net", 6, &["resp", "error"]),
    room("shard", 6, &["command", "store", "rdb", "resp", "metrics", "time"]),
    room("pubsub", 6, &["command", "resp", "glob"]),
    room("http", 6, &["metrics", "settings", "error"]),
    room("router", 7, &["shard", "command", "resp", "slot", "metrics", "time"]),
    room("persist", 8, &["router", "shard", "command", "rdb", "store", "resp", "settings", "slot", "error", "time"]),
    room("replication", 9, &["persist", "net", "command", "rdb", "resp", "error"]),
    room("script", 9, &["command", "resp", "time"]),
    room(
        "session",
        10,
        &[
            "router",
            "shard",
            "persist",
            "replication",
            "script",
            "pubsub",
            "acl",
            "net",
            "command",
            "resp",
            "rdb",
            "settings",
            "metrics",
            "slot",
            "glob",
            "time",
            "error",
        ],
    ),
    room("tutorial", 11, &["resp", "error"]),
    room(
        "server",
        11,
        &[
            "error",
            "time",
            "slot",
            "glob",
            "resp",
            "settings",
            "metrics",
            "store",
            "rdb",
            "command",
            "acl",
            "net",
            "shard",
            "pubsub",
            "http",
            "router",
            "persist",
            "replication",
            "script",
            "session",
        ],
    ),
];

/// The first floor that may await.
const TOKIO_LINE: u8 = 6;
/// The front door and the binary stand outside the house.
const OUTSIDE: &[&str] = &["lib.rs", "main.rs", "internal.rs"];
/// Names that lib.rs re-exports at the root, and the rooms they come from.
const ROOT_NAMES: &[(&str, &str)] = &[
    ("Connection", "net"),
    ("Frame", "resp"),
    ("frame", "resp"),
    ("Command", "tutorial"),
    ("Error", "error"),
    ("Result", "error"),
    ("Server", "server"),
    ("Settings", "settings"),
];
const UNSAFE_FILES: &[&str] = &["store/entry.rs", "store/segment.rs", "script/raise.rs", "script/guard.rs"];
/// The sequencer places a unit in several mailboxes under a very short lock, and every thread writes to the one log file: neither
/// guards data.
const LOCK_FILES: &[&str] = &["router/sequencer.rs", "server/logging.rs"];
const NAMES_WITHOUT_A_NOUN: &[&str] = &["util", "utils", "common", "misc", "shared", "helper", "helpers"];
const LINES_WORTH_A_WORD: usize = 600;
const LINES_MAX: usize = 900;

struct Source {
    /// Below src/, with slashes.
    path: String,
    text: String,
    /// Without tests.
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq)]
struct Token {
    kind: Kind,
    text: String,
    line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Word,
    Text,
    Mark,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        // A file of tests is one that its parent declares so; check_test_files sees to that.
        let tokens = if is_test_file(path) { Vec::new() } else { without_tests(tokens(text)) };
        Source { path: path.to_owned(), text: text.to_owned(), tokens }
    }

    fn all() -> Vec<Source> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut paths = vec![root.clone()];
        let mut sources = Vec::new();
        while let Some(path) = paths.pop() {
            if path.is_dir() {
                let entries = fs::read_dir(&path).expect("src can be read").flatten().map(|entry| entry.path());
                paths.extend(entries);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source is text");
                let short: PathBuf = path.strip_prefix(&root).expect("a path below src").to_owned();
                sources.push(Source::new(&short.to_string_lossy(), &text));
            }
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        sources
    }

    fn room(&self) -> Option<&'static Room> {
        let name = self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        ROOMS.iter().find(|room| room.name == name)
    }

    /// src/store/types/list.rs is crate::store::types::list: three steps below the root.
    fn depth(&self) -> usize {
        let steps = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") { steps - 1 } else { steps }
    }

    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text == text && token.kind != Kind::Text)
    }

    fn complaint(&self, token: &Token, what: &str) -> String {
        format!("src/{}:{}: {what}", self.path, token.line)
    }

    fn words(&self, unwanted: &[&str], what: &str) -> Vec<String> {
        let found = self.tokens.iter().filter(|token| token.kind == Kind::Word && unwanted.contains(&token.text.as_str()));
        found.map(|token| self.complaint(token, &format!("`{}`: {what}", token.text))).collect()
    }
}

/// Words, string literals and marks; comments are left out, lifetimes and character literals too.
fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    let mut push = |kind, range: std::ops::Range<usize>, line| {
        tokens.push(Token { kind, text: String::from_utf8_lossy(&bytes[range]).into_owned(), line });
    };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    while at < bytes.len() {
        let start = at;
        let rest = &bytes[at..];
        match rest[0] {
            b'/' if rest.starts_with(b"//") => at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with(b"/*") => {
                let mut open = 0;
                loop {
                    if bytes[at..].starts_with(b"/*") {
                        (open, at) = (open + 1, at + 2);
                    } else if bytes[at..].starts_with(b"*/") {
                        (open, at) = (open - 1, at + 2);
                    } else {
                        at += 1;
                    }
                    if open == 0 || at >= bytes.len() {
                        break;
                    }
                }
            }
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += 1 + usize::from(bytes[at] == b'\\');
                }
                push(Kind::Text, start + 1..at.min(bytes.len()), line);
                at += 1;
            }
            b'\'' => {
                // 'a' and '\n' are characters, 'a without an end is a lifetime.
                let end =
                    if rest.get(1) == Some(&b'\\') { rest.iter().skip(3).position(|byte| *byte == b'\'').map(|end| end + 3) } else { None };
                let end =
                    end.or_else(|| text[at + 1..].chars().next().map(|c| 1 + c.len_utf8()).filter(|end| rest.get(*end) == Some(&b'\'')));
                let name = || rest[1..].iter().position(|byte| !is_word(*byte)).map_or(rest.len(), |length| length + 1);
                at += end.map_or_else(name, |end| end + 1);
            }
            byte if is_word(byte) => {
                at += rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
                let word = &bytes[start..at];
                let hashes = bytes[at..].iter().take_while(|byte| **byte == b'#').count();
                if matches!(word, b"r" | b"br" | b"cr") && bytes.get(at + hashes) == Some(&b'"') {
                    let open = at + hashes + 1;
                    let close = format!("\"{}", "#".repeat(hashes));
                    let length = text[open..].find(&close).unwrap_or(text.len() - open);
                    push(Kind::Text, open..open + length, line);
                    at = (open + length + close.len()).min(bytes.len());
                } else if !(matches!(word, b"b" | b"c") && matches!(bytes.get(at), Some(b'"' | b'\''))) {
                    push(Kind::Word, start..at, line);
                }
            }
            byte => {
                at += 1;
                if !byte.is_ascii_whitespace() {
                    push(Kind::Mark, start..at, line);
                }
            }
        }
        line += bytes[start..at.min(bytes.len())].iter().filter(|byte| **byte == b'\n').count();
    }
    tokens
}

/// Leaves out every item under an attribute cfg(test), any(test, ..) or all(test, ..).
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let attribute = |at: usize| {
            let open = tokens[at].text == "#" && tokens.get(at + 1).is_some_and(|token| token.text == "[");
            open.then(|| closing(&tokens, at + 1))
        };
        match attribute(at) {
            Some(end) if is_for_tests(&tokens[at..end]) => {
                at = end;
                while at < tokens.len()
                    && let Some(end) = attribute(at)
                {
                    at = end;
                }
                // The item ends with its block, or with a semicolon before any.
                while at < tokens.len() && tokens[at].text != ";" && tokens[at].text != "{" {
                    at = if matches!(tokens[at].text.as_str(), "(" | "[") { closing(&tokens, at) } else { at + 1 };
                }
                at = if at < tokens.len() && tokens[at].text == "{" { closing(&tokens, at) } else { at + 1 };
            }
            _ => {
                kept.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    kept
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn is_for_tests(attribute: &[Token]) -> bool {
    let has = |word: &str| attribute.iter().any(|token| token.kind == Kind::Word && token.text == word);
    has("cfg") && has("test") && !has("not")
}

/// Just past the bracket that closes the one at `at`.
fn closing(tokens: &[Token], mut at: usize) -> usize {
    let mut open = 0;
    while at < tokens.len() {
        if tokens[at].kind == Kind::Mark {
            match tokens[at].text.as_str() {
                "(" | "[" | "{" => open += 1,
                ")" | "]" | "}" => open -= 1,
                _ => {}
            }
        }
        at += 1;
        if open == 0 {
            break;
        }
    }
    at
}

/// What a file names at the root of the crate, by `crate::` or by climbing with `super::`.
fn imports(source: &Source) -> Vec<&Token> {
    let mut found = Vec::new();
    let path_step = |at: usize| source.is(at, ":") && source.is(at + 1, ":");
    let mut at = 0;
    while at < source.tokens.len() {
        let mut next = at + 1;
        let is_root = if source.is(at, "crate") && path_step(next) {
            next += 2;
            true
        } else if source.is(at, "super") && path_step(next) && !(at >= 2 && path_step(at - 2)) {
            let mut climbed = 0;
            next = at;
            while source.is(next, "super") && path_step(next + 1) {
                climbed += 1;
                next += 3;
            }
            climbed >= source.depth()
        } else {
            false
        };
        if is_root {
            if source.is(next, "{") {
                let end = closing(&source.tokens, next);
                let mut expects_name = true;
                let mut inner = next + 1;
                while inner + 1 < end {
                    let token = &source.tokens[inner];
                    if token.text == "{" {
                        inner = closing(&source.tokens, inner);
                        continue;
                    }
                    if expects_name && token.kind == Kind::Word {
                        found.push(token);
                    }
                    expects_name = token.text == ",";
                    inner += 1;
                }
            } else if let Some(token) = source.tokens.get(next) {
                found.push(token);
            }
        }
        at = next;
    }
    found
}

fn check_imports(source: &Source) -> Vec<String> {
    if OUTSIDE.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let Some(room) = source.room() else {
        return vec![format!("src/{}: its room is in no floor; add it to tests/it/tidy.rs", source.path)];
    };
    let mut complaints = Vec::new();
    for token in imports(source) {
        let name = ROOT_NAMES.iter().find(|(name, _)| *name == token.text).map_or(token.text.as_str(), |(_, room)| room);
        if name != room.name && !room.imports.contains(&name) {
            complaints.push(source.complaint(token, &format!("{} may not import {name}", room.name)));
        }
    }
    complaints
}

fn check_tokio_line(source: &Source) -> Vec<String> {
    match source.room() {
        Some(room) if room.floor < TOKIO_LINE => source.words(
            &["async", "await", "tokio", "mpsc", "oneshot", "Mutex", "RwLock", "Condvar", "spawn"],
            "below the tokio line nothing waits",
        ),
        _ => Vec::new(),
    }
}

fn check_unsafe(source: &Source) -> Vec<String> {
    if !UNSAFE_FILES.contains(&source.path.as_str()) {
        return source.words(&["unsafe"], "lives in store/entry.rs, store/segment.rs, script/raise.rs and script/guard.rs only");
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let explained =
        |line: usize| lines[line.saturating_sub(9)..line].iter().any(|line| line.contains("SAFETY:") || line.contains("# Safety"));
    let blocks = source.tokens.iter().filter(|token| token.kind == Kind::Word && token.text == "unsafe" && !explained(token.line));
    blocks.map(|token| source.complaint(token, "an unsafe block without SAFETY above it")).collect()
}

fn check_locks(source: &Source) -> Vec<String> {
    if LOCK_FILES.contains(&source.path.as_str()) {
        return Vec::new();
    }
    source.words(&["Mutex", "RwLock", "parking_lot", "DashMap"], "no lock guards data")
}

fn check_statics(source: &Source) -> Vec<String> {
    let tokens = &source.tokens;
    let pairs = (0..tokens.len()).filter(|at| source.is(*at, "static") && source.is(at + 1, "mut"));
    pairs.map(|at| source.complaint(&tokens[at], "no global but constant data")).collect()
}

fn check_macros(source: &Source) -> Vec<String> {
    if !source.path.starts_with("command/") && !source.path.starts_with("session/") {
        return Vec::new();
    }
    source.words(&["macro_rules"], "a command is a row and a function, not a macro")
}

fn check_name(source: &Source) -> Vec<String> {
    let unnamed = source.path.trim_end_matches(".rs").split('/').find(|step| NAMES_WITHOUT_A_NOUN.contains(step));
    unnamed.map(|step| format!("src/{}: a thing called {step} has no noun", source.path)).into_iter().collect()
}

fn check_test_files(source: &Source) -> Vec<String> {
    let declared = (1..source.tokens.len()).filter(|at| source.is(at - 1, "mod") && source.is(*at, "tests"));
    declared.map(|at| source.complaint(&source.tokens[at], "tests belong under #[cfg(test)]")).collect()
}

fn check_length(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines > LINES_WORTH_A_WORD {
        println!("src/{}: {lines} lines; it wants a second noun", source.path);
    }
    if lines > LINES_MAX { vec![format!("src/{}: {lines} lines, more than {LINES_MAX}", source.path)] } else { Vec::new() }
}

fn check_opening(source: &Source) -> Vec<String> {
    let first = source.text.lines().next().unwrap_or_default();
    let opens = first.strip_prefix("//! ").is_some_and(|rest| !rest.trim().is_empty());
    if opens { Vec::new() } else { vec![format!("src/{}:1: a file opens with //! and a sentence that says what it is", source.path)] }
}

fn check_loose_ends(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (at, token) in source.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let is_method = at > 0 && source.is(at - 1, ".") && source.is(at + 1, "(");
        match token.text.as_str() {
            "unwrap" | "unwrap_err" if is_method => complaints.push(source.complaint(token, "expect with its reason, or not at all")),
            "todo" | "unimplemented" | "dbg" if source.is(at + 1, "!") => complaints.push(source.complaint(token, "unfinished")),
            _ => {}
        }
    }
    complaints
}

/// Names in the tables: the first text of a row, `read("get", ..)`.
fn command_names(sources: &[Source]) -> Vec<String> {
    let tables = sources.iter().filter(|source| source.path.starts_with("command/") || source.path.starts_with("session/command/"));
    let mut names = Vec::new();
    for source in tables.filter(|source| source.path.ends_with("/mod.rs")) {
        for at in 2..source.tokens.len() {
            let is_row = source.is(at - 1, "(") && source.tokens[at - 2].kind == Kind::Word && source.tokens[at].kind == Kind::Text;
            if is_row && source.is(at + 1, ",") {
                names.push(source.tokens[at].text.to_ascii_lowercase());
            }
        }
    }
    names
}

/// Above the commands nobody asks which command it is: the row says what must be known.
fn check_matches(source: &Source, names: &[String]) -> Vec<String> {
    let above = ["session/", "shard/", "router/", "net/", "persist/"].iter().any(|room| source.path.starts_with(room));
    if !above || source.path.starts_with("session/command/") {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let ends_an_arm = (source.is(at + 1, "=") && source.is(at + 2, ">")) || source.is(at + 1, "|");
        if token.kind == Kind::Text && ends_an_arm && names.contains(&token.text.to_ascii_lowercase()) {
            complaints.push(source.complaint(token, &format!("a match over command names: {:?}", token.text)));
        }
    }
    complaints
}

fn hold(check: impl Fn(&Source) -> Vec<String>) {
    let complaints: Vec<String> = Source::all().iter().flat_map(check).collect();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn imports_go_down() {
    hold(check_imports);
}

#[test]
fn nothing_waits_below_the_tokio_line() {
    hold(check_tokio_line);
}

#[test]
fn unsafe_has_an_address() {
    hold(check_unsafe);
}

#[test]
fn no_lock_guards_data() {
    hold(check_locks);
}

#[test]
fn no_global_changes() {
    hold(check_statics);
}

#[test]
fn no_macro_makes_commands() {
    hold(check_macros);
}

#[test]
fn every_file_has_a_noun() {
    hold(check_name);
}

#[test]
fn tests_stay_out_of_the_daemon() {
    hold(check_test_files);
}

#[test]
fn no_file_is_too_long() {
    hold(check_length);
}

#[test]
fn every_file_opens_with_what_it_is() {
    hold(check_opening);
}

#[test]
fn nothing_is_left_unfinished() {
    hold(check_loose_ends);
}

#[test]
fn nobody_matches_over_command_names() {
    let names = command_names(&Source::all());
    hold(|source| check_matches(source, &names));
}

#[test]
fn the_table_itself_goes_down() {
    for room in ROOMS {
        for import in room.imports {
            let floor = ROOMS.iter().find(|other| other.name == *import).unwrap_or_else(|| panic!("{import} is no room")).floor;
            assert!(floor < room.floor, "{} (floor {}) imports {import} (floor {floor})", room.name, room.floor);
        }
    }
}

/// Every check, fed with what it is there to find, and with what it must let pass.
#[test]
fn every_check_can_fail() {
    type Case = (&'static str, fn(&Source) -> Vec<String>, &'static str, &'static str, usize);
    let cases: &[Case] = &[
        ("up", check_imports, "store/value.rs", "use crate::resp::Reply;", 1),
        ("down", check_imports, "store/value.rs", "use crate::time::UnixMillis; use crate::store::{scan, types::List};", 0),
        ("in a group", check_imports, "command/mod.rs", "use crate::{resp::{Reply, session}, store, session::{self, net}};", 1),
        ("inline", check_imports, "slot.rs", "fn f() { crate::glob::matches(b\"\", b\"\", true); }", 1),
        ("by climbing", check_imports, "store/types/list.rs", "use super::super::super::net::X; use super::super::value;", 1),
        ("within", check_imports, "store/types/list.rs", "use super::packed; use crate::store::value;", 0),
        ("a re-export", check_imports, "store/mod.rs", "fn f() -> crate::Result<()> {}", 1),
        (
            "in a test",
            check_imports,
            "store/mod.rs",
            "#[cfg(test)]\n#[allow(x)]\nmod tests { use crate::session::X; }\nuse crate::time::T;",
            0,
        ),
        ("after a test", check_imports, "store/mod.rs", "#[cfg(test)] mod tests;\nuse crate::session::X;", 1),
        (
            "in a comment",
            check_imports,
            "store/mod.rs",
            "// crate::session\n/* /* crate::net */ crate::net */ const A: &str = \"crate::net\";",
            0,
        ),
        ("an unknown room", check_imports, "attic/mod.rs", "", 1),
        ("await", check_tokio_line, "command/mod.rs", "async fn f() { g().await }", 2),
        ("await above", check_tokio_line, "shard/task.rs", "async fn f() { g().await }", 0),
        ("unsafe elsewhere", check_unsafe, "store/scan.rs", "fn f() { unsafe { g() } }", 1),
        ("unsafe unexplained", check_unsafe, "store/entry.rs", "fn f() {\n unsafe { g() }\n}", 1),
        ("unsafe explained", check_unsafe, "store/entry.rs", "fn f() {\n // SAFETY: it is.\n unsafe { g() }\n}", 0),
        ("a word like it", check_unsafe, "lib.rs", "#![deny(unsafe_code)] const A: &[u8] = br#\"unsafe \" \"#;", 0),
        ("lock", check_locks, "session/clients.rs", "use std::sync::Mutex;", 1),
        ("the sequencer's lock", check_locks, "router/sequencer.rs", "use std::sync::Mutex;", 0),
        (
            "global",
            check_statics,
            "shard/mod.rs",
            "static mut X: u8 = 0; fn f(x: &'static mut u8, c: char) -> bool { c == 'a' || c == '\\'' }",
            1,
        ),
        ("macro", check_macros, "command/string/mod.rs", "macro_rules! command { () => {} }", 1),
        ("tests in the daemon", check_test_files, "store/mod.rs", "mod tests;", 1),
        ("tests apart", check_test_files, "store/mod.rs", "#[cfg(test)] mod tests;", 0),
        ("a file of tests", check_imports, "store/tests.rs", "use crate::session::X;", 0),
        ("name", check_name, "store/util.rs", "", 1),
        ("folder name", check_name, "common/mod.rs", "", 1),
        ("opening", check_opening, "a.rs", "// no\n", 1),
        ("an empty opening", check_opening, "a.rs", "//! \n", 1),
        ("unwrap", check_loose_ends, "a.rs", "fn f() { g().unwrap(); h().unwrap_or(1); todo!() }", 2),
    ];
    for (name, check, path, text, expected) in cases {
        let complaints = check(&Source::new(path, text));
        assert_eq!(complaints.len(), *expected, "{name}: {complaints:?}");
    }
    assert_eq!(check_length(&Source::new("a.rs", &"//\n".repeat(LINES_MAX + 1))).len(), 1);
    let table = Source::new("command/string/mod.rs", "const TABLE: &[Row] = &[read(\"get\", Arity::exactly(2), Keys::at(1), get::run)];");
    let names = command_names(&[table]);
    assert_eq!(names, ["get"]);
    let bad = Source::new("session/admit.rs", "match name { \"set\" => 1, b\"GET\" => 2, \"get\" | \"x\" => 3, _ => f(\"get\") }");
    assert_eq!(check_matches(&bad, &names).len(), 2);
}

#[test]
fn what_is_inspected_is_there() {
    let sources = Source::all();
    assert!(sources.iter().any(|source| source.path == "lib.rs"));
    assert!(sources.iter().any(|source| source.room().is_some_and(|room| room.name == "store")));
}
