//! Fills the registry from every table: the data families below, the session's own here.

use crate::command::{FAMILIES, SCRIPTS};
use crate::session::command::SESSION_FAMILIES;
use crate::session::{Handler, Registry};

impl Registry {
    /// Every command of the daemon.
    pub(crate) fn whole() -> Registry {
        let data = FAMILIES.iter().copied().flatten().map(|row| (&row.spec, Handler::of(row)));
        let session = SESSION_FAMILIES.iter().copied().flatten().map(|row| (&row.spec, row.handler));
        let scripts = SCRIPTS.iter().map(|row| (&row.near.spec, Handler::Script(row)));
        // Containers of the session come before data subcommands that they might hold.
        Registry::new(session.chain(data).chain(scripts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Find;

    #[test]
    fn every_row_is_sound() {
        let registry = Registry::whole();
        for entry in registry.entries().iter().flat_map(|entry| std::iter::once(entry).chain(&entry.subcommands)) {
            let spec = entry.spec;
            assert_eq!(spec.name, spec.name.to_ascii_lowercase(), "names are lower-case");
            assert!(spec.arity.least >= 1, "{}: a call has at least its name", spec.name);
            for keys in spec.keys {
                // But for those that an option names, or nobody.
                let optional = matches!(keys.find, Find::Range { .. } | Find::Behind { .. } | Find::Unknown { .. });
                assert!(keys.begin < spec.arity.least as usize || optional, "{}: keys lie inside the arity", spec.name);
            }
            assert!(!spec.doc.summary.is_empty() && !spec.doc.since.is_empty(), "{}: has no documentation", spec.name);
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let registry = Registry::whole();
        assert!(registry.find(b"PiNg").is_some());
        assert!(registry.find(b"nonesuch").is_none());
        assert!(registry.find(&[b'x'; 300]).is_none());
    }
}
