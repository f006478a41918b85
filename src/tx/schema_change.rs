//! Installing and altering attributes, judged on the schema and the data after the transaction.
//!
//! | change | rule |
//! |---|---|
//! | new attribute | ident, value type and cardinality; what it says about tuples fits its type |
//! | rename | always; the old name keeps resolving and is never given to anything else |
//! | one to many | always, except for composites and their members |
//! | many to one | no entity has two values |
//! | add unique, drop unique-partial | values are distinct |
//! | drop unique, identity <-> value, component, no-history, preds, doc | always |
//! | drop index | unless unique |
//! | value type, tuple definition | never |
//! | names in `db` and `db.*`, and what the bootstrap made | never |

use super::cx::Cx;
use super::ops::Flags;
use super::stages::{Change, Resolved};
use super::tuples;
use crate::datom::{EntityId, Partition, Value, ValueType};
use crate::db::Db;
use crate::edn::Keyword;
use crate::error::{Code, Error, Result, Span};
use crate::index::{Order, Range};
use crate::schema::{Attribute, Schema, bootstrap, value_type_of};

/// Attributes that make their entity an attribute, or try to.
const DEFINITION: [u32; 11] = [
    bootstrap::VALUE_TYPE,
    bootstrap::CARDINALITY,
    bootstrap::UNIQUE,
    bootstrap::IS_COMPONENT,
    bootstrap::INDEX,
    bootstrap::NO_HISTORY,
    bootstrap::UNIQUE_PARTIAL,
    bootstrap::TUPLE_ATTRS,
    bootstrap::TUPLE_TYPES,
    bootstrap::TUPLE_TYPE,
    bootstrap::ATTR_PREDS,
];

struct Checker<'a, 'c> {
    cx: &'a Cx<'c>,
    resolved: &'a Resolved,
    after: &'a Db,
    extra: Vec<Change>,
    /// What a wrong definition is called: of a new attribute, or of one that is there.
    code: Code,
    warnings: &'a mut Vec<String>,
}

/// Checks every change of the schema in `changes`; gives the tuples of composites installed over existing data.
pub(super) fn check(
    cx: &Cx<'_>,
    resolved: &Resolved,
    changes: &[Change],
    after: &Db,
    warnings: &mut Vec<String>,
) -> Result<Vec<Change>> {
    let mut checker = Checker {
        cx,
        resolved,
        after,
        extra: Vec::new(),
        code: Code::InvalidInstallAttribute,
        warnings,
    };
    for own in changes.chunk_by(|x, y| x.e == y.e) {
        if own.iter().any(Change::defines) {
            checker.entity(EntityId(own[0].e), own)?;
        }
    }
    Ok(checker.extra)
}

impl Checker<'_, '_> {
    fn entity(&mut self, e: EntityId, own: &[Change]) -> Result<()> {
        let schema = self.cx.schema;
        if e.partition() == Partition::DB && e.counter() < bootstrap::FIRST_DB {
            return self.builtin(e, own);
        }
        if let Some(c) = own.iter().find(|c| c.a == bootstrap::INSTALL_PARTITION) {
            return Err(self
                .invalid(
                    c,
                    format!("{} cannot have :db.install/partition", self.cx.entity_name(e.0)),
                )
                .hint(
                    "partitions are installed on :db.part/db: {:db/ident :my.part :db.install/_partition :db.part/db}",
                ));
        }
        self.code = Code::InvalidInstallAttribute;
        self.ident(e, own)?;
        let before = schema.attr_of(e).cloned();
        match before {
            Some(before) => {
                self.code = Code::InvalidAlterAttribute;
                self.alteration(e, &before, own)
            }
            None => self.installation(e, own),
        }
    }

    /// What the bootstrap made stays as it is; only partitions are added to it.
    fn builtin(&self, e: EntityId, own: &[Change]) -> Result<()> {
        for c in own.iter().filter(|c| c.defines()) {
            if c.a != bootstrap::INSTALL_PARTITION || e.0 != 0 {
                return Err(Error::new(
                    Code::InvalidAlterAttribute,
                    format!("{} is part of asof and cannot be altered", self.cx.entity_name(e.0)),
                )
                .at(self.span(c))
                .hint("define an attribute of your own"));
            }
            if !c.added {
                return Err(Error::new(Code::UnsupportedAlterSchema, "a partition is never removed").at(self.span(c)));
            }
            let part = EntityId(c.v);
            if part.partition() != Partition::DB || part.counter() > u64::from(Partition::MAX.0) {
                return Err(self
                    .invalid(c, "a partition is an entity of the db partition".into())
                    .hint("make it in the same transaction: {:db/ident :my.part :db.install/_partition :db.part/db}"));
            }
            if self.after.schema().ident(part).is_none() {
                return Err(self
                    .invalid(c, "a partition needs a name".into())
                    .hint("give it a :db/ident"));
            }
        }
        Ok(())
    }

    fn ident(&self, e: EntityId, own: &[Change]) -> Result<()> {
        for c in own.iter().filter(|c| c.a == bootstrap::IDENT && c.added) {
            let Value::Keyword(ident) = self.cx.value(c.a, c.v)? else {
                continue;
            };
            if reserved(&ident) {
                return Err(self
                    .invalid(
                        c,
                        format!("the name {ident} is reserved: `db` and `db.*` belong to asof"),
                    )
                    .hint("use a namespace of your own"));
            }
            if ident.name().starts_with('_') {
                return Err(self.invalid(
                    c,
                    format!("the name {ident} begins with an underscore, which means a reverse attribute"),
                ));
            }
            if let Some(owner) = self.cx.schema.entid(&ident).filter(|owner| *owner != e) {
                return Err(Error::new(
                    Code::UniqueConflict,
                    format!(
                        "{ident} is a former name of {}, and former names keep resolving",
                        self.cx.entity_name(owner.0)
                    ),
                )
                .at(self.span(c))
                .hint("choose a name that was never given"));
            }
        }
        Ok(())
    }

    fn installation(&mut self, e: EntityId, own: &[Change]) -> Result<()> {
        let Some(at) = own.iter().find(|c| DEFINITION.contains(&c.a) && c.added) else {
            return Ok(());
        };
        self.meanings(own)?;
        let schema = self.after.schema().clone();
        let missing: Vec<&str> = [
            (bootstrap::IDENT, ":db/ident"),
            (bootstrap::VALUE_TYPE, ":db/valueType"),
            (bootstrap::CARDINALITY, ":db/cardinality"),
        ]
        .into_iter()
        .filter(|(a, _)| schema.definition(e, *a).is_empty())
        .map(|(_, name)| name)
        .collect();
        if !missing.is_empty() {
            let name = schema
                .ident(e)
                .map_or_else(|| "an attribute".to_string(), Keyword::to_string);
            return Err(Error::new(
                Code::IncompleteInstallAttribute,
                format!("the definition of {name} lacks {}", missing.join(" and ")),
            )
            .at(self.span(at))
            .hint("an attribute needs :db/ident, :db/valueType (:db.type/string, ...) and :db/cardinality (:db.cardinality/one or many)"));
        }
        if e.partition() != Partition::DB || u32::try_from(e.0).is_err() {
            return Err(self
                .invalid(
                    at,
                    "an attribute lives in the db partition; this entity is in another".into(),
                )
                .hint("define the attribute with a tempid, without a partition"));
        }
        let Some(attr) = schema.attr_of(e).cloned() else {
            return Err(self.invalid(at, "the definition is not complete".into()));
        };
        self.consistent(&schema, &attr, own, at)?;
        if attr.composite_members().is_some() {
            self.backfill(&schema, &attr, at)?;
        }
        Ok(())
    }

    /// Values of definition attributes mean something: types, cardinalities and kinds of uniqueness exist.
    fn meanings(&self, own: &[Change]) -> Result<()> {
        for c in own.iter().filter(|c| c.added) {
            let value = Value::Ref(EntityId(c.v));
            let (fine, options) = match c.a {
                bootstrap::VALUE_TYPE => (
                    value_type_of(&value).is_some(),
                    ValueType::ALL.iter().map(|t| t.to_string()).collect::<Vec<_>>(),
                ),
                bootstrap::CARDINALITY => (
                    [bootstrap::CARDINALITY_ONE, bootstrap::CARDINALITY_MANY]
                        .iter()
                        .any(|x| u64::from(*x) == c.v),
                    vec![":db.cardinality/one".into(), ":db.cardinality/many".into()],
                ),
                bootstrap::UNIQUE => (
                    [bootstrap::UNIQUE_VALUE, bootstrap::UNIQUE_IDENTITY]
                        .iter()
                        .any(|x| u64::from(*x) == c.v),
                    vec![":db.unique/value".into(), ":db.unique/identity".into()],
                ),
                _ => continue,
            };
            if !fine {
                let given = self.cx.entity_name(c.v);
                return Err(self
                    .invalid(c, format!("{given} is no value of {}", self.cx.attr_name(c.a)))
                    .hint(format!("use one of {}", options.join(" ")))
                    .suggest(&given, options.iter().map(|s| &**s)));
            }
        }
        Ok(())
    }

    /// The parts of a definition fit each other.
    fn consistent(&self, schema: &Schema, attr: &Attribute, own: &[Change], at: &Change) -> Result<()> {
        let place = |a: u32| own.iter().find(|c| c.a == a).unwrap_or(at);
        if attr.is_component && !attr.is_ref() {
            return Err(self
                .invalid(
                    place(bootstrap::IS_COMPONENT),
                    format!("{} is a component but not of type ref", attr.ident),
                )
                .hint("only references have parts: :db/valueType :db.type/ref"));
        }
        if attr.unique.is_some()
            && schema.definition(attr.entity(), bootstrap::INDEX).last() == Some(&Value::Boolean(false))
        {
            return Err(self
                .invalid(
                    place(bootstrap::INDEX),
                    format!("{} is unique, which needs its index", attr.ident),
                )
                .hint("leave :db/index away"));
        }
        if attr.unique_partial && attr.value_type != ValueType::Tuple {
            return Err(self.invalid(
                place(bootstrap::UNIQUE_PARTIAL),
                format!("{} is no tuple, so it has no nil slots to exempt", attr.ident),
            ));
        }
        let kinds: Vec<u32> = [bootstrap::TUPLE_ATTRS, bootstrap::TUPLE_TYPES, bootstrap::TUPLE_TYPE]
            .into_iter()
            .filter(|a| !schema.definition(attr.entity(), *a).is_empty())
            .collect();
        let bad = |a: u32, message: String| Error::new(Code::InvalidTupleAttrs, message).at(self.span(place(a)));
        match (attr.value_type == ValueType::Tuple, &kinds[..]) {
            (false, []) => return Ok(()),
            (false, [a, ..]) => {
                return Err(bad(
                    *a,
                    format!("{} has {} but is not of type tuple", attr.ident, self.cx.attr_name(*a)),
                )
                .hint("give it :db/valueType :db.type/tuple"));
            }
            (true, [_]) => {}
            (true, _) => {
                return Err(bad(bootstrap::VALUE_TYPE, format!("the tuple {} needs exactly one description of its slots", attr.ident))
                    .hint(":db/tupleAttrs [:a/x :a/y] (kept from attributes), :db/tupleTypes [:db.type/long :db.type/string], or :db/tupleType :db.type/long"));
            }
        }
        match kinds[0] {
            bootstrap::TUPLE_ATTRS => composite(schema, attr, &bad),
            kind => {
                for value in schema.definition(attr.entity(), kind) {
                    let names = match value {
                        Value::Tuple(slots) => slots.iter().flatten().cloned().collect(),
                        other => vec![other.clone()],
                    };
                    for name in names {
                        let Value::Keyword(k) = &name else { continue };
                        let ty = (k.ns() == Some("db.type"))
                            .then(|| ValueType::from_name(k.name()))
                            .flatten();
                        if ty.is_none_or(|ty| ty == ValueType::Tuple) {
                            return Err(bad(kind, format!("{k} is no type of a tuple's slot"))
                                .hint("slots have scalar types or :db.type/ref"));
                        }
                    }
                    if matches!(value, Value::Tuple(slots) if slots.iter().any(Option::is_none)) {
                        return Err(bad(kind, format!("a slot of {} has no type", attr.ident)));
                    }
                }
                Ok(())
            }
        }
    }

    fn alteration(&mut self, e: EntityId, before: &Attribute, own: &[Change]) -> Result<()> {
        let refuse = |code, c: &Change, message: String| Err(Error::new(code, message).at(self.span(c)));
        let removed = |c: &&Change| c.a == bootstrap::VALUE_TYPE && !c.added;
        if let Some(c) = own
            .iter()
            .find(removed)
            .filter(|_| !own.iter().any(|c| c.a == bootstrap::VALUE_TYPE && c.added))
        {
            return refuse(
                Code::UnsupportedAlterSchema,
                c,
                format!("{} is an attribute, and attributes are never removed", before.ident),
            )
            .map_err(|e| e.hint("retract the facts that use it; the definition stays, as the history needs it"));
        }
        for c in own {
            match c.a {
                bootstrap::VALUE_TYPE => {
                    return refuse(
                        Code::UnsupportedAlterSchema,
                        c,
                        format!("the value type of {} never changes", before.ident),
                    )
                    .map_err(|e| e.hint("install a new attribute under a name of its own and move the values"));
                }
                bootstrap::TUPLE_ATTRS | bootstrap::TUPLE_TYPES | bootstrap::TUPLE_TYPE => {
                    return refuse(
                        Code::UnsupportedAlterSchema,
                        c,
                        format!("the slots of {} never change", before.ident),
                    )
                    .map_err(|e| e.hint("install a new tuple attribute"));
                }
                _ => {}
            }
        }
        let schema = self.after.schema().clone();
        for (a, name) in [(bootstrap::IDENT, "name"), (bootstrap::CARDINALITY, "cardinality")] {
            if let Some(c) = own.iter().find(|c| c.a == a && !c.added)
                && schema.definition(e, a).is_empty()
            {
                return refuse(
                    Code::UnsupportedAlterSchema,
                    c,
                    format!("{} cannot be without a {name}", before.ident),
                )
                .map_err(|e| e.hint("assert the new one; attributes themselves are never removed"));
            }
        }
        self.meanings(own)?;
        let Some(after) = schema.attr_of(e).cloned() else {
            return Ok(());
        };
        let place = |a: u32| own.iter().find(|c| c.a == a).unwrap_or(&own[0]);
        self.consistent(&schema, &after, own, &own[0])?;
        if before.is_one()
            && !after.is_one()
            && let Some(tuple) = schema.composites_of(after.id).first()
        {
            let c = place(bootstrap::CARDINALITY);
            return refuse(
                Code::InvalidAlterAttribute,
                c,
                format!(
                    "{} is a member of {}, so it keeps cardinality one",
                    after.ident,
                    self.cx.attr_name(*tuple)
                ),
            );
        }
        if !before.is_one() && after.is_one() {
            self.single_values(&after, place(bootstrap::CARDINALITY))?;
        }
        if before.unique.is_none() && after.unique.is_some() {
            self.distinct_values(&after, place(bootstrap::UNIQUE))?;
        } else if after.unique.is_some() && before.unique_partial && !after.unique_partial {
            // What was exempt is not any more.
            self.distinct_values(&after, place(bootstrap::UNIQUE_PARTIAL))?;
        }
        Ok(())
    }

    fn single_values(&self, attr: &Attribute, c: &Change) -> Result<()> {
        let mut last: Option<(u64, u64)> = None;
        for batch in self.after.scan(Order::Aevt, &Range::a(attr.id)) {
            let batch = batch?;
            for (&e, &v) in batch.e().iter().zip(batch.v()) {
                if let Some((_, other)) = last.filter(|(x, _)| *x == e) {
                    let show = |v| self.shown(attr, e, v);
                    return Err(Error::new(
                        Code::CardinalityViolation,
                        format!(
                            "{} cannot become cardinality one: {} and {} both hold",
                            attr.ident,
                            show(other),
                            show(v)
                        ),
                    )
                    .at(self.span(c))
                    .with("first", show(other))
                    .with("second", show(v))
                    .hint("retract all but one value of each entity first"));
                }
                last = Some((e, v));
            }
        }
        Ok(())
    }

    fn distinct_values(&self, attr: &Attribute, c: &Change) -> Result<()> {
        // Equal values have equal words, so the order of words brings them together.
        let mut all = Vec::new();
        for batch in self.after.scan(Order::Aevt, &Range::a(attr.id)) {
            let batch = batch?;
            all.extend(batch.v().iter().zip(batch.e()).map(|(&v, &e)| (v, e)));
        }
        all.sort_unstable();
        self.refuse_shared(attr, &all, c)
    }

    fn refuse_shared(&self, attr: &Attribute, sorted: &[(u64, u64)], c: &Change) -> Result<()> {
        for pair in sorted.windows(2) {
            let ((v, first), (w, second)) = (pair[0], pair[1]);
            if v != w || (attr.unique_partial && self.has_nil(attr, v)?) {
                continue;
            }
            let (x, y) = (self.shown(attr, first, v), self.shown(attr, second, w));
            return Err(Error::new(
                Code::UniqueViolation,
                format!("{} cannot be unique: {x} and {y} both hold", attr.ident),
            )
            .at(self.span(c))
            .with("first", x)
            .with("second", y)
            .hint("make the values distinct first"));
        }
        Ok(())
    }

    fn has_nil(&self, attr: &Attribute, v: u64) -> Result<bool> {
        let value = self.cx.words.value(attr.value_type, v)?;
        Ok(matches!(value, Value::Tuple(slots) if slots.iter().any(Option::is_none)))
    }

    fn backfill(&mut self, schema: &Schema, attr: &Attribute, c: &Change) -> Result<()> {
        let known = |m: &u32| self.cx.schema.attr(*m).is_some();
        if !attr.composite_members().unwrap_or(&[]).iter().any(known) {
            return Ok(());
        }
        let base = self.after.base();
        let made = tuples::backfill(&self.cx.words, schema, &base.snapshot, self.after.view(), attr)?;
        if made.is_empty() {
            return Ok(());
        }
        if attr.unique.is_some() {
            let mut by_value: Vec<(u64, u64)> = made.iter().map(|&(e, v)| (v, e)).collect();
            by_value.sort_unstable();
            self.refuse_shared(attr, &by_value, c)?;
        }
        self.warnings.push(format!(
            "{} was computed for {} existing entities",
            attr.ident,
            made.len()
        ));
        let flags = Flags::of(attr, schema);
        self.extra.extend(made.into_iter().map(|(e, v)| Change {
            e,
            a: attr.id,
            v,
            added: true,
            flags,
            op: c.op,
        }));
        Ok(())
    }

    fn shown(&self, attr: &Attribute, e: u64, v: u64) -> String {
        let value = self.cx.words.value(attr.value_type, v);
        let value = value.map_or_else(|_| "?".to_string(), |v| super::shorten(&v.to_string()));
        format!("[{} {} {value}]", self.cx.entity_name(e), attr.ident)
    }

    fn span(&self, c: &Change) -> Span {
        self.resolved
            .ops
            .ops
            .get(c.op as usize)
            .map_or(Span::NONE, |op| op.span)
    }

    fn invalid(&self, c: &Change, message: String) -> Error {
        Error::new(self.code, message).at(self.span(c))
    }
}

fn reserved(ident: &Keyword) -> bool {
    ident.ns().is_some_and(|ns| ns == "db" || ns.starts_with("db."))
}

fn composite(schema: &Schema, attr: &Attribute, bad: &dyn Fn(u32, String) -> Error) -> Result<()> {
    let bad = |message: String| bad(bootstrap::TUPLE_ATTRS, message);
    if !attr.is_one() {
        return Err(bad(format!(
            "the composite {} cannot have cardinality many",
            attr.ident
        )));
    }
    let Some(Value::Tuple(slots)) = schema.definition(attr.entity(), bootstrap::TUPLE_ATTRS).last() else {
        return Err(bad(format!("{} names no attributes", attr.ident)));
    };
    let mut seen = Vec::new();
    for slot in slots.iter() {
        let Some(Value::Keyword(k)) = slot else {
            return Err(bad(format!("a member of {} is nil", attr.ident)));
        };
        let Some(member) = schema.attr_by_ident(k) else {
            let names: Vec<String> = schema.attrs().map(|a| a.ident.to_string()).collect();
            return Err(bad(format!("the member {k} of {} is no attribute", attr.ident))
                .suggest(&k.to_string(), names.iter().map(|s| &**s)));
        };
        if !member.is_one() || member.value_type == ValueType::Tuple {
            return Err(bad(format!(
                "the member {k} of {} must have cardinality one and not be a tuple",
                attr.ident
            )));
        }
        if [bootstrap::TX_INSTANT, bootstrap::NUDGED].contains(&member.id) {
            // A transaction's instant is settled when its tuples are made already.
            return Err(bad(format!("{k} is kept by asof and cannot be in {}", attr.ident)));
        }
        if seen.contains(&member.id) {
            return Err(bad(format!("{k} is twice in {}", attr.ident)));
        }
        seen.push(member.id);
    }
    Ok(())
}
