//! Looking after a database: counting, verifying, mending.

use std::path::Path;

use crate::place::ships;

#[test]
fn a_database_is_looked_after() {
    let place = ships();
    let verified = place.answer(&["verify"]);
    assert!(verified.starts_with("log      4 transactions"), "{verified}");
    assert!(verified.contains("as the log says"), "{verified}");
    assert!(place.answer(&["reindex"]).contains("up to t 3"));
    assert_eq!(place.answer(&["verify"]), verified);
    assert!(place.answer(&["stats", "--format", "edn"]).contains(":t 3"));
}

/// The biggest table of a keyspace, by the engine's number for it.
fn biggest_table(db: &Path, keyspace: u32) -> std::path::PathBuf {
    let tables = std::fs::read_dir(db.join(format!("store/keyspaces/{keyspace}/tables"))).expect("tables");
    let tables = tables.map(|entry| entry.expect("an entry").path());
    tables
        .max_by_key(|path| std::fs::metadata(path).expect("a file").len())
        .expect("a table")
}

#[test]
fn damage_is_listed_and_mended() {
    let place = ships();
    let ships: String = (0..3000)
        .map(|i| format!("{{:ship/name \"a ship with number {i}\"}} "))
        .collect();
    assert_eq!(place.input(&["transact", "-"], &format!("[{ships}]")).code, 0);
    place.answer(&["reindex"]);
    let db = place.path().join("asof-data");
    let verified = place.answer(&["verify"]);
    for keyspace in [2, 4] {
        let table = biggest_table(&db, keyspace);
        let mut bytes = std::fs::read(&table).expect("a table");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&table, bytes).expect("a table");
    }
    let found = place.run(&["verify"]);
    assert_eq!(
        (found.code, found.err.matches("damage   store/").count()),
        (4, 2),
        "{}",
        found.err
    );
    assert!(found.out.starts_with("log      5 transactions"), "{}", found.out);
    assert!(
        found.err.contains("damaged in 2 places; the log is whole"),
        "{}",
        found.err
    );
    assert!(place.answer(&["reindex"]).contains("up to t 4"));
    assert_eq!(place.answer(&["verify"]), verified);

    std::fs::write(db.join("HEAD"), "garbage").expect("HEAD");
    assert!(
        place
            .err(&["q", "[:find ?e :where [?e :ship/name]]"], 4)
            .contains("HEAD")
    );
    assert!(place.run(&["verify"]).err.contains("all facts are there"));
    assert!(
        place
            .out(&["repair", "saved"])
            .contains("saved has the transactions up to t 4")
    );
    assert_eq!(place.answer(&["verify", "--db", "saved"]), verified);
}
