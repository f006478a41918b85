//! Rows that are not imported: shown on standard error, and written to a file as they were, with the reason.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use asof::error::{Error, ErrorKind, Result};
use clap::{Args, ValueEnum};

/// A row and why it is not imported.
#[derive(Debug)]
pub struct Bad {
    pub line: u64,
    pub raw: Vec<u8>,
    pub column: Option<String>,
    pub error: Error,
}

/// So many bad rows are shown; a file has them all.
const SHOWN_MAX: u64 = 20;

/// What happens at a bad row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// Stop there: what stands before it is imported
    Stop,
    /// Leave it out and go on
    Skip,
}

/// What becomes of bad rows.
#[derive(Args, Clone, Debug)]
pub struct BadArgs {
    /// What happens at a bad row
    #[arg(long, value_enum, default_value_t = OnError::Stop, value_name = "WHAT", help_heading = "Loading")]
    pub on_error: OnError,
    /// Where rows that were left out are written, as they were, with the reason
    #[arg(long, value_name = "FILE", help_heading = "Loading")]
    pub rejects: Option<PathBuf>,
}

/// Whether an error is the fault of what was to be imported, and not of where it was to go.
pub fn at_fault(e: &Error) -> bool {
    matches!(
        e.kind(),
        ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::NotFound | ErrorKind::Limit
    )
}

/// How a file of rejects looks.
#[derive(Clone, Debug)]
pub enum Style {
    /// The rows, and two columns more.
    Delimited { delimiter: char, header: Option<Vec<u8>> },
    /// An object a line, with the record in it.
    Json,
    /// The record, below a comment that begins so.
    Below(&'static str),
}

/// Where bad rows go.
pub struct Rejects {
    name: String,
    style: Style,
    file: Option<BufWriter<File>>,
    /// How many there were.
    pub count: u64,
}

impl Bad {
    /// The reason in a line.
    fn reason(&self) -> String {
        let column = self
            .column
            .as_ref()
            .map(|c| format!("column {c}: "))
            .unwrap_or_default();
        format!("{column}:{}: {}", self.error.code().as_str(), self.error.message()).replace(['\n', '\r'], " ")
    }
}

impl Rejects {
    /// Of the source that is called `name`, into `file`, which is begun anew.
    pub fn new(name: &str, file: Option<&Path>, style: Style) -> Result<Rejects> {
        let open = |path: &Path| {
            File::create(path)
                .map(BufWriter::new)
                .map_err(|e| crate::unwritable(path, e))
        };
        let mut rejects = Rejects {
            name: name.to_string(),
            file: file.map(open).transpose()?,
            style,
            count: 0,
        };
        if let (
            Some(file),
            Style::Delimited {
                delimiter,
                header: Some(header),
            },
        ) = (&mut rejects.file, &rejects.style)
        {
            file.write_all(header)?;
            let [line, reason] = super::mapping::REJECT_COLUMNS;
            writeln!(file, "{delimiter}{line}{delimiter}{reason}")?;
        }
        Ok(rejects)
    }

    /// A bad row.
    pub fn add(&mut self, bad: &Bad) -> Result<()> {
        let reason = bad.reason();
        self.count += 1;
        if self.count <= SHOWN_MAX {
            anstream::eprintln!("{}:{}: {reason}", self.name, bad.line);
            if let Some(hint) = bad.error.hint_text() {
                anstream::eprintln!("  hint: {hint}");
            }
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        match &self.style {
            Style::Delimited { delimiter, .. } => {
                file.write_all(&bad.raw)?;
                writeln!(
                    file,
                    "{delimiter}{}{delimiter}\"{}\"",
                    bad.line,
                    reason.replace('"', "\"\"")
                )?;
            }
            Style::Json => {
                let raw = String::from_utf8_lossy(&bad.raw);
                // What is no JSON stands there as a text.
                let row = match super::json::parse(&raw) {
                    Ok(_) => raw.replace(['\n', '\r'], " "),
                    Err(_) => crate::print::json_text(&raw),
                };
                let reason = crate::print::json_text(&reason);
                writeln!(
                    file,
                    "{{\"asof-line\":{},\"asof-error\":{reason},\"row\":{row}}}",
                    bad.line
                )?;
            }
            Style::Below(comment) => {
                writeln!(file, "{comment} line {}: {reason}", bad.line)?;
                file.write_all(&bad.raw)?;
                writeln!(file)?;
            }
        }
        Ok(())
    }

    /// Says how many there were that were not shown, and makes the file whole.
    pub fn finish(mut self) -> Result<()> {
        if self.count > SHOWN_MAX {
            anstream::eprintln!("... and {} more", crate::print::count(self.count - SHOWN_MAX));
        }
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        Ok(())
    }
}
