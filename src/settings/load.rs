//! Layers: the defaults, the file, credentials, the environment, the arguments. The later one wins.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, Map, Source};

use super::arguments::{self, Purpose};
use super::values::{Refusal, Values};
use super::{Request, Settings, file, parse, reference, table};
use crate::error::{Error, Result};

/// What one layer says of one directive.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The directive's own name, whatever alias was written.
    pub(super) name: String,
    pub(super) given: String,
    /// Where it was written: `file:line`, a variable, the command line.
    pub(super) place: String,
}

/// One layer, as the `config` crate merges them: it keeps the place of the value that won.
#[derive(Clone, Debug)]
struct Layer(Vec<Entry>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> std::result::Result<Map<String, config::Value>, ConfigError> {
        Ok(self.0.iter().map(|entry| (entry.name.clone(), config::Value::new(Some(&entry.place), entry.given.as_str()))).collect())
    }
}

/// What arguments and environment ask for.
pub(super) fn request(words: impl Iterator<Item = OsString>, environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Request> {
    let words: Vec<OsString> = words.collect();
    if let [first, rest @ ..] = words.as_slice()
        && first == "check"
        && let Some(file) = rest.iter().find(|word| *word != "--fix").filter(|_| rest.len() <= 2)
    {
        return Ok(Request::Check { path: PathBuf::from(file), fix: rest.iter().any(|word| word == "--fix") });
    }
    let arguments = arguments::parse(words.into_iter())?;
    match arguments.purpose {
        Purpose::Help => return Ok(Request::Print(reference::help())),
        Purpose::Version => return Ok(Request::Print(reference::version())),
        Purpose::Serve | Purpose::CheckConfig | Purpose::PrintConfig => {}
    }
    let environment: Vec<(OsString, OsString)> = environment.collect();
    let layers = [
        arguments.file.as_deref().map(file::read).transpose()?.unwrap_or_default(),
        credentials(&environment)?,
        variables(&environment)?,
        arguments.entries,
    ];
    let settings = Settings::from_values(merge(layers)?, arguments.file)?;
    Ok(match arguments.purpose {
        Purpose::CheckConfig => Request::Print(reference::summary(&settings)),
        Purpose::PrintConfig => Request::Print(reference::effective(&settings.values)),
        _ => Request::Serve(Box::new(settings)),
    })
}

/// The winners over the defaults. Every value is checked, one that is overridden too.
fn merge(layers: impl IntoIterator<Item = Vec<Entry>>) -> Result<Values> {
    let slip = |error: ConfigError| Error::Setting { place: "settings".to_owned(), key: "layers".to_owned(), problem: error.to_string() };
    let mut builder = Config::builder();
    for layer in layers {
        for entry in &layer {
            apply(&mut Values::defaults(), entry)?;
        }
        builder = builder.add_source(Layer(layer));
    }
    let mut values = Values::defaults();
    for (name, value) in builder.build().and_then(|merged| merged.collect()).map_err(slip)? {
        let place = value.origin().unwrap_or_default().to_owned();
        apply(&mut values, &Entry { name, given: value.into_string().map_err(slip)?, place })?;
    }
    Ok(values)
}

/// Puts one entry into the values, or says what is wrong with it.
pub(super) fn apply(values: &mut Values, entry: &Entry) -> Result<()> {
    let fault = |problem: String| Error::Setting { place: entry.place.clone(), key: entry.name.clone(), problem };
    let Some((index, _, row)) = table::find(&entry.name) else { return Err(fault("unknown directive".to_owned())) };
    match values.judge(index, row, &entry.given) {
        Ok(text) => {
            values.put(index, text, &entry.place);
            Ok(())
        }
        Err(Refusal::Form(_)) if row.secret => Err(fault(format!("expected {}, found something else", parse::expected(row.form)))),
        Err(Refusal::Form(_)) => Err(fault(format!("expected {}, found {:?}", parse::expected(row.form), entry.given))),
        Err(Refusal::Later(needs)) => Err(fault(format!("not available yet: {needs}; leave it at {:?}", row.default))),
    }
}

/// Passwords from systemd's LoadCredential=: a file named as the directive, in `$CREDENTIALS_DIRECTORY`.
fn credentials(environment: &[(OsString, OsString)]) -> Result<Vec<Entry>> {
    let Some((_, directory)) = environment.iter().find(|(name, _)| name == "CREDENTIALS_DIRECTORY") else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (_, _, row) in table::rows().filter(|(_, _, row)| row.secret) {
        let path = Path::new(directory).join(row.name);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let given = text.trim_end_matches(['\r', '\n']).to_owned();
                found.push(Entry { name: row.name.to_owned(), given, place: format!("credential {}", row.name) });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::File { path, line: None, problem: format!("cannot be read: {error}") }),
        }
    }
    Ok(found)
}

/// `TRENCADIS__SECTION__KEY`, with `_` for the `-` of names. Other variables, also `TRENCADIS_` with one underscore, are not ours.
fn variables(environment: &[(OsString, OsString)]) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    for (variable, given) in environment {
        let Some((variable, path)) = variable.to_str().and_then(|name| Some((name, name.strip_prefix("TRENCADIS__")?))) else { continue };
        let place = format!("environment {variable}");
        let fault = |key: &str, problem: String| Error::Setting { place: place.clone(), key: key.to_owned(), problem };
        let Some((section, key)) = path.split_once("__") else {
            return Err(fault(path, "expected TRENCADIS__SECTION__KEY".to_owned()));
        };
        let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        let Some((_, home, row)) = table::rows().find(|(_, _, row)| row.names().any(|name| plain(name) == plain(key))) else {
            let hint = table::nearest(key).map_or_else(|| "unknown key".to_owned(), |known| format!("unknown key; did you mean {known}?"));
            return Err(fault(&plain(key), hint));
        };
        if plain(home.name) != plain(section) {
            let right = format!("TRENCADIS__{}__{}", home.name, row.name).to_ascii_uppercase().replace('-', "_");
            return Err(fault(row.name, format!("belongs in section {}: {right}", home.name)));
        }
        let Some(given) = given.to_str() else { return Err(fault(row.name, "the value is not UTF-8 text".to_owned())) };
        found.push(Entry { name: row.name.to_owned(), given: given.to_owned(), place });
    }
    Ok(found)
}
