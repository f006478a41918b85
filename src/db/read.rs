//! Reading the indexes directly: `datoms`, `seek_datoms` and `index_range`, in every view.

use std::cmp::Ordering;

use super::{Db, EntityRef, Rows};
use crate::datom::{Datom, EntityId, T, Value};
use crate::edn::{Edn, Node};
use crate::error::{Code, Error, Result};
use crate::index::{Batch, Order, Probe, Range};
use crate::schema::Attribute;

/// Datoms in the order of an index, read as they are asked for.
pub struct Datoms {
    db: Db,
    /// `None` when a component names nothing, so that nothing can match.
    rows: Option<Rows>,
    batch: Option<(Batch, usize)>,
    t: Option<T>,
}

impl Iterator for Datoms {
    type Item = Result<Datom>;

    fn next(&mut self) -> Option<Result<Datom>> {
        loop {
            if let Some((batch, i)) = &mut self.batch {
                while *i < batch.len() {
                    let row = batch.row(*i);
                    *i += 1;
                    if self.t.is_none_or(|t| t == row.t) {
                        return Some(self.db.datom(row));
                    }
                }
            }
            match self.rows.as_mut()?.next()? {
                Ok(batch) => self.batch = Some((batch, 0)),
                Err(e) => {
                    self.rows = None;
                    self.batch = None;
                    return Some(Err(e));
                }
            }
        }
    }
}

impl Datoms {
    /// The same facts in columns: a few thousand rows at a time, without making a [`Datom`] and a [`Value`] of each.
    ///
    /// ```
    /// # fn main() -> asof::error::Result<()> {
    /// # use asof::{Connection, edn::Edn, index::Order};
    /// # let conn = Connection::in_memory()?;
    /// # conn.transact("[{:db/ident :n/x :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]")?;
    /// conn.transact("[{:n/x 40} {:n/x 2}]")?;
    /// let mut sum = 0;
    /// for batch in conn.db().datoms(Order::Aevt, &[Edn::kw("n/x")])?.batches() {
    ///     sum += batch?.longs().sum::<i64>();
    /// }
    /// assert_eq!(sum, 42);
    /// # Ok(()) }
    /// ```
    pub fn batches(self) -> impl Iterator<Item = Result<Batch>> {
        let t = self.t;
        self.rows.into_iter().flatten().map(move |batch| match t {
            None => batch,
            Some(t) => batch.map(|b| b.filter(|row| row.t == t)),
        })
    }
}

/// What the leading components of a call come to.
#[derive(Default)]
struct Components {
    e: Option<EntityId>,
    a: Option<u32>,
    v: Option<Probe>,
    t: Option<T>,
    /// A lookup ref that names nothing.
    nothing: bool,
}

impl Db {
    /// The datoms of an index that begin with the given components, in its order. For `:avet`, `components` are an
    /// attribute, a value, an entity and a transaction, or as many of these as are known.
    ///
    /// Attributes and entities may be given in every way that names them. AVET has the attributes that do not say
    /// `:db/index false`, VAET has the refs. Complexity: a seek, then the datoms that are read.
    /// ```
    /// # fn main() -> asof::Result<()> {
    /// use asof::{edn::read, index::Order, testing};
    /// let conn = testing::fixture(
    ///     r#"[{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/many}]
    ///        [{:n [3 1 2]}]"#,
    /// )?;
    /// let found = conn.db().datoms(Order::Avet, &read(":n")?)?;
    /// let values: Vec<String> = found.map(|datom| Ok(datom?.v.to_edn().to_string())).collect::<asof::Result<_>>()?;
    /// assert_eq!(values, ["1", "2", "3"]);
    /// # Ok(()) }
    /// ```
    pub fn datoms(&self, order: Order, components: &[Edn]) -> Result<Datoms> {
        let found = self.components(order, components)?;
        let t = found.t;
        let range = found.range(order);
        Ok(self.read(order, range, t))
    }

    /// The datoms of an index from the given components on, to the end of the index: past the entity or attribute too, so a
    /// caller stops where it likes. At most three components.
    pub fn seek_datoms(&self, order: Order, components: &[Edn]) -> Result<Datoms> {
        if let Some(fourth) = components.get(3) {
            return Err(Error::new(Code::Arity, "seek-datoms takes at most three components").at(fourth.span));
        }
        let range = self.components(order, components)?.range(order).map(Range::to_end);
        Ok(self.read(order, range, None))
    }

    /// The datoms of an attribute with `start <= value < end`, in the order of values; `None` is open.
    pub fn index_range(&self, attr: &Edn, start: Option<&Edn>, end: Option<&Edn>) -> Result<Datoms> {
        let attr = self.component_attribute(attr)?;
        check_indexed(&attr)?;
        let bound = |form: Option<&Edn>| match form {
            None => Ok(None),
            Some(form) => match self.value(&attr, form)? {
                Some(value) => Ok(Some(value)),
                None => Err(Error::new(Code::NotAnEntity, format!("{form} names no entity")).at(form.span)),
            },
        };
        let (start, end) = (bound(start)?, bound(end)?);
        let empty = matches!((&start, &end), (Some(s), Some(e)) if s.cmp(e) != Ordering::Less);
        let probe = |v: Option<Value>| v.map(|v| self.words().probe(&v)).transpose();
        let (low, high) = (probe(start)?, probe(end)?);
        let range = Range::values(attr.id, low.map(|p| (p, true)), high.map(|p| (p, false)));
        Ok(self.read(Order::Avet, (!empty).then_some(range), None))
    }

    fn read(&self, order: Order, range: Option<Range>, t: Option<T>) -> Datoms {
        Datoms {
            rows: range.map(|range| self.scan(order, &range)),
            db: self.clone(),
            batch: None,
            t,
        }
    }

    fn components(&self, order: Order, forms: &[Edn]) -> Result<Components> {
        let letters = match order {
            Order::Eavt => ['e', 'a', 'v', 't'],
            Order::Aevt => ['a', 'e', 'v', 't'],
            Order::Avet => ['a', 'v', 'e', 't'],
            Order::Vaet => ['v', 'a', 'e', 't'],
        };
        if let Some(fifth) = forms.get(4) {
            return Err(Error::new(Code::Arity, "an index has four components at most").at(fifth.span));
        }
        let mut out = Components::default();
        let mut attr: Option<Attribute> = None;
        for (letter, form) in letters.into_iter().zip(forms) {
            match letter {
                'e' => match self.component_entity(form)? {
                    Some(e) => out.e = Some(e),
                    None => out.nothing = true,
                },
                'a' => {
                    let found = self.component_attribute(form)?;
                    match order {
                        Order::Avet => check_indexed(&found).map_err(|e| e.at(form.span))?,
                        Order::Vaet if !found.is_ref() => {
                            let message = format!("{} is not a ref, and VAET has refs only", found.ident);
                            return Err(Error::new(Code::AttributeNotIndexed, message).at(form.span));
                        }
                        _ => {}
                    }
                    out.a = Some(found.id);
                    attr = Some(found);
                }
                'v' => {
                    let value = match &attr {
                        Some(attr) => self.value(attr, form).map_err(|e| e.at(form.span))?,
                        // VAET begins with the value, which is an entity.
                        None => self.component_entity(form)?.map(Value::Ref),
                    };
                    match value {
                        Some(value) => out.v = Some(self.words().probe(&value)?),
                        None => out.nothing = true,
                    }
                }
                _ => out.t = Some(self.t_of(super::TimePoint::from_edn(form)?)?),
            }
        }
        Ok(out)
    }

    fn component_entity(&self, form: &Edn) -> Result<Option<EntityId>> {
        let entity = EntityRef::from_edn(form)?;
        let found = self.entid(&entity).map_err(|e| e.at(form.span))?;
        match entity {
            EntityRef::Ident(k) if found.is_none() => {
                let names: Vec<String> = self.schema().idents().map(|(k, _)| k.to_string()).collect();
                let given = k.to_string();
                Err(
                    Error::new(Code::NotAnEntity, format!("there is no entity with the ident {given}"))
                        .at(form.span)
                        .suggest(&given, names.iter().map(|s| &**s)),
                )
            }
            _ => Ok(found),
        }
    }

    fn component_attribute(&self, form: &Edn) -> Result<Attribute> {
        match &form.node {
            Node::Keyword(k) => self.attribute(k).map(|a| (**a).clone()),
            _ => {
                let e = self.component_entity(form)?;
                let attr = e.and_then(|e| self.schema().attr_of(e));
                attr.map(|a| (**a).clone())
                    .ok_or_else(|| Error::new(Code::UnknownAttribute, format!("{form} is not an attribute")))
            }
        }
        .map_err(|e| e.at(form.span))
    }
}

impl Components {
    fn range(self, order: Order) -> Option<Range> {
        if self.nothing {
            return None;
        }
        let e = self.e.map(|e| e.0);
        Some(match (order, e, self.a, self.v) {
            (_, Some(e), Some(a), Some(v)) => Range::eav(e, a, v),
            (Order::Eavt, Some(e), None, _) => Range::e(e),
            (Order::Eavt | Order::Aevt, Some(e), Some(a), None) => Range::ea(e, a),
            (Order::Avet | Order::Vaet, _, Some(a), Some(v)) => Range::av(a, v),
            (Order::Aevt | Order::Avet, _, Some(a), None) => Range::a(a),
            (Order::Vaet, _, None, Some(v)) => Range::v(v.word),
            _ => Range::all(),
        })
    }
}

fn check_indexed(attr: &Attribute) -> Result<()> {
    if attr.indexed {
        return Ok(());
    }
    let message = format!("{} says :db/index false, so it is not in AVET", attr.ident);
    Err(Error::new(Code::AttributeNotIndexed, message).hint(format!(
        "read it through :aevt, or assert [:db/add {} :db/index true]",
        attr.ident
    )))
}
