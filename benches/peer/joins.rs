//! W4: joins over the movie graph, with clauses in a good and in a bad order.

use std::env;
use std::process::Command;

use asof::conn::Options;
use asof::edn::{Edn, Node};
use asof::query::Query;

use crate::Outcome;
use crate::movies::Size;
use crate::questions::{self, Question};
use crate::rig::Case;

pub fn run(order: &str, only: &[&str]) -> Outcome {
    let dir = Size::Once.dir()?;
    if !dir.exists() {
        Command::new(env::current_exe()?).arg("w6-load").status()?;
    }
    let conn = Options::new().create(false).open(&dir)?;
    let db = conn.db();
    for (name, orders) in questions::file("w4")? {
        let (Node::Str(name), Node::Map(orders)) = (name.node, orders.node) else {
            return Err("queries/w4.edn: expected names and maps".into());
        };
        if only.is_empty() || only.contains(&&*name) {
            let query = Query::from_edn(questions::get(&orders, &Edn::kw(order))?)?;
            let question = Question::new(&db, query, []);
            Case::new("W4", &format!("{name} {order}")).ask(|| question.ask());
        }
    }
    Ok(())
}
