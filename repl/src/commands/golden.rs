//! `asof golden`: transcripts that must answer what they say.

use std::collections::BTreeSet;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use asof::error::{Code, Error, Result};
use asof::query::Budget;
use clap::Args;

use super::reading::TimeArg;
use crate::export::write_bytes;
use crate::golden::{self, Played};
use crate::patience::Patience;
use crate::print::plural;

const ABOUT: &str = r#"A transcript is Markdown. Its asof blocks hold forms (see asof eval --help), and behind each stands what
they answer:

  ```asof
  (transact [{:person/name "Ada"}])
  (q [:find ?e ?n :where [?e :person/name ?n]])
  ```
  ```output
  ...
  ```

Write the asof blocks and let --update write the output; then read it, and commit it. Every file has a database
of its own, in memory, whose clock starts at 2026-01-01 and goes a second further with each transaction. Entity ids
print as #e1, #e2 in order of appearance, transactions as #t1. Errors are output like any other.

Queries, transactions and rules may stand for themselves, as at the prompt: [:find ...], [{...}], [[(name ?x) ...]].

Behind asof may stand: quiet (only errors are shown), or a format: table (as without), edn, json, csv, markdown.
More forms: (include "people.edn") transacts the vectors of a file, (include "_setup.asof") plays another
transcript's blocks, (dump db) shows a whole database. Files that begin with _ are only for including.

Exit codes: 0 all transcripts fit (or are updated), 1 some do not, 2 a file cannot be read or is no transcript.

Examples:
  asof golden tests/golden
  asof golden tests/golden --update --filter upsert"#;

#[derive(Args)]
#[command(after_help = ABOUT)]
pub struct Golden {
    /// Transcripts, or folders with .asof files
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write into the files what their forms answer
    #[arg(long)]
    update: bool,
    /// Only files whose path contains this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How many files are played at a time; as many as there are processors when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    #[command(flatten)]
    time: TimeArg,
}

impl Golden {
    pub fn run(self) -> Result<ExitCode> {
        let mut unreadable = 0;
        let mut failed = |what: &str, e: &dyn std::fmt::Display| {
            unreadable += 1;
            anstream::eprintln!("\x1b[1;31m{what}\x1b[0m {e}");
        };
        let mut files = Vec::new();
        for path in &self.paths {
            if let Err(e) = golden::find(path, &mut files) {
                failed("error", &e);
            }
        }
        let found = files.len();
        if let Some(text) = &self.filter {
            files.retain(|file| file.to_string_lossy().contains(&**text));
        }
        let mut seen = BTreeSet::new();
        files.retain(|file| seen.insert(file.clone()));
        let (mut fit, mut differ, mut updated, mut blocks) = (0, 0, 0, 0);
        let mut out = anstream::stdout().lock();
        let (_run, budget) = self.time.begin();
        let patience = Patience::of(&budget);
        let played = self.play(&files, &budget, &patience);
        // What was ended early says nothing about a transcript, and is never written into one.
        patience.check().map_err(|e| {
            let whole = played.len();
            e.hint(format!(
                "{whole} of {} were played, and none is changed",
                plural(files.len(), "file")
            ))
        })?;
        for (file, played) in files.iter().zip(played) {
            let played = match played {
                Ok(played) => played,
                Err(e) => {
                    failed("error", &e);
                    continue;
                }
            };
            blocks += played.blocks;
            let name = file.display().to_string();
            if played.before == played.after {
                fit += 1;
            } else if !self.update {
                differ += 1;
                golden::print_diff(&mut out, &name, &played.before, &played.after)?;
                let verb = if played.changed == 1 { "differs" } else { "differ" };
                writeln!(out, "{name}: {} {verb}\n", plural(played.changed, "block"))?;
            } else if let Err(e) = write_bytes(file, played.after.as_bytes()) {
                failed("error", &e);
            } else {
                updated += 1;
                writeln!(out, "updated {name}: {}", plural(played.changed, "block"))?;
            }
        }
        let mut parts = vec![format!("{fit} fit")];
        let mut part = |n: usize, what: &str| {
            if n > 0 {
                parts.push(format!("{n} {what}"));
            }
        };
        part(updated, "updated");
        part(differ, if differ == 1 { "differs" } else { "differ" });
        part(unreadable, "unreadable");
        let (files, blocks) = (plural(files.len(), "file"), plural(blocks, "block"));
        writeln!(out, "{files}, {blocks}: {}", parts.join(", "))?;
        if differ > 0 {
            anstream::eprintln!("run again with --update to accept what changed");
        }
        // A test that finds nothing must not pass for ever.
        Ok(ExitCode::from(match (unreadable, differ) {
            (0, 0) if seen.is_empty() => {
                let why = match &self.filter {
                    Some(text) if found > 0 => format!("no path of a transcript contains {text}"),
                    _ => "there are no transcripts here".to_string(),
                };
                anstream::eprintln!("\x1b[1;31merror\x1b[0m {why}");
                2
            }
            (0, 0) => 0,
            (0, _) => 1,
            _ => 2,
        }))
    }

    /// Plays the files, several at a time; results in the order of the files.
    fn play(&self, files: &[PathBuf], budget: &Budget, patience: &Patience) -> Vec<Result<Played>> {
        let jobs = match self.jobs {
            Some(n) => usize::from(n),
            None => std::thread::available_parallelism().map_or(1, |n| n.get()),
        };
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<(usize, Result<Played>)>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..jobs.min(files.len()) {
                scope.spawn(|| {
                    while let Some((i, file)) = take(&next, files) {
                        let played = unharmed(file, budget);
                        if patience.check().is_err() {
                            return;
                        }
                        done.lock()
                            .expect("no thread panics while it holds this")
                            .push((i, played));
                    }
                });
            }
        });
        let mut done = done.into_inner().expect("no thread panics while it holds this");
        done.sort_by_key(|(i, _)| *i);
        done.into_iter().map(|(_, played)| played).collect()
    }
}

/// Plays a file; a crash is its own and not that of the others.
fn unharmed(file: &Path, budget: &Budget) -> Result<Played> {
    std::panic::catch_unwind(AssertUnwindSafe(|| golden::play(file, budget))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let why = text
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        let what = format!("playing {} crashed: {why}", file.display());
        Err(Error::new(Code::InvalidArgument, what).hint("that is a mistake of asof's: please report it"))
    })
}

fn take<'a>(next: &AtomicUsize, files: &'a [PathBuf]) -> Option<(usize, &'a Path)> {
    let i = next.fetch_add(1, Ordering::Relaxed);
    files.get(i).map(|file| (i, file.as_path()))
}
