//! Composite tuples follow their members, in the same transaction.

use rustc_hash::FxHashMap;

use super::cx::Cx;
use super::messages::direct_write;
use super::ops::Flags;
use super::stages::{Change, Resolved};
use crate::datom::{Value, Word};
use crate::error::Result;
use crate::index::{Columns, Order, Range, Snapshot, View, Words};
use crate::schema::{Attribute, Schema};

/// Adds the changes of composite tuples to `changes` (sorted before and after), and checks tuples that were written.
pub(super) fn maintain(cx: &Cx<'_>, resolved: &Resolved, changes: &mut Vec<Change>) -> Result<()> {
    let members = changes.iter().any(|c| c.flags.has(Flags::MEMBER));
    if !members && resolved.tuple_writes.is_empty() {
        return Ok(());
    }
    // (entity, tuple, operation), each pair once.
    let mut touched: Vec<(u64, u32, u32)> = Vec::new();
    for c in changes.iter().filter(|c| c.flags.has(Flags::MEMBER)) {
        touched.extend(cx.schema.composites_of(c.a).iter().map(|&tuple| (c.e, tuple, c.op)));
    }
    touched.extend(resolved.tuple_writes.iter().map(|f| (f.e, f.a, f.op)));
    touched.sort_unstable();
    touched.dedup_by_key(|t| (t.0, t.1));

    let mut prober = cx.db.prober(Order::Eavt);
    let mut rows = Columns::default();
    let mut made = Vec::new();
    let mut after_of: FxHashMap<(u64, u32), Option<Word>> = FxHashMap::default();
    for (e, tuple, op) in touched {
        let def = cx.attr(tuple)?;
        let new = cx.is_new(e);
        let own = own_changes(changes, e);
        let mut slots = Vec::with_capacity(8);
        for &member in def.composite_members().unwrap_or(&[]) {
            let mut changed = own.iter().filter(|c| c.a == member);
            let word = match (changed.clone().find(|c| c.added), changed.next()) {
                (Some(c), _) => Some(c.v),
                (None, Some(_)) => None,
                (None, None) if new => None,
                (None, None) => {
                    prober.get(&Range::ea(e, member), &mut rows)?;
                    rows.v.first().copied()
                }
            };
            slots.push(word.map(|w| cx.value(member, w)).transpose()?);
        }
        let after = if slots.iter().all(Option::is_none) {
            None
        } else {
            Some(cx.words.intern(&Value::Tuple(slots.into()))?)
        };
        let before = if new {
            None
        } else {
            prober.get(&Range::ea(e, tuple), &mut rows)?;
            rows.v.first().copied()
        };
        if !resolved.tuple_writes.is_empty() {
            after_of.insert((e, tuple), after);
        }
        if before != after {
            let flags = Flags::of(def, cx.schema);
            let change = |v, added| Change {
                e,
                a: tuple,
                v,
                added,
                flags,
                op,
            };
            made.extend(before.map(|v| change(v, false)));
            made.extend(after.map(|v| change(v, true)));
        }
    }
    for write in &resolved.tuple_writes {
        if after_of.get(&(write.e, write.a)) != Some(&Some(write.v)) {
            return Err(direct_write(cx, write.a).at(resolved.ops.ops[write.op as usize].span));
        }
    }
    if !made.is_empty() {
        changes.extend(made);
        changes.sort_unstable_by_key(|c| (c.e, c.a, c.v, c.added));
    }
    Ok(())
}

fn own_changes(changes: &[Change], e: u64) -> &[Change] {
    let from = changes.partition_point(|c| c.e < e);
    let end = from + changes[from..].partition_point(|c| c.e == e);
    &changes[from..end]
}

/// The tuples that a newly installed composite has for the data there is: `(entity, word)`, ascending.
pub(super) fn backfill(
    words: &Words,
    schema: &Schema,
    after: &Snapshot,
    view: View,
    def: &Attribute,
) -> Result<Vec<(u64, Word)>> {
    let members = def.composite_members().unwrap_or(&[]);
    let mut slots: Vec<(u64, usize, Word)> = Vec::new();
    for (slot, &member) in members.iter().enumerate() {
        for batch in after.scan(words, Order::Aevt, &Range::a(member), view) {
            let batch = batch?;
            slots.extend(batch.e().iter().zip(batch.v()).map(|(&e, &v)| (e, slot, v)));
        }
    }
    slots.sort_unstable();
    let mut out = Vec::new();
    for group in slots.chunk_by(|x, y| x.0 == y.0) {
        let mut tuple = vec![None; members.len()];
        for &(_, slot, v) in group {
            let ty = super::cx::type_of(schema, members[slot])?;
            tuple[slot] = Some(words.value(ty, v)?);
        }
        out.push((group[0].0, words.intern(&Value::Tuple(tuple.into()))?));
    }
    Ok(out)
}
