//! Forms become operations: maps fall apart into facts, nested maps into entities of their own, functions are called.
//!
//! Everything that names an attribute or holds a value is decided here, with the place in the text at hand; tempids and
//! lookup refs are only collected, `resolve` says which entities they are.
//!
//! **A new entity's partition** is chosen by its tempid, written `#db/id[:my.part]` or `#db/id[:my.part -1]` (two uses of
//! one number are one entity). Without it, an entity that gets a `:db/ident` or a definition goes to the db partition,
//! every other to `:db.part/user`. The tagged form works wherever a tempid does, also as a value and in list forms.
//!
//! **A vector on a ref attribute of cardinality many** is a lookup ref when it has two elements and the first
//! is a unique attribute, otherwise a list of entities. On a tuple attribute of cardinality many it is a list of
//! tuples when its first element is a vector.

use super::attrs::{Attr, Attrs, Key};
use super::cx::{Cx, Use};
use super::ops::{Flags, Known, Lookup, Op, Ops, TempName, Term, What};
use super::parse::{self, Form, malformed};
use crate::datom::convert::{describe, show};
use crate::datom::{EntityId, Partition, ValueType, word};
use crate::edn::{Edn, Keyword, Node};
use crate::error::{Code, Error, Result, Span};
use crate::schema::bootstrap;

/// How deep maps may nest; guards the stack against data made by programs.
const DEPTH_MAX: u32 = 100;

pub(super) struct Expander<'a> {
    pub(super) cx: &'a Cx<'a>,
    pub(super) attrs: Attrs<'a>,
    pub(super) out: Ops,
    /// The whole input, for hints.
    data: &'a [Edn],
    depth: u32,
    pub(super) call_depth: u32,
}

/// The operations of `data`.
pub(super) fn ops(cx: &Cx<'_>, data: &[Edn]) -> Result<Ops> {
    let mut expander = Expander::new(cx, data);
    expander.out.ops.reserve(data.len() * 4);
    for form in data {
        form.check_depth()?;
        expander.form(form)?;
    }
    cx.align(&mut expander.out.ops)?;
    Ok(expander.out)
}

impl<'a> Expander<'a> {
    pub fn new(cx: &'a Cx<'a>, data: &'a [Edn]) -> Expander<'a> {
        Expander {
            cx,
            attrs: Attrs::new(cx.schema),
            out: Ops::default(),
            data,
            depth: 0,
            call_depth: 0,
        }
    }

    pub fn form(&mut self, form: &Edn) -> Result<()> {
        match parse::form(form)? {
            Form::Map(entries) => self.map(entries, form.span).map(drop),
            Form::Add { e, a, v } => {
                let e = self.entity(e)?;
                match self.attribute(a)? {
                    Key::Forward(attr) => {
                        let v = self.single(attr, v, Use::Said)?;
                        self.add(e, attr, v.0, v.1);
                    }
                    Key::Reverse(attr) => {
                        let owner = self.referred(attr, v, true)?;
                        self.add(owner, attr, e, v.span);
                    }
                }
                Ok(())
            }
            Form::Retract { e, a, v } => {
                let e = self.existing(e)?;
                let attr = self.forward(a)?;
                let (what, v, span) = match v {
                    Some(v) => {
                        let (term, span) = self.single(attr, v, Use::Asked)?;
                        self.must_exist(term);
                        (What::Retract, term, span)
                    }
                    None => (What::RetractAll, Term::Nothing, form.span),
                };
                self.push(what, e, attr, v, span);
                Ok(())
            }
            Form::RetractEntity { e } => {
                let entity = self.existing(e)?;
                self.out.ops.push(Op {
                    e: entity,
                    v: Term::Nothing,
                    a: 0,
                    flags: Flags::default(),
                    what: What::RetractEntity,
                    known: Known::Unknown,
                    span: e.span,
                });
                Ok(())
            }
            Form::Cas { e, a, old, new } => {
                let e = self.existing(e)?;
                let attr = self.forward(a)?;
                if !attr.flags.has(Flags::ONE) {
                    return Err(super::messages::cas_needs_one(attr.def).at(form.span).form(show(form)));
                }
                let old = match old.node {
                    Node::Nil => Term::Nothing,
                    _ => self.single(attr, old, Use::Asked)?.0,
                };
                let (new, _) = self.single(attr, new, Use::Said)?;
                self.out.cas.push((self.out.ops.len() as u32, old));
                self.push(What::Cas, e, attr, new, form.span);
                Ok(())
            }
            Form::Call { name, args } => self.call(form, &name, args),
        }
    }

    /// Expands a map and says which entity it is about.
    fn map(&mut self, entries: &[(Edn, Edn)], span: Span) -> Result<Term> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(Code::InvalidTxForm, format!("maps nest deeper than {DEPTH_MAX}")).at(span));
        }
        let id = entries.iter().find(|(k, _)| is_keyword(k, "db", "id"));
        let e = match id {
            Some((_, id)) => self.entity(id)?,
            None => Term::Temp(self.out.fresh(span)),
        };
        for (key, value) in entries {
            let Node::Keyword(keyword) = &key.node else {
                return Err(malformed(key, &format!("{} is no attribute", describe(key)))
                    .hint("the keys of a map are attributes, and :db/id"));
            };
            match self.attrs.key(keyword) {
                Some(Key::Forward(attr)) => self.forward_entry(e, attr, value)?,
                Some(Key::Reverse(attr)) => self.reverse_entry(e, attr, value)?,
                None if is_keyword(key, "db", "id") => {}
                None => return Err(self.cx.unknown_attribute(keyword, self.installs(keyword)).at(key.span)),
            }
        }
        self.depth -= 1;
        Ok(e)
    }

    fn forward_entry(&mut self, e: Term, attr: Attr<'a>, value: &Edn) -> Result<()> {
        if attr.flags.has(Flags::ONE) {
            let (v, span) = self.single(attr, value, Use::Said)?;
            self.add(e, attr, v, span);
            return Ok(());
        }
        let items = match &value.node {
            Node::Set(items) => Some(items),
            Node::List(items) => Some(items),
            Node::Vector(items) if self.is_collection(attr, items) => Some(items),
            _ => None,
        };
        match items {
            Some(items) => {
                for item in items {
                    let (v, span) = self.single(attr, item, Use::Said)?;
                    self.add(e, attr, v, span);
                }
            }
            None => {
                let (v, span) = self.single(attr, value, Use::Said)?;
                self.add(e, attr, v, span);
            }
        }
        Ok(())
    }

    fn reverse_entry(&mut self, e: Term, attr: Attr<'a>, value: &Edn) -> Result<()> {
        let items = match &value.node {
            Node::Set(items) => Some(items),
            Node::Vector(items) | Node::List(items) if !self.is_lookup_ref(items) => Some(items),
            _ => None,
        };
        match items {
            Some(items) => {
                for item in items {
                    let owner = self.referred(attr, item, true)?;
                    self.add(owner, attr, e, item.span);
                }
            }
            None => {
                let owner = self.referred(attr, value, true)?;
                self.add(owner, attr, e, value.span);
            }
        }
        Ok(())
    }

    /// Whether a vector gives several values of a many attribute, rather than being one.
    fn is_collection(&self, attr: Attr<'a>, items: &[Edn]) -> bool {
        match attr.def.value_type {
            ValueType::Ref => !self.is_lookup_ref(items),
            ValueType::Tuple => items.first().is_none_or(|i| matches!(i.node, Node::Vector(_))),
            _ => true,
        }
    }

    fn is_lookup_ref(&self, items: &[Edn]) -> bool {
        let [
            Edn {
                node: Node::Keyword(k), ..
            },
            _,
        ] = items
        else {
            return false;
        };
        self.cx.schema.attr_by_ident(k).is_some_and(|a| a.unique.is_some())
    }

    /// The attribute (perhaps backwards) of a list form.
    fn attribute(&mut self, a: &Edn) -> Result<Key<'a>> {
        match &a.node {
            Node::Keyword(k) => match self.attrs.key(k) {
                Some(key) => Ok(key),
                None => Err(self.cx.unknown_attribute(k, self.installs(k)).at(a.span)),
            },
            Node::Long(id) => match u32::try_from(*id).ok().and_then(|id| self.cx.schema.attr(id)) {
                Some(def) => Ok(Key::Forward(self.attrs.attr(def))),
                None => Err(Error::new(Code::NotAnEntity, format!("{id} is no attribute")).at(a.span)),
            },
            _ => Err(malformed(a, &format!("{} is no attribute", describe(a)))
                .hint("an attribute is a keyword such as :crew/name")),
        }
    }

    fn forward(&mut self, a: &Edn) -> Result<Attr<'a>> {
        match self.attribute(a)? {
            Key::Forward(attr) => Ok(attr),
            Key::Reverse(attr) => Err(
                malformed(a, &format!("{} cannot be used backwards here", attr.def.ident))
                    .hint("name the entity that refers first: [op owner attribute target]"),
            ),
        }
    }

    /// One value of an attribute, and its place.
    fn single(&mut self, attr: Attr<'a>, form: &Edn, sense: Use) -> Result<(Term, Span)> {
        let span = form.span;
        // The common cases first, without a value in between.
        let term = match (attr.def.value_type, &form.node) {
            (ValueType::Ref, _) => self.referred(attr, form, false)?,
            (ValueType::Long, Node::Long(x)) => Term::Word(word::long(*x)),
            (ValueType::Boolean, Node::Bool(b)) => Term::Word(*b as u64),
            (ValueType::String, Node::Str(s)) if s.len() <= crate::datom::convert::TEXT_BYTES_MAX => {
                Term::Word(self.cx.word_of_key(s.as_bytes(), sense)?)
            }
            (ValueType::Tuple, Node::Vector(items)) => {
                let resolved = self.tuple_refs(attr, items)?;
                let form = resolved.map_or(std::borrow::Cow::Borrowed(form), |items| {
                    std::borrow::Cow::Owned(Edn {
                        node: Node::Vector(items),
                        span,
                    })
                });
                let value = self.cx.schema.value_from_edn(attr.def, &form);
                Term::Word(self.cx.word(&value.map_err(|e| refused(attr, e, &form))?, sense)?)
            }
            _ => {
                let value = self.cx.schema.value_from_edn(attr.def, form);
                Term::Word(self.cx.word(&value.map_err(|e| refused(attr, e, form))?, sense)?)
            }
        };
        Ok((term, span))
    }

    /// The slots of a tuple with idents and lookup refs in ref slots replaced by entity ids.
    fn tuple_refs(&mut self, attr: Attr<'a>, items: &[Edn]) -> Result<Option<Vec<Edn>>> {
        let ref_slot = |i: usize| self.cx.schema.slot_type(attr.def, i) == Some(ValueType::Ref);
        let named = |item: &Edn| {
            matches!(
                item.node,
                Node::Keyword(_) | Node::Vector(_) | Node::List(_) | Node::Str(_)
            )
        };
        let slots: Vec<usize> = (0..items.len()).filter(|&i| ref_slot(i) && named(&items[i])).collect();
        if slots.is_empty() {
            return Ok(None);
        }
        let mut out = items.to_vec();
        for i in slots {
            let id = match self.entity(&items[i])? {
                Term::Word(id) => id,
                Term::Lookup(l) => super::lookups::one(self.cx, &self.out, l)?,
                Term::Temp(_) | Term::Nothing => {
                    return Err(Error::new(Code::InvalidTupleValue, "a tempid cannot stand inside a tuple")
                        .at(items[i].span)
                        .hint("refs in tuples are plain ids: use an existing entity, or make it in an earlier transaction"));
                }
            };
            out[i] = Edn {
                node: Node::Long(id as i64),
                span: items[i].span,
            };
        }
        Ok(Some(out))
    }

    /// The entity that a value of a ref attribute means. `owner`: the attribute is used backwards, so this
    /// entity refers, and is reachable through what it refers to.
    fn referred(&mut self, attr: Attr<'a>, form: &Edn, owner: bool) -> Result<Term> {
        if !attr.flags.has(Flags::REF) {
            return Err(Error::new(
                Code::WrongType,
                format!("{} is not of type ref, so it has no reverse", attr.def.ident),
            )
            .at(form.span)
            .hint(format!("its type is {}", attr.def.value_type)));
        }
        match &form.node {
            Node::Map(entries) => {
                let reachable = owner || attr.def.is_component || entries.iter().any(|(k, _)| self.identifies(k));
                if !reachable {
                    return Err(Error::new(
                        Code::InvalidNestedEntity,
                        format!(
                            "nothing could reach this entity: {} is no component, and the map has no unique attribute",
                            attr.def.ident
                        ),
                    )
                    .at(form.span)
                    .form(show(form))
                    .hint(format!(
                        "give the map a unique attribute or a :db/id, or make {} a component (:db/isComponent true)",
                        attr.def.ident
                    )));
                }
                self.map(entries, form.span)
            }
            Node::Nil | Node::Bool(_) | Node::Double(_) | Node::Inst(_) | Node::Uuid(_) | Node::Set(_) => Err(self
                .cx
                .schema
                .value_from_edn(attr.def, form)
                .err()
                .unwrap_or_else(|| malformed(form, "no entity"))),
            _ => self.entity(form),
        }
    }

    fn identifies(&self, key: &Edn) -> bool {
        let Node::Keyword(k) = &key.node else { return false };
        is_keyword(key, "db", "id") || self.cx.schema.attr_by_ident(k).is_some_and(|a| a.unique.is_some())
    }

    /// The entity a form names: id, tempid, ident, lookup ref, `#db/id[...]`.
    pub(super) fn entity(&mut self, form: &Edn) -> Result<Term> {
        let span = form.span;
        match &form.node {
            Node::Long(id) if *id < 0 => Ok(Term::Temp(self.out.temp(TempName::Number(*id), span))),
            Node::Long(id) => self.cx.known_id(*id, span).map(Term::Word),
            Node::Str(name) if &**name == "datomic.tx" => Ok(Term::Word(self.cx.tx)),
            Node::Str(name) => Ok(Term::Temp(self.out.temp(TempName::Text(name.clone()), span))),
            Node::Keyword(ident) => match self.cx.schema.entid(ident) {
                Some(e) => Ok(Term::Word(e.0)),
                None => Err(self.cx.unknown_ident(ident, self.installs(ident)).at(span)),
            },
            Node::Vector(items) | Node::List(items) => self.lookup_ref(items, form),
            Node::Tagged(tag, inner) if tag.ns() == Some("db") && tag.name() == "id" => self.tagged(inner, form),
            Node::Nil => Err(Error::new(Code::NilValue, "nil names no entity")
                .at(span)
                .hint("an entity is an id, an ident, a lookup ref [attribute value] or a tempid")),
            _ => Err(Error::new(Code::InvalidEntityId, format!("{} names no entity", describe(form)))
                .at(span)
                .form(show(form))
                .hint("an entity is an id, an ident, a lookup ref [attribute value] or a tempid (a string or a negative number)")),
        }
    }

    /// `#db/id[:part]` or `#db/id[:part -1]`.
    fn tagged(&mut self, inner: &Edn, form: &Edn) -> Result<Term> {
        let wrong = || malformed(form, "this is no tempid").hint("write #db/id[:my.part] or #db/id[:my.part -1]");
        let Node::Vector(items) = &inner.node else {
            return Err(wrong());
        };
        let (part, number) = match &items[..] {
            [part] => (part, None),
            [
                part,
                Edn {
                    node: Node::Long(n), ..
                },
            ] if *n < 0 => (part, Some(*n)),
            _ => return Err(wrong()),
        };
        let Node::Keyword(name) = &part.node else {
            return Err(wrong());
        };
        let entity = self.cx.schema.entid(name).filter(|e| self.cx.schema.is_partition(*e));
        let Some(entity) = entity else {
            return Err(Error::new(Code::NotAnEntity, format!("there is no partition {name}"))
                .at(part.span)
                .hint(format!(
                    "install it in an earlier transaction: {{:db/ident {name} :db.install/_partition :db.part/db}}"
                )));
        };
        let partition = entity.0 as u32;
        if partition == Partition::TX.0 {
            return Ok(Term::Word(self.cx.tx));
        }
        let i = match number {
            Some(n) => self.out.temp(TempName::Number(n), form.span),
            None => self.out.fresh(form.span),
        };
        let temp = &mut self.out.temps[i as usize];
        match temp.partition {
            Some(other) if other != partition => {
                let other = self.cx.entity_name(EntityId::new(Partition::DB, other.into()).0);
                Err(malformed(
                    form,
                    &format!("this tempid is already in the partition {other}"),
                ))
            }
            _ => {
                temp.partition = Some(partition);
                Ok(Term::Temp(i))
            }
        }
    }

    /// `[unique-attribute value]`.
    fn lookup_ref(&mut self, items: &[Edn], form: &Edn) -> Result<Term> {
        let wrong = |why: &str| {
            Error::new(
                Code::InvalidLookupRef,
                format!("{} is no lookup ref: {why}", show(form)),
            )
            .at(form.span)
            .hint("a lookup ref is [unique-attribute value]")
        };
        let [
            Edn {
                node: Node::Keyword(k),
                span,
            },
            value,
        ] = items
        else {
            return Err(wrong("it is not an attribute and a value"));
        };
        let attr = match self.attrs.key(k) {
            Some(Key::Forward(attr)) => attr,
            Some(Key::Reverse(_)) => return Err(wrong("its attribute is backwards")),
            None => return Err(self.cx.unknown_attribute(k, self.installs(k)).at(*span)),
        };
        if attr.def.unique.is_none() {
            return Err(Error::new(
                Code::LookupRefNotUnique,
                format!("{} is not unique, so a value of it names no one entity", attr.def.ident),
            )
            .at(*span)
            .form(show(form))
            .hint(format!(
                "use a unique attribute, or make this one unique: {{:db/id {} :db/unique :db.unique/identity}}",
                attr.def.ident
            )));
        }
        if matches!(value.node, Node::Nil) {
            return Err(
                Error::new(Code::NilValue, format!("nil for {} is no value", attr.def.ident))
                    .at(value.span)
                    .hint("an entity without a value is not found by it"),
            );
        }
        let v = match attr.def.value_type {
            ValueType::Ref => match self.entity(value)? {
                Term::Temp(_) => return Err(wrong("a lookup ref sees the database before, which has no tempids")),
                term => term,
            },
            _ => self.single(attr, value, Use::Asked)?.0,
        };
        let i = self.out.lookups.len() as u32;
        self.out.lookups.push(Lookup {
            a: attr.id,
            flags: attr.flags,
            v,
            span: form.span,
        });
        Ok(Term::Lookup(i))
    }

    /// An entity that an operation other than add is about.
    fn existing(&mut self, form: &Edn) -> Result<Term> {
        let term = self.entity(form)?;
        self.must_exist(term);
        Ok(term)
    }

    pub(super) fn must_exist(&mut self, term: Term) {
        if let Term::Temp(i) = term {
            self.out.temps[i as usize].must_exist = true;
        }
    }

    pub(super) fn add(&mut self, e: Term, attr: Attr<'a>, v: Term, span: Span) {
        if attr.id == bootstrap::ENSURE {
            return self.push(What::Ensure, e, attr, v, span);
        }
        if let Term::Temp(i) = e {
            let temp = &mut self.out.temps[i as usize];
            temp.subject = true;
            temp.named |= matches!(
                attr.id,
                bootstrap::IDENT | bootstrap::VALUE_TYPE | bootstrap::CARDINALITY
            );
        }
        if attr.id == bootstrap::INSTALL_PARTITION
            && let Term::Temp(i) = v
        {
            self.out.temps[i as usize].named = true;
        }
        self.push(What::Add, e, attr, v, span);
    }

    pub(super) fn push(&mut self, what: What, e: Term, attr: Attr<'a>, v: Term, span: Span) {
        self.out.ops.push(Op {
            e,
            v,
            a: attr.id,
            flags: attr.flags,
            what,
            known: Known::Unknown,
            span,
        });
    }

    /// Whether this transaction gives something the name `ident`.
    pub(super) fn installs(&self, ident: &Keyword) -> bool {
        let is_name =
            |k: &Edn, v: &Edn| is_keyword(k, "db", "ident") && matches!(&v.node, Node::Keyword(k) if k == ident);
        self.data.iter().any(|form| match &form.node {
            Node::Map(entries) => entries.iter().any(|(k, v)| is_name(k, v)),
            Node::Vector(items) | Node::List(items) => matches!(&items[..], [_, _, a, v] if is_name(a, v)),
            _ => false,
        })
    }
}

fn is_keyword(form: &Edn, ns: &str, name: &str) -> bool {
    matches!(&form.node, Node::Keyword(k) if k.ns() == Some(ns) && k.name() == name)
}

/// A value that is refused, with what only the attribute tells.
fn refused(attr: Attr<'_>, error: Error, form: &Edn) -> Error {
    let collection = matches!(form.node, Node::Vector(_) | Node::List(_) | Node::Set(_));
    match attr.id {
        // Errors in the tuples of a definition are errors of the definition.
        bootstrap::TUPLE_ATTRS | bootstrap::TUPLE_TYPES => Error::new(
            Code::InvalidTupleAttrs,
            error.message().to_string(),
        )
        .at(error.span())
        .at(form.span)
        .hint(
            "name 2 to 8 keywords: [:a/x :a/y] for :db/tupleAttrs, [:db.type/long :db.type/string] for :db/tupleTypes",
        ),
        _ if collection && !attr.flags.has(Flags::ONE) && attr.def.value_type != ValueType::Tuple => {
            error.hint(format!(
                "a list form takes one value; for several write a map: {{:db/id e {} [...]}}",
                attr.def.ident
            ))
        }
        _ => error,
    }
}
