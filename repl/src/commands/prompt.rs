//! `asof repl`: a prompt.

use std::io::IsTerminal;
use std::path::PathBuf;

use asof::error::{Code, Error, Result};
use clap::Args;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};

use crate::eval::Session;
use crate::print::Format;
use crate::shell::{Flow, Line, Shell, listen};
use crate::time::Paint;

#[derive(Args)]
#[command(
    after_help = "Inside, .help lists what can be typed, and .help tour is a tour on sample data.\n\
    The history is kept in ASOF_HISTORY, else in asof/history in the user's data directory; an empty ASOF_HISTORY keeps none."
)]
pub struct Prompt {
    /// A database to work on, made when it is not there; without one, a fresh database in memory
    dir: Option<PathBuf>,
    /// The same, as the other commands have it
    #[arg(long, value_name = "DIR", env = "ASOF_DB", conflicts_with = "dir")]
    db: Option<PathBuf>,
    /// A fresh database in memory, whatever ASOF_DB says
    #[arg(long, conflicts_with = "dir")]
    mem: bool,
    /// How results are printed; a table on a terminal, edn elsewhere
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Prompt {
    /// What `asof` alone means.
    pub fn plain() -> Prompt {
        Prompt {
            dir: None,
            db: std::env::var_os("ASOF_DB").map(PathBuf::from),
            mem: false,
            format: None,
        }
    }

    pub fn run(self) -> Result<()> {
        let dir = self.dir.or(self.db).filter(|_| !self.mem);
        let session = Session::open(dir.as_deref(), false)?;
        let attended = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let out = Box::new(std::io::stdout());
        let mut shell = Shell::new(
            session,
            Format::or_default(self.format),
            out,
            Box::new(anstream::stderr()),
        );
        shell.paint = Paint::of_stdout();
        shell.attended = attended;
        let mut editor = editor(&shell).map_err(terminal)?;
        if attended {
            listen();
            let whose = dir.map_or("a fresh database in memory".to_string(), |d| d.display().to_string());
            anstream::eprintln!(
                "asof {}, {whose}, t {}. \x1b[2m.help, .help tour\x1b[0m",
                env!("CARGO_PKG_VERSION"),
                shell.db().basis_t()
            );
        }
        let history = history_file();
        if let Some(file) = &history {
            // The first time there is none.
            let _ = editor.load_history(file);
        }
        loop {
            // The terminal may have another size by now.
            if attended && let Some((columns, rows)) = editor.dimensions() {
                shell.fit(usize::from(columns), usize::from(rows));
            }
            if let Some(line) = editor.helper_mut() {
                line.db = shell.db();
                line.rules = shell.rule_names();
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
                // Nobody reads any more.
                Err(e) if crate::is_broken_pipe(&e) => return Err(e),
                Err(e) => anstream::eprintln!("\x1b[1;31merror\x1b[0m {e}"),
            }
        }
        shell.close()
    }
}

fn editor(shell: &Shell) -> rustyline::Result<Editor<Line, DefaultHistory>> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_dups(true)?
        .max_history_size(10_000)?
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_color_mode(match shell.paint.0 {
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
