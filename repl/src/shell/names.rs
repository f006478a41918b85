//! What can be typed: the names of a database and of the language, sorted, so that a prefix is found by halving.

use std::sync::Arc;

use asof::db::Db;
use asof::edn::{Keyword, Symbol};
use asof::query::functions::{self, aggregate};
use asof::schema::{Attribute, Schema};

use crate::eval::FORMS;

/// Keywords that are no idents.
const KEYWORDS: [(&str, &str); 20] = [
    (":find", "what the query answers"),
    (":in", "the inputs of the query"),
    (":where", "the clauses"),
    (":with", "variables that keep rows apart"),
    (":keys", "rows as maps with these keywords"),
    (":strs", "rows as maps with these strings"),
    (":syms", "rows as maps with these symbols"),
    (":db/id", "the entity of a map"),
    (":as", "the name of a key in a pull"),
    (":having", "predicates of what :find gives"),
    (":order-by", "what the rows are sorted by"),
    (":limit", "how many rows of a query, or values of a key in a pull"),
    (":offset", "how many rows are passed over"),
    (":after", "the page behind the one with this token"),
    (":as-of", "the moment that a query is about"),
    (":since", "the moment behind which a query looks"),
    (":history", "whether a query sees every assertion and retraction"),
    (":allow-scan", "whether a query may read the whole database"),
    (":default", "for a key that is not there in a pull"),
    (":xform", "a function for the values of a key in a pull"),
];

/// Words of the language that are no functions.
const WORDS: [&str; 12] = [
    "and",
    "or",
    "or-join",
    "not",
    "not-join",
    "pull",
    "db",
    "as-of",
    "since",
    "history",
    "with",
    "branch-at",
];

/// The names of a database and of the language.
#[derive(Default)]
pub struct Names {
    /// The schema that the keywords are of; transactions of data leave it as it is.
    schema: Option<Arc<Schema>>,
    /// Sorted.
    keywords: Vec<String>,
    /// Sorted, with what is said about them.
    symbols: Vec<(String, String)>,
}

impl Names {
    /// The names of `db`; those of the last call when its schema is the same.
    pub fn of(&mut self, db: &Db) -> &Names {
        if self
            .schema
            .as_ref()
            .is_none_or(|known| !Arc::ptr_eq(known, db.schema()))
        {
            self.keywords = keywords(db.schema());
            self.schema = Some(db.schema().clone());
        }
        if self.symbols.is_empty() {
            self.symbols = symbols(db);
        }
        self
    }

    /// The names that begin with `prefix`.
    pub fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let (keywords, symbols) = match prefix.starts_with(':') {
            true => (
                &self.keywords[self.keywords.partition_point(|n| n.as_str() < prefix)..],
                &[][..],
            ),
            false => (
                &[][..],
                &self.symbols[self.symbols.partition_point(|n| n.0.as_str() < prefix)..],
            ),
        };
        let names = keywords
            .iter()
            .map(String::as_str)
            .chain(symbols.iter().map(|n| n.0.as_str()));
        names.take_while(move |name| name.starts_with(prefix))
    }

    /// The keywords whose name after the slash begins with `prefix`.
    pub fn by_last_part<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.keywords.iter().map(String::as_str);
        names.filter(move |n| n.split_once('/').is_some_and(|(_, name)| name.starts_with(prefix)))
    }

    /// What is known about a name.
    pub fn about(&self, name: &str) -> Option<String> {
        let about = match name.strip_prefix(':') {
            None => {
                let at = self.symbols.binary_search_by(|n| n.0.as_str().cmp(name)).ok()?;
                self.symbols[at].1.clone()
            }
            Some(bare) => match KEYWORDS.iter().find(|k| k.0 == name) {
                Some((_, about)) => about.to_string(),
                None => definition(&**self.schema.as_ref()?.attr_by_ident(&Keyword::new(bare))?),
            },
        };
        (!about.is_empty()).then_some(about)
    }
}

fn keywords(schema: &Schema) -> Vec<String> {
    let mut names: Vec<String> = schema.idents().map(|(ident, _)| ident.to_string()).collect();
    names.extend(KEYWORDS.iter().map(|(text, _)| text.to_string()));
    names.sort_unstable();
    names.dedup();
    names
}

/// An attribute in a few words.
fn definition(a: &Attribute) -> String {
    let mut about = a.value_type.name().to_string();
    about.push_str(if a.is_one() { ", one" } else { ", many" });
    if a.unique.is_some() {
        about.push_str(", unique");
    }
    if let Some(doc) = &a.doc {
        about.push_str("  ");
        about.push_str(doc.lines().next().unwrap_or(""));
    }
    about
}

fn symbols(db: &Db) -> Vec<(String, String)> {
    let arguments = |min: usize, max: Option<usize>| match max {
        Some(max) if max == min => format!("{min}"),
        Some(max) => format!("{min} to {max}"),
        None => format!("{min} or more"),
    };
    let called = |min, max, doc: &str| {
        let s = if (min, max) == (1, Some(1)) { "" } else { "s" };
        format!("{} argument{s}  {doc}", arguments(min, max))
    };
    let mut names: Vec<(String, String)> = functions::all()
        .map(|f| (f.name.to_string(), called(f.min_args, f.max_args, f.doc)))
        .collect();
    names.extend(aggregate::names().map(|name| {
        let about = aggregate::lookup(&Symbol::new(name)).map_or(String::new(), |a| a.doc.to_string());
        (name.to_string(), about)
    }));
    names.extend(FORMS.iter().map(|name| (name.to_string(), String::new())));
    let words = WORDS.iter().chain(&functions::OWN);
    names.extend(words.map(|name| (name.to_string(), String::new())));
    // Those that an embedding program registered.
    names.extend(
        db.registry()
            .names()
            .map(|name| (name.to_string(), "registered".to_string())),
    );
    // Of two with one name the one that says something stays.
    names.sort_by(|x, y| x.0.cmp(&y.0).then(y.1.len().cmp(&x.1.len())));
    names.dedup_by(|x, y| x.0 == y.0);
    names
}
