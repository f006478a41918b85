//! Results as people and programs want them: a table, EDN, JSON, CSV or Markdown.

pub mod columns;
mod csv;
mod json;
mod markdown;
mod table;

use std::io::Write;
use std::time::Duration;

use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::query::QueryStats;
use clap::ValueEnum;

/// Forms for people are broken at this width: narrower than most terminals, so that what is printed can be quoted.
const WIDTH: usize = 100;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns in a frame, for people
    Table,
    /// EDN, one value a line
    Edn,
    /// JSON, one value a line
    Json,
    /// Comma-separated values with a header
    Csv,
    /// A table of Markdown
    Markdown,
}

impl Format {
    /// What they are called.
    pub const NAMES: [&str; 5] = ["table", "edn", "json", "csv", "markdown"];

    /// What it is called.
    pub fn name(self) -> &'static str {
        Format::NAMES[self as usize]
    }

    /// What is asked for; otherwise a table on a terminal and EDN elsewhere.
    pub fn or_default(asked: Option<Format>) -> Format {
        use std::io::IsTerminal;
        asked.unwrap_or(match std::io::stdout().is_terminal() {
            true => Format::Table,
            false => Format::Edn,
        })
    }
}

/// A result: the EDN that stands for it, and the names of its columns when it is a relation.
#[derive(Debug)]
pub struct Reply {
    pub value: Edn,
    pub columns: Option<Vec<String>>,
    /// What it took to find it, when it is a query's.
    pub stats: Option<QueryStats>,
}

impl Reply {
    /// A relation: vectors, and what their columns are called.
    pub fn relation(rows: impl IntoIterator<Item = Edn>, columns: &[&str]) -> Reply {
        Reply {
            columns: Some(columns.iter().map(|c| c.to_string()).collect()),
            ..Edn::vector(rows).into()
        }
    }

    /// What it took: rows, those that were read for them, and the time.
    pub fn cost(&self, took: Duration) -> String {
        let rows = plural(self.count(), "row");
        match &self.stats {
            Some(stats) => format!("{rows}, {} read, {}", count(stats.rows_read), span(took)),
            None => format!("{rows}, {}", span(took)),
        }
    }

    /// How many rows it has, for people: nil is none, and a single value one.
    pub fn count(&self) -> usize {
        match &self.value.node {
            Node::Set(items) | Node::Vector(items) | Node::List(items) => items.len(),
            Node::Nil => 0,
            _ => 1,
        }
    }
}

/// A span of time, short.
pub fn span(took: Duration) -> String {
    match took.as_micros() {
        us @ 0..1000 => format!("{us} µs"),
        us @ 1000..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        us => format!("{:.2} s", us as f64 / 1e6),
    }
}

impl From<Edn> for Reply {
    fn from(value: Edn) -> Reply {
        Reply {
            value,
            columns: None,
            stats: None,
        }
    }
}

/// A relation, whether the value came with columns or is a collection of maps.
struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Edn>>,
}

impl Reply {
    /// The rows of a relation; of a collection of maps, a column for each key.
    fn rows(&self) -> Option<Rows> {
        let (Node::Set(items) | Node::Vector(items) | Node::List(items)) = &self.value.node else {
            return None;
        };
        if let Some(columns) = &self.columns {
            let row = |item: &Edn| match &item.node {
                Node::Vector(cells) => cells.clone(),
                Node::Map(entries) => entries.iter().map(|(_, value)| value.clone()).collect(),
                _ => vec![item.clone()],
            };
            return Some(Rows {
                columns: columns.clone(),
                rows: items.iter().map(row).collect(),
            });
        }
        let mut keys: Vec<Edn> = Vec::new();
        for item in items {
            let Node::Map(entries) = &item.node else { return None };
            for (key, _) in entries {
                if !keys.contains(key) {
                    keys.push(key.clone());
                }
            }
        }
        if items.is_empty() {
            return None;
        }
        let row = |item: &Edn| keys.iter().map(|key| value_of(item, key)).collect();
        Some(Rows {
            columns: keys.iter().map(cell).collect(),
            rows: items.iter().map(row).collect(),
        })
    }

    /// Prints the result, whole lines.
    pub fn write(&self, out: &mut dyn Write, format: Format) -> Result<()> {
        match (format, self.rows()) {
            (Format::Edn, _) => writeln!(out, "{}", self.value)?,
            (Format::Json, rows) => json::write(out, &self.value, rows.as_ref().filter(|_| self.columns.is_some()))?,
            (Format::Table, Some(rows)) => table::write(out, &rows)?,
            (Format::Csv, Some(rows)) => csv::write(out, &rows)?,
            (Format::Markdown, Some(rows)) => markdown::write(out, &rows)?,
            (Format::Table | Format::Markdown, None) => match &self.value.node {
                Node::Str(text) => writeln!(out, "{text}")?,
                _ => writeln!(out, "{}", asof::edn::pretty(&self.value, WIDTH))?,
            },
            (Format::Csv, None) => csv::write(
                out,
                &Rows {
                    columns: Vec::new(),
                    rows: vec![vec![self.value.clone()]],
                },
            )?,
        }
        Ok(())
    }
}

/// A number with its thousands parted.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let first = digits.len() % 3;
    let mut out = digits[..first].to_string();
    for (i, c) in digits[first..].chars().enumerate() {
        if i % 3 == 0 && !out.is_empty() {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 row`, `2,000 rows`.
pub fn plural(n: impl TryInto<u64>, what: &str) -> String {
    // Counts fit.
    let n = n.try_into().unwrap_or(u64::MAX);
    format!("{} {what}{}", count(n), if n == 1 { "" } else { "s" })
}

/// `5,000 facts in 2.00 s: 2,500 facts/s`.
pub fn rate(n: u64, what: &str, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    let each = count((n as f64 / seconds.max(1e-6)) as u64);
    format!("{} in {seconds:.2} s: {each} {what}s/s", plural(n, what))
}

/// Appends a value as JSON.
pub fn json_value(out: &mut String, value: &Edn) {
    json::put(out, value);
}

/// A text as JSON.
pub fn json_text(text: &str) -> String {
    let mut out = String::new();
    json::string(&mut out, text);
    out
}

fn value_of(map: &Edn, key: &Edn) -> Edn {
    let Node::Map(entries) = &map.node else {
        return Node::Nil.into();
    };
    entries
        .iter()
        .find(|(k, _)| k == key)
        .map_or(Node::Nil.into(), |(_, value)| value.clone())
}

/// A value for a cell: text without quotes, times without their tag, nil as nothing.
fn cell(value: &Edn) -> String {
    match &value.node {
        Node::Nil => String::new(),
        Node::Str(text) => text.to_string(),
        _ => untagged(value),
    }
}

/// A value's text without its tag: of `#inst "2024-05-01"` the time alone, of `#uuid "..."` the digits.
pub fn untagged(value: &Edn) -> String {
    let printed = value.to_string();
    match (&value.node, printed.split('"').nth(1)) {
        (Node::Inst(_) | Node::Uuid(_) | Node::Bytes(_), Some(text)) => text.to_string(),
        _ => printed,
    }
}
