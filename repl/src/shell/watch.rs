//! Seeing what each transaction does: its facts, or what it changed in the answer to a query. A database has one process, so the
//! transactions are those of this session, which may be many in a file that is read.

use std::collections::BTreeSet;

use asof::datom::Datom;
use asof::db::Db;
use asof::edn::{self, Edn, Node};
use asof::error::{Code, Error, Result};

use super::{Shell, is_query};
use crate::eval::attribute_name;
use crate::time::{entity_name, when};

/// The most facts of a transaction that are shown.
const FACTS_MAX: usize = 25;

/// What is watched.
pub(super) enum Watch {
    /// Transactions after this t.
    Facts(u64),
    /// The answer to a query, and its rows when it was last looked at.
    Answer(Edn, BTreeSet<String>),
}

impl Shell {
    /// `.watch on`, `.watch off`, `.watch QUERY`.
    pub(super) fn set_watch(&mut self, rest: &str, forms: &str) -> Result<()> {
        self.watch = match rest {
            "off" => None,
            "" | "on" => Some(Watch::Facts(self.session.db().basis_t())),
            _ => {
                let query = edn::read_one(forms)?;
                if !is_query(&query) {
                    return Err(Error::new(Code::InvalidArgument, format!("{query} is no query")).at(query.span));
                }
                let query = self.spelled_out(query);
                let rows = self.watched_rows(&query)?;
                self.remark(&format!(
                    "{} rows; what changes is shown after each transaction",
                    rows.len()
                ))?;
                Some(Watch::Answer(query, rows))
            }
        };
        Ok(())
    }

    /// Shows what is new since the last look.
    pub(super) fn look(&mut self) -> Result<()> {
        match self.watch.take() {
            None => {}
            Some(Watch::Facts(seen)) => {
                let db = self.session.db();
                let mut text = String::new();
                for transaction in self.session.conn().log().range(Some(seen + 1), None) {
                    let transaction = transaction?;
                    let head = format!("t {}  {}", transaction.t, when(transaction.instant));
                    text.push_str(&format!(
                        "{}\n{}",
                        self.paint.bold(&head),
                        self.facts(&db, &transaction.datoms)?
                    ));
                }
                self.watch = Some(Watch::Facts(db.basis_t()));
                self.say(&text)?;
            }
            Some(Watch::Answer(query, before)) => {
                let now = self.watched_rows(&query)?;
                let gone = before.difference(&now).map(|row| self.paint.red(&format!("- {row}")));
                let new = now.difference(&before).map(|row| self.paint.green(&format!("+ {row}")));
                let changes: Vec<String> = gone.chain(new).collect();
                self.watch = Some(Watch::Answer(query, now));
                if !changes.is_empty() {
                    self.say(&changes.join("\n"))?;
                }
            }
        }
        Ok(())
    }

    fn watched_rows(&mut self, query: &Edn) -> Result<BTreeSet<String>> {
        let reply = self.session.eval(query)?;
        Ok(match &reply.value.node {
            Node::Set(rows) | Node::Vector(rows) if reply.columns.is_some() => {
                rows.iter().map(ToString::to_string).collect()
            }
            _ => BTreeSet::from([reply.value.to_string()]),
        })
    }

    /// Facts in a line each, without the time of their transaction; the first of many.
    pub(super) fn facts(&self, db: &Db, datoms: &[Datom]) -> Result<String> {
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
            let attribute = attribute_name(db, datom.a);
            if attribute == ":db/txInstant" {
                continue;
            }
            // Whoever is gone now was somebody then.
            let then = db.as_of(datom.tx.t() - u64::from(!datom.added))?;
            let value = match &datom.v {
                asof::datom::Value::Ref(e) => entity_name(&then, *e)?,
                value => value.to_edn().to_string(),
            };
            let line = format!("{}  {attribute}  {value}", entity_name(&then, datom.e)?);
            let line = match datom.added {
                true => self.paint.green(&format!("  + {line}")),
                false => self.paint.red(&format!("  - {line}")),
            };
            text.push_str(&line);
            text.push('\n');
        }
        Ok(text)
    }
}
