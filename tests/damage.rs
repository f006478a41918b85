//! Flipped bytes in the files: found and said, never passed over; and what repair makes of them.

use std::fs;
use std::path::{Path, PathBuf};

use asof::conn::{Connection, Options, repair};
use asof::error::{Code, ErrorKind};

const TRANSACTIONS: u64 = 40;

/// A closed database of some transactions whose journal has no reserved zeros at its end.
fn database(dir: &Path) {
    {
        let conn = Connection::open(dir).unwrap();
        for i in 1..=TRANSACTIONS {
            conn.transact(format!("[[:db/add \"x\" :db/doc \"a text for number {i}\"]]"))
                .unwrap();
        }
    }
    Connection::open(dir).unwrap().close().unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn journal(dir: &Path) -> PathBuf {
    let names = fs::read_dir(dir.join("store")).unwrap().map(|e| e.unwrap().path());
    names
        .filter(|p| p.extension().is_some_and(|e| e == "jnl"))
        .max()
        .expect("there is a journal")
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

#[test]
fn no_flipped_byte_of_the_journal_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("db");
    database(&original);
    let len = fs::read(journal(&original)).unwrap().len();
    let (mut refused, mut lost) = (0, 0);
    for (n, at) in (0..len).step_by(len / 50).enumerate() {
        let damaged = dir.path().join(format!("damaged {n}"));
        copy(&original, &damaged);
        flip(&journal(&damaged), at);
        // Opening shortens a damaged journal, so repair gets a copy of its own.
        let broken = dir.path().join(format!("broken {n}"));
        copy(&damaged, &broken);
        match Options::new().open(&damaged) {
            Ok(conn) => {
                assert_eq!(
                    conn.db().basis_t(),
                    TRANSACTIONS,
                    "byte {at} of {len}: opened and all is there"
                );
                conn.verify().unwrap();
            }
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Corrupt, "byte {at} of {len}: {e}");
                refused += 1;
            }
        }
        // Each try costs a few openings; some places are enough.
        if n % 10 == 0 {
            let repaired = dir.path().join(format!("repaired {n}"));
            let report = repair(&broken, &repaired).unwrap_or_else(|e| panic!("byte {at} of {len}: {e}"));
            assert_eq!(report.noted_t, Some(TRANSACTIONS));
            let conn = Connection::open(&repaired).unwrap();
            assert_eq!(conn.db().basis_t(), report.last_t);
            assert_eq!(report.lost(), TRANSACTIONS - report.last_t);
            conn.verify().unwrap();
            conn.verify_indexes().unwrap();
            lost += report.lost();
        }
    }
    assert!(refused > 30, "most flips hit something: {refused}");
    assert!(lost > 0);
}

#[test]
fn an_intact_database_needs_no_repair() {
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("db");
    database(&original);
    let report = repair(&original, dir.path().join("copy")).unwrap();
    assert_eq!(
        (report.last_t, report.lost(), report.journal_bytes_lost),
        (TRANSACTIONS, 0, 0)
    );
    let again = repair(&original, dir.path().join("copy")).unwrap_err();
    assert_eq!(again.code(), Code::InvalidArgument);
    let open = Connection::open(&original).unwrap();
    let error = repair(&original, dir.path().join("other")).unwrap_err();
    assert_eq!(error.code(), Code::StoreLocked);
    drop(open);
}

/// All files below `dir` whose path has `part` in it.
fn files(dir: &Path, part: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, part));
        } else if path.to_string_lossy().contains(part) {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn no_flipped_byte_of_a_table_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("db");
    database(&original);
    {
        let conn = Connection::open(&original).unwrap();
        conn.sync_index().unwrap();
    }
    Connection::open(&original).unwrap().close().unwrap();
    let tables: Vec<PathBuf> = files(&original, "tables")
        .iter()
        .map(|path| path.strip_prefix(&original).unwrap().to_path_buf())
        .collect();
    assert!(!tables.is_empty());
    let everything = |path: &Path| -> asof::error::Result<()> {
        let conn = Options::new().open(path)?;
        conn.verify()?;
        conn.verify_indexes()?;
        assert_eq!(conn.db().basis_t(), TRANSACTIONS);
        Ok(())
    };
    let (mut found, mut harmless) = (0, 0);
    for table in &tables {
        let len = fs::read(original.join(table)).unwrap().len();
        for at in (0..len).step_by(len / 8 + 1) {
            let damaged = dir.path().join("damaged");
            copy(&original, &damaged);
            flip(&damaged.join(table), at);
            match everything(&damaged) {
                Ok(()) => harmless += 1,
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::Corrupt, "byte {at} of {}: {e}", table.display());
                    found += 1;
                }
            }
            fs::remove_dir_all(&damaged).unwrap();
        }
    }
    eprintln!("{found} found, {harmless} harmless in {} tables", tables.len());
    assert!(found > harmless, "{found} found, {harmless} harmless");
}
