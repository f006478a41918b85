//! Naming an entity: by id, by ident, or by a unique attribute's value.

use super::Db;
use crate::datom::{EntityId, RawDatom, TxId, Value, ValueType};
use crate::edn::{self, Edn, Keyword, Node};
use crate::error::{Code, Error, Result};
use crate::index::{Order, Range};
use crate::schema::Attribute;

/// How an entity may be named by callers.
#[derive(Clone, Debug, PartialEq)]
pub enum EntityRef {
    /// By id.
    Id(EntityId),
    /// By `:db/ident`.
    Ident(Keyword),
    /// By a unique attribute's value.
    Lookup(Keyword, Edn),
}

impl EntityRef {
    /// The name that a form is: a number, a keyword, or a lookup ref `[attribute value]`.
    pub fn from_edn(form: &Edn) -> Result<EntityRef> {
        form.check_depth()?;
        match &form.node {
            Node::Long(n) => match u64::try_from(*n) {
                Ok(id) => Ok(EntityRef::Id(EntityId(id))),
                Err(_) => Err(Error::new(
                    Code::InvalidEntityId,
                    format!("{n} is not an entity id: ids are not negative"),
                )
                .at(form.span)),
            },
            Node::Keyword(k) => Ok(EntityRef::Ident(k.clone())),
            Node::Vector(parts) => match parts.as_slice() {
                [attr, value] => match &attr.node {
                    Node::Keyword(k) => Ok(EntityRef::Lookup(k.clone(), value.clone())),
                    _ => Err(invalid_lookup(form).at(attr.span)),
                },
                _ => Err(invalid_lookup(form).at(form.span)),
            },
            _ => Err(Error::new(Code::NotAnEntity, format!("{form} does not name an entity"))
                .at(form.span)
                .hint("name it by id (123), by ident (:status/open), or by lookup ref ([:person/email \"a@x\"])")),
        }
    }
}

fn invalid_lookup(form: &Edn) -> Error {
    Error::new(Code::InvalidLookupRef, format!("{form} is not a lookup ref"))
        .hint("a lookup ref is [unique-attribute value], such as [:person/email \"a@x\"]")
}

/// What can name an entity: an id, a keyword, a form or its text, an [`EntityRef`], or a lookup ref as a pair of keyword and value.
pub trait IntoEntityRef {
    /// The name; an error when the form is none.
    fn into_entity_ref(self) -> Result<EntityRef>;
}

impl IntoEntityRef for EntityRef {
    fn into_entity_ref(self) -> Result<EntityRef> {
        Ok(self)
    }
}
impl IntoEntityRef for &EntityRef {
    fn into_entity_ref(self) -> Result<EntityRef> {
        Ok(self.clone())
    }
}
impl IntoEntityRef for &Edn {
    fn into_entity_ref(self) -> Result<EntityRef> {
        EntityRef::from_edn(self)
    }
}
impl IntoEntityRef for Edn {
    fn into_entity_ref(self) -> Result<EntityRef> {
        EntityRef::from_edn(&self)
    }
}
impl IntoEntityRef for &str {
    /// From text: `[:person/email \"a@x\"]`, `:status/open`, `123`.
    fn into_entity_ref(self) -> Result<EntityRef> {
        let form = edn::read_one(self).map_err(|e| e.in_source("entity", self))?;
        EntityRef::from_edn(&form).map_err(|e| e.in_source("entity", self))
    }
}
impl IntoEntityRef for EntityId {
    fn into_entity_ref(self) -> Result<EntityRef> {
        Ok(self.into())
    }
}
impl IntoEntityRef for TxId {
    fn into_entity_ref(self) -> Result<EntityRef> {
        Ok(self.entity().into())
    }
}
impl IntoEntityRef for Keyword {
    fn into_entity_ref(self) -> Result<EntityRef> {
        Ok(self.into())
    }
}
impl IntoEntityRef for &Keyword {
    fn into_entity_ref(self) -> Result<EntityRef> {
        Ok(self.clone().into())
    }
}
impl IntoEntityRef for (Keyword, Edn) {
    fn into_entity_ref(self) -> Result<EntityRef> {
        Ok(EntityRef::Lookup(self.0, self.1))
    }
}

conversions! { EntityRef:
    EntityId, e => EntityRef::Id(e);
    Keyword, k => EntityRef::Ident(k);
}

impl Db {
    /// The id of an entity; `None` when the ident or lookup ref names nothing here. A number is its own id, whether anything is
    /// known of it or not. Lookup refs see what the view sees: in a `since` view older identities are not there.
    pub fn entid(&self, entity: impl IntoEntityRef) -> Result<Option<EntityId>> {
        self.resolve(&entity.into_entity_ref()?)
    }

    /// As [`Db::entid`] of a form; an error points at it.
    pub fn entid_of(&self, form: &Edn) -> Result<Option<EntityId>> {
        self.entid(form).map_err(|e| e.at(form.span))
    }

    fn resolve(&self, entity: &EntityRef) -> Result<Option<EntityId>> {
        match entity {
            EntityRef::Id(e) => Ok(Some(*e)),
            EntityRef::Ident(k) => Ok(self.schema().entid(k)),
            EntityRef::Lookup(ident, form) => {
                let attr = self.attribute(ident)?;
                if attr.unique.is_none() {
                    let message = format!("{ident} is not unique, so its values do not name entities");
                    return Err(Error::new(Code::LookupRefNotUnique, message)
                        .at(form.span)
                        .hint("lookup refs take an attribute with :db/unique; others are for queries"));
                }
                match self.value(attr, form)? {
                    Some(value) => self.owner(attr, &value),
                    None => Ok(None),
                }
            }
        }
    }

    /// The entity whose unique `attr` has `value` in this view; in a history, the one that had it last.
    pub(crate) fn owner(&self, attr: &Attribute, value: &Value) -> Result<Option<EntityId>> {
        // Without a word the value is stored nowhere.
        if self.words().find(value)?.is_none() {
            return Ok(None);
        }
        let mut last: Option<RawDatom> = None;
        for batch in self.scan(Order::Avet, &Range::av(attr.id, self.words().probe(value)?)) {
            let batch = batch?;
            let facts = (0..batch.len()).map(|i| batch.row(i));
            last = last.into_iter().chain(facts).max_by_key(|d| (d.t, d.added));
        }
        Ok(last.map(|d| EntityId(d.e)))
    }

    /// The value of `attr` that a form means, names of entities resolved wherever the type is ref (in tuples too);
    /// `None` when one of them names nothing.
    pub(crate) fn value(&self, attr: &Attribute, form: &Edn) -> Result<Option<Value>> {
        let schema = self.schema();
        let resolved = match &form.node {
            _ if attr.is_ref() => self.resolve_form(form)?,
            Node::Vector(slots) if attr.tuple.is_some() => {
                let mut out = Vec::with_capacity(slots.len());
                for (i, item) in slots.iter().enumerate() {
                    let named = schema.slot_type(attr, i) == Some(ValueType::Ref) && !matches!(item.node, Node::Nil);
                    match if named {
                        self.resolve_form(item)?
                    } else {
                        Some(item.clone())
                    } {
                        Some(item) => out.push(item),
                        None => return Ok(None),
                    }
                }
                Some(Edn {
                    node: Node::Vector(out),
                    span: form.span,
                })
            }
            _ => return schema.value_from_edn(attr, form).map(Some),
        };
        resolved.map(|form| schema.value_from_edn(attr, &form)).transpose()
    }

    /// The id, as a form, of the entity that a form names.
    fn resolve_form(&self, form: &Edn) -> Result<Option<Edn>> {
        let id = self.resolve(&EntityRef::from_edn(form)?).map_err(|e| e.at(form.span))?;
        Ok(id.map(|e| Edn {
            node: Node::Long(e.0 as i64),
            span: form.span,
        }))
    }
}
