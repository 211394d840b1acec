//! From what an operator writes to the canonical text that CONFIG GET prints. The error texts are Redis's.

use super::table::{Directive, Form};

/// The classes of client-output-buffer-limit, as CONFIG GET names them.
pub(crate) const CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];
/// Shards cannot be more than this: each needs a thread, and slots to own.
const SHARDS_MAX: usize = 1024;
const PASSWORD_BYTES_MAX: usize = 512;

/// The canonical text of `given`, or why it cannot be (Redis's words, for CONFIG SET). `current` is the value so far:
/// client-output-buffer-limit changes only the classes it names.
pub(crate) fn canonical(row: &Directive, current: &str, given: &str) -> Result<String, String> {
    match row.form {
        Form::YesNo => match () {
            () if given.eq_ignore_ascii_case("yes") => Ok("yes".to_owned()),
            () if given.eq_ignore_ascii_case("no") => Ok("no".to_owned()),
            () => Err("argument must be 'yes' or 'no'".to_owned()),
        },
        Form::Integer { min, max } => in_range(given, min, max).map(|value| value.to_string()),
        Form::Clamped { max, low, high } => in_range(given, 0, max).map(|value| value.clamp(low, high).to_string()),
        Form::Octal { max } => match u32::from_str_radix(given, 8) {
            Ok(bits) if bits <= max => Ok(format!("{bits:o}")),
            Ok(_) => Err(format!("argument must be between 0 and {max:o} inclusive")),
            Err(_) => Err("argument couldn't be parsed as an octal number".to_owned()),
        },
        Form::Memory { min, max } => match memory(given) {
            Some(bytes) if (min..=max).contains(&bytes) => Ok(bytes.to_string()),
            Some(_) => Err(format!("argument must be between {min} and {max} inclusive")),
            None => Err("argument must be a memory value".to_owned()),
        },
        Form::MemoryOrPercent => match given.strip_suffix('%') {
            Some(share) => match integer(share) {
                Some(share @ 0..=100) => Ok(format!("{share}%")),
                Some(101..) => Err("percentage argument must be less or equal to 100".to_owned()),
                _ => Err("argument must be a memory or percent value".to_owned()),
            },
            None => memory(given).map(|bytes| bytes.to_string()).ok_or_else(|| "argument must be a memory or percent value".to_owned()),
        },
        Form::Choice(words) => one_of(words, given).map(str::to_owned),
        Form::Flags(words) => flags(words, given),
        Form::Text if row.name == "requirepass" && given.len() > PASSWORD_BYTES_MAX => {
            Err(format!("the password must not be longer than {PASSWORD_BYTES_MAX} bytes"))
        }
        Form::Text => Ok(given.to_owned()),
        Form::FileName if given.contains('/') => Err(format!("{} can't be a path, just a filename", row.name)),
        Form::FileName if given.is_empty() => Err(format!("{} can't be empty", row.name)),
        Form::FileName => Ok(given.to_owned()),
        Form::Directory => directory(given),
        Form::Words(most) => {
            let words: Vec<&str> = given.split_whitespace().collect();
            if words.len() > most { Err(format!("Too many {} addresses specified.", row.name)) } else { Ok(words.join(" ")) }
        }
        Form::SavePoints => {
            let pairs = save_points(given).ok_or("Invalid save parameters")?;
            Ok(pairs.iter().map(|(seconds, changes)| format!("{seconds} {changes}")).collect::<Vec<_>>().join(" "))
        }
        Form::OutputLimits => output_limits(current, given),
        Form::Events => events(given),
        Form::Percentiles => percentiles_text(row.name, given),
        Form::OomScores => oom_scores(row.name, given),
        Form::Shards if given.eq_ignore_ascii_case("auto") => Ok("auto".to_owned()),
        Form::Shards => match integer(given).and_then(|count| usize::try_from(count).ok()) {
            Some(count) if (1..=SHARDS_MAX).contains(&count) => Ok(count.to_string()),
            _ => Err(format!("argument must be auto or between 1 and {SHARDS_MAX} inclusive")),
        },
    }
}

/// What a directive of this form takes, for error messages at start, help and documentation.
pub(crate) fn expected(form: Form) -> String {
    match form {
        Form::YesNo => "yes or no".to_owned(),
        Form::Integer { min: 0, max: i64::MAX } => "an integer, 0 or more".to_owned(),
        Form::Integer { min, max: i64::MAX } => format!("an integer, {min} or more"),
        Form::Integer { min, max } => format!("an integer from {min} to {max}"),
        Form::Clamped { low, high, .. } => format!("an integer from {low} to {high}"),
        Form::Octal { max } => format!("permission bits in octal up to {max:o}, such as \"700\""),
        Form::Memory { min: 0, .. } => "a size such as 100mb".to_owned(),
        Form::Memory { min, .. } => format!("a size such as 100mb, at least {min} bytes"),
        Form::MemoryOrPercent => "a size such as 100mb, or a share such as 5%".to_owned(),
        Form::Choice(words) => words_or(words),
        Form::Flags(words) => format!("one or more of {}", words.join(", ")),
        Form::Text => "text".to_owned(),
        Form::FileName => "a file name without a directory".to_owned(),
        Form::Directory => "a directory that exists".to_owned(),
        Form::Words(most) => format!("up to {most} words"),
        Form::SavePoints => "pairs of seconds and changes such as \"900 1 300 10\", or \"\"".to_owned(),
        Form::OutputLimits => "class, hard limit, soft limit and seconds, such as \"pubsub 32mb 8mb 60\"".to_owned(),
        Form::Events => "letters of Ag$lshzxeKEtmdn".to_owned(),
        Form::Percentiles => "numbers from 0 to 100 such as \"50 99 99.9\"".to_owned(),
        Form::OomScores => "three integers from -2000 to 2000".to_owned(),
        Form::Shards => format!("auto, or an integer from 1 to {SHARDS_MAX}"),
    }
}

fn words_or(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// An integer as Redis reads it: no sign but `-`, no spaces, no leading zeros.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = text == "0" || digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

fn in_range(given: &str, min: i64, max: i64) -> Result<i64, String> {
    match integer(given) {
        Some(value) if (min..=max).contains(&value) => Ok(value),
        Some(_) => Err(format!("argument must be between {min} and {max} inclusive")),
        None => Err("argument couldn't be parsed into an integer".to_owned()),
    }
}

/// A number of bytes: digits and a unit. `k` is 1000 and `kb` 1024, and so on, in any case. What is too large for 64 bits
/// becomes the largest number, so that it fails a range rather than wrapping.
pub(crate) fn memory(text: &str) -> Option<u64> {
    if text.is_empty() {
        return Some(0);
    }
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    if digits.is_empty() {
        return None;
    }
    // All digits: parsing fails only when there are too many.
    Some(digits.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(factor))
}

fn one_of(words: &'static [&'static str], given: &str) -> Result<&'static str, String> {
    words
        .iter()
        .copied()
        .find(|word| word.eq_ignore_ascii_case(given))
        .ok_or_else(|| format!("argument(s) must be one of the following: {}", words.join(", ")))
}

fn flags(words: &'static [&'static str], given: &str) -> Result<String, String> {
    let mut chosen = Vec::new();
    for word in given.split(' ') {
        chosen.push(one_of(words, word)?);
    }
    if chosen.contains(&"save") && chosen.contains(&"nosave") {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".to_owned());
    }
    let ordered: Vec<&str> = words.iter().copied().filter(|word| chosen.contains(word)).collect();
    // The default is the absence of the others.
    let others: Vec<&str> = ordered.iter().copied().filter(|word| *word != "default").collect();
    Ok(if others.is_empty() { ordered } else { others }.join(" "))
}

fn directory(given: &str) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string().split(" (os error").next().unwrap_or_default().to_owned();
    let path = std::fs::canonicalize(given).map_err(told)?;
    if !path.is_dir() {
        return Err("Not a directory".to_owned());
    }
    path.into_os_string().into_string().map_err(|_| "the path is not UTF-8".to_owned())
}

/// Pairs of seconds (at least 1) and changes. Empty text is no pairs.
pub(crate) fn save_points(text: &str) -> Option<Vec<(u64, u64)>> {
    let numbers: Vec<u64> =
        text.split_whitespace().map(|word| integer(word).and_then(|value| u64::try_from(value).ok())).collect::<Option<_>>()?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() || pairs.iter().any(|[seconds, _]| *seconds == 0) {
        return None;
    }
    Some(pairs.iter().map(|[seconds, changes]| (*seconds, *changes)).collect())
}

/// A limit of one class: hard bytes, soft bytes, seconds.
pub(crate) fn output_limit(words: &[&str]) -> Option<[u64; 3]> {
    let [hard, soft, seconds] = words else { return None };
    let seconds = integer(seconds).and_then(|value| u64::try_from(value).ok())?;
    Some([memory(hard)?, memory(soft)?, seconds])
}

fn output_limits(current: &str, given: &str) -> Result<String, String> {
    let words: Vec<&str> = given.split_whitespace().collect();
    let (groups, rest) = words.as_chunks::<4>();
    if !rest.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    let standing: Vec<&str> = current.split_whitespace().collect();
    let mut limits = [[0u64; 3]; CLASSES.len()];
    for [class, limit @ ..] in standing.as_chunks::<4>().0 {
        if let (Some(place), Some(limit)) = (CLASSES.iter().position(|known| known == class), output_limit(limit)) {
            limits[place] = limit;
        }
    }
    for [class, limit @ ..] in groups {
        let class = if class.eq_ignore_ascii_case("replica") { "slave" } else { class };
        let place = CLASSES
            .iter()
            .position(|known| known.eq_ignore_ascii_case(class))
            .ok_or("Invalid client class specified in buffer limit configuration.")?;
        limits[place] = output_limit(limit).ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
    }
    let texts: Vec<String> =
        CLASSES.iter().zip(limits).map(|(class, [hard, soft, seconds])| format!("{class} {hard} {soft} {seconds}")).collect();
    Ok(texts.join(" "))
}

fn events(given: &str) -> Result<String, String> {
    /// The events that A stands for.
    const ALL: &str = "g$lshzxetd";
    if !given.chars().all(|letter| "Ag$lshzxeKEtmdn".contains(letter)) {
        return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_owned());
    }
    let has = |letter: char| given.contains(letter) || given.contains('A') && ALL.contains(letter);
    let mut text: String = ALL.chars().filter(|&letter| has(letter)).collect();
    if text == ALL {
        text = "A".to_owned();
    }
    text.extend("nKEm".chars().filter(|&letter| given.contains(letter)));
    Ok(text)
}

/// Numbers from 0 to 100; the error says whether one is no number (false) or out of range (true).
pub(crate) fn percentiles(text: &str) -> Result<Vec<f64>, bool> {
    text.split_whitespace()
        .map(|word| match word.parse::<f64>() {
            Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
            Ok(_) => Err(true),
            Err(_) => Err(false),
        })
        .collect()
}

fn percentiles_text(name: &str, given: &str) -> Result<String, String> {
    match percentiles(given) {
        Ok(values) => Ok(values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")),
        Err(true) => Err(format!("{name} parameters should sit between [0.0,100.0]")),
        Err(false) => Err(format!("Invalid {name} parameters")),
    }
}

fn oom_scores(name: &str, given: &str) -> Result<String, String> {
    let words: Vec<&str> = given.split_whitespace().collect();
    if words.len() != 3 {
        return Err("wrong number of arguments".to_owned());
    }
    if words.iter().any(|word| !integer(word).is_some_and(|score| (-2000..=2000).contains(&score))) {
        return Err(format!("Invalid {name}, elements must be between -2000 and 2000."));
    }
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    fn set(name: &str, given: &str) -> Result<String, String> {
        let (_, _, row) = table::find(name).unwrap();
        canonical(row, row.default, given)
    }

    #[test]
    fn sizes_mean_what_redis_means() {
        for (text, bytes) in [
            ("1", 1),
            ("1b", 1),
            ("1k", 1000),
            ("1kb", 1024),
            ("1M", 1_000_000),
            ("1Mb", 1 << 20),
            ("2g", 2_000_000_000),
            ("1GB", 1 << 30),
            ("", 0),
        ] {
            assert_eq!(memory(text), Some(bytes), "{text}");
        }
        for text in ["-1", "1.5gb", "1tb", "gb", " 1", "1 mb", "x"] {
            assert_eq!(memory(text), None, "{text}");
        }
        assert_eq!(memory("99999999999999999999gb"), Some(u64::MAX));
    }

    #[test]
    fn canonical_texts_are_those_of_config_get() {
        for (name, given, canonical) in [
            ("maxmemory", "1gb", "1073741824"),
            ("appendonly", "YES", "yes"),
            ("loglevel", "NOTICE", "notice"),
            ("hz", "5000", "500"),
            ("hz", "0", "1"),
            ("save", "900 1 300 10", "900 1 300 10"),
            ("save", "", ""),
            ("unixsocketperm", "0770", "770"),
            ("maxmemory-clients", "10%", "10%"),
            ("maxmemory-clients", "1kb", "1024"),
            ("shutdown-on-sigterm", "force nosave", "nosave force"),
            ("bind", " 127.0.0.1   -::1 ", "127.0.0.1 -::1"),
            ("notify-keyspace-events", "KEA", "AKE"),
            ("notify-keyspace-events", "zd$g", "g$zd"),
            ("notify-keyspace-events", "gtelsh", "glshet"),
            ("notify-keyspace-events", "Kn", "nK"),
            ("latency-tracking-info-percentiles", "50.0 99.123456", "50 99.123456"),
            (
                "client-output-buffer-limit",
                "normal 1mb 2mb 30",
                "normal 1048576 2097152 30 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            ),
            ("client-output-buffer-limit", "replica 0 0 0", "normal 268435456 67108864 60 slave 0 0 0 pubsub 33554432 8388608 60"),
        ] {
            assert_eq!(set(name, given).as_deref(), Ok(canonical), "{name} {given}");
        }
    }

    #[test]
    fn refusals_are_worded_as_redis_words_them() {
        for (name, given, text) in [
            ("port", "abc", "argument couldn't be parsed into an integer"),
            ("hz", " 5", "argument couldn't be parsed into an integer"),
            ("hz", "0x10", "argument couldn't be parsed into an integer"),
            ("hz", "-1", "argument must be between 0 and 2147483647 inclusive"),
            ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
            ("maxmemory", "10%", "argument must be a memory value"),
            ("proto-max-bulk-len", "1", "argument must be between 1048576 and 9223372036854775807 inclusive"),
            ("maxmemory-clients", "200%", "percentage argument must be less or equal to 100"),
            ("maxmemory-clients", "x", "argument must be a memory or percent value"),
            ("appendonly", "maybe", "argument must be 'yes' or 'no'"),
            ("appendfsync", "x", "argument(s) must be one of the following: everysec, always, no"),
            ("save", "900", "Invalid save parameters"),
            ("save", "0 1", "Invalid save parameters"),
            ("save", "900 -1", "Invalid save parameters"),
            ("dbfilename", "a/b", "dbfilename can't be a path, just a filename"),
            ("dir", "/nonexistent", "No such file or directory"),
            ("notify-keyspace-events", "Q", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
            ("oom-score-adj-values", "1 2", "wrong number of arguments"),
            ("oom-score-adj-values", "0 9 x", "Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
            ("latency-tracking-info-percentiles", "50 x", "Invalid latency-tracking-info-percentiles parameters"),
            ("latency-tracking-info-percentiles", "101", "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"),
            ("client-output-buffer-limit", "normal 1 2", "Wrong number of arguments in buffer limit configuration."),
            ("client-output-buffer-limit", "foo 1 2 3", "Invalid client class specified in buffer limit configuration."),
            ("client-output-buffer-limit", "normal 1 2 x", "Error in hard, soft or soft_seconds setting in buffer limit configuration."),
            ("shutdown-on-sigterm", "nosave save", "shutdown options SAVE and NOSAVE can't be used simultaneously"),
            ("shutdown-on-sigterm", "", "argument(s) must be one of the following: default, save, nosave, now, force"),
        ] {
            assert_eq!(set(name, given), Err(text.to_owned()), "{name} {given}");
        }
    }

    #[test]
    fn every_default_is_canonical() {
        for (_, _, row) in table::rows().filter(|(_, _, row)| row.form != Form::Directory) {
            assert_eq!(canonical(row, row.default, row.default).as_deref(), Ok(row.default), "{}", row.name);
        }
    }
}
