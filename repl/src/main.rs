//! `asof`, the program: transactions, questions and time from the command line.
//!
//! Results go to standard output and everything else to standard error. [`EXIT_CODES`] says what the exit code means.

mod cancel;
mod commands;
mod dump;
mod eval;
mod export;
mod golden;
mod import;
mod patience;
mod plot;
mod print;
mod progress;
mod shell;
mod time;

use std::process::ExitCode;

use asof::error::{Code, Error, ErrorKind};
use clap::Parser;

/// One thread often frees what another allocated (a report, a leaf); the system's allocator does that under a lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the exit code says; part of `asof --help`.
pub const EXIT_CODES: &str = "Exit codes:
  0    all went well
  1    the request failed: it is wrong, or the database says otherwise
  2    the command line was not understood
  3    a limit was reached: --timeout, --max-rows, --max-memory
  4    stored bytes are damaged
  5    the system failed or refused: a disk, a file, a database that another process has open
  6    an import left bad rows out, as --on-error skip asks
  130  Ctrl-C";

fn main() -> ExitCode {
    match commands::run(commands::Cli::parse_from(commands::with_format(
        std::env::args_os().collect(),
    ))) {
        Ok(code) => code,
        // Whoever read the output has enough, as in `asof log | head`.
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            complain(&e);
            ExitCode::from(exit_code(&e))
        }
    }
}

/// Says on standard error what went wrong.
pub fn complain(e: &Error) {
    complain_of(e.kind(), &e.to_string());
}

/// The same of an error whose text is at hand.
pub fn complain_of(kind: ErrorKind, text: &str) {
    let word = match kind {
        ErrorKind::Corrupt => "damaged",
        _ => "error",
    };
    anstream::eprintln!("\x1b[1;31m{word}\x1b[0m {text}");
}

/// The error for a file that cannot be written.
pub fn unwritable(file: &std::path::Path, e: std::io::Error) -> Error {
    Error::new(Code::Io, format!("cannot write {}: {e}", file.display())).caused_by(e)
}

/// The error for a file that cannot be read.
pub fn unreadable(name: &str, e: std::io::Error) -> Error {
    let way = match e.kind() {
        std::io::ErrorKind::NotFound if !name.starts_with('/') => Some("it is looked for in the current folder"),
        std::io::ErrorKind::PermissionDenied => Some("whoever runs asof may not read it"),
        std::io::ErrorKind::InvalidData => Some("it is no text in UTF-8"),
        _ => None,
    };
    let error = Error::new(Code::Io, format!("cannot read {name}: {e}")).caused_by(e);
    match way {
        Some(way) => error.hint(way),
        None => error,
    }
}

/// The exit code for an error; see [`EXIT_CODES`].
pub fn exit_code(e: &Error) -> u8 {
    match e.kind() {
        _ if e.code() == Code::QueryCancelled => 130,
        ErrorKind::Limit => 3,
        ErrorKind::Corrupt => 4,
        ErrorKind::Unavailable | ErrorKind::Io => 5,
        _ => 1,
    }
}

fn is_broken_pipe(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|c| c.downcast_ref::<std::io::Error>());
    cause.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}
