//! `asof export`: a database as text, and as tables for other programs.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use asof::conn::Connection;
use asof::db::{Db, TimePoint};
use asof::edn::{self, Keyword};
use asof::error::{Code, Error, Result};
use asof::query::{Budget, Input, Query, QueryOptions};
use clap::{Args, Subcommand, ValueEnum};

use super::output::output;
use super::reading::{DbArg, Limits, ViewArgs, interruptible};
use super::{text_or_file, time_point};
use crate::dump;
use crate::export::{Cell, Column, Entities, Format, Output, Sink, answer, history, namespaces, write_file};
use crate::patience::Patience;
use crate::print::rate;
use crate::progress::Progress;
use crate::time::reached;

const ABOUT: &str = r#"Without a format and with --history the whole log is written: a manifest with counts and the log's hash, then a fact a
line in the order of t, retractions among them. asof import dump makes an identical database of it.

Without both, what holds is written as transaction data for asof transact: a vector with the names and attributes,
then a vector with everything else. Entities are tempids there, and get ids of their own when it is transacted.

A file that ends in .csv, .tsv, .json, .ndjson, .jsonl or .parquet gets a table, as if the format stood before it.

Examples:
  asof export --history backup.asof-dump
  asof export --as-of 2026-01-01 | asof transact --db then -
  asof export people.csv --entity person
  asof export parquet tables/
  asof export parquet --history facts.parquet"#;

#[derive(Args)]
#[command(after_help = ABOUT, args_conflicts_with_subcommands = true)]
pub struct Export {
    #[command(subcommand)]
    table: Option<Table>,
    #[command(flatten)]
    dump: DumpArgs,
}

#[derive(Args)]
struct DumpArgs {
    /// The file to write; standard output when not given
    file: Option<PathBuf>,
    #[command(flatten)]
    db: DbArg,
    /// All that ever was, to make an identical database of
    #[arg(long)]
    history: bool,
    /// What held then: a t, a transaction's entity id, or a time
    #[arg(long, value_name = "T", value_parser = time_point, conflicts_with = "history", allow_hyphen_values = true)]
    as_of: Option<TimePoint>,
    #[command(flatten)]
    limits: Limits,
}

#[derive(Subcommand)]
enum Table {
    /// Comma-separated values with a header
    #[command(after_help = TABLE_HELP)]
    Csv(TableArgs),
    /// Tab-separated values with a header
    #[command(after_help = TABLE_HELP)]
    Tsv(TableArgs),
    /// A JSON array of objects
    #[command(after_help = TABLE_HELP)]
    Json(TableArgs),
    /// JSON objects, one a line
    #[command(after_help = TABLE_HELP)]
    Ndjson(TableArgs),
    /// Vectors of EDN, one a line
    #[command(after_help = TABLE_HELP)]
    Edn(TableArgs),
    /// Parquet, for DuckDB, Polars, pandas and Spark
    #[command(after_help = TABLE_HELP, hide = !cfg!(feature = "parquet"))]
    Parquet(TableArgs),
}

const TABLE_HELP: &str = r#"A row is an entity, a column an attribute: those of the namespace that --entity names, or of the only one there is. A
folder gets a file for each namespace. JSON may show entities with all of their attributes. asof import reads CSV and JSON
back; the column db/id says which entity a row is, and import leaves it out.

With --history a row is a fact: e, a, v, the type of v, t, whether it was added or retracted, and the instant. With --query a row
is one of the answer's.

Examples:
  asof export csv --entity person people.csv
  asof export ndjson --as-of 2024-05-01 --refs key | jq .
  asof export parquet tables/ && duckdb -c "select * from 'tables/person.parquet'"
  asof export parquet --history --attr person/age ages.parquet
  asof export tsv --query '[:find ?n ?a :where [?p :person/name ?n] [?p :person/age ?a]]'"#;

/// How references are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Refs {
    /// By entity id, as in the column db/id
    Id,
    /// By the entity's ident or unique value, as asof import --ref takes it
    Key,
}

#[derive(Args)]
struct TableArgs {
    /// The file to write, or a folder for a file each namespace; standard output when not given
    file: Option<PathBuf>,
    #[command(flatten)]
    db: DbArg,
    #[command(flatten)]
    view: ViewArgs,
    /// Entities with attributes of this namespace
    #[arg(long, value_name = "NAME")]
    entity: Option<String>,
    /// Only these attributes
    #[arg(long, value_name = "ATTRIBUTE", conflicts_with = "entity")]
    attr: Vec<String>,
    /// The answer of this query, or of the one in @FILE
    #[arg(long, value_name = "QUERY", conflicts_with_all = ["entity", "attr", "refs"])]
    query: Option<String>,
    /// Inputs of the query, as EDN
    #[arg(long, value_name = "EDN", requires = "query")]
    input: Vec<String>,
    /// How references are shown
    #[arg(long, value_enum, default_value_t = Refs::Id)]
    refs: Refs,
    /// No column db/id
    #[arg(long)]
    no_id: bool,
    #[command(flatten)]
    limits: Limits,
}

impl Export {
    /// Writes what the database that its options name holds.
    pub fn run(self) -> Result<()> {
        let told = self.told()?;
        let (args, _) = told.table();
        let conn = args.map_or(&told.dump.db, |args| &args.db).existing()?;
        let (_run, budget) = interruptible();
        told.out_of(&conn, &budget)
    }

    /// What is asked for where no format is named: a table where the file's ending says so. What looks like a format that there
    /// is not is refused rather than taken for the name of a dump.
    pub fn told(self) -> Result<Export> {
        let (None, Some(file)) = (&self.table, &self.dump.file) else {
            return Ok(self);
        };
        let Some(format) = Format::of_file(file) else {
            self.dump.named_well(file)?;
            return Ok(self);
        };
        let DumpArgs {
            file,
            db,
            history,
            as_of,
            limits,
        } = self.dump;
        let args = TableArgs {
            file,
            db: db.clone(),
            view: ViewArgs {
                as_of,
                since: None,
                history,
            },
            entity: None,
            attr: Vec::new(),
            query: None,
            input: Vec::new(),
            refs: Refs::Id,
            no_id: false,
            limits: limits.clone(),
        };
        let table = match format {
            Format::Csv => Table::Csv(args),
            Format::Tsv => Table::Tsv(args),
            Format::Json => Table::Json(args),
            Format::Lines => Table::Ndjson(args),
            Format::Edn => Table::Edn(args),
            Format::Parquet => Table::Parquet(args),
        };
        Ok(Export {
            table: Some(table),
            dump: DumpArgs {
                file: None,
                db,
                history: false,
                as_of: None,
                limits,
            },
        })
    }

    /// Writes what an open database holds; its own limits go before those of `budget`.
    pub fn out_of(&self, conn: &Connection, budget: &Budget) -> Result<()> {
        let (args, format) = self.table();
        let (limits, file) = match args {
            Some(args) => (&args.limits, &args.file),
            None => (&self.dump.limits, &self.dump.file),
        };
        let budget = limits.within(budget);
        let patience = Patience::of(&budget);
        let done = match args {
            Some(args) => args.run(conn, format, &budget, &patience),
            None => self.dump.run(conn, &patience),
        };
        done.map_err(|e| {
            patience.explain(e, || match file {
                Some(file) if file.is_dir() => "files that were named above are written, and no others".to_string(),
                Some(file) if file != Path::new("-") => format!("{} is not written", file.display()),
                _ => "what came out is cut short".to_string(),
            })
        })
    }

    /// The arguments of a table, and its format.
    fn table(&self) -> (Option<&TableArgs>, Format) {
        match &self.table {
            None => (None, Format::Edn),
            Some(Table::Csv(args)) => (Some(args), Format::Csv),
            Some(Table::Tsv(args)) => (Some(args), Format::Tsv),
            Some(Table::Json(args)) => (Some(args), Format::Json),
            Some(Table::Ndjson(args)) => (Some(args), Format::Lines),
            Some(Table::Edn(args)) => (Some(args), Format::Edn),
            Some(Table::Parquet(args)) => (Some(args), Format::Parquet),
        }
    }
}

/// Formats of other programs, which are no names for files.
const FOREIGN: [&str; 9] = ["xml", "xls", "xlsx", "yaml", "yml", "sql", "sqlite", "html", "arrow"];

impl DumpArgs {
    /// Refuses a file whose name says that something else is wanted.
    fn named_well(&self, file: &Path) -> Result<()> {
        let name = file.to_string_lossy();
        let names = Format::ALL.map(Format::name);
        let formats = format!("the formats are {}", names.join(", "));
        let refused = |message: String| Error::new(Code::InvalidArgument, message);
        if !name.contains(['/', '.']) {
            let near = asof::error::nearest(&name, names);
            if near.is_none() && !FOREIGN.contains(&&*name) {
                return Ok(());
            }
            let way = near.map_or(formats, |near| format!("did you mean {near}?"));
            return Err(refused(format!("there is no format {name}"))
                .hint(format!("{way} A file of that name is written as ./{name}")));
        }
        let ending = file.extension().unwrap_or_default().to_string_lossy();
        // Names such as those of mktemp only look as if they had an ending.
        let usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let said = ending.len() <= 7 && ending.contains(|c: char| c.is_ascii_lowercase()) && ending.chars().all(usual);
        match &*ending {
            _ if self.history => Ok(()),
            "dump" | "asof-dump" => Err(
                refused(format!("{name} would hold no dump, but transaction data")).hint(format!(
                    "a dump of everything is written with --history; transaction data as {}",
                    file.with_extension("edn").display()
                )),
            ),
            "edn" | "txt" => Ok(()),
            _ if said => Err(refused(format!("there is no format for {name}")).hint(format!(
                "{formats}; say one before the file, or write transaction data as {}",
                file.with_extension("edn").display()
            ))),
            _ => Ok(()),
        }
    }

    fn run(&self, conn: &Connection, patience: &Patience) -> Result<()> {
        let started = Instant::now();
        let mut write = |out: Output| -> Result<()> {
            if self.history {
                let done = dump::write(conn, out, &|| patience.step())?;
                anstream::eprintln!(
                    "{} transactions up to t {}, {}",
                    done.transactions,
                    done.t,
                    rate(done.facts, "fact", started.elapsed())
                );
                return Ok(());
            }
            let mut db = conn.db();
            if let Some(point) = self.as_of {
                db = db.as_of(reached(&db, point)?)?;
            }
            dump::write_facts(&db, out, &mut || patience.step())
        };
        into(self.file.as_deref(), &mut write)
    }
}

/// Writes to a file, or to standard output.
fn into(file: Option<&Path>, write: &mut dyn FnMut(Output) -> Result<()>) -> Result<()> {
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => write_file(file, write),
        None => {
            let mut out = BufWriter::new(output());
            write(&mut out)?;
            Ok(out.flush()?)
        }
    }
}

impl TableArgs {
    fn run(&self, conn: &Connection, format: Format, budget: &Budget, patience: &Patience) -> Result<()> {
        format.check()?;
        let started = Instant::now();
        let rows = match (&self.query, self.view.history) {
            (Some(query), _) => self.query(query, conn, format, budget, patience)?,
            (None, true) => self.history(conn, format, patience)?,
            (None, false) => self.entities(conn, format, patience)?,
        };
        anstream::eprintln!("{}", rate(rows, "row", started.elapsed()));
        Ok(())
    }

    fn view(&self, conn: &Connection) -> Result<Db> {
        let db = conn.db();
        self.view.window(&db)?.of(db)
    }

    fn query(
        &self,
        query: &str,
        conn: &Connection,
        format: Format,
        budget: &Budget,
        patience: &Patience,
    ) -> Result<u64> {
        let (name, text) = text_or_file("query", query.to_string())?;
        let located = |e: Error| e.in_source(&name, &text);
        let form = edn::read_one(&text).map_err(located)?;
        let mut inputs = vec![Input::from(self.view(conn)?)];
        for input in &self.input {
            inputs.push(Input::text(input)?);
        }
        let options = QueryOptions {
            budget: budget.clone(),
            ..QueryOptions::default()
        };
        let found = Query::from_edn(&form)
            .and_then(|query| query.run_with(&inputs, &options))
            .map_err(located)?;
        let (columns, rows) = answer(&found)?;
        write_table(self.file.as_deref(), format, &columns, patience, &mut |sink, seen| {
            for row in &rows {
                sink.row(row)?;
                seen();
            }
            Ok(rows.len() as u64)
        })
    }

    fn attributes(&self) -> Result<Vec<Keyword>> {
        let name = |text: &String| match Keyword::new(text.trim_start_matches(':')) {
            name if name.is_readable() => Ok(name),
            _ => Err(Error::new(
                Code::InvalidArgument,
                format!("{text} is no name of an attribute"),
            )),
        };
        self.attr.iter().map(name).collect()
    }

    fn history(&self, conn: &Connection, format: Format, patience: &Patience) -> Result<u64> {
        if self.entity.is_some() {
            let message = "with --history rows are facts, and --entity chooses entities";
            return Err(Error::new(Code::InvalidArgument, message).hint("--attr person/age chooses facts"));
        }
        let db = self.view(conn)?;
        let until = db.as_of_t().unwrap_or(db.basis_t());
        let facts = history(conn, &self.attributes()?, db.since_t().unwrap_or(0), until)?;
        let (file, columns) = (self.file.as_deref(), facts.columns());
        write_table(file, format, &columns, patience, &mut |sink, seen| {
            facts.write(sink, seen)
        })
    }

    fn entities(&self, conn: &Connection, format: Format, patience: &Patience) -> Result<u64> {
        let db = self.view(conn)?;
        let attrs = self.attributes()?;
        let all = matches!(format, Format::Json | Format::Lines) && self.entity.is_none();
        let folder = self.file.as_deref().filter(|file| file.is_dir() || ends_in_slash(file));
        if let Some(folder) = folder {
            return self.folder(&db, folder, format, patience);
        }
        let entity = match (&self.entity, attrs.is_empty()) {
            (Some(entity), _) => Some(entity.trim_start_matches(':').to_string()),
            (None, true) if !all => Some(only(&db)?),
            (None, _) => None,
        };
        let table = self.shown(Entities::new(&db, entity.as_deref(), &attrs)?);
        let (file, columns) = (self.file.as_deref(), table.columns());
        write_table(file, format, &columns, patience, &mut |sink, seen| {
            table.write(sink, seen)
        })
    }

    fn shown(&self, entities: Entities) -> Entities {
        entities.keys(self.refs == Refs::Key).ids(!self.no_id)
    }

    /// A file for each namespace.
    fn folder(&self, db: &Db, folder: &Path, format: Format, patience: &Patience) -> Result<u64> {
        std::fs::create_dir_all(folder).map_err(|e| Error::at_path(folder, e))?;
        let mut rows = 0;
        for entity in namespaces(db)? {
            let name = if entity.is_empty() { "none" } else { &entity };
            let file = folder.join(format!("{name}.{}", format.name()));
            let table = self.shown(Entities::new(db, Some(&entity), &[])?);
            let columns = table.columns();
            let mut write = |sink: &mut dyn Sink, seen: &mut dyn FnMut()| table.write(sink, seen);
            let count = write_table(Some(&file), format, &columns, patience, &mut write)?;
            anstream::eprintln!("{}: {}", file.display(), crate::print::plural(count, "row"));
            rows += count;
        }
        Ok(rows)
    }
}

/// Puts rows into a sink, tells of each, and says how many.
type Rows<'a> = dyn FnMut(&mut dyn Sink, &mut dyn FnMut()) -> Result<u64> + 'a;

/// A sink that refuses rows when the time is up.
struct Patient<'a> {
    sink: Box<dyn Sink + 'a>,
    patience: &'a Patience,
}

impl Sink for Patient<'_> {
    fn row(&mut self, cells: &[Cell]) -> Result<()> {
        self.patience.step()?;
        self.sink.row(cells)
    }
    fn finish(self: Box<Self>) -> Result<()> {
        self.sink.finish()
    }
}

fn write_table(
    file: Option<&Path>,
    format: Format,
    columns: &[Column],
    patience: &Patience,
    rows: &mut Rows,
) -> Result<u64> {
    let progress = Progress::counting("rows");
    let mut count = 0;
    into(file, &mut |out| {
        let sink = format.sink(columns, out)?;
        let mut sink = Box::new(Patient { sink, patience });
        count = rows(&mut *sink, &mut || progress.step())?;
        sink.finish()
    })?;
    Ok(count)
}

fn ends_in_slash(file: &Path) -> bool {
    file.as_os_str().to_string_lossy().ends_with('/')
}

/// The namespace of all attributes, when they have one.
fn only(db: &Db) -> Result<String> {
    let mut names = namespaces(db)?;
    match names.len() {
        1 => Ok(names.remove(0)),
        0 => Err(Error::new(Code::InvalidArgument, "the database holds no facts")),
        _ => Err(Error::new(
            Code::InvalidArgument,
            format!("a table has entities of one kind, and there are {}", names.join(", ")),
        )
        .hint(format!(
            "choose one with --entity {}, or give a folder to get a file for each",
            names[0]
        ))),
    }
}
