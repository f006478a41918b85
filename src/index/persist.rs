//! Roots: where everything is at some t, in a few kilobytes.
//!
//! ```text
//! format | t | log hash | instant | next ids | next blob | codes | kinds | four page lists | replaced blobs
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::blobs::Blobs;
use super::codec::{self, Reader};
use super::dict::{self, Dict};
use super::directory::{Directory, PageRef};
use super::key::{Kinds, Order};
use super::page::Separator;
use super::words::Words;
use super::{Core, Folded, Leaves, Snapshot};
use crate::datom::T;
use crate::error::{Code, Error, Result};
use crate::store::{BlobId, Store};

const FORMAT: u8 = 1;

/// A version of the directories. Blobs that a later version replaced are deleted when nothing holds this one any more.
#[derive(Debug, Default)]
pub(super) struct Pin;

/// What a root says beside where the leaves are.
#[derive(Clone, Debug, PartialEq)]
pub struct RootMeta {
    /// The t that the leaves reach.
    pub t: T,
    /// The hash of the log's record of `t`.
    pub hash: [u8; 32],
    /// The instant of `t`.
    pub instant: i64,
    /// The next counter of each partition.
    pub next_ids: Vec<(u32, u64)>,
}

/// Blobs that were replaced and perhaps are still read by holders of older snapshots.
#[derive(Default)]
pub struct Garbage {
    waiting: VecDeque<(Weak<Pin>, Vec<BlobId>)>,
}

impl Garbage {
    /// Notes what `folded` replaced in the directories of `before`.
    pub fn add(&mut self, before: &Snapshot, folded: &Folded) {
        self.waiting
            .push_back((Arc::downgrade(&before.core.pin), folded.replaced.clone()));
    }

    /// Deletes what nobody can read any more. Call it when the snapshots given up are dropped.
    pub fn collect(&mut self, store: &dyn Store, blobs: &Blobs) -> Result<()> {
        // A blob replaced by a version may be read through any version before it, so the oldest goes first.
        while let Some((pin, ids)) = self.waiting.front() {
            if pin.strong_count() > 0 {
                break;
            }
            ids.iter().for_each(|&id| blobs.forget(id));
            store.delete_blobs(ids)?;
            self.waiting.pop_front();
        }
        Ok(())
    }

    fn all(&self) -> Vec<BlobId> {
        let mut ids: Vec<BlobId> = self.waiting.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
        ids.sort_unstable();
        ids
    }
}

impl Folded {
    /// The root that makes these leaves the database's. `garbage` already has what they replaced.
    pub fn root(&self, snapshot: &Snapshot, meta: &RootMeta, garbage: &Garbage) -> Vec<u8> {
        let mut out = vec![FORMAT];
        codec::put(&mut out, meta.t);
        out.extend_from_slice(&meta.hash);
        out.extend_from_slice(&meta.instant.to_be_bytes());
        codec::put(&mut out, meta.next_ids.len() as u64);
        for (partition, next) in &meta.next_ids {
            codec::put(&mut out, u64::from(*partition));
            codec::put(&mut out, *next);
        }
        codec::put(&mut out, snapshot.core.blobs.next_id());
        codec::put(&mut out, self.codes);
        codec::put_bytes(&mut out, &snapshot.core.kinds.0);
        for directory in &self.directories {
            codec::put(&mut out, directory.pages.len() as u64);
            for (separator, page) in &directory.pages {
                codec::put_bytes(&mut out, separator);
                codec::put(&mut out, page.id);
                codec::put(&mut out, page.live);
                codec::put(&mut out, u64::from(page.leaves));
            }
        }
        let replaced = garbage.all();
        codec::put(&mut out, replaced.len() as u64);
        codec::put_column(&mut out, &replaced);
        out
    }

    /// Tells the dictionary that its pages can be read; call it once the root is in place.
    pub fn settle(&self, words: &Words) {
        words.dict().mark_stored(self.codes);
    }
}

/// A database's state as its newest root has it: everything up to `meta.t`; without a root, nothing. Blobs that no root got to name
/// are deleted.
pub fn open(
    store: &dyn Store,
    blobs: &Arc<Blobs>,
    root: Option<&[u8]>,
) -> Result<(Option<RootMeta>, Snapshot, Arc<Dict>)> {
    let Some(root) = root else {
        // Also when a root was there that is given up.
        blobs.set_next_id(1);
        sweep(store, blobs, 0)?;
        return Ok((None, Snapshot::on(blobs.clone()), Arc::new(Dict::new(blobs.clone(), 0))));
    };
    if root.first() != Some(&FORMAT) {
        return Err(Error::new(
            Code::UnsupportedFormat,
            format!("the root has format {:?}; this version knows {FORMAT}", root.first()),
        ));
    }
    let read = |r: &mut Reader| -> Option<(RootMeta, u64, u64, Core)> {
        let t = r.get()?;
        let hash = r.take(32)?.try_into().ok()?;
        let instant = i64::from_be_bytes(r.take(8)?.try_into().ok()?);
        let n = r.count(1 << 22)?;
        let next_ids = (0..n)
            .map(|_| Some((u32::try_from(r.get()?).ok()?, r.get()?)))
            .collect::<Option<_>>()?;
        let (next_blob, codes) = (r.get()?, r.get()?);
        let kinds = Kinds(Arc::new(r.bytes()?.to_vec()));
        let mut directories: [Directory; 4] = Default::default();
        for order in Order::ALL {
            let n = r.count(1 << 32)?;
            let mut pages = Vec::new();
            for _ in 0..n {
                let separator = Separator::from(r.bytes()?);
                let page = PageRef {
                    id: r.get()?,
                    live: r.get()?,
                    leaves: u32::try_from(r.get()?).ok()?,
                };
                pages.push((separator, page));
            }
            directories[order as usize] = Directory {
                pages: pages.into_iter().collect(),
            };
        }
        let n = r.count(1 << 40)?;
        let replaced = codec::column(r, n)?;
        let leaves = Leaves {
            directories,
            kinds,
            blobs: blobs.clone(),
            folded: Some(t),
            left: replaced.into(),
            pin: Arc::default(),
        };
        let core = Core::of(leaves, t);
        Some((
            RootMeta {
                t,
                hash,
                instant,
                next_ids,
            },
            next_blob,
            codes,
            core,
        ))
    };
    let mut r = Reader(&root[1..]);
    let damaged = || Error::new(Code::CorruptStore, "the newest root of the indexes does not decode");
    let (meta, next_blob, codes, core) = read(&mut r).filter(|_| r.0.is_empty()).ok_or_else(damaged)?;
    blobs.set_next_id(next_blob);
    sweep(store, blobs, codes)?;
    let dict = Arc::new(Dict::new(blobs.clone(), codes));
    Ok((Some(meta), Snapshot { core: Arc::new(core) }, dict))
}

/// Deletes the blobs of a fold that did not get as far as its root: their ids come after all that the root knows, the dictionary's after
/// those of its `codes`. (What the root replaced and nobody deleted goes with the next fold: opening and closing a database writes
/// nothing.)
fn sweep(store: &dyn Store, blobs: &Blobs, codes: u64) -> Result<()> {
    let [long, pages] = dict::after(codes);
    let mut orphans = Vec::new();
    for range in [blobs.next_id()..dict::FIRST_BLOB, long, pages] {
        for id in store.blob_ids(range.start) {
            match id? {
                id if range.contains(&id) => orphans.push(id),
                _ => break,
            }
        }
    }
    if orphans.is_empty() {
        Ok(())
    } else {
        store.delete_blobs(&orphans)
    }
}
