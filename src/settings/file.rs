//! The TOML file: its directives as text, each with its line; whatever is wrong with it, with its line too.

use std::path::Path;

use toml_edit::{Document, Item, Value};

use super::load::Entry;
use super::table::{self, Directive, Form};
use crate::error::{Error, Result};

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::File {
        path: path.to_owned(),
        line: None,
        problem: format!("cannot be read: {error}"),
    })?;
    entries(&text, path)
}

/// The directives of a file's text, in its order.
pub(super) fn entries(text: &str, path: &Path) -> Result<Vec<Entry>> {
    let document = Document::parse(text).map_err(|error| Error::File {
        path: path.to_owned(),
        line: error.span().map(|span| line(text, span.start)),
        problem: format!("not TOML: {}", error.message().lines().next().unwrap_or_default()),
    })?;
    let mut found: Vec<Entry> = Vec::new();
    for (heading, item) in document.iter() {
        let place_of = |span: Option<std::ops::Range<usize>>| match span {
            Some(span) => format!("{}:{}", path.display(), line(text, span.start)),
            None => path.display().to_string(),
        };
        let key_span = document.as_table().get_key_value(heading).and_then(|(key, _)| key.span());
        let fault = |span, key: &str, problem: String| Error::Setting { place: place_of(span), key: key.to_owned(), problem };
        let Some(section) = table::SECTIONS.iter().find(|section| section.name == heading) else {
            return Err(fault(key_span.or(item.span()), heading, astray(heading, item.is_table_like())));
        };
        let Some(contents) = item.as_table_like() else {
            return Err(fault(key_span, heading, format!("expected a section: write [{heading}] on a line of its own")));
        };
        for (name, item) in contents.iter() {
            let span = contents.get_key_value(name).and_then(|(key, _)| key.span()).or(item.span());
            let Some((_, home, row)) = table::find(name).filter(|(_, _, row)| row.names().any(|known| known == name)) else {
                return Err(fault(span, name, unknown(name)));
            };
            if home.name != section.name {
                return Err(fault(span, name, format!("belongs in section [{}], not in [{}]", home.name, section.name)));
            }
            if found.iter().any(|entry| entry.name == row.name) {
                return Err(fault(span, name, "set twice; an older name counts as the same".to_owned()));
            }
            let given = text_of(row, item).map_err(|problem| fault(span.clone(), name, problem))?;
            found.push(Entry { name: row.name.to_owned(), given, place: place_of(span) });
        }
    }
    Ok(found)
}

fn line(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// What to say of a key at the top that is no section.
fn astray(key: &str, is_section: bool) -> String {
    match table::find(key) {
        Some((_, home, _)) if !is_section => return format!("belongs in section [{}]", home.name),
        _ => {}
    }
    match (is_section, table::nearest_section(key), table::nearest(key).and_then(table::find)) {
        (_, Some(near), _) => format!("unknown section; did you mean [{near}]?"),
        (false, None, Some((_, home, row))) => format!("unknown key; did you mean {} in section [{}]?", row.name, home.name),
        _ => format!("unknown section; there are {}", table::SECTIONS.iter().map(|section| section.name).collect::<Vec<_>>().join(", ")),
    }
}

fn unknown(name: &str) -> String {
    match table::nearest(name) {
        Some(known) => format!("unknown key; did you mean {known}?"),
        None => "unknown key; docs/configuration.md and --help list them all".to_owned(),
    }
}

/// A TOML value as the text an operator would have typed on the command line.
fn text_of(row: &Directive, item: &Item) -> std::result::Result<String, String> {
    let expected = || super::parse::expected(row.form);
    match item.as_value() {
        Some(Value::Array(items)) if takes_list(row.form) => items
            .iter()
            .map(|item| word_of(row, item))
            .collect::<Option<Vec<_>>>()
            .map(|words| words.join(" "))
            .ok_or_else(|| format!("expected {}, found a list with something else in it", expected())),
        Some(value) => word_of(row, value).ok_or_else(|| format!("expected {}, found {}", expected(), kind(value))),
        None => Err(format!("expected {}, found a table", expected())),
    }
}

fn takes_list(form: Form) -> bool {
    matches!(form, Form::Words(_) | Form::SavePoints | Form::OutputLimits | Form::Flags(_) | Form::Percentiles | Form::OomScores)
}

fn word_of(row: &Directive, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().clone()),
        // Octal digits are text: the number 770 could mean either.
        Value::Integer(_) if matches!(row.form, Form::Octal { .. } | Form::YesNo) => None,
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(number) if row.form == Form::Percentiles => Some(number.value().to_string()),
        Value::Boolean(flag) => {
            let word = if *flag.value() { "yes" } else { "no" };
            match row.form {
                Form::YesNo => Some(word.to_owned()),
                Form::Choice(words) if words.contains(&word) => Some(word.to_owned()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.value()),
        Value::Integer(number) => format!("the number {}", number.value()),
        Value::Float(number) => format!("the number {}", number.value()),
        Value::Boolean(flag) => flag.value().to_string(),
        Value::Datetime(_) => "a date".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::InlineTable(_) => "a table".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> std::result::Result<Vec<(String, String, String)>, String> {
        match entries(text, Path::new("x.toml")) {
            Ok(found) => Ok(found.into_iter().map(|entry| (entry.name, entry.given, entry.place)).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn values_of_every_type_become_text() {
        let text = "[network]\nport = 7000\nbind = [\"127.0.0.1\", \"-::1\"]\nprotected-mode = false\nunixsocketperm = \"770\"\n\
                    [security]\nenable-debug-command = true\n[snapshot]\nsave = [900, 1, \"300 10\"]\n\
                    [observation]\nlatency-tracking-info-percentiles = [50, 99.9]\n[scripting]\nlua-time-limit = 5_000\n";
        let found = read(text).unwrap();
        let short: Vec<_> = found.iter().map(|(name, given, place)| (name.as_str(), given.as_str(), place.as_str())).collect();
        assert_eq!(
            short,
            [
                ("port", "7000", "x.toml:2"),
                ("bind", "127.0.0.1 -::1", "x.toml:3"),
                ("protected-mode", "no", "x.toml:4"),
                ("unixsocketperm", "770", "x.toml:5"),
                ("enable-debug-command", "yes", "x.toml:7"),
                ("save", "900 1 300 10", "x.toml:9"),
                ("latency-tracking-info-percentiles", "50 99.9", "x.toml:11"),
                ("busy-reply-threshold", "5000", "x.toml:13"),
            ]
        );
    }

    #[test]
    fn faults_have_a_line_and_a_hint() {
        for (text, fault) in [
            ("[network]\n\nprot = 1\n", "x.toml:3: prot: unknown key; did you mean port?"),
            ("[network]\nPort = 1\n", "x.toml:2: Port: unknown key; did you mean port?"),
            ("port = 1\n", "x.toml:1: port: belongs in section [network]"),
            ("[memory]\nport = 1\n", "x.toml:2: port: belongs in section [network], not in [memory]"),
            ("\n[netwrok]\nport = 1\n", "x.toml:2: netwrok: unknown section; did you mean [network]?"),
            ("maxmemry = 1\n", "x.toml:1: maxmemry: unknown key; did you mean maxmemory in section [memory]?"),
            ("network = 1\n", "x.toml:1: network: expected a section: write [network] on a line of its own"),
            ("[network]\nport = [1]\n", "x.toml:2: port: expected an integer from 0 to 65535, found a list"),
            ("[network]\nport = true\n", "x.toml:2: port: expected an integer from 0 to 65535, found true"),
            ("[network]\nprotected-mode = 1\n", "x.toml:2: protected-mode: expected yes or no, found the number 1"),
            (
                "[network]\nunixsocketperm = 770\n",
                "x.toml:2: unixsocketperm: expected permission bits in octal up to 777, such as \"700\", found the number 770",
            ),
            ("[network.port]\nx = 1\n", "x.toml:1: port: expected an integer from 0 to 65535, found a table"),
            (
                "[scripting]\nlua-time-limit = 1\nbusy-reply-threshold = 1\n",
                "x.toml:3: busy-reply-threshold: set twice; an older name counts as the same",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), fault);
        }
    }

    #[test]
    fn what_is_not_toml_has_a_line() {
        for (text, begin) in [("[network]\nport = \n", "x.toml:2: not TOML: "), ("[network]\nport = 1\nport = 2\n", "x.toml:3: not TOML: ")]
        {
            let fault = read(text).unwrap_err();
            assert!(fault.starts_with(begin) && !fault.contains('\n'), "{fault}");
        }
    }
}
