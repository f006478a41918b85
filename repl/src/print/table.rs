//! A relation in a frame.

use std::io::Write;

use asof::error::Result;
use comfy_table::{Table, presets};

use super::{Rows, cell};

/// Stored text must not move the cursor or colour the terminal, and a row stays a line.
fn harmless(text: String) -> String {
    match text.chars().any(char::is_control) {
        true => text
            .chars()
            .map(|c| {
                if c.is_control() {
                    c.escape_default().to_string()
                } else {
                    c.into()
                }
            })
            .collect(),
        false => text,
    }
}

pub fn write(out: &mut dyn Write, rows: &Rows) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(&rows.columns);
    for row in &rows.rows {
        table.add_row(row.iter().map(|value| harmless(cell(value))));
    }
    writeln!(out, "{table}")?;
    Ok(())
}
