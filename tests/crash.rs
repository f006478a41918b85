//! Kill a process that writes, again and again: what it was told is safe must be there afterwards.
//!
//! The test starts its own binary as the writer. `ASOF_CRASH_KILLS` says how often to kill (default 200).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use asof::conn::{Connection, Options};

/// The directory that a writer works on; its presence makes this binary a writer.
const WRITER: &str = "ASOF_CRASH_WRITER";
/// The writer's threads; several share syncs.
const THREADS: usize = 3;

fn open(dir: &Path) -> asof::error::Result<Connection> {
    // A short tail, so that kills hit folds and roots, too.
    Options::new().index_after(150).open(dir)
}

fn writer_process(dir: &Path) -> Child {
    Command::new(std::env::current_exe().expect("a test binary has a path"))
        .args(["writer", "--exact", "--nocapture"])
        .env(WRITER, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test binary starts")
}

/// The writer: not a test of its own.
#[test]
fn writer() {
    let Ok(dir) = std::env::var(WRITER) else { return };
    let conn = open(Path::new(&dir)).expect("the database opens after every kill");
    println!("open");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let conn = conn.clone();
            scope.spawn(move || {
                for i in 0.. {
                    let doc = format!("process {} thread {thread} number {i}", std::process::id());
                    let report = conn
                        .transact(format!("[[:db/add \"x\" :db/doc {doc:?}]]"))
                        .expect("transacts until it is killed");
                    // One write a line, so that lines of threads do not mix.
                    let line = format!("ack {} {doc}\n", report.t);
                    let mut out = std::io::stdout().lock();
                    out.write_all(line.as_bytes())
                        .and_then(|()| out.flush())
                        .expect("the test reads");
                }
            });
        }
    });
}

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Lets a writer work for a while, kills it, and gives what it acknowledged.
fn kill_a_writer(dir: &Path, alive: Duration) -> Vec<(u64, String)> {
    let mut child = writer_process(dir);
    let out = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    let (opened, is_open) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for line in out.lines().map_while(|line| line.ok()) {
            if line.ends_with("open") {
                // Nobody may be waiting for it.
                let _ = opened.send(());
            } else if let Some((_, rest)) = line.split_once("ack ") {
                // The last line may be cut short; a doc is whole when it ends in its number, and numbers are compared below.
                if let Some((t, doc)) = rest.split_once(' ') {
                    acknowledged.push((t.parse().expect("a t"), doc.to_string()));
                }
            }
        }
        acknowledged
    });
    // Half of the lives are counted from the start, so that kills hit opening and creating, too.
    if alive.subsec_millis().is_multiple_of(2) {
        // One that takes longer to open is killed while it does.
        let _ = is_open.recv_timeout(Duration::from_secs(20));
    }
    std::thread::sleep(alive);
    child.kill().expect("the writer is ours to kill");
    child.wait().expect("the writer ends");
    reader.join().expect("the reader ends with its pipe")
}

/// Everything acknowledged is there, the chain holds, and the indexes say what the log says.
fn check(dir: &Path, acknowledged: &BTreeMap<u64, String>) {
    let conn = open(dir).unwrap_or_else(|e| panic!("{e}"));
    let verified = conn.verify().unwrap_or_else(|e| panic!("{e}"));
    let db = conn.db();
    assert_eq!(verified.records, db.basis_t() + 1, "t has no gap");
    let log = conn.tx_range(None, None).unwrap();
    for (t, doc) in acknowledged {
        let tx = log
            .get(*t as usize)
            .unwrap_or_else(|| panic!("t {t} ({doc}) was acknowledged and is gone"));
        let said = format!("{:?}", tx.datoms[1].v);
        assert!(said.contains(doc.as_str()), "t {t} should say {doc}, and says {said}");
    }
    conn.verify_indexes().unwrap_or_else(|e| panic!("{e}"));
    conn.close().unwrap();
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let kills: u64 = std::env::var("ASOF_CRASH_KILLS").map_or(200, |n| n.parse().expect("a number of kills"));
    let mut random = Random(0x5EED_1234_ABCD_0001);
    let (mut total, mut killed) = (0, 0);
    while killed < kills {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut acknowledged = BTreeMap::new();
        // One database lives through some kills, so that later ones meet leaves, roots and repeated recovery.
        for _ in 0..(kills - killed).min(20) {
            let alive = Duration::from_millis(random.below(40));
            for (t, doc) in kill_a_writer(&path, alive) {
                assert_eq!(acknowledged.insert(t, doc), None, "t {t} was acknowledged twice");
            }
            killed += 1;
            // Checking opens and closes cleanly; now and then the next writer finds what the kill left.
            if random.below(3) > 0 && path.exists() {
                check(&path, &acknowledged);
            }
        }
        check(&path, &acknowledged);
        total += acknowledged.len();
    }
    eprintln!("{killed} kills, {total} acknowledged transactions, all there");
    assert!(total as u64 > kills, "the writers got to write: {total}");
}

#[test]
fn another_process_is_told_who_has_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut child = writer_process(&path);
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("open")));
    let error = open(&path).expect_err("the other process has it");
    assert_eq!(error.code().as_str(), "db.error/store-locked");
    let holder = format!("process {} (", child.id());
    assert!(error.message().contains(&holder), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    open(&path).unwrap();
}
