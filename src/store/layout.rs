//! The directory of a database: made only where that is meant, opened only in a format that is known.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};

const FORMAT_TEXT: &str = "asof 2\n";

/// An error of the operating system, with the path it is about.
pub(super) fn at_path(path: &Path, e: std::io::Error) -> Error {
    use std::io::ErrorKind;
    let hint = match e.kind() {
        ErrorKind::PermissionDenied => {
            "whoever opens a database, if only to read, needs the right to write to its folder and to all in it"
        }
        ErrorKind::NotADirectory => "a database is a folder: name the folder, not a file",
        ErrorKind::ReadOnlyFilesystem => "opening a database writes to it: copy it to where that is allowed",
        _ => return Error::at_path(path, e),
    };
    Error::at_path(path, e).hint(hint)
}

/// Refuses what is no folder.
pub(super) fn check_folder(dir: &Path) -> Result<()> {
    if dir.is_file() {
        let message = format!("{} is a file, and a database is a folder", dir.display());
        return Err(Error::new(Code::InvalidArgument, message).hint("name a folder, one that is there or a new one"));
    }
    Ok(())
}

/// Refuses to make a database among other people's files.
pub(super) fn check_free(dir: &Path) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(at_path(dir, e)),
    };
    for entry in entries {
        let name = entry.map_err(|e| at_path(dir, e))?.file_name();
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

/// Makes the folder of a database, and those that it is in. Their names are safe before anything in them is.
pub(super) fn make_folder(dir: &Path) -> Result<()> {
    let full = std::path::absolute(dir).map_err(|e| at_path(dir, e))?;
    // Whoever made the folder itself before perhaps stopped short of this, so its name is made safe in any case.
    let above = full.parent().into_iter().flat_map(Path::ancestors);
    let missing = above.clone().take_while(|folder| !folder.exists()).count();
    fs::create_dir_all(&full).map_err(|e| at_path(dir, e))?;
    for folder in above.take(missing + 1) {
        match sync_names(folder) {
            // Whoever may not list a folder cannot sync it either, and has not made it.
            Err(e) if e.kind() != std::io::ErrorKind::PermissionDenied => return Err(at_path(folder, e)),
            _ => {}
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
    for entry in fs::read_dir(store).map_err(|e| at_path(store, e))? {
        let name = entry.map_err(|e| at_path(store, e))?.file_name();
        if !["lock", "keyspaces", "0.jnl"].iter().any(|ours| name == *ours) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses a directory of another version.
pub(super) fn check_format(dir: &Path) -> Result<()> {
    let format = dir.join("FORMAT");
    let text = fs::read_to_string(&format).map_err(|e| at_path(&format, e))?;
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
    for entry in fs::read_dir(store).map_err(|e| at_path(store, e))? {
        let path = entry.map_err(|e| at_path(store, e))?.path();
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
        let emptied = fs::OpenOptions::new().write(true).open(&path).and_then(|file| {
            file.set_len(0)?;
            file.sync_all()
        });
        emptied.map_err(|e| at_path(&path, e))?;
    }
    Ok(())
}

/// Copies a directory, each of its files by `file`.
pub(super) fn copy_all(from: &Path, to: &Path, file: &dyn Fn(&Path, &Path) -> std::io::Result<()>) -> Result<()> {
    fs::create_dir_all(to).map_err(|e| at_path(to, e))?;
    for entry in fs::read_dir(from).map_err(|e| at_path(from, e))? {
        let entry = entry.map_err(|e| at_path(from, e))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_all(&path, &target, file)?;
        } else {
            file(&path, &target).map_err(|e| at_path(&path, e))?;
        }
    }
    Ok(())
}

/// Ends a switch that a crash interrupted, and removes what a rebuilding left behind. The lock of `dir` is held.
pub(super) fn finish_switch(dir: &Path) -> Result<()> {
    let rebuild = dir.join("rebuild");
    if !rebuild.exists() {
        return Ok(());
    }
    let store = dir.join("store");
    if !store.exists() {
        // The old store moves away only when the new one is whole.
        let new = rebuild.join("new/store");
        let whole = if new.exists() { new } else { rebuild.join("old") };
        fs::rename(&whole, &store).map_err(|e| at_path(&whole, e))?;
    }
    sync_dir(dir)?;
    fs::remove_dir_all(&rebuild).map_err(|e| at_path(&rebuild, e))
}

/// Says that the directory holds a database now.
pub(super) fn write_format(dir: &Path) -> Result<()> {
    let new = dir.join("FORMAT.new");
    let write = || {
        fs::write(&new, FORMAT_TEXT)?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, dir.join("FORMAT"))
    };
    write().map_err(|e| at_path(&new, e))?;
    sync_dir(dir)
}

/// Makes new names in `dir` safe; Windows does so by itself.
pub(super) fn sync_dir(dir: &Path) -> Result<()> {
    sync_names(dir).map_err(|e| at_path(dir, e))
}

fn sync_names(dir: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    fs::File::open(dir)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}
