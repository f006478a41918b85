//! Log records in runs: transactions that share a sync share a place in the engine, too.
//!
//! A small transaction's record is two hundred bytes, and the engine asks about as much work for each of its entries: a node in memory,
//! an entry in journal, table and every compaction. A run is an entry of up to [`RUN_BYTES`] of records with consecutive t,
//! under the t of the first:
//!
//! ```text
//! per record:
//!   n   its length, LEB128
//!   n   the record
//! ```

use super::seal::{LOG, corrupt};
use crate::error::Result;

/// A run ends when it has so many bytes, so that one record is not read at the price of many.
const RUN_BYTES: usize = 16 * 1024;

/// The runs of records with ascending t: the t of the first, and the bytes.
pub(super) fn runs(records: &[(u64, Vec<u8>)]) -> impl Iterator<Item = (u64, Vec<u8>)> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let (first, _) = rest.first()?;
        let mut bytes = 0;
        let follows = |(i, (t, record)): &(usize, &(u64, Vec<u8>))| {
            let fits = bytes == 0 || bytes + record.len() <= RUN_BYTES;
            bytes += record.len() + 3;
            fits && *t == first + *i as u64
        };
        let n = rest.iter().enumerate().take_while(follows).count();
        let (run, others) = rest.split_at(n);
        rest = others;
        Some((*first, join(run.iter().map(|(_, record)| &record[..]))))
    })
}

/// The bytes of a run.
pub(super) fn join<'a>(records: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let mut out = Vec::with_capacity(records.clone().map(|r| r.len() + 10).sum());
    for record in records {
        let mut len = record.len();
        while len >= 0x80 {
            out.push(len as u8 | 0x80);
            len >>= 7;
        }
        out.push(len as u8);
        out.extend_from_slice(record);
    }
    out
}

/// The records of the run that begins at t `first`, in order.
pub(super) fn split(first: u64, mut run: &[u8]) -> Result<Vec<(u64, &[u8])>> {
    let mut records = Vec::new();
    while !run.is_empty() {
        let taken = take(&mut run).ok_or_else(|| corrupt(LOG, first, "its records are cut short"))?;
        records.push((first + records.len() as u64, taken));
    }
    Ok(records)
}

fn take<'a>(run: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (mut len, mut shift) = (0usize, 0);
    loop {
        let (byte, rest) = run.split_first()?;
        *run = rest;
        len |= usize::from(byte & 0x7F).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (record, rest) = run.split_at_checked(len)?;
    *run = rest;
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_hold_what_was_given() {
        let sizes = [0, 1, 127, 128, 300, 9_000, 9_000, 100_000, 5, 6, 20_000];
        let mut records: Vec<(u64, Vec<u8>)> = sizes
            .iter()
            .enumerate()
            .map(|(i, n)| (7 + i as u64, vec![i as u8; *n]))
            .collect();
        // A gap, which the writer never leaves.
        records.push((100, vec![1]));
        let runs: Vec<(u64, Vec<u8>)> = runs(&records).collect();
        let firsts: Vec<u64> = runs.iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [7, 13, 14, 15, 17, 100]);
        let again: Vec<(u64, Vec<u8>)> = runs
            .iter()
            .flat_map(|(first, run)| split(*first, run).unwrap())
            .map(|(t, record)| (t, record.to_vec()))
            .collect();
        assert_eq!(again, records);
    }

    #[test]
    fn a_run_cut_short_is_damaged() {
        let run = join([&[1u8; 200][..], &[2; 3]].into_iter());
        for len in (0..run.len()).filter(|len| ![0, 202].contains(len)) {
            assert!(split(0, &run[..len]).is_err(), "{len} bytes");
        }
        assert!(split(0, &[0xFF; 40]).is_err());
    }
}
