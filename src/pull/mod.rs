//! Patterns and entities: nested data from facts.
//!
//! ```text
//! [:person/name {:person/boss [:person/name]}]   -parse-> Pattern   -walk over a Db-> {:person/name "Bram" ...}
//! ```
//!
//! A pattern is checked against a schema once and then walked for any number of entities. The shapes of what it gives:
//!
//! | attribute | gives |
//! |---|---|
//! | a value, cardinality one | the value |
//! | cardinality many | a vector, in the order of values; at most 1000 unless `:limit` says otherwise |
//! | a ref | `{:db/id n}`, or what the nested pattern finds there |
//! | a component ref | everything of it (`[*]`), or what the nested pattern finds |
//! | reverse, `:a/_b` | a vector of what refers; of a component one map |
//!
//! What is not there is left out; nothing at all is `None`. `{:a ...}` and `{:a 3}` repeat the enclosing pattern; an entity
//! already on the way is shown by its id alone. Cardinality and component are those of the schema at the view's time.
//! A result ends with an error at [`ENTITIES_MAX`] entities, and may be as deep as that: no stack but one on the heap is used to make
//! it, and none to print, compare, copy or drop it.

mod entity;
mod parse;
mod walk;

pub use entity::{Entity, EntityValue};
pub use parse::{LIMIT_DEFAULT, Pattern, parse, parse_lenient};
pub use walk::{ENTITIES_MAX, Puller};

use crate::datom::EntityId;
use crate::db::{Db, IntoEntityRef};
use crate::edn::{self, Edn};
use crate::error::Result;

/// What can be a pull pattern: text, a form, or one that was parsed before.
pub trait IntoPattern {
    /// The pattern, checked against the schema of `db`.
    fn into_pattern(self, db: &Db) -> Result<Pattern>;
}

impl IntoPattern for &str {
    fn into_pattern(self, db: &Db) -> Result<Pattern> {
        let form = edn::read_one(self).map_err(|e| e.in_source("pattern", self))?;
        parse(&form, db).map_err(|e| e.in_source("pattern", self))
    }
}
impl IntoPattern for &Edn {
    fn into_pattern(self, db: &Db) -> Result<Pattern> {
        parse(self, db)
    }
}
impl IntoPattern for &Pattern {
    fn into_pattern(self, _: &Db) -> Result<Pattern> {
        Ok(self.clone())
    }
}

/// What `pattern` finds at `entity`; `None` when there is nothing.
pub fn pull(db: &Db, pattern: &Pattern, entity: EntityId) -> Result<Option<Edn>> {
    Puller::new(db, pattern)?.pull(entity)
}

impl Db {
    /// What `pattern` finds at `entity` in this view, as a map; `None` when there is nothing, or no such entity.
    ///
    /// The pattern is text, a form or a parsed [`Pattern`]; the entity an id, an ident or a lookup ref.
    /// ```
    /// # fn main() -> asof::Result<()> {
    /// use asof::testing;
    /// let db = testing::fixture(
    ///     r#"[{:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one
    ///          :db/unique :db.unique/identity}
    ///         {:db/ident :ship/tows :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}]
    ///        [{:ship/name "Petrel" :ship/tows {:ship/name "Tern"}}]"#,
    /// )?
    /// .db();
    /// let found = db.pull("[:ship/name {:ship/tows [:ship/name]}]", r#"[:ship/name "Petrel"]"#)?;
    /// assert_eq!(found.expect("it is there").to_string(), r#"{:ship/name "Petrel", :ship/tows {:ship/name "Tern"}}"#);
    /// assert_eq!(db.pull("[:ship/name]", r#"[:ship/name "Nobody"]"#)?, None);
    /// # Ok(()) }
    /// ```
    pub fn pull(&self, pattern: impl IntoPattern, entity: impl IntoEntityRef) -> Result<Option<Edn>> {
        let pattern = pattern.into_pattern(self)?;
        let mut puller = Puller::new(self, &pattern)?;
        match self.entid(entity)? {
            Some(e) => puller.pull(e),
            None => Ok(None),
        }
    }

    /// What `pattern` finds at each of `entities`, in their order.
    pub fn pull_many<E: IntoEntityRef>(
        &self,
        pattern: impl IntoPattern,
        entities: impl IntoIterator<Item = E>,
    ) -> Result<Vec<Option<Edn>>> {
        let pattern = pattern.into_pattern(self)?;
        let mut puller = Puller::new(self, &pattern)?;
        let pull = |entity: E| match self.entid(entity)? {
            Some(e) => puller.pull(e),
            None => Ok(None),
        };
        entities.into_iter().map(pull).collect()
    }
}

#[cfg(test)]
mod tests;
