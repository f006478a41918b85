//! `asof`, the program: transactions, questions and time from the command line.
//!
//! Results go to standard output and everything else to standard error. The exit code is 0 when all went well, 1 when the
//! request failed, and 2 when it was not understood.

mod commands;
mod dump;
mod eval;
mod golden;
mod import;
mod print;
mod shell;
mod time;

use std::process::ExitCode;

use asof::error::{Error, ErrorKind};
use clap::Parser;

/// One thread often frees what another allocated (a report, a leaf); the system's allocator does that under a lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::run(commands::Cli::parse()) {
        Ok(code) => code,
        // Whoever read the output has enough, as in `asof log | head`.
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            let word = match e.kind() {
                ErrorKind::Corrupt => "damaged",
                _ => "error",
            };
            anstream::eprintln!("\x1b[1;31m{word}\x1b[0m {e}");
            ExitCode::from(1)
        }
    }
}

fn is_broken_pipe(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|c| c.downcast_ref::<std::io::Error>());
    cause.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}
