//! `get-else`, `get-some` and `missing?`: what an entity has, looked up row by row.

use super::super::ast::{Binding, Var};
use super::super::bind::Binder;
use super::super::hash::mix;
use super::super::plan::{Lookup, LookupKind, Operand};
use super::super::relation::Relation;
use super::Exec;
use crate::datom::{EntityId, T, Val, Word};
use crate::db::{Db, Reader};
use crate::error::Result;
use crate::index::{Columns, Order, Probe, Range};

/// What entities have, or what refers to them, in one index.
struct Finder<'a> {
    db: &'a Db,
    reader: Reader,
    found: Columns,
    rows: usize,
}

impl<'a> Finder<'a> {
    fn new(db: &'a Db, order: Order) -> Finder<'a> {
        Finder {
            db,
            reader: Reader::new(db, order),
            found: Columns::default(),
            rows: 0,
        }
    }

    /// The entity and value word of the newest assertion in a range (in a view of now, the least of many values).
    fn first(&mut self, range: &Range) -> Result<Option<(u64, Word)>> {
        self.reader.get(range, &mut self.found)?;
        self.rows += self.found.len();
        if !self.db.is_history() {
            return Ok((!self.found.is_empty()).then(|| (self.found.e[0], self.found.v[0])));
        }
        // A history has several; the one asserted last is the value.
        let mut last: Option<(T, usize)> = None;
        for i in 0..self.found.len() {
            let row = self.found.row(i);
            if row.added && last.is_none_or(|(t, _)| row.t >= t) {
                last = Some((row.t, i));
            }
        }
        Ok(last.map(|(_, i)| (self.found.e[i], self.found.v[i])))
    }
}

/// What was found for an attribute of an entity.
type Hit = Option<(u64, Word)>;

/// What was found lately: rows with the same entity often stand together, or come again and again.
struct Recent(Vec<Option<((usize, u64), Hit)>>);

impl Recent {
    /// For so many rows.
    fn new(rows: usize) -> Recent {
        const MOST: usize = 1024;
        Recent(vec![None; rows.min(MOST).next_power_of_two()])
    }
    fn get(&mut self, attr: usize, e: u64, find: impl FnOnce() -> Result<Hit>) -> Result<Hit> {
        let place = mix(attr as u64, e) as usize & (self.0.len() - 1);
        match &self.0[place] {
            Some((key, hit)) if *key == (attr, e) => Ok(*hit),
            _ => {
                let hit = find()?;
                self.0[place] = Some(((attr, e), hit));
                Ok(hit)
            }
        }
    }
}

impl Exec<'_> {
    pub fn lookup(&self, l: &Lookup, binding: &Binding, rel: Relation, keep: &[Var]) -> Result<Relation> {
        let Some(source) = self.sources.db(l.source) else {
            return Ok(Relation::empty(keep));
        };
        let db = &source.db;
        let mut forward = Finder::new(db, Order::Aevt);
        let mut backward = Finder::new(db, Order::Vaet);
        let mut recent = Recent::new(rel.len);
        let mut binder = Binder::new(binding, self.values, self.meter, false);
        let mut rows = Vec::new();
        for i in 0..rel.len {
            self.meter.tick()?;
            let entity = match &l.e {
                Operand::Const(v) => v.clone(),
                Operand::Var(v) => {
                    let (tag, w) = rel.col(*v).expect("the entity is bound").get(i);
                    self.values.val(tag, w)?
                }
            };
            let entity = match entity {
                Val::Ref(e) => Some(e.0),
                Val::Long(n) => u64::try_from(n).ok(),
                _ => None,
            };
            let mut found: Option<(usize, Val)> = None;
            for (k, a) in l.attrs.iter().enumerate() {
                let Some(e) = entity else { break };
                let hit = if a.reverse {
                    let range = || Range::av(a.attr.id, Probe::inline(e));
                    let found = recent.get(k, e, || backward.first(&range()))?;
                    found.map(|(e, _)| Val::Ref(EntityId(e)))
                } else {
                    match recent.get(k, e, || forward.first(&Range::ea(e, a.attr.id)))? {
                        Some((_, w)) => match Val::from_word(a.attr.value_type, w) {
                            Some(v) => Some(v),
                            None => Some(db.words().value(a.attr.value_type, w)?.into()),
                        },
                        None => None,
                    }
                };
                if let Some(v) = hit {
                    found = Some((k, v));
                    break;
                }
            }
            let result = match &l.kind {
                LookupKind::Missing => {
                    let missing = found.is_none();
                    // As a clause of its own it is a test; with a binding, its value.
                    match binding {
                        Binding::Blank if !missing => Val::Nil,
                        _ => Val::Boolean(missing),
                    }
                }
                LookupKind::Else(default) => found.map_or(default.clone(), |(_, v)| v),
                LookupKind::Some => match found {
                    Some((k, v)) => Val::vector([Val::Ref(l.attrs[k].attr.entity()), v]),
                    None => Val::Nil,
                },
            };
            for _ in 0..binder.add(&result)? {
                rows.push(i as u32);
            }
        }
        for finder in [&forward, &backward] {
            self.meter.read(finder.rows);
            self.meter.leaves(finder.reader.leaves());
        }
        Ok(self.unify(&rel, &rows, binder, keep))
    }
}
