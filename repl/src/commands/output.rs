//! Standard output: what its errors are called, and what writers do when nobody reads it any more.

use std::io::{Error as IoError, ErrorKind, Result as IoResult, Stdout, Write};
use std::sync::{Arc, Mutex, PoisonError};

use asof::error::{Error, Result};

/// Standard output for what only reads: its errors end the work, and say that it is the output that they are about.
pub fn output() -> Output {
    Output(std::io::stdout())
}

pub struct Output(Stdout);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        self.0.write(bytes).map_err(named)
    }
    fn flush(&mut self) -> IoResult<()> {
        self.0.flush().map_err(named)
    }
}

/// A full disk behind the output is not one behind the store.
fn named(e: IoError) -> IoError {
    match e.kind() {
        ErrorKind::BrokenPipe | ErrorKind::Interrupted => e,
        _ => IoError::other(format!("standard output cannot be written: {e}")),
    }
}

/// Standard output for what writes to a database: reports that cannot be printed are no reason not to store what follows. Clones
/// share what went wrong.
#[derive(Clone, Default)]
pub struct Reports(Arc<Mutex<Option<IoError>>>);

impl Reports {
    /// Says at the end what went wrong. That nobody wanted to read on is no error.
    pub fn outcome(&self) -> Result<()> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(e) if e.kind() != ErrorKind::BrokenPipe => {
                Err(Error::from(e).hint("what was to be stored is stored; some of the output is missing"))
            }
            _ => Ok(()),
        }
    }

    fn kept<T>(&self, whole: T, mut write: impl FnMut() -> IoResult<T>) -> IoResult<T> {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some() {
            return Ok(whole);
        }
        match write() {
            Err(e) if e.kind() != ErrorKind::Interrupted => {
                *failed = Some(e);
                Ok(whole)
            }
            written => written,
        }
    }
}

impl Write for Reports {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        self.kept(bytes.len(), || output().write(bytes))
    }
    fn flush(&mut self) -> IoResult<()> {
        self.kept((), || output().flush())
    }
}
