//! tests/transcripts/*.txt: what is said, and what comes back, against our daemon with one shard and with four, against the reference, and
//! against the shards alone, in this process.
//!
//! ```text
//! # a comment
//! @ ours                        directives of the block: see below
//! > SET k "Hello\r\n"           words as in redis-cli; the block's first connection
//! < +OK                         the reply, as reply.rs writes it; one line for each reply, none if none is due yet
//! 2> GET k                      another connection; `2<` reads from it, `<` from the one that spoke last
//! < "Hello\r\n"
//! <~ ["a", "b"]                 the outermost elements in any order; `<~2`: pairs in any order
//! </ :9*                        the printed reply matches a pattern, in which * is any run of characters
//! >> "*1\r\n$4\r\nPING\r\n"     raw bytes
//! . 30                          let 30 ms pass
//! < (silence)                   nothing comes for a while;  < (closed): the server closes
//! ```
//!
//! A blank line ends a block. Every block begins with an empty keyspace and new connections. A reply may go on over several `<`
//! lines while its brackets are open. Directives: `@ resp3` (every connection says HELLO 3 first), `@ ours` (newer or own behaviour:
//! not for the reference), `@ peer` (only the reference: where we differ on purpose), `@ shards N` (only with so many),
//! `@ config NAME VALUE` (CONFIG SET for this block, and back). Directives of a block that does nothing else hold for the rest of the file.
//!
//! `TRANSCRIPTS=string,keys` selects files. `TRANSCRIPTS_FILL=1 cargo test --test it redis_server` writes the reply of the
//! reference over every expectation `< ?`: read what it wrote before you believe it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use trencadis::internal::InProcess;

use crate::daemon::{Daemon, Peer};
use crate::reply::{self, Reply};
use crate::wire::Wire;

pub(crate) struct Block {
    pub(crate) file: PathBuf,
    pub(crate) directives: Directives,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Default)]
pub(crate) struct Directives {
    pub(crate) resp3: bool,
    pub(crate) ours: bool,
    pub(crate) peer: bool,
    pub(crate) shards: Option<u32>,
    pub(crate) config: Vec<(String, String)>,
}

pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) connection: usize,
    pub(crate) deed: Deed,
}

pub(crate) enum Deed {
    Call(Vec<Vec<u8>>),
    Raw(Vec<u8>),
    Pause(Duration),
    Expect(Expectation),
}

pub(crate) enum Expectation {
    Value(Reply),
    AnyOrder(Reply, usize),
    Pattern(String),
    Closed,
    Silence,
    /// `?`: not known yet.
    Unknown,
}

/// A block for who asks something else of it than what comes back.
pub struct Said {
    pub file: String,
    pub ours: bool,
    pub peer: bool,
    pub resp3: bool,
    pub config: Vec<(String, String)>,
    /// One reply to each call: no raw bytes, nothing silent or closed.
    pub is_plain: bool,
    /// The longest of its pauses.
    pub pause: Duration,
    pub steps: Vec<SaidStep>,
}

/// A call of such a block, or a pause, which has no words.
pub struct SaidStep {
    pub line: usize,
    pub connection: usize,
    pub words: Option<Vec<Vec<u8>>>,
}

/// Every block that is for any number of shards.
pub fn all_said() -> Vec<Said> {
    all_blocks()
        .into_iter()
        .filter(|block| block.directives.shards.is_none())
        .map(|block| {
            let Block { file, directives, steps } = block;
            let is_odd = |step: &Step| matches!(step.deed, Deed::Raw(_) | Deed::Expect(Expectation::Closed | Expectation::Silence));
            let is_plain = !steps.iter().any(is_odd);
            let pauses = steps.iter().filter_map(|step| if let Deed::Pause(time) = step.deed { Some(time) } else { None });
            let pause = pauses.max().unwrap_or_default();
            let steps = steps.into_iter().filter_map(|step| match step.deed {
                Deed::Call(words) => Some(SaidStep { line: step.line, connection: step.connection, words: Some(words) }),
                Deed::Pause(_) => Some(SaidStep { line: step.line, connection: step.connection, words: None }),
                Deed::Raw(_) | Deed::Expect(_) => None,
            });
            let Directives { resp3, ours, peer, config, .. } = directives;
            Said { file: file.display().to_string(), ours, peer, resp3, config, is_plain, pause, steps: steps.collect() }
        })
        .collect()
}

/// A way to hold a conversation: over sockets with a server, or without any in this process.
trait Way {
    fn name(&self) -> &str;
    fn takes(&self, block: &Block) -> bool;
    /// An empty keyspace, no connections.
    fn begin(&mut self, directives: &Directives);
    fn call(&mut self, connection: usize, words: &[Vec<u8>]);
    fn send_raw(&mut self, connection: usize, bytes: &[u8]);
    fn pause(&mut self, time: Duration);
    fn answer(&mut self, connection: usize, patience: Duration) -> Answer;
    fn end(&mut self, directives: &Directives);
}

enum Answer {
    Reply(Vec<u8>),
    Closed,
    Silence,
}

const PATIENCE: Duration = Duration::from_secs(10);
/// How long "nothing comes" is watched, and how long a call that gets no reply yet has to arrive before another connection goes on.
const A_WHILE: Duration = Duration::from_millis(60);

/// Far below what the transcripts say of data commands, far above none.
const IN_PROCESS_CALLS_MIN: usize = 500;

struct Sockets {
    name: String,
    server: Daemon,
    /// None: the reference.
    shards: Option<u32>,
    control: Wire,
    wires: BTreeMap<usize, Wire>,
    resp3: bool,
    config_before: Vec<(String, Reply)>,
}

impl Sockets {
    fn ours(shards: u32) -> Sockets {
        let server = Daemon::start(&["--shards", &shards.to_string(), "--enable-debug-command", "yes"]);
        Sockets::new(format!("trencadis, {shards} shard(s)"), server, Some(shards))
    }

    fn reference() -> Sockets {
        Sockets::new("redis-server".to_owned(), Peer::redis_server(), None)
    }

    fn new(name: String, server: Daemon, shards: Option<u32>) -> Sockets {
        let control = server.wire();
        Sockets { name, server, shards, control, wires: BTreeMap::new(), resp3: false, config_before: Vec::new() }
    }

    fn wire(&mut self, connection: usize) -> &mut Wire {
        self.wires.entry(connection).or_insert_with(|| {
            let mut wire = self.server.wire();
            if self.resp3 {
                wire.call(&[b"HELLO".as_slice(), b"3"]);
            }
            wire
        })
    }
}

impl Way for Sockets {
    fn name(&self) -> &str {
        &self.name
    }

    fn takes(&self, block: &Block) -> bool {
        let directives = &block.directives;
        match self.shards {
            None => !directives.ours && directives.shards.is_none(),
            Some(shards) => !directives.peer && directives.shards.is_none_or(|wanted| wanted == shards),
        }
    }

    fn begin(&mut self, directives: &Directives) {
        self.wires.clear();
        self.resp3 = directives.resp3;
        self.control.call(&[b"FLUSHALL"]);
        for (name, value) in &directives.config {
            if let Reply::Array(pair) = self.control.ask(&["CONFIG", "GET", name])
                && let Some(before) = pair.get(1)
            {
                self.config_before.push((name.clone(), before.clone()));
            }
            let said = self.control.ask(&["CONFIG", "SET", name, value]);
            assert_eq!(said, Reply::Simple(b"OK".to_vec()), "CONFIG SET {name} {value}");
        }
    }

    fn call(&mut self, connection: usize, words: &[Vec<u8>]) {
        self.wire(connection).send(words);
    }

    fn send_raw(&mut self, connection: usize, bytes: &[u8]) {
        self.wire(connection).send_raw(bytes);
    }

    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn answer(&mut self, connection: usize, patience: Duration) -> Answer {
        let wire = self.wire(connection);
        match wire.reply_within(patience) {
            Some(bytes) => Answer::Reply(bytes),
            None if wire.is_closed_within(Duration::ZERO) => Answer::Closed,
            None => Answer::Silence,
        }
    }

    fn end(&mut self, _: &Directives) {
        self.wires.clear();
        for (name, before) in self.config_before.drain(..) {
            if let Reply::Bulk(value) = before {
                self.control.call(&[b"CONFIG".as_slice(), b"SET", name.as_bytes(), &value]);
            }
        }
    }
}

/// The shards in this process, without sockets, threads and sessions: blocks that need one of those are not for them.
struct Shards {
    name: String,
    shards: InProcess,
    number: u32,
    resp3: bool,
    connections: BTreeMap<usize, Connection>,
    calls: usize,
}

/// What a session would keep of a connection.
#[derive(Default)]
struct Connection {
    database: u16,
    replies: VecDeque<Vec<u8>>,
}

impl Shards {
    fn new(number: u32) -> Shards {
        let name = format!("{number} shard(s) in process");
        Shards { name, shards: InProcess::new(number), number, resp3: false, connections: BTreeMap::new(), calls: 0 }
    }
}

/// The database that these words select, if they are SELECT and it is there.
pub(crate) fn selected(words: &[Vec<u8>]) -> Option<u16> {
    match words {
        [select, number] if select.eq_ignore_ascii_case(b"SELECT") => {
            let number = std::str::from_utf8(number).ok()?.parse().ok()?;
            (0..16).contains(&number).then_some(number)
        }
        _ => None,
    }
}

fn slices(words: &[Vec<u8>]) -> Vec<&[u8]> {
    words.iter().map(Vec::as_slice).collect()
}

impl Way for Shards {
    fn name(&self) -> &str {
        &self.name
    }

    fn takes(&self, block: &Block) -> bool {
        let directives = &block.directives;
        let speaks = |step: &Step| match &step.deed {
            Deed::Call(words) => selected(words).is_some() || self.shards.knows(&slices(words)),
            Deed::Raw(_) | Deed::Expect(Expectation::Silence | Expectation::Closed) => false,
            Deed::Pause(_) | Deed::Expect(_) => true,
        };
        !directives.peer
            && directives.shards.is_none_or(|wanted| wanted == self.number)
            && directives.config.is_empty()
            && block.steps.iter().all(speaks)
    }

    fn begin(&mut self, directives: &Directives) {
        self.connections.clear();
        self.resp3 = directives.resp3;
        self.shards.call(&[b"FLUSHALL"]);
    }

    fn call(&mut self, connection: usize, words: &[Vec<u8>]) {
        let connection = self.connections.entry(connection).or_default();
        if let Some(database) = selected(words) {
            connection.database = database;
            connection.replies.push_back(b"+OK\r\n".to_vec());
            return;
        }
        self.calls += 1;
        self.shards.database = connection.database;
        self.shards.resp3 = self.resp3;
        connection.replies.push_back(self.shards.call(&slices(words)).expect("the block was taken"));
    }

    fn send_raw(&mut self, _: usize, _: &[u8]) {
        unreachable!("a block with raw bytes is not taken");
    }

    fn pause(&mut self, time: Duration) {
        self.shards.now_ms += u64::try_from(time.as_millis()).expect("pauses are short");
    }

    fn answer(&mut self, connection: usize, _: Duration) -> Answer {
        self.connections.entry(connection).or_default().replies.pop_front().map_or(Answer::Silence, Answer::Reply)
    }

    fn end(&mut self, _: &Directives) {}
}

/// Runs every block that `way` takes and says what did not come as written.
fn differences(way: &mut dyn Way, blocks: &[Block], fill: &mut Vec<(PathBuf, usize, String)>) -> Vec<String> {
    let mut differences = Vec::new();
    for block in blocks {
        if !way.takes(block) {
            continue;
        }
        way.begin(&block.directives);
        run(way, block, &mut differences, fill);
        way.end(&block.directives);
    }
    differences
}

fn run(way: &mut dyn Way, block: &Block, differences: &mut Vec<String>, fill: &mut Vec<(PathBuf, usize, String)>) {
    let mut sent = String::new();
    // Connections whose last call has no reply yet.
    let mut unanswered: BTreeSet<usize> = BTreeSet::new();
    for step in &block.steps {
        let connection = step.connection;
        match &step.deed {
            Deed::Call(_) | Deed::Raw(_) => {
                if unanswered.iter().any(|waiting| *waiting != connection) {
                    way.pause(A_WHILE);
                    unanswered.clear();
                }
                unanswered.insert(connection);
                if let Deed::Call(words) = &step.deed {
                    sent = reply::quote_words(words);
                    way.call(connection, words);
                } else if let Deed::Raw(bytes) = &step.deed {
                    sent = reply::quote(bytes);
                    way.send_raw(connection, bytes);
                }
            }
            Deed::Pause(time) => way.pause(*time),
            Deed::Expect(expectation) => {
                let patience = if matches!(expectation, Expectation::Silence) { A_WHILE } else { PATIENCE };
                let answer = way.answer(connection, patience);
                unanswered.remove(&connection);
                let told = match &answer {
                    Answer::Reply(bytes) => Reply::decode(bytes).expect("a whole reply").0.to_string(),
                    Answer::Closed => "(closed)".to_owned(),
                    Answer::Silence => "(silence)".to_owned(),
                };
                if matches!(expectation, Expectation::Unknown) {
                    fill.push((block.file.clone(), step.line, told.clone()));
                }
                if !expectation.accepts(&answer) {
                    let mut text = format!("{}:{}\n", block.file.display(), step.line);
                    let _ = writeln!(text, "  sent      {sent}\n  expected  {}\n  got       {told}", expectation.text());
                    differences.push(text);
                    // Without a reply the rest of the conversation says nothing.
                    if !matches!(answer, Answer::Reply(_)) || matches!(expectation, Expectation::Silence | Expectation::Closed) {
                        return;
                    }
                }
            }
        }
    }
}

impl Expectation {
    fn read(mark: &str, text: &str) -> Result<Option<Expectation>, String> {
        let value = match (mark, text) {
            (_, "?") => return Ok(Some(Expectation::Unknown)),
            ("/", pattern) => return Ok(Some(Expectation::Pattern(pattern.to_owned()))),
            ("", "(closed)") => return Ok(Some(Expectation::Closed)),
            ("", "(silence)") => return Ok(Some(Expectation::Silence)),
            (_, text) => Reply::read(text)?,
        };
        let group = match mark {
            "" => return Ok(value.map(Expectation::Value)),
            "~" => 1,
            mark => mark[1..].parse().ok().filter(|group| *group > 0).ok_or("<~ is followed by a number or by nothing")?,
        };
        Ok(value.map(|value| Expectation::AnyOrder(value, group)))
    }

    fn accepts(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Expectation::Closed, Answer::Closed) | (Expectation::Silence, Answer::Silence) => true,
            (Expectation::Value(value), Answer::Reply(bytes)) => value.accepts(&Reply::decode(bytes).expect("a whole reply").0),
            (Expectation::AnyOrder(value, group), Answer::Reply(bytes)) => {
                value.accepts_in_any_order(&Reply::decode(bytes).expect("a whole reply").0, *group)
            }
            (Expectation::Pattern(pattern), Answer::Reply(bytes)) => {
                matches(pattern, &Reply::decode(bytes).expect("a whole reply").0.to_string())
            }
            _ => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Expectation::Value(value) => value.to_string(),
            Expectation::AnyOrder(value, group) => format!("{value}, in any order of {group}"),
            Expectation::Pattern(pattern) => format!("a match of {pattern}"),
            Expectation::Closed => "(closed)".to_owned(),
            Expectation::Silence => "(silence)".to_owned(),
            Expectation::Unknown => "?".to_owned(),
        }
    }
}

/// `*` is any run of characters, everything else itself.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn read_file(file: &Path, text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut defaults = Directives::default();
    let mut block = Block { file: file.to_owned(), directives: defaults.clone(), steps: Vec::new() };
    let mut lines = text.lines().enumerate().peekable();
    // A reply belongs to whoever spoke last.
    let mut speaker = 1;
    while let Some((at, line)) = lines.next() {
        let wrong = |why: &str| format!("{}:{}: {why}: {line}", file.display(), at + 1);
        let mut step = |connection, deed| block.steps.push(Step { line: at + 1, connection, deed });
        if line.trim().is_empty() {
            if block.steps.is_empty() {
                defaults = block.directives.clone();
            } else {
                blocks
                    .push(std::mem::replace(&mut block, Block { file: file.to_owned(), directives: defaults.clone(), steps: Vec::new() }));
            }
            speaker = 1;
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        if let Some(directive) = line.strip_prefix("@ ") {
            if !block.steps.is_empty() {
                return Err(wrong("directives come first in a block"));
            }
            block.directives.read(directive).map_err(|why| wrong(&why))?;
            continue;
        }
        if let Some(time) = line.strip_prefix(". ") {
            let time = time.trim().parse().map_err(|_| wrong("a pause is a number of milliseconds"))?;
            step(speaker, Deed::Pause(Duration::from_millis(time)));
            continue;
        }
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = line.split_at(digits);
        let connection = number.parse().ok();
        if let Some(text) = rest.strip_prefix(">> ") {
            speaker = connection.unwrap_or(1);
            let words = reply::words(text).map_err(|why| wrong(&why))?;
            step(speaker, Deed::Raw(words.concat()));
        } else if let Some(text) = rest.strip_prefix("> ") {
            speaker = connection.unwrap_or(1);
            let words = reply::words(text).map_err(|why| wrong(&why))?;
            step(speaker, Deed::Call(words));
        } else if let Some(text) = rest.strip_prefix('<') {
            let (mark, text) = text.split_once(' ').ok_or_else(|| wrong("an expectation is `< value`"))?;
            let mut text = text.to_owned();
            let expectation = loop {
                if let Some(expectation) = Expectation::read(mark, &text).map_err(|why| wrong(&why))? {
                    break expectation;
                }
                let (_, more) = lines.next_if(|(_, line)| line.starts_with('<')).ok_or_else(|| wrong("brackets stay open"))?;
                text = format!("{text}\n{}", &more[1..]);
            };
            step(connection.unwrap_or(speaker), Deed::Expect(expectation));
        } else {
            return Err(wrong("not a line of a transcript"));
        }
    }
    if !block.steps.is_empty() {
        blocks.push(block);
    }
    Ok(blocks)
}

impl Directives {
    fn read(&mut self, text: &str) -> Result<(), String> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["resp3"] => self.resp3 = true,
            ["ours"] => self.ours = true,
            ["peer"] => self.peer = true,
            ["shards", number] => self.shards = Some(number.parse().map_err(|_| "@ shards is followed by a number")?),
            ["config", name, ref value @ ..] => self.config.push((name.to_owned(), value.join(" ").trim_matches('"').to_owned())),
            _ => return Err("no such directive".to_owned()),
        }
        Ok(())
    }
}

pub(crate) fn all_blocks() -> Vec<Block> {
    let wanted = std::env::var("TRANSCRIPTS").unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).expect("tests/transcripts lies beside the tests").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut blocks = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if wanted.is_empty() || wanted.split(',').any(|wanted| wanted == name) {
            let text = fs::read_to_string(&file).expect("a transcript is text");
            let short = Path::new("tests/transcripts").join(file.file_name().unwrap_or_default());
            blocks.extend(read_file(&short, &text).unwrap_or_else(|why| panic!("{why}")));
        }
    }
    blocks
}

fn hold(way: &mut dyn Way) {
    let blocks = all_blocks();
    let mut fill = Vec::new();
    let differences = differences(way, &blocks, &mut fill);
    if std::env::var_os("TRANSCRIPTS_FILL").is_some() {
        for (file, line, told) in &fill {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let text = fs::read_to_string(&path).expect("the transcript was just read");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines[line - 1] = lines[line - 1].replacen('?', told, 1);
            fs::write(&path, lines.join("\n") + "\n").expect("the transcript can be written");
        }
        println!("filled {} expectations", fill.len());
    }
    assert!(differences.is_empty(), "{} differences with {}:\n\n{}", differences.len(), way.name(), differences.join("\n"));
}

#[test]
fn transcripts_hold_with_one_shard() {
    hold(&mut Sockets::ours(1));
}

#[test]
fn transcripts_hold_with_four_shards() {
    hold(&mut Sockets::ours(4));
}

#[test]
fn transcripts_hold_in_process() {
    for number in [1, 4] {
        let mut shards = Shards::new(number);
        hold(&mut shards);
        // Most of what is said of data needs no session. Were it refused here, nothing would be tested.
        println!("{} calls with {}", shards.calls, shards.name());
        let selected = std::env::var_os("TRANSCRIPTS").is_some();
        assert!(selected || shards.calls > IN_PROCESS_CALLS_MIN, "only {} calls", shards.calls);
    }
}

#[test]
fn transcripts_hold_with_redis_server() {
    hold(&mut Sockets::reference());
}

#[test]
fn every_command_has_a_transcript() {
    let daemon = Daemon::start(&[]);
    let Reply::Array(names) = daemon.wire().line("COMMAND LIST") else { panic!("COMMAND LIST answers an array") };
    let mut said: BTreeSet<Vec<u8>> = BTreeSet::new();
    for step in all_blocks().iter().flat_map(|block| &block.steps) {
        if let Deed::Call(words) = &step.deed {
            // COMMAND LIST names subcommands as CONFIG|GET.
            let spoken = words.iter().take(2).map(|word| word.to_ascii_lowercase()).collect::<Vec<_>>();
            said.extend(spoken.first().cloned());
            said.insert(spoken.join(&b'|'));
        }
    }
    let missing: Vec<String> = names
        .iter()
        .filter_map(|name| match name {
            Reply::Bulk(name) if !said.contains(name) => Some(String::from_utf8_lossy(name).into_owned()),
            _ => None,
        })
        .collect();
    assert!(missing.is_empty(), "no transcript says {missing:?}");
}

#[test]
fn what_is_not_a_transcript_is_refused() {
    let wrong = |text: &str| read_file(Path::new("x"), text).err().unwrap_or_default();
    assert_eq!(wrong("> SET \"k\n"), "x:1: unbalanced quotes: SET \"k: > SET \"k");
    assert!(wrong("> PING\n< [\"a\"\n> PING").contains("brackets stay open"));
    assert!(wrong("> PING\n@ ours\n").contains("directives come first"));
    assert!(wrong("@ nonsense\n").contains("no such directive"));
    assert!(wrong("PING\n").contains("not a line of a transcript"));
}

#[test]
fn a_transcript_that_does_not_hold_is_told() {
    let text = "@ resp3\n\n# told apart\n> SET k v\n< +OK\n> GET k\n< \"w\"\n2> GET k\n2< \"v\"\n\n> LRANGE k 0 -1\n< []\n> PING\n< +PING\n\n> GET missing\n</ (n*l)\n";
    let blocks = read_file(Path::new("x.txt"), text).expect("a sound transcript");
    assert_eq!(blocks.len(), 3);
    assert!(blocks.iter().all(|block| block.directives.resp3));
    let told = differences(&mut Sockets::reference(), &blocks, &mut Vec::new());
    assert_eq!(told[0], "x.txt:7\n  sent      \"GET\" \"k\"\n  expected  \"w\"\n  got       \"v\"\n");
    assert!(told[1].starts_with("x.txt:14\n"), "{}", told[1]);
    assert_eq!(told.len(), 2);
}

#[test]
fn patterns_match_runs() {
    assert!(matches(":9*", ":987") && matches("*", "") && matches("-ERR * x*", "-ERR a b x"));
    assert!(!matches(":9*", ":87") && !matches("a", "ab") && !matches("a*b", "ac"));
}
