//! The side file `HEAD`: how far the log reached at least, and its hash there.
//!
//! The engine below cuts a damaged journal short without a word; this file is the witness. It has two slots of
//! 56 bytes, 4,096 bytes apart so that no torn write takes both, and each write goes to the older one:
//!
//! ```text
//! 8   number of the write, big-endian: the greater one counts (t may go back, when a loss is accepted)
//! 8   t, big-endian; 2^64 - 1 says that there is none yet
//! 32  hash of log record t
//! 8   xxh3-64 of the 48 bytes above, little-endian
//! ```
//!
//! The first write says that there is no t yet and is safe before the directory counts as a database, so that a database has an intact
//! slot from its first moment on: a `HEAD` without one is damaged, never merely young.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::layout::at_path;
use crate::error::{Code, Error, Result};

const SLOT: usize = 56;
const SUMMED: usize = 48;
const APART: u64 = 4096;
const NO_T: u64 = u64::MAX;

type Head = (u64, [u8; 32]);

/// The open side file.
pub(super) struct HeadFile {
    path: PathBuf,
    /// `None`: the old one was lost, and the first write makes another.
    file: Option<File>,
    newest: Option<Head>,
    /// The number of the newest write; even ones are in slot 0.
    number: u64,
}

impl HeadFile {
    /// The file of a database that is being made.
    pub fn create(path: &Path) -> Result<HeadFile> {
        let mut made = HeadFile::lost(path);
        made.write_slot((NO_T, [0; 32]))?;
        Ok(made)
    }

    /// The file of a database whose old one is lost: as if nothing had been noted yet.
    pub fn lost(path: &Path) -> HeadFile {
        HeadFile {
            path: path.to_path_buf(),
            file: None,
            newest: None,
            number: 0,
        }
    }

    /// The file of a database that exists.
    pub fn open(path: &Path) -> Result<HeadFile> {
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let mut file = match opened {
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(damaged(path, "is missing")),
            opened => opened.map_err(|e| at_path(path, e))?,
        };
        let slots = [read_slot(&mut file, 0), read_slot(&mut file, 1)];
        let mut newest: Option<(u64, Head)> = None;
        for slot in slots {
            let slot = slot.map_err(|e| at_path(path, e))?;
            if slot.map(|(number, _)| number) > newest.map(|(number, _)| number) {
                newest = slot;
            }
        }
        let (number, head) = newest.ok_or_else(|| damaged(path, "cannot be read: neither of its slots is whole"))?;
        Ok(HeadFile {
            path: path.to_path_buf(),
            file: Some(file),
            newest: Some(head).filter(|(t, _)| *t != NO_T),
            number,
        })
    }

    pub fn newest(&self) -> Option<Head> {
        self.newest
    }

    /// Writes and syncs.
    pub fn write(&mut self, head: Head) -> Result<()> {
        self.write_slot(head)?;
        self.newest = Some(head);
        Ok(())
    }

    fn write_slot(&mut self, head: Head) -> Result<()> {
        let number = self.number + 1;
        let mut slot = [0u8; SLOT];
        slot[..8].copy_from_slice(&number.to_be_bytes());
        slot[8..16].copy_from_slice(&head.0.to_be_bytes());
        slot[16..SUMMED].copy_from_slice(&head.1);
        let sum = xxh3_64(&slot[..SUMMED]);
        slot[SUMMED..].copy_from_slice(&sum.to_le_bytes());
        let put = |file: &mut Option<File>| -> std::io::Result<()> {
            let file = match file {
                Some(file) => file,
                None => file.insert(
                    OpenOptions::new()
                        .write(true)
                        .create(true)
                        .truncate(true)
                        .open(&self.path)?,
                ),
            };
            file.seek(SeekFrom::Start(number % 2 * APART))?;
            file.write_all(&slot)?;
            file.sync_data()
        };
        put(&mut self.file).map_err(|e| at_path(&self.path, e))?;
        self.number = number;
        Ok(())
    }
}

/// The newest head that the file of a database noted.
pub(super) fn read(path: &Path) -> Result<Option<Head>> {
    Ok(HeadFile::open(path)?.newest())
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::new(
        Code::CorruptStore,
        format!(
            "{} {why}, and without it a log that lost its end looks whole",
            path.display()
        ),
    )
    .hint("asof verify says whether all the rest is whole; asof repair makes a copy that opens and has a new one")
}

/// The number and the head of a slot that is whole.
fn read_slot(file: &mut File, slot: u64) -> std::io::Result<Option<(u64, Head)>> {
    let mut bytes = [0u8; SLOT];
    file.seek(SeekFrom::Start(slot * APART))?;
    match file.read_exact(&mut bytes) {
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let (number, rest) = bytes.split_first_chunk::<8>().expect("a slot begins with its number");
    let (t, rest) = rest.split_first_chunk::<8>().expect("a slot goes on with t");
    let (hash, sum) = rest.split_first_chunk::<32>().expect("a slot goes on with the hash");
    // A hole of zeros, before the first write to it, is no slot either.
    let whole = sum == xxh3_64(&bytes[..SUMMED]).to_le_bytes();
    Ok(whole.then_some((u64::from_be_bytes(*number), (u64::from_be_bytes(*t), *hash))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_intact_slot_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("HEAD");
        HeadFile::create(&path).unwrap();
        assert_eq!(HeadFile::open(&path).unwrap().newest(), None);
        for t in [0, 1, 7, 3, 4] {
            HeadFile::open(&path).unwrap().write((t, [t as u8; 32])).unwrap();
            assert_eq!(
                HeadFile::open(&path).unwrap().newest(),
                Some((t, [t as u8; 32])),
                "the last one written"
            );
        }
        // The sixth write went to slot 0: a torn one there leaves the fifth.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(HeadFile::open(&path).unwrap().newest(), Some((3, [3; 32])));
        bytes[4096 + 20] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(HeadFile::open(&path).err().unwrap().code(), Code::CorruptStore);
    }

    #[test]
    fn a_file_that_notes_nothing_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("HEAD");
        let refused = |why: &str| {
            let error = HeadFile::open(&path).err().unwrap();
            assert_eq!(error.code(), Code::CorruptStore, "{why}");
        };
        refused("missing");
        for bytes in [&b""[..], b"garbage\n", &[0; 56], &[0; 5000], &[7; 5000]] {
            std::fs::write(&path, bytes).unwrap();
            refused("no slot");
        }
        let mut again = HeadFile::lost(&path);
        assert_eq!(again.newest(), None);
        again.write((9, [9; 32])).unwrap();
        assert_eq!(HeadFile::open(&path).unwrap().newest(), Some((9, [9; 32])));
    }
}
