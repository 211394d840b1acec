//! docs/benchmarks.md: the tables of a run replace those of the last, between markers; the words around them stay.

use std::fs;
use std::path::Path;

use crate::Outcome;

#[derive(Default)]
pub struct Page {
    sections: Vec<(String, String)>,
    plots: Vec<(String, String)>,
}

impl Page {
    pub fn add(&mut self, name: &str, text: String) {
        self.sections.push((name.to_owned(), text));
    }

    pub fn plot(&mut self, name: &str, svg: String) {
        self.plots.push((name.to_owned(), svg));
    }

    pub fn write(&self) -> Outcome<()> {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        fs::create_dir_all(docs.join("plots"))?;
        for (name, svg) in &self.plots {
            fs::write(docs.join("plots").join(format!("{name}.svg")), svg)?;
        }
        let path = docs.join("benchmarks.md");
        let mut page = fs::read_to_string(&path).unwrap_or_else(|_| "# Benchmarks\n".to_owned());
        for (name, text) in &self.sections {
            let plot = self.plots.iter().any(|(plot, _)| plot == name);
            let picture = if plot { format!("![{name}](plots/{name}.svg)\n\n") } else { String::new() };
            page = replace(&page, name, &format!("{picture}{text}"));
        }
        fs::write(&path, page)?;
        println!("wrote {}", path.display());
        Ok(())
    }
}

/// A page that does not have the section yet gets it at its end.
fn replace(page: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- versus {name} begins -->\n"), format!("<!-- versus {name} ends -->\n"));
    let section = format!("{begin}\n{}\n\n{end}", text.trim());
    match (page.find(&begin), page.find(&end)) {
        (Some(start), Some(stop)) if start < stop => format!("{}{section}{}", &page[..start], &page[stop + end.len()..]),
        _ => format!("{}\n\n## {name}\n\n{section}", page.trim_end()),
    }
}
