//! Pages of a directory and of pasts, and their bytes.

use std::sync::Arc;

use super::codec::{self, Reader};
use crate::datom::T;
use crate::error::{Code, Error, Result};
use crate::store::BlobId;

const FORMAT: u8 = 1;
const ENTRIES_MAX: u64 = 1 << 20;

/// Bytes that sort as keys do; the leaf they belong to begins there.
pub(super) type Separator = Arc<[u8]>;

/// A leaf that covered some keys up to `to`, or (level > 0) a page of such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Past {
    pub(super) id: BlobId,
    /// The last t whose events it covers.
    pub(super) to: T,
    pub(super) level: u8,
}

/// A page of a past.
#[derive(Debug, PartialEq)]
pub(super) struct PastPage(pub(super) Vec<Past>);

/// The newest leaf of a key range, and those before it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Where its keys begin; they end where the next entry's begin.
    pub(super) separator: Separator,
    pub(super) id: BlobId,
    /// The first t whose events it covers.
    pub(super) from: T,
    /// Rows that hold now.
    pub(super) live: u32,
    /// Rows that ended since `from`.
    pub(super) closed: u32,
    pub(super) past: Vec<Past>,
}

/// Some leaves in key order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
}

fn put_past(out: &mut Vec<u8>, past: &[Past]) {
    codec::put(out, past.len() as u64);
    let mut before = 0;
    for p in past {
        codec::put(out, p.id);
        codec::put(out, p.to - before);
        out.push(p.level);
        before = p.to;
    }
}

fn read_past(r: &mut Reader) -> Option<Vec<Past>> {
    let n = r.count(ENTRIES_MAX)?;
    let mut past = Vec::new();
    let mut to = 0u64;
    for _ in 0..n {
        let id = r.get()?;
        to = to.checked_add(r.get()?)?;
        past.push(Past {
            id,
            to,
            level: r.byte()?,
        });
    }
    Some(past)
}

impl PastPage {
    pub(super) fn weight(&self) -> usize {
        self.0.len() * size_of::<Past>() + 32
    }
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        put_past(&mut out, &self.0);
        out
    }
    pub(super) fn decode(bytes: &[u8]) -> Result<PastPage> {
        let mut r = Reader(bytes);
        let read = |r: &mut Reader| (r.byte()? == FORMAT).then(|| read_past(r))?.map(PastPage);
        read(&mut r).filter(|_| r.0.is_empty()).ok_or_else(damaged)
    }
}

impl Page {
    pub(super) fn weight(&self) -> usize {
        let entry = |e: &Entry| e.separator.len() + e.past.len() * size_of::<Past>() + size_of::<Entry>() + 16;
        self.entries.iter().map(entry).sum()
    }
    pub(super) fn live(&self) -> u64 {
        self.entries.iter().map(|e| u64::from(e.live)).sum()
    }
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        codec::put(&mut out, self.entries.len() as u64);
        let mut before: &[u8] = &[];
        for e in &self.entries {
            // Neighbours share most of their first bytes.
            let shared = e.separator.iter().zip(before).take_while(|(a, b)| a == b).count();
            codec::put(&mut out, shared as u64);
            codec::put_bytes(&mut out, &e.separator[shared..]);
            before = &e.separator;
            codec::put(&mut out, e.id);
            codec::put(&mut out, e.from);
            codec::put(&mut out, u64::from(e.live));
            codec::put(&mut out, u64::from(e.closed));
            put_past(&mut out, &e.past);
        }
        out
    }
    pub(super) fn decode(bytes: &[u8]) -> Result<Page> {
        let mut r = Reader(bytes);
        let read = |r: &mut Reader| -> Option<Page> {
            if r.byte()? != FORMAT {
                return None;
            }
            let n = r.count(ENTRIES_MAX)?;
            let mut entries: Vec<Entry> = Vec::new();
            for _ in 0..n {
                let shared = usize::try_from(r.get()?).ok()?;
                let rest = r.bytes()?;
                let before: &[u8] = entries.last().map_or(&[], |e| &e.separator);
                let separator: Separator = [before.get(..shared)?, rest].concat().into();
                let (id, from) = (r.get()?, r.get()?);
                let (live, closed) = (u32::try_from(r.get()?).ok()?, u32::try_from(r.get()?).ok()?);
                entries.push(Entry {
                    separator,
                    id,
                    from,
                    live,
                    closed,
                    past: read_past(r)?,
                });
            }
            Some(Page { entries })
        };
        read(&mut r)
            .filter(|p| r.0.is_empty() && !p.entries.is_empty())
            .ok_or_else(damaged)
    }
}

fn damaged() -> Error {
    Error::new(Code::CorruptStore, "a page of an index's directory does not decode")
}
