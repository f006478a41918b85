use std::path::Path;

use super::*;

fn open(dir: &Path) -> Result<Fjall> {
    Fjall::open(dir, &Settings::default())
}

fn code<T>(result: Result<T>) -> Code {
    result.err().expect("an error").code()
}

fn records(from: u64, to: u64) -> Vec<(u64, Vec<u8>)> {
    (from..to).map(|t| (t, format!("record {t}").into_bytes())).collect()
}

fn keys(store: &dyn Store, from: u64) -> Vec<u64> {
    store.log(from).map(|r| r.unwrap().0).collect()
}

fn hashed(first: bool) -> impl Fn((u64, u64)) -> Hashed {
    move |(hash, code)| Hashed { hash, code, first }
}

/// What every store does alike.
fn behaves(store: &dyn Store) {
    assert_eq!(store.last_t().unwrap(), None);
    assert!(keys(store, 0).is_empty());
    store.append(&records(0, 3), Durability::Power).unwrap();
    store.append(&records(3, 5), Durability::None).unwrap();
    assert_eq!(store.last_t().unwrap(), Some(4));
    assert_eq!(keys(store, 0), [0, 1, 2, 3, 4]);
    assert_eq!(keys(store, 3), [3, 4]);
    assert_eq!(&*store.record(2).unwrap().unwrap(), b"record 2");
    assert_eq!(store.record(5).unwrap(), None);

    let blobs = |range: std::ops::Range<u64>| range.map(|id| (id, vec![id as u8; 3000]));
    store.put_blobs(&mut blobs(1..10)).unwrap();
    store.put_blobs(&mut blobs(10..20)).unwrap();
    store.put_blobs(&mut std::iter::empty()).unwrap();
    assert_eq!(store.blob(12).unwrap().unwrap()[..], [12; 3000]);
    store.delete_blobs(&[3, 12]).unwrap();
    assert_eq!(store.blob(12).unwrap(), None);
    let ids: Vec<u64> = store.blob_ids(2).map(|id| id.unwrap()).collect();
    assert_eq!(ids, [2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19]);
    // An id is given again when a fold failed, or the indexes are made anew.
    let other = (12..15).map(|id| (id, vec![id as u8 + 100; 2000]));
    store.put_blobs(&mut other.into_iter()).unwrap();
    for id in 12..15 {
        assert_eq!(store.blob(id).unwrap().unwrap()[..], [id as u8 + 100; 2000]);
    }

    store
        .put_hashes(&mut [(1, 10), (7, 3), (7, 4), (u64::MAX, 1)].map(hashed(true)).into_iter())
        .unwrap();
    store
        .put_hashes(&mut [(7, 3), (7, 9), (8, 2)].map(hashed(false)).into_iter())
        .unwrap();
    assert_eq!(store.codes(7).unwrap(), [3, 4, 9]);
    assert_eq!(store.codes(u64::MAX).unwrap(), [1]);
    assert!(store.codes(2).unwrap().is_empty());

    assert_eq!(store.root().unwrap(), None);
    store.swap_root(0, b"first").unwrap();
    store.swap_root(1, b"second").unwrap();
    assert_eq!(code(store.swap_root(1, b"third")), Code::StoreLocked);
    let (version, root) = store.root().unwrap().unwrap();
    assert_eq!((version, &*root), (2, &b"second"[..]));
}

#[test]
fn all_stores_behave() {
    behaves(&Memory::new());
    behaves(&Faulty::new());
    let dir = tempfile::tempdir().unwrap();
    behaves(&open(&dir.path().join("db")).unwrap());
}

#[test]
fn what_was_closed_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    behaves(&store);
    store.note_head(4, [4; 32]).unwrap();
    store.close().unwrap();
    assert_eq!(code(store.record(1)), Code::Closed);
    assert_eq!(code(store.append(&records(5, 6), Durability::Power)), Code::Closed);
    // The closed store is still held, and lets go all the same.
    let again = open(dir.path()).unwrap();
    assert_eq!(keys(&again, 0), [0, 1, 2, 3, 4]);
    assert_eq!(again.head().unwrap(), Some((4, [4; 32])));
    assert_eq!(again.codes(7).unwrap(), [3, 4, 9]);
    assert_eq!(again.root().unwrap().unwrap().0, 2);
    assert_eq!(again.blob(19).unwrap().unwrap()[..], [19; 3000]);
    let usage = again.disk_usage();
    assert!(
        usage.iter().any(|(name, bytes)| *name == "leaf" && *bytes > 0),
        "{usage:?}"
    );
}

#[test]
fn closing_leaves_no_long_journal_to_replay() {
    let dir = tempfile::tempdir().unwrap();
    let long = |t: u64| vec![(t, vec![t as u8; 100_000])];
    let journal = || {
        let (_, path) = layout::journals(&dir.path().join("store")).unwrap().pop().unwrap();
        std::fs::metadata(path).unwrap().len()
    };
    let store = open(dir.path()).unwrap();
    behaves(&store);
    store.append(&long(5), Durability::None).unwrap();
    store.close().unwrap();
    assert_eq!(journal(), 0);

    // What is written on top of that is newer than what is in tables, also when only the journal has it.
    let store = open(dir.path()).unwrap();
    assert_eq!(keys(&store, 0), [0, 1, 2, 3, 4, 5]);
    store.swap_root(2, b"third").unwrap();
    store.append(&records(6, 7), Durability::Power).unwrap();
    store.close().unwrap();
    assert!(journal() > 0, "a short one is cheaper to replay than to do without");
    let store = open(dir.path()).unwrap();
    assert_eq!(keys(&store, 3), [3, 4, 5, 6]);
    assert_eq!(&*store.root().unwrap().unwrap().1, b"third");
    assert_eq!(store.record(5).unwrap().unwrap().len(), 100_000);
    store.append(&long(7), Durability::Power).unwrap();
    store.close().unwrap();
    assert_eq!(journal(), 0);
    assert_eq!(keys(&open(dir.path()).unwrap(), 4), [4, 5, 6, 7]);
}

/// The engine's one worker waits for itself when many commits ask it for a table of the log (fjall 3.1.13), and nobody is written or
/// closed any more. So none may ask, however many there are, not even in the life after.
#[test]
fn small_appends_never_make_the_engine_wait_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let (done, over) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        const LIFE: u64 = 4_000;
        for life in 0..2 {
            let store = open(&path).unwrap();
            for t in life * LIFE..(life + 1) * LIFE {
                store.append(&[(t, vec![7; 200])], Durability::None).unwrap();
                assert!(!store.asks_the_engine());
            }
            store.close().unwrap();
        }
        let store = open(&path).unwrap();
        assert_eq!(keys(&store, 0).len() as u64, 2 * LIFE);
        let tables = store.disk_usage().into_iter().find(|(space, _)| *space == "log");
        assert!(tables.is_some_and(|(_, bytes)| bytes > 0), "the log is in tables");
        done.send(()).unwrap();
    });
    // It takes a second or two; who is stuck is so for ever.
    match over.recv_timeout(std::time::Duration::from_secs(300)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("the engine waits for itself"),
        _ => thread.join().unwrap(),
    }
}

#[test]
fn a_second_opener_hears_who_was_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert_eq!(error.code(), Code::StoreLocked);
    let me = format!("process {} (", std::process::id());
    assert!(error.message().contains(&me), "{error}");
    assert!(error.hint_text().unwrap().contains("this process"), "{error}");
    drop(store);
    // What the last holder wrote stays and does no harm.
    assert!(
        std::fs::read_to_string(dir.path().join("asof.lock"))
            .unwrap()
            .contains(&me)
    );
    open(dir.path()).unwrap();
}

#[test]
fn directories_are_made_only_where_that_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        create: false,
        ..Settings::default()
    };
    assert_eq!(code(Fjall::open(&dir.path().join("none"), &settings)), Code::DbNotFound);
    assert!(!dir.path().join("none").exists());

    let full = dir.path().join("full");
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("letter.txt"), "dear").unwrap();
    assert_eq!(code(open(&full)), Code::InvalidArgument);

    // A creation that was stopped early is begun again; the same shape with anything else in it is left alone.
    let half = dir.path().join("half");
    std::fs::create_dir_all(half.join("store/keyspaces")).unwrap();
    std::fs::write(half.join("store/0.jnl"), "").unwrap();
    drop(open(&half).unwrap());
    drop(open(&dir.path().join("some/folders/deep")).unwrap());

    std::fs::write(half.join("FORMAT"), "asof 99\n").unwrap();
    assert_eq!(code(open(&half)), Code::UnsupportedFormat);
}

#[test]
fn damage_names_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    behaves(&store);
    store.damage();
    for (result, space, key) in [
        (store.record(1).map(|_| ()), "log", 1),
        (store.blob(2).map(|_| ()), "leaf", 2),
        (store.codes(7).map(|_| ()), "dict-hash", 7),
        (store.root().map(|_| ()), "root", 2),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.code(), Code::CorruptStore);
        assert!(
            error
                .message()
                .starts_with(&format!("key {key} of keyspace {space} is damaged")),
            "{error}"
        );
    }
    let walked: Vec<bool> = store.log(0).map(|r| r.is_ok()).collect();
    // Records 0 to 2 and 3 to 4 are a run each; what was put in between has a place of its own.
    assert_eq!(walked, [true, true, true, false, true, true]);
}

#[test]
fn forgetting_keeps_the_beginning_of_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.append(&records(0, 10), Durability::Power).unwrap();
    store.append(&records(10, 20), Durability::Power).unwrap();
    assert_eq!(keys(&store, 13), (13..20).collect::<Vec<u64>>());
    store.forget_log(14).unwrap();
    assert_eq!(keys(&store, 0), (0..14).collect::<Vec<u64>>());
    store.forget_log(10).unwrap();
    assert_eq!((store.last_t().unwrap(), store.record(10).unwrap()), (Some(9), None));
    store.forget_log(3).unwrap();
    assert_eq!(store.last_t().unwrap(), Some(2));
    assert_eq!(&*store.record(2).unwrap().unwrap(), b"record 2");
    store.append(&records(3, 5), Durability::Power).unwrap();
    assert_eq!(keys(&store, 0), [0, 1, 2, 3, 4]);
}

#[test]
fn the_head_never_runs_ahead_of_what_is_synced() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.append(&records(0, 2), Durability::Process).unwrap();
    store.note_head(1, [1; 32]).unwrap();
    assert_eq!(store.head().unwrap(), None, "not on the commit path");
    std::thread::sleep(std::time::Duration::from_millis(1300));
    assert_eq!(store.head().unwrap(), Some((1, [1; 32])), "but a second later");
}

#[test]
fn a_head_that_could_not_be_written_is_written_later() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let file = dir.path().join("HEAD");
    std::fs::remove_file(&file).unwrap();
    let settings = Settings {
        head_may_be_lost: true,
        ..Settings::default()
    };
    let store = Fjall::open(dir.path(), &settings).unwrap();
    // Nothing can be written where a folder is.
    std::fs::create_dir(&file).unwrap();
    store.append(&records(0, 2), Durability::Power).unwrap();
    store.note_head(1, [1; 32]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1300));
    assert_eq!(store.head().unwrap(), None);
    std::fs::remove_dir(&file).unwrap();
    store.close().unwrap();
    assert_eq!(open(dir.path()).unwrap().head().unwrap(), Some((1, [1; 32])));
}
