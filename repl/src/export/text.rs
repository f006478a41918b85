//! Rows as CSV, JSON or EDN.

use asof::edn::{Edn, Node};
use asof::error::Result;

use super::{Cell, Column, Output, Sink};

/// Parts several values in one field.
const SEPARATOR: char = '|';

/// A value as the text of a field: text without quotes, times without their tag, tuples as EDN.
pub fn text(value: &Edn) -> String {
    match &value.node {
        Node::Str(text) => text.to_string(),
        Node::Double(x) if x.is_infinite() => (if *x > 0.0 { "Infinity" } else { "-Infinity" }).to_string(),
        Node::BigInt(n) => n.to_string(),
        Node::BigDec(n) => n.to_string(),
        Node::Tagged(_, inner) => text(inner),
        _ => crate::print::untagged(value),
    }
}

/// Delimited text with a header, which `asof import csv` reads back.
pub struct Delimited<'a> {
    out: Output<'a>,
    delimiter: char,
    line: String,
}

impl<'a> Delimited<'a> {
    pub fn new(out: Output<'a>, delimiter: char, columns: &[Column]) -> Result<Delimited<'a>> {
        let mut table = Delimited {
            out,
            delimiter,
            line: String::new(),
        };
        let header: Vec<Cell> = columns
            .iter()
            .map(|c| Cell::One(Node::Str(c.name.as_str().into()).into()))
            .collect();
        table.row(&header)?;
        Ok(table)
    }

    fn field(&mut self, text: &str) {
        // An empty text is something else than nothing.
        match text.is_empty() || text.contains([self.delimiter, '"', '\n', '\r']) {
            true => self.quoted(text),
            false => self.line.push_str(text),
        }
    }

    fn quoted(&mut self, text: &str) {
        self.line.push('"');
        self.line.push_str(&text.replace('"', "\"\""));
        self.line.push('"');
    }
}

/// An element of a field with several: in quotes of its own where it could be taken for something else.
fn element(text: &str) -> String {
    match text.is_empty() || text.starts_with('"') || text.contains(SEPARATOR) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}

impl Sink for Delimited<'_> {
    fn row(&mut self, cells: &[Cell]) -> Result<()> {
        self.line.clear();
        for (i, cell) in cells.iter().enumerate() {
            if i > 0 {
                self.line.push(self.delimiter);
            }
            match cell {
                Cell::Nothing => {}
                Cell::One(value) => self.field(&text(value)),
                Cell::Many(values) => {
                    let elements: Vec<String> = values.iter().map(|v| element(&text(v))).collect();
                    self.field(&elements.join(&SEPARATOR.to_string()));
                }
            }
        }
        self.line.push('\n');
        Ok(self.out.write_all(self.line.as_bytes())?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(self.out.flush()?)
    }
}

/// Objects, without the columns that have no value.
pub struct Objects<'a> {
    out: Output<'a>,
    names: Vec<String>,
    array: bool,
    first: bool,
    line: String,
}

impl<'a> Objects<'a> {
    pub fn new(out: Output<'a>, columns: &[Column], array: bool) -> Objects<'a> {
        Objects {
            out,
            names: columns.iter().map(|c| crate::print::json_text(&c.name)).collect(),
            array,
            first: true,
            line: String::new(),
        }
    }
}

fn json(out: &mut String, value: &Edn) {
    match &value.node {
        Node::Double(x) if x.is_infinite() => out.push_str(&crate::print::json_text(&text(value))),
        _ => crate::print::json_value(out, value),
    }
}

impl Sink for Objects<'_> {
    fn row(&mut self, cells: &[Cell]) -> Result<()> {
        let line = &mut self.line;
        line.clear();
        if self.array {
            line.push_str(if self.first { "[" } else { ",\n " });
        }
        self.first = false;
        line.push('{');
        let start = line.len();
        for (name, cell) in self.names.iter().zip(cells) {
            if *cell == Cell::Nothing {
                continue;
            }
            if line.len() > start {
                line.push(',');
            }
            line.push_str(name);
            line.push(':');
            match cell {
                Cell::Nothing => {}
                Cell::One(value) => json(line, value),
                Cell::Many(values) => {
                    line.push('[');
                    for (i, value) in values.iter().enumerate() {
                        if i > 0 {
                            line.push(',');
                        }
                        json(line, value);
                    }
                    line.push(']');
                }
            }
        }
        line.push('}');
        if !self.array {
            line.push('\n');
        }
        Ok(self.out.write_all(line.as_bytes())?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        match (self.array, self.first) {
            (true, true) => self.out.write_all(b"[]\n")?,
            (true, false) => self.out.write_all(b"]\n")?,
            (false, _) => {}
        }
        Ok(self.out.flush()?)
    }
}

/// A vector a line; nil where there is no value.
pub struct Vectors<'a> {
    out: Output<'a>,
}

impl<'a> Vectors<'a> {
    pub fn new(out: Output<'a>) -> Vectors<'a> {
        Vectors { out }
    }
}

impl Sink for Vectors<'_> {
    fn row(&mut self, cells: &[Cell]) -> Result<()> {
        let form = |cell: &Cell| match cell {
            Cell::Nothing => Edn::nil(),
            Cell::One(value) => value.clone(),
            Cell::Many(values) => Node::Vector(values.clone()).into(),
        };
        let row = Edn::from(Node::Vector(cells.iter().map(form).collect()));
        Ok(writeln!(self.out, "{row}")?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(self.out.flush()?)
    }
}
