//! Which files are transcripts, and how one is replaced.

use std::io::Write;
use std::path::{Path, PathBuf};

use asof::error::{Code, Error, Result};

/// The transcripts at `path`: the file itself, or all `.asof` files below the folder, by name. Names that begin with `_` or `.`
/// are left out: they are for including.
pub fn find(path: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = |e: std::io::Error| {
        Error::new(Code::InvalidArgument, format!("cannot read {}: {e}", path.display())).caused_by(e)
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        out.push(path.to_path_buf());
        return Ok(());
    }
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        inside.push(entry.map_err(unreadable)?.path());
    }
    inside.sort();
    for path in inside {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(['_', '.']) {
            continue;
        }
        if path.is_dir() || path.extension().is_some_and(|e| e == "asof") {
            find(&path, out)?;
        }
    }
    Ok(())
}

/// Puts `text` in the place of `file`'s: at every moment the file holds all of the old text or all of the new.
pub fn replace(file: &Path, text: &str) -> Result<()> {
    // A link stays one, and what it leads to changes.
    let file = file.canonicalize().map_err(|e| Error::at_path(file, e))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let new = file.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = (|| {
        let mut out = std::fs::File::create(&new)?;
        out.set_permissions(std::fs::metadata(&file)?.permissions())?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&new, &file)
    })();
    written.map_err(|e| {
        // Nothing is known of it any more; the error below is what counts.
        let _ = std::fs::remove_file(&new);
        Error::new(Code::InvalidArgument, format!("cannot write {}: {e}", file.display())).caused_by(e)
    })
}
