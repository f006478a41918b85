//! `asof timeline`, `asof diff` and `asof blame`: moving through time from the command line.

use std::io::Write;

use asof::db::TimePoint;
use asof::edn::{self, Edn};
use asof::error::Result;
use clap::Args;

use super::{DbArg, ViewArgs, time_point};
use crate::print::Format;
use crate::time::{Paint, Picture, blame, diff, timeline};

/// How wide drawings are where nobody says.
const WIDTH: usize = 100;

fn form(name: &str, text: &str) -> Result<Edn> {
    edn::read_one(text).map_err(|e| e.in_source(name, text))
}

/// Prints the drawing for people, and the relation in the other formats.
fn show(picture: &Picture, format: Option<Format>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match Format::or_default(format) {
        Format::Table => write!(out, "{}", picture.drawing)?,
        format => picture.reply.write(&mut out, format)?,
    }
    Ok(())
}

#[derive(Args)]
#[command(after_help = "Example:\n  asof timeline '[:ship/name \"Petrel\"]' :ship/berth --format table")]
pub struct Timeline {
    /// An entity id, an ident or a lookup ref such as '[:person/email "ada@x"]'
    entity: String,
    /// Only this attribute
    attribute: Option<String>,
    #[command(flatten)]
    db: DbArg,
    #[command(flatten)]
    view: ViewArgs,
    /// How the result is printed; drawn on a terminal, edn elsewhere
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Timeline {
    pub fn run(self) -> Result<()> {
        let entity = form("entity", &self.entity)?;
        let attribute = self.attribute.as_deref().map(|a| form("attribute", a)).transpose()?;
        let db = self.view.of(self.db.existing()?.db())?;
        show(
            &timeline(&db, &entity, attribute.as_ref(), WIDTH, Paint::of_stdout())?,
            self.format,
        )
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  asof diff 2024-05-01 2024-06-01\n  asof diff -- -1d now")]
pub struct Diff {
    /// One moment: a t, a transaction's entity id, or a time
    #[arg(value_parser = time_point, allow_hyphen_values = true)]
    from: TimePoint,
    /// The other
    #[arg(value_parser = time_point, allow_hyphen_values = true)]
    to: TimePoint,
    /// Only this entity
    entity: Option<String>,
    #[command(flatten)]
    db: DbArg,
    /// How the result is printed; drawn on a terminal, edn elsewhere
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Diff {
    pub fn run(self) -> Result<()> {
        let entity = self.entity.as_deref().map(|e| form("entity", e)).transpose()?;
        let conn = self.db.existing()?;
        show(
            &diff(&conn, self.from, self.to, entity.as_ref(), Paint::of_stdout())?,
            self.format,
        )
    }
}

#[derive(Args)]
pub struct Blame {
    /// An entity id, an ident or a lookup ref such as '[:person/email "ada@x"]'
    entity: String,
    /// Only this attribute
    attribute: Option<String>,
    #[command(flatten)]
    db: DbArg,
    #[command(flatten)]
    view: ViewArgs,
    /// How the result is printed; a table on a terminal, edn elsewhere
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Blame {
    pub fn run(self) -> Result<()> {
        let entity = form("entity", &self.entity)?;
        let attribute = self.attribute.as_deref().map(|a| form("attribute", a)).transpose()?;
        let db = self.view.of(self.db.existing()?.db())?;
        show(&blame(&db, &entity, attribute.as_ref())?, self.format)
    }
}
