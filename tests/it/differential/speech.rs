//! An episode: what a client says from an empty keyspace on, all of it following from a seed.

use super::dice::Dice;
use super::grammar::{Argument, Kind, Rule};
use super::words::{self, Place, Word};

pub type Command = Vec<Word>;

/// Commands that make sense only together: a random choice among the members of a key, what there was to choose from, and what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    One(Command),
    /// All there is, then a choice from it.
    Choice(Vec<Command>),
    /// The same, then what is left, and the end of the key, which from there on would not be the same on both sides.
    Take(Vec<Command>),
    /// One after the other, with nothing special about any of them.
    Together(Vec<Command>),
    /// MULTI, commands, EXEC.
    Block(Vec<Command>),
}

impl Step {
    pub fn commands(&self) -> &[Command] {
        match self {
            Step::One(command) => std::slice::from_ref(command),
            Step::Choice(commands) | Step::Take(commands) | Step::Together(commands) | Step::Block(commands) => commands,
        }
    }
}

/// Steps of an episode: few enough to be sent at once.
pub const STEPS: usize = 150;

/// Families that an episode dwells on.
const DWELLS_ON: usize = 2;

/// What fills keys is said more often, or there would be little to look at.
const FILLS: &[&str] = &[
    "set",
    "append",
    "setbit",
    "rpush",
    "lpush",
    "sadd",
    "hset",
    "zadd",
    "geoadd",
    "pfadd",
    "xadd",
    "xgroup|create",
    "xreadgroup",
    "setrange",
];
const FILLS_WEIGHT: usize = 4;
/// These end what the others built.
const ENDS_ALL: &[&str] = &["flushall", "flushdb", "swapdb", "select"];

/// What is given an expiry.
const EXPIRES: &[&str] = &["set", "setex", "psetex", "getex", "expire", "pexpire", "expireat", "pexpireat"];

/// What may be followed by more words since, and what that is: it is not said with a word too many.
const GROWN: &[(&str, &str)] = &[("zrank", "WITHSCORE, 7.2"), ("zrevrank", "WITHSCORE, 7.2")];

/// What tells all of a key from which the command chooses.
const CHOICES: &[(&str, &[&str])] = &[
    ("randomkey", &["KEYS", "*"]),
    ("srandmember", &["SMEMBERS"]),
    ("hrandfield", &["HGETALL"]),
    ("zrandmember", &["ZRANGE", "0", "-1", "WITHSCORES"]),
    ("spop", &["SMEMBERS"]),
];

/// These would make scores differ, directly or by way of a set, whose members count one.
const UNLEVELS: &[&str] = &["zincrby", "geoadd", "georadius", "georadiusbymember", "geosearchstore", "zunionstore", "zinterstore"];

pub struct Speaker<'a> {
    dice: Dice,
    rules: &'a [Rule],
    /// Indices of rules, some several times.
    usual: Vec<usize>,
    /// Indices of rules that are not said in this episode.
    unsaid: Vec<usize>,
    /// Both know transactions.
    has_blocks: bool,
    /// Every score is zero. Ranges by name mean something only then, so they are said only then.
    is_level: bool,
}

impl<'a> Speaker<'a> {
    pub fn new(seed: u64, rules: &'a [Rule], has_blocks: bool) -> Speaker<'a> {
        let mut dice = Dice::of(seed);
        let mut groups: Vec<&str> = rules.iter().map(|rule| rule.group.as_str()).filter(|group| *group != "server").collect();
        groups.sort_unstable();
        groups.dedup();
        let is_level = dice.percent(30);
        let is_said = |rule: &Rule| if is_level { !UNLEVELS.contains(&rule.name.as_str()) } else { !rule.name.contains("lex") };
        let unsaid = rules.iter().enumerate().filter(|(_, rule)| !is_said(rule)).map(|(at, _)| at).collect();
        let dwells: Vec<&str> = (0..DWELLS_ON).map(|_| *dice.pick(&groups)).collect();
        let mut usual = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let weight = if FILLS.contains(&rule.name.as_str()) { FILLS_WEIGHT } else { 1 };
            let weight = if dwells.contains(&rule.group.as_str()) { weight } else { 0 };
            usual.extend(std::iter::repeat_n(at, weight));
        }
        Speaker { dice, rules, usual, unsaid, has_blocks, is_level }
    }

    pub fn episode(&mut self) -> Vec<Step> {
        (0..STEPS).map(|_| self.step()).collect()
    }

    fn step(&mut self) -> Step {
        if self.has_blocks && self.dice.percent(2) {
            let mut block = vec![vec![b"MULTI".to_vec()]];
            for _ in 0..self.dice.below(7) {
                // What is said together with others cannot be said in a block.
                if let Step::One(command) = self.plain_step() {
                    block.push(command);
                }
            }
            block.push(vec![if self.dice.percent(90) { b"EXEC".to_vec() } else { b"DISCARD".to_vec() }]);
            return Step::Block(block);
        }
        self.plain_step()
    }

    fn plain_step(&mut self) -> Step {
        let rule = loop {
            let at = if self.dice.percent(85) { *self.dice.pick(&self.usual) } else { self.dice.below(self.rules.len()) };
            let rule = &self.rules[at];
            if self.unsaid.contains(&at) {
                continue;
            }
            if !ENDS_ALL.contains(&rule.name.as_str()) || self.dice.percent(15) {
                break rule;
            }
        };
        let (mut command, is_sound) = self.command(rule);
        if let Some((_, all)) = CHOICES.iter().find(|(name, _)| *name == rule.name) {
            let mut all: Command = all.iter().map(|word| word.as_bytes().to_vec()).collect();
            if let Some(key) = command.get(1).filter(|_| rule.name != "randomkey") {
                all.insert(1, key.clone());
                if rule.name == "spop" {
                    let end = vec![b"DEL".to_vec(), key.clone()];
                    return Step::Take(vec![all.clone(), command, all, end]);
                }
            }
            return Step::Choice(vec![all, command]);
        }
        let consumers = consumers_of(&rule.name, &command);
        if !consumers.is_empty() {
            return Step::Together(consumers.into_iter().chain([command]).collect());
        }
        // Of what is not well formed GETKEYS tells whatever its way through the words makes of it.
        if is_sound && rule.group != "server" && self.dice.percent(1) {
            command.splice(0..0, [b"COMMAND".to_vec(), b"GETKEYS".to_vec()]);
        }
        Step::One(command)
    }

    /// A call of this command, and whether it is left as its syntax wants it.
    fn command(&mut self, rule: &Rule) -> (Command, bool) {
        let is_bulk = FILLS.contains(&rule.name.as_str()) && rule.name != "xadd" && self.dice.percent(4);
        let mut command: Command = rule.name.split('|').map(|word| self.token(word.as_bytes())).collect();
        let start = command.len();
        self.arguments(rule, &rule.arguments, is_bulk, &mut command);
        self.settle_bounds(rule, &mut command);
        if rule.name.starts_with("sort") && command.iter().any(|word| word.eq_ignore_ascii_case(b"BY")) {
            // Of elements whose weights are equal texts either may come first.
            command.retain(|word| !word.eq_ignore_ascii_case(b"ALPHA"));
        }
        let is_kept_level = self.is_level && rule.name == "zadd";
        let has_grown = GROWN.iter().any(|(name, _)| *name == rule.name);
        let is_sound = is_bulk || is_kept_level || has_grown || !self.dice.percent(9);
        if !is_sound {
            self.spoil(rule, start, &mut command);
        }
        (command, is_sound)
    }

    /// Names and options are written large, small, or as it comes.
    fn token(&mut self, word: &[u8]) -> Word {
        let word = if word == b"BYLEX" && !self.is_level { b"BYSCORE" } else { word };
        match self.dice.below(20) {
            0..=15 => word.to_ascii_uppercase(),
            16..=18 => word.to_ascii_lowercase(),
            _ => {
                word.iter().map(|byte| if self.dice.percent(50) { byte.to_ascii_lowercase() } else { byte.to_ascii_uppercase() }).collect()
            }
        }
    }

    fn arguments(&mut self, rule: &Rule, arguments: &[Argument], is_bulk: bool, out: &mut Command) {
        // What counts keys, the keys, and what comes with each of them: mostly as many of one as of the other.
        let mut count = match self.dice.below(10) {
            0..=5 => 1,
            6..=8 => 2,
            _ => 3 + self.dice.below(4),
        };
        if is_bulk {
            let most = if self.dice.percent(30) { 700 } else { 150 };
            count = 20 + self.dice.below(most);
        }
        let mut order: Vec<&Argument> = arguments.iter().collect();
        if self.dice.percent(25) {
            // Options may be said in any order, as long as they are the last.
            let first = arguments.iter().rposition(|argument| !argument.is_optional).map_or(0, |last| last + 1);
            self.dice.shuffle(&mut order[first..]);
        }
        for argument in order {
            if argument.is_optional && !self.dice.percent(35) {
                continue;
            }
            let times = if !argument.is_multiple {
                1
            } else if is_bulk || self.dice.percent(95) {
                count
            } else {
                1 + self.dice.below(4)
            };
            for time in 0..times {
                if let Some(token) = argument.token.as_deref().filter(|_| time == 0 || argument.repeats_token) {
                    let token = self.token(token);
                    out.push(token);
                }
                match argument.kind {
                    Kind::Token => {}
                    Kind::OneOf => {
                        let part = self.dice.below(argument.parts.len());
                        self.arguments(rule, std::slice::from_ref(&argument.parts[part]), false, out);
                    }
                    Kind::Block => self.arguments(rule, &argument.parts, false, out),
                    _ if argument.name == "numkeys" && self.dice.percent(94) => out.push(count.to_string().into_bytes()),
                    _ if argument.name == "score" && self.is_level => out.push(b"0".to_vec()),
                    _ => {
                        let place = Place { command: &rule.name, group: &rule.group, argument, is_bulk };
                        out.push(words::word(&mut self.dice, &place));
                    }
                }
            }
        }
    }

    /// What ZRANGE's two bounds are, its options say.
    fn settle_bounds(&mut self, rule: &Rule, command: &mut Command) {
        let first = match rule.name.as_str() {
            "zrange" => 2,
            "zrangestore" => 3,
            _ => return,
        };
        let says = |option: &[u8]| command.iter().any(|word| word.eq_ignore_ascii_case(option));
        let (is_lex, is_score) = (says(b"BYLEX"), says(b"BYSCORE"));
        if (is_lex || is_score) && command.len() > first + 1 {
            command[first] = words::bound(&mut self.dice, is_lex);
            command[first + 1] = words::bound(&mut self.dice, is_lex);
        } else if command.len() > first + 1 && rule.name == "zrangestore" {
            command[first] = self.dice.from(-4, 8).to_string().into_bytes();
            command[first + 1] = self.dice.from(-4, 8).to_string().into_bytes();
        }
    }

    /// A word too few, too many, twice, or out of place.
    fn spoil(&mut self, rule: &Rule, start: usize, command: &mut Command) {
        if command.len() <= start {
            if self.dice.percent(50) {
                command.push(b"x".to_vec());
            }
            return;
        }
        let at = start + self.dice.below(command.len() - start);
        // A number that stands where an expiry is due may end the key while the episode runs.
        let may_swap = !EXPIRES.contains(&rule.name.as_str());
        match self.dice.below(6) {
            0 => drop(command.remove(at)),
            1 => command.insert(at, command[at].clone()),
            2 if may_swap && at + 1 < command.len() => command.swap(at, at + 1),
            3 => command.truncate(at),
            4 => {
                // An option, perhaps a second time, or where it makes no sense.
                let mut tokens = Vec::new();
                collect_tokens(&rule.arguments, &mut tokens);
                if !tokens.is_empty() {
                    let token = self.dice.pick(&tokens).clone();
                    command.push(self.token(&token));
                }
            }
            _ => {
                let word = words::key(&mut self.dice, &rule.group);
                command.push(word);
            }
        }
    }
}

/// Makes the consumers of a call, if they are not there: 7.2 does so in every case, 7.0 only for those that get something.
fn consumers_of(name: &str, command: &Command) -> Vec<Command> {
    let create = |key: &Word, group: &Word, consumer: &Word| {
        vec![b"XGROUP".to_vec(), b"CREATECONSUMER".to_vec(), key.clone(), group.clone(), consumer.clone()]
    };
    match (name, &command[..]) {
        ("xclaim" | "xautoclaim", [_, key, group, consumer, ..]) => vec![create(key, group, consumer)],
        ("xreadgroup", words) => {
            let after = |option: &[u8]| words.iter().position(|word| word.eq_ignore_ascii_case(option)).map_or(words.len(), |at| at + 1);
            let keys = words.get(after(b"STREAMS")..).unwrap_or_default();
            match words.get(after(b"GROUP")..) {
                Some([group, consumer, ..]) => keys[..keys.len() / 2].iter().map(|key| create(key, group, consumer)).collect(),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn collect_tokens(arguments: &[Argument], tokens: &mut Vec<Word>) {
    for argument in arguments {
        tokens.extend(argument.token.clone());
        collect_tokens(&argument.parts, tokens);
    }
}

/// What is asked of a key at the end of an episode.
pub fn look(key: &[u8], kind: &[u8]) -> Vec<Command> {
    let content: &[&[&str]] = match kind {
        b"string" => &[&["GET"]],
        b"list" => &[&["LRANGE", "0", "-1"]],
        b"set" => &[&["SMEMBERS"]],
        b"hash" => &[&["HGETALL"]],
        b"zset" => &[&["ZRANGE", "0", "-1", "WITHSCORES"]],
        b"stream" => &[&["XRANGE", "-", "+"], &["XINFO", "STREAM", "FULL", "COUNT", "0"]],
        _ => &[],
    };
    let mut commands = Vec::new();
    for words in [&["PEXPIRETIME"], &["OBJECT", "ENCODING"] as &[&str]].iter().chain(content) {
        let mut command: Command = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let at = if matches!(words[0], "OBJECT" | "XINFO") { 2 } else { 1 };
        command.insert(at, key.to_vec());
        commands.push(command);
    }
    commands
}
