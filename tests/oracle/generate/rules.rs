//! Rules in groups, each group above those that it may negate, and calls of them.

use asof::datom::{Val, ValueType};

use super::super::ast::*;
use super::super::world::{Attr, STRANGER};
use super::{Gen, LONG, Scope, Signature, Ty, attribute};

impl Gen<'_, '_> {
    pub(super) fn rule_call(&mut self, s: &mut Scope) -> Option<Clause> {
        let known = s.rule.unwrap_or(self.signatures.len());
        if known == 0 {
            return None;
        }
        let name = self.t.below(known);
        let (source, inner) = match s.rule {
            None if self.t.chance(30) => self.source(s, false),
            _ => (None, s.source),
        };
        if self.base(inner) == STRANGER {
            return None;
        }
        let (required, types) = (self.signatures[name].required, self.signatures[name].types.clone());
        let mut args = Vec::new();
        for (i, ty) in types.iter().enumerate() {
            let old = self.of(s, *ty);
            args.push(match (i < required, self.t.below(10)) {
                (true, 9) | (false, 8) => match ty {
                    Ty::Ref => Term::Entity(self.entity(inner)),
                    Ty::Val(ty) => Term::Val(self.val(*ty)),
                    _ => Term::Blank,
                },
                (true, _) => Term::Var(self.t.maybe(&old)?),
                (false, 9) => Term::Blank,
                _ => self.some_var(s, *ty, 60).map_or(Term::Blank, Term::Var),
            });
        }
        if args.iter().all(|a| matches!(a, Term::Blank)) && !self.scan {
            return None;
        }
        Some(Clause::Rule { source, name, args })
    }

    /// Rules in groups: a group may call itself, and call or negate those before it.
    pub(super) fn rules(&mut self) -> Vec<Rule> {
        let mut rules = Vec::new();
        let refs: Vec<Attr> = self.w.data().filter(|a| a.is_ref()).cloned().collect();
        for _ in 0..1 + self.t.below(3) {
            let first = self.signatures.len();
            let Some(link) = self.t.maybe(&refs) else { break };
            let link = attribute(&link.name);
            match self.t.below(7) {
                // Not recursive.
                0 | 1 => {
                    let attr = self.data_attr(0);
                    let ty = match attr.ty {
                        ValueType::Ref => Ty::Ref,
                        ValueType::Float => LONG,
                        ty => Ty::Val(ty),
                    };
                    let types = if self.t.chance(60) {
                        vec![Ty::Ref, ty]
                    } else {
                        vec![Ty::Ref]
                    };
                    let required = usize::from(self.t.chance(20));
                    for _ in 0..1 + self.t.below(2) {
                        let head: Vec<Var> = types.iter().map(|ty| self.var(*ty)).collect();
                        let body = self.rule_body(&head, required, first, 2);
                        rules.push(Rule {
                            name: first,
                            required,
                            head,
                            body,
                        });
                    }
                    self.signatures.push(Signature { required, types });
                }
                // Chains, linear from either side or not.
                n @ 2..=4 => {
                    let required = usize::from(self.t.chance(15));
                    let v: Vec<Var> = (0..5).map(|_| self.var(Ty::Ref)).collect();
                    let step = |a: Var, b: Var| Clause::Pattern {
                        source: None,
                        terms: vec![Term::Var(a), link.clone(), Term::Var(b)],
                    };
                    let call = |a: Var, b: Var| Clause::Rule {
                        source: None,
                        name: first,
                        args: vec![Term::Var(a), Term::Var(b)],
                    };
                    let mut base = vec![step(v[0], v[1])];
                    let mut more = match n {
                        2 => vec![step(v[2], v[3]), call(v[3], v[4])],
                        3 if required == 0 => vec![call(v[2], v[3]), call(v[3], v[4])],
                        _ => vec![call(v[2], v[3]), step(v[3], v[4])],
                    };
                    self.decorate(&mut base, &[v[0], v[1]], first);
                    self.decorate(&mut more, &[v[2], v[4]], first);
                    rules.push(Rule {
                        name: first,
                        required,
                        head: vec![v[0], v[1]],
                        body: base,
                    });
                    rules.push(Rule {
                        name: first,
                        required,
                        head: vec![v[2], v[4]],
                        body: more,
                    });
                    self.signatures.push(Signature {
                        required,
                        types: vec![Ty::Ref, Ty::Ref],
                    });
                }
                // Two that call each other.
                5 => {
                    for (name, other) in [(first, first + 1), (first + 1, first)] {
                        let v: Vec<Var> = (0..5).map(|_| self.var(Ty::Ref)).collect();
                        if name == first || self.t.chance(40) {
                            let head = vec![v[0], v[1]];
                            let body = self.rule_body(&head, 0, first, 1);
                            rules.push(Rule {
                                name,
                                required: 0,
                                head,
                                body,
                            });
                        }
                        let step = Clause::Pattern {
                            source: None,
                            terms: vec![Term::Var(v[2]), link.clone(), Term::Var(v[3])],
                        };
                        let call = Clause::Rule {
                            source: None,
                            name: other,
                            args: vec![Term::Var(v[3]), Term::Var(v[4])],
                        };
                        let mut body = vec![step, call];
                        self.decorate(&mut body, &[v[2], v[4]], first);
                        rules.push(Rule {
                            name,
                            required: 0,
                            head: vec![v[2], v[4]],
                            body,
                        });
                    }
                    for _ in 0..2 {
                        self.signatures.push(Signature {
                            required: 0,
                            types: vec![Ty::Ref, Ty::Ref],
                        });
                    }
                }
                // One that counts its steps.
                _ => {
                    let v: Vec<Var> = [Ty::Ref, LONG, Ty::Ref, LONG, Ty::Ref, LONG]
                        .iter()
                        .map(|ty| self.var(*ty))
                        .collect();
                    let start = Clause::Pattern {
                        source: None,
                        terms: vec![Term::Var(v[0]), link.clone(), Term::Blank],
                    };
                    let zero = Clause::Func("ground", vec![Arg::Val(Val::Long(0))], Binding::Var(v[1]));
                    rules.push(Rule {
                        name: first,
                        required: 0,
                        head: vec![v[0], v[1]],
                        body: vec![start, zero],
                    });
                    let step = Clause::Pattern {
                        source: None,
                        terms: vec![Term::Var(v[4]), link.clone(), Term::Var(v[2])],
                    };
                    let call = Clause::Rule {
                        source: None,
                        name: first,
                        args: vec![Term::Var(v[4]), Term::Var(v[5])],
                    };
                    let stop = Clause::Pred("<", vec![Arg::Var(v[5]), Arg::Val(Val::Long(3))]);
                    let next = Clause::Func("inc", vec![Arg::Var(v[5])], Binding::Var(v[3]));
                    let mut body = vec![step, call, stop, next];
                    self.t.shuffle(&mut body);
                    rules.push(Rule {
                        name: first,
                        required: 0,
                        head: vec![v[2], v[3]],
                        body,
                    });
                    self.signatures.push(Signature {
                        required: 0,
                        types: vec![Ty::Ref, LONG],
                    });
                }
            }
        }
        self.t.shuffle(&mut rules);
        rules
    }

    pub(super) fn rule_scope(&self, bound: &[Var], first: usize) -> Scope {
        Scope {
            bound: bound.to_vec(),
            fresh: true,
            source: 0,
            rule: Some(first),
            depth: 1,
        }
    }

    pub(super) fn rule_body(&mut self, head: &[Var], required: usize, first: usize, extra: usize) -> Vec<Clause> {
        let mut s = self.rule_scope(&head[..required], first);
        let mut body = Vec::new();
        for v in head {
            body.push(self.bind(*v, &mut s));
            if !s.bound.contains(v) {
                s.bound.push(*v);
            }
        }
        for _ in 0..self.t.below(extra + 1) {
            body.extend(self.clause(&mut s));
        }
        self.t.shuffle(&mut body);
        body
    }

    /// Perhaps one clause more, about variables that are bound.
    pub(super) fn decorate(&mut self, body: &mut Vec<Clause>, bound: &[Var], first: usize) {
        if self.t.chance(30) {
            let mut s = self.rule_scope(bound, first);
            body.extend(match self.t.chance(60) {
                true => self.negation(&mut s),
                false => self.clause(&mut s),
            });
        }
        self.t.shuffle(body);
    }
}
