//! Reads a row's syntax, written as manuals write it, into the arguments that COMMAND DOCS tells.
//!
//! `name` is a value and `NAME` or a sign like `*` a token, which belongs to the values that follow it; `[..]` may be left out; `a | b`
//! are alternatives, in `<..>` where they do not fill brackets; `key [key ...]` and `<..> ...` may be said several times.

/// One argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    /// What it is called; a token or several parts make a name of their own.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The word that announces it.
    pub(crate) token: Option<String>,
    pub(crate) optional: bool,
    pub(crate) multiple: bool,
    /// The token is said again with every value.
    pub(crate) multiple_token: bool,
}

/// What an argument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    /// Only its token.
    Token,
    /// One of these.
    OneOf(Vec<Argument>),
    /// All of these, in this order.
    Block(Vec<Argument>),
}

/// The arguments that a syntax describes.
///
/// # Errors
/// What the syntax lacks; a test reads every row's, so that a client never meets this.
pub(crate) fn read(syntax: &str) -> Result<Vec<Argument>, String> {
    let words = words(syntax);
    let mut at = 0;
    let alternatives = alternatives(&words, &mut at)?;
    if at < words.len() {
        return Err(format!("nothing opens the {} in `{syntax}`", words[at]));
    }
    match <[Vec<Argument>; 1]>::try_from(alternatives) {
        Ok([arguments]) => Ok(arguments),
        Err(several) => Ok(vec![one_of(several)]),
    }
}

/// Brackets, bars, dots and the words between them.
fn words(syntax: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for piece in syntax.split_whitespace() {
        let mut rest = piece;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '[' | ']' | '<' | '>' | '|' => 1,
                '.' if rest.starts_with("...") => 3,
                _ => rest.find(['[', ']', '<', '>', '|']).into_iter().chain(rest.find("...")).min().unwrap_or(rest.len()),
            };
            let (word, behind) = rest.split_at(length);
            words.push(word);
            rest = behind;
        }
    }
    words
}

/// Sequences with bars between them, up to a closing bracket or the end.
fn alternatives(words: &[&str], at: &mut usize) -> Result<Vec<Vec<Argument>>, String> {
    let mut all = vec![sequence(words, at)?];
    while words.get(*at) == Some(&"|") {
        *at += 1;
        all.push(sequence(words, at)?);
    }
    Ok(all)
}

fn sequence(words: &[&str], at: &mut usize) -> Result<Vec<Argument>, String> {
    let mut arguments: Vec<Argument> = Vec::new();
    // Since which argument the last token has been waiting for its values.
    let mut token_at = None;
    while let Some(&word) = words.get(*at) {
        match word {
            "]" | ">" | "|" => break,
            "..." => {
                *at += 1;
                arguments.last_mut().ok_or("dots with nothing before them")?.multiple = true;
            }
            "[" | "<" => {
                *at += 1;
                let inner = alternatives(words, at)?;
                let closing = if word == "[" { "]" } else { ">" };
                if words.get(*at) != Some(&closing) {
                    return Err(format!("a {word} stays open"));
                }
                *at += 1;
                if word == "[" && said_again(&mut arguments, &inner, &mut token_at) {
                    continue;
                }
                if word == "[" {
                    settle(&mut arguments, &mut token_at);
                }
                let mut argument = one_of(inner);
                argument.optional |= word == "[";
                arguments.push(argument);
            }
            _ if is_token(word) => {
                *at += 1;
                settle(&mut arguments, &mut token_at);
                token_at = Some(arguments.len());
                arguments.push(Argument::token(word));
            }
            _ => {
                *at += 1;
                arguments.push(Argument::value(word));
            }
        }
    }
    settle(&mut arguments, &mut token_at);
    Ok(arguments)
}

/// Gives the last token the values that followed it: one becomes its argument, several its block.
fn settle(arguments: &mut Vec<Argument>, token_at: &mut Option<usize>) {
    let Some(at) = token_at.take() else { return };
    let mut values = arguments.split_off(at + 1);
    let Some(token) = arguments.pop() else { return };
    match values.len() {
        0 => arguments.push(token),
        1 if values[0].token.is_none() => {
            values[0].token = token.token;
            arguments.append(&mut values);
        }
        _ => {
            let mut block = Argument::block(values);
            block.token = token.token;
            arguments.push(block);
        }
    }
}

/// Whether brackets only say that what stands before them may be said again, as in `key value [key value ...]` or `[GET pattern
/// [GET pattern ...]]`; if so it is marked.
fn said_again(arguments: &mut Vec<Argument>, inner: &[Vec<Argument>], token_at: &mut Option<usize>) -> bool {
    let [again] = inner else { return false };
    let mut again = again.clone();
    if !again.last_mut().is_some_and(Argument::lose_dots) {
        return false;
    }
    if again.iter().any(|argument| argument.token.is_some()) {
        // With its token, then: the one before has all its values.
        settle(arguments, token_at);
        if arguments.last() != again.last() || again.len() != 1 {
            return false;
        }
        arguments.iter_mut().rev().take(1).for_each(|argument| (argument.multiple, argument.multiple_token) = (true, true));
        return true;
    }
    let Some(start) = arguments.len().checked_sub(again.len()).filter(|start| arguments[*start..] == again) else { return false };
    let mut repeated = arguments.split_off(start);
    if repeated.len() > 1 {
        repeated = vec![Argument::block(repeated)];
    }
    repeated.iter_mut().for_each(|argument| argument.multiple = true);
    arguments.append(&mut repeated);
    true
}

/// A token is written in capitals or signs.
fn is_token(word: &str) -> bool {
    !word.contains(|letter: char| letter.is_ascii_lowercase())
}

/// What one pair of brackets holds, as one argument.
fn one_of(mut alternatives: Vec<Vec<Argument>>) -> Argument {
    let single = |mut sequence: Vec<Argument>| match sequence.pop() {
        Some(argument) if sequence.is_empty() => argument,
        last => Argument::block(sequence.into_iter().chain(last).collect()),
    };
    if alternatives.len() == 1
        && let Some(sequence) = alternatives.pop()
    {
        return single(sequence);
    }
    let arguments: Vec<Argument> = alternatives.into_iter().map(single).collect();
    Argument { kind: Kind::OneOf(arguments.clone()), ..Argument::block(arguments) }
}

impl Argument {
    fn value(name: &str) -> Argument {
        Argument { name: name.to_owned(), kind: Kind::of(name), token: None, optional: false, multiple: false, multiple_token: false }
    }

    fn token(word: &str) -> Argument {
        Argument { kind: Kind::Token, token: Some(word.to_owned()), ..Argument::value(&word.to_ascii_lowercase()) }
    }

    /// Takes the dots away that the argument, or the last part of it, ends with. Says whether there were any.
    fn lose_dots(&mut self) -> bool {
        match &mut self.kind {
            Kind::Block(parts) if !self.multiple => parts.last_mut().is_some_and(Argument::lose_dots),
            _ => std::mem::take(&mut self.multiple),
        }
    }

    fn block(parts: Vec<Argument>) -> Argument {
        let name = parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join("_");
        Argument { kind: Kind::Block(parts), ..Argument::value(&name) }
    }
}

impl Kind {
    /// What a value of this name is.
    fn of(name: &str) -> Kind {
        const INTEGERS: &[&str] = &[
            "bit",
            "client-id",
            "count",
            "cursor",
            "db",
            "decrement",
            "destination-db",
            "end",
            "frequency",
            "idletime",
            "increment",
            "index",
            "index1",
            "index2",
            "len",
            "limit",
            "maxage",
            "maxlen",
            "milliseconds",
            "min-idle-time",
            "ms",
            "num-matches",
            "numkeys",
            "numreplicas",
            "offset",
            "port",
            "protover",
            "rank",
            "seconds",
            "slot",
            "start",
            "stop",
            "timeout",
            "ttl",
            "version",
            "weight",
        ];
        const DOUBLES: &[&str] =
            &["score", "increment-by-float", "float-increment", "longitude", "latitude", "radius", "width", "height", "timeout-seconds"];
        const KEYS: &[&str] = &["key", "key1", "key2", "newkey", "source", "destination", "sourcekey", "destkey"];
        match name {
            _ if INTEGERS.contains(&name) => Kind::Integer,
            _ if DOUBLES.contains(&name) => Kind::Double,
            _ if KEYS.contains(&name) => Kind::Key,
            "pattern" => Kind::Pattern,
            _ if name.starts_with("unix-time") => Kind::UnixTime,
            _ => Kind::Text,
        }
    }

    /// As COMMAND DOCS calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Key => "key",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::Token => "pure-token",
            Kind::OneOf(_) => "oneof",
            Kind::Block(_) => "block",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[TOKEN]name:kind{flags}(parts)`
    fn shown(arguments: &[Argument]) -> String {
        arguments.iter().map(one_shown).collect::<Vec<_>>().join(" ")
    }

    fn one_shown(argument: &Argument) -> String {
        let token = argument.token.as_ref().map(|token| format!("[{token}]")).unwrap_or_default();
        let flags = [(argument.optional, "?"), (argument.multiple, "*"), (argument.multiple_token, "t")];
        let flags: String = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| *flag).collect();
        let parts = match &argument.kind {
            Kind::OneOf(parts) | Kind::Block(parts) => format!("({})", shown(parts)),
            _ => String::new(),
        };
        format!("{token}{}:{}{flags}{parts}", argument.name, argument.kind.name())
    }

    fn told(syntax: &str) -> String {
        shown(&read(syntax).unwrap())
    }

    #[test]
    fn values_and_options() {
        assert_eq!(told(""), "");
        assert_eq!(told("key value"), "key:key value:string");
        assert_eq!(told("[message]"), "message:string?");
        assert_eq!(told("cursor [MATCH pattern] [COUNT count]"), "cursor:integer [MATCH]pattern:pattern? [COUNT]count:integer?");
        assert_eq!(told("key [LIMIT offset count]"), "key:key [LIMIT]offset_count:block?(offset:integer count:integer)");
        assert_eq!(
            told("GROUP group consumer [NOACK]"),
            "[GROUP]group_consumer:block(group:string consumer:string) [NOACK]noack:pure-token?"
        );
        assert_eq!(told("key [BYTE|BIT]"), "key:key byte_bit:oneof?([BYTE]byte:pure-token [BIT]bit:pure-token)");
    }

    #[test]
    fn what_may_be_said_again() {
        assert_eq!(told("key [key ...]"), "key:key*");
        assert_eq!(told("[section [section ...]]"), "section:string?*");
        assert_eq!(told("key value [key value ...]"), "key_value:block*(key:key value:string)");
        assert_eq!(told("key [GET pattern [GET pattern ...]]"), "key:key [GET]pattern:pattern?*t");
        assert_eq!(told("[CONFIG name value [CONFIG name value ...]]"), "[CONFIG]name_value:block?*t(name:string value:string)");
        assert_eq!(told("[ID client-id [client-id ...]]"), "[ID]client-id:integer?*");
        assert_eq!(told("STREAMS key [key ...] id [id ...]"), "[STREAMS]key_id:block(key:key* id:string*)");
        assert_eq!(
            told("numkeys key [key ...] <LEFT | RIGHT>"),
            "numkeys:integer key:key* left_right:oneof([LEFT]left:pure-token [RIGHT]right:pure-token)"
        );
    }

    #[test]
    fn alternatives_may_be_of_any_form() {
        assert_eq!(
            told("key value [NX | XX] [GET] [EX seconds | PXAT unix-time-milliseconds | KEEPTTL]"),
            "key:key value:string nx_xx:oneof?([NX]nx:pure-token [XX]xx:pure-token) [GET]get:pure-token? \
             seconds_unix-time-milliseconds_keepttl:oneof?([EX]seconds:integer [PXAT]unix-time-milliseconds:unix-time [KEEPTTL]keepttl:pure-token)"
        );
        assert_eq!(told("<* | id>"), "*_id:oneof([*]*:pure-token id:string)");
        assert_eq!(
            told("[MATCH pattern | AUTH username password]"),
            "pattern_username_password:oneof?([MATCH]pattern:pattern [AUTH]username_password:block(username:string password:string))"
        );
        assert_eq!(told("<A | b> ..."), "a_b:oneof*([A]a:pure-token b:string)");
        assert_eq!(
            told("MAXLEN [= | ~] threshold"),
            "[MAXLEN]maxlen:pure-token =_~:oneof?([=]=:pure-token [~]~:pure-token) threshold:string"
        );
        assert_eq!(told("a | b c"), "a_b_c:oneof(a:string b_c:block(b:string c:string))");
    }

    #[test]
    fn what_is_not_a_syntax_is_told() {
        assert!(read("[key").is_err());
        assert!(read("key]").is_err());
        assert!(read("... key").is_err());
    }
}
