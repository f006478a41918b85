//! Decoded blobs, through a cache with a byte budget. Blobs never change, so nothing in it is ever stale.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::columns::Columns;
use super::dict_page::DictPage;
use super::leaf::Leaf;
use super::page::{Page, PastPage};
use crate::datom::T;
use crate::error::{Code, Error, Result};
use crate::store::{BlobId, Store};

#[derive(Clone)]
pub(super) enum Blob {
    Leaf(Arc<Leaf>),
    Page(Arc<Page>),
    Past(Arc<PastPage>),
    Dict(Arc<DictPage>),
    /// What of a leaf a view sees: not read, but put together from it.
    Seen(Arc<Columns>),
}

/// A blob, or what a view (its bounds) sees of a leaf.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    id: BlobId,
    seen: Option<(Option<T>, T)>,
}

impl Key {
    fn of(id: BlobId) -> Key {
        Key { id, seen: None }
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Blob> for Bytes {
    fn weight(&self, _: &Key, blob: &Blob) -> u64 {
        let bytes = match blob {
            Blob::Leaf(x) => x.weight(),
            Blob::Page(x) => x.weight(),
            Blob::Past(x) => x.weight(),
            Blob::Dict(x) => x.weight(),
            Blob::Seen(x) => x.weight(),
        };
        bytes as u64 + 64
    }
}

/// The blobs of one database: its store, and a cache in front.
pub struct Blobs {
    store: Option<Arc<dyn Store>>,
    cache: Cache<Key, Blob, Bytes>,
    next: AtomicU64,
    reads: AtomicU64,
    /// Pages of the dictionary that a fold wrote which then failed.
    abandoned: Mutex<Vec<BlobId>>,
}

/// A fold under way. Unless it is said to be whole, its ids are given again: what it wrote is overwritten, or deleted at the next opening.
pub(super) struct Attempt<'a> {
    blobs: &'a Blobs,
    first: BlobId,
    /// The page of the dictionary that it left half full. Pages have ids of their own, by what they hold.
    page: Option<BlobId>,
    whole: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(blobs: &'a Blobs) -> Attempt<'a> {
        Attempt {
            blobs,
            first: blobs.next_id(),
            page: None,
            whole: false,
        }
    }

    /// It is about to write this page.
    pub(super) fn writes(&mut self, page: Option<BlobId>) {
        self.page = page;
    }

    /// Ends it; gives the pages that those before it left behind.
    pub(super) fn whole(mut self) -> Vec<BlobId> {
        self.whole = true;
        let mut left = std::mem::take(&mut *self.blobs.abandoned.lock());
        left.retain(|page| Some(*page) != self.page);
        left
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.whole {
            return;
        }
        (self.first..self.blobs.next_id()).for_each(|id| self.blobs.forget(id));
        self.blobs.set_next_id(self.first);
        let mut abandoned = self.blobs.abandoned.lock();
        if let Some(page) = self.page.filter(|page| !abandoned.contains(page)) {
            abandoned.push(page);
        }
    }
}

impl Blobs {
    /// The blobs of `store`, at most `budget` bytes of them decoded in memory.
    pub fn new(store: Arc<dyn Store>, budget: u64) -> Arc<Blobs> {
        Arc::new(Blobs::with(Some(store), budget))
    }

    /// No blobs: for snapshots that live in memory alone.
    pub(super) fn none() -> Arc<Blobs> {
        Arc::new(Blobs::with(None, 1 << 20))
    }

    fn with(store: Option<Arc<dyn Store>>, budget: u64) -> Blobs {
        // An ordinary leaf takes about 100 KB; the estimate only sizes the cache's own tables.
        let cache = Cache::with_weighter((budget / (64 << 10)).max(64) as usize, budget, Bytes);
        Blobs {
            store,
            cache,
            next: AtomicU64::new(1),
            reads: AtomicU64::new(0),
            abandoned: Mutex::default(),
        }
    }

    /// The store that holds them, and the log beside them; `None` when they are kept nowhere.
    pub fn store(&self) -> Option<&Arc<dyn Store>> {
        self.store.as_ref()
    }

    /// An id that no blob has.
    pub(super) fn fresh(&self) -> BlobId {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
    /// The id that comes next.
    pub(super) fn next_id(&self) -> BlobId {
        self.next.load(Ordering::Relaxed)
    }
    pub(super) fn set_next_id(&self, id: BlobId) {
        self.next.store(id, Ordering::Relaxed);
    }

    /// Bytes of decoded blobs held now.
    pub fn cached_bytes(&self) -> u64 {
        self.cache.weight()
    }
    /// How many blobs were read from the store.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub(super) fn put(&self, id: BlobId, blob: Blob) {
        self.cache.insert(Key::of(id), blob);
    }
    pub(super) fn forget(&self, id: BlobId) {
        self.cache.remove(&Key::of(id));
    }

    fn get(&self, id: BlobId, decode: impl FnOnce(&[u8]) -> Result<Blob>) -> Result<Blob> {
        self.cache.get_or_insert_with(&Key::of(id), || self.read(id, decode))
    }

    fn read<X>(&self, id: BlobId, decode: impl FnOnce(&[u8]) -> Result<X>) -> Result<X> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let missing = || Error::new(Code::CorruptStore, format!("blob {id} of the indexes is missing"));
        let bytes = self.store.as_ref().ok_or_else(missing)?.blob(id)?.ok_or_else(missing)?;
        decode(&bytes).map_err(|e| e.with("blob", id))
    }

    pub(super) fn leaf(&self, id: BlobId) -> Result<Arc<Leaf>> {
        match self.get(id, |b| Leaf::decode(b).map(Arc::new).map(Blob::Leaf))? {
            Blob::Leaf(x) => Ok(x),
            _ => Err(mixed(id)),
        }
    }
    /// What of leaf `id` was seen after `since` and up to `until`, if that was kept.
    pub(super) fn seen(&self, id: BlobId, since: Option<T>, until: T) -> Option<Arc<Columns>> {
        let seen = Some((since, until));
        match self.cache.get(&Key { id, seen }) {
            Some(Blob::Seen(rows)) => Some(rows),
            _ => None,
        }
    }
    pub(super) fn keep_seen(&self, id: BlobId, since: Option<T>, until: T, rows: Arc<Columns>) {
        let seen = Some((since, until));
        self.cache.insert(Key { id, seen }, Blob::Seen(rows));
    }
    /// A leaf that is about to be replaced, and whether it was in the cache; reading it does not bring it there.
    pub(super) fn leaf_to_fold(&self, id: BlobId) -> Result<(Arc<Leaf>, bool)> {
        match self.cache.get(&Key::of(id)) {
            Some(Blob::Leaf(leaf)) => Ok((leaf, true)),
            Some(_) => Err(mixed(id)),
            None => {
                let leaf = self.read(id, Leaf::decode)?;
                Ok((Arc::new(leaf), self.roomy()))
            }
        }
    }
    /// Whether the cache is so empty that what is written may as well stay in it.
    pub(super) fn roomy(&self) -> bool {
        self.cache.weight() < self.cache.capacity() / 8
    }
    pub(super) fn page(&self, id: BlobId) -> Result<Arc<Page>> {
        match self.get(id, |b| Page::decode(b).map(Arc::new).map(Blob::Page))? {
            Blob::Page(x) => Ok(x),
            _ => Err(mixed(id)),
        }
    }
    pub(super) fn past(&self, id: BlobId) -> Result<Arc<PastPage>> {
        match self.get(id, |b| PastPage::decode(b).map(Arc::new).map(Blob::Past))? {
            Blob::Past(x) => Ok(x),
            _ => Err(mixed(id)),
        }
    }
    pub(super) fn dict(&self, id: BlobId) -> Result<Arc<DictPage>> {
        match self.get(id, |b| DictPage::decode(b).map(Arc::new).map(Blob::Dict))? {
            Blob::Dict(x) => Ok(x),
            _ => Err(mixed(id)),
        }
    }
}

fn mixed(id: BlobId) -> Error {
    Error::new(
        Code::CorruptStore,
        format!("blob {id} of the indexes is of another kind than its directory says"),
    )
}
