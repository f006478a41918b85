//! What kind of value a variable stands for, as far as the patterns say: so that an input may be an ident or lookup ref
//! where an entity is meant, and a text where a URI is.

use rustc_hash::FxHashMap;

use super::super::ast::{Arg, Clause, Rules, Term, Var};
use super::super::functions;
use super::super::source::Sources;
use crate::datom::ValueType;
use crate::edn::{Node, Symbol};

/// What a variable must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An entity of this source.
    Entity(usize),
    /// A value of this type.
    Value(ValueType),
}

/// Kinds of the variables of one scope.
pub(crate) type Kinds = FxHashMap<Var, Kind>;
/// Kinds of the arguments of rules, by the source they are called on.
#[derive(Default)]
pub(crate) struct RuleKinds(FxHashMap<(Symbol, usize), Vec<Option<Kind>>>);

impl RuleKinds {
    /// The kinds of one rule's arguments; none where it is called on no source.
    pub fn of(&self, name: &Symbol, source: Option<usize>) -> &[Option<Kind>] {
        let found = source.and_then(|i| self.0.get(&(name.clone(), i)));
        found.map_or(&[], Vec::as_slice)
    }
}

/// The kinds of all rules' arguments.
pub(crate) fn of_rules(rules: &Rules, sources: &Sources) -> RuleKinds {
    let mut out = RuleKinds::default();
    let dbs = (0..sources.list.len()).filter(|i| sources.db(*i).is_some());
    dbs.for_each(|source| on_source(rules, sources, source, &mut out));
    out
}

fn on_source(rules: &Rules, sources: &Sources, source: usize, out: &mut RuleKinds) {
    // A chain of rules passes a kind on by one rule in each round at least, and by all rules in a round of the right direction.
    for round in 0..=rules.bodies.len() {
        let mut changed = false;
        let n = rules.bodies.len();
        for i in 0..n {
            let rule = &rules.bodies[if round % 2 == 0 { i } else { n - 1 - i }];
            let mut kinds = Kinds::default();
            let inside = Scope {
                sources,
                rules: out,
                in_rule: true,
            };
            inside.of_clauses(&rule.body, Some(source), &mut kinds);
            let slots = out
                .0
                .entry((rule.name.clone(), source))
                .or_insert_with(|| vec![None; rule.head.len()]);
            for (slot, v) in slots.iter_mut().zip(&rule.head) {
                if slot.is_none() && kinds.contains_key(v) {
                    *slot = kinds.get(v).copied();
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
}

/// The kinds that the clauses of a query show.
pub(crate) fn of_query(clauses: &[Clause], sources: &Sources, rules: &RuleKinds) -> Kinds {
    let mut kinds = Kinds::default();
    let scope = Scope {
        sources,
        rules,
        in_rule: false,
    };
    scope.of_clauses(clauses, sources.at(&Symbol::new("$")), &mut kinds);
    kinds
}

/// Where clauses stand.
struct Scope<'a> {
    sources: &'a Sources,
    rules: &'a RuleKinds,
    /// In the body of a rule, whose one source is the default.
    in_rule: bool,
}

impl Scope<'_> {
    /// Adds the kinds that clauses show.
    fn of_clauses(&self, clauses: &[Clause], default: Option<usize>, out: &mut Kinds) {
        let sources = self.sources;
        let named = |source: &Option<Symbol>| match source {
            Some(s) if !self.in_rule => sources.at(s),
            _ => default,
        };
        for c in clauses {
            match c {
                Clause::Pattern(p) => {
                    let source = named(&p.source);
                    let Some((i, db)) = source.and_then(|i| Some((i, sources.db(i)?))) else {
                        continue;
                    };
                    for at in [0, 1, 3] {
                        if let Some(v) = p.terms.get(at).and_then(Term::var) {
                            out.insert(v, Kind::Entity(i));
                        }
                    }
                    let (Some(Term::Const(a)), Some(v)) = (p.terms.get(1), p.terms.get(2).and_then(Term::var)) else {
                        continue;
                    };
                    let attr = match &a.node {
                        Node::Keyword(k) => db.db.schema().attr_by_ident(k),
                        _ => None,
                    };
                    match attr.map(|a| a.value_type) {
                        Some(ValueType::Ref) => {
                            out.insert(v, Kind::Entity(i));
                        }
                        Some(ty) => {
                            out.entry(v).or_insert(Kind::Value(ty));
                        }
                        None => {}
                    }
                }
                Clause::Function(call, ..) | Clause::Predicate(call) => {
                    let lookup = call.name.ns().is_none() && functions::LOOKUPS.contains(&call.name.name());
                    if !lookup {
                        continue;
                    }
                    let (source, args) = match call.args.split_first() {
                        Some((Arg::Source(s, _), rest)) => (named(&Some(s.clone())), rest),
                        _ => (default, call.args.as_slice()),
                    };
                    if let (Some(i), Some(Arg::Var(v, _))) = (source, args.first()) {
                        out.insert(*v, Kind::Entity(i));
                    }
                }
                Clause::Not {
                    source,
                    vars: None,
                    body,
                    ..
                } => self.of_clauses(body, named(source), out),
                Clause::Not {
                    source,
                    vars: Some(vars),
                    body,
                    ..
                } => self.of_scope(body, named(source), vars.iter().copied(), out),
                Clause::And(body) => self.of_clauses(body, default, out),
                Clause::Or {
                    source, vars, branches, ..
                } => {
                    for b in branches {
                        match vars {
                            Some(vars) => self.of_scope(b, named(source), vars.all(), out),
                            None => self.of_clauses(b, named(source), out),
                        }
                    }
                }
                Clause::Rule { source, name, args, .. } => {
                    for (term, kind) in args.iter().zip(self.rules.of(name, named(source))) {
                        let (Some(v), Some(kind)) = (term.var(), *kind) else {
                            continue;
                        };
                        match kind {
                            Kind::Entity(_) => out.insert(v, kind),
                            Kind::Value(_) => Some(*out.entry(v).or_insert(kind)),
                        };
                    }
                }
            }
        }
    }

    /// The same where only some variables are those of the outside; others may have their names.
    fn of_scope(&self, clauses: &[Clause], default: Option<usize>, shared: impl Iterator<Item = Var>, out: &mut Kinds) {
        let mut inner = Kinds::default();
        self.of_clauses(clauses, default, &mut inner);
        for v in shared {
            match inner.get(&v) {
                Some(kind @ Kind::Entity(_)) => drop(out.insert(v, *kind)),
                Some(kind) => drop(out.entry(v).or_insert(*kind)),
                None => {}
            }
        }
    }
}
