//! Clauses -> goals: sources, attributes, constants, functions and rules by what they mean here. All that a query can get
//! wrong in a clause is reported by this stage.

use rustc_hash::FxHashMap;

use super::super::ast::{Clause, Rule, Term, Var};
use super::super::column::Tag;
use super::super::functions;
use super::super::parse::collect_binding;
use super::kinds::Kind;
use super::planner::Planner;
use super::{Goal, RuleCall, bounds};
use crate::datom::{Val, Word};
use crate::edn::{Edn, Symbol};
use crate::error::{Code, Error, Result, Span};

/// Rules that do not recurse are copied into their callers up to this many times; then they are called.
const INLINE_MAX: usize = 100;

/// More clauses side by side than this are refused: the search for their order compares each with all others.
const CLAUSES_MAX: usize = 1000;

impl Planner<'_> {
    /// The goals of a conjunction whose variables in `outer` may be bound from outside.
    pub fn conjunction(&mut self, clauses: &[Clause], outer: &[Var], default: Option<usize>) -> Result<Vec<Goal>> {
        if let Some(extra) = clauses.get(CLAUSES_MAX) {
            let message = format!(
                "there are {} clauses side by side, and {CLAUSES_MAX} are the most",
                clauses.len()
            );
            return Err(Error::new(Code::InvalidQuery, message)
                .at(extra.span())
                .hint("what is long is data: give it as an input, [?x ...] or [[?x ?y]]"));
        }
        let mut bindable = outer.to_vec();
        clauses.iter().for_each(|c| collect_binding(c, &mut bindable));
        let mut goals = Vec::new();
        self.depth += 1;
        let outside = self.enter(clauses, default);
        for c in clauses {
            self.clause(c, &bindable, default, &mut goals)?;
        }
        self.typing = outside;
        self.depth -= 1;
        if self.passes.push_bounds {
            for v in bounds::push(&mut goals, &self.consts, self.values)? {
                self.exactly(v);
            }
        }
        Ok(goals)
    }

    pub(super) fn clause(
        &mut self,
        c: &Clause,
        bindable: &[Var],
        default: Option<usize>,
        out: &mut Vec<Goal>,
    ) -> Result<()> {
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
                    rule: None,
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
    pub(super) fn localise(&mut self, body: &[Clause], shared: &[Var]) -> Vec<Clause> {
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
    pub(super) fn source(&self, name: &Option<Symbol>, default: Option<usize>, span: Span) -> Result<Option<usize>> {
        let Some(name) = name else { return Ok(default) };
        match (self.dollar, name.name()) {
            (Some(called_on), "$") => return Ok(called_on),
            (Some(_), _) => {
                let message =
                    format!("{name} stands in the body of a rule, which has one source: $, what it is called on");
                return Err(Error::new(Code::InvalidQuery, message)
                    .at(span)
                    .hint(format!("call the rule on it: ({name} rule ?x)")));
            }
            (None, _) => {}
        }
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

    pub(super) fn required_source(&self, name: &Option<Symbol>, default: Option<usize>, span: Span) -> Result<usize> {
        self.source(name, default, span)?.ok_or_else(|| {
            Error::new(
                Code::InvalidQuery,
                "this clause reads the source $, which the query does not have",
            )
            .at(span)
            .hint("add $ to :in and give a database")
        })
    }

    pub(super) fn rule(
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
                _ if functions::lookup(name).is_some() => {
                    error.hint(format!("a predicate stands in a vector: [({given} ...)]"))
                }
                _ if names.is_empty() => {
                    error.hint("rules come with the input %: [:find ... :in $ % :where (rule ?x)]")
                }
                _ => error.suggest(&given, names.iter().map(|s| &**s)),
            });
        };
        if head.head.len() != args.len() {
            return Err(Error::new(
                Code::Arity,
                format!(
                    "the rule {name} takes {} and is given {}",
                    counted(head.head.len()),
                    args.len()
                ),
            )
            .at(span));
        }
        let required = head.required;
        let kinds = self.rule_kinds.of(name, inner);
        let mut vars: Vec<Var> = Vec::new();
        for (i, t) in args.iter().enumerate() {
            let v = match t {
                Term::Blank(_) => self.fresh("_"),
                Term::Var(v, _) if vars.contains(v) => {
                    let name = self.vars.name(*v).clone();
                    let twin = self.vars.fresh(name);
                    self.twins.push((*v, twin));
                    out.push(Goal::Equal(*v, twin));
                    twin
                }
                Term::Var(v, _) => *v,
                Term::Const(c) => {
                    let kind = kinds.get(i).copied().flatten();
                    self.looked_up(c);
                    let word = self.constant_of_kind(kind, inner, c)?;
                    // A word that only this query knows means nothing to the next.
                    let inline = |(tag, _): (Tag, Word)| tag.value_type().is_some_and(|ty| ty.is_inline());
                    self.lasting &= word.is_none_or(inline);
                    let v = self.fresh(&c.to_string());
                    match word {
                        Some((tag, w)) => {
                            self.consts.insert(v, (tag, w));
                            out.push(Goal::Const(v, tag, w));
                        }
                        // Nothing has this name: no row can come of it.
                        None => out.push(Goal::Or {
                            rule: None,
                            required: Vec::new(),
                            vars: vec![v],
                            branches: Vec::new(),
                            span,
                        }),
                    }
                    v
                }
            };
            if let Some(Some(Kind::Entity(_))) = kinds.get(i) {
                self.entities.insert(v);
            }
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
            branches.push(self.rule_body(&clauses, &vars, inner)?);
        }
        if branches.len() == 1 && required == 0 {
            out.extend(branches.pop().expect("counted one"));
        } else {
            out.push(Goal::Or {
                rule: Some(name.clone()),
                required: vars[..required].to_vec(),
                vars,
                branches,
                span,
            });
        }
        Ok(())
    }

    /// The goals of a rule's body, which knows the source that the rule was called on as `$`.
    pub fn rule_body(&mut self, clauses: &[Clause], args: &[Var], source: Option<usize>) -> Result<Vec<Goal>> {
        let outside = self.dollar.replace(source);
        let around = std::mem::take(&mut self.typing);
        let goals = self.conjunction(clauses, args, source);
        self.typing = around;
        self.dollar = outside;
        goals
    }

    /// A rule's body with `args` for its head.
    pub fn instance(&mut self, rule: &Rule, args: &[Var]) -> Vec<Clause> {
        let mut names: FxHashMap<Var, Var> = rule.head.iter().copied().zip(args.iter().copied()).collect();
        let vars = &mut self.vars;
        rule.body
            .iter()
            .map(|c| c.rename(&mut |v| *names.entry(v).or_insert_with(|| vars.fresh(rule.vars.name(v).clone()))))
            .collect()
    }

    /// A constant where a value of some kind is meant.
    pub(super) fn constant_of_kind(
        &self,
        kind: Option<Kind>,
        source: Option<usize>,
        c: &Edn,
    ) -> Result<Option<(Tag, Word)>> {
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
                match v.coerce(ty) {
                    Some(x) => x.into(),
                    None => v,
                }
            }
            None => Val::from_edn(c)?,
        };
        self.values.intern(&val)
    }
}

fn counted(n: usize) -> String {
    match n {
        1 => "1 argument".to_string(),
        n => format!("{n} arguments"),
    }
}
