//! Which tempids are existing entities, and which are one.
//!
//! A tempid that asserts a unique identity value is the entity that has the value in the database before; two that assert
//! one new value are one entity. An identity value can be a reference to another tempid, and a composite tuple is an
//! identity once all its members are asserted, so this goes in rounds until nothing is learnt. The first round settles
//! everything in transactions without such attributes.

use super::cx::{Cx, in_order};
use super::ops::{Flags, Known, Ops, Term, What};
use super::stages::Owners;
use crate::datom::{Value, Word};
use crate::error::{Code, Error, Result};
use crate::index::{Columns, Order, Probe, Prober, Range};
use crate::schema::Unique;

/// One assertion of an identity value about a tempid.
struct Claim {
    a: u32,
    v: Word,
    temp: u32,
    op: u32,
    probe: Probe,
}

/// A tuple whose members are all asserted: attribute, values (or tempids), the tempid it is about, operation.
type Complete = (u32, Vec<(Word, bool)>, u32, u32);

struct Unifier<'a, 'c> {
    cx: &'a Cx<'c>,
    ops: &'a mut Ops,
    prober: Option<Prober>,
    rows: Columns,
    owners: Vec<(u32, Word, Option<u64>)>,
    changed: bool,
}

/// Resolves what upserts.
pub(super) fn unify(cx: &Cx<'_>, ops: &mut Ops) -> Result<Owners> {
    if ops.temps.is_empty() {
        return Ok(Owners::default());
    }
    let mut claims = Vec::new();
    // Identity values that are tempids themselves: (attribute, tempid, claiming tempid, operation).
    let mut waiting: Vec<(u32, u32, u32, u32)> = Vec::new();
    let mut tuples = false;
    for (i, op) in ops.ops.iter().enumerate() {
        let (What::Add, Term::Temp(temp)) = (op.what, op.e) else {
            continue;
        };
        if op.flags.has(Flags::MEMBER) {
            tuples = true;
        }
        if !op.flags.has(Flags::IDENTITY) {
            continue;
        }
        match op.v {
            Term::Word(v) => claims.push(Claim {
                a: op.a,
                v,
                temp,
                op: i as u32,
                probe: cx.probe(op.flags, v)?,
            }),
            Term::Temp(v) => waiting.push((op.a, v, temp, i as u32)),
            Term::Lookup(_) | Term::Nothing => {}
        }
    }
    let mut unifier = Unifier {
        cx,
        ops,
        prober: None,
        rows: Columns::default(),
        owners: Vec::new(),
        changed: false,
    };
    unifier.settle(claims)?;
    let tuples = tuples && unifier.has_identity_tuples();
    if tuples || !waiting.is_empty() {
        loop {
            unifier.changed = false;
            unifier.references(&mut waiting)?;
            if tuples {
                unifier.tuples()?;
            }
            if !unifier.changed {
                break;
            }
        }
    }
    Ok(Owners::new(unifier.owners))
}

impl Unifier<'_, '_> {
    /// Claims with known values: each group of equal ones is one entity, an existing one if the value has an owner.
    fn settle(&mut self, mut claims: Vec<Claim>) -> Result<()> {
        claims.sort_unstable_by(|x, y| {
            x.a.cmp(&y.a)
                .then_with(|| in_order(&x.probe, &y.probe))
                .then(x.op.cmp(&y.op))
        });
        for group in claims.chunk_by(|x, y| x.a == y.a && x.v == y.v) {
            let first = &group[0];
            for other in &group[1..] {
                self.union(first.temp, other.temp, other.op)?;
            }
            let flags = self.ops.ops[first.op as usize].flags;
            let owner = match self.cx.owner(flags, first.a, first.v)? {
                Some(owner) => owner,
                None => self.owner(first.a, first.probe.clone())?,
            };
            self.owners.push((first.a, first.v, owner));
            if let Some(e) = owner {
                self.assign(first.temp, e, first.op)?;
                for claim in group {
                    self.ops.ops[claim.op as usize].known = Known::Present;
                }
            }
        }
        Ok(())
    }

    /// Claims whose value is a tempid: probed once that is an existing entity, compared with each other before.
    fn references(&mut self, waiting: &mut Vec<(u32, u32, u32, u32)>) -> Result<()> {
        let mut ready = Vec::new();
        let mut open = Vec::new();
        for &(a, v, temp, op) in waiting.iter() {
            let root = self.ops.root(v);
            match self.ops.temps[root as usize].id {
                Some(id) => {
                    ready.push(Claim {
                        a,
                        v: id,
                        temp,
                        op,
                        probe: Probe::inline(id),
                    });
                }
                None => open.push((a, root, temp, op)),
            }
        }
        if !ready.is_empty() {
            self.changed = true;
            self.settle(ready)?;
        }
        open.sort_unstable();
        for pair in open.windows(2) {
            if pair[0].0 == pair[1].0 && pair[0].1 == pair[1].1 {
                self.union(pair[0].2, pair[1].2, pair[1].3)?;
            }
        }
        *waiting = open;
        Ok(())
    }

    fn has_identity_tuples(&self) -> bool {
        self.cx
            .schema
            .attrs()
            .any(|a| a.unique == Some(Unique::Identity) && a.composite_members().is_some())
    }

    /// Composite identities whose members are all asserted about a tempid.
    fn tuples(&mut self) -> Result<()> {
        let schema = self.cx.schema;
        // (tuple, tempid, slot, value, operation)
        let mut slots: Vec<(u32, u32, usize, Word, bool, u32)> = Vec::new();
        for i in 0..self.ops.ops.len() {
            let op = self.ops.ops[i];
            let (What::Add, Term::Temp(temp), true) = (op.what, op.e, op.flags.has(Flags::MEMBER)) else {
                continue;
            };
            let root = self.ops.root(temp);
            let (v, pending) = match op.v {
                Term::Word(v) => (v, false),
                Term::Temp(t) => {
                    let r = self.ops.root(t);
                    self.ops.temps[r as usize]
                        .id
                        .map_or((u64::from(r), true), |id| (id, false))
                }
                Term::Lookup(_) | Term::Nothing => continue,
            };
            for &tuple in schema.composites_of(op.a) {
                let Some(def) = schema.attr(tuple).filter(|d| d.unique == Some(Unique::Identity)) else {
                    continue;
                };
                for (slot, _) in def
                    .composite_members()
                    .unwrap_or(&[])
                    .iter()
                    .enumerate()
                    .filter(|(_, m)| **m == op.a)
                {
                    slots.push((tuple, root, slot, v, pending, i as u32));
                }
            }
        }
        slots.sort_unstable();
        slots.dedup_by_key(|s| (s.0, s.1, s.2));
        // Complete ones, by their values: (tuple, values, tempid, operation).
        let mut complete: Vec<Complete> = Vec::new();
        for group in slots.chunk_by(|x, y| (x.0, x.1) == (y.0, y.1)) {
            let members = schema
                .attr(group[0].0)
                .and_then(|d| d.composite_members())
                .unwrap_or(&[]);
            if group.len() == members.len() {
                let values = group.iter().map(|s| (s.3, s.4)).collect();
                complete.push((group[0].0, values, group[0].1, group[0].5));
            }
        }
        complete.sort_unstable();
        for group in complete.chunk_by(|x, y| x.0 == y.0 && x.1 == y.1) {
            let (tuple, values, temp, op) = &group[0];
            for other in &group[1..] {
                self.union(*temp, other.2, other.3)?;
            }
            if values.iter().any(|(_, pending)| *pending) {
                continue;
            }
            let members = schema.attr(*tuple).and_then(|d| d.composite_members()).unwrap_or(&[]);
            let mut parts = Vec::with_capacity(members.len());
            for (m, (v, _)) in members.iter().zip(values) {
                parts.push(Some(self.cx.value(*m, *v)?));
            }
            let probe = self.cx.words.probe(&Value::Tuple(parts.into()))?;
            if let Some(e) = self.owner(*tuple, probe)? {
                self.assign(*temp, e, *op)?;
            }
        }
        Ok(())
    }

    fn owner(&mut self, a: u32, probe: Probe) -> Result<Option<u64>> {
        let prober = self.prober.get_or_insert_with(|| self.cx.db.prober(Order::Avet));
        prober.get(&Range::av(a, probe), &mut self.rows)?;
        Ok(self.rows.e.first().copied())
    }

    /// The tempid is the existing entity `e`, as operation `op` says.
    fn assign(&mut self, temp: u32, e: u64, op: u32) -> Result<()> {
        let root = self.ops.root(temp) as usize;
        match self.ops.temps[root].id {
            Some(id) if id == e => Ok(()),
            Some(id) => Err(self.two_entities(root, id, e, op)),
            None => {
                self.ops.temps[root].id = Some(e);
                self.ops.temps[root].via = Some(op);
                self.changed = true;
                Ok(())
            }
        }
    }

    /// The two tempids are one entity, as operation `op` says.
    fn union(&mut self, x: u32, y: u32, op: u32) -> Result<()> {
        let (x, y) = (self.ops.root(x), self.ops.root(y));
        if x == y {
            return Ok(());
        }
        // The one that appeared first stays the root, so that ids are given in the order of the text.
        let (root, child) = (x.min(y), x.max(y));
        let gone = self.ops.temps[child as usize].clone();
        let kept = &mut self.ops.temps[root as usize];
        if let (Some(a), Some(b)) = (kept.partition, gone.partition)
            && a != b
        {
            return Err(Error::new(
                Code::ConflictingUpsert,
                "two tempids of different partitions assert one identity value, so they are one entity",
            )
            .at(self.ops.ops[op as usize].span)
            .hint("use one tempid for the entity"));
        }
        kept.subject |= gone.subject;
        kept.named |= gone.named;
        kept.partition = kept.partition.or(gone.partition);
        let (had, other) = (kept.id, gone.id);
        if kept.id.is_none() {
            (kept.id, kept.via) = (gone.id, gone.via);
        }
        self.ops.temps[child as usize].parent = root;
        self.changed = true;
        match (had, other) {
            (Some(a), Some(b)) if a != b => Err(self.two_entities(root as usize, a, b, gone.via.unwrap_or(op))),
            _ => Ok(()),
        }
    }

    fn two_entities(&self, temp: usize, first: u64, second: u64, op: u32) -> Error {
        let cx = self.cx;
        let claim = |op: u32| {
            let op = &self.ops.ops[op as usize];
            match op.v {
                Term::Word(v) => format!("{} {}", cx.attr_name(op.a), cx.value_name(op.a, v)),
                _ => cx.attr_name(op.a),
            }
        };
        let via = self.ops.temps[temp].via.unwrap_or(op);
        Error::new(
            Code::ConflictingUpsert,
            format!(
                "one entity would have to be two: {} belongs to {}, {} to {}",
                claim(via),
                cx.entity_name(first),
                claim(op),
                cx.entity_name(second)
            ),
        )
        .at(self.ops.ops[op as usize].span)
        .with("first", first)
        .with("second", second)
        .hint("write two forms, or give the :db/id of the entity you mean and retract the value from the other")
    }
}
