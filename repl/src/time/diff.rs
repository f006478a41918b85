//! What is different between two moments.

use std::collections::BTreeMap;
use std::fmt::Write;

use asof::conn::Connection;
use asof::datom::{Datom, EntityId, Value};
use asof::db::{Db, TimePoint};
use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::index::Order;

use super::{Picture, Style, entity, entity_name, reached, value_text, when};
use crate::eval::{name_or_id, named_form};
use crate::patience::Patience;
use crate::print::{Reply, plural};

/// The facts that hold at `to` and did not at `from` (+), and the other way round (-); perhaps of one entity only.
pub fn diff(
    conn: &Connection,
    from: TimePoint,
    to: TimePoint,
    form: Option<&Edn>,
    style: &mut Style,
    patience: &Patience,
) -> Result<Picture> {
    let db = conn.db();
    let (from, to) = (reached(&db, from)?, reached(&db, to)?);
    let (low, high) = (from.min(to), from.max(to));
    // Of what happens to a fact in between, only the first and the last event count.
    let mut changes: BTreeMap<(EntityId, EntityId, Value), (bool, bool)> = BTreeMap::new();
    let mut note = |d: Datom| {
        // When a transaction happened is its own affair.
        if d.e != d.tx.entity() {
            let (added, key) = (d.added, (d.e, d.a, d.v));
            changes.entry(key).and_modify(|c| c.1 = added).or_insert((added, added));
        }
    };
    match form {
        Some(form) => {
            let e = entity(&db, form)?;
            let window = db.as_of(high)?.since(low)?.history();
            let mut events = Vec::new();
            let found = window.datoms(Order::Eavt, &[Node::Long(e.0 as i64).into()])?;
            for datom in patience.over(found) {
                events.push(datom?);
            }
            events.sort_by_key(|d| d.tx.t());
            events.into_iter().for_each(&mut note);
        }
        None => {
            for transaction in conn.log().range(Some(low + 1), Some(high + 1)) {
                patience.check()?;
                transaction?.datoms.into_iter().for_each(&mut note);
            }
        }
    }
    let backwards = from > to;
    let changes: Vec<_> = changes
        .into_iter()
        .filter(|(_, (first, last))| first == last)
        .map(|(fact, (_, last))| (fact, last != backwards))
        .collect();
    let row = |((e, a, v), added): &((EntityId, EntityId, Value), bool)| {
        Edn::vector([
            Edn::sym(if *added { "+" } else { "-" }),
            Node::Long(e.0 as i64).into(),
            named_form(&db, *a),
            v.to_edn(),
        ])
    };
    let reply = Reply::relation(changes.iter().map(row), &["change", "e", "a", "v"]);
    let mut out = String::new();
    let day = |t| Ok::<_, asof::Error>(db.instant_of(t)?.map_or(String::new(), when));
    let appeared = changes.iter().filter(|(_, added)| *added).count();
    let _ = writeln!(
        out,
        "from t {from} ({}) to t {to} ({}): {} came, {} went",
        day(from)?,
        day(to)?,
        plural(appeared, "fact"),
        changes.len() - appeared
    );
    // An entity that is gone is called as it was then.
    let (then, now) = (db.as_of(from)?, db.as_of(to)?);
    let mut before = None;
    for ((e, a, v), added) in &changes {
        patience.step()?;
        let side: &Db = if *added { &now } else { &then };
        if before != Some(*e) {
            before = Some(*e);
            let name = entity_name(side, *e, style)?;
            let _ = writeln!(out, "{}", style.paint.bold(&name));
        }
        let text = format!("{} {}", name_or_id(&db, *a), value_text(side, v, style)?);
        let line = match added {
            true => style.paint.green(&format!("  + {text}")),
            false => style.paint.red(&format!("  - {text}")),
        };
        let _ = writeln!(out, "{line}");
    }
    Ok(Picture { reply, drawing: out })
}
