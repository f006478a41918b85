//! A database as tables for other programs: entities, facts, or the answer of a query.
//!
//! `entities`, `history` and `answer` make rows of cells, one at a time; `text` writes them as CSV, JSON or EDN, and `parquet` as
//! Parquet. Only a query's answer is in memory as a whole.

mod answer;
mod entities;
mod file;
mod history;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(all(test, feature = "parquet"))]
mod tests;
mod text;

use std::io::Write;
use std::path::Path;

use asof::datom::ValueType;
use asof::edn::Edn;
use asof::error::Result;

pub use answer::answer;
pub use entities::{Entities, namespaces};
pub use file::{write_bytes, write_file};
pub use history::history;

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    /// The type of its values; `None` when they have several, which files with types hold as text.
    pub ty: Option<ValueType>,
    /// There may be several in a row.
    pub many: bool,
}

/// What stands in a row and column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Nothing,
    One(Edn),
    Many(Vec<Edn>),
}

/// Takes rows.
pub trait Sink {
    /// A row, a cell for each column.
    fn row(&mut self, cells: &[Cell]) -> Result<()>;
    /// No row follows.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Tsv,
    /// An array of objects.
    Json,
    /// An object a line.
    Lines,
    /// A vector a line.
    Edn,
    Parquet,
}

/// Where output goes.
pub type Output<'a> = &'a mut (dyn Write + Send);

impl Format {
    /// All of them, as messages list them.
    pub const ALL: [Format; 6] = [
        Format::Csv,
        Format::Tsv,
        Format::Json,
        Format::Lines,
        Format::Edn,
        Format::Parquet,
    ];

    /// The format of tables that the ending of a file's name tells. What ends in `edn` is transaction data.
    pub fn of_file(file: &Path) -> Option<Format> {
        let ending = file.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "jsonl" => Some(Format::Lines),
            _ => Format::ALL
                .into_iter()
                .find(|f| *f != Format::Edn && f.name() == ending),
        }
    }

    /// What it is called, which is also the usual ending of file names.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::Json => "json",
            Format::Lines => "ndjson",
            Format::Edn => "edn",
            Format::Parquet => "parquet",
        }
    }

    /// Begins a file with these columns.
    pub fn sink<'a>(self, columns: &[Column], out: Output<'a>) -> Result<Box<dyn Sink + 'a>> {
        Ok(match self {
            Format::Csv => Box::new(text::Delimited::new(out, ',', columns)?),
            Format::Tsv => Box::new(text::Delimited::new(out, '\t', columns)?),
            Format::Json => Box::new(text::Objects::new(out, columns, true)),
            Format::Lines => Box::new(text::Objects::new(out, columns, false)),
            Format::Edn => Box::new(text::Vectors::new(out)),
            #[cfg(feature = "parquet")]
            Format::Parquet => Box::new(parquet::Parquet::new(out, columns)?),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => return Err(left_out()),
        })
    }

    /// An error for a format that this program was built without.
    pub fn check(self) -> Result<()> {
        match self {
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => Err(left_out()),
            _ => Ok(()),
        }
    }
}

#[cfg(not(feature = "parquet"))]
fn left_out() -> asof::error::Error {
    let message = "this asof was built without Parquet";
    asof::error::Error::new(asof::error::Code::InvalidArgument, message)
        .hint("build it with the feature parquet, which is a default; or export csv or ndjson")
}
