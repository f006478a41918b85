//! What holds, an entity a row: the attributes read side by side, each in the order of entities.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use asof::datom::{Datom, EntityId, Value, ValueType};
use asof::db::{Datoms, Db};
use asof::edn::{Edn, Keyword, Node};
use asof::error::{Code, Error, Result};
use asof::index::Order;
use asof::schema::{Attribute, Schema, Unique, bootstrap};

use super::{Cell, Column, Sink};

/// The column of the entity's id.
pub const ID: &str = "db/id";

/// Entities and the attributes that are shown of them.
pub struct Entities {
    db: Db,
    schema: Arc<Schema>,
    attrs: Vec<Arc<Attribute>>,
    /// Names without namespace.
    short: bool,
    /// References are shown by what names their entity.
    keys: bool,
    ids: bool,
}

/// Attributes that users made and that have values of their own.
fn own(schema: &Schema) -> impl Iterator<Item = &Arc<Attribute>> {
    schema
        .attrs()
        .filter(|a| u64::from(a.id) >= bootstrap::FIRST_DB && a.composite_members().is_none())
}

fn some(db: &Db, attr: &Attribute) -> Result<bool> {
    Ok(datoms(db, attr)?.next().transpose()?.is_some())
}

fn datoms(db: &Db, attr: &Attribute) -> Result<Datoms> {
    db.datoms(Order::Aevt, &[Node::Long(i64::from(attr.id)).into()])
}

/// The namespaces of attributes that have values, in order.
pub fn namespaces(db: &Db) -> Result<Vec<String>> {
    let schema = db.schema_then()?;
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    for attr in own(&schema) {
        let known = found
            .entry(attr.ident.ns().unwrap_or_default().to_string())
            .or_default();
        *known = *known || some(db, attr)?;
    }
    Ok(found.into_iter().filter(|(_, has)| *has).map(|(ns, _)| ns).collect())
}

impl Entities {
    /// Of what has attributes of the namespace `entity`, or any attribute when there is none. `attrs` names the attributes to show
    /// instead of all.
    pub fn new(db: &Db, entity: Option<&str>, attrs: &[Keyword]) -> Result<Entities> {
        let schema = db.schema_then()?;
        let mut shown: Vec<Arc<Attribute>> = Vec::new();
        for attr in attrs {
            // Its cardinality is that of the moment that is shown.
            shown.push(
                schema
                    .attr_by_ident(attr)
                    .map_or_else(|| db.attribute(attr), Ok)?
                    .clone(),
            );
        }
        if attrs.is_empty() {
            let within = |a: &&Arc<Attribute>| entity.is_none_or(|ns| a.ident.ns().unwrap_or_default() == ns);
            for attr in own(&schema).filter(within) {
                if some(db, attr)? {
                    shown.push(attr.clone());
                }
            }
            // In the order in which they were made.
            shown.sort_by_key(|a| a.id);
            if let (true, Some(given)) = (shown.is_empty(), entity) {
                let names = namespaces(db)?;
                let error = Error::new(
                    Code::InvalidArgument,
                    format!("no attribute of the namespace {given} has values"),
                );
                return Err(match names.is_empty() {
                    true => error.hint("the database holds no facts"),
                    false => error.hint(format!("the namespaces are {}", names.join(", "))),
                });
            }
        }
        Ok(Entities {
            db: db.clone(),
            schema,
            short: entity.is_some() && shown.iter().all(|a| a.ident.ns() == entity),
            attrs: shown,
            keys: false,
            ids: true,
        })
    }

    /// References are shown by the name or unique value of their entity.
    pub fn keys(mut self, keys: bool) -> Entities {
        self.keys = keys;
        self
    }
    /// Whether there is a column of entity ids.
    pub fn ids(mut self, ids: bool) -> Entities {
        self.ids = ids;
        self
    }

    /// The columns.
    pub fn columns(&self) -> Vec<Column> {
        let id = Column {
            name: ID.to_string(),
            ty: Some(ValueType::Ref),
            many: false,
        };
        let column = |attr: &Arc<Attribute>| Column {
            name: match self.short {
                true => attr.ident.name().to_string(),
                false => attr.ident.to_string().trim_start_matches(':').to_string(),
            },
            ty: Some(attr.value_type).filter(|ty| !(self.keys && *ty == ValueType::Ref)),
            many: !attr.is_one(),
        };
        let ids = self.ids.then_some(id);
        ids.into_iter().chain(self.attrs.iter().map(column)).collect()
    }

    /// Writes the rows; gives how many.
    pub fn write(&self, sink: &mut dyn Sink, seen: &mut dyn FnMut()) -> Result<u64> {
        let mut sources: Vec<Peekable<Datoms>> = Vec::with_capacity(self.attrs.len());
        for attr in &self.attrs {
            sources.push(datoms(&self.db, attr)?.peekable());
        }
        let first = |source: &mut Peekable<Datoms>| match source.peek() {
            Some(Ok(datom)) => Some(datom.e),
            // The error is met where the row is made.
            Some(Err(_)) => Some(EntityId(0)),
            None => None,
        };
        let mut rows = 0;
        let mut cells = Vec::with_capacity(self.attrs.len() + 1);
        while let Some(e) = sources.iter_mut().filter_map(first).min() {
            cells.clear();
            if self.ids {
                cells.push(Cell::One(id(e)));
            }
            for (source, attr) in sources.iter_mut().zip(&self.attrs) {
                cells.push(self.cell(e, source, attr)?);
            }
            sink.row(&cells)?;
            seen();
            rows += 1;
        }
        Ok(rows)
    }

    fn cell(&self, e: EntityId, source: &mut Peekable<Datoms>, attr: &Attribute) -> Result<Cell> {
        let mut values = Vec::new();
        while let Some(datom) = source.next_if(|d| d.as_ref().map_or(true, |d| d.e == e)) {
            values.push(self.value(&datom?)?);
        }
        Ok(match (attr.is_one(), values.len()) {
            (_, 0) => Cell::Nothing,
            // What has several values now may have had one then, and the other way round.
            (true, 1) => Cell::One(values.remove(0)),
            _ => Cell::Many(values),
        })
    }

    fn value(&self, datom: &Datom) -> Result<Edn> {
        match &datom.v {
            Value::Ref(e) if self.keys => self.key(*e),
            value => Ok(value.to_edn()),
        }
    }

    /// What names `e`: its ident, or the first of its unique values, or its number.
    fn key(&self, e: EntityId) -> Result<Edn> {
        if let Some(ident) = self.schema.ident(e) {
            return Ok(Node::Keyword(ident.clone()).into());
        }
        for datom in self.db.datoms(Order::Eavt, &[id(e)])? {
            let datom = datom?;
            if self
                .schema
                .attr_of(datom.a)
                .is_some_and(|a| a.unique == Some(Unique::Identity))
            {
                return Ok(datom.v.to_edn());
            }
        }
        Ok(id(e))
    }
}

fn id(e: EntityId) -> Edn {
    Node::Long(e.0 as i64).into()
}
