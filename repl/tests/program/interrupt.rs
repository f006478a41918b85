//! What takes long ends when its time is up, or when somebody sends SIGINT, and says what stays.

use std::io::Write;
use std::process::{Child, ChildStdin, Command};

use crate::place::{Place, Run};

/// More rows than wait anywhere between a pipe and the database, when a transaction has a hundred.
const ROWS: usize = 30_000;

fn rows(from: usize, to: usize) -> String {
    let row = |i| format!("row-{i:06},{:-^60}\n", i % 100);
    (from..to).map(row).collect()
}

/// A program that has taken all rows there are from its standard input and waits for more.
fn fed(place: &Place, args: &[&str]) -> (Child, ChildStdin) {
    let mut child = place.start(args);
    let mut stdin = child.stdin.take().expect("piped");
    // One that has to stop before reads no more.
    let _ = stdin.write_all(format!("id,text\n{}", rows(0, ROWS)).as_bytes());
    (child, stdin)
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

fn end(child: Child) -> Run {
    child.wait_with_output().expect("asof ends").into()
}

/// The number before `what` in a message.
fn number(text: &str, what: &str) -> usize {
    let before = text.split(what).next().unwrap_or_default();
    let digits = before.rsplit(' ').next().unwrap_or_default().replace(',', "");
    digits
        .parse()
        .unwrap_or_else(|_| panic!("no number before {what}: {text}"))
}

const COUNT: &str = "[:find (count ?e) . :where [?e :row/id]]";
const IMPORT: [&str; 10] = [
    "import",
    "csv",
    "-",
    "--entity",
    "row",
    "--id",
    "id",
    "--batch",
    "100",
    "--sample=10",
];

#[test]
fn an_import_ends_between_two_transactions() {
    let place = Place::new(&[]);
    let (child, _open) = fed(&place, &IMPORT);
    interrupt(&child);
    let run = end(child);
    assert_eq!((run.code, run.out.as_str()), (130, ""), "{}", run.err);
    assert!(run.err.contains("query-cancelled: cancelled after "), "{}", run.err);
    assert!(run.err.contains("importing again adds the rest"), "{}", run.err);
    let there = number(&run.err, " rows are imported");
    assert!(there > 0 && there.is_multiple_of(100), "{}", run.err);
    let line = format!("the last from line {}", there + 1);
    assert!(run.err.replace(',', "").contains(&line), "{}", run.err);
    // It is whole, has what was said, and the rest comes when it is imported again.
    assert!(place.out(&["verify"]).contains("whole and unbroken"));
    assert_eq!(place.q(COUNT), format!("{there}\n"));
    place.write("row.csv", format!("id,text\n{}", rows(0, there + 100)));
    place.out(&["import", "csv", "row.csv", "--id", "id"]);
    assert_eq!(place.q(COUNT), format!("{}\n", there + 100));
}

#[test]
fn an_import_ends_when_its_time_is_up() {
    let place = Place::new(&[]);
    let mut args = IMPORT.to_vec();
    args.extend(["--timeout", "2s"]);
    let (child, _open) = fed(&place, &args);
    let run = end(child);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(
        run.err.contains("query-timeout: not done within the timeout of 2s"),
        "{}",
        run.err
    );
    // A slow machine has none yet.
    if !run.err.contains("no row is imported") {
        let there = number(&run.err, " rows are imported");
        assert_eq!(place.q(COUNT), format!("{there}\n"));
    }
    // Nothing that anybody could wait for makes a database.
    let empty = Place::new(&[]);
    let mut child = empty.start(&["import", "ndjson", "-", "--entity", "row", "--timeout", "100ms"]);
    let _open = child.stdin.take();
    let run = end(child);
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.err.contains("nothing is imported"), "{}", run.err);
    assert!(!empty.path().join("asof-data").exists());
}

#[test]
fn all_that_takes_long_has_a_limit() {
    let place = Place::new(&[
        ("row.csv", &format!("id,text\n{}", rows(0, 2000))),
        ("page.asof", "```asof\n(+ 1 2)\n```\n"),
        ("more.edn", "[{:row/id \"x\"}]\n[{:row/id \"y\"}]"),
    ]);
    place.out(&["import", "csv", "row.csv", "--id", "id"]);
    place.out(&["export", "--history", "all.dump"]);
    let before = place.out(&["verify"]);
    let page = place.read("page.asof");
    for (args, kept) in [
        ("import csv row.csv --id id", "nothing is imported"),
        ("import edn more.edn", "nothing is imported"),
        ("import dump all.dump --db other", "nothing was written"),
        ("transact more.edn", "0 of 2 transactions are stored"),
        ("verify", "nothing is changed"),
        ("reindex", "the database is as it was"),
        ("export --history new.dump", "new.dump is not written"),
        ("export new.csv", "new.csv is not written"),
        ("export csv", "what came out is cut short"),
        ("golden page.asof --update", "none is changed"),
    ] {
        let mut words: Vec<&str> = args.split(' ').collect();
        words.extend(["--timeout", "0ms"]);
        let run = place.run(&words);
        assert_eq!(run.code, 3, "{args}: {}{}", run.out, run.err);
        assert!(
            run.err.contains("query-timeout") && run.err.contains(kept),
            "{args}: {}",
            run.err
        );
    }
    assert_eq!(place.read("page.asof"), page);
    let left = std::fs::read_dir(place.path()).expect("readable").map(|entry| {
        let entry = entry.expect("readable");
        entry.file_name().to_string_lossy().into_owned()
    });
    let mut left: Vec<String> = left.collect();
    left.sort();
    assert_eq!(left, ["all.dump", "asof-data", "more.edn", "page.asof", "row.csv"]);
    assert_eq!(place.out(&["verify"]), before);
}
