//! Which transaction made each fact of an entity true, and what it said about itself.

use asof::datom::TxId;
use asof::db::Db;
use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::index::Order;
use asof::schema::bootstrap;

use super::{Picture, Style, entity, entity_name, value_text, when};
use crate::eval::{named_form, value_form};
use crate::patience::Patience;
use crate::print::{Format, Reply};

/// A row for each fact of the entity that `form` names, perhaps of one attribute or one value only.
pub fn blame(
    db: &Db,
    form: &Edn,
    attribute: Option<&Edn>,
    value: Option<&Edn>,
    style: &mut Style,
    patience: &Patience,
) -> Result<Picture> {
    let e = entity(db, form)?;
    let mut components = vec![Edn::from(Node::Long(e.0 as i64))];
    components.extend(attribute.cloned());
    components.extend(value.cloned());
    let (mut rows, mut shown) = (Vec::new(), Vec::new());
    for datom in db.datoms(Order::Eavt, &components)? {
        patience.step()?;
        let datom = datom?;
        let instant = db.instant_of(datom.tx.t())?;
        let (name, t) = (named_form(db, datom.a), Edn::from(Node::Long(datom.tx.t() as i64)));
        let about = about(db, datom.tx)?;
        let time = instant.map_or(Edn::nil(), |i| Node::Inst(i).into());
        let mut row = vec![name.clone(), value_form(db, &datom), t.clone(), time, about.clone()];
        // People see references by name and days as days.
        let (value, day) = (value_text(db, &datom.v, style)?, instant.map_or(String::new(), when));
        let mut seen = vec![name, text(value), t, text(day), about];
        if db.is_history() {
            row.push(Node::Bool(datom.added).into());
            seen.push(text(if datom.added { "asserted" } else { "retracted" }.to_string()));
        }
        rows.push(Edn::vector(row));
        shown.push(Edn::vector(seen));
    }
    let mut columns = vec!["attribute", "value", "t", "when", "transaction"];
    if db.is_history() {
        columns.push("added");
    }
    if rows.is_empty() {
        let name = entity_name(db, e, style)?;
        return Ok(Picture {
            reply: Reply::relation(rows, &columns),
            drawing: format!("{name} has no such facts here\n"),
        });
    }
    let mut drawing = Vec::new();
    Reply::relation(shown, &columns).write(&mut drawing, Format::Table)?;
    Ok(Picture {
        reply: Reply::relation(rows, &columns),
        drawing: String::from_utf8_lossy(&drawing).into_owned(),
    })
}

fn text(text: String) -> Edn {
    Node::Str(text.into()).into()
}

/// What a transaction says about itself besides its time.
fn about(db: &Db, tx: TxId) -> Result<Edn> {
    let mut facts = Vec::new();
    for datom in db.datoms(Order::Eavt, &[Node::Long(tx.entity().0 as i64).into()])? {
        let datom = datom?;
        if let (true, Some(name)) = (datom.a.0 != u64::from(bootstrap::TX_INSTANT), db.ident(datom.a)) {
            facts.push((Node::Keyword(name.clone()).into(), value_form(db, &datom)));
        }
    }
    Ok(if facts.is_empty() {
        Edn::nil()
    } else {
        Node::Map(facts).into()
    })
}
