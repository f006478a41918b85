//! What is asked for: variables, aggregates, pulls, with order and paging.

use std::collections::BTreeSet;

use asof::datom::{Val, ValueType};

use super::super::ast::*;
use super::{Gen, LONG, Scope, Ty};

/// What rounding may decide.
fn rounded(tested: &Tested) -> bool {
    matches!(
        tested,
        Tested::Elem(Elem::Aggregate("variance" | "stddev" | "avg" | "sum", ..))
    )
}

impl Gen<'_, '_> {
    pub(super) fn find(&mut self, s: &Scope, q: &mut Query) {
        let mut bound = BTreeSet::new();
        q.clauses.iter().for_each(|c| c.binds(&mut bound));
        q.inputs.iter().for_each(|(b, _)| b.vars(&mut bound));
        let vars: Vec<Var> = s.bound.iter().copied().filter(|v| bound.contains(v)).collect();
        q.shape = match self.t.below(10) {
            0..=6 => Shape::Relation,
            7 => Shape::Collection,
            8 => Shape::Tuple,
            _ => Shape::Scalar,
        };
        let most = if matches!(q.shape, Shape::Collection | Shape::Scalar) {
            1
        } else {
            3
        };
        let mut pulls = false;
        for _ in 0..1 + self.t.below(most) {
            let v = *self.t.pick(&vars);
            let elem = match self.t.below(10) {
                0..=5 => Elem::Var(v),
                6 | 7 if self.ty(v) == Ty::Ref && !self.plain => {
                    let (_, source) = self.source(s, false);
                    match self.history(source) {
                        true => Elem::Var(v),
                        false => {
                            pulls = true;
                            Elem::Pull(source, v, self.pull(source, 2, 0))
                        }
                    }
                }
                _ => self.aggregate(v),
            };
            q.find.push(elem);
        }
        let shown: Vec<Var> = q.find.iter().map(Elem::var).collect();
        let aggregates = q.find.iter().any(|e| matches!(e, Elem::Aggregate(..)));
        if self.t.chance(if aggregates { 50 } else { 10 }) {
            let others: Vec<Var> = vars.iter().copied().filter(|v| !shown.contains(v)).collect();
            if !others.is_empty() {
                q.with = self.some_of(&others, 2);
            }
        }
        if matches!(q.shape, Shape::Relation | Shape::Tuple) && !self.plain && self.t.chance(10) {
            q.keys = Some(self.t.word(&["keys", "strs", "syms"]));
        }
        q.patterns = pulls && self.t.chance(25);
        // What rounding may decide is not asked to be in order.
        let exact = !q
            .find
            .iter()
            .any(|e| matches!(e, Elem::Aggregate("variance" | "stddev", ..)));
        if !exact {
            q.shape = Shape::Relation;
        }
        if self.t.chance(15) {
            self.having(&vars, q);
        }
        let exact = exact && !q.having.iter().any(|(_, args)| args.iter().any(rounded));
        if !pulls && exact && self.t.chance(20) {
            for i in 0..q.find.len() {
                let again = q.find[..i].iter().any(|e| e.to_string() == q.find[i].to_string());
                if !again && self.t.chance(60) {
                    q.order.push((i, self.t.chance(50)));
                }
            }
            q.limit = self.t.chance(40).then(|| self.t.below(5));
            q.offset = if self.t.chance(30) { self.t.below(4) } else { 0 };
        }
    }

    /// Predicates over what is found, and over aggregates that are not shown.
    fn having(&mut self, vars: &[Var], q: &mut Query) {
        for _ in 0..1 + self.t.below(2) {
            let shown = self.t.pick(&q.find).clone();
            let elem = match (shown, self.t.below(3)) {
                (Elem::Pull(..), _) | (_, 0) => {
                    let v = *self.t.pick(vars);
                    if q.with.contains(&v) {
                        continue;
                    }
                    self.aggregate(v)
                }
                (elem, _) => elem,
            };
            let ty = match &elem {
                Elem::Var(v) | Elem::Aggregate("min" | "max" | "median", None, v) => self.ty(*v),
                Elem::Aggregate("collect" | "min" | "max", ..) => Ty::Val(ValueType::Tuple),
                _ => LONG,
            };
            let some = Val::Long(self.t.below(4) as i64);
            // What is of another type for good is refused.
            let value = match ty {
                _ if matches!(&elem, Elem::Aggregate("distinct", ..)) => Val::set([some]),
                Ty::Val(ValueType::Tuple) => Val::vector([some]),
                Ty::Val(ty) if !matches!(ty, ValueType::Tuple | ValueType::Float) => self.val(ty),
                _ => some,
            };
            let mut args = [Tested::Elem(elem), Tested::Val(value)];
            if self.t.chance(30) {
                args.reverse();
            }
            let name = self.t.word(&["<", ">", "<=", ">=", "=", "not=", "!="]);
            q.having.push((name, args));
        }
    }

    pub(super) fn aggregate(&mut self, v: Var) -> Elem {
        let n = 1 + self.t.below(3) as i64;
        let any = [
            ("count", None),
            ("count-distinct", None),
            ("distinct", None),
            ("collect", None),
            ("my/last", None),
        ];
        let ordered = [("min", None), ("max", None), ("min", Some(n)), ("max", Some(n))];
        let numbers = [
            ("sum", None),
            ("avg", None),
            ("median", None),
            ("variance", None),
            ("stddev", None),
        ];
        let (name, n) = match (self.ty(v), self.t.below(3)) {
            (Ty::Val(ValueType::Long | ValueType::Double), 0) => *self.t.pick(&numbers),
            (Ty::Val(ValueType::String | ValueType::Keyword | ValueType::Instant), 0) => ("median", None),
            (Ty::Ref | Ty::Tx | Ty::Val(_), 1) => *self.t.pick(&ordered),
            _ => *self.t.pick(&any),
        };
        Elem::Aggregate(name, n, v)
    }

    pub(super) fn pull(&mut self, source: usize, depth: usize, level: usize) -> Vec<Spec> {
        let plain = |attr: Option<String>, inside: Inside| Spec {
            attr,
            reverse: false,
            inside,
            limit: None,
            default: None,
            rename: None,
            xform: false,
        };
        let mut specs: Vec<Spec> = Vec::new();
        for i in 0..1 + self.t.below(3) {
            let spec = match self.t.below(12) {
                11 if level == 0 && i == 0 => plain(None, Inside::Everything),
                10 => plain(None, Inside::Id),
                _ => {
                    let a = self.data_attr(source);
                    let reverse = a.is_ref() && self.t.chance(35);
                    let inside = match self.t.below(6) {
                        1 | 2 if a.is_ref() && depth > 0 => Inside::Nested(self.pull(source, depth - 1, level + 1)),
                        3 if a.is_ref() => Inside::Again(Some(1 + self.t.below(3))),
                        4 if a.is_ref() => Inside::Again(None),
                        _ => Inside::Plain,
                    };
                    let limits = !a.altered && (a.many && !reverse || reverse && !a.component);
                    let limit = (limits && self.t.chance(25)).then(|| [None, Some(1), Some(2)][self.t.below(3)]);
                    let default = (!a.is_ref() && self.t.chance(20)).then(|| Val::str("none"));
                    let rename = self.t.chance(15).then(|| format!("r{i}"));
                    Spec {
                        attr: Some(a.name.clone()),
                        reverse,
                        inside,
                        limit,
                        default,
                        rename,
                        xform: self.t.chance(8),
                    }
                }
            };
            // Each key once, and one recursion in a pattern.
            let again = |s: &Spec| matches!(s.inside, Inside::Again(_));
            let clash = specs
                .iter()
                .any(|s| s.attr == spec.attr && s.reverse == spec.reverse || again(s) && again(&spec));
            if !clash {
                specs.push(spec);
            }
        }
        specs
    }
}
