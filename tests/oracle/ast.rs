//! Queries as data, and their text. The engine gets the text, the naive evaluator the data, so that a mistake of the parser
//! shows, too.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

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
    /// A query inside, asked of this query's source 0: the variables it is given are those of its only binding.
    Nested {
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
            Clause::Func(_, _, b) | Clause::Nested { out: b, .. } => b.vars(out),
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
    /// The pull patterns that are inputs, by the number of their element.
    pub fn pattern_inputs(&self) -> impl Iterator<Item = (usize, &[Spec])> {
        let pulls = self.find.iter().enumerate().filter_map(|(i, e)| match e {
            Elem::Pull(_, _, specs) => Some((i, &specs[..])),
            _ => None,
        });
        pulls.filter(|_| self.patterns)
    }
}

pub const SOURCES: [&str; 4] = ["$", "$b", "$c", "$d"];

pub fn spaced<X: Display>(items: &[X]) -> String {
    items.iter().map(X::to_string).collect::<Vec<_>>().join(" ")
}

/// `$b `, or nothing.
fn prefix(source: &Option<usize>) -> String {
    source.map_or(String::new(), |s| format!("{} ", SOURCES[s]))
}

impl Display for Var {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "?v{}", self.0)
    }
}
impl Display for Entity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Entity::Id(e) => write!(f, "{e}"),
            Entity::Ident(k) => f.write_str(k),
            Entity::Lookup(a, v) => write!(f, "[{a} {v}]"),
        }
    }
}
impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Term::Blank => f.write_str("_"),
            Term::Var(v) => v.fmt(f),
            Term::Val(v) => v.fmt(f),
            Term::Entity(e) => e.fmt(f),
        }
    }
}
impl Display for Arg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Arg::Var(v) => v.fmt(f),
            Arg::Val(v) => v.fmt(f),
        }
    }
}
impl Display for Binding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Binding::Blank => f.write_str("_"),
            Binding::Var(v) => v.fmt(f),
            Binding::Tuple(bs) => write!(f, "[{}]", spaced(bs)),
            Binding::Coll(b) => write!(f, "[{b} ...]"),
            Binding::Rel(bs) => write!(f, "[[{}]]", spaced(bs)),
        }
    }
}
impl Display for Clause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Clause::Pattern { source, terms } => write!(f, "[{}{}]", prefix(source), spaced(terms)),
            Clause::Pred(name, args) => write!(f, "[({name} {})]", spaced(args)),
            Clause::Func(name, args, out) => write!(f, "[({name} {}) {out}]", spaced(args)),
            Clause::Missing {
                source,
                e,
                attr,
                reverse,
            } => {
                let attr = if *reverse {
                    attr.replace('/', "/_")
                } else {
                    attr.clone()
                };
                write!(f, "[(missing? {} {e} {attr})]", SOURCES[source.unwrap_or(0)])
            }
            Clause::GetElse {
                source,
                e,
                attr,
                default,
                out,
            } => {
                write!(
                    f,
                    "[(get-else {} {e} {attr} {default}) {out}]",
                    SOURCES[source.unwrap_or(0)]
                )
            }
            Clause::GetSome { source, e, attrs, out } => {
                let source = SOURCES[source.unwrap_or(0)];
                write!(f, "[(get-some {source} {e} {}) [{} {}]]", spaced(attrs), out[0], out[1])
            }
            Clause::Not {
                source,
                join: None,
                body,
            } => write!(f, "({}not {})", prefix(source), spaced(body)),
            Clause::Not {
                source,
                join: Some(vars),
                body,
            } => {
                write!(f, "({}not-join [{}] {})", prefix(source), spaced(vars), spaced(body))
            }
            Clause::Or { source, join, branches } => {
                match join {
                    None => write!(f, "({}or", prefix(source))?,
                    Some((required, free)) if required.is_empty() => {
                        write!(f, "({}or-join [{}]", prefix(source), spaced(free))?
                    }
                    Some((required, free)) => write!(
                        f,
                        "({}or-join [[{}] {}]",
                        prefix(source),
                        spaced(required),
                        spaced(free)
                    )?,
                }
                for b in branches {
                    match b.as_slice() {
                        [c] => write!(f, " {c}")?,
                        all => write!(f, " (and {})", spaced(all))?,
                    }
                }
                f.write_str(")")
            }
            Clause::Rule { source, name, args } => write!(f, "({}r{name} {})", prefix(source), spaced(args)),
            Clause::Nested { query, args, out } => write!(f, "[(q {query} $ {}) {out}]", spaced(args)),
        }
    }
}
impl Display for Spec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut attr = match (&self.inside, &self.attr) {
            (Inside::Id, _) => ":db/id".to_string(),
            (Inside::Everything, _) | (_, None) => return f.write_str("*"),
            (_, Some(a)) if self.reverse => a.replace('/', "/_"),
            (_, Some(a)) => a.clone(),
        };
        let mut options = String::new();
        match self.limit {
            Some(Some(n)) => options += &format!(" :limit {n}"),
            Some(None) => options += " :limit nil",
            None => {}
        }
        if let Some(v) = &self.default {
            options += &format!(" :default {v}");
        }
        if let Some(name) = &self.rename {
            options += &format!(" :as {name:?}");
        }
        if self.xform {
            options += " :xform my/wrap";
        }
        if !options.is_empty() {
            attr = format!("[{attr}{options}]");
        }
        match &self.inside {
            Inside::Nested(specs) => write!(f, "{{{attr} [{}]}}", spaced(specs)),
            Inside::Again(Some(n)) => write!(f, "{{{attr} {n}}}"),
            Inside::Again(None) => write!(f, "{{{attr} ...}}"),
            _ => f.write_str(&attr),
        }
    }
}
impl Display for Elem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Elem::Var(v) => v.fmt(f),
            Elem::Aggregate(name, None, v) => write!(f, "({name} {v})"),
            Elem::Aggregate(name, Some(n), v) => write!(f, "({name} {n} {v})"),
            Elem::Pull(0, v, specs) => write!(f, "(pull {v} [{}])", spaced(specs)),
            Elem::Pull(s, v, specs) => write!(f, "(pull {} {v} [{}])", SOURCES[*s], spaced(specs)),
        }
    }
}
impl Display for Data {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Data::Val(v) => v.fmt(f),
            Data::Entity(e) => e.fmt(f),
            Data::All(items) => write!(f, "[{}]", spaced(items)),
            Data::Pairs(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k} {v}")).collect();
                write!(f, "{{{}}}", pairs.join(", "))
            }
        }
    }
}
impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (required, free) = self.head.split_at(self.required);
        write!(f, "[(r{}", self.name)?;
        if !required.is_empty() {
            write!(f, " [{}]", spaced(required))?;
        }
        for v in free {
            write!(f, " {v}")?;
        }
        write!(f, ") {}]", spaced(&self.body))
    }
}
impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<(&str, String)> = Vec::new();
        let find = self.find.iter().enumerate().map(|(i, e)| match e {
            Elem::Pull(0, v, _) if self.patterns => format!("(pull {v} p{i})"),
            Elem::Pull(s, v, _) if self.patterns => format!("(pull {} {v} p{i})", SOURCES[*s]),
            e => e.to_string(),
        });
        let find = find.collect::<Vec<_>>().join(" ");
        parts.push((
            "find",
            match self.shape {
                Shape::Relation => find,
                Shape::Collection => format!("[{find} ...]"),
                Shape::Tuple => format!("[{find}]"),
                Shape::Scalar => format!("{find} ."),
            },
        ));
        if let Some(keys) = self.keys {
            let names: Vec<String> = (0..self.find.len()).map(|i| format!("k{i}")).collect();
            parts.push((keys, names.join(" ")));
        }
        if !self.with.is_empty() {
            parts.push(("with", spaced(&self.with)));
        }
        let mut inputs: Vec<String> = SOURCES[..self.sources.len()].iter().map(|s| s.to_string()).collect();
        inputs.extend(self.inputs.iter().map(|(b, _)| b.to_string()));
        inputs.extend(self.pattern_inputs().map(|(i, _)| format!("p{i}")));
        if !self.rules.is_empty() {
            inputs.push("%".to_string());
        }
        parts.push(("in", inputs.join(" ")));
        if !self.clauses.is_empty() {
            parts.push(("where", spaced(&self.clauses)));
        }
        if !self.order.is_empty() {
            let keys = self.order.iter().map(|(i, descending)| match descending {
                true => format!("[{} :desc]", self.find[*i]),
                false => self.find[*i].to_string(),
            });
            parts.push(("order-by", format!("[{}]", keys.collect::<Vec<_>>().join(" "))));
        }
        if let (true, Source::Db(view)) = (self.time_in_text, &self.sources[0]) {
            parts.extend(view.as_of.map(|t| ("as-of", t.to_string())));
            parts.extend(view.since.map(|t| ("since", t.to_string())));
            parts.extend(view.history.then(|| ("history", "true".to_string())));
        }
        parts.extend(self.limit.map(|n| ("limit", n.to_string())));
        parts.extend((self.offset > 0).then(|| ("offset", self.offset.to_string())));
        parts.extend(self.allow_scan.then(|| ("allow-scan", "true".to_string())));
        let single = |key: &str| matches!(key, "limit" | "offset" | "allow-scan" | "as-of" | "since" | "history");
        if self.as_map {
            let entries = parts.iter().map(|(k, v)| match *k {
                k if single(k) => format!(":{k} {v}"),
                k => format!(":{k} [{v}]"),
            });
            return write!(f, "{{{}}}", entries.collect::<Vec<_>>().join(", "));
        }
        let all: Vec<String> = parts.iter().map(|(k, v)| format!(":{k} {v}")).collect();
        write!(f, "[{}]", all.join(" "))
    }
}
