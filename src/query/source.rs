//! What patterns read: database values, or plain collections of tuples.

use rustc_hash::FxHashMap;

use super::column::{Column, Tag};
use super::values::Values;
use crate::datom::{EntityId, Val, Value, ValueType, Word};
use crate::db::Db;
use crate::edn::{Edn, Node, Symbol};
use crate::error::{Code, Error, Result};
use crate::schema::Attribute;

/// A source of one query.
pub(crate) enum Source {
    Db(DbSource),
    Rows(RowSource),
}

/// A database value.
pub(crate) struct DbSource {
    pub db: Db,
    /// Its words are not those of the query (another database, or a speculation): they are translated when read.
    pub foreign: bool,
}

/// A collection of tuples in columns.
#[derive(Default)]
pub(crate) struct RowSource {
    pub cols: Vec<Column>,
    pub len: usize,
}

/// All sources by name.
pub(crate) struct Sources {
    pub list: Vec<(Symbol, Source)>,
}

impl Sources {
    pub fn at(&self, name: &Symbol) -> Option<usize> {
        self.list.iter().position(|(n, _)| n == name)
    }
    pub fn db(&self, i: usize) -> Option<&DbSource> {
        match self.list.get(i) {
            Some((_, Source::Db(db))) => Some(db),
            _ => None,
        }
    }
    /// The first database, for what needs any.
    pub fn any_db(&self) -> Option<&Db> {
        self.list.iter().find_map(|(_, s)| match s {
            Source::Db(d) => Some(&d.db),
            Source::Rows(_) => None,
        })
    }
    pub fn names(&self) -> Vec<String> {
        self.list.iter().map(|(n, _)| n.to_string()).collect()
    }
}

impl RowSource {
    /// The tuples of a collection (of a map: its pairs).
    pub fn new(value: &Val, values: &Values) -> Result<RowSource> {
        let items = value.items().ok_or_else(|| not_rows(value))?;
        let rows = items.iter().map(|item| item.as_seq().ok_or_else(|| not_rows(item)));
        let rows: Vec<&[Val]> = rows.collect::<Result<_>>()?;
        // Rows may differ in length; a pattern may only ask for positions that all of them have.
        let width = rows.iter().map(|r| r.len()).min().unwrap_or(0);
        let mut cols: Vec<Column> = (0..width).map(|_| Column::new(Tag::REF)).collect();
        let mut len = 0;
        for row in &rows {
            let words = row[..width]
                .iter()
                .map(|v| values.intern(v))
                .collect::<Result<Option<Vec<_>>>>()?;
            let Some(words) = words else {
                return Err(Error::new(Code::NilInput, "a row of a collection source holds nil")
                    .hint("leave the row out: nil is never a value"));
            };
            for (col, (tag, w)) in cols.iter_mut().zip(words) {
                col.push(tag, w);
            }
            len += 1;
        }
        Ok(RowSource { cols, len })
    }
}

const AN_ENTITY: &str = "an entity is an id, an ident or a lookup ref [unique-attribute value]";

fn not_rows(value: &Val) -> Error {
    Error::new(
        Code::NotABindingForm,
        format!("{value} is no source: a source is a database or a collection of tuples"),
    )
}

impl DbSource {
    /// The entity that a form names in entity position; `None` when it names none in this view.
    pub fn entity(&self, form: &Edn) -> Result<Option<EntityId>> {
        match &form.node {
            Node::Long(n) if *n < 0 => Ok(None),
            Node::Long(_) | Node::Keyword(_) | Node::Vector(_) => self.db.entid_of(form).map_err(|e| e.at(form.span)),
            _ => Err(Error::new(Code::TypeMismatch, format!("{form} cannot be an entity"))
                .at(form.span)
                .hint(AN_ENTITY)),
        }
    }

    /// What a constant means as a value of `attr`, as a transaction would read it; `None` when it names an entity that is not there.
    pub fn constant(&self, attr: &Attribute, form: &Edn) -> Result<Option<Value>> {
        let value = match (attr.value_type, &form.node) {
            (ValueType::Ref, Node::Long(_) | Node::Keyword(_) | Node::Vector(_)) => {
                return Ok(self.entity(form)?.map(Value::Ref));
            }
            (ValueType::Ref, _) => Err(Error::new(Code::TypeMismatch, "").hint(AN_ENTITY)),
            _ => self.db.schema().value_from_edn(attr, form),
        };
        value.map(Some).map_err(|why| {
            let message = format!(
                "{form} can never be a value of {}, whose type is {}",
                attr.ident, attr.value_type
            );
            let error = Error::new(Code::TypeMismatch, message).at(form.span);
            // What a transaction is told helps here, too.
            match why.hint_text() {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
    }
}

/// Words of a foreign database as words of the query.
#[derive(Default)]
pub(crate) struct Translator {
    seen: FxHashMap<Word, Word>,
}

impl Translator {
    pub fn word(&mut self, from: &Db, to: &Values, ty: ValueType, w: Word) -> Result<Word> {
        if ty.is_inline() {
            return Ok(w);
        }
        if let Some(&w) = self.seen.get(&w) {
            return Ok(w);
        }
        let mine = to.words().intern_key(&from.words().bytes(w)?)?;
        self.seen.insert(w, mine);
        Ok(mine)
    }
}
