//! Which variables stand for entities, as the clauses use them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::ast::*;
use super::super::world::World;
use super::{Entities, home};

/// The variables of a query and its rules that a clause uses as entities.
pub fn of(query: &Query, world: &World) -> Entities {
    let mut found = Entities::new();
    let mut slots: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    loop {
        let before = (found.len(), slots.values().map(BTreeSet::len).sum::<usize>());
        let mut here = Finder {
            query,
            world,
            slots: &slots,
            found: &mut found,
        };
        here.clauses(&query.clauses, 0);
        for rule in &query.rules {
            here.clauses(&rule.body, 0);
        }
        for rule in &query.rules {
            let entities = rule.head.iter().enumerate().filter(|(_, v)| found.contains(v));
            slots.entry(rule.name).or_default().extend(entities.map(|(i, _)| i));
        }
        for rule in &query.rules {
            found.extend(slots[&rule.name].iter().map(|i| rule.head[*i]));
        }
        if before == (found.len(), slots.values().map(BTreeSet::len).sum::<usize>()) {
            return found;
        }
    }
}

struct Finder<'a> {
    query: &'a Query,
    world: &'a World,
    slots: &'a BTreeMap<usize, BTreeSet<usize>>,
    found: &'a mut Entities,
}

impl Finder<'_> {
    fn clauses(&mut self, clauses: &[Clause], default: usize) {
        for c in clauses {
            self.clause(c, default);
        }
    }

    fn clause(&mut self, c: &Clause, default: usize) {
        match c {
            Clause::Pattern { source, terms } => {
                if matches!(self.query.sources[source.unwrap_or(default)], Source::Rows(_)) {
                    return;
                }
                let ref_value = match terms.get(1) {
                    Some(Term::Entity(Entity::Ident(a))) => {
                        let home = home(self.world, self.query, source.unwrap_or(default));
                        home.attr(a).is_ref()
                    }
                    _ => false,
                };
                for (i, t) in terms.iter().enumerate() {
                    if let (Term::Var(v), true) = (t, matches!(i, 0 | 1 | 3) || i == 2 && ref_value) {
                        self.found.insert(*v);
                    }
                }
            }
            Clause::Missing { e, .. } | Clause::GetElse { e, .. } | Clause::GetSome { e, .. } => {
                self.found.insert(*e);
            }
            Clause::Not { source, body, .. } => self.clauses(body, source.unwrap_or(default)),
            Clause::Or { source, branches, .. } => {
                branches.iter().for_each(|b| self.clauses(b, source.unwrap_or(default)))
            }
            Clause::Rule { name, args, .. } => {
                for (i, t) in args.iter().enumerate() {
                    if let (Term::Var(v), true) = (t, self.slots.get(name).is_some_and(|s| s.contains(&i))) {
                        self.found.insert(*v);
                    }
                }
            }
            Clause::Pred(..)
            | Clause::Func(..)
            | Clause::TxIds { .. }
            | Clause::TxData { .. }
            | Clause::Nested { .. } => {}
        }
    }
}
