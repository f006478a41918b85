//! Seeing what each transaction does: its facts, or what it changed in the answer to a query.

use std::collections::BTreeSet;

use asof::datom::{Datom, T};
use asof::db::Db;
use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::schema::bootstrap;

use super::{Style, entity_name, value_text, when};
use crate::eval::{Session, name_or_id};
use crate::patience::Patience;
use crate::print::plural;

/// The most facts of a transaction that are shown.
const FACTS_MAX: usize = 25;

/// The most transactions at once that are shown with their facts: an import makes thousands.
const TRANSACTIONS_MAX: u64 = 20;

/// What is watched.
pub enum Watch {
    /// Transactions after this t.
    Facts(T),
    /// The answer to a form, and its rows when it was last looked at.
    Answer(Edn, BTreeSet<String>),
}

impl Watch {
    /// Watches transactions from now on.
    pub fn facts(session: &Session) -> Watch {
        Watch::Facts(session.db().basis_t())
    }

    /// Watches the answer to a form; gives how many rows it has now.
    pub fn answer(form: Edn, session: &mut Session) -> Result<(Watch, usize)> {
        let rows = rows(&form, session)?;
        let count = rows.len();
        Ok((Watch::Answer(form, rows), count))
    }

    /// What is new since the last look, as text for people.
    pub fn look(&mut self, session: &mut Session, style: &mut Style) -> Result<String> {
        let mut text = String::new();
        let patience = Patience::of(&session.budget);
        match self {
            Watch::Facts(seen) => {
                let db = session.db();
                let new = db.basis_t() - *seen;
                if new > TRANSACTIONS_MAX {
                    let (first, last) = (*seen + 1, db.basis_t());
                    let count = plural(new, "transaction");
                    text = format!("{count}, t {first} to t {last}; .log {new} and .diff {seen} show them\n");
                    *seen = last;
                    return Ok(text);
                }
                for transaction in session.conn().log().range(Some(*seen + 1), None) {
                    patience.check()?;
                    let transaction = transaction?;
                    let head = format!("t {}  {}", transaction.t, when(transaction.instant));
                    text.push_str(&style.paint.bold(&head));
                    text.push('\n');
                    text.push_str(&facts(&db, &transaction.datoms, style)?);
                }
                *seen = db.basis_t();
            }
            Watch::Answer(form, before) => {
                let now = rows(form, session)?;
                for row in before.difference(&now) {
                    text.push_str(&style.paint.red(&format!("- {row}")));
                    text.push('\n');
                }
                for row in now.difference(before) {
                    text.push_str(&style.paint.green(&format!("+ {row}")));
                    text.push('\n');
                }
                *before = now;
            }
        }
        Ok(text)
    }
}

fn rows(form: &Edn, session: &mut Session) -> Result<BTreeSet<String>> {
    let reply = session.eval(form)?;
    Ok(match &reply.value.node {
        Node::Set(rows) | Node::Vector(rows) if reply.columns.is_some() => {
            rows.iter().map(ToString::to_string).collect()
        }
        _ => BTreeSet::from([reply.value.to_string()]),
    })
}

/// Facts in a line each, without the time of their transaction; the first of many.
pub fn facts(db: &Db, datoms: &[Datom], style: &mut Style) -> Result<String> {
    let mut text = String::new();
    for (i, datom) in datoms.iter().enumerate() {
        if i == FACTS_MAX {
            let last = datom.tx.t();
            text.push_str(&format!(
                "  {} more; (tx-range {last} {}) has them all\n",
                datoms.len() - i,
                last + 1
            ));
            break;
        }
        if datom.a.0 == u64::from(bootstrap::TX_INSTANT) {
            continue;
        }
        let attribute = name_or_id(db, datom.a);
        // Whoever is gone now was somebody then.
        let then = db.as_of(datom.tx.t() - u64::from(!datom.added))?;
        let value = value_text(&then, &datom.v, style)?;
        let line = format!("{}  {attribute}  {value}", entity_name(&then, datom.e, style)?);
        let line = match datom.added {
            true => style.paint.green(&format!("  + {line}")),
            false => style.paint.red(&format!("  - {line}")),
        };
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}
