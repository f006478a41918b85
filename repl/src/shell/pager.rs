//! Long results, a page at a time, through the program that the user chose.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use super::cancel;

/// `ASOF_PAGER`, else `PAGER`, else less where it is installed; `None` when the choice is empty or `cat`.
pub fn program() -> Option<&'static str> {
    static CHOSEN: LazyLock<Option<String>> = LazyLock::new(|| {
        let named = ["ASOF_PAGER", "PAGER"].iter().find_map(|name| std::env::var(name).ok());
        match named {
            Some(named) => Some(named).filter(|named| !matches!(named.trim(), "" | "cat")),
            None => installed("less").then(|| "less".to_string()),
        }
    });
    CHOSEN.as_deref()
}

fn installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

/// Shows a text in the pager; false when it cannot be run.
pub fn page(text: &[u8]) -> bool {
    let Some(program) = program() else { return false };
    let mut command = if cfg!(windows) {
        Command::new(program)
    } else {
        let mut shell = Command::new("sh");
        shell.args(["-c", program]);
        shell
    };
    if std::env::var_os("LESS").is_none() {
        // Ends by itself where all fits, keeps colours, leaves what was read on the screen, and does not break rows.
        command.env("LESS", "FRXS");
    }
    let Ok(mut child) = command.stdin(Stdio::piped()).spawn() else {
        return false;
    };
    // Ctrl-C belongs to the pager while it runs.
    let _quiet = cancel::Quiet::begin();
    if let Some(mut input) = child.stdin.take() {
        // Whoever leaves the pager early has seen enough.
        let _ = input.write_all(text);
    }
    child.wait().is_ok_and(|status| status.code() != Some(127))
}
