//! A query as its author meant it: typed clauses with the places they were written at. Knows no database.

use rustc_hash::FxHashMap;

use crate::edn::{Edn, Symbol};
use crate::error::Span;

/// A logic variable: an index into [`Vars`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Var(pub u32);

/// The variables of one scope (a query, or one body of a rule), by number.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    names: Vec<Symbol>,
}

impl Vars {
    /// The variable of a name, numbered now if it is new.
    pub fn var(&mut self, name: &Symbol) -> Var {
        match self.names.iter().position(|n| n == name) {
            Some(i) => Var(i as u32),
            None => self.fresh(name.clone()),
        }
    }
    /// A variable that no other name means, shown as `name`.
    pub fn fresh(&mut self, name: Symbol) -> Var {
        self.names.push(name);
        Var(self.names.len() as u32 - 1)
    }
    /// How many there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.names.len()
    }
    /// How a variable was written.
    pub fn name(&self, v: Var) -> &Symbol {
        &self.names[v.0 as usize]
    }
}

/// What stands in a position of a pattern or rule call.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// `_`
    Blank(Span),
    /// `?x`
    Var(Var, Span),
    /// Anything else.
    Const(Edn),
}

impl Term {
    /// The variable, if it is one.
    pub fn var(&self) -> Option<Var> {
        match self {
            Term::Var(v, _) => Some(*v),
            _ => None,
        }
    }
}

/// `[$src e a v tx op]`; trailing positions may be missing.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The named source, or the default.
    pub source: Option<Symbol>,
    /// The positions.
    pub terms: Vec<Term>,
    /// The whole clause.
    pub span: Span,
}

/// An argument of a function or predicate.
#[derive(Clone, Debug)]
pub enum Arg {
    /// `?x`
    Var(Var, Span),
    /// `$`, `$name`
    Source(Symbol, Span),
    /// Anything else.
    Const(Edn),
}

/// `(f arg ...)`.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function's name.
    pub name: Symbol,
    /// Where the name stands.
    pub name_span: Span,
    /// The arguments.
    pub args: Vec<Arg>,
    /// The list.
    pub span: Span,
}

impl Call {
    /// The variables among the arguments.
    pub fn vars(&self) -> impl Iterator<Item = Var> + '_ {
        self.args.iter().filter_map(|a| match a {
            Arg::Var(v, _) => Some(*v),
            _ => None,
        })
    }
}

/// How a value is taken apart into variables.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// `_`
    Blank,
    /// `?x`
    Scalar(Var),
    /// `[?a ?b]`
    Tuple(Vec<Binding>),
    /// `[?x ...]`
    Collection(Box<Binding>),
    /// `[[?a ?b]]`
    Relation(Vec<Binding>),
}

impl Binding {
    /// Appends its variables, in order.
    pub fn collect(&self, out: &mut Vec<Var>) {
        match self {
            Binding::Blank => {}
            Binding::Scalar(v) => {
                if !out.contains(v) {
                    out.push(*v)
                }
            }
            Binding::Collection(b) => b.collect(out),
            Binding::Tuple(bs) | Binding::Relation(bs) => bs.iter().for_each(|b| b.collect(out)),
        }
    }
    /// Its variables, in order.
    pub fn vars(&self) -> Vec<Var> {
        let mut out = Vec::new();
        self.collect(&mut out);
        out
    }
}

/// The variables a `not-join`, `or-join` or rule head names.
#[derive(Clone, Debug, Default)]
pub struct JoinVars {
    /// Those that must be bound before entry.
    pub required: Vec<Var>,
    /// The others.
    pub free: Vec<Var>,
}

impl JoinVars {
    /// All of them, the required first.
    pub fn all(&self) -> impl Iterator<Item = Var> + '_ {
        self.required.iter().chain(&self.free).copied()
    }
}

/// A clause of `:where` or of a rule's body.
#[derive(Clone, Debug)]
pub enum Clause {
    /// Facts, or rows of a collection.
    Pattern(Pattern),
    /// `[(f ?x)]`
    Predicate(Call),
    /// `[(f ?x) ?y]`
    Function(Call, Binding, Span),
    /// `(not ...)`, or with variables `(not-join [?x] ...)`.
    Not {
        /// The source that is the default inside.
        source: Option<Symbol>,
        /// The variables of a `not-join`.
        vars: Option<Vec<Var>>,
        /// What must not hold, all together.
        body: Vec<Clause>,
        /// The whole clause.
        span: Span,
    },
    /// `(or ...)`, or with variables `(or-join [?x] ...)`.
    Or {
        /// The source that is the default inside.
        source: Option<Symbol>,
        /// The variables of an `or-join`.
        vars: Option<JoinVars>,
        /// The branches, each a conjunction.
        branches: Vec<Vec<Clause>>,
        /// The whole clause.
        span: Span,
    },
    /// `(and ...)`
    And(Vec<Clause>),
    /// `(rule ?x)`
    Rule {
        /// The source that is the default inside.
        source: Option<Symbol>,
        /// The rule.
        name: Symbol,
        /// What is passed.
        args: Vec<Term>,
        /// The whole clause.
        span: Span,
    },
}

impl Clause {
    /// Where it was written.
    pub fn span(&self) -> Span {
        match self {
            Clause::Pattern(p) => p.span,
            Clause::Predicate(call) => call.span,
            Clause::And(body) => body.first().map_or(Span::NONE, Clause::span),
            Clause::Function(_, _, span)
            | Clause::Not { span, .. }
            | Clause::Or { span, .. }
            | Clause::Rule { span, .. } => *span,
        }
    }

    /// Appends the variables that are visible outside of it, in order, without repetition.
    pub fn collect(&self, out: &mut Vec<Var>) {
        let add = |v: Var| {
            if !out.contains(&v) {
                out.push(v)
            }
        };
        match self {
            Clause::Pattern(p) => p.terms.iter().filter_map(Term::var).for_each(add),
            Clause::Rule { args, .. } => args.iter().filter_map(Term::var).for_each(add),
            Clause::Predicate(c) => c.vars().for_each(add),
            Clause::Function(c, b, _) => {
                c.vars().for_each(add);
                b.collect(out);
            }
            Clause::Not { vars: Some(vars), .. } => vars.iter().copied().for_each(add),
            Clause::Or { vars: Some(vars), .. } => vars.all().for_each(add),
            Clause::Not { body, .. } | Clause::And(body) => body.iter().for_each(|c| c.collect(out)),
            Clause::Or { branches, .. } => branches.iter().flatten().for_each(|c| c.collect(out)),
        }
    }
}

impl Clause {
    /// The same clause over other variables.
    pub fn rename(&self, f: &mut dyn FnMut(Var) -> Var) -> Clause {
        fn term(t: &Term, f: &mut dyn FnMut(Var) -> Var) -> Term {
            match t {
                Term::Var(v, s) => Term::Var(f(*v), *s),
                t => t.clone(),
            }
        }
        fn call(c: &Call, f: &mut dyn FnMut(Var) -> Var) -> Call {
            let args = c.args.iter().map(|a| match a {
                Arg::Var(v, s) => Arg::Var(f(*v), *s),
                a => a.clone(),
            });
            Call {
                args: args.collect(),
                ..c.clone()
            }
        }
        fn all(body: &[Clause], f: &mut dyn FnMut(Var) -> Var) -> Vec<Clause> {
            body.iter().map(|c| c.rename(f)).collect()
        }
        match self {
            Clause::Pattern(p) => Clause::Pattern(Pattern {
                terms: p.terms.iter().map(|t| term(t, f)).collect(),
                ..p.clone()
            }),
            Clause::Predicate(c) => Clause::Predicate(call(c, f)),
            Clause::Function(c, b, span) => Clause::Function(call(c, f), b.rename(f), *span),
            Clause::And(body) => Clause::And(all(body, f)),
            Clause::Not {
                source,
                vars,
                body,
                span,
            } => Clause::Not {
                source: source.clone(),
                vars: vars.as_ref().map(|vs| vs.iter().map(|v| f(*v)).collect()),
                body: all(body, f),
                span: *span,
            },
            Clause::Or {
                source,
                vars,
                branches,
                span,
            } => Clause::Or {
                source: source.clone(),
                vars: vars.as_ref().map(|vs| JoinVars {
                    required: vs.required.iter().map(|v| f(*v)).collect(),
                    free: vs.free.iter().map(|v| f(*v)).collect(),
                }),
                branches: branches.iter().map(|b| all(b, f)).collect(),
                span: *span,
            },
            Clause::Rule {
                source,
                name,
                args,
                span,
            } => Clause::Rule {
                source: source.clone(),
                name: name.clone(),
                args: args.iter().map(|t| term(t, f)).collect(),
                span: *span,
            },
        }
    }
}

/// Whether two conjunctions are the same but for the places they were written at.
pub(crate) fn alike(a: &[Clause], b: &[Clause]) -> bool {
    fn args(a: &[Arg], b: &[Arg]) -> bool {
        a.len() == b.len()
            && a.iter().zip(b).all(|pair| match pair {
                (Arg::Var(x, _), Arg::Var(y, _)) => x == y,
                (Arg::Source(x, _), Arg::Source(y, _)) => x == y,
                (Arg::Const(x), Arg::Const(y)) => x == y,
                _ => false,
            })
    }
    fn terms(a: &[Term], b: &[Term]) -> bool {
        a.len() == b.len()
            && a.iter().zip(b).all(|pair| match pair {
                (Term::Blank(_), Term::Blank(_)) => true,
                (Term::Var(x, _), Term::Var(y, _)) => x == y,
                (Term::Const(x), Term::Const(y)) => x == y,
                _ => false,
            })
    }
    fn one(a: &Clause, b: &Clause) -> bool {
        match (a, b) {
            (Clause::Pattern(p), Clause::Pattern(q)) => p.source == q.source && terms(&p.terms, &q.terms),
            (Clause::Predicate(p), Clause::Predicate(q)) => p.name == q.name && args(&p.args, &q.args),
            (Clause::Function(p, x, _), Clause::Function(q, y, _)) => {
                p.name == q.name && args(&p.args, &q.args) && x == y
            }
            (
                Clause::Not {
                    source: s,
                    vars: v,
                    body: x,
                    ..
                },
                Clause::Not {
                    source: t,
                    vars: w,
                    body: y,
                    ..
                },
            ) => s == t && v == w && alike(x, y),
            (
                Clause::Rule {
                    source: s,
                    name: n,
                    args: x,
                    ..
                },
                Clause::Rule {
                    source: t,
                    name: m,
                    args: y,
                    ..
                },
            ) => s == t && n == m && terms(x, y),
            (Clause::And(x), Clause::And(y)) => alike(x, y),
            // Disjunctions are compared by no one yet: two that are written alike count as different.
            _ => false,
        }
    }
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| one(a, b))
}

impl Binding {
    /// The same form over other variables.
    pub fn rename(&self, f: &mut dyn FnMut(Var) -> Var) -> Binding {
        let mut all = |bs: &[Binding]| bs.iter().map(|b| b.rename(f)).collect();
        match self {
            Binding::Blank => Binding::Blank,
            Binding::Tuple(bs) => Binding::Tuple(all(bs)),
            Binding::Relation(bs) => Binding::Relation(all(bs)),
            Binding::Collection(b) => Binding::Collection(Box::new(b.rename(f))),
            Binding::Scalar(v) => Binding::Scalar(f(*v)),
        }
    }
}

/// One body of a rule. Its variables are its own.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The rule's name.
    pub name: Symbol,
    /// The head's variables, in order.
    pub head: Vec<Var>,
    /// How many of them, from the left, callers must bind.
    pub required: usize,
    /// The clauses.
    pub body: Vec<Clause>,
    /// The names of its variables.
    pub vars: Vars,
    /// The head.
    pub span: Span,
}

/// All rules a query may call.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The bodies, in the order of the text.
    pub bodies: Vec<Rule>,
    /// Where the bodies of each rule are: there may be very many rules.
    places: FxHashMap<Symbol, Vec<usize>>,
}

impl Rules {
    /// One body more.
    pub fn push(&mut self, rule: Rule) {
        self.places
            .entry(rule.name.clone())
            .or_default()
            .push(self.bodies.len());
        self.bodies.push(rule);
    }
    /// The bodies of a rule.
    pub fn of(&self, name: &Symbol) -> impl Iterator<Item = &Rule> {
        self.places.get(name).into_iter().flatten().map(|i| &self.bodies[*i])
    }
    /// A body of the rule: its head says the arity.
    pub fn head(&self, name: &Symbol) -> Option<&Rule> {
        self.of(name).next()
    }
}

/// An input as `:in` declares it.
#[derive(Clone, Debug)]
pub enum InSpec {
    /// `$`, `$name`
    Source(Symbol),
    /// `%`
    Rules,
    /// A plain symbol: a pull pattern.
    Pattern(Symbol),
    /// A binding form.
    Bind(Binding),
}

/// An element of `:find`.
#[derive(Clone, Debug)]
pub enum FindElem {
    /// `?x`
    Var(Var),
    /// `(count ?x)`, `(min 3 ?x)`
    Aggregate {
        /// The aggregate.
        name: Symbol,
        /// Where its name stands.
        name_span: Span,
        /// The constants before the variable.
        args: Vec<Edn>,
        /// The variable.
        var: Var,
        /// Where it stands.
        var_span: Span,
        /// The list.
        span: Span,
    },
    /// `(pull $src ?e pattern)`
    Pull {
        /// The source.
        source: Option<Symbol>,
        /// The entity.
        var: Var,
        /// Where it stands.
        var_span: Span,
        /// The pattern.
        pattern: PullPattern,
        /// The list.
        span: Span,
    },
}

impl FindElem {
    /// The variable it is about.
    pub fn var(&self) -> Var {
        match self {
            FindElem::Var(v) | FindElem::Aggregate { var: v, .. } | FindElem::Pull { var: v, .. } => *v,
        }
    }
    /// As it was written; of a pull, whom it is about.
    pub fn shown(&self, vars: &Vars) -> String {
        let var = vars.name(self.var());
        match self {
            FindElem::Var(_) => var.to_string(),
            FindElem::Aggregate { name, args, .. } => {
                let args: String = args.iter().map(|a| format!("{a} ")).collect();
                format!("({name} {args}{var})")
            }
            FindElem::Pull { .. } => format!("(pull {var})"),
        }
    }
}

/// The pattern of a pull in `:find`.
#[derive(Clone, Debug)]
pub enum PullPattern {
    /// Written in the query.
    Inline(Edn),
    /// An input.
    Input(Symbol, Span),
}

/// The shape of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `:find ?a ?b`
    Relation,
    /// `:find [?a ...]`
    Collection,
    /// `:find [?a ?b]`
    Tuple,
    /// `:find ?a .`
    Scalar,
}

/// What the maps of `:keys`, `:strs` and `:syms` have as keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Keywords.
    Keys,
    /// Strings.
    Strs,
    /// Symbols.
    Syms,
}

/// `:find` with what belongs to it.
#[derive(Clone, Debug)]
pub struct Find {
    /// The answer's shape.
    pub shape: Shape,
    /// The elements.
    pub elems: Vec<FindElem>,
    /// Where each element was written.
    pub spans: Vec<Span>,
    /// `:with`
    pub with: Vec<Var>,
    /// `:keys`, `:strs`, `:syms`: the key of each element.
    pub keys: Option<(KeyKind, Vec<Symbol>)>,
    /// `:order-by`: positions of elements, and whether descending.
    pub order: Vec<(usize, bool)>,
    /// Aggregates that `:having` alone asks for; they are not shown.
    pub hidden: Vec<FindElem>,
    /// `:having`: what the rows must pass after they were grouped.
    pub having: Vec<Having>,
    /// `:after`: the token of the page before.
    pub after: Option<Edn>,
    /// Of the query without `:limit`, `:offset` and `:after`: tokens know their query by it.
    pub fingerprint: u64,
    /// `:limit`
    pub limit: Option<usize>,
    /// `:offset`
    pub offset: usize,
}

/// A predicate of `:having`.
#[derive(Clone, Debug)]
pub struct Having {
    /// The function.
    pub name: Symbol,
    /// Where its name stands.
    pub name_span: Span,
    /// What it is given.
    pub args: Vec<HavingArg>,
    /// The whole call.
    pub span: Span,
}

/// An argument of a predicate of `:having`.
#[derive(Clone, Debug)]
pub enum HavingArg {
    /// What an element gives, counted over those shown and then those hidden.
    Elem(usize, Span),
    /// A constant.
    Const(Edn),
}

/// `:as-of`, `:since` and `:history` of the query text; they apply to the default source.
#[derive(Clone, Debug, Default)]
pub struct TimeSpec {
    /// The upper bound.
    pub as_of: Option<Edn>,
    /// The lower bound.
    pub since: Option<Edn>,
    /// Every change.
    pub history: bool,
}

impl TimeSpec {
    /// Whether it says anything.
    pub fn is_some(&self) -> bool {
        self.as_of.is_some() || self.since.is_some() || self.history
    }
}

/// A query, parsed.
#[derive(Clone, Debug)]
pub struct Ast {
    /// What is asked for.
    pub find: Find,
    /// What is given.
    pub inputs: Vec<(InSpec, Span)>,
    /// What must hold.
    pub clauses: Vec<Clause>,
    /// The names of its variables.
    pub vars: Vars,
    /// When: a view of the default source.
    pub time: TimeSpec,
    /// `:allow-scan true`: patterns may read everything.
    pub allow_scan: bool,
    /// The whole query.
    pub span: Span,
}

impl Ast {
    /// The names of the columns of an answer.
    pub fn columns(&self) -> Vec<String> {
        match &self.find.keys {
            Some((_, names)) => names.iter().map(Symbol::to_string).collect(),
            None => self.find.elems.iter().map(|e| e.shown(&self.vars)).collect(),
        }
    }
}
