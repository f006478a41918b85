//! What changed, as a unified diff.

use std::io::Write;

use asof::error::Result;
use similar::{ChangeTag, TextDiff};

/// Prints what leads from `before` to `after`; coloured when `out` is a terminal's.
pub fn print(out: &mut dyn Write, name: &str, before: &str, after: &str) -> Result<()> {
    let diff = TextDiff::from_lines(before, after);
    writeln!(out, "\x1b[1m--- {name}\n+++ {name}, as played\x1b[0m")?;
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        writeln!(out, "\x1b[36m{}\x1b[0m", hunk.header())?;
        for change in hunk.iter_changes() {
            let (sign, colour) = match change.tag() {
                ChangeTag::Delete => ('-', "\x1b[31m"),
                ChangeTag::Insert => ('+', "\x1b[32m"),
                ChangeTag::Equal => (' ', ""),
            };
            let end = if colour.is_empty() { "" } else { "\x1b[0m" };
            writeln!(
                out,
                "{colour}{sign}{}{end}",
                change.value().trim_end_matches(['\r', '\n'])
            )?;
        }
    }
    Ok(())
}
