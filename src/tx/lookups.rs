//! Lookup refs: the entities that they name in the database before.

use super::cx::{Cx, in_order};
use super::ops::{Lookup, Ops, Term};
use crate::datom::Word;
use crate::error::{Code, Error, Result};
use crate::index::{Columns, Order, Probe, Prober, Range};

/// The entities of all lookup refs, by number.
pub(super) fn all(cx: &Cx<'_>, lookups: &[Lookup]) -> Result<Vec<u64>> {
    let mut found = vec![0; lookups.len()];
    if lookups.is_empty() {
        return Ok(found);
    }
    let mut prober: Option<Prober> = None;
    let mut read = |a: u32, probe: Probe, rows: &mut Columns| {
        let prober = prober.get_or_insert_with(|| cx.db.prober(Order::Avet));
        prober.get(&Range::av(a, probe), rows)
    };
    let mut rows = Columns::default();
    let mut keys = Vec::new();
    for (i, lookup) in lookups.iter().enumerate() {
        if let Term::Word(v) = lookup.v {
            match cx.owner(lookup.flags, lookup.a, v)? {
                Some(owner) => found[i] = owner.ok_or_else(|| not_found(cx, lookup, v))?,
                None => keys.push((lookup.a, v, i, cx.probe(lookup.flags, v)?)),
            }
        }
    }
    keys.sort_unstable_by(|x, y| x.0.cmp(&y.0).then_with(|| in_order(&x.3, &y.3)).then(x.2.cmp(&y.2)));
    let mut last: Option<(u32, Word, u64)> = None;
    for (a, v, i, probe) in keys {
        found[i] = match last {
            Some((la, lv, e)) if la == a && lv == v => e,
            _ => {
                read(a, probe, &mut rows)?;
                *rows.e.first().ok_or_else(|| not_found(cx, &lookups[i], v))?
            }
        };
        last = Some((a, v, found[i]));
    }
    // Lookup refs inside lookup refs: the inner one has the smaller number, so one pass in order does.
    for (i, lookup) in lookups.iter().enumerate() {
        if let Term::Lookup(inner) = lookup.v {
            let v = found[inner as usize];
            read(lookup.a, cx.probe(lookup.flags, v)?, &mut rows)?;
            found[i] = *rows.e.first().ok_or_else(|| not_found(cx, lookup, v))?;
        }
    }
    Ok(found)
}

/// The entity of one lookup ref, for places that cannot wait.
pub(super) fn one(cx: &Cx<'_>, ops: &Ops, i: u32) -> Result<u64> {
    let lookup = &ops.lookups[i as usize];
    let v = match lookup.v {
        Term::Lookup(inner) => one(cx, ops, inner)?,
        Term::Word(v) => v,
        Term::Temp(_) | Term::Nothing => return Err(not_found(cx, lookup, 0)),
    };
    let mut rows = Columns::default();
    cx.db
        .prober(Order::Avet)
        .get(&Range::av(lookup.a, cx.probe(lookup.flags, v)?), &mut rows)?;
    rows.e.first().copied().ok_or_else(|| not_found(cx, lookup, v))
}

fn not_found(cx: &Cx<'_>, lookup: &Lookup, v: Word) -> Error {
    let shown = format!("[{} {}]", cx.attr_name(lookup.a), cx.value_name(lookup.a, v));
    Error::new(Code::NotAnEntity, format!("{shown} names no entity"))
        .at(lookup.span)
        .form(shown)
        .hint("a lookup ref sees the database before the transaction; for an entity made in it, use its tempid")
}
