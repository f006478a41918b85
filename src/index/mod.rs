//! Four orders of all facts, in columns: EAVT, AEVT, AVET and VAET.
//!
//! Each order is a directory of leaves (a leaf is a range of keys during a span of time) that reach up to some t, and a tail with what
//! came since. A commit adds its datoms to the tail ([`Snapshot::apply`]); the indexer freezes the tail, folds it into new leaves
//! and installs these; a scan lays the tail over the leaves. Everything is immutable and shared, so a snapshot is a pointer.
//!
//! Values are [`Words`]: eight bytes each, long ones by way of the dictionary.

mod blobs;
mod codec;
mod columns;
mod cut;
mod dict;
mod dict_page;
mod directory;
mod fold;
mod fresh;
mod key;
mod leaf;
mod matcher;
mod moments;
mod page;
mod persist;
mod reading;
mod scan;
mod sort;
mod tail;
#[cfg(test)]
mod tests;
mod within;
mod words;

pub use blobs::Blobs;
pub use columns::{Batch, Columns};
pub use dict::Dict;
pub use fresh::Fresh;
pub use key::{Order, Position, Probe, Range};
pub use matcher::Matcher;
pub use persist::{Garbage, RootMeta, open};
pub use scan::{Prober, Scan};
pub use words::Words;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::datom::{RawDatom, T};
use crate::error::Result;
use crate::store::BlobId;
use blobs::Attempt;
use cut::Cut;
use dict_page::PAGE;
use directory::Directory;
use fold::Sink;
use key::{Keys, Kinds};
use sort::Events;
use tail::{Form, Recent};

/// Which facts of a snapshot are seen: those after `since`, up to `until`; with `history` every assertion and
/// retraction between, otherwise what was asserted there and still holds at `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Exclusive lower bound; `None` = from the beginning (t 0 included).
    pub since: Option<T>,
    /// Inclusive upper bound.
    pub until: T,
    /// Every change instead of what holds.
    pub history: bool,
}

/// What the indexes need to know of an attribute. It never changes for an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its words are values by themselves, not dictionary codes.
    pub inline: bool,
    /// It refers to entities: in VAET.
    pub reference: bool,
}

/// All facts up to some t, in four orders. Immutable; cheap to clone; later commits leave it as it is.
#[derive(Clone)]
pub struct Snapshot {
    core: Arc<Core>,
}

#[derive(Clone)]
struct Core {
    leaves: Arc<Leaves>,
    /// Transactions that are being folded.
    frozen: Arc<Recent>,
    /// Transactions newer than those.
    recent: Recent,
    /// The t up to which the tail is being folded.
    folding: Option<T>,
    /// The newest t.
    newest: T,
    /// The leaves reach further than this snapshot, and it does not look at that.
    cut: Option<Arc<Cut>>,
}

/// What a commit leaves as it is, unless it names a new attribute: one pointer to copy.
#[derive(Clone)]
struct Leaves {
    directories: [Directory; 4],
    kinds: Kinds,
    blobs: Arc<Blobs>,
    /// The t that the leaves reach; `None` when there are none.
    folded: Option<T>,
    /// Blobs that the root replaced, when it was read: perhaps nobody deleted them.
    left: Arc<[BlobId]>,
    /// Keeps the blobs of this version of the directories from being deleted.
    pin: Arc<persist::Pin>,
}

impl Core {
    /// Leaves that reach `newest`, and nothing since.
    fn of(leaves: Leaves, newest: T) -> Core {
        Core {
            leaves: Arc::new(leaves),
            frozen: Arc::default(),
            recent: Recent::default(),
            folding: None,
            newest,
            cut: None,
        }
    }
}

impl Deref for Core {
    type Target = Leaves;
    fn deref(&self) -> &Leaves {
        &self.leaves
    }
}

/// See [`Snapshot::shape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderShape {
    /// Which order.
    pub order: Order,
    /// Facts in its leaves that hold now.
    pub live: u64,
    /// Newest leaves; those of the past are not counted.
    pub leaves: u64,
    /// Pages of its directory.
    pub pages: u64,
}

/// New leaves, ready to be installed in every snapshot that is newer than what they hold.
pub struct Folded {
    directories: [Directory; 4],
    t: T,
    /// Codes below this are in dictionary pages now.
    codes: u64,
    replaced: Vec<BlobId>,
    bytes: u64,
    pin: Arc<persist::Pin>,
}

impl Folded {
    /// How many bytes were written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The t that the leaves reach now.
    pub fn t(&self) -> T {
        self.t
    }
}

impl Snapshot {
    /// Nothing, kept in memory alone.
    pub fn empty() -> Snapshot {
        Snapshot::on(Blobs::none())
    }

    /// Nothing yet, to be kept in `blobs`.
    pub fn on(blobs: Arc<Blobs>) -> Snapshot {
        let leaves = Leaves {
            directories: Default::default(),
            kinds: Kinds::default(),
            blobs,
            folded: None,
            left: Arc::default(),
            pin: Arc::default(),
        };
        Snapshot {
            core: Arc::new(Core::of(leaves, 0)),
        }
    }

    /// The blobs that leaves are read from.
    pub fn blobs(&self) -> &Arc<Blobs> {
        &self.core.blobs
    }

    /// The snapshot after one transaction's datoms, which must all change something. `kinds` tells of attributes not seen before.
    /// Complexity: a look at each datom; whoever reads an order sorts them in.
    pub fn apply(&self, datoms: impl Into<Arc<[RawDatom]>>, kinds: &dyn Fn(u32) -> Kind) -> Snapshot {
        let datoms = datoms.into();
        let mut core = (*self.core).clone();
        for d in &*datoms {
            if !core.kinds.knows(d.a) {
                let kind = kinds(d.a);
                let leaves = Arc::make_mut(&mut core.leaves);
                leaves.kinds.learn(d.a, kind.inline, kind.reference);
            }
            core.newest = core.newest.max(d.t);
        }
        core.recent.push(datoms);
        Snapshot { core: Arc::new(core) }
    }

    /// The same facts, for a speculation: what is sorted for it is not handed on to others.
    pub(crate) fn apart(&self) -> Snapshot {
        let mut core = (*self.core).clone();
        core.recent = core.recent.apart();
        Snapshot { core: Arc::new(core) }
    }

    /// The rows of `range` that `view` sees, in the order of `order`.
    pub fn scan(&self, words: &Words, order: Order, range: &Range, view: View) -> Scan {
        Scan::new(self.core.clone(), words.clone(), order, range.clone(), view)
    }

    /// A reader of many small ranges; fastest when they ascend.
    pub fn prober(&self, words: &Words, order: Order, view: View) -> Prober {
        Prober::new(self.core.clone(), words.clone(), order, view)
    }

    /// A reader of the facts of one attribute (AEVT, AVET) or of all (EAVT) by many keys at once; `single` when each
    /// key has one fact at most. Not for history views.
    pub fn matcher(&self, words: &Words, order: Order, attr: u32, view: View, single: bool) -> Matcher {
        Matcher::new(self.core.clone(), words.clone(), order, attr, view, single)
    }

    /// How many rows `range` holds now. Reads the two leaves at its ends and the pages above them; the rest is counted from the
    /// directory. Of a snapshot that is cut out of a longer one ([`Snapshot::at`]) only about, as it is of moments.
    pub fn estimate(&self, words: &Words, order: Order, range: &Range) -> Result<u64> {
        let core = &self.core;
        let keys = Keys::new(order, words, &core.kinds);
        let (mut more, mut less) = (0u64, 0u64);
        for recent in [&*core.frozen, &core.recent] {
            for run in recent.get(&keys, Form::Net)?.runs() {
                let span = keys.within(run, 0..run.len(), range);
                less += run.added[span.clone()].iter().filter(|added| !**added).count() as u64;
                more += span.filter(|&i| run.added[i] && run.t[i] & tail::OVER == 0).count() as u64;
            }
        }
        keys.take_error()?;
        let keys = core.leaf_keys(order, words);
        let base = self
            .before(&keys, order, range.to.bytes(order))?
            .saturating_sub(self.before(&keys, order, range.from.bytes(order))?);
        Ok((base + more).saturating_sub(less))
    }

    /// How many live rows of the leaves lie before `bytes`.
    fn before(&self, keys: &Keys, order: Order, bytes: Option<Vec<u8>>) -> Result<u64> {
        let directory = &self.core.directories[order as usize];
        let Some(bytes) = bytes else {
            return Ok(directory.pages.values().map(|p| p.live).sum());
        };
        let Some((separator, page_ref)) = directory.pages.get_prev(&bytes[..]) else {
            return Ok(0);
        };
        let mut rows: u64 = directory.pages.range(..separator.clone()).map(|(_, p)| p.live).sum();
        let page = self.core.blobs.page(page_ref.id)?;
        let at = page
            .entries
            .partition_point(|e| *e.separator <= bytes[..])
            .saturating_sub(1);
        rows += page.entries[..at].iter().map(|e| u64::from(e.live)).sum::<u64>();
        let leaf = self.core.blobs.leaf(page.entries[at].id)?;
        Ok(rows + keys.bytes_bound(&leaf.live, 0..leaf.live.len(), &bytes)? as u64)
    }

    /// How much each order holds: counted from the directory, without reading a leaf.
    pub fn shape(&self) -> [OrderShape; 4] {
        Order::ALL.map(|order| {
            let pages = &self.core.directories[order as usize].pages;
            OrderShape {
                order,
                live: pages.values().map(|p| p.live).sum(),
                leaves: pages.values().map(|p| u64::from(p.leaves)).sum(),
                pages: pages.len() as u64,
            }
        })
    }

    /// The order of two events in `order`: by key, then by t.
    pub fn compare(&self, words: &Words, order: Order, x: &RawDatom, y: &RawDatom) -> Result<std::cmp::Ordering> {
        let keys = Keys::new(order, words, &self.core.kinds);
        let decided = keys.compare_events(x, y);
        keys.take_error().map(|()| decided)
    }

    /// How many facts the leaves hold now and how many events came since, together.
    pub fn facts_about(&self) -> u64 {
        let pages = &self.core.directories[Order::Eavt as usize].pages;
        pages.values().map(|p| p.live).sum::<u64>() + self.unindexed() as u64
    }
    /// How many events are in no leaf yet.
    pub fn unindexed(&self) -> usize {
        self.core.frozen.len() + self.core.recent.len()
    }
    /// The t that the leaves reach.
    pub fn indexed_t(&self) -> Option<T> {
        self.core.folded
    }

    /// The same facts, with all of the tail set aside for [`Snapshot::fold`].
    pub fn freeze(&self) -> Snapshot {
        debug_assert!(self.core.cut.is_none(), "a branch is never stored");
        let mut core = (*self.core).clone();
        let recent = std::mem::take(&mut core.recent);
        if core.frozen.is_empty() {
            core.frozen = Arc::new(recent);
        } else {
            // A fold that failed left its events behind: they go first.
            Arc::make_mut(&mut core.frozen).append(&recent);
        }
        core.folding = Some(core.newest);
        Snapshot { core: Arc::new(core) }
    }

    /// Writes the frozen part of the tail into new leaves, on at most `threads` threads. Nothing refers to them until a root is swapped
    /// in. With `warm`, what comes of leaves in the cache is put there, too.
    pub fn fold(&self, words: &Words, threads: usize, warm: bool) -> Result<Folded> {
        let core = &self.core;
        let t = core.folding.unwrap_or(core.newest);
        let codes = words.dict().len();
        let datoms: Vec<RawDatom> = core
            .frozen
            .after(0)
            .into_iter()
            .flat_map(|tx| tx.iter().copied())
            .collect();
        let mut attempt = Attempt::new(&core.blobs);
        let sink = Sink::new(&core.blobs, warm);
        let sorting = Mutex::new(());
        let one = |order: Order| {
            let keys = Keys::new(order, words, &core.kinds);
            let turn = (datoms.len() > SORTED_TOGETHER).then(|| sorting.lock());
            let events = Events::sorted(&keys, &datoms);
            drop(turn);
            keys.take_error()?;
            fold::fold(&keys, &sink, &core.directories[order as usize], &events)
        };
        let mut directories: [Directory; 4] = Default::default();
        let mut replaced = Vec::new();
        for (order, outcome) in Order::ALL.into_iter().zip(each(Order::ALL, threads, one)) {
            let outcome = outcome?;
            directories[order as usize] = outcome.directory;
            replaced.extend(outcome.replaced);
        }
        drop(datoms);
        let unstored = words.dict().unstored(codes)?;
        let half_full = !codes.is_multiple_of(PAGE);
        attempt.writes(unstored.blobs.last().map(|(id, _)| *id).filter(|_| half_full));
        unstored
            .blobs
            .into_iter()
            .try_for_each(|(id, bytes)| sink.emit(id, bytes))?;
        let bytes = sink.finish()?;
        if let Some(store) = core.blobs.store()
            && !unstored.hashes.is_empty()
        {
            store.put_hashes(&mut unstored.hashes.into_iter())?;
        }
        replaced.extend(unstored.replaced);
        replaced.extend(core.left.iter());
        replaced.extend(attempt.whole());
        replaced.sort_unstable();
        replaced.dedup();
        Ok(Folded {
            directories,
            t,
            codes,
            replaced,
            bytes,
            pin: Arc::default(),
        })
    }

    /// The same facts, read from the new leaves instead of the tail they hold.
    pub fn install(&self, folded: &Folded) -> Snapshot {
        let mut core = (*self.core).clone();
        core.leaves = Arc::new(Leaves {
            directories: folded.directories.clone(),
            kinds: core.kinds.clone(),
            blobs: core.blobs.clone(),
            folded: Some(folded.t),
            left: Arc::default(),
            pin: folded.pin.clone(),
        });
        core.frozen = Arc::default();
        core.folding = None;
        Snapshot { core: Arc::new(core) }
    }

    /// Whether `folded` was made from this snapshot's frozen tail, so that it can be installed.
    pub fn awaits(&self, folded: &Folded) -> bool {
        self.core.folding == Some(folded.t)
    }
}

/// More events than this are sorted in one order after the other: sorting takes as much room again as they do.
const SORTED_TOGETHER: usize = 500_000;

/// What `work` makes of each order, on at most `threads` threads.
fn each<R: Send>(orders: [Order; 4], threads: usize, work: impl Fn(Order) -> R + Sync) -> Vec<R> {
    if threads < 2 {
        return orders.into_iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(orders.len()));
    let run = || {
        while let Some(&order) = orders.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = work(order);
            done.lock().push((order as usize, outcome));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(orders.len()) {
            // Where the system has no thread left, those that are there do all of it.
            let _ = std::thread::Builder::new().spawn_scoped(scope, run);
        }
        run();
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(order, _)| *order);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}
