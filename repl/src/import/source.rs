//! Where text to import comes from: a file or standard input, read piece by piece, with a count of what was read.

use std::fs::File;
use std::io::{BufRead, BufReader, Error as IoError, Read, Result as IoResult};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use asof::error::{Code, Error, Result};

use crate::patience::Patience;

/// How files begin that hold no text, what they are, and what makes text of them.
const FOREIGN: [(&[u8], &str, &str); 7] = [
    (b"\x1F\x8B", "compressed with gzip", "zcat"),
    (b"\x28\xB5\x2F\xFD", "compressed with zstd", "zstdcat"),
    (b"\xFD7zXZ", "compressed with xz", "xzcat"),
    (b"BZh91AY&SY", "compressed with bzip2", "bzcat"),
    (b"PK\x03\x04", "a zip archive", "unzip -p"),
    (b"\xFF\xFE", "UTF-16", "iconv -f utf-16 -t utf-8"),
    (b"\xFE\xFF", "UTF-16", "iconv -f utf-16 -t utf-8"),
];

/// So much is read at once.
const BUFFER: usize = 1 << 18;
/// Whoever waits for a pipe looks up this often.
const LOOK: Duration = Duration::from_millis(50);

/// A file, or standard input for `-`.
#[derive(Clone)]
pub struct Source {
    /// Ends the reading.
    pub patience: Arc<Patience>,
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
    /// What a command line calls FILE, read until `patience` ends.
    pub fn new(file: &Path, patience: &Arc<Patience>) -> Source {
        let patience = patience.clone();
        match file == Path::new("-") {
            true => Source {
                patience,
                file: None,
                name: "standard input".to_string(),
            },
            false => Source {
                patience,
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

    /// Refuses a file to write that is the one that is read.
    pub fn not_written_to(&self, written: Option<&Path>) -> Result<()> {
        let read = self.file.as_deref().unwrap_or(Path::new("/dev/stdin"));
        let Some(written) = written.filter(|written| written.is_file() && read.is_file()) else {
            return Ok(());
        };
        if same_file(read, written) {
            let message = format!("{} is what is imported: rejects would overwrite it", written.display());
            return Err(Error::new(Code::InvalidArgument, message).hint("give --rejects another name"));
        }
        Ok(())
    }

    /// Begins to read.
    pub fn open(&self) -> Result<Opened> {
        let mut meter = Meter::default();
        let inner: Box<dyn Read + Send> = match &self.file {
            None => Box::new(Piped::new(std::io::stdin(), &self.patience)),
            Some(path) => {
                let unreadable = |e: std::io::Error| crate::unreadable(&self.name, e);
                let file = File::open(path).map_err(unreadable)?;
                let about = file.metadata().map_err(unreadable)?;
                if about.is_dir() {
                    let message = format!("cannot read {}: it is a folder", self.name);
                    return Err(Error::new(Code::InvalidArgument, message));
                }
                meter.total = about.is_file().then_some(about.len());
                match meter.total {
                    Some(_) => Box::new(file),
                    None => Box::new(Piped::new(file, &self.patience)),
                }
            }
        };
        let counted = Counted {
            inner,
            read: meter.read.clone(),
            patience: self.patience.clone(),
        };
        let mut input = BufReader::with_capacity(BUFFER, counted);
        self.check_text(&mut input)?;
        Ok((Box::new(input), meter))
    }
}

impl Source {
    /// Refuses what is no text, and passes over the mark that some programs begin texts with.
    fn check_text(&self, input: &mut impl BufRead) -> Result<()> {
        let start = input.fill_buf()?;
        for (magic, what, way) in FOREIGN {
            if start.starts_with(magic) {
                let file = self
                    .file
                    .as_ref()
                    .map_or("FILE".to_string(), |file| file.display().to_string());
                let error = Error::new(Code::ImportFailed, format!("{} is {what}", self.name));
                return Err(error.hint(format!("read it through a pipe: {way} {file} | asof import ... -")));
            }
        }
        if start.starts_with("\u{FEFF}".as_bytes()) {
            input.consume(3);
        }
        Ok(())
    }
}

/// Whether two paths lead to one file, over links of any kind.
fn same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(one), Ok(other)) = (one.metadata(), other.metadata()) {
        use std::os::unix::fs::MetadataExt;
        return (one.dev(), one.ino()) == (other.dev(), other.ino());
    }
    let whole = |path: &Path| path.canonicalize().ok();
    whole(one).is_some() && whole(one) == whole(other)
}

/// Counts what passes, until the patience ends.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
    patience: Arc<Patience>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        self.patience.check().map_err(IoError::other)?;
        let n = self.inner.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// What others write when they like. It is read by a thread of its own, so that nobody waits for it longer than the patience lasts;
/// the thread then goes with the process, or when the pipe ends.
struct Piped {
    pieces: Receiver<IoResult<Vec<u8>>>,
    piece: Vec<u8>,
    /// So much of the piece is passed on.
    at: usize,
    patience: Arc<Patience>,
}

impl Piped {
    fn new(mut inner: impl Read + Send + 'static, patience: &Arc<Patience>) -> Piped {
        let (out, pieces) = sync_channel(1);
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; BUFFER];
                let read = match inner.read(&mut piece) {
                    Ok(0) => return,
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let failed = read.is_err();
                let read = read.map(|n| {
                    piece.truncate(n);
                    piece
                });
                if out.send(read).is_err() || failed {
                    return;
                }
            }
        });
        Piped {
            pieces,
            piece: Vec::new(),
            at: 0,
            patience: patience.clone(),
        }
    }
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        while self.at == self.piece.len() {
            match self.pieces.recv_timeout(LOOK) {
                Ok(piece) => (self.piece, self.at) = (piece?, 0),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => self.patience.check().map_err(IoError::other)?,
            }
        }
        let n = buffer.len().min(self.piece.len() - self.at);
        buffer[..n].copy_from_slice(&self.piece[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
