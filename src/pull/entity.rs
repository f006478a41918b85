//! Entities as lazy maps: nothing is read before it is asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::walk::refuse_history;
use crate::datom::{EntityId, Value, ValueType, Word};
use crate::db::{Db, IntoEntityRef};
use crate::edn::{self, Edn, Keyword, Node};
use crate::error::{Code, Error, Result};
use crate::index::{Order, Probe, Range};

/// An entity of a database value. Two are equal when they have the same id in database values of the same basis and view.
#[derive(Clone)]
pub struct Entity {
    db: Db,
    id: EntityId,
}

/// What an entity has for an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum EntityValue {
    /// A value that is no reference.
    Value(Value),
    /// A reference to an entity with an ident: its name.
    Ident(Keyword),
    /// A reference to any other entity.
    Entity(Entity),
    /// All values of a cardinality-many attribute, each once, in their order.
    Set(Vec<EntityValue>),
}

impl Db {
    /// The entity as a lazy map; `None` when it has no facts in this view.
    /// ```
    /// # fn main() -> asof::Result<()> {
    /// use asof::{Keyword, testing};
    /// let db = testing::fixture(
    ///     r#"[{:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one
    ///          :db/unique :db.unique/identity}
    ///         {:db/ident :ship/berth :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
    ///         {:db/ident :berth/code :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]
    ///        [{:ship/name "Petrel" :ship/berth {:db/id "n1" :berth/code "N1"}}]"#,
    /// )?
    /// .db();
    /// let petrel = db.entity(r#"[:ship/name "Petrel"]"#)?.expect("it is there");
    /// let berth = petrel.get(&Keyword::from(":ship/berth"))?.expect("it lies somewhere");
    /// let berth = berth.entity().expect("a reference");
    /// assert_eq!(berth.keys()?, [Keyword::from(":berth/code")]);
    /// assert!(db.entity(r#"[:ship/name "Nobody"]"#)?.is_none());
    /// # Ok(()) }
    /// ```
    pub fn entity(&self, entity: impl IntoEntityRef) -> Result<Option<Entity>> {
        refuse_history(self, "entity")?;
        let Some(id) = self.entid(entity)? else {
            return Ok(None);
        };
        for batch in self.scan(Order::Eavt, &Range::e(id.0)) {
            if !batch?.is_empty() {
                return Ok(Some(Entity { db: self.clone(), id }));
            }
        }
        Ok(None)
    }
}

impl Entity {
    /// Its id.
    pub fn id(&self) -> EntityId {
        self.id
    }
    /// The database value it is read from.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// What it has for an attribute; `:a/_b` asks who refers to it. `None` when there is nothing.
    pub fn get(&self, name: &Keyword) -> Result<Option<EntityValue>> {
        let schema = self.db.schema();
        if let Some(attr) = schema.attr_by_ident(name) {
            let range = Range::ea(self.id.0, attr.id);
            let words = self.words(Order::Eavt, &range, |b| b.v().to_vec())?;
            return self.values(attr.id, attr.value_type, &words);
        }
        let forward = name
            .name()
            .strip_prefix('_')
            .map(|rest| Keyword::from_parts(name.ns().unwrap_or(""), rest));
        let attr = self.db.attribute(forward.as_ref().unwrap_or(name))?;
        if !attr.is_ref() {
            let message = format!("{name} asks who refers through {}, which is no ref", attr.ident);
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let range = Range::av(attr.id, Probe::inline(self.id.0));
        let owners = self.words(Order::Vaet, &range, |b| b.e().to_vec())?;
        let one = self.db.schema_then()?.attr(attr.id).is_some_and(|a| a.is_component);
        let mut owners = owners.into_iter().map(|e| self.at(EntityId(e)));
        Ok(match owners.len() {
            0 => None,
            _ if one => owners.next(),
            _ => Some(EntityValue::Set(owners.collect())),
        })
    }

    /// Everything it has, by attribute.
    pub fn touch(&self) -> Result<BTreeMap<Keyword, EntityValue>> {
        let mut out = BTreeMap::new();
        let rows = self.words(Order::Eavt, &Range::e(self.id.0), |b| {
            b.a().iter().copied().zip(b.v().iter().copied()).collect()
        })?;
        for run in rows.chunk_by(|x, y| x.0 == y.0) {
            if let Some(attr) = self.db.schema().attr(run[0].0) {
                let words: Vec<Word> = run.iter().map(|(_, w)| *w).collect();
                if let Some(value) = self.values(attr.id, attr.value_type, &words)? {
                    out.insert(attr.ident.clone(), value);
                }
            }
        }
        Ok(out)
    }

    /// Everything it has as a form, with `:db/id`: references as idents, or as maps with the `:db/id` of what they refer to.
    pub fn to_edn(&self) -> Result<Edn> {
        let id = (Edn::kw("db/id"), Edn::from(self.id.0 as i64));
        let facts = self.touch()?.into_iter().map(|(k, v)| (Edn::from(k), v.to_edn()));
        Ok(Edn::new(Node::Map(std::iter::once(id).chain(facts).collect())))
    }

    /// Everything it has as a Rust type, through serde.
    ///
    /// ```
    /// # fn main() -> asof::error::Result<()> {
    /// # use asof::Connection;
    /// # let conn = Connection::in_memory()?;
    /// #[derive(serde::Deserialize)]
    /// struct Attribute {
    ///     ident: asof::edn::Keyword,
    ///     #[serde(rename = "db/valueType")]
    ///     value_type: asof::edn::Keyword,
    /// }
    /// let doc = conn.db().entity(":db/doc")?.expect("every database has it");
    /// let doc: Attribute = doc.typed()?;
    /// assert_eq!((doc.ident.to_string(), doc.value_type.to_string()), (":db/doc".into(), ":db.type/string".into()));
    /// # Ok(()) }
    /// ```
    pub fn typed<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        edn::from_edn(&self.to_edn()?)
    }

    /// The attributes it has, in the order of their names.
    pub fn keys(&self) -> Result<Vec<Keyword>> {
        let mut ids = self.words(Order::Eavt, &Range::e(self.id.0), |b| b.a().to_vec())?;
        ids.dedup();
        let names = ids.iter().filter_map(|a| self.db.schema().attr(*a));
        let mut names: Vec<Keyword> = names.map(|a| a.ident.clone()).collect();
        names.sort();
        Ok(names)
    }

    fn words<T>(&self, order: Order, range: &Range, take: impl Fn(&crate::index::Batch) -> Vec<T>) -> Result<Vec<T>> {
        let mut out = Vec::new();
        for batch in self.db.scan(order, range) {
            out.extend(take(&batch?));
        }
        Ok(out)
    }

    fn values(&self, attr: u32, ty: ValueType, words: &[Word]) -> Result<Option<EntityValue>> {
        let one = self.db.schema_then()?.attr(attr).is_none_or(|a| a.is_one());
        let value = |w: &Word| match self.db.words().value(ty, *w)? {
            Value::Ref(e) => Ok(self.at(e)),
            value => Ok(EntityValue::Value(value)),
        };
        match words {
            [] => Ok(None),
            [first, ..] if one => value(first).map(Some),
            words => Ok(Some(EntityValue::Set(words.iter().map(value).collect::<Result<_>>()?))),
        }
    }

    fn at(&self, id: EntityId) -> EntityValue {
        match self.db.ident(id) {
            Some(ident) => EntityValue::Ident(ident.clone()),
            None => EntityValue::Entity(Entity {
                db: self.db.clone(),
                id,
            }),
        }
    }

    fn identity(&self) -> (EntityId, u64, Option<u64>, Option<u64>, bool, bool) {
        let db = &self.db;
        let view = (db.as_of_t(), db.since_t());
        (
            self.id,
            db.basis_t(),
            view.0,
            view.1,
            db.is_filtered(),
            db.is_speculative(),
        )
    }
}

impl EntityValue {
    /// The value, when it is one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            EntityValue::Value(v) => Some(v),
            _ => None,
        }
    }
    /// As a form; see [`Entity::to_edn`].
    pub fn to_edn(&self) -> Edn {
        match self {
            EntityValue::Value(v) => v.to_edn(),
            EntityValue::Ident(k) => k.into(),
            EntityValue::Entity(e) => Edn::map([(Edn::kw("db/id"), Edn::from(e.id.0 as i64))]),
            EntityValue::Set(all) => Edn::vector(all.iter().map(EntityValue::to_edn)),
        }
    }
    /// The entity, when it is one without an ident.
    pub fn entity(&self) -> Option<&Entity> {
        match self {
            EntityValue::Entity(e) => Some(e),
            _ => None,
        }
    }
    /// The values of a set; a single value as a slice of one.
    pub fn all(&self) -> &[EntityValue] {
        match self {
            EntityValue::Set(all) => all,
            one => std::slice::from_ref(one),
        }
    }
}

impl PartialEq for Entity {
    fn eq(&self, other: &Entity) -> bool {
        self.identity() == other.identity()
    }
}
impl Eq for Entity {}
impl Hash for Entity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}
impl fmt::Debug for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{:db/id {}}}", self.id)
    }
}
