//! Clauses other than patterns: predicates, functions, lookups, negation, disjunction, queries inside.

use asof::datom::{Val, ValueType};

use super::super::ast::*;
use super::super::world::{Attr, STRANGER, literal};
use super::{Gen, LONG, STRING, Scope, Ty};

impl Gen<'_, '_> {
    pub(super) fn predicate(&mut self, s: &mut Scope) -> Option<Clause> {
        let v = self.t.maybe(&s.bound)?;
        let same: Vec<Var> = self.of(s, self.ty(v)).into_iter().filter(|x| *x != v).collect();
        let me = Arg::Var(v);
        let orders = ["<", ">", "<=", ">=", "=", "!=", "not="];
        let other = self.t.maybe(&same).map(Arg::Var);
        Some(match self.ty(v) {
            Ty::Any => match self.t.below(3) {
                0 => Clause::Pred("=", vec![me, Arg::Val(Val::Long(1))]),
                1 => Clause::Pred("!=", vec![me, Arg::Var(self.t.maybe(&s.bound)?)]),
                _ => Clause::Pred("string?", vec![me]),
            },
            LONG if self.t.chance(25) => {
                Clause::Pred(self.t.word(&["even?", "odd?", "pos?", "neg?", "zero?"]), vec![me])
            }
            STRING if self.t.chance(30) => {
                let with = Arg::Val(Val::str(self.t.word(&["common", "a", "common prefix one", ""])));
                Clause::Pred(
                    self.t.word(&["starts-with?", "includes?", "ends-with?"]),
                    vec![me, with],
                )
            }
            Ty::Val(ty) if ty != ValueType::Float && (other.is_none() || self.t.chance(50)) => {
                let c = Arg::Val(if ty == ValueType::Tuple {
                    literal("[1 2]", ty)
                } else {
                    self.val(ty)
                });
                let op = self.t.word(&orders);
                match self.t.below(4) {
                    0 => Clause::Pred(op, vec![c, me]),
                    1 if ty == ValueType::Long => Clause::Pred(op, vec![c, me, Arg::Val(Val::Long(3))]),
                    2 if ty == ValueType::Long => Clause::Pred(op, vec![me, Arg::Val(Val::Double(1.5))]),
                    _ => Clause::Pred(op, vec![me, c]),
                }
            }
            _ => Clause::Pred(self.t.word(&orders), vec![me, other?]),
        })
    }

    /// Where a function's result goes.
    pub(super) fn out(&mut self, s: &mut Scope, ty: Ty) -> Binding {
        if self.t.chance(4) {
            return Binding::Blank;
        }
        self.some_var(s, ty, 25).map_or(Binding::Blank, Binding::Var)
    }

    pub(super) fn function(&mut self, s: &mut Scope) -> Option<Clause> {
        let constant = |g: &mut Self, ty: ValueType| Arg::Val(g.val(ty));
        let v = self.t.maybe(&s.bound).filter(|_| self.t.chance(80));
        let Some(v) = v else {
            return Some(match self.t.below(5) {
                0 => Clause::Func("ground", vec![constant(self, ValueType::Long)], self.out(s, LONG)),
                1 => {
                    let all = Val::vector(
                        (0..self.t.below(4))
                            .map(|_| self.val(ValueType::String))
                            .collect::<Vec<_>>(),
                    );
                    Clause::Func(
                        "ground",
                        vec![Arg::Val(all)],
                        Binding::Coll(Box::new(self.out(s, STRING))),
                    )
                }
                2 => {
                    let pair = Val::vector([self.val(ValueType::Long), self.val(ValueType::String)]);
                    Clause::Func(
                        "ground",
                        vec![Arg::Val(pair)],
                        Binding::Tuple(vec![self.out(s, LONG), self.out(s, STRING)]),
                    )
                }
                3 => {
                    let n = 1 + self.t.below(3);
                    let row = |g: &mut Self| Val::vector([g.val(ValueType::Long), g.val(ValueType::Keyword)]);
                    let rows = Val::vector((0..n).map(|_| row(self)).collect::<Vec<_>>());
                    let out = vec![self.out(s, LONG), self.out(s, Ty::Val(ValueType::Keyword))];
                    Clause::Func("ground", vec![Arg::Val(rows)], Binding::Rel(out))
                }
                _ => {
                    let n = Arg::Val(Val::Long(self.t.below(4) as i64));
                    Clause::Func("range", vec![n], Binding::Coll(Box::new(self.out(s, LONG))))
                }
            });
        };
        let me = Arg::Var(v);
        let longs = self.of(s, LONG);
        Some(match (self.ty(v), self.t.below(6)) {
            (LONG, 0) => Clause::Func(self.t.word(&["inc", "dec", "abs", "-"]), vec![me], self.out(s, LONG)),
            (LONG, 1 | 2) => {
                let other = if self.t.chance(40) {
                    constant(self, ValueType::Long)
                } else {
                    Arg::Var(self.t.maybe(&longs)?)
                };
                Clause::Func(
                    self.t.word(&["+", "-", "max", "min"]),
                    vec![me, other],
                    self.out(s, LONG),
                )
            }
            (LONG, 3) if self.t.chance(60) => {
                let by = Arg::Var(self.t.maybe(&longs)?);
                Clause::Func(self.t.word(&["quot", "rem", "mod"]), vec![me, by], self.out(s, LONG))
            }
            (LONG, 3) => Clause::Func("double", vec![me], self.out(s, Ty::Val(ValueType::Double))),
            (LONG, 5) if self.t.chance(25) => Clause::Func("my/twice", vec![me], self.out(s, LONG)),
            (ty, 5) if self.t.chance(15) => {
                let out = vec![self.out(s, ty), self.out(s, ty)];
                Clause::Func("my/pair", vec![me], Binding::Tuple(out))
            }
            // Inside of a `not`, say, what no row can pass is refused as a mistake, though nothing would come of it: so what may
            // turn out to be of a type that is never taken stands outside.
            (Ty::Any, 0) if s.depth > 0 => Clause::Func("str", vec![me], self.out(s, STRING)),
            (Ty::Any, 0) => Clause::Func(
                self.t.word(&["inc", "upper-case", "count"]),
                vec![me],
                self.out(s, Ty::Any),
            ),
            (LONG, 4) => Clause::Func("even?", vec![me], self.out(s, Ty::Val(ValueType::Boolean))),
            (STRING, 0 | 1) => Clause::Func("count", vec![me], self.out(s, LONG)),
            (STRING, 2 | 3) => Clause::Func(
                self.t.word(&["upper-case", "reverse", "trim"]),
                vec![me],
                self.out(s, STRING),
            ),
            (Ty::Val(ValueType::Keyword), 0..=3) => {
                Clause::Func(self.t.word(&["name", "namespace"]), vec![me], self.out(s, STRING))
            }
            (Ty::Val(ValueType::Tuple), 0..=3) => {
                let out = vec![self.out(s, Ty::Any), self.out(s, Ty::Any)];
                Clause::Func("untuple", vec![me], Binding::Tuple(out))
            }
            (ty, 4) => Clause::Func("identity", vec![me], self.out(s, ty)),
            (ty, _) => {
                let other = self.t.maybe(&s.bound)?;
                let args = vec![me, Arg::Var(other)];
                if self.t.chance(30) {
                    return Some(Clause::Func(
                        "vector",
                        args,
                        Binding::Coll(Box::new(self.out(s, Ty::Any))),
                    ));
                }
                let out = vec![self.out(s, ty), self.out(s, self.ty(other))];
                Clause::Func(self.t.word(&["tuple", "vector"]), args, Binding::Tuple(out))
            }
        })
    }

    pub(super) fn lookup(&mut self, s: &mut Scope) -> Option<Clause> {
        let (mut named, source) = self.source(s, false);
        if s.rule.is_none() {
            named = Some(source);
        }
        let entities = self.of(s, Ty::Ref);
        let e = self.t.maybe(&entities)?;
        // In a rule, any source may be the one that is read.
        let at = if s.rule.is_some() { None } else { Some(source) };
        let one: Vec<Attr> = self
            .world(source)
            .data
            .iter()
            .filter_map(|i| self.one_valued(*i, at, source))
            .collect();
        let history = self.history(source) || s.rule.is_some() && self.any_history();
        if self.t.chance(40) {
            let a = self.data_attr(source);
            let reverse = a.is_ref() && self.t.chance(30);
            return Some(Clause::Missing {
                source: named,
                e,
                attr: a.name,
                reverse,
            });
        }
        let a = self.t.maybe(&one)?;
        if self.t.chance(60) && a.ty != ValueType::Tuple {
            let (default, ty) = match a.ty {
                ValueType::Ref => (Val::Long(0), Ty::Any),
                ty => (self.val(ty), Ty::Val(ty)),
            };
            let out = self.some_var(s, ty, 25)?;
            return Some(Clause::GetElse {
                source: named,
                e,
                attr: a.name,
                default,
                out,
            });
        }
        let mut attrs = vec![a.name];
        if self.t.chance(60) {
            let other = if history {
                self.t.maybe(&one)?
            } else {
                self.data_attr(source)
            };
            attrs.push(other.name);
        }
        let out = [self.out(s, Ty::Attr), self.out(s, Ty::Any)];
        Some(Clause::GetSome {
            source: named,
            e,
            attrs,
            out,
        })
    }

    /// The attribute, if it has one value in the source, or in all of them, and always had: of several that were asserted at
    /// once, none is the last.
    fn one_valued(&self, i: usize, source: Option<usize>, here: usize) -> Option<Attr> {
        let attr = &self.world(here).attrs[i];
        let history = (0..self.sources.len()).any(|s| source.is_none_or(|at| at == s) && self.history(s));
        let there = (0..self.sources.len()).filter(|s| source.is_none_or(|at| at == *s));
        let mut there = there.filter(|s| source.is_some() || self.base(*s) != STRANGER);
        let one = there.all(|s| match &self.sources[s] {
            Source::Db(v) => !self.world(s).attrs_in(&super::super::seen(self.w.base(v.base).0, v))[i].many,
            Source::Rows(_) => true,
        });
        (one && attr.ty != ValueType::Float && !(history && attr.altered)).then(|| attr.clone())
    }

    pub(super) fn any_history(&self) -> bool {
        (0..self.sources.len()).any(|i| self.history(i))
    }

    /// Perhaps another default source for what is inside.
    pub(super) fn inside(&mut self, s: &Scope) -> (Option<usize>, usize) {
        match s.rule.is_none() && self.t.chance(20) {
            true => self.source(s, false),
            false => (None, s.source),
        }
    }

    pub(super) fn negation(&mut self, s: &mut Scope) -> Option<Clause> {
        if s.bound.is_empty() {
            return None;
        }
        let (source, inner) = self.inside(s);
        // Where no new variable may show, they hide in a not-join.
        let join = (!s.fresh || self.t.chance(40)).then(|| self.some_of(&s.bound.clone(), 2));
        let mut child = Scope {
            bound: join.clone().unwrap_or_else(|| s.bound.clone()),
            fresh: true,
            source: inner,
            rule: s.rule,
            depth: s.depth + 1,
        };
        let must = self.some_of(&child.bound.clone(), 1)[0];
        let mut body = vec![self.bind(must, &mut child)];
        for v in join.iter().flatten().filter(|v| **v != must) {
            body.push(self.bind(*v, &mut child));
        }
        for _ in 0..self.t.below(3) {
            body.extend(self.clause(&mut child));
        }
        self.t.shuffle(&mut body);
        Some(Clause::Not { source, join, body })
    }

    pub(super) fn disjunction(&mut self, s: &mut Scope) -> Option<Clause> {
        let (source, inner) = self.inside(s);
        let mut shared = if s.bound.is_empty() {
            Vec::new()
        } else {
            self.some_of(&s.bound.clone(), 2)
        };
        let new = (s.fresh && (shared.is_empty() || self.t.chance(50))).then(|| {
            let ty = match self.data_attr(inner).ty {
                ValueType::Ref => Ty::Ref,
                ty => Ty::Val(ty),
            };
            self.var(ty)
        });
        if shared.is_empty() && new.is_none() {
            return None;
        }
        let joins = self.t.chance(50);
        let required = if joins && !shared.is_empty() && self.t.chance(30) {
            vec![shared.remove(0)]
        } else {
            Vec::new()
        };
        let mut free = shared.clone();
        free.extend(new);
        if free.is_empty() {
            return None;
        }
        let mut branches = Vec::new();
        for _ in 0..1 + self.t.below(3) {
            let mut child = Scope {
                // What a plain or shares may be used anywhere in it, since every branch binds all of it.
                bound: required.clone(),
                fresh: joins,
                source: inner,
                rule: s.rule,
                depth: s.depth + 1,
            };
            let mut body = Vec::new();
            for v in &free {
                body.push(self.bind(*v, &mut child));
                if !child.bound.contains(v) {
                    child.bound.push(*v);
                }
            }
            for _ in 0..self.t.below(3) {
                body.extend(self.clause(&mut child));
            }
            self.t.shuffle(&mut body);
            branches.push(body);
        }
        s.bound.extend(new);
        let join = joins.then_some((required, free));
        Some(Clause::Or { source, join, branches })
    }
}
