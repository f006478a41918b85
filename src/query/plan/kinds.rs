//! What kind of value a variable stands for, as far as the patterns say: so that an input may be an ident or lookup ref
//! where an entity is meant, and a text where a URI is.

use rustc_hash::FxHashMap;

use super::super::ast::{Arg, Clause, Rules, Term, Var};
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
/// Kinds of the arguments of rules.
pub(crate) type RuleKinds = FxHashMap<Symbol, Vec<Option<Kind>>>;

/// The kinds of all rules' arguments, when called on the default source.
pub(crate) fn of_rules(rules: &Rules, sources: &Sources, default: Option<usize>) -> RuleKinds {
    let mut out = RuleKinds::default();
    // A chain of rules passes a kind on by one rule in each round.
    for _ in 0..=rules.bodies.len().min(16) {
        let mut changed = false;
        for rule in &rules.bodies {
            let mut kinds = Kinds::default();
            of_clauses(&rule.body, sources, default, &out, &mut kinds);
            let slots = out
                .entry(rule.name.clone())
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
    out
}

/// Adds the kinds that clauses show.
pub(crate) fn of_clauses(
    clauses: &[Clause],
    sources: &Sources,
    default: Option<usize>,
    rules: &RuleKinds,
    out: &mut Kinds,
) {
    let named = |source: &Option<Symbol>| source.as_ref().map_or(default, |s| sources.at(s));
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
                let lookup =
                    call.name.ns().is_none() && matches!(call.name.name(), "get-else" | "get-some" | "missing?");
                if !lookup {
                    continue;
                }
                let (source, args) = match call.args.split_first() {
                    Some((Arg::Source(s, _), rest)) => (sources.at(s), rest),
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
            } => of_clauses(body, sources, named(source), rules, out),
            Clause::Not {
                source,
                vars: Some(vars),
                body,
                ..
            } => of_scope(body, sources, named(source), rules, vars.iter().copied(), out),
            Clause::And(body) => of_clauses(body, sources, default, rules, out),
            Clause::Or {
                source, vars, branches, ..
            } => {
                for b in branches {
                    match vars {
                        Some(vars) => of_scope(b, sources, named(source), rules, vars.all(), out),
                        None => of_clauses(b, sources, named(source), rules, out),
                    }
                }
            }
            Clause::Rule { source, name, args, .. } => {
                let here = named(source);
                let Some(kinds) = rules.get(name) else { continue };
                for (term, kind) in args.iter().zip(kinds) {
                    let (Some(v), Some(kind)) = (term.var(), kind) else {
                        continue;
                    };
                    let kind = match (kind, here) {
                        (Kind::Entity(_), Some(i)) => Kind::Entity(i),
                        (kind, _) => *kind,
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
fn of_scope(
    clauses: &[Clause],
    sources: &Sources,
    default: Option<usize>,
    rules: &RuleKinds,
    shared: impl Iterator<Item = Var>,
    out: &mut Kinds,
) {
    let mut inner = Kinds::default();
    of_clauses(clauses, sources, default, rules, &mut inner);
    for v in shared {
        match inner.get(&v) {
            Some(kind @ Kind::Entity(_)) => drop(out.insert(v, *kind)),
            Some(kind) => drop(out.entry(v).or_insert(*kind)),
            None => {}
        }
    }
}
