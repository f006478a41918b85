//! Transaction functions: calls are replaced by what they return, until none is left.
//!
//! A function gets the database before the transaction, whatever other forms say: two calls of an increment see the same
//! old value. That is a hole people fall into, so the report warns when what a call writes is also written by another form.

use super::expand::Expander;
use super::ops::Call;
use super::parse::OPERATIONS;
use crate::datom::convert::show;
use crate::edn::{Edn, Node, Symbol};
use crate::error::{Code, Error, Result, Span};

/// How deep calls may return further calls.
const CALLS_MAX: u32 = 64;

impl<'a> Expander<'a> {
    pub(super) fn call(&mut self, form: &Edn, name: &Symbol, args: &[Edn]) -> Result<()> {
        let Some(function) = self.cx.db.registry().tx_fns.get(name) else {
            return Err(self.no_function(form, name));
        };
        if self.call_depth >= CALLS_MAX {
            return Err(Error::new(
                Code::TxFunctionFailed,
                format!("{name} is called {CALLS_MAX} calls deep: functions return calls of each other without end"),
            )
            .at(form.span)
            .form(show(form)));
        }
        let mut forms =
            function(self.cx.db, args).map_err(|e| e.at(form.span).form(show(form)).with("function", name))?;
        let first = self.out.ops.len() as u32;
        self.call_depth += 1;
        for inner in &mut forms {
            // What a function made has no place in the user's text (it may have one in a text of its own): errors point at
            // the call.
            inner
                .check_depth()
                .map_err(|e| e.moved(form.span).with("function", name))?;
            place(inner, form.span);
            self.form(inner).map_err(|e| e.at(form.span).with("function", name))?;
        }
        self.call_depth -= 1;
        if self.call_depth == 0 {
            let end = self.out.ops.len() as u32;
            self.out.calls.push(Call {
                name: name.clone(),
                first,
                end,
            });
        }
        Ok(())
    }

    fn no_function(&self, form: &Edn, name: &Symbol) -> Error {
        let builtin = name.ns().is_some_and(|ns| ns == "db" || ns == "db.fn");
        let given = if builtin { format!(":{name}") } else { name.to_string() };
        let registered: Vec<String> = self.cx.db.registry().tx_fns.keys().map(Symbol::to_string).collect();
        let names = OPERATIONS
            .iter()
            .map(|(name, _)| *name)
            .chain(registered.iter().map(|s| &**s));
        Error::new(
            Code::NotADataFunction,
            format!("there is no operation or function {given}"),
        )
        .at(form.span)
        .form(show(form))
        .hint("operations are :db/add :db/retract :db/retractEntity :db/cas; functions are registered by the program")
        .suggest(&given, names)
    }
}

/// Puts a form and all it holds at `span`.
fn place(form: &mut Edn, span: Span) {
    form.span = span;
    match &mut form.node {
        Node::List(items) | Node::Vector(items) | Node::Set(items) => items.iter_mut().for_each(|i| place(i, span)),
        Node::Map(entries) => entries.iter_mut().for_each(|(k, v)| {
            place(k, span);
            place(v, span);
        }),
        Node::Tagged(_, inner) => place(inner, span),
        _ => {}
    }
}
