//! Files and databases: what is read, written, imported and opened.

use std::fs::File;
use std::path::{Path, PathBuf};

use asof::error::{Code, Error, Result};

use super::{Flow, NESTING_MAX, Shell};
use crate::commands::{Export, Import};
use crate::export::write_bytes;
use crate::print::{Format, plural};

/// A file's name without the quotes that it may stand in, and with the home folder for `~`.
pub fn named(file: &str) -> PathBuf {
    let file = file.trim().trim_matches('"');
    match (file.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(file),
    }
}

/// Whether a database is there.
pub fn is_database(dir: &Path) -> bool {
    dir.join("FORMAT").exists()
}

impl Shell {
    /// Does what a file says.
    pub(super) fn read(&mut self, file: &str) -> Result<Flow> {
        let path = named(file);
        let name = path.display().to_string();
        if self.nesting >= NESTING_MAX {
            let e = Error::new(
                Code::InvalidArgument,
                format!("{name} is read by files that read files, {NESTING_MAX} deep"),
            );
            return Err(e.hint("a file that reads itself never ends"));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| crate::unreadable(&name, e))?;
        self.nesting += 1;
        let done = self.feed(&name, &text);
        self.nesting -= 1;
        done
    }

    /// Lets results go to a file from now on.
    pub(super) fn redirect(&mut self, file: &str) -> Result<()> {
        self.file = None;
        if !file.is_empty() {
            let path = named(file);
            let made = File::create(&path).map_err(|e| crate::unwritable(&path, e))?;
            self.file = Some((made, path.display().to_string()));
            self.remark(&format!("results go to {}; .output ends that", path.display()))?;
        }
        Ok(())
    }

    /// Writes the last result to a file.
    pub(super) fn write_last(&mut self, file: &str) -> Result<()> {
        let Some(reply) = &self.last else {
            let e = Error::new(Code::InvalidArgument, "there is no result to write");
            return Err(e.hint("ask something first: .write writes the last result"));
        };
        let path = named(file);
        let format = match path.extension().and_then(|e| e.to_str()) {
            Some("csv") => Format::Csv,
            Some("json") => Format::Json,
            Some("edn") => Format::Edn,
            Some("md" | "markdown") => Format::Markdown,
            Some("txt") => Format::Table,
            Some(other) if other.contains(|c: char| c.is_ascii_alphabetic()) => {
                let e = Error::new(Code::InvalidArgument, format!(".write knows no format for .{other}"));
                return Err(e.hint("the endings are .csv, .json, .edn, .md and .txt; .export writes Parquet"));
            }
            _ => self.format,
        };
        let mut bytes = Vec::new();
        reply.write(&mut bytes, format)?;
        write_bytes(&path, &bytes)?;
        self.remark(&format!("written to {} as {}", path.display(), format.name()))
    }

    /// `.import git REPO` and its like: the arguments of `asof import`.
    pub(super) fn import(&mut self, rest: &str) -> Result<()> {
        let import = Import::parse(rest)?;
        let before = self.session.db().basis_t();
        let done = self.cancellable(false, |session, _| import.into_open(session.conn(), &session.budget));
        // What is stored stays, whatever became of the rest.
        let after = self.session.db().basis_t();
        if done.is_ok() || after > before {
            let new = plural(after - before, "new transaction");
            self.remark(&format!("{new}, up to t {after}"))?;
        }
        self.look()?;
        done
    }

    /// `.export csv FILE` and its like: the arguments of `asof export`, of the moment that is looked at.
    pub(super) fn export(&mut self, rest: &str) -> Result<()> {
        let (window, named) = (self.session.window, |flag: &str| {
            rest.split_whitespace().any(|w| w == flag)
        });
        // Dumps have a moment at most, and those of the whole history not even that.
        let table = Export::is_table(rest);
        let mut moment = Vec::new();
        for (flag, t, fits) in [
            ("--as-of", window.as_of, table || !named("--history")),
            ("--since", window.since, table),
        ] {
            if let (Some(t), true, false) = (t, fits, named(flag)) {
                moment.extend([flag.to_string(), t.to_string()]);
            }
        }
        if table && window.history && !named("--history") {
            moment.push("--history".to_string());
        }
        let export = Export::parse(rest, &moment)?;
        self.cancellable(false, |session, _| export.out_of(session.conn(), &session.budget))
    }

    /// Goes on with another database.
    pub(super) fn open(&mut self, dir: &str) -> Result<()> {
        self.leave_tour();
        let dir = (!dir.is_empty()).then(|| named(dir));
        let new = if dir.as_ref().is_some_and(|dir| !is_database(dir)) {
            ", a new database"
        } else {
            ""
        };
        self.session.reopen(dir.clone(), None)?;
        self.watch = None;
        let whose = dir.map_or("a fresh database in memory".to_string(), |d| d.display().to_string());
        let t = self.session.db().basis_t();
        self.remark(&format!("{whose}{new}, t {t}"))
    }
}
