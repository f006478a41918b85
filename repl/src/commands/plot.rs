//! `asof plot`: pictures.

use std::path::PathBuf;

use asof::error::Result;
use clap::{Args, Subcommand};

use super::Forms;
use super::reading::Reading;
use crate::export::write_bytes;
use crate::plot;
use crate::print::Format;
use crate::time::Picture;

#[derive(Args)]
#[command(after_help = "Examples:
  asof plot value '[:ship/name \"Petrel\"]' :ship/tons
  asof plot days --since 2024-01-01 --output days.svg
  asof plot around '[:ship/name \"Petrel\"]' 2 --output petrel.svg")]
pub struct Plot {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A value over time: a line for numbers, a lane for each other value
    #[command(after_help = "Example:\n  asof plot value '[:ship/name \"Petrel\"]' :ship/tons --output tons.svg")]
    Value {
        /// An entity id, an ident or a lookup ref such as '[:ship/name "Petrel"]'
        entity: String,
        /// The attribute
        attribute: String,
        #[command(flatten)]
        to: To,
    },
    /// How many transactions there were on each day
    #[command(after_help = "Example:\n  asof plot days --format csv")]
    Days {
        #[command(flatten)]
        to: To,
    },
    /// The entities that an entity refers to, and those that refer to it
    #[command(after_help = "Example:\n  asof plot around '[:ship/name \"Petrel\"]' 2 --as-of 2024-05-01")]
    Around {
        /// An entity id, an ident or a lookup ref such as '[:ship/name "Petrel"]'
        entity: String,
        /// How many steps along references
        #[arg(default_value_t = 1)]
        steps: u8,
        #[command(flatten)]
        to: To,
    },
}

#[derive(Args)]
struct To {
    /// Draw into this SVG file instead of the terminal
    #[arg(short, long, value_name = "FILE.svg")]
    output: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

impl Plot {
    pub fn run(self) -> Result<()> {
        let (What::Value { to, .. } | What::Days { to } | What::Around { to, .. }) = &self.what;
        if let Some(file) = &to.output {
            plot::must_be_svg(file)?;
        }
        let forms = Forms::read(match &self.what {
            What::Value { entity, attribute, .. } => [("entity", Some(entity)), ("attribute", Some(attribute))],
            What::Around { entity, .. } => [("entity", Some(entity)), ("", None)],
            What::Days { .. } => [("", None), ("", None)],
        })?;
        let open = to.reading.open()?;
        let (db, patience, mut style) = (&open.db, &open.patience, open.style());
        let chart = match &self.what {
            What::Value { .. } => plot::value(db, &forms.all[0], &forms.all[1], &mut style, patience),
            What::Days { .. } => plot::days(db, patience),
            What::Around { steps, .. } => plot::around(db, &forms.all[0], *steps, &mut style, patience),
        };
        let chart = chart.map_err(|e| forms.located(e))?;
        if let Some(file) = &to.output {
            return write_bytes(file, chart.svg()?.as_bytes());
        }
        let drawing = match open.format() {
            Format::Table => chart.text(&style),
            _ => String::new(),
        };
        open.draw(Picture {
            reply: chart.reply(),
            drawing,
        })
    }
}
