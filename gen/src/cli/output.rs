//! Standard output that a reader may close early.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::Path;

use serde::Serialize;

use crate::emit::Plan;
use crate::emit::plan::Written;

/// Version of the JSON objects that `--json` prints; changes when a field changes its meaning or goes away.
const FORMAT_VERSION: u32 = 1;

/// The reader of stdout has gone, as `head` does. Distinct from a broken pipe to a tool, which is an error.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed")]
pub struct OutputClosed;

/// Buffered standard output.
pub struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    pub fn stdout() -> Self {
        Output(BufWriter::new(io::stdout().lock()))
    }

    /// Writes the text as it is.
    pub fn text(&mut self, text: &str) -> anyhow::Result<()> {
        self.0.write_all(text.as_bytes()).map_err(closed)
    }

    /// Writes a line.
    pub fn line(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.0, "{line}").map_err(closed)
    }

    /// Writes the fields of `result` as one JSON object on one line, after `format_version`.
    pub fn json(&mut self, result: &impl Serialize) -> anyhow::Result<()> {
        #[derive(Serialize)]
        struct Versioned<'a, T> {
            format_version: u32,
            #[serde(flatten)]
            result: &'a T,
        }
        let line = serde_json::to_string(&Versioned { format_version: FORMAT_VERSION, result })?;
        self.line(&line)
    }

    /// Says what was written where, and what can be done there: `make -C <folder>/tb` does `what`.
    pub fn written(&mut self, folder: &Path, plan: &Plan, written: &Written, what: &str) -> anyhow::Result<()> {
        let Written { written, unchanged, removed } = written;
        self.line(&format!("{}: {written} files written, {unchanged} unchanged, {removed} removed", folder.display()))?;
        self.line(&format!("digest {}", plan.digest()))?;
        self.line(&format!("`make -C {}` {what}", folder.join("tb").display()))
    }

    /// Hands everything to the reader.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.0.flush().map_err(closed)
    }
}

fn closed(error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => OutputClosed.into(),
        _ => anyhow::Error::new(error).context("standard output cannot be written"),
    }
}

/// Rows as aligned columns, two spaces apart; the first row is the heading. A column is aligned to the right
/// where `right` says so.
pub fn table(rows: &[Vec<String>], right: &[bool]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            if column > 0 {
                line.push_str("  ");
            }
            let padding = " ".repeat(widths[column] - cell.chars().count());
            if right.get(column) == Some(&true) {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// With commas between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A fraction as percent with two places.
pub fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}
