//! Queries as text. The engine gets the text, the naive evaluator the data, so that a mistake of the parser shows, too.

use std::fmt::{self, Display, Formatter};

use super::ast::*;

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
            Clause::TxIds { source, from, to, out } => {
                write!(f, "[(tx-ids {} {from} {to}) [{out} ...]]", SOURCES[*source])
            }
            Clause::TxData { source, tx, out } => {
                write!(f, "[(tx-data {} {tx}) [[{}]]]", SOURCES[*source], spaced(out))
            }
            Clause::Nested {
                source,
                query,
                args,
                out,
            } => write!(f, "[(q {query} {} {}) {out}]", SOURCES[*source], spaced(args)),
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
impl Display for Tested {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Tested::Elem(e) => e.fmt(f),
            Tested::Val(v) => v.fmt(f),
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
        if !self.having.is_empty() {
            let tests = self
                .having
                .iter()
                .map(|(name, args)| format!("[({name} {})]", spaced(args)));
            parts.push(("having", tests.collect::<Vec<_>>().join(" ")));
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
