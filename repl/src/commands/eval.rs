//! `asof eval`: a script of forms, an answer for each.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use asof::conn::Options;
use asof::edn::{self, Edn};
use asof::error::{Code, Error, Result};
use asof::testing::Labels;
use clap::Args;

use super::output::Reports;
use super::read_input;
use super::reading::{Limits, ViewArgs};
use crate::eval::{Rules, Session, error_form, foreign, spelled_out};
use crate::print::{Format, Reply, plural};

const FORMS: &str = r#"Forms:
  (transact [...])   (with db [...])            (reset)
  (q query input...) (explain query input...)   (pull db pattern eid) (pull-many db pattern eids)
  (datoms db :eavt c...) (seek-datoms db :avet c...) (index-range db attr start end) (tx-range t1 t2)
  (entid db x) (ident db x) (basis-t db) (schema db) (stats)
where db is db, (as-of db T), (since db T), (history db), (with db [...]) or (branch-at db T), nested as one
likes, and T is a t, a transaction's entity id or an #inst. A branch is the database as it was, for (with (branch-at db T) [...]).

As at the prompt, [:find ...] alone is (q [:find ...]), [{...} [:db/add ...]] is (transact [...]), (pull pattern eid) pulls from what is
looked at, and [[(name ?x) clause ...] ...] are rules for the queries behind them.

An error is the answer of its form, among the others on standard output, and the script goes on. How many forms failed is said on
standard error. The exit code is 0 all the same, so that a transcript with mistakes in it can be kept; with --keep-going it is 1 when
any form failed. A script that cannot be read to its end has exit code 1 in any case.

Examples:
  asof eval script.edn --db people
  asof eval --db people -e '(datoms db :eavt 17592186045416)' --as-of yesterday
  echo '(transact [{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}])
        (transact [{:n 1}]) (q [:find ?n . :where [_ :n ?n]])' | asof eval -"#;

#[derive(Args)]
#[command(after_help = FORMS)]
pub struct Eval {
    /// The script, or - for standard input
    #[arg(required_unless_present = "text")]
    file: Option<PathBuf>,
    /// The forms themselves
    #[arg(short = 'e', long = "text", value_name = "TEXT", conflicts_with = "file")]
    text: Option<String>,
    /// A database to run it against, made when it is not there; without one, a fresh database in memory
    #[arg(long, value_name = "DIR")]
    db: Option<PathBuf>,
    /// Start from an empty database: one that stands at --db is removed first
    #[arg(long, requires = "db")]
    fresh: bool,
    /// How results are printed; edn prints one value a line
    #[arg(long, value_enum, default_value = "edn")]
    format: Format,
    /// Print the comments and forms of the script before each answer
    #[arg(long)]
    echo: bool,
    /// Let the exit code be 1 at the end when any form failed; without it, only when the script cannot be read
    #[arg(long)]
    keep_going: bool,
    /// Let every transaction happen at a fixed moment after the one before, so that transcripts stay the same
    #[arg(long)]
    fixed_clock: bool,
    /// Entities as #e1, #e2 in the order in which they are shown, transactions as #t3
    #[arg(long)]
    labels: bool,
    #[command(flatten)]
    view: ViewArgs,
    #[command(flatten)]
    limits: Limits,
}

impl Eval {
    pub fn run(self) -> Result<ExitCode> {
        let (name, text) = match (self.text, &self.file) {
            (Some(text), _) => ("text".to_string(), text),
            (None, file) => read_input(file.as_deref().expect("clap requires one of the two"))?,
        };
        let mut labels = self.labels.then(Labels::new);
        let mut rules = Rules::default();
        let reports = Reports::default();
        let mut out = reports.clone();
        if self.fresh {
            remove_database(self.db.as_deref().expect("clap requires --db"))?;
        }
        let mut session = Session::open(self.db.as_deref(), self.fixed_clock)?;
        session.window = self.view.window(&session.db())?;
        session.budget = self.limits.budget();
        let (mut failed, mut count, mut unreadable, mut shown) = (0, 0, false, 0);
        let foreign = foreign(&text, false).map(Err);
        let forms = match foreign.is_some() {
            true => None,
            false => Some(edn::Forms::new(&text)),
        };
        for form in foreign.into_iter().chain(forms.into_iter().flatten()) {
            if let (true, Ok(form)) = (self.echo, &form) {
                let end = form.span.end as usize;
                writeln!(out, "{}", text[shown..end].trim())?;
                shown = end;
            }
            count += 1;
            // A text that cannot be read is its own last form.
            unreadable |= form.is_err();
            match form.and_then(|form| answer(form, &mut session, &mut rules)) {
                Ok(mut reply) => {
                    if let Some(labels) = &mut labels {
                        reply.value = labels.relabel(&session.db(), &reply.value);
                    }
                    reply.write(&mut out, self.format)?;
                }
                Err(e) => {
                    failed += 1;
                    let e = e.in_source(&name, &text);
                    match self.format {
                        Format::Table => writeln!(out, "{e}")?,
                        _ => Reply::from(error_form(&e)).write(&mut out, self.format)?,
                    }
                }
            }
            if self.echo {
                writeln!(out)?;
            }
        }
        if self.echo && !unreadable {
            writeln!(out, "{}", text[shown..].trim())?;
        }
        session.close()?;
        reports.outcome()?;
        if failed > 0 {
            anstream::eprintln!("{failed} of {} failed", plural(count, "form"));
        }
        Ok(if unreadable || failed > 0 && self.keep_going {
            ExitCode::from(1)
        } else {
            ExitCode::SUCCESS
        })
    }
}

/// What a form answers; rules, which later queries may call, answer their names.
fn answer(form: Edn, session: &mut Session, rules: &mut Rules) -> Result<Reply> {
    if !Rules::are(&form) {
        return session.eval(&spelled_out(form, rules));
    }
    let (names, _) = rules.learn(&form).map_err(|e| e.at(form.span))?;
    Ok(Edn::vector(names.iter().map(|name| Edn::sym(name))).into())
}

/// Removes the database at `dir`, and nothing that is not one.
fn remove_database(dir: &Path) -> Result<()> {
    // What a database has in its folder; all else is somebody's.
    const OWN: [&str; 5] = ["FORMAT", "HEAD", "asof.lock", "store", "rebuild"];
    let entries: Vec<_> = match std::fs::read_dir(dir) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.file_name()))
            .collect::<std::io::Result<_>>()
            .map_err(|e| Error::at_path(dir, e))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::at_path(dir, e)),
    };
    if entries.is_empty() {
        return Ok(());
    }
    // Opening proves that it is a database, and that no other process has it.
    Options::new()
        .create(false)
        .open(dir)
        .and_then(|conn| conn.close())
        .map_err(|e| {
            let message = format!("{} is not removed: {}", dir.display(), e.message());
            let hint = "give another folder, or remove this one yourself";
            Error::new(e.code(), message).hint(hint).caused_by(e)
        })?;
    if let Some(other) = entries.iter().find(|name| !OWN.iter().any(|own| *name == own)) {
        let message = format!(
            "{} is not removed: it holds {} beside the database",
            dir.display(),
            other.to_string_lossy()
        );
        return Err(Error::new(Code::InvalidArgument, message).hint("move that elsewhere, or give another folder"));
    }
    std::fs::remove_dir_all(dir).map_err(|e| Error::at_path(dir, e))
}
