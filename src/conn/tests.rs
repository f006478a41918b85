use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::edn::Instant;
use crate::error::Code;
use crate::store::{Durability, Faulty, Memory};

fn doc(e: &str, text: &str) -> String {
    format!("[[:db/add {e:?} :db/doc {text:?}]]")
}

fn wrong() -> &'static str {
    "[1]"
}

/// The docs that transactions 1.. said, in order of t, from the log.
fn said(conn: &Connection) -> Vec<String> {
    conn.tx_range(1, None)
        .unwrap()
        .into_iter()
        .map(|tx| format!("{:?}", tx.datoms[1].v))
        .collect()
}

#[test]
fn a_transaction_is_seen_and_replayed() {
    let store = Arc::new(Memory::new());
    let conn = Options::new()
        .clock(StepClock::new(Instant(5_000_000), 0))
        .open_store(store.clone())
        .unwrap();
    let before = conn.db();
    let report = conn.transact(doc("x", "a text that is longer than a word")).unwrap();
    assert_eq!((report.db_before.basis_t(), report.db_after.basis_t()), (0, 1));
    assert_eq!((before.basis_t(), conn.db().basis_t()), (0, 1));
    conn.transact(doc("y", "short")).unwrap();
    // The clock stands still; instants do not.
    let instants: Vec<i64> = conn
        .tx_range(None, None)
        .unwrap()
        .iter()
        .map(|tx| tx.instant.0)
        .collect();
    assert_eq!(instants, [0, 5_000_000, 5_000_001]);
    assert_eq!(conn.tx_range(1, 2).unwrap().len(), 1);
    conn.close().unwrap();
    assert_eq!(conn.transact(doc("z", "late")).unwrap_err().code(), Code::Closed);

    let again = Options::new().open_store(store).unwrap();
    assert_eq!(again.db().basis_t(), 2);
    assert_eq!(again.db().basis_instant(), Instant(5_000_001));
    assert_eq!(again.db().base().next_ids, conn.db().base().next_ids);
    assert_eq!(said(&again), said(&conn));
    assert_eq!(again.verify().unwrap().records, 3);
}

#[test]
fn many_threads_share_syncs_and_t_has_no_gap() {
    let store = Faulty::new();
    store.sync_takes(Duration::from_millis(2));
    let conn = Options::new().open_store(Arc::new(store.clone())).unwrap();
    let (threads, each) = (16, 20);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let conn = conn.clone();
            scope.spawn(move || {
                for i in 0..each {
                    assert_eq!(conn.transact(wrong()).unwrap_err().code(), Code::InvalidTxForm);
                    let report = conn.transact(doc("x", &format!("{thread} {i}"))).unwrap();
                    assert!(conn.db().basis_t() >= report.t, "acknowledged after it is public");
                }
            });
        }
    });
    let total = threads * each;
    assert_eq!(conn.db().basis_t(), total);
    assert!(
        store.syncs() < total,
        "{} syncs for {total} transactions",
        store.syncs()
    );
    assert_eq!(conn.verify().unwrap().records, total + 1);
    store.crash();
    drop(conn);
    let again = Options::new().open_store(Arc::new(store)).unwrap();
    assert_eq!(again.db().basis_t(), total, "all were acknowledged");
}

#[test]
fn a_failed_sync_poisons_writing_and_leaves_reading() {
    let store = Faulty::new();
    let conn = Options::new().open_store(Arc::new(store.clone())).unwrap();
    conn.transact(doc("x", "kept")).unwrap();
    store.fail_sync_after(0);
    assert_eq!(conn.transact(doc("x", "lost")).unwrap_err().code(), Code::Io);
    let error = conn.transact(doc("x", "later")).unwrap_err();
    assert_eq!(error.code(), Code::Poisoned);
    assert_eq!(conn.db().basis_t(), 1);
    assert_eq!(said(&conn).len(), 1);
    drop(conn);
    store.crash();
    let again = Options::new().open_store(Arc::new(store)).unwrap();
    assert_eq!(again.db().basis_t(), 1);
    again.transact(doc("x", "goes on")).unwrap();
}

#[test]
fn weak_durability_may_lose_the_end_and_nothing_else() {
    let store = Faulty::new();
    let conn = Options::new()
        .durability(Durability::Process)
        .open_store(Arc::new(store.clone()))
        .unwrap();
    let power = WriteOptions {
        durability: Some(Durability::Power),
        ..WriteOptions::default()
    };
    conn.transact(doc("x", "one")).unwrap();
    conn.transact_with(doc("x", "two"), &power).unwrap();
    conn.transact(doc("x", "three")).unwrap();
    assert_eq!(conn.db().basis_t(), 3);
    store.crash();
    drop(conn);
    let again = Options::new().open_store(Arc::new(store)).unwrap();
    assert_eq!(again.db().basis_t(), 2);
}

#[test]
fn a_log_that_lost_its_end_is_refused() {
    let store = Arc::new(Memory::new());
    let conn = Options::new().open_store(store.clone()).unwrap();
    for i in 0..5 {
        conn.transact(doc("x", &i.to_string())).unwrap();
    }
    drop(conn);
    store.forget_log(4).unwrap();
    let error = Options::new().open_store(store.clone()).err().unwrap();
    assert_eq!(error.code(), Code::ChainBroken);
    assert!(error.message().contains("ends at t 3"), "{error}");
    let conn = Options::new().accept_loss(true).open_store(store.clone()).unwrap();
    assert_eq!(conn.db().basis_t(), 3);
    conn.transact(doc("x", "new")).unwrap();
    drop(conn);
    assert_eq!(Options::new().open_store(store).unwrap().db().basis_t(), 4);
}

#[tokio::test]
async fn async_callers_are_queued_in_order() {
    let store = Faulty::new();
    store.sync_takes(Duration::from_millis(2));
    let conn = Options::new().open_store(Arc::new(store.clone())).unwrap();
    let started: Vec<Transacting> = (0..100)
        .map(|i| conn.transact_async(doc("x", &format!("number {i}"))))
        .collect();
    let refused = conn.transact_async(wrong());
    let mut ts = Vec::new();
    for future in started {
        ts.push(future.await.unwrap().t);
    }
    assert_eq!(ts, (1..=100).collect::<Vec<_>>());
    assert_eq!(refused.await.unwrap_err().code(), Code::InvalidTxForm);
    assert!(store.syncs() < 50, "{} syncs", store.syncs());
    conn.close().unwrap();
    assert_eq!(conn.transact_async(wrong()).await.unwrap_err().code(), Code::Closed);
}

#[test]
fn subscribers_get_reports_and_never_slow_the_writer() {
    let conn = Connection::in_memory().unwrap();
    // As many as ever come take no more memory than those that wait.
    let all = conn.subscribe(usize::MAX);
    let wide = conn.subscribe(10);
    let narrow = conn.subscribe(1);
    for i in 0..3 {
        conn.transact(doc("x", &i.to_string())).unwrap();
    }
    assert_eq!((1..=3).map(|_| wide.next().unwrap().t).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((narrow.next().unwrap().t, narrow.missed()), (1, 2));
    assert_eq!((all.try_next().unwrap().t, all.missed()), (1, 0));
    conn.close().unwrap();
    assert!(wide.next().is_none());
}

#[test]
fn the_indexer_folds_and_opening_goes_on_from_its_root() {
    let store = Arc::new(Memory::new());
    let conn = Options::new().index_after(300).open_store(store.clone()).unwrap();
    let mut kept = Vec::new();
    for i in 0..400 {
        let report = conn.transact(doc("x", &format!("a text for number {i}"))).unwrap();
        if i % 50 == 0 {
            kept.push(report.db_after);
        }
    }
    conn.sync_index().unwrap();
    assert_eq!(conn.db().base().snapshot.unindexed(), 0);
    for i in 0..10 {
        conn.transact(doc("y", &format!("and after that {i}"))).unwrap();
    }
    let facts = |db: &Db| -> Vec<crate::datom::Datom> {
        let rows = db
            .history()
            .scan(crate::index::Order::Eavt, &crate::index::Range::all());
        rows.flat_map(|batch| {
            let batch = batch.unwrap();
            (0..batch.len())
                .map(|i| db.datom(batch.row(i)).unwrap())
                .collect::<Vec<_>>()
        })
        .collect()
    };
    for db in &kept {
        assert_eq!(facts(db), facts(&conn.db().as_of(db.basis_t()).unwrap()));
    }
    let (all, ids) = (facts(&conn.db()), conn.db().base().next_ids.clone());
    drop(conn);
    assert!(store.root().unwrap().is_some());
    let again = Options::new().open_store(store.clone()).unwrap();
    assert_eq!(
        again.db().base().snapshot.unindexed(),
        20,
        "only what came after the root is replayed"
    );
    assert_eq!(facts(&again.db()), all);
    assert_eq!(again.db().base().next_ids, ids);
    assert_eq!(again.db().schema().attrs().count(), 20);
    drop(again);

    // A log that ends before its indexes: refused, or made anew from what is left.
    store.forget_log(101).unwrap();
    let error = Options::new().open_store(store.clone()).err().unwrap();
    assert_eq!(error.code(), Code::ChainBroken);
    let less = Options::new().accept_loss(true).open_store(store.clone()).unwrap();
    assert_eq!(store.blob_ids(0).count(), 0, "nothing is left of the old indexes");
    assert_eq!(less.db().basis_t(), 100);
    assert_eq!(
        facts(&less.db()),
        all.into_iter().filter(|d| d.tx.t() <= 100).collect::<Vec<_>>()
    );
}

#[test]
fn a_damaged_record_is_refused_or_given_up_with_what_follows() {
    let store = Arc::new(Memory::new());
    let conn = Options::new().open_store(store.clone()).unwrap();
    for i in 0..8 {
        conn.transact(doc("x", &i.to_string())).unwrap();
    }
    drop(conn);
    store.overwrite_record(5, b"\x01 not a record");
    let error = Options::new().open_store(store.clone()).err().unwrap();
    assert_eq!(error.code(), Code::CorruptStore);
    let conn = Options::new().accept_loss(true).open_store(store.clone()).unwrap();
    assert_eq!(conn.db().basis_t(), 4);
    conn.transact(doc("x", "new")).unwrap();
    drop(conn);
    let conn = Options::new().open_store(store).unwrap();
    assert_eq!((conn.db().basis_t(), conn.verify().unwrap().records), (5, 6));
}

#[test]
fn a_sync_that_fails_in_a_crowd_loses_nothing_that_was_acknowledged() {
    for syncs in 0..6 {
        let store = Faulty::new();
        store.sync_takes(Duration::from_millis(1));
        let conn = Options::new().open_store(Arc::new(store.clone())).unwrap();
        store.fail_sync_after(syncs);
        let acknowledged: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| {
                    let conn = conn.clone();
                    scope.spawn(move || {
                        let mut mine = Vec::new();
                        loop {
                            match conn.transact(doc("x", &format!("{thread} {}", mine.len()))) {
                                Ok(report) => mine.push(report.t),
                                Err(e) => {
                                    assert!(matches!(e.code(), Code::Io | Code::Poisoned), "{e}");
                                    return mine;
                                }
                            }
                        }
                    })
                })
                .collect();
            threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
        });
        let public = conn.db().basis_t();
        assert_eq!(
            public,
            acknowledged.iter().copied().max().unwrap_or(0),
            "nobody saw what is not safe"
        );
        drop(conn);
        store.crash();
        let again = Options::new().open_store(Arc::new(store)).unwrap();
        assert_eq!(again.db().basis_t(), public);
        assert_eq!(acknowledged.len() as u64, public);
    }
}

#[tokio::test]
async fn writers_wait_for_the_indexer_and_go_on() {
    let conn = Options::new().index_after(10).wait_after(50).in_memory().unwrap();
    let mut started = Vec::new();
    for i in 0..200 {
        started.push(conn.transact_async(doc("x", &i.to_string())));
        if i % 10 == 0 {
            conn.transact(doc("y", &i.to_string())).unwrap();
        }
    }
    for future in started {
        future.await.unwrap();
    }
    assert_eq!(conn.db().basis_t(), 220);
    conn.sync_index().unwrap();
    assert_eq!(conn.db().base().snapshot.unindexed(), 0);
    conn.verify_indexes().unwrap();
}

#[test]
fn an_indexer_that_cannot_write_stops_writers_before_memory_does() {
    let store = Faulty::new();
    let conn = Options::new()
        .index_after(50)
        .wait_after(200)
        .open_store(Arc::new(store.clone()))
        .unwrap();
    store.fail_blob_after(0);
    let mut refused = 0;
    for i in 0..200 {
        match conn.transact(doc("x", &format!("a text that is long enough {i}"))) {
            Ok(_) => assert_eq!(refused, 0),
            Err(e) => {
                assert_eq!(e.code(), Code::Io);
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
    // Reading goes on, and so does the log.
    conn.verify().unwrap();
    drop(conn);
    store.crash();
    let again = Options::new().open_store(Arc::new(store)).unwrap();
    again.sync_index().unwrap();
    again.verify_indexes().unwrap();
}

#[test]
fn a_function_that_writes_by_itself_is_refused_and_waits_for_nobody() {
    let held: Arc<std::sync::OnceLock<Connection>> = Arc::default();
    let inner = held.clone();
    let conn = Options::new()
        .tx_fn("my/nested", move |_, _| {
            let conn = inner.get().expect("set below");
            assert_eq!(conn.close().unwrap_err().code(), Code::InvalidArgument);
            conn.transact("[]").map(|_| Vec::new())
        })
        .in_memory()
        .unwrap();
    held.set(conn.clone()).unwrap();
    let error = conn.transact("[[my/nested]]").unwrap_err();
    assert!(error.to_string().contains("cannot use its connection"), "{error}");
    conn.transact("[]").unwrap();
}

#[test]
fn a_function_that_panics_fails_its_transaction_alone() {
    let conn = Options::new()
        .tx_fn("my/broken", |_, _| panic!("as it must"))
        .in_memory()
        .unwrap();
    let error = conn.transact("[[my/broken]]").unwrap_err();
    assert_eq!(error.code(), Code::TxFunctionFailed);
    assert!(error.message().contains("as it must"), "{error}");
    assert_eq!(conn.transact(doc("x", "fine")).unwrap().t, 1);
}

#[test]
fn a_damaged_record_that_the_indexes_have_reached_is_given_up() {
    let store = Arc::new(Memory::new());
    let conn = Options::new().open_store(store.clone()).unwrap();
    for i in 0..8 {
        conn.transact(doc("x", &format!("a text for number {i}"))).unwrap();
    }
    conn.sync_index().unwrap();
    drop(conn);
    store.overwrite_record(8, b"\x01 not a record");
    let error = Options::new().open_store(store.clone()).err().unwrap();
    assert_eq!(error.code(), Code::ChainBroken);
    let conn = Options::new().accept_loss(true).open_store(store).unwrap();
    assert_eq!((conn.db().basis_t(), conn.verify().unwrap().records), (7, 8));
    conn.verify_indexes().unwrap();
}

#[test]
fn what_is_in_no_log_gets_into_no_index() {
    let store = Faulty::new();
    let conn = Options::new().open_store(Arc::new(store.clone())).unwrap();
    conn.transact(doc("x", "kept")).unwrap();
    store.fail_append_after(0);
    conn.transact(doc("x", "lost")).unwrap_err();
    let error = super::indexer::fold_once(&*conn.0.writer, 1).unwrap_err();
    assert_eq!(error.code(), Code::Poisoned);
    drop(conn);
    store.crash();
    let again = Options::new().open_store(Arc::new(store)).unwrap();
    assert_eq!(again.db().basis_t(), 1);
    again.verify_indexes().unwrap();
}

#[test]
fn a_panic_of_the_indexer_is_an_error_and_it_goes_on() {
    let store = Faulty::new();
    let conn = Options::new().open_store(Arc::new(store.clone())).unwrap();
    conn.transact(doc("x", "kept")).unwrap();
    store.panic_at_blob();
    let error = conn.sync_index().unwrap_err();
    assert!(error.message().contains("panicked"), "{error}");
    conn.transact(doc("x", "later")).unwrap();
    conn.sync_index().unwrap();
    assert_eq!(conn.db().base().snapshot.unindexed(), 0);
    conn.verify_indexes().unwrap();
}

/// A database whose indexes are written twice, and between that once more where `fault` makes it fail.
fn blobs_after(fault: Option<&dyn Fn(&Faulty)>) -> Vec<u64> {
    let store = Faulty::new();
    let conn = Options::new().open_store(Arc::new(store.clone())).unwrap();
    let mut n = 0;
    let mut say = |texts: usize| {
        for _ in 0..texts {
            n += 1;
            conn.transact(doc("x", &format!("a text for number {n}, longer than most")))
                .unwrap();
        }
    };
    say(21);
    conn.sync_index().unwrap();
    say(15);
    if let Some(fault) = fault {
        fault(&store);
        conn.sync_index().unwrap_err();
        store.fail_blob_after(u64::MAX);
        store.fail_hashes_after(u64::MAX);
    }
    say(14);
    conn.sync_index().unwrap();
    conn.verify_indexes().unwrap();
    store.blob_ids(0).map(|id| id.unwrap()).collect()
}

#[test]
fn a_fold_that_fails_leaves_nothing_behind() {
    let clean = blobs_after(None);
    let faults: [&dyn Fn(&Faulty); 4] = [
        &|store| store.fail_blob_after(0),
        &|store| store.fail_blob_after(9),
        &|store| store.fail_hashes_after(0),
        &Faulty::panic_at_blob,
    ];
    for fault in faults {
        assert_eq!(blobs_after(Some(fault)), clean);
    }
}

#[test]
fn a_fold_that_a_crash_ended_leaves_nothing_behind() {
    let store = Faulty::new();
    let open = || Options::new().open_store(Arc::new(store.clone())).unwrap();
    let conn = open();
    let ids = || store.blob_ids(0).map(|id| id.unwrap()).collect::<Vec<u64>>();
    conn.transact(doc("x", "a text that is longer than a word")).unwrap();
    conn.sync_index().unwrap();
    let clean = ids();
    conn.transact(doc("x", "another text that is longer than most"))
        .unwrap();
    store.fail_hashes_after(0);
    conn.sync_index().unwrap_err();
    assert_ne!(ids(), clean);
    drop(conn);
    store.crash();
    let again = open();
    assert_eq!(ids(), clean);
    again.sync_index().unwrap();
    again.verify_indexes().unwrap();
}

#[test]
fn what_is_only_asked_for_enters_no_dictionary() {
    let conn = Connection::in_memory().unwrap();
    conn.transact(
        "[{:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
          {:db/ident :ship/aka :db/valueType :db.type/string :db/cardinality :db.cardinality/many}]",
    )
    .unwrap();
    conn.transact("[{:ship/name \"the Petrel of Leith\"}]").unwrap();
    let petrel = "[:ship/name \"the Petrel of Leith\"]";
    let codes = || conn.db().words().dict().len();
    let before = codes();
    for (tx, error) in [
        (
            "[[:db/add [:ship/name \"a ship that nobody has seen\"] :db/doc \"x\"]]".to_string(),
            Some("nobody has seen"),
        ),
        (
            format!("[[:db/cas {petrel} :ship/name \"the Osprey of Wick\" \"x\"]]"),
            Some("not \"the Osprey of Wick\""),
        ),
        (
            format!("[[:db/retract {petrel} :ship/aka \"the old Petrel of Leith\"]]"),
            None,
        ),
        (
            format!("[[:db/retract {petrel} :ship/name \"the new Petrel of Leith\"]]"),
            None,
        ),
    ] {
        match (conn.transact(tx.clone()), error) {
            (Err(e), Some(says)) => assert!(e.message().contains(says), "{e}"),
            (Ok(report), None) => assert!(report.noop, "{tx}"),
            (outcome, _) => panic!("{tx}: {outcome:?}"),
        }
    }
    assert_eq!(codes(), before);
    // One value is one, in whatever order it is said and asked for.
    for (one, other) in [("retract", "add"), ("add", "retract")] {
        let form = |op: &str| format!("[:db/{op} {petrel} :ship/aka \"said here for the first time, {one}\"]");
        let error = conn.transact(format!("[{} {}]", form(one), form(other))).unwrap_err();
        assert_eq!(error.code(), Code::DatomsConflict, "{error}");
    }
}
