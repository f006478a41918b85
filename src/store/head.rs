//! The side file `HEAD`: how far the log reached at least, and its hash there.
//!
//! The engine below cuts a damaged journal short without a word; this file is the witness. It has two slots of
//! 56 bytes, 4,096 bytes apart so that no torn write takes both, and each write goes to the older one:
//!
//! ```text
//! 8   number of the write, big-endian: the greater one counts (t may go back, when a loss is accepted)
//! 8   t, big-endian
//! 32  hash of log record t
//! 8   xxh3-64 of the 48 bytes above, little-endian
//! ```

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Code, Error, Result};

const SLOT: usize = 56;
const SUMMED: usize = 48;
const APART: u64 = 4096;

type Head = (u64, [u8; 32]);

/// The open side file.
pub(super) struct HeadFile {
    file: File,
    newest: Option<Head>,
    /// The number of the newest write; even ones are in slot 0.
    number: u64,
}

impl HeadFile {
    pub fn open(path: &Path) -> Result<HeadFile> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let slots = [read_slot(&mut file, 0)?, read_slot(&mut file, 1)?];
        let (newest, number) = match slots {
            [Slot::Holds(m, a), Slot::Holds(n, b)] => {
                if m >= n {
                    (Some(a), m)
                } else {
                    (Some(b), n)
                }
            }
            [Slot::Holds(n, head), _] | [_, Slot::Holds(n, head)] => (Some(head), n),
            [Slot::Empty, _] | [_, Slot::Empty] => (None, 0),
            [Slot::Damaged, Slot::Damaged] => {
                return Err(Error::new(
                    Code::CorruptStore,
                    format!("both slots of {} are damaged", path.display()),
                )
                .hint("without it a log that lost its end looks whole; remove the file to go on without that check"));
            }
        };
        Ok(HeadFile { file, newest, number })
    }

    pub fn newest(&self) -> Option<Head> {
        self.newest
    }

    /// Writes and syncs.
    pub fn write(&mut self, head: Head) -> Result<()> {
        let number = self.number + 1;
        let mut slot = [0u8; SLOT];
        slot[..8].copy_from_slice(&number.to_be_bytes());
        slot[8..16].copy_from_slice(&head.0.to_be_bytes());
        slot[16..SUMMED].copy_from_slice(&head.1);
        let sum = xxh3_64(&slot[..SUMMED]);
        slot[SUMMED..].copy_from_slice(&sum.to_le_bytes());
        self.file.seek(SeekFrom::Start(number % 2 * APART))?;
        self.file.write_all(&slot)?;
        self.file.sync_data()?;
        self.newest = Some(head);
        self.number = number;
        Ok(())
    }
}

enum Slot {
    Empty,
    Holds(u64, Head),
    Damaged,
}

fn read_slot(file: &mut File, slot: u64) -> Result<Slot> {
    let mut bytes = [0u8; SLOT];
    file.seek(SeekFrom::Start(slot * APART))?;
    if let Err(e) = file.read_exact(&mut bytes) {
        return if e.kind() == ErrorKind::UnexpectedEof {
            Ok(Slot::Empty)
        } else {
            Err(e.into())
        };
    }
    // The hole before the second slot reads as zeros; so does a slot whose first write never reached the disk.
    if bytes == [0; SLOT] {
        return Ok(Slot::Empty);
    }
    let (number, rest) = bytes.split_first_chunk::<8>().expect("a slot begins with its number");
    let (t, rest) = rest.split_first_chunk::<8>().expect("a slot goes on with t");
    let (hash, sum) = rest.split_first_chunk::<32>().expect("a slot goes on with the hash");
    if sum != xxh3_64(&bytes[..SUMMED]).to_le_bytes() {
        return Ok(Slot::Damaged);
    }
    let head = (u64::from_be_bytes(*t), *hash);
    Ok(Slot::Holds(u64::from_be_bytes(*number), head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_intact_slot_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("HEAD");
        assert_eq!(HeadFile::open(&path).unwrap().newest(), None);
        for t in [0, 1, 7, 3, 4] {
            HeadFile::open(&path).unwrap().write((t, [t as u8; 32])).unwrap();
            assert_eq!(
                HeadFile::open(&path).unwrap().newest(),
                Some((t, [t as u8; 32])),
                "the last one written"
            );
        }
        // The fifth write went to slot 1: a torn one there leaves the fourth.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[4096 + 20] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(HeadFile::open(&path).unwrap().newest(), Some((3, [3; 32])));
        bytes[20] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(HeadFile::open(&path).err().unwrap().code(), Code::CorruptStore);
    }
}
