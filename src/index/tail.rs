//! What is newer than the leaves: sorted runs of events, few and growing in size.
//!
//! The logarithmic method (Bentley & Saxe, J. Algorithms 1980) with one run a level, each level eight times the one
//! above: an event is copied about four times a level while it sinks, in long sequential moves, and a reader looks into
//! at most six runs. Runs are immutable and shared, so a snapshot of the tail is a few pointers. Measured against one
//! persistent map per leaf (4 to 10 us for a transaction and index), this takes a tenth.
//!
//! A commit adds its datoms to a list ([`Recent`]) and nothing else; they are sorted in when somebody reads an order, and what is
//! sorted once is shared with all later values. So each order costs only those who use it: transactions look into EAVT, and
//! while nobody reads the others, the indexer sorts them once instead of level by level.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::Columns;
use super::key::{Keys, Order, Range};
use crate::datom::{RawDatom, T};
use crate::error::Result;

/// The most rows of the newest run; each further level holds eight times as many, the last one any number.
const FIRST_LEVEL: usize = if cfg!(test) { 4 } else { 512 };
const GROWTH: usize = 8;
const LEVELS: usize = 5;

/// Rows in key order, then by t. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    /// From the newest, smallest run to the oldest.
    levels: [Option<Arc<Columns>>; LEVELS],
}

impl Tail {
    /// The runs that hold anything, newest first.
    pub(super) fn runs(&self) -> impl Iterator<Item = &Arc<Columns>> {
        self.levels.iter().flatten()
    }

    /// Adds sorted rows that are newer than all others.
    fn add(&mut self, keys: &Keys, form: Form, mut rows: Columns) {
        if rows.is_empty() {
            return;
        }
        let mut room = FIRST_LEVEL;
        for level in &mut self.levels {
            if let Some(here) = level.take() {
                rows = merge(keys, form, &here, &rows);
            }
            if rows.len() <= room {
                *level = (!rows.is_empty()).then(|| Arc::new(rows));
                return;
            }
            room *= GROWTH;
        }
        *self.levels.last_mut().expect("there are levels") = Some(Arc::new(rows));
    }

    /// All rows of `range`, merged.
    pub(super) fn within(&self, keys: &Keys, form: Form, range: &Range) -> Columns {
        let mut out = Columns::default();
        for run in self.runs() {
            let span = keys.within(run, 0..run.len(), range);
            if span.is_empty() {
                continue;
            }
            let mut part = Columns::with_capacity(span.len());
            part.extend(run, span);
            out = if out.is_empty() {
                part
            } else {
                merge(keys, form, &part, &out)
            };
        }
        out
    }
}

/// What sorted rows mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// What all that happened comes to, a row a key at most: see [`OVER`]. For reads of now.
    Net,
    /// Everything that happened. For history, moments inside the tail, and folding.
    Events,
}

/// In net rows, this bit of an assertion's t says that what lies below has the key, too, and this row takes its place. Without it,
/// assertion and retraction of a key cancel out; so the net of a tail in which one value changes a thousand times is two rows.
pub(super) const OVER: T = 1 << 63;

/// Everything that came since some t: transactions as they came, and what of them has been sorted. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Recent {
    /// All transactions, newest first.
    all: Option<Arc<Waiting>>,
    sorted: Arc<[Sorted; SLOTS]>,
    /// `sorted` and what waits as one, once somebody has asked; shared by all clones made since.
    whole: OnceLock<Arc<[OnceLock<Tail>; SLOTS]>>,
    /// What was sorted last, by any of those that this one comes from or that came from it: a reader's value may be older than the one
    /// the next transaction is prepared on, and what it sorts would be sorted again by every later reader.
    latest: Arc<[Mutex<Option<Latest>>; SLOTS]>,
}

/// So many datoms may wait while somebody looks for single keys.
const FEW: usize = if cfg!(test) { 12 } else { 256 };
/// Four orders in two forms.
const SLOTS: usize = 8;

fn slot(order: Order, form: Form) -> usize {
    order as usize * 2 + (form == Form::Events) as usize
}

#[derive(Clone, Default)]
struct Sorted {
    tail: Tail,
    /// How many datoms it has taken in; those after them wait.
    taken: usize,
}

/// All up to a transaction, sorted.
#[derive(Clone)]
struct Latest {
    tail: Tail,
    upto: Arc<Waiting>,
}

/// A list of transactions, newest first.
struct Waiting {
    datoms: Arc<[RawDatom]>,
    before: Option<Arc<Waiting>>,
    /// How many datoms up to here.
    total: usize,
}

impl Drop for Waiting {
    /// Unlinks the list step by step: it may be long, and dropping it link by link would use up the stack.
    fn drop(&mut self) {
        let mut next = self.before.take();
        while let Some(mut waiting) = next.and_then(Arc::into_inner) {
            next = waiting.before.take();
        }
    }
}

impl Recent {
    /// How many datoms.
    pub(super) fn len(&self) -> usize {
        self.all.as_ref().map_or(0, |w| w.total)
    }
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_none()
    }

    /// Adds a transaction.
    pub(super) fn push(&mut self, datoms: Arc<[RawDatom]>) {
        if let Some(whole) = self.whole.take() {
            let taken = self.len();
            let sorted = Arc::make_mut(&mut self.sorted);
            for (sorted, whole) in sorted.iter_mut().zip(&*whole) {
                if let Some(tail) = whole.get() {
                    *sorted = Sorted {
                        tail: tail.clone(),
                        taken,
                    };
                }
            }
        }
        let total = self.len() + datoms.len();
        self.all = Some(Arc::new(Waiting {
            datoms,
            before: self.all.take(),
            total,
        }));
    }

    /// Without its newest transactions, as long as they are `gone`; `None` when none is.
    pub(super) fn without(&self, gone: impl Fn(&[RawDatom]) -> bool) -> Option<Recent> {
        let mut all = self.all.as_ref().filter(|w| gone(&w.datoms))?.before.as_ref();
        while let Some(waiting) = all.filter(|w| gone(&w.datoms)) {
            all = waiting.before.as_ref();
        }
        let total = all.map_or(0, |w| w.total);
        // What was sorted with later transactions is sorted again when somebody asks.
        let kept = |sorted: &Sorted| match sorted.taken <= total {
            true => sorted.clone(),
            false => Sorted::default(),
        };
        Some(Recent {
            all: all.cloned(),
            sorted: Arc::new(self.sorted.each_ref().map(kept)),
            whole: OnceLock::new(),
            latest: self.latest.clone(),
        })
    }

    /// The same, for a future of its own: what is sorted there is of no use to others.
    pub(super) fn apart(&self) -> Recent {
        Recent {
            latest: Arc::new(self.latest.each_ref().map(|latest| Mutex::new(latest.lock().clone()))),
            ..self.clone()
        }
    }

    /// The most that was sorted of what is here, and how many datoms that are.
    fn base(&self, slot: usize) -> (Tail, usize) {
        let own = &self.sorted[slot];
        let latest = self.latest[slot].lock().clone();
        match latest.filter(|latest| latest.upto.total > own.taken && self.has(&latest.upto)) {
            Some(latest) => (latest.tail, latest.upto.total),
            None => (own.tail.clone(), own.taken),
        }
    }

    /// Whether everything up to `node` is here.
    fn has(&self, node: &Arc<Waiting>) -> bool {
        let mut next = self.all.as_ref();
        while let Some(waiting) = next.filter(|w| w.total > node.total) {
            next = waiting.before.as_ref();
        }
        next.is_some_and(|waiting| Arc::ptr_eq(waiting, node))
    }

    /// Notes what was sorted, unless something newer is known.
    fn note(&self, slot: usize, tail: &Tail) {
        let Some(all) = &self.all else { return };
        let mut latest = self.latest[slot].lock();
        if latest.as_ref().is_none_or(|latest| latest.upto.total < all.total) {
            *latest = Some(Latest {
                tail: tail.clone(),
                upto: all.clone(),
            });
        }
    }

    /// Calls `each` with all datoms, the newest transaction's first.
    pub(super) fn each(&self, each: impl FnMut(&RawDatom)) {
        let newest = self.all.clone();
        Few { newest, taken: 0 }.each(each);
    }

    fn whole(&self, slot: usize) -> Option<&Tail> {
        self.whole.get()?[slot].get()
    }

    /// The transactions, oldest first, without the first `taken` datoms.
    pub(super) fn after(&self, taken: usize) -> Vec<&Arc<[RawDatom]>> {
        let mut parts = Vec::new();
        let mut next = self.all.as_ref();
        while let Some(waiting) = next.filter(|w| w.total > taken) {
            parts.push(&waiting.datoms);
            next = waiting.before.as_ref();
        }
        parts.reverse();
        parts
    }

    /// Adds all that a newer one has.
    pub(super) fn append(&mut self, newer: &Recent) {
        newer.after(0).into_iter().for_each(|datoms| self.push(datoms.clone()));
    }

    /// What is sorted already, and the rest as it came, oldest first, when that is little.
    pub(super) fn mostly(&self, keys: &Keys, form: Form) -> Result<(&Tail, Few)> {
        let slot = slot(keys.order, form);
        let sorted = &self.sorted[slot];
        if self.len() - sorted.taken > FEW || self.whole(slot).is_some() {
            return Ok((self.get(keys, form)?, Few::default()));
        }
        let newest = self.all.clone().filter(|w| w.total > sorted.taken);
        Ok((
            &sorted.tail,
            Few {
                newest,
                taken: sorted.taken,
            },
        ))
    }

    /// All of it in the order of `keys`, sorted.
    pub(super) fn get(&self, keys: &Keys, form: Form) -> Result<&Tail> {
        let slot = slot(keys.order, form);
        let sorted = &self.sorted[slot];
        if sorted.taken == self.len() {
            return Ok(&sorted.tail);
        }
        if let Some(whole) = self.whole(slot) {
            return Ok(whole);
        }
        let (mut whole, taken) = self.base(slot);
        let seen = |d: &&RawDatom| keys.order != Order::Vaet || keys.is_ref(d.a);
        let datoms: Vec<RawDatom> = self
            .after(taken)
            .into_iter()
            .flat_map(|p| p.iter())
            .filter(seen)
            .copied()
            .collect();
        let mut rows = keys.sorted(&datoms);
        if form == Form::Net {
            rows = net(keys, rows);
        }
        whole.add(keys, form, rows);
        keys.take_error()?;
        self.note(slot, &whole);
        Ok(self.whole.get_or_init(Arc::default)[slot].get_or_init(|| whole))
    }
}

/// The newest transactions of a [`Recent`], few enough to be looked through.
#[derive(Clone, Default)]
pub(super) struct Few {
    newest: Option<Arc<Waiting>>,
    /// How many datoms came before these.
    taken: usize,
}

impl Few {
    pub(super) fn is_empty(&self) -> bool {
        self.newest.is_none()
    }
    /// Calls `each` with the datoms, the newest transaction's first.
    pub(super) fn each(&self, mut each: impl FnMut(&RawDatom)) {
        let mut next = self.newest.as_ref();
        while let Some(waiting) = next.filter(|w| w.total > self.taken) {
            waiting.datoms.iter().for_each(&mut each);
            next = waiting.before.as_ref();
        }
    }
}

/// What sorted events come to, key by key.
pub(super) fn net(keys: &Keys, events: Columns) -> Columns {
    let same = |i: usize, j: usize| keys.compare(events.key(i), events.key(j)).is_eq();
    if (1..events.len()).all(|i| !same(i - 1, i)) {
        return events;
    }
    let mut out = Columns::with_capacity(events.len());
    let mut i = 0;
    while i < events.len() {
        let mut row = Some(events.row(i));
        i += 1;
        while i < events.len() && same(i - 1, i) {
            row = match row {
                Some(older) => after(older, events.row(i)),
                None => Some(events.row(i)),
            };
            i += 1;
        }
        row.into_iter().for_each(|row| out.push_event(row));
    }
    out
}

/// What two net rows of one key come to.
fn after(older: RawDatom, newer: RawDatom) -> Option<RawDatom> {
    match (older.added, newer.added) {
        (true, false) if older.t & OVER == 0 => None,
        (true, false) => Some(newer),
        (false, true) => Some(RawDatom {
            t: newer.t | OVER,
            ..newer
        }),
        // A newer row whose lower one is among older rows: the older's own lower row counts.
        (true, true) => Some(RawDatom {
            t: (newer.t & !OVER) | (older.t & OVER),
            ..newer
        }),
        (false, false) => Some(newer),
    }
}

/// Both sorted inputs as one; of equal keys the older input's rows come first, or the two are netted.
pub(super) fn merge(keys: &Keys, form: Form, older: &Columns, newer: &Columns) -> Columns {
    if older.len() / 8 > newer.len() {
        return place(keys, form, older, newer);
    }
    let (o, n) = (older, newer);
    if !(keys.inline_only(older) && keys.inline_only(newer)) {
        return interleave(form, o, n, |i, j| keys.compare(o.key(i), n.key(j)));
    }
    // Where words are values, each order has a comparison of plain numbers of its own.
    match keys.order {
        Order::Eavt => interleave(form, o, n, |i, j| {
            (o.e[i], o.a[i], o.v[i]).cmp(&(n.e[j], n.a[j], n.v[j]))
        }),
        Order::Aevt => interleave(form, o, n, |i, j| {
            (o.a[i], o.e[i], o.v[i]).cmp(&(n.a[j], n.e[j], n.v[j]))
        }),
        Order::Avet => interleave(form, o, n, |i, j| {
            (o.a[i], o.v[i], o.e[i]).cmp(&(n.a[j], n.v[j], n.e[j]))
        }),
        Order::Vaet => interleave(form, o, n, |i, j| {
            (o.v[i], o.a[i], o.e[i]).cmp(&(n.v[j], n.a[j], n.e[j]))
        }),
    }
}

/// For inputs of like size: decides the order row by row, then gathers column by column.
#[inline]
fn interleave(form: Form, older: &Columns, newer: &Columns, compare: impl Fn(usize, usize) -> Ordering) -> Columns {
    const NEWER: u32 = 1 << 31;
    let mut picks: Vec<u32> = Vec::with_capacity(older.len() + newer.len());
    // Rows that are neither one's as they stand: where, and their t.
    let mut netted: Vec<(usize, T)> = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < older.len() && j < newer.len() {
        match compare(i, j) {
            Ordering::Less => {
                picks.push(i as u32);
                i += 1;
            }
            Ordering::Greater => {
                picks.push(j as u32 | NEWER);
                j += 1;
            }
            Ordering::Equal if form == Form::Net => {
                if let Some(row) = after(older.row(i), newer.row(j)) {
                    netted.push((picks.len(), row.t));
                    picks.push(j as u32 | NEWER);
                }
                (i, j) = (i + 1, j + 1);
            }
            Ordering::Equal => {
                picks.push(i as u32);
                i += 1;
            }
        }
    }
    picks.extend(i as u32..older.len() as u32);
    picks.extend((j as u32..newer.len() as u32).map(|j| j | NEWER));
    fn gather<X: Copy>(picks: &[u32], older: &[X], newer: &[X]) -> Vec<X> {
        let pick = |&p: &u32| {
            if p & NEWER == 0 {
                older[p as usize]
            } else {
                newer[(p & !NEWER) as usize]
            }
        };
        picks.iter().map(pick).collect()
    }
    let mut out = Columns {
        e: gather(&picks, &older.e, &newer.e),
        a: gather(&picks, &older.a, &newer.a),
        v: gather(&picks, &older.v, &newer.v),
        t: gather(&picks, &older.t, &newer.t),
        added: gather(&picks, &older.added, &newer.added),
    };
    netted.into_iter().for_each(|(i, t)| out.t[i] = t);
    out
}

/// For few newer rows: finds each one's place outwards from the last, and copies what lies between in long moves.
fn place(keys: &Keys, form: Form, older: &Columns, newer: &Columns) -> Columns {
    let mut out = Columns::with_capacity(older.len() + newer.len());
    out.added.reserve(older.len() + newer.len());
    let mut i = 0;
    for j in 0..newer.len() {
        let bound = if form == Form::Net {
            Ordering::Less
        } else {
            Ordering::Equal
        };
        let before = |i: usize| keys.compare(older.key(i), newer.key(j)) <= bound;
        let (mut low, mut step) = (i, 1);
        while low + step <= older.len() && before(low + step - 1) {
            low += step;
            step *= 2;
        }
        let mut high = older.len().min(low + step - 1);
        while low < high {
            let mid = low.midpoint(high);
            if before(mid) { low = mid + 1 } else { high = mid }
        }
        out.extend(older, i..low);
        i = low;
        let mut row = Some(newer.row(j));
        if form == Form::Net && i < older.len() && keys.compare(older.key(i), newer.key(j)).is_eq() {
            row = after(older.row(i), newer.row(j));
            i += 1;
        }
        row.into_iter().for_each(|row| out.push_event(row));
    }
    out.extend(older, i..older.len());
    out
}
