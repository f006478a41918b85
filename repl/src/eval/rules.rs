//! Rules that are kept beside queries: those typed at the prompt, and those of `asof q --rules`.

use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::query::check_rules;

/// Rules, and the queries that use them.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Edn>);

impl Rules {
    /// Whether a form is rules: `[[(name ?x) clause ...] ...]`.
    pub fn are(form: &Edn) -> bool {
        form.as_vector()
            .is_some_and(|rules| !rules.is_empty() && rules.iter().all(|rule| head(rule).is_some()))
    }

    /// Takes rules, those of the same names replaced, and gives their names: all, and those that were there before.
    pub fn learn(&mut self, form: &Edn) -> Result<(Vec<String>, Vec<String>)> {
        check_rules(form)?;
        let new = form.as_vector().unwrap_or_default();
        let names = names(new);
        let replaced = self.names().into_iter().filter(|name| names.contains(name)).collect();
        self.0.retain(|old| name(old).is_none_or(|name| !names.contains(&name)));
        self.0.extend_from_slice(new);
        Ok((names, replaced))
    }

    /// Forgets where they stood: later queries stand in texts of their own.
    pub fn unplace(&mut self) {
        self.0.iter_mut().for_each(|rule| *rule = rule.unplaced());
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The rules as they were given.
    pub fn all(&self) -> &[Edn] {
        &self.0
    }

    /// Their names, each once.
    pub fn names(&self) -> Vec<String> {
        names(&self.0)
    }

    /// Each name with the ways in which it is called: `moored`, `(moored ?ship ?berth)`.
    pub fn calls(&self) -> Vec<(String, String)> {
        let mut calls: Vec<(String, String)> = Vec::new();
        for rule in &self.0 {
            if let (Some(name), Some(head)) = (name(rule), rule.as_vector().and_then(|r| r.first()))
                && !calls.iter().any(|(other, _)| *other == name)
            {
                calls.push((name, head.to_string()));
            }
        }
        calls
    }

    /// Whether a query says nothing of inputs, so that it is given a database and nothing else.
    pub fn has_no_inputs(query: &Edn) -> bool {
        asked(query) == Some(false)
    }

    /// A query, and the inputs `db` and these rules when it calls one of them or asks for them with `:in $ %`.
    pub fn apply(&self, query: &Edn) -> Option<(Edn, [Edn; 2])> {
        let asked = asked(query)?;
        let names = self.names();
        if names.is_empty() || !(asked || uses(query, &names)) {
            return None;
        }
        let query = if asked { query.clone() } else { ask(query) };
        Some((query, [Edn::sym("db"), Edn::vector(self.0.clone())]))
    }
}

fn names(rules: &[Edn]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in rules.iter().filter_map(name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn head(rule: &Edn) -> Option<&[Edn]> {
    let head = rule.as_vector()?.first()?.as_list()?;
    head.first()?.as_symbol()?;
    Some(head)
}

fn name(rule: &Edn) -> Option<String> {
    Some(head(rule)?.first()?.to_string())
}

/// Whether a query asks for rules itself, with `:in $ %`; `None` when it asks for inputs that only its user has.
fn asked(query: &Edn) -> Option<bool> {
    let inputs: Vec<String> = match &query.node {
        Node::Vector(parts) => match parts.iter().position(|p| p.to_string() == ":in") {
            None => return Some(false),
            Some(at) => parts[at + 1..]
                .iter()
                .map(ToString::to_string)
                .take_while(|p| !p.starts_with(':'))
                .collect(),
        },
        Node::Map(entries) => match entries.iter().find(|(key, _)| key.to_string() == ":in") {
            None => return Some(false),
            Some((_, inputs)) => inputs
                .as_seq()
                .unwrap_or_default()
                .iter()
                .map(ToString::to_string)
                .collect(),
        },
        _ => return None,
    };
    (inputs == ["$", "%"]).then_some(true)
}

/// Whether a rule of `names` is called anywhere in a form.
fn uses(form: &Edn, names: &[String]) -> bool {
    match &form.node {
        Node::List(items) => {
            items.first().is_some_and(|first| names.contains(&first.to_string()))
                || items.iter().any(|i| uses(i, names))
        }
        Node::Vector(items) => items.iter().any(|i| uses(i, names)),
        Node::Map(entries) => entries.iter().any(|(_, value)| uses(value, names)),
        _ => false,
    }
}

/// A query with `:in $ %`.
fn ask(query: &Edn) -> Edn {
    let inputs = [Edn::sym("$"), Edn::sym("%")];
    let node = match &query.node {
        Node::Vector(parts) => {
            let end = parts.len();
            let at = parts.iter().position(|p| p.to_string() == ":where").unwrap_or(end);
            let mut parts = parts.clone();
            parts.splice(at..at, [Edn::kw("in")].into_iter().chain(inputs));
            Node::Vector(parts)
        }
        Node::Map(entries) => {
            let mut entries = entries.clone();
            entries.push((Edn::kw("in"), Edn::vector(inputs)));
            Node::Map(entries)
        }
        _ => return query.clone(),
    };
    Edn { span: query.span, node }
}
