//! Reading facts without a query: datoms by index, and the entities that idents and lookup refs name.

use super::{Db, EntityRef, Rows};
use crate::datom::{Datom, EntityId, T, ValueType};
use crate::edn::{Edn, Node};
use crate::error::{Code, Error, Result};
use crate::index::{Batch, Order, Probe, Range};
use crate::schema::Attribute;

impl EntityRef {
    /// An entity id, an ident, or a lookup ref `[attribute value]`.
    pub fn from_edn(form: &Edn) -> Result<EntityRef> {
        match &form.node {
            Node::Long(n) => match u64::try_from(*n) {
                Ok(id) => Ok(EntityRef::Id(EntityId(id))),
                Err(_) => Err(Error::new(
                    Code::InvalidEntityId,
                    format!("{n} is no entity id: ids are not negative"),
                )
                .at(form.span)),
            },
            Node::Keyword(ident) => Ok(EntityRef::Ident(ident.clone())),
            Node::Vector(parts) => match parts.as_slice() {
                [
                    Edn {
                        node: Node::Keyword(attribute),
                        ..
                    },
                    value,
                ] => Ok(EntityRef::Lookup(attribute.clone(), value.clone())),
                _ => Err(no_entity(form)),
            },
            _ => Err(no_entity(form)),
        }
    }
}

fn no_entity(form: &Edn) -> Error {
    Error::new(Code::InvalidLookupRef, format!("{form} does not name an entity"))
        .at(form.span)
        .hint("give an entity id, an ident (:status/open) or a lookup ref ([:person/email \"ada@x\"])")
}

/// The leading components of an index, as far as they are given.
#[derive(Default)]
struct Prefix {
    e: Option<EntityId>,
    a: Option<u32>,
    v: Option<Probe>,
    t: Option<T>,
    /// A component names something that is not there, so nothing can match.
    nothing: bool,
}

impl Db {
    /// The entity that `name` means in this view; `None` when there is none. An id means itself, whether it has facts or not.
    pub fn entid(&self, name: &EntityRef) -> Result<Option<EntityId>> {
        match name {
            EntityRef::Id(e) => Ok(Some(*e)),
            EntityRef::Ident(ident) => Ok(self.schema().entid(ident)),
            EntityRef::Lookup(ident, value) => {
                let attribute = self.attribute(ident)?.clone();
                if attribute.unique.is_none() {
                    let message = format!("{ident} is not unique, so [{ident} {value}] names no entity");
                    return Err(Error::new(Code::LookupRefNotUnique, message)
                        .at(value.span)
                        .hint("use a unique attribute in a lookup ref, or find the entity by a query"));
                }
                let Some(probe) = self.probe(&attribute, value)? else {
                    return Ok(None);
                };
                self.owner(&Range::av(attribute.id, probe))
            }
        }
    }

    /// [`Db::entid`] of an id, ident or lookup ref as EDN.
    pub fn entid_of(&self, name: &Edn) -> Result<Option<EntityId>> {
        self.entid(&EntityRef::from_edn(name)?).map_err(|e| e.at(name.span))
    }

    /// The entity of a unique value's facts; in a history, the one that had it last.
    fn owner(&self, range: &Range) -> Result<Option<EntityId>> {
        let mut last: Option<(T, EntityId)> = None;
        for batch in self.scan(Order::Avet, range) {
            let batch = batch?;
            let facts = batch.t().iter().zip(batch.e()).map(|(&t, &e)| (t, EntityId(e)));
            last = facts.chain(last).max_by_key(|(t, _)| *t);
        }
        Ok(last.map(|(_, e)| e))
    }

    /// What to look for in the indexes for a value of `attribute`; `None` when it names an entity that is not there.
    fn probe(&self, attribute: &Attribute, value: &Edn) -> Result<Option<Probe>> {
        if attribute.is_ref() {
            return Ok(self.entid_of(value)?.map(|e| Probe::inline(e.0)));
        }
        let Some(value) = self.with_ids(attribute, value)? else {
            return Ok(None);
        };
        let value = self.schema().value_from_edn(attribute, &value)?;
        self.words().probe(&value).map(Some)
    }

    /// `value` with the names in a composite tuple's reference slots replaced by ids; `None` when one names nothing.
    fn with_ids(&self, attribute: &Attribute, value: &Edn) -> Result<Option<Edn>> {
        let (Some(members), Node::Vector(slots)) = (attribute.composite_members(), &value.node) else {
            return Ok(Some(value.clone()));
        };
        let mut slots = slots.clone();
        for (slot, member) in slots.iter_mut().zip(members) {
            let is_ref = self.schema().value_type(*member) == Some(ValueType::Ref);
            if is_ref && !matches!(slot.node, Node::Nil) {
                let Some(e) = self.entid_of(slot)? else { return Ok(None) };
                slot.node = Node::Long(e.0 as i64);
            }
        }
        Ok(Some(Edn {
            node: Node::Vector(slots),
            span: value.span,
        }))
    }

    /// The datoms of this view whose leading components in `order` are `components`, ascending. Entities may be named by id,
    /// ident or lookup ref; the fourth component is a t or a transaction.
    ///
    /// AVET holds no attribute with `:db/index false`, and VAET references alone.
    pub fn datoms(&self, order: Order, components: &[Edn]) -> Result<Datoms> {
        let prefix = self.prefix(order, components)?;
        let range = prefix.range(order, components.len());
        Ok(Datoms::new(self, order, (!prefix.nothing).then_some(range), prefix.t))
    }

    /// The datoms from those components on to the end of the whole index, past entity and attribute: callers stop by
    /// themselves.
    pub fn seek_datoms(&self, order: Order, components: &[Edn]) -> Result<Datoms> {
        if components.len() > 3 {
            return Err(Error::new(Code::Arity, "seek-datoms takes at most three components"));
        }
        let prefix = self.prefix(order, components)?;
        let range = prefix.range(order, components.len()).to_end();
        Ok(Datoms::new(self, order, (!prefix.nothing).then_some(range), None))
    }

    /// The datoms of an attribute with `start <= value < end`, in the order of their values; an absent bound is open.
    pub fn index_range(&self, attribute: &Edn, start: Option<&Edn>, end: Option<&Edn>) -> Result<Datoms> {
        let attribute = self.attribute_of(attribute)?.clone();
        self.check_indexed(&attribute)?;
        let bound = |value: Option<&Edn>, inclusive: bool| match value {
            None => Ok(None),
            Some(form) => match self.probe(&attribute, form)? {
                Some(probe) => Ok(Some((probe, inclusive))),
                None => Err(Error::new(Code::NotAnEntity, format!("{form} names no entity")).at(form.span)),
            },
        };
        let range = Range::values(attribute.id, bound(start, true)?, bound(end, false)?);
        Ok(Datoms::new(self, Order::Avet, Some(range), None))
    }

    fn check_indexed(&self, attribute: &Attribute) -> Result<()> {
        match attribute.indexed {
            true => Ok(()),
            false => Err(Error::new(
                Code::AttributeNotIndexed,
                format!("{} says :db/index false, so it is not in AVET", attribute.ident),
            )
            .hint("read it through :aevt, or set :db/index true")),
        }
    }

    fn attribute_of(&self, form: &Edn) -> Result<&std::sync::Arc<Attribute>> {
        let found = match &form.node {
            Node::Keyword(ident) => self.attribute(ident),
            Node::Long(n) => {
                let attribute = u64::try_from(*n)
                    .ok()
                    .and_then(|id| self.schema().attr_of(EntityId(id)));
                attribute.ok_or_else(|| Error::new(Code::UnknownAttribute, format!("{n} is no attribute")))
            }
            _ => Err(Error::new(Code::UnknownAttribute, format!("{form} is no attribute"))),
        };
        found.map_err(|e| e.at(form.span))
    }

    fn prefix(&self, order: Order, components: &[Edn]) -> Result<Prefix> {
        let names = match order {
            Order::Eavt => "eavt",
            Order::Aevt => "aevt",
            Order::Avet => "avet",
            Order::Vaet => "vaet",
        };
        if components.len() > 4 {
            return Err(Error::new(
                Code::Arity,
                format!("an index has four components, not {}", components.len()),
            ));
        }
        let mut prefix = Prefix::default();
        let mut attribute: Option<&Attribute> = None;
        for (part, form) in names.chars().zip(components) {
            match part {
                'e' => {
                    prefix.e = self.entid_of(form)?;
                    prefix.nothing |= prefix.e.is_none();
                }
                'a' => {
                    let found = self.attribute_of(form)?;
                    match order {
                        Order::Avet => self.check_indexed(found)?,
                        Order::Vaet if !found.is_ref() => {
                            return Err(Error::new(
                                Code::InvalidArgument,
                                format!("{} is no reference, so it is not in VAET", found.ident),
                            )
                            .at(form.span));
                        }
                        _ => {}
                    }
                    attribute = Some(found);
                    prefix.a = Some(found.id);
                }
                'v' => {
                    prefix.v = match attribute {
                        Some(attribute) => self.probe(attribute, form).map_err(|e| e.at(form.span))?,
                        None => self.entid_of(form)?.map(|e| Probe::inline(e.0)),
                    };
                    prefix.nothing |= prefix.v.is_none();
                }
                _ => prefix.t = Some(self.t_of(super::TimePoint::from_edn(form)?)?),
            }
        }
        Ok(prefix)
    }
}

impl Prefix {
    /// The range of the first `len` components.
    fn range(&self, order: Order, len: usize) -> Range {
        let e = self.e.map_or(0, |e| e.0);
        let a = self.a.unwrap_or(0);
        let v = || self.v.clone().unwrap_or_else(|| Probe::inline(0));
        match (order, len) {
            (_, 0) => Range::all(),
            (Order::Eavt, 1) => Range::e(e),
            (Order::Aevt | Order::Avet, 1) => Range::a(a),
            (Order::Vaet, 1) => Range::v(self.v.as_ref().map_or(0, |p| p.word)),
            (Order::Eavt | Order::Aevt, 2) => Range::ea(e, a),
            (Order::Avet | Order::Vaet, 2) => Range::av(a, v()),
            _ => Range::eav(e, a, v()),
        }
    }
}

/// Datoms in the order of an index, read as they are asked for.
pub struct Datoms {
    db: Db,
    rows: Option<Rows>,
    batch: Option<Batch>,
    next: usize,
    t: Option<T>,
}

impl Datoms {
    fn new(db: &Db, order: Order, range: Option<Range>, t: Option<T>) -> Datoms {
        Datoms {
            db: db.clone(),
            rows: range.map(|r| db.scan(order, &r)),
            batch: None,
            next: 0,
            t,
        }
    }
}

impl Iterator for Datoms {
    type Item = Result<Datom>;

    fn next(&mut self) -> Option<Result<Datom>> {
        loop {
            while let Some(batch) = self.batch.as_ref().filter(|b| self.next < b.len()) {
                let row = batch.row(self.next);
                self.next += 1;
                if self.t.is_none_or(|t| t == row.t) {
                    return Some(self.db.datom(row));
                }
            }
            match self.rows.as_mut()?.next()? {
                Ok(batch) => (self.batch, self.next) = (Some(batch), 0),
                Err(e) => {
                    self.rows = None;
                    return Some(Err(e));
                }
            }
        }
    }
}
