//! Files that are written: whole or not at all where they are files, straight into what they are otherwise.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Error as IoError, ErrorKind, Result as IoResult, Write};
use std::path::{Path, PathBuf};

use asof::error::Result;

use super::Output;

/// So many links are followed, as systems do.
const LINKS_MAX: usize = 40;

/// Writes what `FILE` names. A file is replaced when all of it is written, and keeps its mode; links stay, and what they lead to
/// is written. Pipes and devices are written straight into.
pub fn write_file(file: &Path, write: &mut dyn FnMut(Output) -> Result<()>) -> Result<()> {
    let unwritable = |e: IoError| crate::unwritable(file, e);
    let (target, descriptor) = behind_links(file).map_err(unwritable)?;
    if descriptor {
        // What it leads to may hold something already that others wrote.
        return straight(
            OpenOptions::new().append(true).open(file).map_err(unwritable)?,
            file,
            write,
        );
    }
    let old = match std::fs::metadata(&target) {
        Ok(old) if old.is_dir() => return Err(unwritable(IoError::from(ErrorKind::IsADirectory))),
        Ok(old) => {
            // Who may not write a file may not replace it either.
            let opened = OpenOptions::new().write(true).open(&target).map_err(unwritable)?;
            if !old.is_file() {
                return straight(opened, file, write);
            }
            Some(old)
        }
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => return Err(unwritable(e)),
    };
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let new = target.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let done = (|| {
        let made = File::create(&new).map_err(unwritable)?;
        if let Some(old) = old {
            made.set_permissions(old.permissions()).map_err(unwritable)?;
        }
        let mut out = Named::new(made, file);
        write(&mut out)?;
        out.flush()?;
        out.0.get_ref().sync_all().map_err(unwritable)?;
        std::fs::rename(&new, &target).map_err(unwritable)
    })();
    if done.is_err() {
        // Half a file is of no use; the error is what counts.
        let _ = std::fs::remove_file(&new);
    }
    done
}

/// Writes a file whose bytes are all there.
pub fn write_bytes(file: &Path, bytes: &[u8]) -> Result<()> {
    write_file(file, &mut |out| Ok(out.write_all(bytes)?))
}

fn straight(opened: File, file: &Path, write: &mut dyn FnMut(Output) -> Result<()>) -> Result<()> {
    let mut out = Named::new(opened, file);
    write(&mut out)?;
    Ok(out.flush()?)
}

/// What a path leads to, and whether that is a file that this program has open, by its number.
fn behind_links(file: &Path) -> IoResult<(PathBuf, bool)> {
    let mut path = file.to_path_buf();
    for _ in 0..LINKS_MAX {
        if path.starts_with("/dev/fd") || path.starts_with("/proc") {
            return Ok((path, true));
        }
        match std::fs::symlink_metadata(&path) {
            Ok(about) if about.is_symlink() => {
                let to = std::fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(to);
            }
            _ => return Ok((path, false)),
        }
    }
    Err(IoError::other("its links lead in a circle"))
}

/// A file whose errors name it: a full disk behind it is not one behind the store.
struct Named<'a>(BufWriter<File>, &'a Path);

impl<'a> Named<'a> {
    fn new(file: File, name: &'a Path) -> Named<'a> {
        Named(BufWriter::new(file), name)
    }

    fn named<T>(&self, done: IoResult<T>) -> IoResult<T> {
        done.map_err(|e| match e.kind() {
            ErrorKind::BrokenPipe | ErrorKind::Interrupted => e,
            _ => IoError::other(format!("cannot write {}: {e}", self.1.display())),
        })
    }
}

impl Write for Named<'_> {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        let done = self.0.write(bytes);
        self.named(done)
    }
    fn flush(&mut self) -> IoResult<()> {
        let done = self.0.flush();
        self.named(done)
    }
}
