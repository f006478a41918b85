//! What can be saved of a directory whose engine does not open any more.
//!
//! A power cut can leave the last group half written: its end is there, parts of its middle are not, and the engine then refuses
//! the whole journal. A journal that simply ends earlier opens. So the journal is shortened until it opens, in a copy: the
//! original stays as it is.
//!
//! Each try opens a scratch database that holds that journal and nothing else, since opening changes files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::fjall::{self, Fjall, Settings};
use super::layout::{copy_all, journals};
use super::lock::Lock;
use super::{Store, head};
use crate::error::{Code, Error, Result};

/// The t that `HEAD` noted, and the hash of its record.
type Head = (u64, [u8; 32]);

/// Copies the database in `dir` to the new directory `copy` and shortens the copy's journal as far as it takes to open. Gives
/// how many bytes the journal lost, and what `HEAD` has noted, if it can be read: whether transactions went with them shows at
/// opening, against that.
pub fn repair_copy(dir: &Path, copy: &Path) -> Result<(u64, Option<Head>)> {
    if !dir.join("FORMAT").exists() {
        return Err(Error::new(
            Code::DbNotFound,
            format!("there is no database at {}", dir.display()),
        ));
    }
    if copy.exists() {
        return Err(
            Error::new(Code::InvalidArgument, format!("{} exists already", copy.display()))
                .hint("name a new directory for the repaired copy"),
        );
    }
    let _lock = Lock::take(&dir.join("asof.lock"))?;
    copy_all(dir, copy, &plainly)?;
    let noted = match head::read(&dir.join("HEAD")) {
        Err(e) if e.code() == Code::CorruptStore => None,
        noted => noted?,
    };
    let Some(journal) = active_journal(&copy.join("store"))? else {
        return Ok((0, noted));
    };
    let bytes = fs::read(&journal)?;
    // The engine reserves journals in advance: what was never written reads as zeros.
    let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let scratch = copy.join("scratch");
    let outcome = longest_that_opens(&scratch, &bytes[..used]);
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    let kept = outcome?;
    if kept < used {
        let mut file = fs::File::create(&journal)?;
        file.write_all(&bytes[..kept])?;
        file.sync_all()?;
    }
    Ok(((used - kept) as u64, noted))
}

/// The longest beginning of a journal that replays. Cuts are monotone: one behind the damage fails, one before it opens.
fn longest_that_opens(scratch: &Path, journal: &[u8]) -> Result<usize> {
    // The same keyspaces in the same order as in every database, so the journal's entries find theirs. Made once and copied for
    // each try: making it syncs many files, copying none.
    let empty = scratch.join("empty");
    Fjall::open(&empty, &Settings::default())?.close()?;
    for (_, old) in journals(&empty.join("store"))? {
        fs::remove_file(old)?;
    }
    let tried = scratch.join("tried");
    let opens = |len: usize| -> Result<bool> {
        if tried.exists() {
            fs::remove_dir_all(&tried)?;
        }
        copy_all(&empty.join("store"), &tried, &plainly)?;
        fs::write(tried.join("0.jnl"), &journal[..len])?;
        match fjall::probe(&tried) {
            Ok(()) => Ok(true),
            Err(e) if e.code() == Code::CorruptStore => Ok(false),
            Err(e) => Err(e),
        }
    };
    if opens(journal.len())? {
        return Ok(journal.len());
    }
    let (mut good, mut bad) = (0, journal.len());
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if opens(middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(good)
}

/// Copies a file.
fn plainly(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::copy(from, to).map(drop)
}

fn active_journal(store: &Path) -> Result<Option<PathBuf>> {
    Ok(journals(store)?.pop().map(|(_, path)| path))
}
