//! A relation as a table of Markdown.

use std::io::Write;

use asof::error::Result;

use super::{Rows, cell};

fn field(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

pub fn write(out: &mut dyn Write, rows: &Rows) -> Result<()> {
    let columns: Vec<String> = rows.columns.iter().map(|c| field(c)).collect();
    writeln!(out, "| {} |", columns.join(" | "))?;
    writeln!(out, "|{}", " --- |".repeat(columns.len()))?;
    for row in &rows.rows {
        let fields: Vec<String> = row.iter().map(|value| field(&cell(value))).collect();
        writeln!(out, "| {} |", fields.join(" | "))?;
    }
    Ok(())
}
