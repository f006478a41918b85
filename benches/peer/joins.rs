//! W4: joins over the movie graph, with clauses in a good and in a bad order.

use std::sync::Arc;

use asof::conn::{Connection, Options};
use asof::edn::Edn;
use asof::query::{Input, Query};

use crate::Outcome;
use crate::movies;
use crate::questions::{self, Question};
use crate::rig::Case;

pub fn run(order: &str, only: &[&str]) -> Outcome {
    let conn = movies()?;
    let db = conn.db();
    for (name, query) in chosen(order, only)? {
        let question = Question::new(&db, query, []);
        Case::new("W4", &format!("{name} {order}")).ask(|| question.ask());
    }
    Ok(())
}

/// Each plan, with what its steps did.
pub fn plans(order: &str, only: &[&str]) -> Outcome {
    let conn = movies()?;
    let db = conn.db();
    for (name, query) in chosen(order, only)? {
        // The first run reads leaves from the disk.
        query.run(&[Input::from(&db)])?;
        println!("{name} {order}\n{}", query.explain_analyze(&[Input::from(&db)])?);
    }
    Ok(())
}

pub fn movies() -> Outcome<Connection> {
    Ok(Options::new().create(false).open(movies::loaded()?)?)
}

/// The queries of these names, or all of them.
pub fn chosen(order: &str, only: &[&str]) -> Outcome<Vec<(Arc<str>, Query)>> {
    let mut out = Vec::new();
    for (name, orders) in questions::file("w4")? {
        let (Some(name), Some(orders)) = (name.as_str(), orders.as_map()) else {
            return Err("queries/w4.edn: expected names and maps".into());
        };
        if only.is_empty() || only.contains(&name) {
            let query = Query::from_edn(questions::get(orders, &Edn::kw(order))?)?;
            out.push((name.into(), query));
        }
    }
    Ok(out)
}
