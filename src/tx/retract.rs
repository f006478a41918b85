//! What is said about all of something: retract all values, retract an entity with its parts, compare and swap.

use rustc_hash::FxHashSet;

use super::cx::Cx;
use super::messages::reset_instant;
use super::ops::{Flags, Known, Ops};
use super::stages::Fact;
use crate::datom::Word;
use crate::error::{Code, Error, Result};
use crate::index::{Columns, Order, Range};
use crate::schema::bootstrap;

/// `[:db/retract e a]`: a retraction of each value there is.
pub(super) fn attributes(cx: &Cx<'_>, mut all: Vec<Fact>, facts: &mut Vec<Fact>) -> Result<()> {
    all.sort_unstable_by_key(|f| (f.e, f.a, f.op));
    let mut prober = cx.db.prober(Order::Eavt);
    let mut rows = Columns::default();
    for fact in all {
        prober.get(&Range::ea(fact.e, fact.a), &mut rows)?;
        facts.extend(rows.v.iter().map(|&v| Fact {
            v,
            known: Known::Present,
            ..fact
        }));
    }
    Ok(())
}

/// `[:db/retractEntity e]`: its facts, the references to it, and the same for its components. Each entity is visited
/// once, so cycles end and shared parts go with the first owner. Gives all of them, ascending.
pub(super) fn entities(cx: &Cx<'_>, ops: &Ops, roots: &[(u64, u32)], facts: &mut Vec<Fact>) -> Result<Vec<u64>> {
    let mut seen: FxHashSet<u64> = FxHashSet::default();
    let mut open: Vec<(u64, u32)> = roots.to_vec();
    let mut facts_of = cx.db.prober(Order::Eavt);
    let mut refs_to = cx.db.prober(Order::Vaet);
    let mut rows = Columns::default();
    while let Some((e, op)) = open.pop() {
        if !seen.insert(e) {
            continue;
        }
        if e == cx.tx {
            return Err(reset_instant(cx, e).at(ops.ops[op as usize].span));
        }
        facts_of.get(&Range::e(e), &mut rows)?;
        for i in 0..rows.len() {
            let (a, v) = (rows.a[i], rows.v[i]);
            if a == bootstrap::TX_INSTANT {
                return Err(reset_instant(cx, e).at(ops.ops[op as usize].span));
            }
            let attr = cx.attr(a)?;
            let flags = Flags::of(attr, cx.schema);
            // Composite tuples follow their members by themselves.
            if flags.has(Flags::COMPOSITE) {
                continue;
            }
            facts.push(Fact {
                e,
                a,
                v,
                op,
                flags,
                added: false,
                known: Known::Present,
            });
            if attr.is_component && flags.has(Flags::REF) {
                open.push((v, op));
            }
        }
        refs_to.get(&Range::v(e), &mut rows)?;
        for i in 0..rows.len() {
            let a = rows.a[i];
            let flags = Flags::of(cx.attr(a)?, cx.schema);
            facts.push(Fact {
                e: rows.e[i],
                a,
                v: e,
                op,
                flags,
                added: false,
                known: Known::Present,
            });
        }
    }
    let mut all: Vec<u64> = seen.into_iter().collect();
    all.sort_unstable();
    Ok(all)
}

/// `[:db/cas e a old new]`: an assertion of the new value, if the one in the database before is `old`.
pub(super) fn compare(
    cx: &Cx<'_>,
    ops: &Ops,
    mut swaps: Vec<Fact>,
    old: &[(u32, Option<Word>)],
    facts: &mut Vec<Fact>,
) -> Result<()> {
    swaps.sort_unstable_by_key(|f| (f.e, f.a, f.op));
    let mut prober = cx.db.prober(Order::Eavt);
    let mut rows = Columns::default();
    for swap in swaps {
        let expected = old
            .binary_search_by_key(&swap.op, |(op, _)| *op)
            .ok()
            .and_then(|i| old[i].1);
        prober.get(&Range::ea(swap.e, swap.a), &mut rows)?;
        let actual = rows.v.first().copied();
        if actual != expected {
            let show = |v: Option<Word>| v.map_or("nil".to_string(), |v| cx.value_name(swap.a, v));
            return Err(Error::new(
                Code::CasFailed,
                format!(
                    "{} of {} is {}, not {} as expected",
                    cx.attr_name(swap.a),
                    cx.entity_name(swap.e),
                    show(actual),
                    show(expected)
                ),
            )
            .at(ops.ops[swap.op as usize].span)
            .with("expected", show(expected))
            .with("actual", show(actual))
            .hint("read the value again and retry with what it is now; nil means that there is none"));
        }
        facts.push(swap);
    }
    Ok(())
}
