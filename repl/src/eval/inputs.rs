//! The arguments of a form, and the database values that forms name.

use asof::db::{Db, TimePoint};
use asof::edn::{Edn, Node, Symbol};
use asof::error::{Code, Error, Result, Span};
use asof::index::Order;

/// A call: its name and what stands behind it.
pub struct Arguments<'a> {
    pub name: String,
    pub span: Span,
    pub forms: &'a [Edn],
}

impl Arguments<'_> {
    /// Refuses a wrong number of arguments, and shows how the form is written.
    pub fn count(&self, least: usize, most: usize, usage: &str) -> Result<()> {
        match (least..=most).contains(&self.forms.len()) {
            true => Ok(()),
            false => Err(Error::new(
                Code::Arity,
                format!("({} ...) got {} arguments", self.name, self.forms.len()),
            )
            .at(self.span)
            .hint(format!("write {usage}"))),
        }
    }

    /// The whole call, as a list's elements.
    pub fn call(&self) -> Vec<Edn> {
        let mut call = vec![Node::Symbol(Symbol::new(&self.name)).into()];
        call.extend_from_slice(self.forms);
        call
    }

    /// Argument `i` as a database value.
    pub fn database(&self, i: usize, now: &Db) -> Result<Db> {
        let form = &self.forms[i];
        database(form, now)?.ok_or_else(|| {
            Error::new(Code::InvalidArgument, format!("{form} is not a database"))
                .at(form.span)
                .hint("write db, (as-of db T), (since db T), (history db), (with db [...]) or (branch-at db T)")
        })
    }

    /// Argument `i` as the elements of a vector.
    pub fn vector(&self, i: usize) -> Result<&[Edn]> {
        match &self.forms[i].node {
            Node::Vector(items) => Ok(items),
            _ => Err(
                Error::new(Code::InvalidArgument, format!("{} is not a vector", self.forms[i]))
                    .at(self.forms[i].span)
                    .hint("put it in brackets"),
            ),
        }
    }

    /// Argument `i` as the name of an index.
    pub fn order(&self, i: usize) -> Result<Order> {
        let form = &self.forms[i];
        let found = match &form.node {
            Node::Keyword(k) if k.ns().is_none() => Order::from_name(k.name()),
            _ => None,
        };
        found.ok_or_else(|| {
            Error::new(Code::InvalidArgument, format!("{form} is not an index"))
                .at(form.span)
                .hint("the indexes are :eavt, :aevt, :avet and :vaet")
        })
    }
}

/// The database value that `form` names, derived from `now`; `None` when it is something else.
pub fn database(form: &Edn, now: &Db) -> Result<Option<Db>> {
    let call = match &form.node {
        Node::Symbol(name) if name.to_string() == "db" => return Ok(Some(now.clone())),
        Node::List(call) => call,
        _ => return Ok(None),
    };
    let Some(Edn {
        node: Node::Symbol(name),
        ..
    }) = call.first()
    else {
        return Ok(None);
    };
    let name = name.to_string();
    if !matches!(&*name, "as-of" | "since" | "history" | "with" | "branch-at") {
        return Ok(None);
    }
    let args = Arguments {
        name: name.clone(),
        span: form.span,
        forms: &call[1..],
    };
    match &*name {
        "history" => args.count(1, 1, "(history db)")?,
        "with" => args.count(2, 2, "(with db [...])")?,
        _ => args.count(2, 2, &format!("({name} db T)"))?,
    }
    let db = args.database(0, now)?;
    let view = match &*name {
        "history" => db.history(),
        "with" => db.with(args.vector(1)?)?.db_after,
        "as-of" => db.as_of(TimePoint::from_edn(&args.forms[1])?)?,
        "branch-at" => db.branch_at(TimePoint::from_edn(&args.forms[1])?)?,
        _ => db.since(TimePoint::from_edn(&args.forms[1])?)?,
    };
    Ok(Some(view))
}
