//! Where text to import comes from: a file or standard input, read piece by piece, with a count of what was read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asof::error::{Code, Error, Result};

/// So much is read at once.
const BUFFER: usize = 1 << 18;

/// A file, or standard input for `-`.
#[derive(Clone, Debug)]
pub struct Source {
    file: Option<PathBuf>,
    /// What messages call it.
    pub name: String,
}

/// How many bytes of a source were read, and how many there are, where that is known.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    read: Arc<AtomicU64>,
    /// All of them.
    pub total: Option<u64>,
}

/// A source being read.
pub type Opened = (Box<dyn BufRead + Send>, Meter);

impl Meter {
    /// The bytes read so far.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

impl Source {
    /// What a command line calls FILE.
    pub fn new(file: &Path) -> Source {
        match file == Path::new("-") {
            true => Source {
                file: None,
                name: "standard input".to_string(),
            },
            false => Source {
                file: Some(file.to_path_buf()),
                name: file.display().to_string(),
            },
        }
    }

    /// Whether it can be read a second time.
    pub fn again(&self) -> bool {
        self.file.is_some()
    }

    /// The name of the file without folder and ending.
    pub fn stem(&self) -> Option<String> {
        let stem = self.file.as_ref()?.file_stem()?;
        Some(stem.to_string_lossy().into_owned())
    }

    /// Begins to read.
    pub fn open(&self) -> Result<Opened> {
        let mut meter = Meter::default();
        let inner: Box<dyn Read + Send> = match &self.file {
            None => Box::new(std::io::stdin()),
            Some(path) => {
                let unreadable = |e: std::io::Error| {
                    Error::new(Code::InvalidArgument, format!("cannot read {}: {e}", self.name)).caused_by(e)
                };
                let file = File::open(path).map_err(unreadable)?;
                let about = file.metadata().map_err(unreadable)?;
                if about.is_dir() {
                    let message = format!("cannot read {}: it is a folder", self.name);
                    return Err(Error::new(Code::InvalidArgument, message));
                }
                meter.total = about.is_file().then_some(about.len());
                Box::new(file)
            }
        };
        let counted = Counted {
            inner,
            read: meter.read.clone(),
        };
        Ok((Box::new(BufReader::with_capacity(BUFFER, counted)), meter))
    }
}

/// Counts what passes.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
