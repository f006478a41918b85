//! Patterns and entities: nested data from facts.
//!
//! ```text
//! [:person/name {:person/boss [:person/name]}]   -parse-> Pattern   -walk over a Db-> {:person/name "Bram" ...}
//! ```
//!
//! A pattern is checked against a schema once and then walked for any number of entities: their facts are read together, a level at a
//! time, and then made into maps. The shapes of what it gives:
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
mod facts;
mod parse;
mod plan;
mod texts;
mod walk;

pub use entity::{Entity, EntityValue};
pub use parse::{LIMIT_DEFAULT, Pattern, parse, parse_lenient};
pub use walk::{ENTITIES_MAX, Puller};

use std::sync::{Arc, LazyLock, Weak};

use serde::de::DeserializeOwned;

use crate::datom::EntityId;
use crate::db::{Db, IntoEntityRef};
use crate::edn::{self, Edn, Lately};
use crate::error::Result;
use crate::schema::Schema;

/// What can be a pull pattern: text, a form, or one that was parsed before.
pub trait IntoPattern {
    /// The pattern, checked against the schema of `db`.
    fn into_pattern(self, db: &Db) -> Result<Arc<Pattern>>;
}

/// A text is not read again as long as it is asked of the same schema.
impl IntoPattern for &str {
    fn into_pattern(self, db: &Db) -> Result<Arc<Pattern>> {
        let over = |known: &Known| known.is_over(db);
        let read = || -> Result<Known> {
            let form = edn::read_one(self)?;
            Ok(Known::new(parse(&form, db)?, db))
        };
        let known = TEXTS.get(self, over, || read().map_err(|e| e.in_source("pattern", self)))?;
        Ok(known.pattern)
    }
}
impl IntoPattern for &Edn {
    fn into_pattern(self, db: &Db) -> Result<Arc<Pattern>> {
        parse(self, db).map(Arc::new)
    }
}
impl IntoPattern for &Pattern {
    fn into_pattern(self, _: &Db) -> Result<Arc<Pattern>> {
        Ok(Arc::new(self.clone()))
    }
}
impl IntoPattern for &Arc<Pattern> {
    fn into_pattern(self, _: &Db) -> Result<Arc<Pattern>> {
        Ok(self.clone())
    }
}

static TEXTS: LazyLock<Lately<Known>> = LazyLock::new(Lately::new);

/// A pattern and the schema that it was checked against. One that calls functions is for no schema: these belong to a database, which is
/// not to be kept.
#[derive(Clone)]
struct Known {
    schema: Option<Weak<Schema>>,
    pattern: Arc<Pattern>,
}

impl Known {
    fn new(pattern: Pattern, db: &Db) -> Known {
        Known {
            schema: (!pattern.calls()).then(|| Arc::downgrade(db.schema())),
            pattern: Arc::new(pattern),
        }
    }
    fn is_over(&self, db: &Db) -> bool {
        // As long as it is pointed at, nothing else can take its place in memory.
        let same = |schema: &Weak<Schema>| std::ptr::eq(schema.as_ptr(), &**db.schema());
        self.schema.as_ref().is_some_and(same)
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

    /// As [`Db::pull`], as a Rust type through serde: see [`from_edn`](edn::from_edn). What does not fit is an error that names the
    /// attribute.
    ///
    /// ```
    /// # fn main() -> asof::error::Result<()> {
    /// # use asof::Connection;
    /// # let conn = Connection::in_memory()?;
    /// # conn.transact("[{:db/ident :person/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
    /// #   {:db/ident :person/age :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
    /// #   {:db/ident :person/boss :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}]")?;
    /// #[derive(serde::Deserialize)]
    /// struct Person {
    ///     name: String,
    ///     age: Option<u8>,
    ///     boss: Option<Box<Person>>,
    /// }
    /// conn.transact(r#"[{:db/id "ada" :person/name "Ada" :person/age 36} {:person/name "Bea" :person/boss "ada"}]"#)?;
    /// let pattern = "[:person/name :person/age {:person/boss ...}]";
    /// let bea: Person = conn.db().pull_as(pattern, r#"[:person/name "Bea"]"#)?.expect("she is there");
    /// assert_eq!((bea.name.as_str(), bea.age), ("Bea", None));
    /// assert_eq!(bea.boss.map(|boss| boss.name).as_deref(), Some("Ada"));
    ///
    /// conn.transact(r#"[{:person/name "Ada" :person/age 1815}]"#)?;
    /// let error = conn.db().pull_as::<Person>(pattern, r#"[:person/name "Bea"]"#).map(|_| ()).unwrap_err();
    /// assert!(error.message().starts_with(":person/boss: :person/age: invalid value"));
    /// # Ok(()) }
    /// ```
    pub fn pull_as<T: DeserializeOwned>(
        &self,
        pattern: impl IntoPattern,
        entity: impl IntoEntityRef,
    ) -> Result<Option<T>> {
        let found = self.pull(pattern, entity)?;
        found.map(|form| edn::from_edn(&form)).transpose()
    }

    /// As [`Db::pull_many`], as Rust values: one for each of `entities`, `None` where there is nothing.
    pub fn pull_many_as<T: DeserializeOwned, E: IntoEntityRef>(
        &self,
        pattern: impl IntoPattern,
        entities: impl IntoIterator<Item = E>,
    ) -> Result<Vec<Option<T>>> {
        let (mut out, mut failed) = (Vec::new(), None);
        // Each form is dropped as soon as it was read: all of them would take much more room than what they become.
        self.pull_each(pattern, entities, |found| {
            match found.map(|form| edn::from_edn(&form)).transpose() {
                Ok(value) => out.push(value),
                Err(e) => failed = failed.take().or(Some(e)),
            }
        })?;
        failed.map_or(Ok(out), Err)
    }

    /// What `pattern` finds at each of `entities`, in their order.
    pub fn pull_many<E: IntoEntityRef>(
        &self,
        pattern: impl IntoPattern,
        entities: impl IntoIterator<Item = E>,
    ) -> Result<Vec<Option<Edn>>> {
        let mut out = Vec::new();
        self.pull_each(pattern, entities, |found| out.push(found))?;
        Ok(out)
    }

    fn pull_each<E: IntoEntityRef>(
        &self,
        pattern: impl IntoPattern,
        entities: impl IntoIterator<Item = E>,
        found: impl FnMut(Option<Edn>),
    ) -> Result<()> {
        let pattern = pattern.into_pattern(self)?;
        let entities = entities.into_iter().map(|entity| self.entid(entity));
        Puller::new(self, &pattern)?.pull_all(entities, found)
    }
}

#[cfg(test)]
mod tests;
