//! Entity specs, on the database after: `:db/ensure` in the transaction, and `:db.entity/always` for every touched entity
//! that has the marker attribute.

use super::cx::Cx;
use super::stages::{Change, Resolved};
use crate::datom::{EntityId, Value};
use crate::db::Db;
use crate::error::{Code, Error, Result, Span};
use crate::index::{Columns, Order, Prober, Range};
use crate::schema::bootstrap;

/// Checks every spec that the transaction asks for or falls under.
pub(super) fn check(cx: &Cx<'_>, resolved: &Resolved, changes: &[Change], after: &Db) -> Result<()> {
    let mut due: Vec<(u64, u64, Span)> = resolved.ensures.clone();
    let always = after.schema().always_specs();
    if due.is_empty() && always.is_empty() {
        return Ok(());
    }
    let mut reader = Reader {
        prober: after.prober(Order::Eavt),
        rows: Columns::default(),
    };
    if !always.is_empty() {
        for own in changes.chunk_by(|x, y| x.e == y.e) {
            let span = resolved
                .ops
                .ops
                .get(own[0].op as usize)
                .map_or(Span::NONE, |op| op.span);
            for (marker, spec) in always {
                if reader.has(own[0].e, *marker)? {
                    due.push((own[0].e, spec.0, span));
                }
            }
        }
    }
    due.sort_unstable_by_key(|d| (d.0, d.1));
    due.dedup_by_key(|d| (d.0, d.1));
    for (e, spec, span) in due {
        entity(cx, after, &mut reader, e, spec)
            .map_err(|error| error.at(span).with("entity", e).with("spec", cx.entity_name(spec)))?;
    }
    Ok(())
}

struct Reader {
    prober: Prober,
    rows: Columns,
}

impl Reader {
    fn has(&mut self, e: u64, a: u32) -> Result<bool> {
        self.prober.get(&Range::ea(e, a), &mut self.rows)?;
        Ok(!self.rows.is_empty())
    }
    fn values(&mut self, db: &Db, e: u64, a: u32) -> Result<Vec<Value>> {
        self.prober.get(&Range::ea(e, a), &mut self.rows)?;
        let ty = super::cx::type_of(db.schema(), a)?;
        self.rows.v.iter().map(|&v| db.words().value(ty, v)).collect()
    }
}

fn entity(cx: &Cx<'_>, after: &Db, reader: &mut Reader, e: u64, spec: u64) -> Result<()> {
    let name = after
        .ident(EntityId(spec))
        .map_or_else(|| spec.to_string(), |k| k.to_string());
    let attrs = reader.values(after, spec, bootstrap::ENTITY_ATTRS)?;
    let preds = reader.values(after, spec, bootstrap::ENTITY_PREDS)?;
    if attrs.is_empty() && preds.is_empty() {
        return Err(Error::new(Code::NotAnEntity, format!("{name} is no entity spec"))
            .hint("a spec has :db.entity/attrs or :db.entity/preds, installed in an earlier transaction"));
    }
    let mut missing = Vec::new();
    for attr in &attrs {
        let Value::Keyword(k) = attr else { continue };
        let has = match after.schema().attr_by_ident(k) {
            Some(attr) => reader.has(e, attr.id)?,
            None => false,
        };
        if !has {
            missing.push(k.to_string());
        }
    }
    if !missing.is_empty() {
        return Err(Error::new(
            Code::EntityAttr,
            format!(
                "{} lacks {}, which the spec {name} requires",
                cx.entity_name(e),
                missing.join(", ")
            ),
        )
        .hint("assert them in this transaction"));
    }
    for pred in &preds {
        let Value::Symbol(pred) = pred else { continue };
        let Some(holds) = after.registry().entity_preds.get(pred) else {
            return Err(Error::new(
                Code::EntityPred,
                format!("the spec {name} has the predicate {pred}, which this program did not register"),
            )
            .hint("register it when the database is opened"));
        };
        if !holds(after, EntityId(e)) {
            return Err(Error::new(
                Code::EntityPred,
                format!(
                    "{} does not meet the spec {name}: {pred} returned false",
                    cx.entity_name(e)
                ),
            )
            .with("predicate", pred));
        }
    }
    Ok(())
}
