//! Queries as data. The naive evaluator gets them as they are, the engine as text (`text.rs`).

use std::collections::BTreeSet;

use asof::datom::Val;

/// `?v3`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Var(pub usize);

/// What names an entity.
#[derive(Clone, Debug)]
pub enum Entity {
    Id(u64),
    Ident(String),
    Lookup(String, Val),
}

#[derive(Clone, Debug)]
pub enum Term {
    Blank,
    Var(Var),
    Val(Val),
    Entity(Entity),
}

#[derive(Clone, Debug)]
pub enum Arg {
    Var(Var),
    Val(Val),
}

#[derive(Clone, Debug)]
pub enum Binding {
    Blank,
    Var(Var),
    Tuple(Vec<Binding>),
    Coll(Box<Binding>),
    Rel(Vec<Binding>),
}

/// `None` in a `source` is the default one of the place.
#[derive(Clone, Debug)]
pub enum Clause {
    Pattern {
        source: Option<usize>,
        terms: Vec<Term>,
    },
    Pred(&'static str, Vec<Arg>),
    Func(&'static str, Vec<Arg>, Binding),
    Missing {
        source: Option<usize>,
        e: Var,
        attr: String,
        reverse: bool,
    },
    GetElse {
        source: Option<usize>,
        e: Var,
        attr: String,
        default: Val,
        out: Var,
    },
    GetSome {
        source: Option<usize>,
        e: Var,
        attrs: Vec<String>,
        out: [Binding; 2],
    },
    Not {
        source: Option<usize>,
        join: Option<Vec<Var>>,
        body: Vec<Clause>,
    },
    Or {
        source: Option<usize>,
        join: Option<(Vec<Var>, Vec<Var>)>,
        branches: Vec<Vec<Clause>>,
    },
    Rule {
        source: Option<usize>,
        name: usize,
        args: Vec<Term>,
    },
    /// `tx-ids`: the transactions of a source's log between two.
    TxIds {
        source: usize,
        from: Arg,
        to: Arg,
        out: Binding,
    },
    /// `tx-data`: the facts of one of them.
    TxData {
        source: usize,
        tx: Arg,
        out: Vec<Binding>,
    },
    /// A query inside, asked of one source: the variables it is given are those of its bindings.
    Nested {
        source: usize,
        query: Box<Query>,
        args: Vec<Var>,
        out: Binding,
    },
}

/// One body; several rules of one name are alternatives.
#[derive(Clone, Debug)]
pub struct Rule {
    pub name: usize,
    /// The first so many must be bound.
    pub required: usize,
    pub head: Vec<Var>,
    pub body: Vec<Clause>,
}

#[derive(Clone, Debug)]
pub enum Elem {
    Var(Var),
    Aggregate(&'static str, Option<i64>, Var),
    Pull(usize, Var, Vec<Spec>),
}

/// One attribute of a pull.
#[derive(Clone, Debug)]
pub struct Spec {
    pub attr: Option<String>,
    pub reverse: bool,
    pub inside: Inside,
    pub limit: Option<Option<usize>>,
    pub default: Option<Val>,
    pub rename: Option<String>,
    pub xform: bool,
}

#[derive(Clone, Debug)]
pub enum Inside {
    Plain,
    /// `:db/id`
    Id,
    /// `*`
    Everything,
    Nested(Vec<Spec>),
    /// To a depth, or to the end.
    Again(Option<usize>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Relation,
    Collection,
    Tuple,
    Scalar,
}

/// What a predicate of `:having` compares.
#[derive(Clone, Debug)]
pub enum Tested {
    Elem(Elem),
    Val(Val),
}

/// What a filter keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Filter {
    /// Facts of entities with even numbers.
    Even,
    /// All facts but those of an attribute.
    Without(u64),
    /// Facts of later transactions.
    After(u64),
}

impl Filter {
    pub fn keeps(self, e: u64, a: u64, t: u64) -> bool {
        match self {
            Filter::Even => e.is_multiple_of(2),
            Filter::Without(attr) => a != attr,
            Filter::After(moment) => t > moment,
        }
    }
}

/// A view of a database of the case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Which database: 0 is the case's own.
    pub base: usize,
    pub filter: Option<Filter>,
    pub as_of: Option<u64>,
    pub since: Option<u64>,
    pub history: bool,
}

#[derive(Clone, Debug)]
pub enum Source {
    Db(View),
    Rows(Vec<Vec<Val>>),
}

/// What an input binds; entities are named in several ways.
#[derive(Clone, Debug)]
pub enum Data {
    Val(Val),
    Entity(Entity),
    All(Vec<Data>),
    /// `{k v}`: a relation of pairs.
    Pairs(Vec<(Data, Data)>),
}

#[derive(Clone, Debug)]
pub struct Query {
    pub shape: Shape,
    pub find: Vec<Elem>,
    /// `:keys`, `:strs` or `:syms`.
    pub keys: Option<&'static str>,
    /// Pull patterns come as inputs.
    pub patterns: bool,
    pub with: Vec<Var>,
    pub sources: Vec<Source>,
    pub inputs: Vec<(Binding, Data)>,
    pub rules: Vec<Rule>,
    pub clauses: Vec<Clause>,
    pub having: Vec<(&'static str, [Tested; 2])>,
    pub order: Vec<(usize, bool)>,
    pub limit: Option<usize>,
    pub offset: usize,
    pub allow_scan: bool,
    /// The view of source 0 is written in the query.
    pub time_in_text: bool,
    /// As a map instead of a vector.
    pub as_map: bool,
}

impl Clause {
    /// The variables that the outside sees.
    pub fn vars(&self, out: &mut BTreeSet<Var>) {
        let terms = |terms: &[Term], out: &mut BTreeSet<Var>| {
            out.extend(terms.iter().filter_map(|t| match t {
                Term::Var(v) => Some(*v),
                _ => None,
            }))
        };
        match self {
            Clause::Pattern { terms: t, .. } | Clause::Rule { args: t, .. } => terms(t, out),
            Clause::Pred(_, args) => out.extend(args.iter().filter_map(Arg::var)),
            Clause::Func(_, args, binding) => {
                out.extend(args.iter().filter_map(Arg::var));
                binding.vars(out);
            }
            Clause::Missing { e, .. } => out.extend([*e]),
            Clause::GetElse { e, out: o, .. } => out.extend([*e, *o]),
            Clause::GetSome { e, out: o, .. } => {
                out.extend([*e]);
                o.iter().for_each(|b| b.vars(out));
            }
            Clause::Not { join: Some(vars), .. } => out.extend(vars),
            Clause::Not { body, .. } => body.iter().for_each(|c| c.vars(out)),
            Clause::Or {
                join: Some((required, free)),
                ..
            } => out.extend(required.iter().chain(free)),
            Clause::Or { branches, .. } => branches.iter().flatten().for_each(|c| c.vars(out)),
            Clause::TxIds {
                from, to, out: binding, ..
            } => {
                out.extend([from, to].into_iter().filter_map(Arg::var));
                binding.vars(out);
            }
            Clause::TxData { tx, out: bindings, .. } => {
                out.extend(tx.var());
                bindings.iter().for_each(|b| b.vars(out));
            }
            Clause::Nested { args, out: binding, .. } => {
                out.extend(args);
                binding.vars(out);
            }
        }
    }

    /// The variables it can bind.
    pub fn binds(&self, out: &mut BTreeSet<Var>) {
        match self {
            Clause::Pattern { .. } | Clause::Rule { .. } => self.vars(out),
            Clause::Func(_, _, b) | Clause::Nested { out: b, .. } | Clause::TxIds { out: b, .. } => b.vars(out),
            Clause::TxData { out: bindings, .. } => bindings.iter().for_each(|b| b.vars(out)),
            Clause::GetElse { out: o, .. } => out.extend([*o]),
            Clause::GetSome { out: o, .. } => o.iter().for_each(|b| b.vars(out)),
            Clause::Or {
                join: Some((_, free)), ..
            } => out.extend(free),
            Clause::Or { branches, .. } => branches.iter().flatten().for_each(|c| c.binds(out)),
            Clause::Pred(..) | Clause::Missing { .. } | Clause::Not { .. } => {}
        }
    }

    /// The same with its parts, and theirs, in another order.
    pub fn permuted(&self, shuffle: &mut dyn FnMut(&mut Vec<Clause>)) -> Clause {
        let mut all = |body: &[Clause]| permuted(body, shuffle);
        match self {
            Clause::Not { source, join, body } => Clause::Not {
                source: *source,
                join: join.clone(),
                body: all(body),
            },
            Clause::Or { source, join, branches } => Clause::Or {
                source: *source,
                join: join.clone(),
                branches: branches.iter().rev().map(|b| all(b)).collect(),
            },
            c => c.clone(),
        }
    }
}

/// Clauses in another order, at every level.
pub fn permuted(body: &[Clause], shuffle: &mut dyn FnMut(&mut Vec<Clause>)) -> Vec<Clause> {
    let mut body: Vec<Clause> = body.iter().map(|c| c.permuted(shuffle)).collect();
    shuffle(&mut body);
    body
}

impl Arg {
    pub fn var(&self) -> Option<Var> {
        match self {
            Arg::Var(v) => Some(*v),
            Arg::Val(_) => None,
        }
    }
}

impl Binding {
    pub fn vars(&self, out: &mut BTreeSet<Var>) {
        match self {
            Binding::Blank => {}
            Binding::Var(v) => out.extend([*v]),
            Binding::Coll(b) => b.vars(out),
            Binding::Tuple(bs) | Binding::Rel(bs) => bs.iter().for_each(|b| b.vars(out)),
        }
    }
}

impl Elem {
    pub fn var(&self) -> Var {
        match self {
            Elem::Var(v) | Elem::Aggregate(_, _, v) | Elem::Pull(_, v, _) => *v,
        }
    }
}

impl Query {
    /// The elements of `:find`, then those that only `:having` asks for.
    pub fn elements(&self) -> Vec<&Elem> {
        let mut all: Vec<&Elem> = self.find.iter().collect();
        for tested in self.having.iter().flat_map(|(_, args)| args) {
            if let Tested::Elem(e) = tested
                && all.iter().all(|known| known.to_string() != e.to_string())
            {
                all.push(e);
            }
        }
        all
    }
    /// The pull patterns that are inputs, by the number of their element.
    pub fn pattern_inputs(&self) -> impl Iterator<Item = (usize, &[Spec])> {
        let pulls = self.find.iter().enumerate().filter_map(|(i, e)| match e {
            Elem::Pull(_, _, specs) => Some((i, &specs[..])),
            _ => None,
        });
        pulls.filter(|_| self.patterns)
    }
}
