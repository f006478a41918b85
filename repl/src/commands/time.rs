//! `asof timeline`, `asof diff` and `asof blame`: moving through time from the command line.

use asof::db::TimePoint;
use asof::error::{Code, Error, Result};
use clap::Args;

use super::reading::{Asking, Reading};
use super::{Forms, time_point};
use crate::time::{blame, diff, is_moment, timeline};

#[derive(Args)]
#[command(after_help = "Examples:
  asof timeline '[:ship/name \"Petrel\"]'
  asof timeline '[:ship/name \"Petrel\"]' :ship/berth --format table
  asof timeline :ship/berth --since -30d")]
pub struct Timeline {
    /// An entity id, an ident or a lookup ref such as '[:person/email "ada@x"]'; or an attribute, for all that have it
    #[arg(value_name = "ENTITY|ATTRIBUTE")]
    entity: String,
    /// Only this attribute of the entity
    attribute: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

impl Timeline {
    pub fn run(self) -> Result<()> {
        let forms = Forms::read([("entity", Some(&self.entity)), ("attribute", self.attribute.as_ref())])?;
        let open = self.reading.open()?;
        let (entity, attribute) = (&forms.all[0], forms.get(1));
        let drawn = timeline(&open.db, entity, attribute, &mut open.style(), &open.patience);
        open.draw(drawn.map_err(|e| forms.located(e))?)
    }
}

/// What may stand behind the first moment.
#[derive(Clone)]
enum MomentOrEntity {
    Moment(TimePoint),
    Entity(String),
}

fn moment_or_entity(text: &str) -> Result<MomentOrEntity, String> {
    match is_moment(text) {
        true => time_point(text).map(MomentOrEntity::Moment),
        false => Ok(MomentOrEntity::Entity(text.to_string())),
    }
}

#[derive(Args)]
#[command(after_help = "Examples:
  asof diff 2024-05-01 2024-06-01
  asof diff -1d
  asof diff 2024-05-01 '[:ship/name \"Petrel\"]'
  asof diff -- -1d now '[:ship/name \"Petrel\"]'")]
pub struct Diff {
    /// One moment: a t, a transaction's entity id, or a time
    #[arg(value_parser = time_point, allow_hyphen_values = true)]
    from: TimePoint,
    /// The other; may be left out before an entity
    #[arg(value_parser = moment_or_entity, allow_hyphen_values = true, default_value = "now")]
    to: MomentOrEntity,
    /// Only this entity: an entity id, an ident or a lookup ref
    entity: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

impl Diff {
    pub fn run(self) -> Result<()> {
        let (to, entity) = match (self.to, self.entity) {
            (MomentOrEntity::Moment(to), entity) => (to, entity),
            (MomentOrEntity::Entity(first), None) => (time_point("now").expect("now is a moment"), Some(first)),
            (MomentOrEntity::Entity(first), Some(second)) => {
                let message = format!("{first} and {second} are both entities");
                let hint = "give one: asof diff FROM ENTITY, or asof diff FROM TO ENTITY";
                return Err(Error::new(Code::InvalidArgument, message).hint(hint));
            }
        };
        let forms = Forms::read([("entity", entity.as_ref())])?;
        let open = self.asking.open()?;
        let drawn = diff(
            &open.conn,
            self.from,
            to,
            forms.get(0),
            &mut open.style(),
            &open.patience,
        );
        open.draw(drawn.map_err(|e| forms.located(e))?)
    }
}

#[derive(Args)]
#[command(after_help = "Examples:
  asof blame '[:ship/name \"Petrel\"]'
  asof blame '[:ship/name \"Petrel\"]' :ship/cargo '\"rope\"' --as-of 2024-06-01")]
pub struct Blame {
    /// An entity id, an ident or a lookup ref such as '[:person/email "ada@x"]'
    entity: String,
    /// Only this attribute
    attribute: Option<String>,
    /// Only this value
    value: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

impl Blame {
    pub fn run(self) -> Result<()> {
        let forms = Forms::read([
            ("entity", Some(&self.entity)),
            ("attribute", self.attribute.as_ref()),
            ("value", self.value.as_ref()),
        ])?;
        let open = self.reading.open()?;
        let (entity, attribute, value) = (&forms.all[0], forms.get(1), forms.get(2));
        let drawn = blame(&open.db, entity, attribute, value, &mut open.style(), &open.patience);
        open.draw(drawn.map_err(|e| forms.located(e))?)
    }
}
