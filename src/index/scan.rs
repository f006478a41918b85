//! Reading: leaves under the view's moment, with the tail's newer events laid over them.

use std::ops::Range as Span;
use std::sync::Arc;

use super::directory::Cursor;
use super::key::{Differs, Keys, Order, Position, Range};
use super::leaf::Leaf;
use super::sort::sort_pairs;
use super::tail::{Few, Form, OVER, Tail, merge, net};
use super::{Batch, Columns, Core, View, Words};
use crate::datom::{RawDatom, T};
use crate::error::Result;
use crate::store::BlobId;

/// The batches of a scan, in order. Leaves are read as the iterator reaches them.
pub struct Scan {
    core: Arc<Core>,
    words: Words,
    order: Order,
    range: Range,
    view: View,
    /// The tail's events in the range and view, merged; those before `at` are done.
    delta: Columns,
    at: usize,
    cursor: Option<Cursor>,
    end: Option<Vec<u8>>,
    last: Option<BlobId>,
    started: bool,
    leaves: u64,
}

impl Scan {
    pub(super) fn new(core: Arc<Core>, words: Words, order: Order, range: Range, view: View) -> Scan {
        Scan {
            core,
            words,
            order,
            range,
            view,
            delta: Columns::default(),
            at: 0,
            cursor: None,
            end: None,
            last: None,
            started: false,
            leaves: 0,
        }
    }

    /// How many leaves were read so far.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    fn start(&mut self) -> Result<()> {
        self.started = true;
        let keys = Keys::new(self.order, &self.words, &self.core.kinds);
        self.delta = delta(&self.core, &keys, &self.range, self.view)?;
        if let Some(from) = self.core.leaf_range(self.order, &self.range).from.bytes(self.order) {
            self.cursor = self.core.directories[self.order as usize].seek(&self.core.blobs, &from)?;
        }
        self.end = self.range.to.bytes(self.order);
        keys.take_error()
    }

    /// The rows of the leaf under the cursor, or nothing when the leaf was already read for the keys before.
    fn base(&mut self) -> Result<Option<Batch>> {
        let cursor = self.cursor.as_ref().expect("base is asked for under a cursor");
        let keys = self.core.leaf_keys(self.order, &self.words);
        let range = self.core.leaf_range(self.order, &self.range);
        let view = self.core.leaf_view(self.view);
        let entry = cursor.entry();
        let batch = if self.view.history {
            let (events, leaves) = self.events(&keys, cursor, &range, view)?;
            self.leaves += leaves;
            Batch::whole(events)
        } else {
            if self.core.is_newest(view) && entry.live == 0 {
                return Ok(None);
            }
            let id = match self.core.folded {
                Some(folded) if view.until < folded => entry.leaf_at(&self.core.blobs, view.until)?,
                // All that the leaves hold: each newest leaf knows it.
                _ => entry.id,
            };
            if self.last.replace(id) == Some(id) {
                return Ok(None);
            }
            self.leaves += 1;
            match self.core.is_newest(view) {
                true => self.core.blobs.leaf(id)?.newest(&keys, &range),
                false => self.core.blobs.state(id, &keys, &range, view)?,
            }
        };
        keys.take_error()?;
        Ok(Some(batch))
    }

    /// What happened in the leaves that covered the keys of the entry under the cursor, and how many these are.
    fn events(&self, keys: &Keys, cursor: &Cursor, range: &Range, view: View) -> Result<(Columns, u64)> {
        let (entry, blobs) = (cursor.entry(), &self.core.blobs);
        let (first, last) = (view.since.map_or(0, |s| s + 1), view.until);
        let mut leaves = 0;
        let mut each = |each: &mut dyn FnMut(&Columns, usize, u64)| {
            entry.leaves_between(blobs, first, last, &mut |id| {
                leaves += 1;
                // A past leaf may cover more keys than this entry: its other heirs show those.
                let clip = (id != entry.id).then(|| (&*entry.separator, cursor.next_separator().map(|s| &**s)));
                let leaf = blobs.leaf(id)?;
                leaf.events(keys, range, clip, first, last, &mut *each)
            })
        };
        let Some((key, part)) = keys.only_one_differs(range) else {
            let mut events: Vec<RawDatom> = Vec::new();
            each(&mut |rows, i, time| events.push(rows.key(i).event(time)))?;
            return Ok((keys.sorted(&events), leaves));
        };
        // Of one entity's attribute, say: only the values and times are to be sorted.
        let mut pairs: Vec<(u64, u64)> = Vec::new();
        match part {
            Differs::E => each(&mut |rows, i, time| pairs.push((rows.e[i], time)))?,
            Differs::V => each(&mut |rows, i, time| pairs.push((rows.v[i], time)))?,
        }
        sort_pairs(&mut pairs);
        let mut out = Columns {
            e: vec![key.e; pairs.len()],
            a: vec![key.a; pairs.len()],
            v: vec![key.v; pairs.len()],
            t: pairs.iter().map(|(_, time)| time >> 1).collect(),
            added: pairs.iter().map(|(_, time)| time & 1 == 1).collect(),
        };
        let numbers = pairs.iter().map(|(number, _)| *number).collect();
        match part {
            Differs::E => out.e = numbers,
            Differs::V => out.v = numbers,
        }
        Ok((out, leaves))
    }

    fn step(&mut self) -> Result<Option<Batch>> {
        if !self.started {
            self.start()?;
        }
        loop {
            if self.cursor.is_none() {
                let rest = std::mem::replace(&mut self.at, self.delta.len())..self.delta.len();
                let none = Batch::whole(Columns::default());
                return if rest.is_empty() {
                    Ok(None)
                } else {
                    self.lay(none, rest).map(|b| Some(b).filter(|b| !b.is_empty()))
                };
            }
            let base = self.base()?;
            let live_only = self.core.is_newest(self.core.leaf_view(self.view));
            let cursor = self.cursor.as_mut().expect("checked above");
            let ends = |next: &[u8]| self.end.as_ref().is_some_and(|end| next >= &end[..]);
            if cursor.next_separator().is_none_or(|s| ends(s)) || !cursor.advance(&self.core.blobs, live_only)? {
                self.cursor = None;
            }
            let Some(base) = base.filter(|b| !b.is_empty()) else {
                continue;
            };
            if self.at == self.delta.len() {
                return Ok(Some(base));
            }
            // Newer events up to this batch's last key belong before or among its rows; later ones wait for the next leaf.
            let keys = Keys::new(self.order, &self.words, &self.core.kinds);
            let last = base.columns().key(base.span().end - 1);
            let mut upto = keys.key_bound(&self.delta, self.at..self.delta.len(), last);
            while upto < self.delta.len() && keys.compare(self.delta.key(upto), last).is_eq() {
                upto += 1;
            }
            keys.take_error()?;
            let here = std::mem::replace(&mut self.at, upto)..upto;
            let batch = if here.is_empty() { base } else { self.lay(base, here)? };
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
        }
    }

    fn lay(&self, base: Batch, events: Span<usize>) -> Result<Batch> {
        let keys = Keys::new(self.order, &self.words, &self.core.kinds);
        let mut out = Columns::with_capacity(base.len() + events.len());
        if self.view.history {
            let mut newer = Columns::default();
            newer.extend(&self.delta, events);
            let mut older = Columns::default();
            older.extend(base.columns(), base.span());
            out = merge(&keys, Form::Events, &older, &newer);
        } else {
            overlay(
                &keys,
                base.columns(),
                base.span(),
                &self.delta,
                events,
                self.view.since,
                &mut out,
            );
        }
        keys.take_error()?;
        Ok(Batch::whole(out))
    }
}

impl Iterator for Scan {
    type Item = Result<Batch>;
    fn next(&mut self) -> Option<Result<Batch>> {
        let step = self.step();
        if step.is_err() {
            self.cursor = None;
            self.at = self.delta.len();
        }
        step.transpose()
    }
}

/// The tail's events of `range` that `view` sees, merged: net ones when the view reaches the newest t.
pub(super) fn delta(core: &Core, keys: &Keys, range: &Range, view: View) -> Result<Columns> {
    if core.leaves_reach().is_some_and(|t| view.until <= t) {
        return Ok(Columns::default());
    }
    let form = match view.history || view.until < core.newest {
        true => Form::Events,
        false => Form::Net,
    };
    let [frozen, recent] = [&core.frozen, &core.recent].map(|r| r.get(keys, form));
    let (frozen, recent) = (frozen?.within(keys, form, range), recent?.within(keys, form, range));
    let mut delta = both(keys, form, frozen, recent);
    let first = if view.history {
        view.since.map_or(0, |s| s + 1)
    } else {
        0
    };
    if form == Form::Events && delta.t.iter().any(|&t| t > view.until || t < first) {
        let seen = |d: &RawDatom| d.t <= view.until && d.t >= first;
        let mut rows = Columns::default();
        (0..delta.len())
            .map(|i| delta.row(i))
            .filter(seen)
            .for_each(|d| rows.push_event(d));
        delta = rows;
    }
    Ok(delta)
}

fn both(keys: &Keys, form: Form, older: Columns, newer: Columns) -> Columns {
    match (older.is_empty(), newer.is_empty()) {
        (true, _) => newer,
        (_, true) => older,
        _ => merge(keys, form, &older, &newer),
    }
}

/// What holds after `events` (rows of `delta`, net or all) happened to rows `base` of `columns`.
pub(super) fn overlay(
    keys: &Keys,
    columns: &Columns,
    base: Span<usize>,
    delta: &Columns,
    events: Span<usize>,
    since: Option<T>,
    out: &mut Columns,
) {
    let mut at = base.start;
    let mut j = events.start;
    while j < events.end {
        let key = delta.key(j);
        let mut last = j;
        while last + 1 < events.end && keys.compare(delta.key(last + 1), key).is_eq() {
            last += 1;
        }
        let place = keys.key_bound(columns, at..base.end, key);
        out.extend(columns, at..place);
        at = place;
        if at < base.end && keys.compare(columns.key(at), key).is_eq() {
            at += 1;
        }
        let t = delta.t[last] & !OVER;
        if delta.added[last] && since.is_none_or(|s| t > s) {
            out.push(key.e, key.a, key.v, t);
        }
        j = last + 1;
    }
    out.extend(columns, at..base.end);
}

/// A reader of many small ranges; fastest when they ascend, since it goes on from where it was.
pub struct Prober {
    core: Arc<Core>,
    words: Words,
    order: Order,
    view: View,
    /// The view is of now, so live rows and the tail suffice.
    now: bool,
    leaf: Option<Arc<Leaf>>,
    at: usize,
    /// The tail's runs and where the last probe was in each; taken up at the first probe.
    runs: Option<Vec<(Arc<Columns>, usize)>>,
    /// Datoms that are in no run: few, so that looking through them is cheaper than sorting them in.
    few: Few,
    probes: usize,
    leaves: u64,
}

/// After so many probes, sorting in what waits is cheaper than looking through it each time.
const PROBES_BEFORE_SORTING: usize = 8;

impl Prober {
    pub(super) fn new(core: Arc<Core>, words: Words, order: Order, view: View) -> Prober {
        let now = core.is_newest(view);
        Prober {
            core,
            words,
            order,
            view,
            now,
            leaf: None,
            at: 0,
            runs: None,
            few: Few::default(),
            probes: 0,
            leaves: 0,
        }
    }

    /// How many leaves were read so far; going on in one counts once.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Replaces `out` by the rows of `range`.
    pub fn get(&mut self, range: &Range, out: &mut Columns) -> Result<()> {
        out.clear();
        if !self.now || !self.read(range, out)? {
            out.clear();
            let (core, words) = (self.core.clone(), self.words.clone());
            let mut scan = Scan::new(core, words, self.order, range.clone(), self.view);
            for batch in &mut scan {
                let batch = batch?;
                out.extend(batch.columns(), batch.span());
            }
            self.leaves += scan.leaves();
        }
        Ok(())
    }

    /// Reads `range` from one leaf and the runs; false when it may go on beyond the leaf.
    fn read(&mut self, range: &Range, out: &mut Columns) -> Result<bool> {
        let keys = Keys::new(self.order, &self.words, &self.core.kinds);
        let mut delta = Columns::default();
        self.probes += 1;
        let point = range.point(self.order);
        if self.runs.is_none() || !self.few.is_empty() && (point.is_none() || self.probes > PROBES_BEFORE_SORTING) {
            let (frozen, recent) = (self.core.frozen.get(&keys, Form::Net)?, &self.core.recent);
            let (recent, few) = match point.is_some() && self.probes <= PROBES_BEFORE_SORTING {
                true => recent.mostly(&keys, Form::Net)?,
                false => (recent.get(&keys, Form::Net)?, Few::default()),
            };
            // Oldest runs first, so that of one key the last row found is the newest.
            let oldest_first = |t: &Tail| t.runs().cloned().map(|r| (r, 0)).collect::<Vec<_>>().into_iter().rev();
            self.runs = Some([frozen, recent].into_iter().flat_map(oldest_first).collect());
            self.few = few;
        }
        let runs = self.runs.as_mut().expect("taken up above");
        for (run, at) in runs {
            *at = onward(&keys, run, *at, &range.from);
            let end = keys.gallop(run, *at..run.len(), &range.to);
            if *at < end {
                let mut part = Columns::default();
                part.extend(run, *at..end);
                delta = both(&keys, Form::Net, delta, part);
            }
        }
        if let Some(point) = point.filter(|_| !self.few.is_empty()) {
            let mut rows: Vec<RawDatom> = Vec::new();
            self.few.each(|d| {
                if point.holds(d) && (self.order != Order::Vaet || keys.is_ref(d.a)) {
                    rows.push(*d);
                }
            });
            if !rows.is_empty() {
                delta = both(&keys, Form::Net, delta, net(&keys, keys.sorted(&rows)));
            }
        }
        if !self
            .leaf
            .as_ref()
            .is_some_and(|leaf| within(&keys, &leaf.live, &range.from))
        {
            let directory = &self.core.directories[self.order as usize];
            let Some(from) = range.from.bytes(self.order) else {
                return Ok(false);
            };
            let Some(cursor) = directory.seek(&self.core.blobs, &from)? else {
                overlay(&keys, &Columns::default(), 0..0, &delta, 0..delta.len(), None, out);
                keys.take_error()?;
                return Ok(true);
            };
            let leaf = self.core.blobs.leaf(cursor.entry().id)?;
            let to = range.to.bytes(self.order);
            let ends_here = cursor
                .next_separator()
                .is_none_or(|next| to.as_ref().is_some_and(|to| to[..] <= **next));
            self.leaf = Some(leaf);
            self.leaves += 1;
            self.at = 0;
            if !ends_here {
                return Ok(false);
            }
        }
        let live = &self.leaf.as_ref().expect("set above").live;
        self.at = onward(&keys, live, self.at, &range.from);
        let end = keys.gallop(live, self.at..live.len(), &range.to);
        // A range that reaches the last row may go on in the next leaf, unless the directory said otherwise just now.
        if end == live.len() && end > 0 && self.may_continue(range)? {
            return Ok(false);
        }
        if delta.is_empty() {
            out.extend(live, self.at..end);
        } else {
            overlay(&keys, live, self.at..end, &delta, 0..delta.len(), None, out);
        }
        keys.take_error()?;
        Ok(true)
    }

    fn may_continue(&self, range: &Range) -> Result<bool> {
        let directory = &self.core.directories[self.order as usize];
        let Some(from) = range.from.bytes(self.order) else {
            return Ok(true);
        };
        let Some(cursor) = directory.seek(&self.core.blobs, &from)? else {
            return Ok(false);
        };
        let to = range.to.bytes(self.order);
        Ok(cursor
            .next_separator()
            .is_some_and(|next| to.is_none_or(|to| to[..] > **next)))
    }
}

/// Whether `p` lies between the first and the last row, so that the leaf of these rows is the one to look into.
fn within(keys: &Keys, rows: &Columns, p: &Position) -> bool {
    !rows.is_empty() && keys.position(rows.key(0), p).is_lt() && keys.position(rows.key(rows.len() - 1), p).is_gt()
}

/// The first row at or after `p`, looked for from `at` on when that is not beyond it.
fn onward(keys: &Keys, rows: &Columns, at: usize, p: &Position) -> usize {
    if at == 0 || at <= rows.len() && keys.position(rows.key(at - 1), p).is_lt() {
        keys.gallop(rows, at..rows.len(), p)
    } else {
        keys.lower_bound(rows, 0..at.min(rows.len()), p)
    }
}
