//! The facts that a pull needs, read for many entities at once and kept until the maps are made.
//!
//! A load reads one plan's part of the facts of some entities. Many are joined to the index in one pass, in ascending order; few, and
//! those whose facts fill leaves, are read one by one, and then no more of an attribute than its limit.

use std::ops::Range as Span;

use rustc_hash::FxHashMap;

use super::plan::{Plan, Wanted};
use crate::datom::Word;
use crate::db::{Db, Reader};
use crate::error::{Code, Error, Result};
use crate::index::{Columns, Order, Probe, Range};

/// From so many entities on they are joined to the index.
const MANY: usize = 6;
/// A join sorts and copies the tail's facts between its keys, so there may be so many for each of them.
const TAIL_FOR_EACH: usize = 16;

/// See the module.
pub(super) struct Facts {
    db: Db,
    reader: Reader,
    columns: Columns,
    /// Facts by entity and attribute: the attribute, and the value; of reverse ones the entity that refers.
    attrs: Vec<u32>,
    words: Vec<Word>,
    /// By plan: the rows of each entity loaded.
    forward: Vec<Places>,
    reverse: Vec<Places>,
    /// The rows of each entity of the last load.
    spans: Vec<(u32, u32)>,
    /// Rows read, and leaves apart from the reader's.
    rows: u64,
    leaves: u64,
}

/// Which facts of an entity.
#[derive(Clone, Copy)]
enum Side {
    Own,
    /// Those of others, whose value it is.
    Referring,
}

type Places = FxHashMap<u64, (u32, u32)>;

impl Facts {
    /// For so many plans.
    pub fn new(db: &Db, plans: usize) -> Facts {
        Facts {
            reader: Reader::new(db, Order::Eavt),
            db: db.clone(),
            columns: Columns::default(),
            attrs: Vec::new(),
            words: Vec::new(),
            forward: vec![Places::default(); plans],
            reverse: vec![Places::default(); plans],
            spans: Vec::new(),
            rows: 0,
            leaves: 0,
        }
    }

    /// Forgets all facts and keeps the memory.
    pub fn clear(&mut self) {
        self.attrs.clear();
        self.words.clear();
        self.forward.iter_mut().chain(&mut self.reverse).for_each(Places::clear);
    }

    /// How many rows and leaves it has read so far.
    pub fn read(&self) -> (u64, u64) {
        (self.rows, self.reader.leaves() + self.leaves)
    }

    /// About how many bytes the facts take.
    pub fn bytes(&self) -> usize {
        let places: usize = self.forward.iter().chain(&self.reverse).map(Places::capacity).sum();
        self.attrs.capacity() * 4 + self.words.capacity() * 8 + places * 17
    }

    /// Whether the facts of an entity are here.
    pub fn has(&self, plan: &Plan, e: u64) -> bool {
        match (plan.reads_forward(), plan.reverse.is_empty()) {
            (true, _) => self.forward[plan.at].contains_key(&e),
            (false, false) => self.reverse[plan.at].contains_key(&e),
            (false, true) => true,
        }
    }

    /// The rows of an entity, if they were loaded for a plan.
    pub fn of(&self, plan: &Plan, e: u64) -> Option<Span<usize>> {
        match plan.reads_forward() {
            true => found(&self.forward[plan.at], e),
            false => self.has(plan, e).then_some(0..0),
        }
    }
    /// The rows of the k-th entity of the last load.
    pub fn loaded(&self, k: usize) -> Span<usize> {
        self.spans
            .get(k)
            .map_or(0..0, |(from, to)| *from as usize..*to as usize)
    }
    /// The same, of what refers to it.
    pub fn referring(&self, plan: &Plan, e: u64) -> Span<usize> {
        found(&self.reverse[plan.at], e).unwrap_or_default()
    }
    /// The attributes of rows.
    pub fn attrs(&self, rows: Span<usize>) -> &[u32] {
        &self.attrs[rows]
    }
    /// The values of rows.
    pub fn words(&self, rows: Span<usize>) -> &[Word] {
        &self.words[rows]
    }
    /// The rows of one attribute among rows.
    pub fn run(&self, rows: Span<usize>, attr: u32) -> Span<usize> {
        let attrs = &self.attrs[rows.clone()];
        let from = before(attrs, |a| a < attr);
        let len = before(&attrs[from..], |a| a == attr);
        rows.start + from..rows.start + from + len
    }

    /// The rows of each step's attribute among rows: [`Facts::run`] for all of a plan's forward steps at once.
    pub fn runs(&self, plan: &Plan, rows: Span<usize>, runs: &mut Vec<Span<usize>>) {
        runs.clear();
        runs.resize(plan.steps.len(), 0..0);
        let attrs = &self.attrs[..rows.end];
        let (mut from, mut to) = (rows.start, rows.start);
        let mut last = None;
        for (attr, step) in &plan.by_attr {
            if last != Some(attr) {
                from = to + before(&attrs[to..], |a| a < *attr);
                to = from + before(&attrs[from..], |a| a == *attr);
                last = Some(attr);
            }
            runs[*step] = from..to;
        }
    }

    /// Reads what a plan needs of entities, which ascend, differ and are not here yet.
    pub fn load(&mut self, plan: &Plan, entities: &[u64]) -> Result<()> {
        // What refers comes first: `spans` are to be the entities' own facts in the end.
        if !plan.reverse.is_empty() {
            self.load_side(plan, Side::Referring, entities)?;
        }
        self.spans.clear();
        if plan.reads_forward() {
            self.load_side(plan, Side::Own, entities)?;
        }
        Ok(())
    }

    fn load_side(&mut self, plan: &Plan, side: Side, entities: &[u64]) -> Result<()> {
        let n = entities.len();
        self.spans.clear();
        self.spans.resize(n, (0, 0));
        let many = n >= MANY && !self.db.is_filtered() && self.db.unindexed() <= n * TAIL_FOR_EACH;
        match many {
            true => self.join(plan, side, entities)?,
            false => {
                for (k, e) in entities.iter().enumerate() {
                    self.spans[k] = self.one(plan, side, *e)?;
                }
            }
        }
        let rows = self.spans.iter().copied();
        let places = match side {
            Side::Own => &mut self.forward[plan.at],
            Side::Referring => &mut self.reverse[plan.at],
        };
        places.extend(entities.iter().copied().zip(rows));
        Ok(())
    }

    fn join(&mut self, plan: &Plan, side: Side, entities: &[u64]) -> Result<()> {
        let (wanted, whole) = match side {
            Side::Own => (&plan.forward, plan.whole),
            Side::Referring => (&plan.reverse, false),
        };
        let mut matcher = match (side, &wanted[..]) {
            (Side::Referring, _) => self.db.matcher(Order::Vaet, 0, false),
            // Its facts alone lie closer together.
            (Side::Own, [one]) if !whole => self.db.matcher(Order::Aevt, one.attr, false),
            (Side::Own, _) => self.db.matcher(Order::Eavt, 0, false),
        };
        let mut split = Vec::new();
        let (attrs, words, spans, read) = (&mut self.attrs, &mut self.words, &mut self.spans, &mut self.rows);
        matcher.spans(entities, |k, rows| {
            let Some((columns, rows)) = rows else {
                split.push(k);
                return Ok(());
            };
            let shown = match side {
                Side::Own => &columns.v,
                Side::Referring => &columns.e,
            };
            let from = attrs.len();
            let mut take = |rows: Span<usize>| {
                attrs.extend_from_slice(&columns.a[rows.clone()]);
                words.extend_from_slice(&shown[rows]);
            };
            match whole {
                true => take(rows),
                false => wanted_rows(wanted, &columns.a, rows, take),
            }
            *read += (attrs.len() - from) as u64;
            spans[k] = span(from, attrs.len())?;
            Ok(())
        })?;
        self.leaves += matcher.leaves();
        for k in split {
            self.spans[k] = self.one(plan, side, entities[k])?;
        }
        Ok(())
    }

    fn one(&mut self, plan: &Plan, side: Side, e: u64) -> Result<(u32, u32)> {
        let from = self.attrs.len();
        match side {
            Side::Own if plan.whole => self.append(&Range::e(e))?,
            Side::Own => {
                for wanted in &plan.forward {
                    let range = Range::ea(e, wanted.attr);
                    match wanted.limit {
                        Some(limit) => self.append_some(Order::Eavt, &range, limit, wanted.attr)?,
                        None => self.append(&range)?,
                    }
                }
            }
            Side::Referring => {
                for wanted in &plan.reverse {
                    let range = Range::av(wanted.attr, Probe::inline(e));
                    self.append_some(Order::Vaet, &range, wanted.limit.unwrap_or(usize::MAX), wanted.attr)?;
                }
            }
        }
        span(from, self.attrs.len())
    }

    /// Appends the values of a range, no more than so many.
    fn append_some(&mut self, order: Order, range: &Range, limit: usize, attr: u32) -> Result<()> {
        let from = self.words.len();
        let mut reading = self.db.scan(order, range);
        for batch in &mut reading {
            let batch = batch?;
            let words = match order {
                Order::Vaet => batch.e(),
                _ => batch.v(),
            };
            let room = limit - (self.words.len() - from);
            self.words.extend_from_slice(&words[..words.len().min(room)]);
            if words.len() >= room {
                break;
            }
        }
        self.attrs.resize(self.words.len(), attr);
        self.rows += (self.words.len() - from) as u64;
        self.leaves += reading.leaves();
        Ok(())
    }

    /// Appends the facts of a range.
    fn append(&mut self, range: &Range) -> Result<()> {
        self.reader.get(range, &mut self.columns)?;
        self.rows += self.columns.len() as u64;
        self.attrs.extend_from_slice(&self.columns.a);
        self.words.extend_from_slice(&self.columns.v);
        Ok(())
    }
}

fn found(places: &Places, e: u64) -> Option<Span<usize>> {
    let (from, to) = *places.get(&e)?;
    Some(from as usize..to as usize)
}

fn span(from: usize, to: usize) -> Result<(u32, u32)> {
    match (u32::try_from(from), u32::try_from(to)) {
        (Ok(from), Ok(to)) => Ok((from, to)),
        _ => Err(
            Error::new(Code::QueryLimit, "the pull needs more than 4,294,967,295 facts")
                .hint("bound the recursion ({:a/ref 3}) or the number of values ([:a/ref :limit 100])"),
        ),
    }
}

/// How many of the attributes at the beginning are so; those that are come first.
#[inline]
fn before(attrs: &[u32], so: impl Fn(u32) -> bool) -> usize {
    const NEAR: usize = 16;
    match attrs.get(NEAR) {
        Some(a) if so(*a) => attrs.partition_point(|a| so(*a)),
        _ => attrs.iter().take_while(|a| so(**a)).count(),
    }
}

/// Calls `take` with the rows of each attribute wanted, among the rows `rows` of an entity.
fn wanted_rows(wanted: &[Wanted], attrs: &[u32], rows: Span<usize>, mut take: impl FnMut(Span<usize>)) {
    let attrs = &attrs[..rows.end];
    let mut at = rows.start;
    for w in wanted {
        at += before(&attrs[at..], |a| a < w.attr);
        let len = before(&attrs[at..], |a| a == w.attr);
        if len > 0 {
            take(at..at + len.min(w.limit.unwrap_or(usize::MAX)));
            at += len;
        }
    }
}
