//! Writes `docs/commands.md` from the rows, and fails while the committed page tells something else. `TRENCADIS_BLESS=1` rewrites it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::session::{Entry, Registry};

fn page(registry: &Registry) -> String {
    let mut groups: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in registry.entries() {
        groups.entry(entry.spec.doc.group).or_default().push(entry);
    }
    let mut page = String::from(
        "# Commands\n\nMade from the tables in `src/command` and `src/session/command`; do not edit. `since` is the version of Redis that first \
         had the command.\n",
    );
    for (group, mut entries) in groups {
        entries.sort_by_key(|entry| entry.spec.name);
        let _ = write!(page, "\n## {group}\n\n| Command | Since | Cost | What it does |\n|---|---|---|---|\n");
        for entry in entries {
            row(&mut page, entry);
            let mut subcommands: Vec<&Entry> = entry.subcommands.iter().collect();
            subcommands.sort_by_key(|entry| entry.spec.name);
            subcommands.into_iter().for_each(|entry| row(&mut page, entry));
        }
    }
    page
}

fn row(page: &mut String, entry: &Entry) {
    let doc = &entry.spec.doc;
    let name = entry.spec.name.to_ascii_uppercase().replace('|', " ");
    let call = format!("{name} {}", doc.syntax).trim_end().replace('|', "\\|");
    let complexity = if doc.complexity == "Depends on subcommand." { "" } else { doc.complexity };
    let _ = writeln!(page, "| `{call}` | {} | {complexity} | {} |", doc.since, doc.summary);
}

#[test]
fn the_page_of_commands_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let wanted = page(&Registry::whole());
    if std::env::var_os("TRENCADIS_BLESS").is_some() {
        fs::write(&path, &wanted).expect("the page can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == wanted, "docs/commands.md is stale: TRENCADIS_BLESS=1 cargo test the_page_of_commands rewrites it");
}
