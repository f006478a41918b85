//! Moving through time: what the prompt shares with `asof timeline`, `asof diff` and `asof blame`.
//!
//! [`moment`] reads the moments that people write; the others each answer one question about an entity or two moments, as a
//! relation for programs and as a drawing for people.

mod blame;
mod diff;
mod moment;
mod timeline;
mod watch;

use asof::datom::{EntityId, Partition};
use asof::db::Db;
use asof::edn::{Edn, Node};
use asof::error::{Code, Error, Result};
use asof::index::Order;
use asof::schema::Unique;
use asof::testing::Labels;

pub use blame::blame;
pub use diff::diff;
pub use moment::{Window, first_moment, is_moment, moment, reached, when};
pub use timeline::timeline;
pub use watch::{Watch, facts};

use crate::print::Reply;

/// An answer with the drawing that a person sees instead of a table.
pub struct Picture {
    pub reply: Reply,
    pub drawing: String,
}

/// How drawings look.
pub struct Style {
    pub paint: Paint,
    /// Short names for entities that have no better one.
    pub labels: Option<Labels>,
    /// How wide drawings may be.
    pub width: usize,
}

/// Colours, or none.
#[derive(Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    /// As standard output wants it: `NO_COLOR`, `CLICOLOR_FORCE` and pipes are heeded.
    pub fn of_stdout() -> Paint {
        Paint(anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never)
    }
    fn with(self, code: &str, text: &str) -> String {
        match self.0 {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_string(),
        }
    }
    pub fn green(self, text: &str) -> String {
        self.with("32", text)
    }
    pub fn red(self, text: &str) -> String {
        self.with("31", text)
    }
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
}

/// The entity that a form names.
pub fn entity(db: &Db, form: &Edn) -> Result<EntityId> {
    db.entid_of(form)?.ok_or_else(|| {
        Error::new(Code::NotAnEntity, format!("{form} names no entity"))
            .at(form.span)
            .hint("give an entity id, an ident (:colour/red) or a lookup ref ([:person/email \"ada@x\"])")
    })
}

/// An entity as a person would call it: by its ident, by a lookup ref, else by its label or id.
pub fn entity_name(db: &Db, e: EntityId, style: &mut Style) -> Result<String> {
    if e.partition() == Partition::TX {
        return Ok(match style.labels {
            Some(_) => format!("#t{}", e.counter()),
            None => format!("t {}", e.counter()),
        });
    }
    // Whoever is gone is called as it was.
    let known = match known_name(db, e)? {
        None if !db.is_history() => known_name(&db.history(), e)?,
        known => known,
    };
    Ok(match (known, &mut style.labels) {
        (Some(name), _) => name,
        (None, Some(labels)) => labels.entity(db, e),
        (None, None) => e.to_string(),
    })
}

fn known_name(db: &Db, e: EntityId) -> Result<Option<String>> {
    if let Some(ident) = db.ident(e) {
        return Ok(Some(ident.to_string()));
    }
    let id = Edn::from(Node::Long(e.0 as i64));
    // What an entity is known by is usually among its first facts.
    for datom in db.datoms(Order::Eavt, &[id])?.take(64) {
        let datom = datom?;
        let identity = db
            .schema()
            .attr_of(datom.a)
            .filter(|a| a.unique == Some(Unique::Identity));
        if let (true, Some(attribute)) = (datom.added, identity) {
            return Ok(Some(format!("[{} {}]", attribute.ident, datom.v.to_edn())));
        }
    }
    Ok(None)
}

/// A value for people: references by name.
pub fn value_text(db: &Db, value: &asof::datom::Value, style: &mut Style) -> Result<String> {
    match value {
        asof::datom::Value::Ref(e) => entity_name(db, *e, style),
        value => Ok(value.to_edn().to_string()),
    }
}
