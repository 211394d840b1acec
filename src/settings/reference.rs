//! What the table says, written out: the commented file, the reference page, `--help`, `--print-config`, `--check-config`.

use std::fmt::Write as _;

use super::arguments::OPTIONS;
#[cfg(test)]
use super::parse;
use super::table::{self, Form, SECTIONS, Status};
#[cfg(test)]
use super::table::{Directive, When};
use super::values::Values;
use super::{LogLevel, Settings};

const WIDTH: usize = 110;

/// The version of Redis whose commands and replies are followed.
const PROTOCOL: &str = "7.2";

/// `--version`.
pub(crate) fn version() -> String {
    format!("trencadis {} (Redis protocol {PROTOCOL})", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
/// config/trencadis.toml: every directive at its default, behind a `#`.
pub(crate) fn toml() -> String {
    let mut text = String::from(
        "# Settings of trencadis. Made from the table in src/settings/: change the table, not this file.\n\
         #\n\
         # Every directive stands here at its default, behind a #. Names are Redis's; each belongs in its section.\n\
         # Over this file go variables such as TRENCADIS__NETWORK__PORT=7000, and over those, arguments such as --port 7000.\n\
         # Changes: live by CONFIG SET, at start only, or protected: by CONFIG SET where enable-protected-configs allows it.\n\
         # Sizes: 1k is 1000 bytes, 1kb is 1024, and so on with m, mb, g, gb. For yes and no, true and false will do.\n\
         # `trencadis --check-config FILE` says whether a file is valid.\n",
    );
    for section in SECTIONS {
        let _ = write!(text, "\n\n# {}\n[{}]\n", section.about, section.name);
        for row in section.rows {
            let _ = writeln!(text, "\n{}\n{}", wrapped(row.help, "# "), wrapped(&note(row), "# "));
            let _ = writeln!(text, "#{} = {}", row.name, value(row.form, row.default));
        }
    }
    text
}

#[cfg(test)]
/// docs/configuration.md.
pub(crate) fn markdown() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         Made from the table in `src/settings/`; `TRENCADIS_BLESS=1 cargo test --lib settings::` writes it anew.\n\n\
         Defaults, then the file, then credentials of systemd, then the environment, then the arguments: the later one wins.\n\n\
         - **File**: `trencadis FILE`. TOML; every directive under its Redis name, in its section. [`config/trencadis.toml`](../config/trencadis.toml) shows them all.\n\
         - **Credentials**: a file named `requirepass` in `$CREDENTIALS_DIRECTORY` (`LoadCredential=` in the unit).\n\
         - **Environment**: `TRENCADIS__SECTION__KEY`, with `_` for `-`: `TRENCADIS__NETWORK__TCP_BACKLOG=1024`.\n\
         - **Arguments**: as redis-server takes them: `trencadis [FILE] --port 7000 --save \"\" --maxmemory=1gb`.\n\n\
         Whatever is unknown, misplaced or wrong is one line with file, line and key on standard error, and exit code 78; nothing is started.\n\
         `--check-config` checks and stops; `--print-config` prints what is in force, and where each value came from.\n\n\
         **Changes** says when: *live* by CONFIG SET; *start* only at start; *protected* by CONFIG SET where `enable-protected-configs` allows it.\n",
    );
    for section in SECTIONS {
        let _ = write!(
            text,
            "\n## [{}]\n\n{}\n\n| Directive | Default | Takes | Changes | Meaning |\n|---|---|---|---|---|\n",
            section.name, section.about
        );
        for row in section.rows {
            let also = if row.aliases.is_empty() { String::new() } else { format!(" (also {})", backticked(row.aliases)) };
            let cells = [
                format!("`{}`{also}", row.name),
                format!("`{}`", value(row.form, row.default)),
                parse::expected(row.form),
                when(row).to_owned(),
                format!("{}{}", row.help, status(row).map(|note| format!(" *{note}*")).unwrap_or_default()),
            ];
            let _ = writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
        }
    }
    text
}

#[cfg(test)]
fn backticked(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// `--help`.
pub(crate) fn help() -> String {
    let mut text = format!(
        "{}\nAn in-memory database daemon that speaks the Redis protocol.\n\n\
         Usage: trencadis [FILE] [--DIRECTIVE VALUE..]..\n       trencadis check DATAFILE\n\n\
         FILE is TOML (see config/trencadis.toml); without it the defaults hold. Over the file go variables\n\
         TRENCADIS__SECTION__KEY, and over those the directives given here.\n\
         DATAFILE is an RDB file of Redis or Valkey: says what is in it, or where it is damaged. Exit code 0 or 1.\n\nOptions:\n",
        version()
    );
    for (name, _, help) in OPTIONS {
        let _ = writeln!(text, "  {name:<18}{help}");
    }
    text.push_str("\nDirectives, by section, with their defaults:\n");
    for section in SECTIONS {
        let _ = write!(text, "\n[{}] {}\n", section.name, section.about);
        for row in section.rows {
            let mark = match row.status {
                Status::Later(_) => " (not available yet)",
                Status::Unenforced(_) => " (not enforced yet)",
                Status::Ready | Status::Idle(_) => "",
            };
            let _ = writeln!(text, "  --{} {}", row.name, argument(row.form, row.default));
            let _ = writeln!(text, "{}", wrapped(&format!("{}{mark}", row.summary()), "        "));
        }
    }
    text
}

/// `--print-config`: what is in force, as a file that could be loaded, with where each value came from. Passwords are not shown.
pub(crate) fn effective(values: &Values) -> String {
    let mut text = format!("# {}: the settings in force.\n", version());
    for section in SECTIONS {
        let _ = write!(text, "\n[{}]\n", section.name);
        for (index, _, row) in table::rows().filter(|(_, home, row)| home.name == section.name && !row.hidden) {
            let (given, origin) = (values.at(index), values.origin(index));
            if row.secret && !given.is_empty() {
                let _ = writeln!(text, "# {} is set, and not shown ({origin})", row.name);
            } else {
                let _ = writeln!(text, "{} = {} # {origin}", row.name, value(row.form, given));
            }
        }
    }
    text
}

/// `--check-config`, when all is well.
pub(crate) fn summary(settings: &Settings) -> String {
    let mut text = String::from("configuration is valid\n");
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<12}{value}");
    };
    line("file", settings.file().map_or_else(|| "none: defaults".to_owned(), |path| path.display().to_string()));
    line("listens on", listens(settings));
    line("shards", format!("{}, for {} databases", settings.shards, settings.databases));
    line("directory", settings.dir.display().to_string());
    line("password", if settings.requirepass.is_some() { "required" } else { "none" }.to_owned());
    line(
        "log",
        format!(
            "{}, to {}",
            level(settings.loglevel),
            settings.logfile.as_ref().map_or("standard error".into(), |path| path.display().to_string())
        ),
    );
    for warning in settings.warnings() {
        line("warning", warning);
    }
    text
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Verbose => "verbose",
        LogLevel::Notice => "notice",
        LogLevel::Warning => "warning",
    }
}

fn listens(settings: &Settings) -> String {
    let mut places = Vec::new();
    if settings.port != 0 {
        places.push(format!("port {} of {}", settings.port, settings.bind.join(" ")));
    }
    places.extend(settings.unixsocket.as_ref().map(|path| path.display().to_string()));
    if places.is_empty() { "nothing but sockets handed over".to_owned() } else { places.join(", ") }
}

#[cfg(test)]
/// What a row takes, when it may change, and what to know about it.
fn note(row: &Directive) -> String {
    let also = if row.aliases.is_empty() { String::new() } else { format!(" Also: {}.", row.aliases.join(", ")) };
    let status = status(row).map(|note| format!(" {note}")).unwrap_or_default();
    format!("Takes {}; changes: {}.{also}{status}", parse::expected(row.form), when(row))
}

#[cfg(test)]
fn when(row: &Directive) -> &'static str {
    match row.when {
        When::Live => "live",
        When::Boot => "start",
        When::Protected => "protected",
    }
}

#[cfg(test)]
fn status(row: &Directive) -> Option<String> {
    match row.status {
        Status::Ready => None,
        Status::Unenforced(needs) => Some(format!("Accepted, but not enforced yet: {needs}.")),
        Status::Idle(reason) => Some(format!("Accepted, and without effect: {reason}.")),
        Status::Later(needs) => Some(format!("Not available yet, only the default is accepted: {needs}.")),
    }
}

/// A canonical text as a TOML value, as a person would write it.
fn value(form: Form, text: &str) -> String {
    match form {
        Form::Integer { .. } | Form::Clamped { .. } => text.to_owned(),
        Form::Shards if text != "auto" => text.to_owned(),
        Form::Memory { .. } | Form::MemoryOrPercent => {
            let size = size(text);
            if size.bytes().all(|byte| byte.is_ascii_digit()) && size.parse::<i64>().is_ok() { size } else { quoted(&size) }
        }
        Form::Words(_) if text.contains(' ') => list(text.split_whitespace().map(quoted)),
        Form::Percentiles if !text.is_empty() => list(text.split_whitespace().map(str::to_owned)),
        Form::OutputLimits => {
            let words: Vec<&str> = text.split_whitespace().collect();
            list(words.as_chunks::<4>().0.iter().map(|[class, hard, soft, seconds]| {
                let class = if *class == "slave" { "replica" } else { class };
                quoted(&format!("{class} {} {} {seconds}", size(hard), size(soft)))
            }))
        }
        _ => quoted(text),
    }
}

/// A canonical text as an argument, as a person would type it.
fn argument(form: Form, text: &str) -> String {
    match form {
        Form::Memory { .. } => size(text),
        Form::OutputLimits => text.split_whitespace().map(size).collect::<Vec<_>>().join(" "),
        Form::Words(_) | Form::SavePoints | Form::Percentiles | Form::OomScores if !text.is_empty() => text.to_owned(),
        _ if text.is_empty() || text.contains(' ') => quoted(text),
        _ => text.to_owned(),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// Bytes in the largest unit that divides them.
fn size(text: &str) -> String {
    let Ok(bytes) = text.parse::<u64>() else { return text.to_owned() };
    for (unit, shift) in [("gb", 30), ("mb", 20), ("kb", 10)] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    text.to_owned()
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Text in lines of at most `WIDTH`, each behind `margin`.
fn wrapped(text: &str, margin: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| !line.is_empty() && line.len() + 1 + word.len() > WIDTH) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}
