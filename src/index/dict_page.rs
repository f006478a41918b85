//! Pages of the dictionary, and their bytes.

use super::codec::{self, Reader};
use crate::error::{Code, Error, Result};

/// Codes a page.
pub(super) const PAGE: u64 = if cfg!(test) { 16 } else { 1024 };
/// Longer bytes have a blob of their own.
pub(super) const LONG: usize = if cfg!(test) { 18 } else { 2048 };

/// The bytes of some consecutive codes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct DictPage {
    bytes: Vec<u8>,
    /// Where each entry ends; an entry without bytes is long and has a blob of its own.
    ends: Vec<u32>,
}

impl DictPage {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if bytes.len() <= LONG {
            self.bytes.extend_from_slice(bytes);
        }
        self.ends.push(self.bytes.len() as u32);
    }
    pub(super) fn entry(&self, i: usize) -> Option<&[u8]> {
        let end = *self.ends.get(i)? as usize;
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        self.bytes.get(start..end)
    }
    /// How many entries.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
    pub(super) fn weight(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 4 + 64
    }
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + self.ends.len() * 2 + 8);
        codec::put(&mut out, self.ends.len() as u64);
        codec::put_column(&mut out, &self.ends.iter().map(|&e| u64::from(e)).collect::<Vec<_>>());
        // Fresh entries are often alike; this is where text is compressed.
        codec::put_bytes(&mut out, &lz4_flex::compress_prepend_size(&self.bytes));
        out
    }
    pub(super) fn decode(bytes: &[u8]) -> Result<DictPage> {
        let mut r = Reader(bytes);
        let read = |r: &mut Reader| -> Option<DictPage> {
            let n = r.count(PAGE)?;
            let ends = codec::column(r, n)?
                .into_iter()
                .map(u32::try_from)
                .collect::<Result<Vec<u32>, _>>()
                .ok()?;
            let bytes = lz4_flex::decompress_size_prepended(r.bytes()?).ok()?;
            (ends.is_sorted() && ends.last().is_none_or(|&e| e as usize == bytes.len()))
                .then_some(DictPage { bytes, ends })
        };
        read(&mut r).ok_or_else(|| Error::new(Code::CorruptStore, "a page of the dictionary does not decode"))
    }
}
