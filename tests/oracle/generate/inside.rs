//! Clauses that ask something of their own: queries inside, and the log.

use asof::datom::{Val, ValueType};

use super::super::ast::*;
use super::super::world::SPECULATION;
use super::{Gen, LONG, Scope, Ty};

impl Gen<'_, '_> {
    /// A query inside, with clauses, aggregates, order and paging of its own, asked about variables of this one.
    pub(super) fn nested(&mut self, s: &mut Scope) -> Option<Clause> {
        let known = |ty: Ty| matches!(ty, Ty::Ref | Ty::Val(_)) && ty != Ty::Val(ValueType::Float);
        let given: Vec<Var> = s.bound.iter().copied().filter(|v| known(self.ty(*v))).collect();
        if given.is_empty() {
            return None;
        }
        let args = self.some_of(&given, 2);
        let (_, source) = self.source(s, false);
        let Source::Db(_) = &self.sources[source] else {
            return None;
        };

        let one = vec![self.sources[source].clone()];
        let outside = std::mem::replace(&mut self.sources, one);
        let rules = std::mem::take(&mut self.signatures);
        let mut child = Scope {
            bound: args.iter().map(|v| self.var(self.types[v.0])).collect(),
            fresh: true,
            source: 0,
            rule: None,
            depth: s.depth + 2,
        };
        let inputs: Vec<(Binding, Data)> = child
            .bound
            .iter()
            .map(|v| (Binding::Var(*v), Data::Val(Val::Nil)))
            .collect();
        let mut clauses = Vec::new();
        for v in child.bound.clone() {
            clauses.push(self.bind(v, &mut child));
        }
        for _ in 0..self.t.below(4) {
            clauses.extend(self.clause(&mut child));
        }
        self.t.shuffle(&mut clauses);
        let mut query = self.asking(inputs, clauses);
        self.plain = true;
        self.find(&child, &mut query);
        self.plain = false;
        self.sources = outside;
        self.signatures = rules;

        let types: Vec<Ty> = query
            .find
            .iter()
            .map(|e| match e {
                Elem::Var(v) => self.ty(*v),
                Elem::Aggregate("count" | "count-distinct", ..) => LONG,
                _ => Ty::Any,
            })
            .collect();
        let out: Vec<Binding> = types.iter().map(|ty| self.out(s, *ty)).collect();
        let first = out[0].clone();
        let out = match query.shape {
            Shape::Collection => Binding::Coll(Box::new(first)),
            Shape::Relation => Binding::Rel(out),
            Shape::Tuple => Binding::Tuple(out),
            Shape::Scalar => first,
        };
        Some(Clause::Nested {
            source,
            query: Box::new(query),
            args,
            out,
        })
    }

    /// The log of a source: which transactions there were, and what one of them said.
    pub(super) fn log(&mut self, s: &mut Scope) -> Option<Clause> {
        let (_, source) = self.source(s, false);
        // What was not logged has no log, and a filter is not about it.
        match &self.sources[source] {
            Source::Db(view) if view.base != SPECULATION && view.filter.is_none() => {}
            _ => return None,
        }
        let last = self.w.last_t as usize;
        let known = self.of(s, Ty::Tx);
        let moment = |g: &mut Self, open: bool| match (g.t.below(4), g.t.maybe(&known)) {
            (0, Some(tx)) => Arg::Var(tx),
            (1, _) if open => Arg::Val(Val::Nil),
            _ => Arg::Val(Val::Long(g.t.below(last + 2) as i64)),
        };
        if self.t.chance(40) {
            let (from, to) = (moment(self, true), moment(self, true));
            let out = self.out(s, Ty::Tx);
            return Some(Clause::TxIds { source, from, to, out });
        }
        let tx = moment(self, false);
        let types = [Ty::Ref, Ty::Attr, Ty::Any, Ty::Tx, Ty::Val(ValueType::Boolean)];
        let n = 1 + self.t.below(types.len());
        let mut out = Vec::new();
        for ty in &types[..n] {
            out.push(match self.t.chance(25) {
                true => Binding::Blank,
                false => self.out(s, *ty),
            });
        }
        Some(Clause::TxData { source, tx, out })
    }
}
