//! `asof repl`: a prompt.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use asof::error::{Code, Error, Result};
use clap::Args;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};

use super::output::Reports;
use super::reading::{DEFAULT_DIR, Limits, Show, ViewArgs, style};
use crate::cancel::listen;
use crate::eval::Session;
use crate::print::Format;
use crate::shell::{Flow, Line, Screen, Shell, is_database, is_whole};

#[derive(Args)]
#[command(after_help = "Examples:
  asof                                   asof-data in this folder when it is there, else memory
  asof repl people                       the database in people, made when it is not there
  asof people                            the same where it is there
  asof repl people --as-of yesterday
  asof repl people -e '.timeline :person/name' -e '.plot days'
  asof repl --mem < session.asof

Inside, .help lists what can be typed, and .help tour is a tour on sample data. Keys: Tab completes, the right arrow
takes a hint, Ctrl-R searches the history, Ctrl-C cancels what runs or drops the line, Ctrl-D leaves.
The history is kept in ASOF_HISTORY, else in asof/history in the user's data directory; an empty ASOF_HISTORY keeps none.
Long results go through ASOF_PAGER, else PAGER, else less. Without a terminal, an error makes the exit code 1 at the end.")]
pub struct Prompt {
    /// The folder of the database, made when it is not there; else ASOF_DB, else asof-data when it is there, else memory
    dir: Option<PathBuf>,
    /// The same, as the other commands have it
    #[arg(long, value_name = "DIR", env = "ASOF_DB", conflicts_with = "dir")]
    db: Option<PathBuf>,
    /// A fresh database in memory, whatever there is
    #[arg(long, conflicts_with = "dir")]
    mem: bool,
    /// Do what TEXT says instead of asking for lines; may be given several times
    #[arg(short = 'e', long = "execute", value_name = "TEXT")]
    execute: Vec<String>,
    #[command(flatten)]
    view: ViewArgs,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    show: Show,
}

impl Prompt {
    /// What `asof` alone means.
    pub fn plain() -> Prompt {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            prompt: Prompt,
        }
        <Alone as clap::Parser>::parse_from(["asof"]).prompt
    }

    /// Where the database is; `None` in memory.
    fn place(&self) -> Option<PathBuf> {
        if self.mem {
            return None;
        }
        let here = || Path::new(DEFAULT_DIR).is_dir().then(|| PathBuf::from(DEFAULT_DIR));
        self.dir.clone().or_else(|| self.db.clone()).or_else(here)
    }

    pub fn run(self) -> Result<ExitCode> {
        let dir = self.place();
        let new = dir.as_deref().is_some_and(|dir| !is_database(dir));
        let session = Session::open(dir.as_deref(), false)?;
        let reports = Reports::default();
        let out = Box::new(reports.clone());
        let notes = Box::new(anstream::stderr());
        let mut shell = Shell::new(session, Format::or_default(self.show.format), out, notes);
        shell.style = style();
        let window = self.view.window(&shell.db())?;
        shell.session().window = window;
        shell.session().budget = self.limits.budget();
        for (wanted, command) in [(self.show.labels, ".labels on"), (self.show.timing, ".timing on")] {
            if wanted {
                shell.feed("command line", command)?;
            }
        }
        if let (true, false, Some(dir)) = (new, self.execute.is_empty(), &dir) {
            anstream::eprintln!("{}, a new database", dir.display());
        }
        if !self.execute.is_empty() {
            listen();
            for text in &self.execute {
                if shell.feed("-e", text)? == Flow::Quit {
                    break;
                }
            }
            shell.close()?;
            reports.outcome()?;
            return Ok(ExitCode::SUCCESS);
        }
        let code = match std::io::stdin().is_terminal() {
            true => converse(shell, dir.as_deref(), new),
            false => obey(shell),
        }?;
        reports.outcome()?;
        Ok(code)
    }
}

/// So many lines are counted again for each form of standard input, that its mistakes have the line of the whole.
const LINES_ABOVE_MAX: usize = 1000;

/// Does what standard input says, to its end.
fn obey(mut shell: Shell) -> Result<ExitCode> {
    listen();
    let (mut failed, mut done) = (false, false);
    // Lines that are behind are left blank, so that places are those in the whole input.
    let (mut behind, mut text) = (String::new(), String::new());
    let mut lines = std::io::stdin().lines();
    while !done {
        match lines.next() {
            Some(line) => text = text + &line? + "\n",
            // What is not whole by now has a mistake to be told.
            None => done = true,
        }
        if !done && !is_whole(&text) {
            continue;
        }
        let typed = match text.trim().is_empty() {
            true if shell.is_touring() && !done => ".next",
            true => "",
            false => &text,
        };
        let above = behind.len();
        let fed = match above <= LINES_ABOVE_MAX {
            true => shell.feed("standard input", &format!("{behind}{typed}")),
            false => shell.feed(&format!("standard input from line {} on", above + 1), typed),
        };
        match fed {
            Ok(Flow::Quit) => done = true,
            Ok(Flow::GoOn) => {}
            // Nobody reads any more.
            Err(e) if crate::is_broken_pipe(&e) => return Err(e),
            Err(e) => {
                failed = true;
                shell.complain(&e);
            }
        }
        behind.extend(text.matches('\n'));
        text.clear();
    }
    shell.close()?;
    Ok(ExitCode::from(u8::from(failed)))
}

/// Asks for lines and does what they say, to the end of the session.
fn converse(mut shell: Shell, dir: Option<&Path>, new: bool) -> Result<ExitCode> {
    let attended = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut editor = editor(&shell).map_err(terminal)?;
    if attended {
        listen();
        let t = shell.db().basis_t();
        let version = env!("CARGO_PKG_VERSION");
        match dir {
            Some(dir) => anstream::eprintln!(
                "asof {version}, {}{}, t {t}. \x1b[2m.help, .help tour\x1b[0m",
                dir.display(),
                if new { ", a new database" } else { "" }
            ),
            None => anstream::eprintln!(
                "asof {version}, in memory: .open DIR keeps a database on disk. \x1b[2m.help, .help tour\x1b[0m"
            ),
        }
    }
    let history = history_file();
    if let Some(file) = &history {
        // The first time there is none.
        let _ = editor.load_history(file);
    }
    let mut failed = false;
    loop {
        // The terminal may have another size by now.
        if attended && let Some((columns, rows)) = editor.dimensions() {
            shell.fit(Screen {
                columns: usize::from(columns),
                rows: usize::from(rows),
            });
        }
        if let Some(line) = editor.helper_mut() {
            line.know(shell.db(), shell.rule_calls());
        }
        let line = match editor.readline(&shell.prompt()) {
            Ok(line) => line,
            Err(ReadlineError::Eof) => break,
            Err(ReadlineError::Interrupted) => continue,
            Err(e) => return Err(terminal(e)),
        };
        if line.trim().is_empty() && !shell.is_touring() {
            continue;
        }
        let line = if line.trim().is_empty() {
            ".next".to_string()
        } else {
            line
        };
        if editor.add_history_entry(&line).unwrap_or(false)
            && let Some(file) = &history
            && let Err(e) = editor.append_history(file)
        {
            anstream::eprintln!("the history of this prompt is not kept in {}: {e}", file.display());
        }
        match shell.feed("prompt", &line) {
            Ok(Flow::Quit) => break,
            Ok(Flow::GoOn) => {}
            Err(e) => {
                failed = true;
                shell.complain(&e);
            }
        }
    }
    shell.close()?;
    Ok(ExitCode::from(u8::from(failed && !attended)))
}

fn editor(shell: &Shell) -> rustyline::Result<Editor<Line, DefaultHistory>> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_dups(true)?
        .max_history_size(10_000)?
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_color_mode(match shell.style.paint.0 {
        true => ColorMode::Enabled,
        false => ColorMode::Disabled,
    });
    editor.set_helper(Some(Line::new(shell.db())));
    Ok(editor)
}

/// Where the history is kept; `None` when nowhere.
fn history_file() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    if let Some(file) = named("ASOF_HISTORY") {
        return (!file.as_os_str().is_empty()).then_some(file);
    }
    let data = named("XDG_DATA_HOME").filter(|dir| dir.is_absolute());
    let dir = data
        .or_else(|| Some(std::env::home_dir()?.join(".local/share")))?
        .join("asof");
    // Without a place for it there is no history, which is said when the first line is kept.
    let _ = std::fs::create_dir_all(&dir);
    Some(dir.join("history"))
}

fn terminal(e: ReadlineError) -> Error {
    Error::new(Code::Io, format!("the terminal failed: {e}")).caused_by(e)
}
