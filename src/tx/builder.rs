//! Transactions built by calls instead of text: the same operations, without parsing.

use std::sync::Arc;

use super::attrs;
use super::cx::{Cx, Use};
use super::expand::Expander;
use super::ops::{Flags, Known, Lookup, Op, Ops, TempName, Term as Resolved, What};
use crate::datom::convert::TEXT_BYTES_MAX;
use crate::datom::{EntityId, Value, ValueType, word};
use crate::edn::Keyword;
use crate::error::{Code, Error, Result, Span};

/// An attribute, by id or by name. The id saves a look-up.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr {
    /// Its entity's number.
    Id(u32),
    /// Its name.
    Ident(Keyword),
}

/// An entity of a [`Tx`].
#[derive(Clone, Debug, PartialEq)]
pub enum Entity {
    /// An existing one.
    Id(EntityId),
    /// A new one, or the one its identity values name.
    Temp(Arc<str>),
    /// By `:db/ident`.
    Ident(Keyword),
    /// By a unique attribute's value.
    Lookup(Keyword, Value),
    /// The transaction itself.
    Tx,
}

/// What an operation of a [`Tx`] may have as value.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A value of the attribute's type, or one that coerces to it.
    Value(Value),
    /// The entity a ref attribute refers to.
    Entity(Entity),
}

/// A transaction as a list of typed operations.
///
/// ```
/// use asof::tx::{Entity, Tx};
/// let tx = Tx::new()
///     .add(Entity::temp("ada"), ":crew/name", "Ada")
///     .add(Entity::temp("ada"), ":crew/pay", 40)
///     .add(Entity::Tx, ":audit/who", "import");
/// # let _ = tx;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tx {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Add(Entity, Attr, Term),
    Retract(Entity, Attr, Option<Term>),
    RetractEntity(Entity),
    // Boxed, since it is rare and would make all others larger.
    Cas(Box<(Entity, Attr, Option<Term>, Term)>),
}

impl Entity {
    /// A tempid.
    pub fn temp(name: impl Into<Arc<str>>) -> Entity {
        Entity::Temp(name.into())
    }
    /// By a unique attribute's value.
    pub fn lookup(attr: impl Into<Keyword>, value: impl Into<Value>) -> Entity {
        Entity::Lookup(attr.into(), value.into())
    }
}

impl Tx {
    /// Nothing yet.
    pub fn new() -> Tx {
        Tx::default()
    }
    /// Room for `n` operations.
    pub fn with_capacity(n: usize) -> Tx {
        Tx {
            steps: Vec::with_capacity(n),
        }
    }
    /// `[:db/add e a v]`
    pub fn add(mut self, e: impl Into<Entity>, a: impl Into<Attr>, v: impl Into<Term>) -> Tx {
        self.push_add(e, a, v);
        self
    }
    /// As [`Tx::add`], for loops.
    pub fn push_add(&mut self, e: impl Into<Entity>, a: impl Into<Attr>, v: impl Into<Term>) {
        self.steps.push(Step::Add(e.into(), a.into(), v.into()));
    }
    /// Several facts of one entity, as a map form has them.
    pub fn entity<A: Into<Attr>, V: Into<Term>>(
        mut self,
        e: impl Into<Entity>,
        facts: impl IntoIterator<Item = (A, V)>,
    ) -> Tx {
        let e = e.into();
        for (a, v) in facts {
            self.push_add(e.clone(), a, v);
        }
        self
    }
    /// `[:db/retract e a v]`
    pub fn retract(mut self, e: impl Into<Entity>, a: impl Into<Attr>, v: impl Into<Term>) -> Tx {
        self.steps.push(Step::Retract(e.into(), a.into(), Some(v.into())));
        self
    }
    /// `[:db/retract e a]`
    pub fn retract_all(mut self, e: impl Into<Entity>, a: impl Into<Attr>) -> Tx {
        self.steps.push(Step::Retract(e.into(), a.into(), None));
        self
    }
    /// `[:db/retractEntity e]`
    pub fn retract_entity(mut self, e: impl Into<Entity>) -> Tx {
        self.steps.push(Step::RetractEntity(e.into()));
        self
    }
    /// `[:db/cas e a old new]`; `None` means that there is no value.
    pub fn cas(mut self, e: impl Into<Entity>, a: impl Into<Attr>, old: Option<Term>, new: impl Into<Term>) -> Tx {
        self.steps
            .push(Step::Cas(Box::new((e.into(), a.into(), old, new.into()))));
        self
    }
    /// How many operations.
    pub fn len(&self) -> usize {
        self.steps.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// The operations of a typed transaction.
pub(super) fn ops(cx: &Cx<'_>, tx: &Tx) -> Result<Ops> {
    let mut expander = Expander::new(cx, &[]);
    expander.out.ops.reserve(tx.steps.len());
    for step in &tx.steps {
        expander.step(step)?;
    }
    cx.align(&mut expander.out.ops)?;
    Ok(expander.out)
}

impl<'a> Expander<'a> {
    fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Add(e, a, v) => {
                let e = self.typed_entity(e)?;
                let attr = self.typed_attr(a)?;
                let v = self.typed_value(attr, v, Use::Said)?;
                self.add(e, attr, v, Span::NONE);
            }
            Step::Retract(e, a, v) => {
                let e = self.typed_existing(e)?;
                let attr = self.typed_attr(a)?;
                match v {
                    Some(v) => {
                        let v = self.typed_value(attr, v, Use::Asked)?;
                        self.must_exist(v);
                        self.push(What::Retract, e, attr, v, Span::NONE);
                    }
                    None => self.push(What::RetractAll, e, attr, Resolved::Nothing, Span::NONE),
                }
            }
            Step::RetractEntity(e) => {
                let e = self.typed_existing(e)?;
                self.out.ops.push(Op {
                    e,
                    v: Resolved::Nothing,
                    a: 0,
                    flags: Flags::default(),
                    what: What::RetractEntity,
                    known: Known::Unknown,
                    span: Span::NONE,
                });
            }
            Step::Cas(cas) => {
                let (e, a, old, new) = &**cas;
                let e = self.typed_existing(e)?;
                let attr = self.typed_attr(a)?;
                if !attr.flags.has(Flags::ONE) {
                    return Err(super::messages::cas_needs_one(attr.def));
                }
                let old = match old {
                    Some(old) => self.typed_value(attr, old, Use::Asked)?,
                    None => Resolved::Nothing,
                };
                let new = self.typed_value(attr, new, Use::Said)?;
                self.out.cas.push((self.out.ops.len() as u32, old));
                self.push(What::Cas, e, attr, new, Span::NONE);
            }
        }
        Ok(())
    }

    fn typed_attr(&mut self, a: &Attr) -> Result<attrs::Attr<'a>> {
        match a {
            Attr::Id(id) => match self.cx.schema.attr(*id) {
                Some(def) => Ok(self.attrs.attr(def)),
                None => Err(Error::new(Code::NotAnEntity, format!("{id} is no attribute"))),
            },
            Attr::Ident(k) => match self.attrs.key(k) {
                Some(attrs::Key::Forward(attr)) => Ok(attr),
                _ => Err(self.cx.unknown_attribute(k, false)),
            },
        }
    }

    fn typed_existing(&mut self, e: &Entity) -> Result<Resolved> {
        let term = self.typed_entity(e)?;
        self.must_exist(term);
        Ok(term)
    }

    fn typed_entity(&mut self, e: &Entity) -> Result<Resolved> {
        match e {
            Entity::Tx => Ok(Resolved::Word(self.cx.tx)),
            Entity::Id(e) => {
                let id = i64::try_from(e.0)
                    .map_err(|_| Error::new(Code::InvalidEntityId, format!("{e} is out of range")))?;
                self.cx.known_id(id, Span::NONE).map(Resolved::Word)
            }
            Entity::Temp(name) if &**name == "datomic.tx" => Ok(Resolved::Word(self.cx.tx)),
            Entity::Temp(name) => Ok(Resolved::Temp(self.out.temp(TempName::Text(name.clone()), Span::NONE))),
            Entity::Ident(k) => match self.cx.schema.entid(k) {
                Some(e) => Ok(Resolved::Word(e.0)),
                None => Err(self.cx.unknown_ident(k, false)),
            },
            Entity::Lookup(k, v) => {
                let attr = self.typed_attr(&Attr::Ident(k.clone()))?;
                if attr.def.unique.is_none() {
                    return Err(Error::new(
                        Code::LookupRefNotUnique,
                        format!("{} is not unique, so a value of it names no one entity", attr.def.ident),
                    ));
                }
                let v = self.typed_value(attr, &Term::Value(v.clone()), Use::Asked)?;
                let i = self.out.lookups.len() as u32;
                self.out.lookups.push(Lookup {
                    a: attr.id,
                    flags: attr.flags,
                    v,
                    span: Span::NONE,
                });
                Ok(Resolved::Lookup(i))
            }
        }
    }

    fn typed_value(&mut self, attr: attrs::Attr<'a>, v: &Term, sense: Use) -> Result<Resolved> {
        let ty = attr.def.value_type;
        match v {
            // The common cases first, without a value in between.
            Term::Value(Value::Long(x)) if ty == ValueType::Long => Ok(Resolved::Word(word::long(*x))),
            Term::Value(Value::String(s)) if ty == ValueType::String && s.len() <= TEXT_BYTES_MAX => {
                Ok(Resolved::Word(self.cx.word_of_key(s.as_bytes(), sense)?))
            }
            Term::Entity(e) if ty == ValueType::Ref => self.typed_entity(e),
            Term::Value(Value::Ref(e)) if ty == ValueType::Ref => self.typed_entity(&Entity::Id(*e)),
            Term::Value(v @ Value::Tuple(_)) if ty == ValueType::Tuple => {
                let value = self.cx.schema.value_from_edn(attr.def, &v.to_edn())?;
                Ok(Resolved::Word(self.cx.word(&value, sense)?))
            }
            Term::Value(v) if v.value_type() == ty => {
                let value = v.clone().coerce(ty)?;
                Ok(Resolved::Word(self.cx.word(&value, sense)?))
            }
            Term::Value(v) => {
                let value = self.cx.schema.value_from_edn(attr.def, &v.to_edn())?;
                Ok(Resolved::Word(self.cx.word(&value, sense)?))
            }
            Term::Entity(_) => Err(Error::new(
                Code::WrongType,
                format!("an entity is not a {ty}, the type of {}", attr.def.ident),
            )),
        }
    }
}

conversions! { Entity:
    EntityId, e => Entity::Id(e);
    Keyword, k => Entity::Ident(k);
}
conversions! { Attr:
    u32, id => Attr::Id(id);
    Keyword, k => Attr::Ident(k);
    &Keyword, k => Attr::Ident(k.clone());
    /// A name with or without its colon.
    &str, name => Attr::Ident(Keyword::new(name.strip_prefix(':').unwrap_or(name)));
}
conversions! { Term:
    Entity, e => Term::Entity(e);
    EntityId, e => Term::Entity(Entity::Id(e));
    Value, v => Term::Value(v);
    &str, s => Term::Value(Value::string(s));
    i64, x => Term::Value(Value::Long(x));
    /// NaN is refused when the transaction is prepared.
    f64, x => Term::Value(Value::Double(x));
    bool, b => Term::Value(Value::Boolean(b));
    /// A keyword value; for the entity of that name use `Entity::Ident`.
    Keyword, k => Term::Value(Value::Keyword(k));
}
