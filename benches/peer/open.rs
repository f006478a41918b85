//! W6, the second half: how long a database takes to open from disk, and to answer for the first time.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use asof::conn::Options;

use crate::Outcome;
use crate::movies::{Size, killed_dir};
use crate::rig;

/// The companies of the movies that a person took part in: J2 of W4.
const QUERY: &str = "[:find ?cn :in $ ?pn :where [?p :person/name ?pn] [?x :cast/person ?p] [?x :cast/movie ?m]
                      [?m :movie/company ?c] [?c :company/name ?cn]]";

pub fn run(size: Size) -> Outcome {
    let dir = size.dir()?;
    if !dir.exists() {
        return Err("load it first: w6-load or w6-load-10x".into());
    }
    measure(&dir, size.suffix())
}

/// Opens the database in `dir` with cold files.
pub fn measure(dir: &Path, suffix: &str) -> Outcome {
    rig::emit_mb("W6", &format!("disk{suffix}"), rig::disk_mb(dir), "log and all indexes");
    rig::uncache(dir)?;
    let start = Instant::now();
    let conn = Options::new().create(false).open(dir)?;
    let opened = start.elapsed();
    let rows = conn.db().q(QUERY, &["person_30000".into()])?.to_edn()?;
    let rows = rows.as_set().map_or(0, |rows| rows.len());
    let answered = start.elapsed() - opened;
    rig::emit_once("W6", &format!("open{suffix}"), opened, &[], "");
    let rows = [("rows", rows as f64)];
    rig::emit_once("W6", &format!("first query after open{suffix}"), answered, &rows, "");
    rig::emit_mb("W6", &format!("open+query peak memory{suffix}"), rig::peak_mb(), "");
    Ok(())
}

/// Kills a process that has just loaded the graph, and opens what it left.
pub fn after_kill() -> Outcome {
    let program = env::current_exe()?;
    let mut writer = Command::new(&program)
        .arg("load-and-hang")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = String::new();
    if let Some(out) = writer.stdout.take() {
        BufReader::new(out).read_line(&mut said)?;
    }
    writer.kill()?;
    writer.wait()?;
    if said.trim() != "loaded" {
        return Err("the process to be killed did not get that far".into());
    }
    let dir = killed_dir()?;
    // A process of its own, so that its memory is counted alone.
    let reader = Command::new(program)
        .arg("open-at")
        .arg(&dir)
        .arg(" after kill -9")
        .status()?;
    std::fs::remove_dir_all(dir)?;
    match reader.success() {
        true => Ok(()),
        false => Err("what the killed process left did not open".into()),
    }
}
