//! `asof import csv`, `tsv`, `json` and `ndjson`: records to entities.
//!
//! ```text
//! a sample -> infer -> definitions (what the database lacks) -> shape
//! the file -> records -> items of that shape -> load
//! ```

use std::io::BufRead;

use asof::conn::Connection;
use asof::datom::ValueType;
use asof::edn::{Edn, Node};
use asof::error::{Code, Error, Result};
use asof::schema::Schema;

use super::build::Replace;
use super::csv::{self, Field, Record};
use super::elements::{Elements, Lines, Piece};
use super::infer::Fields;
use super::item::{Item, Maker, Misfit};
use super::json::{self, Json};
use super::load::{Enough, Job, LoadArgs, Outcome, Sink};
use super::mapping::{ID_COLUMN, Mapping};
use super::rejects::{Rejects, Style};
use super::shape::{self, How, Shape};
use super::source::Source;
use super::twice::Twice;

/// How records are written.
#[derive(Clone, Debug)]
pub enum Format {
    Delimited {
        delimiter: char,
        /// Somebody said so.
        said: bool,
        header: Header,
    },
    /// An array of objects, or objects one after another.
    Json,
    /// An object a line.
    Lines,
}

/// Where the names of the columns come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Header {
    /// The first row.
    First,
    /// The command line.
    Named(Vec<String>),
    /// Nowhere: c1, c2, ...
    Numbered,
}

/// A record as it was read.
enum Content {
    Row(Result<Vec<Field>>),
    Object(Result<Json>),
}

struct Raw {
    line: u64,
    text: Vec<u8>,
    content: Content,
}

/// Reads records of any format.
enum Records {
    Rows(Box<csv::Reader<Box<dyn BufRead + Send>>>),
    Elements(Elements<Box<dyn BufRead + Send>>),
    Lines(Lines<Box<dyn BufRead + Send>>),
}

impl Records {
    fn open(format: &Format, input: Box<dyn BufRead + Send>) -> Records {
        match format {
            Format::Delimited { delimiter, .. } => Records::Rows(Box::new(csv::Reader::new(input, *delimiter as u8))),
            Format::Json => Records::Elements(Elements::new(input)),
            Format::Lines => Records::Lines(Lines::new(input)),
        }
    }
    fn read(&mut self) -> Result<Option<Raw>> {
        let object = |piece: Piece| {
            let content = piece.str().and_then(json::parse);
            Raw {
                line: piece.line,
                content: Content::Object(content),
                text: piece.text,
            }
        };
        Ok(match self {
            Records::Rows(rows) => rows.read()?.map(|Record { line, raw, fields }| Raw {
                line,
                text: raw,
                content: Content::Row(fields),
            }),
            Records::Elements(elements) => elements.read()?.map(object),
            Records::Lines(lines) => lines.read()?.map(object),
        })
    }
}

/// An import, ready to begin.
pub struct Table {
    pub source: Source,
    pub format: Format,
    pub mapping: Mapping,
    /// A record says everything about its columns: what it has no value for is retracted.
    pub replace: bool,
    /// Records to look at before the first is imported; `None`: all.
    pub sample: Option<u64>,
}

/// What a sample says.
pub struct Sample {
    fields: Fields,
    /// The first row, where it is a header.
    header: Option<Vec<u8>>,
    /// What was read and cannot be read again.
    kept: Vec<Raw>,
    /// The rest of it.
    rest: Records,
    meter: super::source::Meter,
    /// How many records were looked at.
    seen: u64,
}

impl Sample {
    /// Whether there is no record at all.
    pub fn is_empty(&self) -> bool {
        self.seen == 0
    }
}

impl Table {
    /// What the records are.
    fn entity(&self) -> Result<String> {
        let named = self.mapping.entity.clone().or_else(|| self.source.stem());
        named.ok_or_else(|| {
            Error::new(
                Code::InvalidArgument,
                "standard input has no name to call its records by",
            )
            .hint("name them with --entity person: the columns become :person/...")
        })
    }

    /// Reads the names of the columns and looks at the first records.
    pub fn sample(&self) -> Result<Sample> {
        self.entity()?;
        if self.sample.is_none() && !self.source.again() {
            let message = "--sample all reads a file twice, and standard input can be read once";
            return Err(Error::new(Code::InvalidArgument, message).hint("give a number: --sample 100000"));
        }
        let (input, mut meter) = self.source.open()?;
        let mut records = Records::open(&self.format, input);
        let mut fields = Fields::default();
        let mut kept = Vec::new();
        let header = self.columns(&mut records, &mut fields, &mut kept)?;
        let names = fields.names.clone();
        for raw in &kept {
            self.look(raw, &names, &mut fields);
        }
        let mut seen = kept.len() as u64;
        while self.sample.is_none_or(|n| seen < n) {
            let raw = match records.read() {
                Ok(Some(raw)) => raw,
                Ok(None) => break,
                // It is met again, and told, where the records are imported.
                Err(_) if self.source.again() => break,
                Err(e) => return Err(self.at(e)),
            };
            seen += 1;
            self.look(&raw, &names, &mut fields);
            if !self.source.again() {
                kept.push(raw);
            }
        }
        if self.source.again() {
            let (input, again) = self.source.open()?;
            meter = again;
            records = Records::open(&self.format, input);
            kept.clear();
            self.columns(&mut records, &mut Fields::default(), &mut kept)?;
        }
        let mut paths = Vec::new();
        shape::paths(&fields, "", &mut paths);
        self.mapping.check(&paths)?;
        Ok(Sample {
            fields,
            header,
            kept,
            rest: records,
            meter,
            seen,
        })
    }

    fn at(&self, e: Error) -> Error {
        Error::new(e.code(), format!("{}, {}", self.source.name, e.message())).caused_by(e)
    }

    /// The header of delimited text. Where there is none, its first row tells how many columns there are, and is kept.
    fn columns(&self, records: &mut Records, fields: &mut Fields, kept: &mut Vec<Raw>) -> Result<Option<Vec<u8>>> {
        let Format::Delimited {
            delimiter,
            said,
            header,
        } = &self.format
        else {
            return Ok(None);
        };
        if let Header::Named(names) = header {
            for name in names {
                self.column(name, fields)?;
            }
            let text = names.join(&delimiter.to_string());
            return Ok(Some(text.into_bytes()));
        }
        let Some(first) = records.read()? else {
            let error = Error::new(Code::ImportFailed, format!("{} is empty", self.source.name));
            return Err(error.hint("the first row names the columns; --header a,b,c names them instead"));
        };
        let Content::Row(Ok(row)) = &first.content else {
            let Content::Row(Err(e)) = first.content else {
                unreachable!("delimited text has rows");
            };
            return Err(self.at(Error::new(e.code(), format!("line {}: {}", first.line, e.message()))));
        };
        match header {
            Header::First => {
                if let ([alone], false) = (&row[..], said)
                    && let Some(other) = [';', '\t', '|', ',']
                        .into_iter()
                        .find(|d| d != delimiter && alone.text.contains(*d))
                {
                    let message = format!("the header of {} is one column, {:?}", self.source.name, alone.text);
                    let shown = |c: char| if c == '\t' { "tab".to_string() } else { format!("'{c}'") };
                    return Err(Error::new(Code::ImportFailed, message).hint(format!(
                        "--delimiter {} parts it; --delimiter {} takes it as it is",
                        shown(other),
                        shown(*delimiter)
                    )));
                }
                for name in row {
                    self.column(name.text.trim(), fields)?;
                }
                Ok(Some(first.text))
            }
            _ => {
                for i in 1..=row.len() {
                    self.column(&format!("c{i}"), fields)?;
                }
                kept.push(first);
                Ok(None)
            }
        }
    }

    fn column(&self, name: &str, fields: &mut Fields) -> Result<()> {
        if fields.names.iter().any(|n| n == name) {
            let message = format!("{} has two columns named {name:?}", self.source.name);
            return Err(Error::new(Code::ImportFailed, message)
                .hint("--header a,b,c names the columns; then leave the first row out of the file"));
        }
        fields.entry(name);
        Ok(())
    }

    fn look(&self, raw: &Raw, names: &[String], fields: &mut Fields) {
        match &raw.content {
            Content::Row(Ok(row)) if row.len() == names.len() => {
                for (field, name) in row.iter().zip(names) {
                    let null = field.text.is_empty() || !field.quoted && self.mapping.null.contains(&field.text);
                    match self.mapping.of(name).many {
                        _ if null => {}
                        None => fields.entry(name).see_text(field, raw.line),
                        Some(separator) => {
                            for element in csv::elements(&field.text, separator) {
                                if !element.text.is_empty() {
                                    fields.entry(name).see_text(&element, raw.line);
                                }
                            }
                        }
                    }
                }
            }
            Content::Object(Ok(Json::Object(entries))) => fields.see(entries, raw.line),
            // What is no record is told when it is imported.
            _ => {}
        }
    }

    /// The attributes that a database lacks, as one transaction. Everything that can be wrong with the mapping is known
    /// then.
    pub fn definitions(&self, sample: &Sample, conn: &Connection) -> Result<Vec<Edn>> {
        // Without a record nothing is known of any column.
        if sample.seen == 0 {
            return Ok(Vec::new());
        }
        let (db, entity) = (conn.db(), self.entity()?);
        let data = shape::definitions(&sample.fields, &entity, &self.mapping, db.schema())?;
        let preview = db.with(data.clone())?;
        shape::shape(&sample.fields, &entity, &self.mapping, &preview.db_after)?;
        Ok(data)
    }

    /// Imports the records.
    pub fn load(&self, sample: Sample, conn: &Connection, args: &LoadArgs) -> Result<Outcome> {
        let data = self.definitions(&sample, conn)?;
        if sample.seen == 0 {
            return Ok(Outcome::default());
        }
        let style = match &self.format {
            Format::Delimited { delimiter, .. } => Style::Delimited {
                delimiter: *delimiter,
                header: sample.header.clone(),
            },
            _ => Style::Json,
        };
        let mut rejects = Rejects::new(&self.source.name, args.bad.rejects.as_deref(), style)?;
        let before = conn.db();
        if !data.is_empty() {
            conn.transact(data)?;
        }
        let db = conn.db();
        let shape = shape::shape(&sample.fields, &self.entity()?, &self.mapping, &db)?;
        let mut twice = Twice::new(&shape);
        let mut made = Vec::new();
        self.made(&shape, &sample.fields, before.schema(), &mut made);
        let attributes = shape.replaced();
        let job = Job {
            conn,
            args,
            patience: &self.source.patience,
            meter: sample.meter.clone(),
            rejects: &mut rejects,
            again: holds_any(&shape, conn)?,
            named: shape.is_named(),
            parts: shape.nests(),
            replace: self.replace.then_some(Replace(&attributes)),
        };
        let ids: Vec<(String, u32)> = shape
            .fields
            .iter()
            .filter(|f| self.mapping.of(&f.path).id)
            .filter_map(|f| Some((f.path.clone(), f.target.as_ref()?.attr.id)))
            .collect();
        let maker = Maker {
            shape: &shape,
            ids: &ids,
            schema: db.schema(),
            null: &self.mapping.null,
        };
        let outcome = job.run(|sink| self.feed(sample, &maker, &mut twice, sink))?;
        rejects.finish()?;
        if let Some(told) = twice.told() {
            anstream::eprintln!("{told}");
        }
        if shape.field(ID_COLUMN).is_some() {
            let instead = match ids.is_empty() {
                true => "; --id COLUMN says by what rows are found again",
                false => "",
            };
            anstream::eprintln!("the column {ID_COLUMN} is not used: ids are given by each database{instead}");
        }
        Ok(Outcome { made, ..outcome })
    }

    /// The attributes that `before` lacks, with their types, and why they are text where that is one value's doing.
    fn made(&self, shape: &Shape, fields: &Fields, before: &Schema, out: &mut Vec<String>) {
        for (name, seen) in fields.iter() {
            let Some((path, target)) = shape.field(name).and_then(|f| Some((&f.path, f.target.as_ref()?))) else {
                continue;
            };
            let attr = &target.attr;
            if before.attr_by_ident(&attr.ident).is_none() {
                let mut line = format!("{} {}", attr.ident, attr.value_type.name());
                if let (Some(turn), ValueType::String, None) = (&seen.turned, attr.value_type, self.mapping.of(path).ty)
                {
                    let article = if turn.before == ValueType::Instant { "an" } else { "a" };
                    let (text, ty) = (&turn.text, turn.before.name());
                    line.push_str(&format!(" (line {}: {text} is not {article} {ty})", turn.line));
                }
                out.push(line);
            }
            if let (How::Nested(inner), Some(fields)) = (&target.how, &seen.object) {
                self.made(inner, fields, before, out);
            }
        }
    }

    fn feed(&self, sample: Sample, maker: &Maker, twice: &mut Twice, sink: &mut Sink) -> Result<()> {
        let mut rest = sample.rest;
        let mut put = |raw: Raw| -> Result<(), Enough> {
            let item: Result<Item, Misfit> = match raw.content {
                Content::Row(row) => row.map_err(Misfit::from).and_then(|row| maker.row(&row)),
                Content::Object(value) => value.map_err(Misfit::from).and_then(|value| maker.object(&value)),
            };
            let array = matches!(self.format, Format::Lines) && raw.line == 1 && raw.text.starts_with(b"[");
            let item = item.map_err(|misfit| match array {
                true => misfit.hint("asof import json reads an array of objects; this reads an object a line"),
                false => misfit,
            });
            if let Ok(item) = &item {
                twice.see(raw.line, item);
            }
            sink.put(raw.line, raw.text, item)
        };
        for raw in sample.kept {
            if put(raw).is_err() {
                return Ok(());
            }
        }
        while let Some(raw) = rest.read().map_err(|e| self.at(e))? {
            if put(raw).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// Whether the database holds entities that records can name.
fn holds_any(shape: &Shape, conn: &Connection) -> Result<bool> {
    let db = conn.db();
    for attr in shape.ids() {
        let key = [Edn::from(Node::Keyword(attr.ident.clone()))];
        if db.datoms(asof::index::Order::Aevt, &key)?.next().transpose()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
