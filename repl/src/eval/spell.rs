//! What people type for short, and what nobody can mean.

use asof::edn::{Edn, Node};
use asof::error::{Code, Error, Result};

use super::{FORMS, Rules};

/// Whether a form is a query by itself.
pub fn is_query(form: &Edn) -> bool {
    match &form.node {
        Node::Vector(parts) => parts.first().is_some_and(|first| first.to_string() == ":find"),
        Node::Map(entries) => entries.iter().any(|(key, _)| key.to_string() == ":find"),
        _ => false,
    }
}

/// Whether a form can stand in a transaction.
fn is_operation(form: &Edn) -> bool {
    match &form.node {
        Node::Map(_) => true,
        Node::Vector(parts) | Node::List(parts) => parts
            .first()
            .is_some_and(|first| matches!(first.node, Node::Keyword(_) | Node::Symbol(_))),
        _ => false,
    }
}

/// A form as `asof eval` knows it: a query by itself means `(q query)`, a vector of maps and vectors `(transact ...)`,
/// and `(pull pattern entity)` pulls from what is looked at. Queries get the rules that they use.
pub fn spelled_out(form: Edn, rules: &Rules) -> Edn {
    let span = form.span;
    let call = |name: &str, query: &Edn| match rules.apply(query) {
        Some((query, [db, rules])) => Node::List(vec![Edn::sym(name), query, db, rules]),
        None => Node::List(vec![Edn::sym(name), query.clone()]),
    };
    let node = match &form.node {
        _ if is_query(&form) => call("q", &form),
        Node::Vector(items) if !items.is_empty() && items.iter().all(is_operation) => {
            Node::List(vec![Edn::sym("transact"), form])
        }
        Node::List(items) => match (items.first().map(ToString::to_string).as_deref(), items.len()) {
            (Some("pull" | "pull-many"), 3) => {
                let mut items = items.clone();
                items.insert(1, Edn::sym("db"));
                Node::List(items)
            }
            (Some("q" | "explain"), 2) => call(&items[0].to_string(), &items[1]),
            _ => return form,
        },
        _ => return form,
    };
    Edn { span, node }
}

/// Refuses what nobody can mean, and says what to type instead; `commands` are the names of the prompt's commands.
pub fn refuse<'a>(form: &Edn, commands: impl Iterator<Item = &'a str>) -> Result<()> {
    let e = Error::new(Code::InvalidArgument, format!("{form} is nothing that can be done")).at(form.span);
    match &form.node {
        Node::Symbol(name) if name.to_string() == "db" => Ok(()),
        Node::Symbol(name) => {
            let name = name.to_string();
            if name.starts_with('.') {
                return Err(e.hint("a command stands at the beginning of a line"));
            }
            let mut bare = commands.map(|c| c.trim_start_matches('.'));
            let known = bare.find(|c| *c == name || asof::error::nearest(&name, [*c]).is_some());
            Err(e.hint(match known {
                _ if FORMS.contains(&&*name) => format!("it stands in parentheses: ({name} ...)"),
                Some(command) => format!("did you mean .{command}?"),
                None => "type a query [:find ...], a transaction [{...}], (pull [*] ENTITY), or .help".to_string(),
            }))
        }
        Node::Map(_) => Err(e.hint("to add it, put it in brackets: [{...}]; a query has :find")),
        Node::Vector(_) => {
            Err(e.hint("a query is [:find ...], a transaction [{...}] or [[:db/add ...]], rules [[(name ?x) ...]]"))
        }
        _ => Ok(()),
    }
}
