//! Which files are transcripts.

use std::path::{Path, PathBuf};

use asof::error::Result;

/// The transcripts at `path`: the file itself, or all `.asof` files below the folder, by name. Names that begin with `_` or `.`
/// are left out: they are for including.
pub fn find(path: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = |e: std::io::Error| crate::unreadable(&path.display().to_string(), e);
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
