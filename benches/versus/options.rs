//! What the command line asks for.

use std::path::PathBuf;

use crate::Outcome;
use crate::load::{LARGE_TESTS, TESTS, Test};
use crate::seat::Shards;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Load(Shards),
    Scaling,
    Memory,
    Idle,
    Stall,
    Fanout,
    Large,
    Collections,
    Waits,
    Persist,
}

pub struct Options {
    pub modes: Vec<Mode>,
    pub tests: Vec<Test>,
    pub depths: Vec<u32>,
    pub rounds: usize,
    pub seconds: f64,
    /// Small enough for a test: counts of keys and connections shrink too.
    pub quick: bool,
    /// Nothing but "does it still run": fixed few requests, no waiting for quiet.
    pub smoke: bool,
    pub write: bool,
    pub keep_going: bool,
    pub ours: PathBuf,
    pub theirs: PathBuf,
    pub ours_arguments: Vec<String>,
}

impl Options {
    pub fn from_arguments(arguments: impl Iterator<Item = String>) -> Outcome<Options> {
        let arguments: Vec<String> = arguments.collect();
        let mut options = Options {
            modes: Vec::new(),
            tests: TESTS.to_vec(),
            depths: vec![1, 16, 100],
            rounds: 3,
            seconds: 1.0,
            quick: false,
            smoke: false,
            write: false,
            keep_going: false,
            // Cargo builds the daemon with the profile of this bench, so it is always the one that belongs to these sources.
            ours: PathBuf::from(env!("CARGO_BIN_EXE_trencadis")),
            theirs: PathBuf::from("redis-server"),
            ours_arguments: Vec::new(),
        };
        // `cargo bench` says --bench, `cargo test` does not, and may hand us the filters meant for other tests.
        if !arguments.iter().any(|argument| argument == "--bench") {
            options.shrink_to_smoke();
            if let Some(at) = arguments.iter().position(|argument| argument == "--ours") {
                options.ours = PathBuf::from(arguments.get(at + 1).ok_or("--ours needs a path")?);
            }
            return Ok(options);
        }
        let mut shards = Shards::Exactly(1);
        let mut words = arguments.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--bench" => {}
                "--tests" => options.tests = select(&value()?)?,
                "--depths" => options.depths = numbers(&value()?)?,
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--seconds" => options.seconds = value()?.parse()?,
                "--shards" => shards = Shards::parse(&value()?)?,
                "--quick" => options.shrink(),
                "--write" => options.write = true,
                "--keep-going" => options.keep_going = true,
                "--ours" => options.ours = PathBuf::from(value()?),
                "--ours-argument" => options.ours_arguments.push(value()?),
                "--theirs" => options.theirs = PathBuf::from(value()?),
                "--scaling" => options.modes.push(Mode::Scaling),
                "--memory" => options.modes.push(Mode::Memory),
                "--idle" => options.modes.push(Mode::Idle),
                "--stall" => options.modes.push(Mode::Stall),
                "--fanout" => options.modes.push(Mode::Fanout),
                "--large" => options.modes.push(Mode::Large),
                "--collections" => options.modes.push(Mode::Collections),
                "--waits" => options.modes.push(Mode::Waits),
                "--persist" => options.modes.push(Mode::Persist),
                "--all" => options.modes.extend([
                    Mode::Load(Shards::Exactly(1)),
                    Mode::Load(Shards::Default),
                    Mode::Scaling,
                    Mode::Memory,
                    Mode::Idle,
                    Mode::Stall,
                    Mode::Fanout,
                    Mode::Large,
                    Mode::Collections,
                    Mode::Waits,
                    Mode::Persist,
                ]),
                other => return Err(format!("unknown argument {other}; the first lines of benches/versus.rs list them").into()),
            }
        }
        if options.modes.is_empty() {
            options.modes.push(Mode::Load(shards));
        }
        Ok(options)
    }

    fn shrink(&mut self) {
        self.quick = true;
        self.rounds = 1;
        self.seconds = 0.2;
    }

    fn shrink_to_smoke(&mut self) {
        self.shrink();
        self.smoke = true;
        self.modes =
            vec![Mode::Load(Shards::Exactly(1)), Mode::Memory, Mode::Fanout, Mode::Large, Mode::Collections, Mode::Waits, Mode::Persist];
        self.depths = vec![1, 16];
        self.tests.retain(|test| matches!(test.name, "set" | "get" | "lpop" | "lrange_100" | "mset"));
    }
}

fn select(names: &str) -> Outcome<Vec<Test>> {
    names
        .split(',')
        .map(|name| {
            TESTS
                .iter()
                .chain(&LARGE_TESTS)
                .find(|test| test.name == name)
                .copied()
                .ok_or_else(|| format!("no test is called {name}").into())
        })
        .collect()
}

fn numbers(text: &str) -> Outcome<Vec<u32>> {
    text.split(',').map(|number| Ok(number.parse::<u32>()?.max(1))).collect()
}
