//! One opener at a time, and its name for the others.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::layout::at_path;
use crate::error::{Code, Error, Result};

/// The held lock file of a database. The operating system lets go of it when the process ends, however it ends, so
/// content left behind by a dead holder is harmless.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub fn take(path: &Path) -> Result<Lock> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| at_path(path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(e)) => return Err(at_path(path, e)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Where a lock forbids reading, too, the holder stays unnamed.
                let _ = file.read_to_string(&mut holder);
                return Err(locked(path, holder.trim()));
            }
        }
        let program = std::env::current_exe()
            .ok()
            .and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
            .unwrap_or_else(|| "unknown".into());
        let since = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let mut sign = || {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            write!(file, "process {} ({program}) since {since}", std::process::id())
        };
        sign().map_err(|e| at_path(path, e))?;
        Ok(Lock { _file: file })
    }
}

fn locked(path: &Path, holder: &str) -> Error {
    let dir = path.parent().unwrap_or(path).display();
    let holder = if holder.is_empty() { "another process" } else { holder };
    let error = Error::new(Code::StoreLocked, format!("the database {dir} is open in {holder}"))
        .with("holder", format!("{holder:?}"));
    if holder.starts_with(&format!("process {} ", std::process::id())) {
        error.hint("this process has it open already: share that connection, or close it first")
    } else {
        error.hint("close it there first")
    }
}
