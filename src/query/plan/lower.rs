//! Clauses -> goals: sources, attributes, constants, functions and rules by what they mean here. All that a query can get
//! wrong in a clause is reported by this stage.

use rustc_hash::FxHashMap;

use super::super::ast::{Arg, Binding, Call, Clause, Pattern, Term, Var, Vars};
use super::super::functions;
use super::super::parse::collect_binding;
use super::super::relation::Tag;
use super::super::source::{DbSource, Source, Sources};
use super::super::values::Values;
use super::kinds::{Kind, RuleKinds};
use super::rules::{Pred, RuleSet};
use super::{
    Apply, Attr, Callee, Goal, Lookup, LookupKind, Nested, NestedArg, Operand, Pos, RowScan, RuleCall, Scan, bounds,
};
use crate::datom::{EntityId, T, Val, Value, ValueType, Word};
use crate::db::TimePoint;
use crate::edn::{Edn, Keyword, Node, Symbol};
use crate::error::{Code, Error, Result, Span};

/// Variables whose one value is known before the query runs.
pub(crate) type Consts = FxHashMap<Var, (Tag, Word)>;

/// Rules that do not recurse are copied into their callers up to this many times; then they are called.
const INLINE_MAX: usize = 100;

/// The names of the engine's own functions.
pub(crate) const SPECIAL: [&str; 7] = ["ground", "get-else", "get-some", "missing?", "tuple", "untuple", "q"];

/// What planning one query knows and collects.
pub(crate) struct Planner<'a> {
    pub sources: &'a Sources,
    pub values: &'a Values,
    pub vars: Vars,
    pub rules: &'a RuleSet,
    pub rule_kinds: &'a RuleKinds,
    pub consts: Consts,
    pub allow_scan: bool,
    pub inlined: usize,
    /// How many rules are being planned inside each other.
    pub nesting: usize,
    /// The recursion whose bodies are being planned.
    pub component: Option<usize>,
    pub preds: Vec<Pred>,
    pub pred_index: FxHashMap<(Symbol, Option<usize>, Vec<bool>), usize>,
    pub distinct: FxHashMap<(usize, u32), f64>,
    pub passes: super::super::Passes,
}

impl Planner<'_> {
    fn fresh(&mut self, like: &str) -> Var {
        self.vars.fresh(Symbol::new(like))
    }

    /// The goals of a conjunction whose variables in `outer` may be bound from outside.
    pub fn conjunction(&mut self, clauses: &[Clause], outer: &[Var], default: Option<usize>) -> Result<Vec<Goal>> {
        let mut bindable = outer.to_vec();
        clauses.iter().for_each(|c| collect_binding(c, &mut bindable));
        let mut goals = Vec::new();
        for c in clauses {
            self.clause(c, &bindable, default, &mut goals)?;
        }
        if self.passes.push_bounds {
            bounds::push(&mut goals, &self.consts, self.values)?;
        }
        Ok(goals)
    }

    fn clause(&mut self, c: &Clause, bindable: &[Var], default: Option<usize>, out: &mut Vec<Goal>) -> Result<()> {
        match c {
            Clause::And(body) => {
                for c in body {
                    self.clause(c, bindable, default, out)?;
                }
            }
            Clause::Pattern(p) => self.pattern(p, default, out)?,
            Clause::Predicate(call) => self.call(call, None, call.span, default, out)?,
            Clause::Function(call, binding, span) => self.call(call, Some(binding), *span, default, out)?,
            Clause::Not {
                source,
                vars,
                body,
                span,
            } => {
                let inner = self.source(source, default, *span)?;
                let (on, body) = match vars {
                    Some(vars) => (vars.clone(), self.localise(body, vars)),
                    None => {
                        let mut used = Vec::new();
                        body.iter().for_each(|c| c.collect(&mut used));
                        used.retain(|v| bindable.contains(v));
                        (used, body.clone())
                    }
                };
                if on.is_empty() {
                    return Err(Error::new(
                        Code::InsufficientBinding,
                        "this not shares no variable with the rest of the query",
                    )
                    .at(*span)
                    .hint("use a variable inside that a clause outside binds"));
                }
                let body = self.conjunction(&body, &on, inner)?;
                out.push(Goal::Not {
                    vars: on,
                    body,
                    span: *span,
                });
            }
            Clause::Or {
                source,
                vars,
                branches,
                span,
            } => {
                let inner = self.source(source, default, *span)?;
                let (required, all) = match vars {
                    Some(v) => (v.required.clone(), v.all().collect::<Vec<_>>()),
                    None => {
                        let mut used = Vec::new();
                        branches[0].iter().for_each(|c| c.collect(&mut used));
                        (Vec::new(), used)
                    }
                };
                if branches.len() == 1 && vars.is_none() {
                    for c in &branches[0] {
                        self.clause(c, bindable, inner, out)?;
                    }
                    return Ok(());
                }
                let mut lowered = Vec::new();
                for b in branches {
                    let body = match vars {
                        Some(_) => self.localise(b, &all),
                        None => b.clone(),
                    };
                    lowered.push(self.conjunction(&body, &all, inner)?);
                }
                out.push(Goal::Or {
                    required,
                    vars: all,
                    branches: lowered,
                    span: *span,
                });
            }
            Clause::Rule {
                source,
                name,
                args,
                span,
            } => self.rule(source, name, args, *span, default, out)?,
        }
        Ok(())
    }

    /// The clauses with new names for all variables but `shared`.
    fn localise(&mut self, body: &[Clause], shared: &[Var]) -> Vec<Clause> {
        let mut names: FxHashMap<Var, Var> = FxHashMap::default();
        let vars = &mut self.vars;
        body.iter()
            .map(|c| {
                c.rename(&mut |v| {
                    if shared.contains(&v) {
                        return v;
                    }
                    *names.entry(v).or_insert_with(|| {
                        let name = vars.name(v).clone();
                        vars.fresh(name)
                    })
                })
            })
            .collect()
    }

    /// A named source, or the default one.
    fn source(&self, name: &Option<Symbol>, default: Option<usize>, span: Span) -> Result<Option<usize>> {
        let Some(name) = name else { return Ok(default) };
        match self.sources.at(name) {
            Some(i) => Ok(Some(i)),
            None => {
                let names = self.sources.names();
                Err(
                    Error::new(Code::InvalidQuery, format!("{name} is no source of this query"))
                        .at(span)
                        .suggest(&name.to_string(), names.iter().map(|s| &**s)),
                )
            }
        }
    }

    fn required_source(&self, name: &Option<Symbol>, default: Option<usize>, span: Span) -> Result<usize> {
        self.source(name, default, span)?.ok_or_else(|| {
            Error::new(
                Code::InvalidQuery,
                "this clause reads the source $, which the query does not have",
            )
            .at(span)
            .hint("add $ to :in and give a database")
        })
    }

    fn pattern(&mut self, p: &Pattern, default: Option<usize>, out: &mut Vec<Goal>) -> Result<()> {
        let source = self.required_source(&p.source, default, p.span)?;
        // A variable that stands twice gets a second name and an equality.
        let mut seen: Vec<Var> = Vec::new();
        let mut terms = Vec::new();
        for t in &p.terms {
            terms.push(match t {
                Term::Var(v, span) if seen.contains(v) => {
                    let name = self.vars.name(*v).clone();
                    let twin = self.vars.fresh(name);
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

    fn scan(&mut self, source: usize, db: &DbSource, terms: &[Term], span: Span) -> Result<Scan> {
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
            span,
        };
        if let Some(t) = terms.get(1) {
            self.attribute_position(&mut scan, db, t)?;
        }
        if let Some(t) = terms.first() {
            scan.e = match t {
                Term::Blank(_) => Pos::Any,
                Term::Var(v, _) => self.entity_var(*v, &mut scan.nothing),
                Term::Const(c) => match db.entity(c)? {
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
            self.value_position(&mut scan, db, t)?;
        }
        if let Some(t) = terms.get(3) {
            scan.tx = match t {
                Term::Blank(_) => Pos::Any,
                Term::Var(v, _) => match self.entity_var(*v, &mut scan.nothing) {
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
                Term::Var(v, _) => match self.consts.get(v) {
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
        Ok(scan)
    }

    fn attribute_position(&self, scan: &mut Scan, db: &DbSource, t: &Term) -> Result<()> {
        scan.a = match t {
            Term::Blank(_) => Pos::Any,
            Term::Var(v, _) => match self.entity_var(*v, &mut scan.nothing) {
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
    fn attribute(
        &self,
        db: &DbSource,
        k: &Keyword,
        span: Span,
    ) -> Result<Option<std::sync::Arc<crate::schema::Attribute>>> {
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
    fn entity_var(&self, v: Var, nothing: &mut bool) -> Pos<u64> {
        match self.consts.get(&v) {
            None => Pos::Var(v),
            Some((tag, w)) if *tag == Tag::REF => Pos::Is(*w),
            Some((tag, w)) if *tag == Tag::LONG => match u64::try_from(crate::datom::word::to_long(*w)) {
                Ok(e) => Pos::Is(e),
                Err(_) => {
                    *nothing = true;
                    Pos::Any
                }
            },
            Some(_) => {
                *nothing = true;
                Pos::Any
            }
        }
    }

    fn value_position(&self, scan: &mut Scan, db: &DbSource, t: &Term) -> Result<()> {
        scan.v = match t {
            Term::Blank(_) => Pos::Any,
            Term::Var(v, _) => match self.consts.get(v) {
                None => Pos::Var(*v),
                Some((tag, w)) => {
                    let val = self.values.val(*tag, *w)?;
                    let want = scan.attr.as_ref().map(|a| a.value_type);
                    match (want, val) {
                        (Some(ValueType::Ref), Val::Long(n)) if n >= 0 => Pos::Is(Value::Ref(EntityId(n as u64))),
                        (Some(ValueType::Long), Val::Ref(e)) => Pos::Is(Value::Long(e.0 as i64)),
                        (want, val) => match val.to_value() {
                            Some(v) if want.is_none_or(|ty| ty == v.value_type()) => Pos::Is(v),
                            _ => {
                                scan.nothing = true;
                                Pos::Any
                            }
                        },
                    }
                }
            },
            Term::Const(c) => match &scan.attr {
                Some(attr) => match db.constant(attr, c)? {
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

    fn call(
        &mut self,
        call: &Call,
        binding: Option<&Binding>,
        span: Span,
        default: Option<usize>,
        out: &mut Vec<Goal>,
    ) -> Result<()> {
        if call.name.ns().is_none() && SPECIAL.contains(&call.name.name()) {
            return self.special(call, binding, span, default, out);
        }
        let registered = self
            .sources
            .any_db()
            .and_then(|db| db.registry().query_fns.get(&call.name).cloned());
        let callee = if let Some(f) = registered {
            let (n, arity) = (call.args.len(), f.arity);
            if n < arity.min || arity.max.is_some_and(|max| n > max) {
                return Err(functions::arity_error(&call.name, arity.min, arity.max, n).at(call.span));
            }
            Callee::Registered(f.call)
        } else if let Some(function) = functions::lookup(&call.name) {
            function.check_arity(call.args.len()).map_err(|e| e.at(call.span))?;
            Callee::Function(function)
        } else {
            let name = call.name.to_string();
            let mut known = functions::names();
            known.extend(SPECIAL);
            return Err(
                Error::new(Code::UnresolvedSymbol, format!("there is no function {name}"))
                    .at(call.name_span)
                    .suggest(&name, known),
            );
        };
        let apply = Apply {
            callee,
            name: call.name.clone(),
            args: self.operands(&call.args)?,
            span,
        };
        out.push(match binding {
            None => Goal::Filter(apply),
            Some(b) => Goal::Apply(apply, b.clone()),
        });
        Ok(())
    }

    fn operands(&self, args: &[Arg]) -> Result<Vec<Operand>> {
        args.iter()
            .map(|a| match a {
                Arg::Var(v, _) => Ok(Operand::Var(*v)),
                Arg::Const(c) => Ok(Operand::Const(Val::from_edn(c)?)),
                Arg::Source(s, span) => Err(Error::new(
                    Code::InvalidQuery,
                    format!("{s} is a source, and this function takes values"),
                )
                .at(*span)),
            })
            .collect()
    }

    fn special(
        &mut self,
        call: &Call,
        binding: Option<&Binding>,
        span: Span,
        default: Option<usize>,
        out: &mut Vec<Goal>,
    ) -> Result<()> {
        let name = call.name.name();
        let arity = |min: usize, max: Option<usize>, n: usize| {
            if n < min || max.is_some_and(|m| n > m) {
                return Err(functions::arity_error(name, min, max, n).at(call.span));
            }
            Ok(())
        };
        let bound = || {
            binding.cloned().ok_or_else(|| {
                Error::new(
                    Code::InvalidQuery,
                    format!("{name} gives a value, which this clause does not bind"),
                )
                .at(span)
                .hint(format!("[({name} ...) ?out]"))
            })
        };
        match name {
            "ground" | "untuple" | "tuple" => {
                arity(1, (name != "tuple").then_some(1), call.args.len())?;
                let args = self.operands(&call.args)?;
                if name == "untuple" && !matches!(binding, Some(Binding::Tuple(_) | Binding::Blank)) {
                    return Err(
                        Error::new(Code::NotABindingForm, "untuple binds a tuple: [(untuple ?t) [?a ?b]]").at(span),
                    );
                }
                let callee = if name == "tuple" {
                    Callee::Tuple
                } else {
                    Callee::Identity
                };
                let apply = Apply {
                    callee,
                    name: call.name.clone(),
                    args,
                    span,
                };
                out.push(Goal::Apply(apply, bound()?));
            }
            "q" => {
                let nested = self.nested(call, span)?;
                out.push(Goal::Nested(nested, bound()?));
            }
            _ => {
                let (source, args) = match call.args.split_first() {
                    Some((Arg::Source(s, span), rest)) => (self.source(&Some(s.clone()), default, *span)?, rest),
                    _ => (default, call.args.as_slice()),
                };
                let sources = self.sources;
                let Some((source, db)) = source.and_then(|i| Some((i, sources.db(i)?))) else {
                    return Err(Error::new(
                        Code::InvalidQuery,
                        format!("{name} reads a database: ({name} $ ?e :attr ...)"),
                    )
                    .at(call.span));
                };
                let given = args.len() + 1;
                match name {
                    "get-else" => arity(4, Some(4), given)?,
                    "missing?" => arity(3, Some(3), given)?,
                    _ => arity(3, None, given)?,
                }
                let e = match &args[0] {
                    Arg::Var(v, _) => Operand::Var(*v),
                    Arg::Const(c) => match db.entity(c)? {
                        Some(e) => Operand::Const(Val::Ref(e)),
                        None => Operand::Const(Val::Nil),
                    },
                    Arg::Source(s, span) => {
                        return Err(Error::new(Code::InvalidQuery, format!("{s} is no entity")).at(*span));
                    }
                };
                let attr_args = if name == "get-else" { &args[1..2] } else { &args[1..] };
                let mut attrs = Vec::new();
                for a in attr_args {
                    attrs.push(self.lookup_attr(db, a, name == "missing?", call.span)?);
                }
                let kind = match name {
                    "missing?" => LookupKind::Missing,
                    "get-some" => LookupKind::Some,
                    _ => {
                        if !attrs[0].attr.is_one() {
                            return Err(Error::new(
                                Code::InvalidQuery,
                                format!("get-else needs one value, and {} has many", attrs[0].attr.ident),
                            )
                            .at(call.span)
                            .hint("join the attribute, or use missing?"));
                        }
                        let Arg::Const(c) = &args[2] else {
                            return Err(
                                Error::new(Code::InvalidQuery, "the default of get-else is a constant").at(call.span)
                            );
                        };
                        LookupKind::Else(self.default_value(db, &attrs[0], c)?)
                    }
                };
                let lookup = Lookup {
                    source,
                    kind,
                    e,
                    attrs,
                    span,
                };
                let binding = match binding {
                    Some(b) => b.clone(),
                    None if name == "missing?" => Binding::Blank,
                    None => bound()?,
                };
                out.push(Goal::Lookup(lookup, binding));
            }
        }
        Ok(())
    }

    fn default_value(&self, db: &DbSource, attr: &Attr, c: &Edn) -> Result<Val> {
        let v = Val::from_edn(c)?;
        if v == Val::Nil {
            return Err(Error::new(Code::NilInput, "nil cannot be the default of get-else")
                .at(c.span)
                .hint("use missing? to find entities without a value"));
        }
        // Where the attribute refers to entities, an ident means its entity; any other default stands as it is.
        match (attr.attr.value_type, &v) {
            (ValueType::Ref, Val::Keyword(k)) => Ok(db.db.schema().entid(k).map_or(v, Val::Ref)),
            _ => Ok(v),
        }
    }

    fn lookup_attr(&self, db: &DbSource, a: &Arg, reverse_too: bool, span: Span) -> Result<Attr> {
        let Arg::Const(Edn {
            node: Node::Keyword(k),
            span,
        }) = a
        else {
            return Err(Error::new(Code::InvalidQuery, "an attribute is named by its keyword here").at(span));
        };
        if let (true, Some(plain)) = (reverse_too, k.name().strip_prefix('_')) {
            let forward = Keyword::from_parts(k.ns().unwrap_or(""), plain);
            let attr = db.db.attribute(&forward).map_err(|e| e.at(*span))?.clone();
            return Ok(Attr { attr, reverse: true });
        }
        let attr = db.db.attribute(k).map_err(|e| e.at(*span))?.clone();
        Ok(Attr { attr, reverse: false })
    }

    fn nested(&mut self, call: &Call, span: Span) -> Result<Nested> {
        let Some((Arg::Const(query), args)) = call.args.split_first() else {
            return Err(Error::new(Code::InvalidQuery, "q takes a query first: [(q [:find ...] $ ?x) ...]").at(span));
        };
        // A quote in front, as Clojure users write it, is no part of the query.
        let query = super::super::Query::from_edn(query)?;
        let specs = &query.ast.inputs;
        if specs.len() != args.len() {
            let code = if specs.len() > args.len() {
                Code::TooFewInputs
            } else {
                Code::TooManyInputs
            };
            return Err(Error::new(
                code,
                format!(
                    "the nested query has {} inputs and is given {}",
                    specs.len(),
                    args.len()
                ),
            )
            .at(span));
        }
        let args = args
            .iter()
            .map(|a| match a {
                Arg::Source(s, span) => Ok(NestedArg::Source(
                    self.source(&Some(s.clone()), None, *span)?
                        .expect("a named source is found or refused"),
                )),
                Arg::Var(v, _) => Ok(NestedArg::Value(Operand::Var(*v))),
                Arg::Const(c) => Ok(NestedArg::Form(c.clone())),
            })
            .collect::<Result<_>>()?;
        Ok(Nested { query, args, span })
    }

    fn rule(
        &mut self,
        source: &Option<Symbol>,
        name: &Symbol,
        args: &[Term],
        span: Span,
        default: Option<usize>,
        out: &mut Vec<Goal>,
    ) -> Result<()> {
        let inner = self.source(source, default, span)?;
        let rules = self.rules;
        let Some(head) = rules.rules.head(name) else {
            let names: Vec<String> = rules.rules.bodies.iter().map(|r| r.name.to_string()).collect();
            let given = name.to_string();
            let error = Error::new(Code::UnknownRule, format!("there is no rule {given}")).at(span);
            return Err(match () {
                _ if names.is_empty() => {
                    error.hint("rules come with the input %: [:find ... :in $ % :where (rule ?x)]")
                }
                _ if functions::lookup(name).is_some() => {
                    error.hint(format!("a predicate stands in a vector: [({given} ...)]"))
                }
                _ => error.suggest(&given, names.iter().map(|s| &**s)),
            });
        };
        if head.head.len() != args.len() {
            return Err(Error::new(
                Code::Arity,
                format!(
                    "the rule {name} has {} arguments and is given {}",
                    head.head.len(),
                    args.len()
                ),
            )
            .at(span));
        }
        let required = head.required;
        let kinds = self.rule_kinds.get(name);
        let mut vars: Vec<Var> = Vec::new();
        for (i, t) in args.iter().enumerate() {
            let v = match t {
                Term::Blank(_) => self.fresh("_"),
                Term::Var(v, _) if vars.contains(v) => {
                    let name = self.vars.name(*v).clone();
                    let twin = self.vars.fresh(name);
                    out.push(Goal::Equal(*v, twin));
                    twin
                }
                Term::Var(v, _) => *v,
                Term::Const(c) => {
                    let kind = kinds.and_then(|k| k[i]);
                    let word = self.constant_of_kind(kind, inner, c)?;
                    let v = self.fresh(&c.to_string());
                    match word {
                        Some((tag, w)) => {
                            self.consts.insert(v, (tag, w));
                            out.push(Goal::Const(v, tag, w));
                        }
                        // Nothing has this name: no row can come of it.
                        None => out.push(Goal::Or {
                            required: Vec::new(),
                            vars: vec![v],
                            branches: Vec::new(),
                            span,
                        }),
                    }
                    v
                }
            };
            vars.push(v);
        }
        if rules.is_recursive(name) || self.inlined >= INLINE_MAX {
            out.push(Goal::Call(RuleCall {
                name: name.clone(),
                source: inner,
                args: vars,
                required,
                span,
            }));
            return Ok(());
        }
        self.inlined += 1;
        let bodies: Vec<_> = rules.rules.of(name).cloned().collect();
        let mut branches = Vec::new();
        for body in &bodies {
            let clauses = self.instance(body, &vars);
            branches.push(self.conjunction(&clauses, &vars, inner)?);
        }
        if branches.len() == 1 && required == 0 {
            out.extend(branches.pop().expect("counted one"));
        } else {
            out.push(Goal::Or {
                required: vars[..required].to_vec(),
                vars,
                branches,
                span,
            });
        }
        Ok(())
    }

    /// A rule's body with `args` for its head.
    pub fn instance(&mut self, rule: &super::super::ast::Rule, args: &[Var]) -> Vec<Clause> {
        let mut names: FxHashMap<Var, Var> = rule.head.iter().copied().zip(args.iter().copied()).collect();
        let vars = &mut self.vars;
        rule.body
            .iter()
            .map(|c| c.rename(&mut |v| *names.entry(v).or_insert_with(|| vars.fresh(rule.vars.name(v).clone()))))
            .collect()
    }

    /// A constant where a value of some kind is meant.
    fn constant_of_kind(&self, kind: Option<Kind>, source: Option<usize>, c: &Edn) -> Result<Option<(Tag, Word)>> {
        let val = match kind {
            Some(Kind::Entity(i)) => match source.or(Some(i)).and_then(|i| self.sources.db(i)) {
                Some(db) => match db.entity(c)? {
                    Some(e) => Val::Ref(e),
                    None => return Ok(None),
                },
                None => Val::from_edn(c)?,
            },
            Some(Kind::Value(ty)) => {
                let v = Val::from_edn(c)?;
                match super::super::source::coerce(ty, &v) {
                    Some(x) => x.into(),
                    None => v,
                }
            }
            None => Val::from_edn(c)?,
        };
        self.values.intern(&val)
    }
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
