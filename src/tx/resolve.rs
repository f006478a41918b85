//! Names become entities: lookup refs, tempids (through `upsert`), and what retracting a whole entity means. Operations
//! become facts; after this stage there is no tempid.
//!
//! Everything is read from the database before, in ascending order through one reader an index.

use super::cx::{Cx, next_counter};
use super::messages::{direct_write, reset_instant, temp_name};
use super::ops::{Flags, Known, Ops, Term, What};
use super::stages::{Fact, Resolved};
use super::{lookups, retract, upsert};
use crate::datom::{EntityId, Partition, Word, word};
use crate::db::{NextIds, first_counter};
use crate::edn::Instant;
use crate::error::{Code, Error, Result};
use crate::schema::bootstrap;

/// Resolves every term.
pub(super) fn entities(cx: &Cx<'_>, mut ops: Ops) -> Result<Resolved> {
    let found = lookups::all(cx, &ops.lookups)?;
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
                return Err(direct_write(cx, op.a).at(op.span));
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
