//! The command line: `trencadis [FILE] [--directive value..]`, as redis-server takes it, and a few options of our own.

use std::ffi::OsString;
use std::path::PathBuf;

use super::load::Entry;
use super::table::{self, Form};
use crate::error::{Error, Result};

/// What to do with the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Serve,
    CheckConfig,
    PrintConfig,
    Help,
    Version,
}

#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) purpose: Purpose,
    pub(super) file: Option<PathBuf>,
    pub(super) entries: Vec<Entry>,
}

/// Options that are no directives, and what they ask for.
pub(super) const OPTIONS: [(&str, Purpose, &str); 4] = [
    ("--check-config", Purpose::CheckConfig, "Say whether the settings are valid, and stop. Exit code 0 or 78."),
    ("--print-config", Purpose::PrintConfig, "Print every setting in force and where it came from, and stop."),
    ("--version", Purpose::Version, "Print the version, and stop."),
    ("--help", Purpose::Help, "Print this, and stop."),
];

fn problem(key: &str, problem: impl Into<String>) -> Error {
    Error::Setting { place: "command line".to_owned(), key: key.to_owned(), problem: problem.into() }
}

/// Reads the arguments that follow the program's name.
pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Arguments> {
    let mut read = Arguments { purpose: Purpose::Serve, file: None, entries: Vec::new() };
    let mut words = arguments.peekable();
    while let Some(word) = words.next() {
        let Some(word) = word.to_str() else {
            // Only a path may be something else than UTF-8.
            file(&mut read, word)?;
            continue;
        };
        if let Some((_, purpose, _)) = OPTIONS.iter().find(|(name, ..)| *name == long(word)) {
            read.purpose = *purpose;
        } else if let Some(option) = word.strip_prefix("--") {
            let (name, given) = match option.split_once('=') {
                Some((name, value)) => (name, vec![value.to_owned()]),
                None => {
                    let mut given = Vec::new();
                    while let Some(value) = words.next_if(|next| !next.as_encoded_bytes().starts_with(b"--")) {
                        given.push(value.into_string().map_err(|_| problem(word, "the value is not UTF-8 text"))?);
                    }
                    (option, given)
                }
            };
            directive(&mut read.entries, name, given)?;
        } else if word.starts_with('-') {
            return Err(problem(word, "unknown option; directives begin with two dashes"));
        } else {
            file(&mut read, OsString::from(word))?;
        }
    }
    Ok(read)
}

/// The long form of a short option.
fn long(word: &str) -> &str {
    match word {
        "-h" => "--help",
        "-v" | "-V" => "--version",
        other => other,
    }
}

fn file(read: &mut Arguments, path: OsString) -> Result<()> {
    if let Some(first) = &read.file {
        let problem_text = format!("a second file, after {}; there may be one", first.display());
        return Err(problem(&path.to_string_lossy(), problem_text));
    }
    read.file = Some(PathBuf::from(path));
    Ok(())
}

fn directive(entries: &mut Vec<Entry>, name: &str, given: Vec<String>) -> Result<()> {
    let Some((_, _, row)) = table::find(name) else {
        let hint = match table::nearest(name) {
            Some(known) => format!("unknown directive; did you mean --{known}?"),
            None => "unknown directive; --help lists them all".to_owned(),
        };
        return Err(problem(&format!("--{name}"), hint));
    };
    // One by one for what is one value; a list may come as one quoted word or as several.
    let many =
        matches!(row.form, Form::Words(_) | Form::SavePoints | Form::OutputLimits | Form::Percentiles | Form::OomScores | Form::Flags(_));
    match given.len() {
        0 if row.form != Form::SavePoints => return Err(problem(row.name, "expected a value")),
        2.. if !many => return Err(problem(row.name, format!("expected one value, found {}", given.len()))),
        _ => {}
    }
    let given = given.join(" ");
    // As in redis-server, `--save 900 1 --save 300 10` adds up, and `--save ""` starts afresh.
    if row.form == Form::SavePoints
        && !given.is_empty()
        && let Some(earlier) = entries.iter_mut().find(|entry| entry.name == row.name)
    {
        earlier.given = format!("{} {given}", earlier.given).trim_start().to_owned();
        return Ok(());
    }
    entries.retain(|entry| entry.name != row.name || row.form == Form::OutputLimits);
    match entries.iter_mut().find(|entry| entry.name == row.name) {
        Some(earlier) => earlier.given = format!("{} {given}", earlier.given),
        None => entries.push(Entry { name: row.name.to_owned(), given, place: "command line".to_owned() }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Vec<(String, String)>> {
        let read = parse(words.iter().map(OsString::from))?;
        Ok(read.entries.into_iter().map(|entry| (entry.name, entry.given)).collect())
    }

    #[test]
    fn the_habits_of_redis_server_work() {
        let words = ["x.toml", "--port", "7000", "--save", "", "--maxmemory=1gb", "--bind", "127.0.0.1", "-::1", "--LUA-TIME-LIMIT", "1"];
        let read = parse(words.iter().map(OsString::from)).unwrap();
        assert_eq!(read.file, Some(PathBuf::from("x.toml")));
        assert_eq!(read.purpose, Purpose::Serve);
        let pairs: Vec<_> = read.entries.iter().map(|entry| (entry.name.as_str(), entry.given.as_str())).collect();
        assert_eq!(
            pairs,
            [("port", "7000"), ("save", ""), ("maxmemory", "1gb"), ("bind", "127.0.0.1 -::1"), ("busy-reply-threshold", "1")]
        );
    }

    #[test]
    fn repeated_options() {
        let pair = |name: &str, given: &str| vec![(name.to_owned(), given.to_owned())];
        assert_eq!(read(&["--save", "900", "1", "--save", "300 10"]).unwrap(), pair("save", "900 1 300 10"));
        assert_eq!(read(&["--save", "900", "1", "--save", ""]).unwrap(), pair("save", ""));
        assert_eq!(read(&["--save", "", "--save", "5", "1"]).unwrap(), pair("save", "5 1"));
        assert_eq!(read(&["--save"]).unwrap(), pair("save", ""));
        assert_eq!(read(&["--port", "1", "--port", "2"]).unwrap(), pair("port", "2"));
        assert_eq!(read(&["--list-max-listpack-size", "-5"]).unwrap(), pair("list-max-listpack-size", "-5"));
        let limits = ["--client-output-buffer-limit", "normal", "0", "0", "0", "--client-output-buffer-limit", "pubsub 0 0 0"];
        assert_eq!(read(&limits).unwrap(), pair("client-output-buffer-limit", "normal 0 0 0 pubsub 0 0 0"));
    }

    #[test]
    fn slips_are_named() {
        for (words, text) in [
            (&["--prot", "1"][..], "command line: --prot: unknown directive; did you mean --port?"),
            (&["--port"], "command line: port: expected a value"),
            (&["--port", "1", "x.toml"], "command line: port: expected one value, found 2"),
            (&["a.toml", "b.toml"], "command line: b.toml: a second file, after a.toml; there may be one"),
            (&["-p", "1"], "command line: -p: unknown option; directives begin with two dashes"),
        ] {
            assert_eq!(parse(words.iter().map(OsString::from)).unwrap_err().to_string(), text);
        }
    }
}
