//! What holds at a moment, as transaction data.

use std::io::Write;

use asof::datom::{EntityId, Partition, TxId, Value};
use asof::db::Db;
use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::index::Order;
use asof::schema::{Schema, bootstrap};

/// Writes two vectors: what has a name (attributes among it), by what every database knows, and then everything else. Entities
/// without a name are tempids. Composite tuples and the times of transactions are left out: the database makes its own. `seen` is called at each
/// fact, and may end it.
pub fn write(db: &Db, out: &mut dyn Write, seen: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    let schema = db.schema_then()?;
    part(db, &schema, out, true, seen)?;
    part(db, &schema, out, false, seen)
}

fn part(
    db: &Db,
    schema: &Schema,
    out: &mut dyn Write,
    names: bool,
    seen: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let mut open: Option<EntityId> = None;
    let mut last = None;
    let mut many = false;
    write!(out, "[")?;
    let mut empty = true;
    for datom in db.datoms(Order::Eavt, &[])? {
        let d = datom?;
        seen()?;
        let first_of_db =
            d.e.partition() == Partition::DB && d.e.0 < bootstrap::FIRST_DB || d.e == TxId::from_t(0).entity();
        let named = schema.ident(d.e).is_some() && d.a.0 < bootstrap::FIRST_DB;
        let made = d.a.0 == u64::from(bootstrap::TX_INSTANT)
            || schema.attr_of(d.a).is_some_and(|a| a.composite_members().is_some());
        if first_of_db || made || named != names {
            continue;
        }
        let Some(attr) = schema.attr_of(d.a) else { continue };
        if last != Some((d.e, d.a)) {
            if many {
                write!(out, "]")?;
            }
            if open != Some(d.e) {
                let start = if open.is_some() { "}\n {" } else { "{" };
                write!(out, "{start}")?;
                // What this vector names has no id before it.
                if !names {
                    write!(out, ":db/id {} ", entity(schema, d.e))?;
                }
                open = Some(d.e);
                empty = true;
            }
            let gap = if empty { "" } else { " " };
            many = !attr.is_one();
            write!(out, "{gap}{}{}", attr.ident, if many { " [" } else { " " })?;
            empty = false;
            last = Some((d.e, d.a));
        } else {
            write!(out, " ")?;
        }
        write!(out, "{}", value(schema, &d.v))?;
    }
    if many {
        write!(out, "]")?;
    }
    writeln!(out, "{}]", if open.is_some() { "}" } else { "" })?;
    Ok(())
}

/// A name, or a tempid that says which entity it was.
fn entity(schema: &Schema, e: EntityId) -> Edn {
    match schema.ident(e) {
        Some(ident) => Node::Keyword(ident.clone()).into(),
        None if e.partition() == Partition::TX => Node::Str(format!("t{}", TxId(e.0).t()).into()).into(),
        None => Node::Str(format!("e{}", e.0).into()).into(),
    }
}

fn value(schema: &Schema, v: &Value) -> Edn {
    match v {
        Value::Ref(e) => entity(schema, *e),
        Value::Tuple(slots) => {
            let slot = |s: &Option<Value>| s.as_ref().map_or(Node::Nil.into(), |v| value(schema, v));
            Node::Vector(slots.iter().map(slot).collect()).into()
        }
        other => other.to_edn(),
    }
}
