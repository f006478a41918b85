//! Rows that are not imported: shown on standard error, and written to a file as they were, with the reason.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use asof::error::{Code, Error, Result};

/// A row and why it is not imported.
#[derive(Debug)]
pub struct Bad {
    pub line: u64,
    pub raw: Vec<u8>,
    pub column: Option<String>,
    pub error: Error,
}

/// How a file of rejects looks.
#[derive(Clone, Debug)]
pub enum Style {
    /// The rows, and two columns more.
    Delimited { delimiter: char, header: Option<Vec<u8>> },
    /// An object a line, with the record in it.
    Json,
    /// The record, below a comment.
    Stanza,
}

/// Where bad rows go.
pub struct Rejects {
    name: String,
    style: Style,
    file: Option<BufWriter<File>>,
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
            let unwritable = |e: std::io::Error| {
                Error::new(Code::InvalidArgument, format!("cannot write {}: {e}", path.display())).caused_by(e)
            };
            File::create(path).map(BufWriter::new).map_err(unwritable)
        };
        let mut rejects = Rejects {
            name: name.to_string(),
            file: file.map(open).transpose()?,
            style,
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

    /// A bad row; `shown` on standard error as well.
    pub fn add(&mut self, bad: &Bad, shown: bool) -> Result<()> {
        let reason = bad.reason();
        if shown {
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
            Style::Stanza => {
                writeln!(file, "# line {}: {reason}", bad.line)?;
                file.write_all(&bad.raw)?;
                writeln!(file)?;
            }
        }
        Ok(())
    }

    /// Makes the file whole.
    pub fn finish(mut self) -> Result<()> {
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        Ok(())
    }
}
