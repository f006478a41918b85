//! What a query is given.

use std::sync::Arc;

use crate::datom::{EntityId, Val};
use crate::db::Db;
use crate::edn::{self, Edn, Instant, Keyword, Node};
use crate::error::Result;
use crate::log::Log;

/// An input of a query: a database value, or data (a value, a collection, rules, a pull pattern).
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::{Connection, Input};
/// let db = Connection::in_memory()?.db();
/// let inputs = [
///     Input::from("a text"),
///     Input::from(42),
///     Input::from(true),
///     Input::text("[1 2 3]")?,  // a collection, for [?x ...]
///     Input::from(db.history()), // another source, for $name
/// ];
/// let query = "[:find ?text ?n ?b (sum ?x) :in $ ?text ?n ?b [?x ...] $history]";
/// assert_eq!(db.q(query, &inputs)?.to_edn()?.to_string(), r#"#{["a text" 42 true 6]}"#);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub enum Input {
    /// A database value, for `$` and other sources.
    Db(Db),
    /// The log of a database, for `tx-ids` and `tx-data`: see [`Db::log`].
    Log(Log),
    /// Anything else, as text would say it: an ident or lookup ref stands for its entity where one is meant.
    Edn(Edn),
    /// The same with the text it was read from, for the places of errors in rules and patterns: see [`Input::text`].
    Text(Edn, Arc<str>),
    /// A value that is what it is: a keyword stays a keyword, a float a float, and a vector is no lookup ref.
    Val(Val),
}

impl Input {
    /// Data read from EDN text: `Input::text("[[(rule ?x) ...]]")`.
    pub fn text(text: &str) -> Result<Input> {
        edn::read_one(text)
            .map(|form| Input::Text(form, text.into()))
            .map_err(|e| e.in_source("input", text))
    }
}

conversions! { Input:
    Db, db => Input::Db(db);
    &Db, db => Input::Db(db.clone());
    Log, log => Input::Log(log);
    Edn, form => Input::Edn(form);
    &Edn, form => Input::Edn(form.clone());
    Val, value => Input::Val(value);
    bool, x => Input::Edn(Edn::new(Node::Bool(x)));
    i64, x => Input::Edn(Edn::new(Node::Long(x)));
    f64, x => Input::Edn(Edn::new(Node::Double(x)));
    &str, x => Input::Edn(Edn::new(Node::Str(x.into())));
    String, x => Input::Edn(Edn::new(Node::Str(x.into())));
    Keyword, x => Input::Edn(Edn::new(Node::Keyword(x)));
    Instant, x => Input::Edn(Edn::new(Node::Inst(x)));
    EntityId, x => Input::Edn(Edn::new(Node::Long(x.0 as i64)));
}

impl Input {
    /// The text that rules or a pattern were read from; they may come as a string inside of data.
    pub(super) fn source_text(&self) -> Option<Arc<str>> {
        match self {
            Input::Edn(form) | Input::Text(form, _) if let Node::Str(text) = &form.node => Some(text.clone()),
            Input::Val(Val::String(text)) => Some(text.clone()),
            Input::Text(_, text) => Some(text.clone()),
            Input::Edn(_) | Input::Val(_) | Input::Db(_) | Input::Log(_) => None,
        }
    }

    /// Data as a form. A database or log has none: nil.
    pub(super) fn form(&self) -> Edn {
        match self {
            Input::Edn(form) | Input::Text(form, _) => form.clone(),
            Input::Val(v) => v.to_edn(),
            Input::Db(_) | Input::Log(_) => Edn::new(Node::Nil),
        }
    }

    /// Data as a value. A database or log has none: nil.
    pub(super) fn val(&self) -> Result<Val> {
        match self {
            Input::Edn(form) | Input::Text(form, _) => Val::from_edn(form),
            Input::Val(v) => Ok(v.clone()),
            Input::Db(_) | Input::Log(_) => Ok(Val::Nil),
        }
    }

    pub(super) fn is_nil(&self) -> bool {
        match self {
            Input::Edn(form) | Input::Text(form, _) => matches!(form.node, Node::Nil),
            Input::Val(v) => *v == Val::Nil,
            Input::Db(_) | Input::Log(_) => false,
        }
    }
}
