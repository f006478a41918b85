//! Names become entities: lookup refs, tempids (through `upsert`), and what retracting a whole entity means. Operations
//! become facts; after this stage there is no tempid.
//!
//! Everything is read from the database before, in ascending order through one reader an index.

use super::cx::{Cx, next_counter};
use super::ops::{Flags, Known, Lookup, Op, Ops, Term, What};
use super::upsert::Owners;
use super::{retract, upsert};
use crate::datom::{EntityId, Partition, Word, word};
use crate::db::{NextIds, first_counter};
use crate::edn::Instant;
use crate::error::{Code, Error, Result, Span};
use crate::index::{Columns, Order, Probe, Prober, Range};
use crate::schema::bootstrap;

/// A fact that the transaction states, before it is known whether it changes anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    pub e: u64,
    pub a: u32,
    pub v: Word,
    /// The operation it comes from.
    pub op: u32,
    pub flags: Flags,
    pub added: bool,
    pub known: Known,
}

/// What `resolve` hands to `check`.
pub(super) struct Resolved {
    pub ops: Ops,
    pub facts: Vec<Fact>,
    /// Composite tuples that the user wrote; they must equal what their members give.
    pub tuple_writes: Vec<Fact>,
    /// `(entity, spec, place)` of every `:db/ensure`.
    pub ensures: Vec<(u64, u64, Span)>,
    /// Entities retracted whole, ascending.
    pub retracted: Vec<u64>,
    /// The instants asked for.
    pub instants: Vec<(Instant, Span)>,
    /// Unique values whose owner before is known already.
    pub owners: Owners,
    pub next_ids: NextIds,
    pub new_entities: Vec<EntityId>,
}

/// Resolves every term.
pub(super) fn entities(cx: &Cx<'_>, mut ops: Ops) -> Result<Resolved> {
    let found = lookups(cx, &ops.lookups)?;
    if !found.is_empty() {
        let resolve = |term: &mut Term| {
            if let Term::Lookup(i) = *term {
                *term = Term::Word(found[i as usize]);
            }
        };
        for op in &mut ops.ops {
            resolve(&mut op.e);
            resolve(&mut op.v);
        }
        for (_, old) in &mut ops.cas {
            resolve(old);
        }
    }
    let owners = upsert::unify(cx, &mut ops)?;
    let (next_ids, new_entities) = allocate(cx, &mut ops)?;

    let mut out = Resolved {
        facts: Vec::with_capacity(ops.ops.len()),
        tuple_writes: Vec::new(),
        ensures: Vec::new(),
        retracted: Vec::new(),
        instants: std::mem::take(&mut ops.instants),
        owners,
        next_ids,
        new_entities,
        ops: Ops::default(),
    };
    let mut special = Special::default();
    for i in 0..ops.ops.len() {
        let op = ops.ops[i];
        let (e, new) = known_entity(&mut ops, op.e);
        let v = value(&mut ops, op.v);
        let fact = Fact {
            e,
            a: op.a,
            v,
            op: i as u32,
            flags: op.flags,
            added: true,
            known: if new { Known::Absent } else { op.known },
        };
        match op.what {
            What::Add if op.a == bootstrap::TX_INSTANT => {
                if e != cx.tx {
                    return Err(reset_instant(cx, e).at(op.span));
                }
                out.instants.push((Instant(word::to_long(v)), op.span));
            }
            What::Add if op.flags.has(Flags::COMPOSITE) => out.tuple_writes.push(fact),
            What::Add if e == cx.tx => out.facts.push(Fact {
                known: Known::Absent,
                ..fact
            }),
            What::Add => out.facts.push(fact),
            What::Ensure => out.ensures.push((e, v, op.span)),
            What::RetractEntity => special.entities.push((e, i as u32)),
            What::Retract | What::RetractAll | What::Cas if op.a == bootstrap::TX_INSTANT => {
                return Err(reset_instant(cx, e).at(op.span));
            }
            What::Retract | What::RetractAll | What::Cas if op.flags.has(Flags::COMPOSITE) => {
                return Err(super::tuples::direct_write(cx, op.a).at(op.span));
            }
            What::Retract => out.facts.push(Fact { added: false, ..fact }),
            What::RetractAll => special.attributes.push(Fact { added: false, ..fact }),
            What::Cas => special.cas.push(fact),
        }
    }
    if !special.attributes.is_empty() {
        retract::attributes(cx, special.attributes, &mut out.facts)?;
    }
    if !special.entities.is_empty() {
        out.retracted = retract::entities(cx, &ops, &special.entities, &mut out.facts)?;
    }
    if !special.cas.is_empty() {
        let old: Vec<(u32, Option<Word>)> = ops
            .cas
            .clone()
            .iter()
            .map(|(op, term)| {
                (
                    *op,
                    match term {
                        Term::Nothing => None,
                        term => Some(value(&mut ops, *term)),
                    },
                )
            })
            .collect();
        retract::compare(cx, &ops, special.cas, &old, &mut out.facts)?;
    }
    out.ops = ops;
    Ok(out)
}

#[derive(Default)]
struct Special {
    entities: Vec<(u64, u32)>,
    attributes: Vec<Fact>,
    cas: Vec<Fact>,
}

/// The error for touching another transaction's instant, or retracting one.
pub(super) fn reset_instant(cx: &Cx<'_>, e: u64) -> Error {
    Error::new(
        Code::ResetTxInstant,
        format!(
            "the :db/txInstant of {} cannot be changed or retracted",
            cx.entity_name(e)
        ),
    )
    .hint("a transaction gives its own instant only: {:db/id \"datomic.tx\" :db/txInstant #inst \"...\"}")
}

/// The id of an entity term, and whether it is made by this transaction.
fn known_entity(ops: &mut Ops, term: Term) -> (u64, bool) {
    match term {
        Term::Word(e) => (e, false),
        Term::Temp(i) => {
            let root = ops.root(i);
            let temp = &ops.temps[root as usize];
            (temp.id.unwrap_or(0), temp.new)
        }
        Term::Lookup(_) | Term::Nothing => (0, false),
    }
}

fn value(ops: &mut Ops, term: Term) -> Word {
    known_entity(ops, term).0
}

/// The entities of all lookup refs, by number.
fn lookups(cx: &Cx<'_>, lookups: &[Lookup]) -> Result<Vec<u64>> {
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
pub(super) fn one_lookup(cx: &Cx<'_>, ops: &Ops, i: u32) -> Result<u64> {
    let lookup = &ops.lookups[i as usize];
    let v = match lookup.v {
        Term::Lookup(inner) => one_lookup(cx, ops, inner)?,
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

/// The order of two probes of one attribute, as the index has it.
pub(super) fn in_order(x: &crate::index::Probe, y: &crate::index::Probe) -> std::cmp::Ordering {
    match (&x.bytes, &y.bytes) {
        (Some(a), Some(b)) => word::compare(x.word, y.word).unwrap_or_else(|| a.cmp(b)),
        _ => x.word.cmp(&y.word),
    }
}

/// Gives ids to the tempids that are nobody yet, in the order in which they appear.
fn allocate(cx: &Cx<'_>, ops: &mut Ops) -> Result<(NextIds, Vec<EntityId>)> {
    let mut next_ids = cx.db.base().next_ids.clone();
    let mut made = Vec::new();
    // The partition of the last one: usually the next one's, too.
    let mut run: Option<(u32, u64)> = None;
    for i in 0..ops.temps.len() as u32 {
        let root = ops.root(i) as usize;
        if ops.temps[root].id.is_some() {
            let temp = &ops.temps[root];
            if temp.new && ops.temps[i as usize].must_exist {
                return Err(must_exist(ops, i));
            }
            continue;
        }
        if !ops.temps[root].subject {
            return Err(if ops.temps[i as usize].must_exist {
                must_exist(ops, i)
            } else {
                no_subject(ops, i)
            });
        }
        if ops.temps[i as usize].must_exist || ops.temps[root].must_exist {
            return Err(must_exist(ops, i));
        }
        let temp = &mut ops.temps[root];
        let partition = temp
            .partition
            .unwrap_or(if temp.named { Partition::DB.0 } else { Partition::USER.0 });
        let counter = match run {
            Some((p, counter)) if p == partition => counter,
            other => {
                if let Some((p, counter)) = other {
                    next_ids.insert(p, counter);
                }
                let first = first_counter(Partition(partition));
                next_ids
                    .get(partition)
                    .unwrap_or(first)
                    .max(next_counter(cx.db, Partition(partition)))
            }
        };
        run = Some((partition, counter + 1));
        let e = EntityId::new(Partition(partition), counter);
        temp.id = Some(e.0);
        temp.new = true;
        made.push(e);
    }
    if let Some((p, counter)) = run {
        next_ids.insert(p, counter);
    }
    Ok((next_ids, made))
}

fn temp_name(ops: &Ops, i: u32) -> String {
    match &ops.temps[i as usize].name {
        Some(super::ops::TempName::Text(s)) => format!("the tempid \"{s}\""),
        Some(super::ops::TempName::Number(n)) => format!("the tempid {n}"),
        None => "the entity of this map".into(),
    }
}

fn no_subject(ops: &Ops, i: u32) -> Error {
    Error::new(
        Code::TempidNotAnEntity,
        format!("nothing is asserted about {}, so it is no entity", temp_name(ops, i)),
    )
    .at(ops.temps[i as usize].span)
    .hint("assert a fact about it, or refer to an existing entity by id, ident or lookup ref")
}

fn must_exist(ops: &Ops, i: u32) -> Error {
    Error::new(
        Code::TempidNotAnEntity,
        format!("{} is a new entity, which has nothing to retract or compare", temp_name(ops, i)),
    )
    .at(ops.temps[i as usize].span)
    .hint("a tempid may stand here only when an identity value in this transaction makes it an existing entity; use an id or a lookup ref")
}

/// For messages: how the entity of an operation was found, when that was not by id.
pub(super) fn how_resolved(cx: &Cx<'_>, ops: &Ops, op: &Op) -> Option<String> {
    let Term::Temp(mut i) = op.e else { return None };
    let name = temp_name(ops, i);
    while ops.temps[i as usize].parent != i {
        i = ops.temps[i as usize].parent;
    }
    let temp = &ops.temps[i as usize];
    let via = &ops.ops[temp.via? as usize];
    Some(format!(
        "{name} resolved to {} through {}; give an explicit id",
        cx.entity_name(temp.id?),
        cx.attr_name(via.a)
    ))
}

/// A fact of an operation, for messages; a new entity goes by its tempid.
pub(super) fn shown(cx: &Cx<'_>, ops: &Ops, op: u32, e: u64, a: u32, v: Word) -> String {
    let temp = match ops.ops[op as usize].e {
        Term::Temp(i) if cx.is_new(e) => ops.temps[i as usize].name.as_ref(),
        _ => None,
    };
    match temp {
        Some(super::ops::TempName::Text(s)) => format!("[\"{s}\" {} {}]", cx.attr_name(a), cx.value_name(a, v)),
        Some(name) => format!("[{name} {} {}]", cx.attr_name(a), cx.value_name(a, v)),
        None => cx.fact(e, a, v),
    }
}
