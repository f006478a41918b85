//! Flipped bytes in the files: found and said, never passed over; and what repair makes of them.

use std::fs;
use std::path::{Path, PathBuf};

use asof::conn::{Connection, Options, examine, repair};
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

/// A closed database of some thousands of long values, so that every keyspace has a table.
fn large(dir: &Path) {
    let conn = Connection::open(dir).unwrap();
    for t in 0..5 {
        let facts: String = (0..400)
            .map(|i| format!("{{:db/doc \"a long text, number {i} of {t}\"}}"))
            .collect();
        conn.transact(format!("[{facts}]")).unwrap();
        conn.sync_index().unwrap();
    }
    conn.close().unwrap();
}

/// The biggest file of each of the engine's keyspaces: 0 is its own, then log, leaf, dict, dict-hash and root.
fn biggest(dir: &Path) -> Vec<PathBuf> {
    let file = |n: u32| {
        let found = files(&dir.join(format!("store/keyspaces/{n}")), "");
        let biggest = found.into_iter().max_by_key(|file| fs::metadata(file).unwrap().len());
        biggest.unwrap().strip_prefix(dir).unwrap().to_path_buf()
    };
    (0..=5).map(file).collect()
}

const LOG: usize = 1;

/// All bytes of a folder, but for the lock file's text.
fn bytes(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let read = files(dir, "").into_iter().filter(|file| !file.ends_with("asof.lock"));
    read.map(|file| (file.clone(), fs::read(&file).unwrap())).collect()
}

fn whole(dir: &Path) {
    let examined = examine(dir, 20).unwrap();
    assert!(examined.damage.is_empty(), "{:?}", examined.damage);
    let conn = Options::new().create(false).open(dir).unwrap();
    assert_eq!(conn.db().basis_t(), 5);
    conn.verify().unwrap();
    assert_eq!(conn.verify_indexes().unwrap().live, conn.stats().unwrap().facts);
    conn.transact("[{:db/doc \"one more\"}]").unwrap();
    conn.close().unwrap();
}

#[test]
fn reindex_mends_whatever_is_damaged_beside_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("db");
    large(&original);
    let mut seen = 0;
    for (n, file) in biggest(&original).iter().enumerate() {
        for part in [0, 40, 100] {
            let damaged = dir.path().join("damaged");
            copy(&original, &damaged);
            let len = fs::metadata(damaged.join(file)).unwrap().len() as usize;
            match part {
                0 => fs::remove_file(damaged.join(file)).unwrap(),
                100 => fs::write(damaged.join(file), "").unwrap(),
                _ => flip(&damaged.join(file), len * part / 100),
            }
            seen += u32::from(!examine(&damaged, 20).unwrap().damage.is_empty());
            let before = bytes(&damaged);
            match Options::new().reindex(true).open(&damaged) {
                Ok(conn) => {
                    conn.close().unwrap();
                    whole(&damaged);
                }
                Err(e) => {
                    assert_eq!(n, LOG, "{} at {part} %: {e}", file.display());
                    assert_eq!(e.kind(), ErrorKind::Corrupt, "{e}");
                    assert!(bytes(&damaged) == before, "what was there stays as it was");
                }
            }
            fs::remove_dir_all(&damaged).unwrap();
        }
    }
    assert_eq!(seen, 18);
}

#[test]
fn a_lost_head_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("db");
    database(&original);
    for content in [None, Some(""), Some("garbage\n")] {
        let damaged = dir.path().join("damaged");
        copy(&original, &damaged);
        match content {
            None => fs::remove_file(damaged.join("HEAD")).unwrap(),
            Some(text) => fs::write(damaged.join("HEAD"), text).unwrap(),
        }
        let refused = Options::new().open(&damaged).unwrap_err();
        assert_eq!(refused.code(), Code::CorruptStore, "{refused}");
        assert!(refused.message().contains("HEAD"), "{refused}");
        assert!(Options::new().reindex(true).open(&damaged).is_err());
        // Looking at it does not make it look whole.
        for _ in 0..2 {
            let examined = examine(&damaged, 20).unwrap();
            assert_eq!(examined.log.map(|log| log.records), Some(TRANSACTIONS + 1));
            assert_eq!(examined.damage.len(), 1, "{:?}", examined.damage);
        }
        let copy = dir.path().join("copy");
        let repaired = repair(&damaged, &copy).unwrap();
        assert_eq!((repaired.last_t, repaired.noted_t), (TRANSACTIONS, None));
        assert!(examine(&copy, 20).unwrap().damage.is_empty());
        fs::remove_dir_all(&damaged).unwrap();
        fs::remove_dir_all(&copy).unwrap();
    }
}

#[test]
fn all_damage_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let original = dir.path().join("db");
    large(&original);
    whole(&original);
    fs::write(original.join("HEAD"), "garbage").unwrap();
    let tables = biggest(&original);
    for n in [2, 3, 4] {
        let len = fs::metadata(original.join(&tables[n])).unwrap().len() as usize;
        flip(&original.join(&tables[n]), len / 2);
    }
    let examined = examine(&original, 3).unwrap();
    assert!(examined.log.is_some() && examined.indexes.is_none());
    assert_eq!((examined.damage.len(), examined.more), (3, 1), "{:?}", examined.damage);
}

#[test]
fn a_switch_that_was_interrupted_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    database(&db);
    // A rebuilding that did not get as far as the switch ...
    fs::create_dir_all(db.join("rebuild/new/store")).unwrap();
    fs::write(db.join("rebuild/new/store/0.jnl"), "half").unwrap();
    assert_eq!(Connection::open(&db).unwrap().db().basis_t(), TRANSACTIONS);
    assert!(!db.join("rebuild").exists());
    // ... and one that had begun it.
    fs::create_dir_all(db.join("rebuild/new")).unwrap();
    copy(&db.join("store"), &db.join("rebuild/new/store"));
    fs::create_dir_all(db.join("rebuild/old")).unwrap();
    fs::remove_dir_all(db.join("store")).unwrap();
    assert_eq!(Connection::open(&db).unwrap().db().basis_t(), TRANSACTIONS);
    assert!(!db.join("rebuild").exists());
}

#[test]
fn a_loss_that_cannot_be_accepted_in_place_is_left_to_repair() {
    let dir = tempfile::tempdir().unwrap();
    let damaged = dir.path().join("db");
    large(&damaged);
    let log = damaged.join(&biggest(&damaged)[LOG]);
    let len = fs::metadata(&log).unwrap().len() as usize;
    flip(&log, len * 7 / 10);
    assert_eq!(Options::new().open(&damaged).unwrap_err().kind(), ErrorKind::Corrupt);
    // The engine reads nothing of a block that is damaged, so the records in it cannot even be deleted.
    let refused = Options::new().accept_loss(true).open(&damaged).unwrap_err();
    assert!(refused.hint_text().unwrap().contains("asof repair"), "{refused}");
    let copy = dir.path().join("copy");
    let repaired = repair(&damaged, &copy).unwrap();
    assert!(repaired.last_t < 5);
    let conn = Connection::open(&copy).unwrap();
    conn.verify().unwrap();
    conn.verify_indexes().unwrap();
}
