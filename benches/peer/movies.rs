//! W6, the first half: the movie graph in bulk.

use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use asof::conn::{Connection, Options};
use asof::datom::{EntityId, Value};
use asof::edn::Keyword;
use asof::store::Durability;
use asof::tx::{Attr, Entity, Term, Tx};

use crate::Outcome;
use crate::flight::{Flight, block_on};
use crate::rig;

/// The graph of the data files, or ten copies of it side by side.
#[derive(Clone, Copy, PartialEq)]
pub enum Size {
    Once,
    TenTimes,
}

impl Size {
    pub fn copies(self) -> usize {
        match self {
            Size::Once => 1,
            Size::TenTimes => 10,
        }
    }
    /// Goes behind the names of cases.
    pub fn suffix(self) -> &'static str {
        match self {
            Size::Once => "",
            Size::TenTimes => " 10x",
        }
    }
    pub fn dir(self) -> Outcome<PathBuf> {
        rig::place(match self {
            Size::Once => "movies",
            Size::TenTimes => "movies-10x",
        })
    }
}

/// Where the loaded graph is. What is not there yet is loaded by another process, so that its memory does not count here.
pub fn loaded() -> Outcome<PathBuf> {
    let dir = Size::Once.dir()?;
    if !dir.exists() && !Command::new(env::current_exe()?).arg("w6-load").status()?.success() {
        return Err("the movies could not be loaded".into());
    }
    Ok(dir)
}

/// What a column is.
#[derive(Clone, Copy, PartialEq)]
pub enum Is {
    /// The entity of the line's own facts, which is new.
    New,
    /// The entity of the line's facts, made by an earlier table.
    Subject,
    /// A string that tells entities apart: each copy has its own.
    Name,
    String,
    Long,
    Ref,
}

/// A column's meaning and, where it is a fact, its attribute.
pub type Column = (Is, &'static str);

/// A file and the columns of its lines. What a table refers to comes before it.
pub const TABLES: [(&str, &[Column]); 7] = [
    (
        "person",
        &[
            (Is::New, ""),
            (Is::Name, "person/name"),
            (Is::String, "person/gender"),
            (Is::String, "person/country"),
            (Is::Long, "person/born"),
        ],
    ),
    (
        "company",
        &[
            (Is::New, ""),
            (Is::Name, "company/name"),
            (Is::String, "company/country"),
        ],
    ),
    ("keyword", &[(Is::New, ""), (Is::Name, "keyword/name")]),
    (
        "movie",
        &[
            (Is::New, ""),
            (Is::Name, "movie/title"),
            (Is::Long, "movie/year"),
            (Is::String, "movie/kind"),
            (Is::String, "movie/country"),
            (Is::Long, "movie/rating"),
        ],
    ),
    ("movie_company", &[(Is::Subject, ""), (Is::Ref, "movie/company")]),
    ("movie_keyword", &[(Is::Subject, ""), (Is::Ref, "movie/keyword")]),
    (
        "cast",
        &[
            (Is::New, ""),
            (Is::Ref, "cast/movie"),
            (Is::Ref, "cast/person"),
            (Is::String, "cast/role"),
        ],
    ),
];

/// Facts a transaction holds, about.
const FACTS_A_TX: usize = 50_000;
/// Transactions that are prepared and written while the next is being built.
const IN_FLIGHT: usize = 3;

pub fn schema() -> String {
    let mut text = String::from("[");
    for (ty, attr) in TABLES.iter().flat_map(|(_, columns)| *columns) {
        let ty = match ty {
            Is::New | Is::Subject => continue,
            Is::Name | Is::String => "string",
            Is::Long => "long",
            Is::Ref => "ref",
        };
        let cardinality = match *attr {
            "movie/company" | "movie/keyword" => "many",
            _ => "one",
        };
        text += &format!(
            "{{:db/ident :{attr} :db/valueType :db.type/{ty} :db/cardinality :db.cardinality/{cardinality}}}\n"
        );
    }
    text + "]"
}

/// The text of all tables.
pub fn texts() -> Outcome<Vec<String>> {
    TABLES
        .iter()
        .map(|(name, _)| rig::text(&format!("m_{name}.tsv")))
        .collect()
}

/// The entities of the lines' ids.
#[derive(Default)]
pub struct Ids(Vec<EntityId>);

impl Ids {
    pub fn get(&self, id: usize) -> Outcome<EntityId> {
        self.0
            .get(id)
            .copied()
            .ok_or_else(|| format!("no line has made {id}").into())
    }
    pub fn set(&mut self, id: usize, e: EntityId) {
        if self.0.len() <= id {
            self.0.resize(id + 1, EntityId(0));
        }
        self.0[id] = e;
    }
}

/// Brings the tables in and returns how many facts they are.
async fn fill(conn: &Connection, texts: &[String], copies: usize) -> Outcome<usize> {
    conn.transact(schema())?;
    let db = conn.db();
    let temps: Vec<Arc<str>> = (0..FACTS_A_TX).map(|i| Arc::from(i.to_string())).collect();
    let mut facts = 0;
    for copy in 0..copies {
        let mut ids = Ids::default();
        for ((_, columns), text) in TABLES.iter().zip(texts) {
            let mut table = Table {
                columns: Vec::new(),
                copy,
                temps: &temps,
                made: Vec::new(),
            };
            for (is, attr) in *columns {
                let attr = match is {
                    Is::New | Is::Subject => 0,
                    _ => db.attribute(&Keyword::new(attr))?.id,
                };
                table.columns.push((*is, attr));
            }
            facts += table.load(conn, text, &mut ids).await?;
        }
    }
    Ok(facts)
}

/// A table on its way in.
struct Table<'a> {
    columns: Vec<(Is, u32)>,
    copy: usize,
    temps: &'a [Arc<str>],
    /// The ids of the lines that make entities, in order.
    made: Vec<usize>,
}

impl Table<'_> {
    async fn load(&mut self, conn: &Connection, text: &str, ids: &mut Ids) -> Outcome<usize> {
        let mut flight = Flight::new(conn, IN_FLIGHT);
        let (mut facts, mut temp) = (0, 0);
        let mut tx = Tx::with_capacity(FACTS_A_TX + 8);
        for line in text.lines() {
            self.line(line, ids, &mut tx, &mut temp)?;
            if tx.len() >= FACTS_A_TX {
                facts += tx.len();
                let full = std::mem::replace(&mut tx, Tx::with_capacity(FACTS_A_TX + 8));
                flight.send(full).await?;
                temp = 0;
            }
        }
        facts += tx.len();
        flight.send(tx).await?;
        flight.land().await?;
        // Entities are reported in the order of the lines.
        let entities = flight.take().into_iter().flat_map(|report| report.new_entities);
        for (id, e) in self.made.drain(..).zip(entities) {
            ids.set(id, e);
        }
        Ok(facts)
    }

    fn line(&mut self, line: &str, ids: &Ids, tx: &mut Tx, temp: &mut usize) -> Outcome {
        let mut e: Option<Entity> = None;
        for (&(is, attr), text) in self.columns.iter().zip(line.split('\t')) {
            let value: Term = match is {
                Is::New => {
                    self.made.push(text.parse()?);
                    e = Some(Entity::Temp(self.temps[*temp].clone()));
                    *temp += 1;
                    continue;
                }
                Is::Subject => {
                    e = Some(Entity::Id(ids.get(text.parse()?)?));
                    continue;
                }
                Is::Name if self.copy > 0 => Value::string(format!("{text}~{}", self.copy)).into(),
                Is::Name | Is::String => Value::string(text).into(),
                Is::Long => text.parse::<i64>()?.into(),
                Is::Ref => ids.get(text.parse()?)?.into(),
            };
            let e = e.clone().ok_or("a line starts with its entity")?;
            tx.push_add(e, Attr::Id(attr), value);
        }
        Ok(())
    }
}

/// Opens an empty database for bulk work: the log is synced by the indexer and at the end.
fn bulk(dir: &Path) -> Outcome<Connection> {
    Ok(Options::new().durability(Durability::Process).open(dir)?)
}

pub fn load(size: Size) -> Outcome {
    let texts = texts()?;
    let dir = size.dir()?;
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    let start = Instant::now();
    let conn = bulk(&dir)?;
    let facts = block_on(fill(&conn, &texts, size.copies()))?;
    let accepted = start.elapsed();
    conn.close()?;
    let took = start.elapsed();
    let name = |case: &str| format!("{case}{}", size.suffix());
    let note = format!(
        "from text in memory to a closed database, indexes and all; accepted after {:.0} ms",
        rig::millis(accepted)
    );
    rig::emit_once("W6", &name("bulk load"), took, &[("n", facts as f64)], &note);
    rig::emit_mb("W6", &name("load peak memory"), rig::peak_mb(), "");
    let bytes = rig::disk_mb(&dir) * (1 << 20) as f64 / facts as f64;
    rig::emit_mb(
        "W6",
        &name("disk after load"),
        rig::disk_mb(&dir),
        &format!("{bytes:.1} bytes a datom"),
    );
    Ok(())
}

/// Where [`load_and_hang`] puts its database.
pub fn killed_dir() -> Outcome<PathBuf> {
    rig::place("movies-killed")
}

/// Loads the graph, says so, and waits to be killed.
pub fn load_and_hang() -> Outcome {
    let dir = killed_dir()?;
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    let conn = bulk(&dir)?;
    block_on(fill(&conn, &texts()?, 1))?;
    println!("loaded");
    // Ends by the kill, or when the one who would have killed is gone.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    std::mem::forget(conn);
    Ok(())
}
