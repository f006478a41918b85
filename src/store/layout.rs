//! The directory of a database: made only where that is meant, opened only in a format that is known.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};

const FORMAT_TEXT: &str = "asof 2\n";

/// An error of the operating system, with the path it is about.
pub(super) fn at_path(path: &Path, e: std::io::Error) -> Error {
    let message = format!("{}: {e}", path.display());
    let code = Error::from(std::io::Error::from(e.kind())).code();
    Error::new(code, message).caused_by(e)
}

/// Refuses to make a database among other people's files.
pub(super) fn check_free(dir: &Path) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(at_path(dir, e)),
    };
    for entry in entries {
        let name = entry?.file_name();
        if !["asof.lock", "HEAD", "FORMAT.new", "store"]
            .iter()
            .any(|ours| name == *ours)
        {
            return Err(Error::new(
                Code::InvalidArgument,
                format!("{} holds {} and no database", dir.display(), name.to_string_lossy()),
            )
            .hint("name a new or an empty directory"));
        }
    }
    Ok(())
}

/// Whether `store` is what the engine leaves when it is stopped while it makes a database: no version marker, and nothing
/// that it does not write before that marker.
pub(super) fn is_unfinished(store: &Path) -> Result<bool> {
    if !store.exists() || store.join("version").exists() {
        return Ok(false);
    }
    for entry in fs::read_dir(store)? {
        let name = entry?.file_name();
        if !["lock", "keyspaces", "0.jnl"].iter().any(|ours| name == *ours) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses a directory of another version.
pub(super) fn check_format(dir: &Path) -> Result<()> {
    let text = fs::read_to_string(dir.join("FORMAT"))?;
    if text == FORMAT_TEXT {
        return Ok(());
    }
    Err(Error::new(
        Code::UnsupportedFormat,
        format!(
            "{} was written in format {:?}; this version of asof knows {:?}",
            dir.display(),
            text.trim(),
            FORMAT_TEXT.trim()
        ),
    )
    .hint("open it with the version of asof that wrote it, or a newer one"))
}

/// The journals of a store with their numbers, ascending; the last one is active.
pub(super) fn journals(store: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(store)? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse().ok());
        if let Some(number) = number {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Empties the active journal of a store that nobody has open, when all of it is in tables. The file stays: the engine takes a
/// store without a journal for a new one and would number its writes from 0 again.
pub(super) fn empty_journal(store: &Path) -> Result<()> {
    if let Some((_, path)) = journals(store)?.pop() {
        let file = fs::OpenOptions::new().write(true).open(&path)?;
        file.set_len(0)?;
        file.sync_all()?;
    }
    Ok(())
}

/// Says that the directory holds a database now.
pub(super) fn write_format(dir: &Path) -> Result<()> {
    let new = dir.join("FORMAT.new");
    fs::write(&new, FORMAT_TEXT)?;
    fs::File::open(&new)?.sync_all()?;
    fs::rename(&new, dir.join("FORMAT"))?;
    sync_dir(dir)
}

/// Makes new names in `dir` safe; Windows does so by itself.
fn sync_dir(dir: &Path) -> Result<()> {
    #[cfg(unix)]
    fs::File::open(dir)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}
