//! What the commands that read have in common: which database, which part of time, how much it may cost, how it is printed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use asof::conn::{Connection, Options};
use asof::db::{Db, TimePoint};
use asof::error::{Code, Result};
use asof::query::Budget;
use asof::testing::Labels;
use clap::Args;

use super::output::output;
use crate::cancel::{Run, listen};
use crate::patience::Patience;
use crate::print::{Format, Reply, span};
use crate::time::{Paint, Picture, Style, Window, reached};

/// Memory for what a load in bulk reads of the indexes, in bytes.
const FILL_CACHE: u64 = 128 << 20;

/// Where a database is when nobody says.
pub const DEFAULT_DIR: &str = "asof-data";
const WHICH: &str = "Database and time";
const HOW: &str = "Limits and output";

/// Which database.
#[derive(Args, Clone)]
pub struct DbArg {
    /// The folder of the database
    #[arg(long, value_name = "DIR", env = "ASOF_DB", default_value = DEFAULT_DIR, help_heading = WHICH)]
    db: PathBuf,
}

impl DbArg {
    /// Opens a database that must be there.
    pub fn existing(&self) -> Result<Connection> {
        Options::new().create(false).open(&self.db).map_err(|e| match e.code() {
            Code::DbNotFound => e.hint("--db or ASOF_DB names one; asof transact, import and repl make one"),
            _ => e,
        })
    }
    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.db
    }
    /// Whether there is none yet, so that opening it makes it.
    pub fn is_new(&self) -> bool {
        !crate::shell::is_database(&self.db)
    }
    /// Opens the database with options of the caller's.
    pub fn open_with(&self, options: Options) -> Result<Connection> {
        options.open(&self.db)
    }
    /// Opens the database, made when it is not there.
    pub fn or_new(&self) -> Result<Connection> {
        Connection::open(&self.db)
    }
    /// The same for a load in bulk, which reads little of what is there: with the usual cache it would fill twice the memory for nothing.
    pub fn to_fill(&self) -> Result<Connection> {
        Options::new().cache_bytes(FILL_CACHE).open(&self.db)
    }
}

/// Which part of its time.
#[derive(Args)]
pub struct ViewArgs {
    /// As it was then: a t (12), a transaction's entity id, a time (2024-05-01, 2024-05-01T12:00Z), or -1h, -2d, yesterday
    #[arg(long, value_name = "T", value_parser = super::time_point, allow_hyphen_values = true, help_heading = WHICH)]
    pub as_of: Option<TimePoint>,
    /// Only what was asserted after this moment
    #[arg(long, value_name = "T", value_parser = super::time_point, allow_hyphen_values = true, help_heading = WHICH)]
    pub since: Option<TimePoint>,
    /// Every assertion and retraction, not just what holds
    #[arg(long, help_heading = WHICH)]
    pub history: bool,
}

impl ViewArgs {
    /// What is asked for, in the transactions of `db`.
    pub fn window(&self, db: &Db) -> Result<Window> {
        let t = |point: Option<TimePoint>| point.map(|point| reached(db, point)).transpose();
        Ok(Window {
            as_of: t(self.as_of)?,
            since: t(self.since)?,
            history: self.history,
        })
    }
}

/// How much an answer may cost.
#[derive(Args, Clone)]
pub struct Limits {
    /// The longest it may take: 500ms, 10s, 2m
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = HOW)]
    pub timeout: Option<Duration>,
    /// The most rows that a step of a query may hold
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = HOW)]
    pub max_rows: Option<u64>,
    /// The most memory that the rows of a query may hold: 500K, 200M, 2G
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = HOW)]
    pub max_memory: Option<usize>,
}

impl Limits {
    /// The same for a query.
    pub fn budget(&self) -> Budget {
        self.within(&Budget::default())
    }

    /// The same where a session has limits already, which count where these say nothing.
    pub fn within(&self, most: &Budget) -> Budget {
        Budget {
            timeout: self.timeout.or(most.timeout),
            rows_max: self
                .max_rows
                .map_or(most.rows_max, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            memory_max: self.max_memory.or(most.memory_max),
            ..most.clone()
        }
    }
}

/// How long something may take that is no question.
#[derive(Args, Clone, Default)]
pub struct TimeArg {
    /// The longest it may take: 500ms, 10s, 2m
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = HOW)]
    timeout: Option<Duration>,
}

impl TimeArg {
    /// The same where a session has limits already, which count where this says nothing.
    pub fn within(&self, most: &Budget) -> Budget {
        Budget {
            timeout: self.timeout.or(most.timeout),
            ..most.clone()
        }
    }

    /// What a command may take that begins now. While the first lives, Ctrl-C ends it.
    pub fn begin(&self) -> (Run, Budget) {
        let (run, budget) = interruptible();
        (run, self.within(&budget))
    }
}

/// No limits but Ctrl-C, which ends what begins now while the first lives.
pub fn interruptible() -> (Run, Budget) {
    listen();
    let (run, token) = Run::begin(false);
    let budget = Budget {
        cancel: Some(token),
        ..Budget::default()
    };
    (run, budget)
}

/// A number of bytes as people write it.
pub fn size(text: &str) -> Result<usize, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: usize = match text[number.len()..]
        .to_ascii_lowercase()
        .trim_end_matches("ib")
        .trim_end_matches('b')
    {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => 0,
    };
    match number.parse::<usize>().ok().and_then(|n| n.checked_mul(unit)) {
        Some(n) if n > 0 => Ok(n),
        _ => Err("give a number with its unit: 500K, 200M, 2G".to_string()),
    }
}

/// A span of time as people write it; a bare number is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let millis = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    match digits.parse::<u64>().ok().and_then(|n| n.checked_mul(millis)) {
        Some(n) if millis > 0 => Ok(Duration::from_millis(n)),
        _ => Err("give a number with its unit: 500ms, 10s, 2m".to_string()),
    }
}

/// How results are printed.
#[derive(Args)]
pub struct Show {
    /// A table or a drawing on a terminal, edn elsewhere
    #[arg(long, value_enum, help_heading = HOW)]
    pub format: Option<Format>,
    /// Entities as #e1, #e2 in the order in which they are shown, transactions as #t3
    #[arg(long, help_heading = HOW)]
    pub labels: bool,
    /// Say on standard error how many rows came back, how many were read, and how long it took
    #[arg(long, help_heading = HOW)]
    pub timing: bool,
}

/// A database to be asked.
#[derive(Args)]
pub struct Asking {
    #[command(flatten)]
    pub db: DbArg,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub show: Show,
}

/// A part of its time to be asked.
#[derive(Args)]
pub struct Reading {
    #[command(flatten)]
    pub asking: Asking,
    #[command(flatten)]
    pub view: ViewArgs,
}

/// An open database, looked at as the command line says.
pub struct Open<'a> {
    pub conn: Connection,
    /// The part of it that is looked at.
    pub db: Db,
    /// What is left of the time that it may take.
    pub patience: Patience,
    show: &'a Show,
    began: Instant,
}

impl Asking {
    /// Opens the database. The time that it may take begins before that.
    pub fn open(&self) -> Result<Open<'_>> {
        let patience = Patience::of(&self.limits.budget());
        let conn = self.db.existing()?;
        patience.check()?;
        Ok(Open {
            db: conn.db(),
            conn,
            patience,
            show: &self.show,
            began: Instant::now(),
        })
    }
}

impl Reading {
    /// Opens the part of the database that is asked for; see [`Asking::open`].
    pub fn open(&self) -> Result<Open<'_>> {
        let open = self.asking.open()?;
        let db = self.view.window(&open.db)?.of(open.db)?;
        Ok(Open { db, ..open })
    }
}

impl Open<'_> {
    /// The format that was asked for, else what suits standard output.
    pub fn format(&self) -> Format {
        Format::or_default(self.show.format)
    }

    /// Prints a result.
    pub fn print(&self, mut reply: Reply) -> Result<()> {
        let took = self.began.elapsed();
        if self.show.labels {
            reply.value = Labels::new().relabel(&self.conn.db(), &reply.value);
        }
        reply.write(&mut output(), self.format())?;
        if self.show.timing {
            anstream::eprintln!("{}", reply.cost(took));
        }
        Ok(())
    }

    /// Prints the drawing for people, and the relation in the other formats.
    pub fn draw(&self, picture: Picture) -> Result<()> {
        if self.format() != Format::Table {
            return self.print(picture.reply);
        }
        write!(output(), "{}", picture.drawing)?;
        if self.show.timing {
            anstream::eprintln!("{}", span(self.began.elapsed()));
        }
        Ok(())
    }

    /// How drawings look on standard output.
    pub fn style(&self) -> Style {
        let mut style = style();
        style.labels = self.show.labels.then(Labels::new);
        style
    }
}

/// How drawings look on standard output.
pub fn style() -> Style {
    let terminal = terminal_size::terminal_size_of(std::io::stdout());
    Style {
        paint: Paint::of_stdout(),
        labels: None,
        width: terminal.map_or(100, |(columns, _)| usize::from(columns.0).clamp(40, 160)),
    }
}
