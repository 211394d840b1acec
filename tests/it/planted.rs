//! Bugs that the tests must find: `tests/planted` has one a file, kept out of the source itself.
//!
//! A file begins with the rule that is broken. Then come changes: `--- src/..`, and between `<<<<`, `====` and `>>>>` lines that stand in that file
//! exactly once, and those that take their place. Here it is only looked whether they still do; `tests/long planted` builds a daemon with each and
//! demands that the checker (`live.rs`) finds it. `TRENCADIS_PLANT_IN` names a folder where the changed files are written, by bug and path.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What one bug changes: whole files by their paths.
type Changed = BTreeMap<PathBuf, String>;

/// The changes of a bug, made to the files as they are now.
fn plant(bug: &str, house: &Path) -> Result<Changed, String> {
    let mut changed = Changed::new();
    let mut lines = bug.lines();
    if lines.next().is_none_or(|rule| !rule.ends_with(['.', ')'])) {
        return Err("it does not begin with the rule that is broken".to_owned());
    }
    let mut path = None;
    while let Some(line) = lines.next() {
        if let Some(named) = line.strip_prefix("--- ") {
            path = Some(PathBuf::from(named));
            continue;
        }
        if line != "<<<<" {
            return Err(format!("not a path and not a change: {line}"));
        }
        let path = path.clone().ok_or("a change of no file")?;
        let mut until = |mark: &str| -> Result<String, String> {
            let mut block = String::new();
            for line in lines.by_ref() {
                if line == mark {
                    return Ok(block);
                }
                block.push_str(line);
                block.push('\n');
            }
            Err(format!("{mark} is missing"))
        };
        let (old, new) = (until("====")?, until(">>>>")?);
        let file = match changed.remove(&path) {
            Some(file) => file,
            None => fs::read_to_string(house.join(&path)).map_err(|error| format!("{}: {error}", path.display()))?,
        };
        let count = file.matches(&old).count();
        if old == new || count != 1 {
            return Err(format!("{} has these lines {count} times instead of once:\n{old}", path.display()));
        }
        changed.insert(path, file.replace(&old, &new));
    }
    if changed.is_empty() { Err("it changes nothing".to_owned()) } else { Ok(changed) }
}

#[test]
fn every_planted_bug_fits_the_source_as_it_is() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("TRENCADIS_PLANT_IN").map(PathBuf::from);
    let (mut count, mut wrong) = (0, Vec::new());
    for file in fs::read_dir(house.join("tests/planted")).expect("there are bugs") {
        let file = file.expect("a folder that can be read").path();
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let bug = fs::read_to_string(&file).expect("bugs are text");
        count += 1;
        match plant(&bug, house) {
            Err(why) => wrong.push(format!("tests/planted/{name}: {why}")),
            Ok(changed) => {
                let Some(target) = &target else { continue };
                for (path, text) in changed {
                    let place = target.join(&name).join(path);
                    fs::create_dir_all(place.parent().expect("it is in src")).expect("the folder can be written");
                    fs::write(place, text).expect("the folder can be written");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "the source has changed; change these with it:\n{}", wrong.join("\n"));
    assert!(count >= 15, "only {count} bugs are planted");
}
