//! The plots of docs/: horizontal bars, written as SVG by hand, readable on a light and on a dark page.

use std::fmt::Write as _;

use crate::collections::Report as CollectionsReport;
use crate::load::Report as LoadReport;
use crate::memory::Report as MemoryReport;
use crate::spread::Spread;
use crate::waits::Report as WaitsReport;

struct Chart {
    title: String,
    subtitle: String,
    groups: Vec<Group>,
    /// The name of each bar of a group, in the order of the colours.
    series: Vec<String>,
    /// A line to compare with: the peer itself.
    reference: Option<f64>,
    unit: &'static str,
}

struct Group {
    label: String,
    bars: Vec<(usize, Spread)>,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 120.0;
const RIGHT: f64 = 90.0;
const BAR: f64 = 10.0;
const GAP: f64 = 9.0;
const TOP: f64 = 84.0;

/// Two colour sets: dark enough on white, light enough on near black. The three steps also differ in lightness, not in hue alone.
const STYLE: &str = "
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 } .quiet { fill: #57606a } .small { fill: #57606a; font-size: 10px }
  .axis { stroke: #d0d7de } .one { stroke: #57606a; stroke-dasharray: 4 3 } .range { stroke: #6e7781 }
  .s0 { fill: #9ecae1 } .s1 { fill: #3182bd } .s2 { fill: #08468b }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet, .small { fill: #9198a1 }
    .axis { stroke: #30363d } .one { stroke: #9198a1 } .range { stroke: #768390 }
    .s0 { fill: #1f5c8c } .s1 { fill: #4a9fdc } .s2 { fill: #a8d8ff }
  }
";

/// Requests per server CPU second, ours over theirs: the inverse of the CPU ratio, so that a longer bar is better.
pub fn ratios(report: &LoadReport, ours: &str, theirs: &str) -> String {
    let mut depths: Vec<u32> = report.rows.iter().map(|row| row.depth).collect();
    depths.sort_unstable();
    depths.dedup();
    let mut groups: Vec<Group> = Vec::new();
    for row in &report.rows {
        let series = depths.iter().position(|depth| *depth == row.depth).unwrap_or(0);
        let bar = (series, Spread { median: 1.0 / row.cpu.median, min: 1.0 / row.cpu.max, max: 1.0 / row.cpu.min });
        add_to(&mut groups, row.test, bar);
    }
    Chart {
        title: "Requests per second of server CPU".to_owned(),
        subtitle: format!("{ours}, as a multiple of {theirs} (dashed); longer is better; thin line: all rounds"),
        groups,
        series: depths.iter().map(|depth| format!("depth {depth}")).collect(),
        reference: Some(1.0),
        unit: "x",
    }
    .svg()
}

pub fn memory(report: &MemoryReport) -> String {
    let bar = |overhead: f64| (1, Spread { median: overhead, min: overhead, max: overhead });
    Chart {
        title: "Resident bytes over key and value".to_owned(),
        subtitle: format!("{} strings of 16 + 32 bytes; shorter is better", report.keys),
        groups: report.rows.iter().map(|row| Group { label: row.name.clone(), bars: vec![bar(row.overhead)] }).collect(),
        series: Vec::new(),
        reference: None,
        unit: " B",
    }
    .svg()
}

pub fn collections(report: &CollectionsReport) -> String {
    let mut servers: Vec<String> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    for row in &report.rows {
        let series = place_of(&mut servers, &row.server);
        let bar = (series, Spread { median: row.overhead, min: row.overhead, max: row.overhead });
        add_to(&mut groups, row.shape, bar);
    }
    Chart {
        title: "Resident bytes over what is in a collection".to_owned(),
        subtitle: "for each key, and for each member of the large one; shorter is better".to_owned(),
        groups,
        series: servers,
        reference: None,
        unit: " B",
    }
    .svg()
}

pub fn waits(report: &WaitsReport) -> String {
    let mut servers: Vec<String> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    for row in &report.rows {
        let series = place_of(&mut servers, &row.server);
        add_to(&mut groups, row.deed, (series, row.waits.worst_ms));
    }
    Chart {
        title: "Another client's worst wait".to_owned(),
        subtitle: "milliseconds; shorter is better; thin line: all rounds".to_owned(),
        groups,
        series: servers,
        reference: None,
        unit: " ms",
    }
    .svg()
}

/// Where this name stands among those met so far.
fn place_of(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

fn add_to(groups: &mut Vec<Group>, label: &str, bar: (usize, Spread)) {
    match groups.last_mut().filter(|group| group.label == label) {
        Some(group) => group.bars.push(bar),
        None => groups.push(Group { label: label.to_owned(), bars: vec![bar] }),
    }
}

impl Chart {
    fn svg(&self) -> String {
        let longest_label = self.groups.iter().map(|group| group.label.len()).max().unwrap_or(0) as f64;
        let left = LEFT.max(longest_label * 6.6 + 20.0);
        let rows: f64 = self.groups.iter().map(|group| group.bars.len() as f64 * BAR + GAP).sum();
        let height = TOP + rows + 34.0;
        let most = self.groups.iter().flat_map(|group| &group.bars).map(|(_, spread)| spread.max).fold(1.0, f64::max);
        let step = tick(most);
        let most = (most / step).ceil() * step;
        let x = |value: f64| left + value / most * (WIDTH - left - RIGHT);

        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\" role=\"img\">\n"
        );
        let _ = writeln!(svg, "<title>{}</title>\n<style>{STYLE}</style>", escape(&self.title));
        let _ = writeln!(svg, "<text class=\"title\" x=\"16\" y=\"26\">{}</text>", escape(&self.title));
        let _ = writeln!(svg, "<text class=\"quiet\" x=\"16\" y=\"45\">{}</text>", escape(&self.subtitle));
        let longest_name = self.series.iter().map(String::len).max().unwrap_or(0) as f64;
        for (i, name) in self.series.iter().enumerate() {
            let at = 16.0 + i as f64 * (longest_name * 6.6 + 36.0);
            let _ = writeln!(svg, "<rect class=\"s{i}\" x=\"{at}\" y=\"56\" width=\"10\" height=\"10\" rx=\"2\"/>");
            let _ = writeln!(svg, "<text class=\"quiet\" x=\"{}\" y=\"65\">{}</text>", at + 15.0, escape(name));
        }
        let bottom = TOP + rows;
        for i in 0..=(most / step).round() as u32 {
            let value = f64::from(i) * step;
            let at = x(value);
            let _ = writeln!(svg, "<line class=\"axis\" x1=\"{at:.1}\" y1=\"{:.0}\" x2=\"{at:.1}\" y2=\"{bottom:.0}\"/>", TOP - 6.0);
            let _ = writeln!(
                svg,
                "<text class=\"quiet\" x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                label(value)
            );
        }
        let mut y = TOP;
        for group in &self.groups {
            let middle = y + group.bars.len() as f64 * BAR / 2.0;
            let _ = writeln!(
                svg,
                "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 8.0,
                middle + 4.0,
                escape(&group.label)
            );
            for (series, spread) in &group.bars {
                let class = format!("s{}", series % 3);
                let width = (x(spread.median) - left).max(0.5);
                let _ = writeln!(
                    svg,
                    "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" rx=\"1.5\"/>",
                    BAR - 1.0
                );
                let centre = y + (BAR - 1.0) / 2.0;
                if spread.max > spread.min {
                    let (from, to) = (x(spread.min), x(spread.max));
                    let _ = writeln!(svg, "<line class=\"range\" x1=\"{from:.1}\" y1=\"{centre:.1}\" x2=\"{to:.1}\" y2=\"{centre:.1}\"/>");
                }
                let (at, number) = (x(spread.max) + 6.0, format!("{:.*}", if spread.median < 10.0 { 2 } else { 1 }, spread.median));
                let _ = writeln!(svg, "<text class=\"small\" x=\"{at:.1}\" y=\"{:.1}\">{number}{}</text>", centre + 3.5, self.unit);
                y += BAR;
            }
            y += GAP;
        }
        if let Some(reference) = self.reference {
            let at = x(reference);
            let _ = writeln!(svg, "<line class=\"one\" x1=\"{at:.1}\" y1=\"{:.0}\" x2=\"{at:.1}\" y2=\"{bottom:.0}\"/>", TOP - 6.0);
        }
        svg + "</svg>\n"
    }
}

/// Between four and ten steps of a round size.
fn tick(most: f64) -> f64 {
    let mut step = 0.1;
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if most / step <= 8.0 {
            break;
        }
        step *= factor;
    }
    step
}

fn label(value: f64) -> String {
    let text = if value < 10.0 { format!("{value:.2}") } else { format!("{value:.1}") };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
