//! What can be typed: the names of a database and of the language, sorted, so that a prefix is found by halving.

use asof::datom::T;
use asof::db::Db;
use asof::query::functions::{self, aggregate};

use crate::eval::FORMS;

/// A name and what a hint says about it.
#[derive(Clone, Debug)]
pub struct Name {
    pub text: String,
    pub about: String,
}

/// Keywords that are no idents.
const KEYWORDS: [(&str, &str); 12] = [
    (":find", "what the query answers"),
    (":in", "the inputs of the query"),
    (":where", "the clauses"),
    (":with", "variables that keep rows apart"),
    (":keys", "rows as maps with these keywords"),
    (":strs", "rows as maps with these strings"),
    (":syms", "rows as maps with these symbols"),
    (":db/id", "the entity of a map"),
    (":as", "the name of a key in a pull"),
    (":limit", "how many values of a key in a pull"),
    (":default", "for a key that is not there in a pull"),
    (":else", "of a condition"),
];

/// Words of the language that are no functions.
const WORDS: [&str; 14] = [
    "and", "or", "or-join", "not", "not-join", "pull", "db", "as-of", "since", "history", "with", "get-else",
    "get-some", "missing?",
];

/// The names of a database at one basis t.
#[derive(Default)]
pub struct Names {
    basis: Option<T>,
    keywords: Vec<Name>,
    symbols: Vec<Name>,
}

impl Names {
    /// The names of `db`; those of the last call when nothing was transacted since.
    pub fn of(&mut self, db: &Db) -> &Names {
        if self.basis != Some(db.basis_t()) {
            self.basis = Some(db.basis_t());
            self.keywords = keywords(db);
        }
        if self.symbols.is_empty() {
            self.symbols = symbols();
        }
        self
    }

    /// The names that begin with `prefix`.
    pub fn beginning(&self, prefix: &str) -> &[Name] {
        let names = if prefix.starts_with(':') {
            &self.keywords
        } else {
            &self.symbols
        };
        let from = names.partition_point(|n| n.text.as_str() < prefix);
        let count = names[from..].partition_point(|n| n.text.starts_with(prefix));
        &names[from..from + count]
    }

    /// The keywords whose name after the slash begins with `prefix`.
    pub fn by_last_part<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Name> {
        self.keywords
            .iter()
            .filter(move |n| n.text.split_once('/').is_some_and(|(_, name)| name.starts_with(prefix)))
    }

    /// What is known about a name.
    pub fn about(&self, name: &str) -> Option<&str> {
        let first = self.beginning(name).first()?;
        (first.text == name && !first.about.is_empty()).then_some(&first.about)
    }
}

fn keywords(db: &Db) -> Vec<Name> {
    let name = |(text, about): (&str, &str)| Name {
        text: text.to_string(),
        about: about.to_string(),
    };
    let mut names: Vec<Name> = KEYWORDS.map(name).into();
    let schema = db.schema();
    names.extend(schema.idents().map(|(ident, e)| {
        let about = schema.attr_of(e).map_or(String::new(), |a| {
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
        });
        Name {
            text: ident.to_string(),
            about,
        }
    }));
    names.sort_unstable_by(|x, y| x.text.cmp(&y.text));
    names.dedup_by(|x, y| x.text == y.text);
    names
}

fn symbols() -> Vec<Name> {
    let plain = |text: &&str| Name {
        text: text.to_string(),
        about: String::new(),
    };
    let mut names: Vec<Name> = functions::all()
        .map(|f| Name {
            text: f.name.to_string(),
            about: f.doc.to_string(),
        })
        .collect();
    names.extend(aggregate::names().map(|name| Name {
        text: name.to_string(),
        about: aggregate::lookup(&asof::edn::Symbol::new(name)).map_or(String::new(), |a| a.doc.to_string()),
    }));
    names.extend(FORMS.iter().map(plain));
    names.extend(WORDS.iter().map(plain));
    // Of two with one name the one that says something stays.
    names.sort_by(|x, y| x.text.cmp(&y.text).then(y.about.len().cmp(&x.about.len())));
    names.dedup_by(|x, y| x.text == y.text);
    names
}
