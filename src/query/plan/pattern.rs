//! Patterns -> reads of a source: what each position means there.

use std::sync::Arc;

use super::super::ast::{Pattern, Term, Var};
use super::super::column::Tag;
use super::super::source::{DbSource, Source};
use super::super::values::Values;
use super::planner::Planner;
use super::{Goal, Pos, RowScan, Scan};
use crate::datom::{EntityId, T, Val, Value, ValueType, Word};
use crate::db::TimePoint;
use crate::edn::{Edn, Keyword, Node};
use crate::error::{Code, Error, Result, Span};
use crate::schema::Attribute;

impl Planner<'_> {
    pub(super) fn pattern(&mut self, p: &Pattern, default: Option<usize>, out: &mut Vec<Goal>) -> Result<()> {
        let source = self.required_source(&p.source, default, p.span)?;
        // A variable that stands twice gets a second name and an equality.
        let mut seen: Vec<Var> = Vec::new();
        let mut terms = Vec::new();
        for t in &p.terms {
            terms.push(match t {
                Term::Var(v, span) if seen.contains(v) => {
                    let name = self.vars.name(*v).clone();
                    let twin = self.vars.fresh(name);
                    self.twins.push((*v, twin));
                    out.push(Goal::Equal(*v, twin));
                    Term::Var(twin, *span)
                }
                Term::Var(v, span) => {
                    seen.push(*v);
                    Term::Var(*v, *span)
                }
                t => t.clone(),
            });
        }
        let sources = self.sources;
        match &sources.list[source].1 {
            Source::Db(db) => {
                let scan = self.scan(source, db, &terms, p.span)?;
                out.push(Goal::Scan(scan));
            }
            Source::Rows(rows) => {
                if terms.len() > rows.cols.len() && rows.len > 0 {
                    return Err(Error::new(
                        Code::Arity,
                        format!(
                            "the pattern has {} positions, but a row of its source has only {}",
                            terms.len(),
                            rows.cols.len()
                        ),
                    )
                    .at(p.span));
                }
                let terms = terms
                    .iter()
                    .map(|t| {
                        Ok(match t {
                            Term::Blank(_) => Pos::Any,
                            Term::Var(v, _) => Pos::Var(*v),
                            Term::Const(c) => {
                                let v = Val::from_edn(c)?;
                                match self.values.intern(&v)? {
                                    Some(w) => Pos::Is(w),
                                    None => Pos::Any,
                                }
                            }
                        })
                    })
                    .collect::<Result<_>>()?;
                out.push(Goal::Rows(RowScan {
                    source,
                    terms,
                    span: p.span,
                }));
            }
        }
        Ok(())
    }

    pub(super) fn scan(&mut self, source: usize, db: &DbSource, terms: &[Term], span: Span) -> Result<Scan> {
        if terms.len() > 5 {
            return Err(Error::new(
                Code::InvalidQuery,
                format!(
                    "a pattern has at most five positions [e a v tx op], this one has {}",
                    terms.len()
                ),
            )
            .at(span));
        }
        let mut scan = Scan {
            source,
            e: Pos::Any,
            a: Pos::Any,
            v: Pos::Any,
            tx: Pos::Any,
            op: Pos::Any,
            attr: None,
            bounds: Default::default(),
            nothing: false,
            allow_scan: self.allow_scan,
            params: Default::default(),
            span,
        };
        // Whether a value of an input can match nothing.
        let mut unmatched = false;
        if let Some(t) = terms.get(1) {
            self.attribute_position(&mut scan, db, t)?;
        }
        if let Some(t) = terms.first() {
            scan.e = match t {
                Term::Blank(_) => Pos::Any,
                Term::Var(v, _) => {
                    scan.params.e = self.input(*v);
                    self.entity_var(*v, &mut unmatched)
                }
                Term::Const(c) => match self.looked_up(c).entity(db, c)? {
                    Some(e) => Pos::Is(e.0),
                    None if matches!(c.node, Node::Keyword(_)) => return Err(unknown_ident(db, c)),
                    None => {
                        scan.nothing = true;
                        Pos::Any
                    }
                },
            };
        }
        if let Some(t) = terms.get(2) {
            if let Term::Var(v, _) = t {
                scan.params.v = self.input(*v);
            }
            self.value_position(&mut scan, db, t, &mut unmatched)?;
        }
        if let Some(t) = terms.get(3) {
            scan.tx = match t {
                Term::Blank(_) => Pos::Any,
                Term::Var(v, _) => match self.exactly(*v).entity_var(*v, &mut scan.nothing) {
                    Pos::Is(e) => tx_const(e, &mut scan.nothing),
                    Pos::Var(v) => Pos::Var(v),
                    Pos::Any => Pos::Any,
                },
                Term::Const(c) => {
                    match &c.node {
                        Node::Long(n) => match TimePoint::from_number(*n).map_err(|e| e.at(c.span))? {
                            TimePoint::T(t) => Pos::Is(t),
                            TimePoint::Tx(tx) => Pos::Is(tx.t()),
                            TimePoint::Instant(_) => Pos::Any,
                        },
                        _ => {
                            return Err(Error::new(Code::TypeMismatch, format!("{c} is no transaction"))
                            .at(c.span)
                            .hint("a transaction is its t or its entity id; join [?tx :db/txInstant ?when] for its time"));
                        }
                    }
                }
            };
        }
        if let Some(t) = terms.get(4) {
            scan.op = match t {
                Term::Blank(_) => Pos::Any,
                Term::Var(v, _) => match self.exactly(*v).consts.get(v) {
                    Some((tag, w)) if *tag == Tag::BOOLEAN => Pos::Is(*w != 0),
                    Some(_) => {
                        scan.nothing = true;
                        Pos::Any
                    }
                    None => Pos::Var(*v),
                },
                Term::Const(c) => match c.node {
                    Node::Bool(b) => Pos::Is(b),
                    _ => {
                        return Err(Error::new(
                            Code::TypeMismatch,
                            format!("{c} cannot be the fifth position, which is true (asserted) or false (retracted)"),
                        )
                        .at(c.span));
                    }
                },
            };
        }
        scan.params.nothing = scan.nothing;
        scan.nothing |= unmatched;
        if unmatched {
            // A plan for what matches nothing is a bad one for what does.
            self.lasting = false;
        }
        if scan.params.v.is_some() && !scan.nothing {
            scan.params.rows = Some(super::access::estimate(&scan, &db.db)?);
        }
        Ok(scan)
    }

    /// The variable, when an input gives it one value.
    fn input(&self, v: Var) -> Option<Var> {
        (self.inputs.contains(&v) && self.consts.contains_key(&v)).then_some(v)
    }

    /// Notes that the plan holds for the very value of a variable alone.
    pub(super) fn exactly(&mut self, v: Var) -> &mut Self {
        if self.inputs.contains(&v) && !self.exact.contains(&v) {
            self.exact.push(v);
        }
        self
    }

    /// Notes that the plan holds for this database value alone, when a constant is a lookup ref.
    pub(super) fn looked_up(&mut self, c: &Edn) -> Constants {
        self.lasting &= !matches!(c.node, Node::Vector(_) | Node::List(_));
        Constants
    }

    pub(super) fn attribute_position(&mut self, scan: &mut Scan, db: &DbSource, t: &Term) -> Result<()> {
        scan.a = match t {
            Term::Blank(_) => Pos::Any,
            Term::Var(v, _) => match self.exactly(*v).entity_var(*v, &mut scan.nothing) {
                Pos::Is(e) => match u32::try_from(e) {
                    Ok(a) => Pos::Is(a),
                    Err(_) => {
                        scan.nothing = true;
                        Pos::Any
                    }
                },
                Pos::Var(v) => Pos::Var(v),
                Pos::Any => Pos::Any,
            },
            Term::Const(c) => {
                let attr = match &c.node {
                    Node::Keyword(k) => match self.attribute(db, k, c.span)? {
                        Some(a) => a,
                        None => {
                            scan.nothing = true;
                            return Ok(());
                        }
                    },
                    Node::Long(n) => u64::try_from(*n)
                        .ok()
                        .and_then(|e| db.db.schema().attr_of(EntityId(e)).cloned())
                        .ok_or_else(|| {
                            Error::new(Code::UnknownAttribute, format!("{n} is not the id of an attribute")).at(c.span)
                        })?,
                    _ => {
                        return Err(Error::new(Code::InvalidQuery, format!("{c} cannot be an attribute"))
                            .at(c.span)
                            .hint("a pattern is [?e :attribute ?v]"));
                    }
                };
                scan.attr = Some(attr.clone());
                Pos::Is(attr.id)
            }
        };
        if let (Pos::Is(a), None) = (&scan.a, &scan.attr) {
            match db.db.schema().attr(*a) {
                Some(attr) => scan.attr = Some(attr.clone()),
                None => scan.nothing = true,
            }
        }
        Ok(())
    }

    /// `None`: this source is older than the attribute, which another source knows.
    pub(super) fn attribute(&self, db: &DbSource, k: &Keyword, span: Span) -> Result<Option<Arc<Attribute>>> {
        match db.db.attribute(k) {
            Ok(a) => Ok(Some(a.clone())),
            Err(_)
                if self
                    .sources
                    .list
                    .iter()
                    .any(|(_, s)| matches!(s, Source::Db(d) if d.db.attribute(k).is_ok())) =>
            {
                Ok(None)
            }
            Err(e) => {
                if let Some(plain) = k.name().strip_prefix('_') {
                    let forward = Keyword::from_parts(k.ns().unwrap_or(""), plain);
                    if db.db.attribute(&forward).is_ok() {
                        return Err(Error::new(
                            Code::UnknownAttribute,
                            format!("{k} goes backwards, which patterns do not do"),
                        )
                        .at(span)
                        .hint(format!("swap entity and value: [?other {forward} ?this]")));
                    }
                }
                Err(e.at(span))
            }
        }
    }

    /// A variable where an entity stands: a constant when its value is known.
    pub(super) fn entity_var(&mut self, v: Var, nothing: &mut bool) -> Pos<u64> {
        self.entities.insert(v);
        match self.consts.get(&v) {
            None => Pos::Var(v),
            Some(word) => match entity_of(*word) {
                Some(e) => Pos::Is(e),
                None => {
                    *nothing = true;
                    Pos::Any
                }
            },
        }
    }

    pub(super) fn value_position(
        &mut self,
        scan: &mut Scan,
        db: &DbSource,
        t: &Term,
        unmatched: &mut bool,
    ) -> Result<()> {
        if let (Term::Var(v, _), Some(attr)) = (t, &scan.attr)
            && attr.is_ref()
        {
            self.entities.insert(*v);
        }
        scan.v = match t {
            Term::Blank(_) => Pos::Any,
            Term::Var(v, _) => match self.consts.get(v) {
                None => Pos::Var(*v),
                Some(word) => match value_of(scan.attr.as_deref(), *word, self.values)? {
                    Some(value) => Pos::Is(value),
                    None => {
                        *unmatched = true;
                        Pos::Any
                    }
                },
            },
            Term::Const(c) => match &scan.attr {
                Some(attr) => match self.looked_up(c).value(db, attr, c)? {
                    Some(v) => Pos::Is(v),
                    None if matches!(c.node, Node::Keyword(_)) => return Err(unknown_ident(db, c)),
                    None => {
                        scan.nothing = true;
                        Pos::Any
                    }
                },
                None => match Val::from_edn(c)?.to_value() {
                    Some(v) => Pos::Is(v),
                    None => {
                        return Err(
                            Error::new(Code::TypeMismatch, format!("{c} can never be the value of a fact")).at(c.span),
                        );
                    }
                },
            },
        };
        Ok(())
    }
}

/// What constants of a pattern mean; made by [`Planner::looked_up`], so that none is resolved without being noted.
pub(super) struct Constants;

impl Constants {
    pub fn entity(self, db: &DbSource, c: &Edn) -> Result<Option<EntityId>> {
        db.entity(c)
    }
    fn value(self, db: &DbSource, attr: &Attribute, c: &Edn) -> Result<Option<Value>> {
        db.constant(attr, c)
    }
}

/// The entity that the value of an input is.
pub(super) fn entity_of((tag, w): (Tag, Word)) -> Option<u64> {
    match tag {
        Tag::REF => Some(w),
        Tag::LONG => u64::try_from(crate::datom::word::to_long(w)).ok(),
        _ => None,
    }
}

/// The value of an attribute that the value of an input is.
pub(super) fn value_of(attr: Option<&Attribute>, (tag, w): (Tag, Word), values: &Values) -> Result<Option<Value>> {
    let want = attr.map(|a| a.value_type);
    Ok(match (want, values.val(tag, w)?) {
        (Some(ValueType::Ref), Val::Long(n)) if n >= 0 => Some(Value::Ref(EntityId(n as u64))),
        (Some(ValueType::Long), Val::Ref(e)) => Some(Value::Long(e.0 as i64)),
        (want, val) => val.to_value().filter(|v| want.is_none_or(|ty| ty == v.value_type())),
    })
}

fn tx_const(e: u64, nothing: &mut bool) -> Pos<T> {
    match i64::try_from(e).ok().and_then(|n| TimePoint::from_number(n).ok()) {
        Some(TimePoint::Tx(tx)) => Pos::Is(tx.t()),
        _ => {
            *nothing = true;
            Pos::Any
        }
    }
}

fn unknown_ident(db: &DbSource, c: &Edn) -> Error {
    let given = c.to_string();
    let names: Vec<String> = db.db.schema().idents().map(|(k, _)| k.to_string()).collect();
    Error::new(Code::NotAnEntity, format!("{given} names no entity"))
        .at(c.span)
        .suggest(&given, names.iter().map(|s| &**s))
}
