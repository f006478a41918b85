//! Forms by their shape: `[:db/add e a v]` and its like, calls, and maps. Nothing is looked up here.

use crate::datom::convert::{describe, show};
use crate::edn::{Edn, Keyword, Node, Symbol};
use crate::error::{Code, Error, Result};

/// One form of transaction data.
#[derive(Debug)]
pub(super) enum Form<'a> {
    /// `[:db/add e a v]`
    Add { e: &'a Edn, a: &'a Edn, v: &'a Edn },
    /// `[:db/retract e a]`, `[:db/retract e a v]`
    Retract { e: &'a Edn, a: &'a Edn, v: Option<&'a Edn> },
    /// `[:db/retractEntity e]`
    RetractEntity { e: &'a Edn },
    /// `[:db/cas e a old new]`
    Cas {
        e: &'a Edn,
        a: &'a Edn,
        old: &'a Edn,
        new: &'a Edn,
    },
    /// `[my.app/f arg ...]`
    Call { name: Symbol, args: &'a [Edn] },
    /// `{:db/id e a v ...}`
    Map(&'a [(Edn, Edn)]),
}

/// The operations of asof, with their shapes, for hints.
pub(super) const OPERATIONS: [(&str, &str); 6] = [
    (":db/add", "[:db/add e a v]"),
    (":db/retract", "[:db/retract e a v] or [:db/retract e a]"),
    (":db/retractEntity", "[:db/retractEntity e]"),
    (":db/cas", "[:db/cas e a old new]"),
    (":db.fn/retractEntity", "[:db.fn/retractEntity e]"),
    (":db.fn/cas", "[:db.fn/cas e a old new]"),
];

/// The shape of one form.
pub(super) fn form(form: &Edn) -> Result<Form<'_>> {
    match &form.node {
        Node::Map(entries) => Ok(Form::Map(entries)),
        Node::Vector(items) | Node::List(items) => list(form, items),
        Node::Nil => Err(malformed(form, "nil is no form").hint("leave it out")),
        _ => Err(
            malformed(form, &format!("{} is no form of a transaction", describe(form)))
                .hint("a form is a list such as [:db/add e a v], or a map such as {:db/id e a v}"),
        ),
    }
}

fn list<'a>(form: &'a Edn, items: &'a [Edn]) -> Result<Form<'a>> {
    let Some((head, args)) = items.split_first() else {
        return Err(malformed(form, "an empty form says nothing").hint("leave it out"));
    };
    let keyword = match &head.node {
        Node::Keyword(k) => k,
        Node::Symbol(name) => {
            return Ok(Form::Call {
                name: name.clone(),
                args,
            });
        }
        Node::Vector(_) | Node::Map(_) | Node::List(_) => {
            return Err(
                malformed(form, "a form begins with an operation, not with another form")
                    .hint("transaction data is one vector of forms: [[:db/add ...] {...}]"),
            );
        }
        _ => {
            return Err(malformed(form, &format!("{} is no operation", describe(head)))
                .hint("a form begins with :db/add, :db/retract, :db/retractEntity, :db/cas or a function's name"));
        }
    };
    let builtin = match (keyword.ns(), keyword.name()) {
        (Some("db"), name) => Some(name),
        (Some("db.fn"), name @ ("retractEntity" | "cas")) => Some(name),
        _ => None,
    };
    match (builtin, args) {
        (Some("add"), [e, a, v]) => Ok(Form::Add { e, a, v }),
        (Some("retract"), [e, a]) => Ok(Form::Retract { e, a, v: None }),
        (Some("retract"), [e, a, v]) => Ok(Form::Retract { e, a, v: Some(v) }),
        (Some("retractEntity"), [e]) => Ok(Form::RetractEntity { e }),
        (Some("cas"), [e, a, old, new]) => Ok(Form::Cas { e, a, old, new }),
        (Some("add" | "retract" | "retractEntity" | "cas"), _) => Err(arity(form, keyword, args.len())),
        _ => Ok(Form::Call {
            name: Symbol(keyword.0.clone()),
            args,
        }),
    }
}

fn arity(form: &Edn, op: &Keyword, given: usize) -> Error {
    let op = op.to_string();
    let shape = OPERATIONS
        .iter()
        .find(|(name, _)| *name == op)
        .map_or("", |(_, shape)| shape);
    let given = super::counted(given, "argument");
    malformed(form, &format!("{op} does not take {given}")).hint(format!("write {shape}"))
}

/// An error about the shape of `form`.
pub(super) fn malformed(form: &Edn, message: &str) -> Error {
    Error::new(Code::InvalidTxForm, message).at(form.span).form(show(form))
}
