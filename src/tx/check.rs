//! What the facts of a transaction change, if they agree with each other and with the database before.
//!
//! Contradictions are judged on what was said, before redundant facts are dropped: a transaction that contradicts itself is
//! wrong whatever the database holds. Uniqueness is judged on the state after, so a value can move between two entities.

use super::cx::{Cx, in_order, type_of};
use super::messages::{how_resolved, members, shown};
use super::ops::{Flags, Known, Term};
use super::stages::{Change, Fact, Resolved};
use crate::datom::{EntityId, Value, Word};
use crate::error::{Code, Error, Result};
use crate::index::{Columns, Order, Prober, Range};
use crate::schema::Schema;

/// Sorts the facts, refuses contradictions, and keeps what changes the database, with the retractions that replaced
/// values imply. Sorted by entity, attribute and word.
pub(super) fn changes(cx: &Cx<'_>, resolved: &mut Resolved, warnings: &mut Vec<String>) -> Result<Vec<Change>> {
    let mut facts = std::mem::take(&mut resolved.facts);
    facts.sort_unstable_by_key(|f| (f.e, f.a, f.v, f.added, f.op));
    refuse_retracted(cx, resolved, &facts)?;
    let mut reader = Reader {
        cx,
        prober: None,
        rows: Columns::default(),
    };
    let mut out = Vec::with_capacity(facts.len() + facts.len() / 2);
    for group in facts.chunk_by(|x, y| x.e == y.e && x.a == y.a) {
        let first = &group[0];
        if !resolved.ops.calls.is_empty() {
            warn_overlap(cx, resolved, group, warnings);
        }
        if group.len() > 1 {
            refuse_contradiction(cx, resolved, group)?;
        }
        if first.flags.has(Flags::PREDS) {
            for fact in group.iter().filter(|f| f.added) {
                attribute_predicates(cx, resolved, fact)?;
            }
        }
        if first.flags.has(Flags::ONE) {
            replace(&mut reader, group, &mut out)?;
        } else {
            for same in group.chunk_by(|x, y| x.v == y.v) {
                let fact = strongest(same);
                if reader.holds(&fact)? != fact.added {
                    out.push(change(&fact));
                }
            }
        }
    }
    warn_attribute_facts(cx, resolved, &out, warnings);
    Ok(out)
}

fn change(f: &Fact) -> Change {
    Change {
        e: f.e,
        a: f.a,
        v: f.v,
        added: f.added,
        flags: f.flags,
        op: f.op,
    }
}

/// Of equal facts the one that knows most.
fn strongest(same: &[Fact]) -> Fact {
    *same.iter().find(|f| f.known != Known::Unknown).unwrap_or(&same[0])
}

/// The changes of an attribute with one value: at most one new one, and the old one goes.
fn replace(reader: &mut Reader<'_, '_>, group: &[Fact], out: &mut Vec<Change>) -> Result<()> {
    let current = reader.current(group)?;
    let added = group.iter().find(|f| f.added);
    match added {
        Some(fact) if current == Some(fact.v) => {}
        Some(fact) => {
            let new = change(fact);
            if let Some(old) = current {
                let retraction = Change {
                    v: old,
                    added: false,
                    ..new
                };
                let (low, high) = if old < fact.v {
                    (retraction, new)
                } else {
                    (new, retraction)
                };
                out.extend([low, high]);
            } else {
                out.push(new);
            }
        }
        None => {
            let gone = group.iter().find(|f| current == Some(f.v));
            out.extend(gone.map(change));
        }
    }
    Ok(())
}

/// Reads the database before, in ascending order.
struct Reader<'a, 'c> {
    cx: &'a Cx<'c>,
    prober: Option<Prober>,
    rows: Columns,
}

impl Reader<'_, '_> {
    fn get(&mut self, range: &Range) -> Result<()> {
        let prober = self.prober.get_or_insert_with(|| self.cx.db.prober(Order::Eavt));
        prober.get(range, &mut self.rows)
    }

    /// The value of an attribute of cardinality one, read only when no fact tells it.
    fn current(&mut self, group: &[Fact]) -> Result<Option<Word>> {
        if let Some(fact) = group.iter().find(|f| f.known != Known::Unknown) {
            return Ok((fact.known == Known::Present).then_some(fact.v));
        }
        self.get(&Range::ea(group[0].e, group[0].a))?;
        Ok(self.rows.v.first().copied())
    }

    fn holds(&mut self, fact: &Fact) -> Result<bool> {
        match fact.known {
            Known::Present => return Ok(true),
            Known::Absent => return Ok(false),
            Known::Unknown => {}
        }
        let probe = self.cx.probe(fact.flags, fact.v)?;
        self.get(&Range::eav(fact.e, fact.a, probe))?;
        Ok(!self.rows.is_empty())
    }
}

/// Two values of an attribute with one, or a fact both asserted and retracted.
fn refuse_contradiction(cx: &Cx<'_>, resolved: &Resolved, group: &[Fact]) -> Result<()> {
    for pair in group.windows(2) {
        if pair[0].v == pair[1].v && pair[0].added != pair[1].added {
            let (retract, add) = (&pair[0], &pair[1]);
            let fact = shown(cx, &resolved.ops, add.op, add.e, add.a, add.v);
            let op = &resolved.ops.ops[add.op as usize];
            let hint = how_resolved(cx, &resolved.ops, op);
            return Err(
                Error::new(Code::DatomsConflict, format!("{fact} is both asserted and retracted"))
                    .at(op.span)
                    .at(resolved.ops.ops[retract.op as usize].span)
                    .with("first", format!("[:db/add {}", &fact[1..]))
                    .with("second", format!("[:db/retract {}", &fact[1..]))
                    .hint(hint.unwrap_or_else(|| "a transaction is one moment: say what holds after it".into())),
            );
        }
    }
    if !group[0].flags.has(Flags::ONE) {
        return Ok(());
    }
    let mut added = group.iter().filter(|f| f.added);
    let Some(first) = added.next() else { return Ok(()) };
    // In the order of the text, so that the second one is where the reader stumbles.
    let Some(second) = added.find(|f| f.v != first.v) else {
        return Ok(());
    };
    let (first, second) = if first.op <= second.op {
        (first, second)
    } else {
        (second, first)
    };
    let show = |f: &Fact| shown(cx, &resolved.ops, f.op, f.e, f.a, f.v);
    let (x, y) = (show(first), show(second));
    let op = &resolved.ops.ops[second.op as usize];
    Err(Error::new(
        Code::DatomsConflict,
        format!(
            "{x} and {y} cannot both hold: {} has cardinality one",
            cx.attr_name(first.a)
        ),
    )
    .at(op.span)
    .with("first", x)
    .with("second", y)
    .hint(how_resolved(cx, &resolved.ops, op).unwrap_or_else(|| {
        "all forms of a transaction hold at one moment, so none is later than another; keep one of the two".into()
    })))
}

/// Facts about entities that the same transaction retracts whole.
fn refuse_retracted(cx: &Cx<'_>, resolved: &Resolved, facts: &[Fact]) -> Result<()> {
    if resolved.retracted.is_empty() {
        return Ok(());
    }
    match facts
        .iter()
        .find(|f| f.added && resolved.retracted.binary_search(&f.e).is_ok())
    {
        None => Ok(()),
        Some(fact) => Err(Error::new(
            Code::DatomsConflict,
            format!(
                "{} is asserted, but its entity is retracted whole",
                cx.fact(fact.e, fact.a, fact.v)
            ),
        )
        .at(resolved.ops.ops[fact.op as usize].span)
        .hint("retract the single facts, or retract the entity in a transaction of its own")),
    }
}

fn attribute_predicates(cx: &Cx<'_>, resolved: &Resolved, fact: &Fact) -> Result<()> {
    let attr = cx.attr(fact.a)?;
    let value = cx.value(fact.a, fact.v)?;
    let span = resolved.ops.ops[fact.op as usize].span;
    for name in &attr.preds {
        let Some(holds) = cx.db.registry().attr_preds.get(name) else {
            return Err(Error::new(
                Code::AttrPred,
                format!(
                    "{} has the predicate {name}, which this program did not register",
                    attr.ident
                ),
            )
            .at(span)
            .hint("register it when the database is opened, or retract it from the attribute's :db.attr/preds"));
        };
        if !holds(&value) {
            return Err(Error::new(
                Code::AttrPred,
                format!(
                    "{} of {} is refused: {name} returned false",
                    super::shorten(&value.to_string()),
                    attr.ident
                ),
            )
            .at(span)
            .with("attribute", &attr.ident)
            .with("value", &value)
            .with("predicate", name)
            .with("returned", false));
        }
    }
    Ok(())
}

/// Functions see the database before, so what two calls write, or a call and a form, was decided without the other.
fn warn_overlap(cx: &Cx<'_>, resolved: &Resolved, group: &[Fact], warnings: &mut Vec<String>) {
    let mut origins: Vec<usize> = group.iter().map(|f| resolved.ops.origin(f.op)).collect();
    origins.sort_unstable();
    origins.dedup();
    if origins.len() < 2 {
        return;
    }
    let call = &resolved.ops.calls[origins[1] - 1].name;
    warnings.push(format!(
        "{} of {} is written by a call of {call} and by another form; the call saw the value before the transaction, not the other's",
        cx.attr_name(group[0].a),
        cx.entity_name(group[0].e)
    ));
}

/// A map that was meant to make an entity but decorates an attribute because of its ident.
fn warn_attribute_facts(cx: &Cx<'_>, resolved: &Resolved, changes: &[Change], warnings: &mut Vec<String>) {
    // The db partition sorts first.
    let attributes = changes.iter().take_while(|c| c.e < 1 << crate::datom::id::COUNTER_BITS);
    for c in attributes {
        let upserted = matches!(resolved.ops.ops[c.op as usize].e, Term::Temp(_));
        let defines = c.a < crate::schema::bootstrap::FIRST_DB as u32;
        if c.added && upserted && !defines && cx.schema.attr_of(EntityId(c.e)).is_some() {
            warnings.push(format!(
                "{} was asserted about the attribute {}, because the map's :db/ident names it",
                cx.attr_name(c.a),
                cx.entity_name(c.e)
            ));
        }
    }
}

/// Refuses unique values with two owners in the state after. `changes` is sorted.
pub(super) fn uniqueness(cx: &Cx<'_>, resolved: &Resolved, changes: &[Change]) -> Result<()> {
    let mut added = Vec::new();
    for c in changes.iter().filter(|c| c.added && c.flags.has(Flags::UNIQUE)) {
        if c.flags.has(Flags::COMPOSITE) && exempt(cx, c)? {
            continue;
        }
        added.push(*c);
    }
    added.sort_unstable_by_key(|c| (c.a, c.v, c.e));
    for pair in added.windows(2) {
        if (pair[0].a, pair[0].v) == (pair[1].a, pair[1].v) {
            let second = if pair[0].op > pair[1].op { &pair[0] } else { &pair[1] };
            let other = if pair[0].op > pair[1].op { &pair[1] } else { &pair[0] };
            let show = |c: &Change| shown(cx, &resolved.ops, c.op, c.e, c.a, c.v);
            return Err(Error::new(
                Code::UniqueConflict,
                format!(
                    "{} and {} cannot both hold: {} is unique",
                    show(other),
                    show(second),
                    cx.attr_name(second.a)
                ),
            )
            .at(resolved.ops.ops[second.op as usize].span)
            .with("first", show(other))
            .with("second", show(second))
            .hint("two entities of this transaction assert one unique value; use one tempid if they are one"));
        }
    }
    let mut prober: Option<Prober> = None;
    let mut rows = Columns::default();
    let mut open = Vec::new();
    for c in &added {
        match resolved.owners.get(c.a, c.v) {
            Some(None) => {}
            Some(Some(owner)) => refuse_owner(cx, resolved, changes, c, owner)?,
            None => match cx.owner(c.flags, c.a, c.v)? {
                Some(None) => {}
                Some(Some(owner)) => refuse_owner(cx, resolved, changes, c, owner)?,
                None => open.push((c, cx.probe(c.flags, c.v)?)),
            },
        }
    }
    open.sort_unstable_by(|(c, p), (d, q)| c.a.cmp(&d.a).then_with(|| in_order(p, q)));
    for (c, probe) in open {
        let prober = prober.get_or_insert_with(|| cx.db.prober(Order::Avet));
        prober.get(&Range::av(c.a, probe), &mut rows)?;
        for &owner in &rows.e {
            refuse_owner(cx, resolved, changes, c, owner)?;
        }
    }
    Ok(())
}

fn refuse_owner(cx: &Cx<'_>, resolved: &Resolved, changes: &[Change], c: &Change, owner: u64) -> Result<()> {
    if owner == c.e {
        return Ok(());
    }
    let from = changes.partition_point(|x| (x.e, x.a) < (owner, c.a));
    let moved = changes[from..]
        .iter()
        .take_while(|x| (x.e, x.a) == (owner, c.a))
        .any(|x| !x.added && x.v == c.v);
    if moved {
        return Ok(());
    }
    let attr = cx.attr(c.a)?;
    let value = cx.value_name(c.a, c.v);
    let error = taken(cx, resolved, c, owner);
    Err(match attr.composite_members() {
        Some(_) => error.hint(format!(
            "{} is kept from {}; change one of them",
            attr.ident,
            members(cx, attr)
        )),
        None => error.hint(format!(
            "use [{} {value}] to mean that entity, or retract the value from it",
            attr.ident
        )),
    })
}

fn taken(cx: &Cx<'_>, resolved: &Resolved, c: &Change, owner: u64) -> Error {
    let value = cx.value_name(c.a, c.v);
    Error::new(
        Code::UniqueConflict,
        format!(
            "{} is unique and {value} already belongs to {}",
            cx.attr_name(c.a),
            cx.entity_name(owner)
        ),
    )
    .at(resolved.ops.ops[c.op as usize].span)
    .with("owner", owner)
    .with("datom", cx.fact(c.e, c.a, c.v))
}

/// A unique tuple with a nil slot, where the attribute says that those do not count.
fn exempt(cx: &Cx<'_>, c: &Change) -> Result<bool> {
    if !cx.attr(c.a)?.unique_partial {
        return Ok(false);
    }
    Ok(matches!(cx.value(c.a, c.v)?, Value::Tuple(slots) if slots.iter().any(Option::is_none)))
}

/// The final order: entity, attribute, value, retraction before assertion. The changes are sorted by words already; only
/// values that share their first bytes may still be out of order.
pub(super) fn sort(cx: &Cx<'_>, schema: &Schema, changes: &mut [Change]) -> Result<()> {
    changes.sort_unstable_by_key(|c| (c.e, c.a, c.v, c.added));
    let mut failed = None;
    for run in changes.chunk_by_mut(|x, y| x.e == y.e && x.a == y.a) {
        if run.len() < 2 || run[0].flags.has(Flags::INLINE) {
            continue;
        }
        let ty = type_of(schema, run[0].a)?;
        run.sort_by(|x, y| {
            cx.words.compare(ty, x.v, y.v).unwrap_or_else(|e| {
                failed = Some(e);
                x.v.cmp(&y.v)
            })
        });
    }
    failed.map_or(Ok(()), Err)
}
