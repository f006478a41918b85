//! Random queries that are valid: every variable has a type and is bound before it is needed.

mod clause;
mod find;
mod inside;
mod rules;

use std::collections::BTreeSet;

use asof::datom::{Val, ValueType};

use super::ast::*;
use super::tape::Tape;
use super::world::{ANOTHER, Attr, World, literal, pool};

/// What a variable stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ty {
    Ref,
    Tx,
    Attr,
    Val(ValueType),
    Any,
}

const LONG: Ty = Ty::Val(ValueType::Long);
const STRING: Ty = Ty::Val(ValueType::String);

/// The variables that a place may use.
#[derive(Clone)]
struct Scope {
    bound: Vec<Var>,
    /// Whether it may bring new ones.
    fresh: bool,
    /// The default source.
    source: usize,
    /// In a rule: only the default source is there.
    rule: Option<usize>,
    depth: usize,
}

struct Signature {
    required: usize,
    types: Vec<Ty>,
}

struct Gen<'t, 'w> {
    t: &'t mut Tape,
    w: &'w World,
    types: Vec<Ty>,
    sources: Vec<Source>,
    signatures: Vec<Signature>,
    scan: bool,
    /// No pulls: a query inside answers with values.
    plain: bool,
}

/// A random query.
pub fn query(t: &mut Tape, w: &World) -> Query {
    let mut g = Gen {
        t,
        w,
        types: Vec::new(),
        sources: Vec::new(),
        signatures: Vec::new(),
        scan: false,
        plain: false,
    };
    g.query()
}

impl Gen<'_, '_> {
    fn query(&mut self) -> Query {
        self.scan = self.t.chance(8);
        let first = self.view();
        self.sources.push(Source::Db(first));
        if self.t.chance(30) {
            for _ in 0..1 + self.t.below(2) {
                let source = if self.t.chance(40) {
                    self.rows()
                } else {
                    Source::Db(self.view())
                };
                self.sources.push(source);
            }
        }
        let rules = if self.t.chance(35) { self.rules() } else { Vec::new() };
        let mut s = Scope {
            bound: Vec::new(),
            fresh: true,
            source: 0,
            rule: None,
            depth: 0,
        };
        let mut inputs = Vec::new();
        if self.t.chance(35) {
            for _ in 0..1 + self.t.below(2) {
                inputs.push(self.input(&mut s));
            }
        }
        let mut clauses = vec![self.pattern(&mut s)];
        for _ in 0..self.t.below(4) {
            clauses.extend(self.clause(&mut s));
        }
        if s.bound.is_empty() {
            let v = self.new_var(&mut s, Ty::Ref);
            clauses.push(self.bind(v, &mut s));
        }
        self.settle_entities(&mut inputs, &mut clauses);
        self.t.shuffle(&mut clauses);
        let mut q = Query {
            rules,
            time_in_text: self.t.chance(15),
            ..self.asking(inputs, clauses)
        };
        // A moment in the text must have been, and a filter has no text.
        if let Source::Db(View { base, filter, .. }) = q.sources[0] {
            q.time_in_text &= base == 0 && filter.is_none();
        }
        self.find(&s, &mut q);
        q
    }

    /// A query with these clauses that finds nothing yet.
    fn asking(&mut self, inputs: Vec<(Binding, Data)>, clauses: Vec<Clause>) -> Query {
        Query {
            shape: Shape::Relation,
            find: Vec::new(),
            keys: None,
            patterns: false,
            with: Vec::new(),
            sources: self.sources.clone(),
            inputs,
            rules: Vec::new(),
            clauses,
            having: Vec::new(),
            order: Vec::new(),
            limit: None,
            offset: 0,
            allow_scan: self.scan,
            time_in_text: false,
            as_map: self.t.chance(15),
        }
    }

    fn view(&mut self) -> View {
        let t = |g: &mut Self| 1 + g.t.below(g.w.last_t as usize) as u64;
        let mut view = View::default();
        match self.t.below(10) {
            0..=4 => {}
            5 | 6 => view.as_of = Some(t(self)),
            7 => view.since = Some(t(self)),
            8 => view.history = true,
            _ => {
                view.as_of = Some(t(self));
                view.since = Some(t(self)).filter(|_| self.t.chance(60));
                view.history = self.t.chance(60);
            }
        }
        // The first source has the schema that rules and inputs are made for.
        if self.t.chance(if self.sources.is_empty() { 15 } else { 40 }) {
            view.base = 1 + self.t.below(if self.sources.is_empty() { 2 } else { 3 });
        }
        if self.t.chance(10) {
            view.filter = Some(match self.t.below(3) {
                0 => Filter::Even,
                1 => Filter::Without(self.data_attr(0).id),
                _ => Filter::After(t(self)),
            });
        }
        view
    }

    /// A collection of rows: an entity, a long, a string.
    fn rows(&mut self) -> Source {
        let n = self.t.below(6);
        Source::Rows(
            (0..n)
                .map(|_| {
                    let e = Val::Long(*self.t.pick(&self.w.entities) as i64);
                    vec![e, self.val(ValueType::Long), self.val(ValueType::String)]
                })
                .collect(),
        )
    }

    fn val(&mut self, ty: ValueType) -> Val {
        literal(self.t.word(pool(ty)), ty)
    }

    fn new_var(&mut self, s: &mut Scope, ty: Ty) -> Var {
        let v = self.var(ty);
        s.bound.push(v);
        v
    }

    fn var(&mut self, ty: Ty) -> Var {
        self.types.push(ty);
        Var(self.types.len() - 1)
    }

    fn ty(&self, v: Var) -> Ty {
        self.types[v.0]
    }

    fn of(&self, s: &Scope, ty: Ty) -> Vec<Var> {
        s.bound.iter().copied().filter(|v| self.ty(*v) == ty).collect()
    }

    /// Whose schema a source has.
    fn world(&self, source: usize) -> &World {
        self.w.of(self.base(source))
    }
    fn base(&self, source: usize) -> usize {
        match self.sources.get(source) {
            Some(Source::Db(view)) => view.base,
            _ => 0,
        }
    }
    /// What was renamed in the first database has its old names only in another.
    fn renamed(&self) -> bool {
        !(0..self.sources.len()).any(|i| self.base(i) == ANOTHER)
    }
    /// A name of an attribute.
    fn name(&mut self, a: &Attr) -> String {
        match self.renamed() {
            true => [std::slice::from_ref(&a.name), &a.renamed[..]].concat()[self.t.below(1 + a.renamed.len())].clone(),
            false => a.name.clone(),
        }
    }

    fn history(&self, source: usize) -> bool {
        matches!(&self.sources[source], Source::Db(v) if v.history)
    }

    /// An input, with the variables that it binds.
    fn input(&mut self, s: &mut Scope) -> (Binding, Data) {
        let form = self.t.below(7);
        let n = if form < 2 { 1 } else { 2 };
        let tys: Vec<Ty> = (0..n)
            .map(|_| {
                let attr = self.data_attr(0);
                match attr.ty {
                    ValueType::Ref => Ty::Ref,
                    ValueType::Float | ValueType::Tuple => LONG,
                    ty if self.t.chance(60) => Ty::Val(ty),
                    _ => Ty::Ref,
                }
            })
            .collect();
        let vars: Vec<Binding> = tys
            .iter()
            .enumerate()
            .map(|(i, ty)| match i > 0 && self.t.chance(10) {
                true => Binding::Blank,
                false => Binding::Var(self.new_var(s, *ty)),
            })
            .collect();
        let datum = |g: &mut Self, ty: Ty| match ty {
            Ty::Ref => Data::Entity(g.entity(0)),
            Ty::Val(ty) => Data::Val(g.val(ty)),
            _ => Data::Val(Val::Long(1)),
        };
        let count = self.t.below(4);
        let data = match form {
            0 => datum(self, tys[0]),
            1 => Data::All((0..count).map(|_| datum(self, tys[0])).collect()),
            2 => Data::All(tys.iter().map(|ty| datum(self, *ty)).collect()),
            3 => {
                let first = datum(self, tys[0]);
                let rest = Data::All((0..count).map(|_| datum(self, tys[1])).collect());
                Data::All(vec![first, rest])
            }
            4 => {
                let mut pairs: Vec<(Data, Data)> = Vec::new();
                for _ in 0..count {
                    let (k, v) = (datum(self, tys[0]), datum(self, tys[1]));
                    if pairs.iter().all(|(known, _)| known.to_string() != k.to_string()) {
                        pairs.push((k, v));
                    }
                }
                Data::Pairs(pairs)
            }
            _ => Data::All(
                (0..count)
                    .map(|_| Data::All(tys.iter().map(|ty| datum(self, *ty)).collect()))
                    .collect(),
            ),
        };
        let binding = match form {
            0 => vars[0].clone(),
            1 => Binding::Coll(Box::new(vars[0].clone())),
            2 => Binding::Tuple(vars),
            3 => Binding::Tuple(vec![vars[0].clone(), Binding::Coll(Box::new(vars[1].clone()))]),
            5 => Binding::Coll(Box::new(Binding::Tuple(vars))),
            _ => Binding::Rel(vars),
        };
        (binding, data)
    }

    /// Variables of inputs that stand for entities get a clause that shows it, so that idents and lookup refs mean something.
    fn settle_entities(&mut self, inputs: &mut [(Binding, Data)], clauses: &mut Vec<Clause>) {
        fn by_id(data: &mut Data, id: u64) {
            match data {
                Data::Entity(e) if !matches!(e, Entity::Id(_)) => *e = Entity::Id(id),
                Data::All(items) => items.iter_mut().for_each(|i| by_id(i, id)),
                Data::Pairs(pairs) => {
                    for (k, v) in pairs.iter_mut() {
                        by_id(k, id);
                        by_id(v, id);
                    }
                    let mut known = BTreeSet::new();
                    pairs.retain(|(k, _)| known.insert(k.to_string()));
                }
                _ => {}
            }
        }
        for (binding, data) in inputs {
            let mut vars = BTreeSet::new();
            binding.vars(&mut vars);
            for v in vars.into_iter().filter(|v| self.ty(*v) == Ty::Ref) {
                clauses.push(Clause::Pattern {
                    source: None,
                    terms: vec![Term::Var(v), attribute(":a/x0"), Term::Blank],
                });
            }
            // What a blank stands for, nothing shows; and with several sources it is not said whose names they are.
            let blank = binding.to_string().contains('_');
            if blank || self.sources.len() > 1 {
                by_id(data, self.w.entities[0]);
            }
        }
    }

    /// An attribute of a source, under one of its names.
    fn data_attr(&mut self, source: usize) -> Attr {
        let world = self.w.of(self.base(source));
        let mut attr = world.attrs[*self.t.pick(&world.data)].clone();
        attr.name = self.name(&attr);
        attr
    }

    /// What names an entity in a source.
    fn entity(&mut self, source: usize) -> Entity {
        let id = Entity::Id(*self.t.pick(&self.w.of(self.base(source)).entities));
        match self.t.below(6) {
            4 => {
                let names = [":c/red", ":c/green", ":c/rouge", ":c/verde"];
                let known = |n: &&&str| self.renamed() && self.world(source).idents.contains_key(**n);
                let names: Vec<&str> = names[..2]
                    .iter()
                    .chain(names[2..].iter().filter(known))
                    .copied()
                    .collect();
                Entity::Ident(self.t.pick(&names).to_string())
            }
            5 if !self.history(source) => {
                let unique: Vec<Attr> = self
                    .world(source)
                    .data()
                    .filter(|a| {
                        a.unique && !a.altered && !matches!(a.ty, ValueType::Ref | ValueType::Tuple | ValueType::Float)
                    })
                    .cloned()
                    .collect();
                let found = self
                    .t
                    .maybe(&unique)
                    .and_then(|a| Some((a.name.clone(), self.known(&a, source)?)));
                found.map_or(id, |(name, v)| Entity::Lookup(name, v))
            }
            _ => id,
        }
    }

    /// A value that the attribute has somewhere, or could have.
    fn known(&mut self, a: &Attr, source: usize) -> Option<Val> {
        let facts = self.w.base(self.base(source)).1;
        let there: Vec<&Val> = facts.iter().filter(|f| f.a == a.id).map(|f| &f.v).collect();
        let made = matches!(a.ty, ValueType::Ref | ValueType::Tuple);
        if !there.is_empty() && (made || self.t.chance(70)) {
            return Some((*self.t.pick(&there)).clone());
        }
        (!made).then(|| self.val(a.ty))
    }

    /// A variable of a type, an old one or a new one; `None` when there is none to be had.
    fn some_var(&mut self, s: &mut Scope, ty: Ty, old: usize) -> Option<Var> {
        let known = self.of(s, ty);
        if !known.is_empty() && (!s.fresh || self.t.below(100) < old) {
            return self.t.maybe(&known);
        }
        s.fresh.then(|| self.new_var(s, ty))
    }

    fn entity_term(&mut self, s: &mut Scope, ty: Ty, source: usize) -> Term {
        match self.t.below(20) {
            18 | 19 => Term::Blank,
            17 if ty == Ty::Ref => Term::Entity(self.entity(source)),
            _ => self.some_var(s, ty, 70).map_or(Term::Blank, Term::Var),
        }
    }

    fn value_term(&mut self, s: &mut Scope, a: &Attr, source: usize) -> Term {
        if a.is_ref() {
            return self.entity_term(s, Ty::Ref, source);
        }
        match self.t.below(10) {
            8 | 9 => Term::Blank,
            7 => self.known(a, source).map_or(Term::Blank, Term::Val),
            _ => self.some_var(s, Ty::Val(a.ty), 35).map_or(Term::Blank, Term::Var),
        }
    }

    /// A source for a clause: how it is written, and which it is.
    fn source(&mut self, s: &Scope, rows_too: bool) -> (Option<usize>, usize) {
        if s.rule.is_none() && self.sources.len() > 1 && self.t.chance(50) {
            let i = self.t.below(self.sources.len());
            if rows_too || matches!(self.sources[i], Source::Db(_)) {
                return (Some(i), i);
            }
        }
        (None, s.source)
    }

    fn pattern(&mut self, s: &mut Scope) -> Clause {
        let (named, source) = self.source(s, true);
        if let Source::Rows(_) = self.sources[source] {
            let mut terms = Vec::new();
            for ty in [Ty::Ref, LONG, STRING].iter().take(1 + self.t.below(3)) {
                terms.push(match (self.t.below(6), ty) {
                    (5, _) => Term::Blank,
                    (4, Ty::Val(ty)) => Term::Val(self.val(*ty)),
                    _ => self.some_var(s, *ty, 60).map_or(Term::Blank, Term::Var),
                });
            }
            return Clause::Pattern { source: named, terms };
        }
        let entities = self.of(s, Ty::Ref);
        let mut terms = match self.t.below(30) {
            29 => {
                // When it happened.
                let tx = self.some_var(s, Ty::Tx, 80).map_or(Term::Blank, Term::Var);
                let v = self
                    .some_var(s, Ty::Val(ValueType::Instant), 20)
                    .map_or(Term::Blank, Term::Var);
                vec![tx, attribute(":db/txInstant"), v]
            }
            27 | 28 if !entities.is_empty() || self.scan => {
                let e = match self.t.maybe(&entities) {
                    Some(e) => Term::Var(e),
                    None => self.entity_term(s, Ty::Ref, source),
                };
                let a = self.some_var(s, Ty::Attr, 50).map_or(Term::Blank, Term::Var);
                let v = match self.t.below(5) {
                    0 => Term::Blank,
                    1 => Term::Val(self.val(ValueType::Long)),
                    2 => self.t.maybe(&s.bound).map_or(Term::Blank, Term::Var),
                    _ => self.some_var(s, Ty::Any, 40).map_or(Term::Blank, Term::Var),
                };
                vec![e, a, v]
            }
            26 => {
                let e = self.some_var(s, Ty::Attr, 90).map_or(Term::Blank, Term::Var);
                let v = self
                    .some_var(s, Ty::Val(ValueType::Keyword), 50)
                    .map_or(Term::Blank, Term::Var);
                vec![e, attribute(":db/ident"), v]
            }
            _ => {
                let a = self.data_attr(source);
                let e = self.entity_term(s, Ty::Ref, source);
                let v = self.value_term(s, &a, source);
                let mut terms = vec![e, attribute(&a.name), v];
                if self.t.chance(8) && matches!(terms[2], Term::Blank) {
                    terms.pop();
                }
                terms
            }
        };
        let history = self.history(source);
        if terms.len() == 3 && self.t.chance(if history { 50 } else { 12 }) {
            terms.push(match self.t.below(8) {
                0 => Term::Blank,
                1 => Term::Val(tx_id(1 + self.t.below(self.w.last_t as usize) as u64)),
                _ => self.some_var(s, Ty::Tx, 40).map_or(Term::Blank, Term::Var),
            });
            if self.t.chance(if history { 60 } else { 10 }) {
                terms.push(match self.t.below(4) {
                    0 => Term::Val(Val::Boolean(true)),
                    1 => Term::Val(Val::Boolean(false)),
                    _ => self
                        .some_var(s, Ty::Val(ValueType::Boolean), 30)
                        .map_or(Term::Blank, Term::Var),
                });
            }
        }
        Clause::Pattern { source: named, terms }
    }

    /// A clause that binds a variable.
    fn bind(&mut self, v: Var, s: &mut Scope) -> Clause {
        let me = Term::Var(v);
        let source = s.source;
        let a = self.data_attr(source);
        let terms = match self.ty(v) {
            Ty::Ref => {
                let refs: Vec<Attr> = self.world(source).data().filter(|a| a.is_ref()).cloned().collect();
                match self.t.maybe(&refs).filter(|_| self.t.chance(35)) {
                    Some(a) => vec![self.entity_term(s, Ty::Ref, source), attribute(&a.name), me],
                    None => vec![me, attribute(&a.name), self.value_term(s, &a, source)],
                }
            }
            Ty::Tx => vec![
                self.entity_term(s, Ty::Ref, source),
                attribute(&a.name),
                Term::Blank,
                me,
            ],
            Ty::Attr => vec![me, attribute(":db/ident"), Term::Blank],
            Ty::Val(ty) => {
                let fits: Vec<Attr> = self.world(source).data().filter(|a| a.ty == ty).cloned().collect();
                match self.t.maybe(&fits) {
                    Some(a) => vec![self.entity_term(s, Ty::Ref, source), attribute(&a.name), me],
                    None => {
                        let ty = if ty == ValueType::Float { ValueType::Double } else { ty };
                        return Clause::Func("ground", vec![Arg::Val(self.val(ty))], Binding::Var(v));
                    }
                }
            }
            Ty::Any => return Clause::Func("ground", vec![Arg::Val(Val::Long(1))], Binding::Var(v)),
        };
        if !s.bound.contains(&v) {
            s.bound.push(v);
        }
        Clause::Pattern { source: None, terms }
    }

    fn clause(&mut self, s: &mut Scope) -> Option<Clause> {
        let deep = s.depth >= 3 && (s.depth >= 7 || !self.t.chance(40));
        match self.t.below(43) {
            0..=11 => Some(self.pattern(s)),
            12..=16 => self.predicate(s),
            17..=21 => self.function(s),
            22..=24 => self.lookup(s),
            25..=29 if !deep => self.negation(s),
            30..=34 if !deep => self.disjunction(s),
            35..=38 => self.rule_call(s),
            39 | 40 if s.rule.is_none() && !deep => self.nested(s),
            41 | 42 if s.rule.is_none() => self.log(s),
            _ => Some(self.pattern(s)),
        }
    }

    fn some_of(&mut self, all: &[Var], most: usize) -> Vec<Var> {
        let mut out = Vec::new();
        for _ in 0..1 + self.t.below(most) {
            let v = *self.t.pick(all);
            if !out.contains(&v) {
                out.push(v);
            }
        }
        out
    }
}

fn attribute(name: &str) -> Term {
    Term::Entity(Entity::Ident(name.to_string()))
}

fn tx_id(t: u64) -> Val {
    Val::Ref(asof::datom::TxId::from_t(t).into())
}
