//! A relation as RFC 4180 has it: commas, quotes where they are needed, a header.

use std::io::Write;

use asof::error::Result;

use super::{Rows, cell};

fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}

pub fn write(out: &mut dyn Write, rows: &Rows) -> Result<()> {
    if !rows.columns.is_empty() {
        let header: Vec<String> = rows.columns.iter().map(|c| field(c)).collect();
        writeln!(out, "{}", header.join(","))?;
    }
    for row in &rows.rows {
        let fields: Vec<String> = row.iter().map(|value| field(&cell(value))).collect();
        writeln!(out, "{}", fields.join(","))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn quotes_where_needed() {
        assert_eq!(super::field("plain"), "plain");
        assert_eq!(super::field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
