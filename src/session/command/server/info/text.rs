//! The form of INFO: headings, `name:value` lines, an empty line between sections, CRLF everywhere.

use std::fmt::{Display, Write};

#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn heading(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
        self.line(format_args!("# {title}"));
    }

    pub(super) fn field(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("{name}:{value}"));
    }

    /// A size in bytes and, beside it, for people.
    pub(super) fn size(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.line(format_args!("{name}_human:{}", human(bytes)));
    }

    pub(super) fn fields(&mut self, fields: &[(&str, u64)]) {
        for (name, value) in fields {
            self.field(name, value);
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{line}\r\n");
    }
}

/// As Redis writes sizes: `999B`, `1.50K`, `2.00M`.
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [char; 6] = ['K', 'M', 'G', 'T', 'P', 'E'];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let power = (bytes.ilog2() / 10).min(6);
    format!("{:.2}{}", bytes as f64 / (1u64 << (10 * power)) as f64, UNITS[power as usize - 1])
}

/// `part` of `whole`, 0 where there is no whole.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_redis_writes_them() {
        for (bytes, text) in
            [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1_039_800, "1015.43K"), (12_402_688, "11.83M"), (25_276_510_208, "23.54G")]
        {
            assert_eq!(human(bytes), text);
        }
        assert_eq!(human(u64::MAX), "16.00E");
    }

    #[test]
    fn sections_have_an_empty_line_between_them() {
        let mut text = Text::default();
        text.heading("A");
        text.size("x", 1);
        text.heading("B");
        assert_eq!(text.finish(), "# A\r\nx:1\r\nx_human:1B\r\n\r\n# B\r\n");
    }
}
