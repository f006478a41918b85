//! The program as its users meet it: what goes where, exit codes, formats, and messages.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a run of the program did.
struct Run {
    code: i32,
    out: String,
    err: String,
}

fn asof_with(args: &[&str], dir: &Path, input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_asof"))
        .args(args)
        .current_dir(dir)
        .env_remove("ASOF_DB")
        .env("HOME", dir)
        .env_remove("ASOF_HISTORY")
        .env_remove("XDG_DATA_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("asof starts");
    // A program that reads nothing may have ended before it is written to.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("asof ends");
    Run {
        code: output.status.code().expect("asof is not killed"),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

/// A folder with a database in `asof-data`.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a temporary folder"));
        let schema = r#"
            [{:db/id "datomic.tx" :db/txInstant #inst "2024-01-01"}
             {:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
             {:db/ident :ship/tons :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/doc "Weight."}]
            [{:db/id "datomic.tx" :db/txInstant #inst "2024-02-01"} {:ship/name "Petrel" :ship/tons 900}]
            [{:db/id "datomic.tx" :db/txInstant #inst "2024-03-01"} {:ship/name "Petrel" :ship/tons 950}
             {:ship/name "a, \"b\"\tc" :ship/tons 1}]"#;
        let run = place.input(&["transact", "-"], schema);
        assert_eq!(
            (run.code, run.err.as_str(), run.out.lines().count()),
            (0, "", 3),
            "{}",
            run.out
        );
        place
    }
    fn input(&self, args: &[&str], input: &str) -> Run {
        asof_with(args, self.0.path(), input)
    }
    fn run(&self, args: &[&str]) -> Run {
        self.input(args, "")
    }
    /// Standard output of a run that goes well and says nothing on the side.
    fn out(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{args:?}: {}", run.out);
        run.out
    }
    /// Standard error of a run that fails with `code` and prints no result.
    fn err(&self, args: &[&str], code: i32) -> String {
        let run = self.run(args);
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{args:?}: {}", run.err);
        run.err
    }
}

const TONS: &str = "[:find ?n ?t :where [?s :ship/name ?n] [?s :ship/tons ?t]]";

#[test]
fn questions_about_now_then_and_history() {
    let place = Place::new();
    assert_eq!(
        place.out(&["q", TONS]),
        "#{[\"Petrel\" 950] [\"a, \\\"b\\\"\\tc\" 1]}\n"
    );
    for time in ["2", "2024-02-01", "2024-02-15T12:00Z", "13194139533314"] {
        assert_eq!(
            place.out(&["q", TONS, "--as-of", time]),
            "#{[\"Petrel\" 900]}\n",
            "as of {time}"
        );
    }
    let changes = "[:find ?t ?added :where [?s :ship/tons ?t _ ?added] [?s :ship/name \"Petrel\"]]";
    assert_eq!(
        place.out(&["q", changes, "--history"]),
        "#{[900 false] [900 true] [950 true]}\n"
    );
    let newer = "[:find [?t ...] :where [_ :ship/tons ?t]]";
    assert_eq!(place.out(&["q", newer, "--since", "2024-02-01"]), "[1 950]\n");
    let by_name = "[:find ?t . :in $ ?n :where [?s :ship/name ?n] [?s :ship/tons ?t]]";
    assert_eq!(place.out(&["q", by_name, "\"Petrel\""]), "950\n");
    assert_eq!(
        place.out(&[
            "q",
            "[:find ?x . :in $ ?y :where [(+ ?y 1) ?x]]",
            "-5",
            "--format",
            "json"
        ]),
        "-4\n"
    );
    let then = "[:find ?x ?y :in $ $then :where [?s :ship/tons ?x] [$then ?s :ship/tons ?y]]";
    assert_eq!(place.out(&["q", then, "db", "(as-of db 2)"]), "#{[950 900]}\n");
    assert_eq!(
        place.out(&["pull", "[:ship/tons]", "[:ship/name \"Petrel\"]", "--as-of", "2"]),
        "{:ship/tons 900}\n"
    );
    assert_eq!(place.out(&["pull", "[:ship/tons]", "[:ship/name \"Nobody\"]"]), "nil\n");
}

#[test]
fn formats() {
    let place = Place::new();
    let csv = place.out(&["q", TONS, "--format", "csv"]);
    assert_eq!(csv, "?n,?t\nPetrel,950\n\"a, \"\"b\"\"\tc\",1\n");
    let json = place.out(&["q", TONS, "--format", "json"]);
    assert_eq!(
        json,
        "[{\"?n\":\"Petrel\",\"?t\":950},{\"?n\":\"a, \\\"b\\\"\\u0009c\",\"?t\":1}]\n"
    );
    let when = "[:find ?at :where [3 :db/txInstant ?at]]".replace('3', "13194139533314");
    assert_eq!(
        place.out(&["q", &when, "--format", "csv"]),
        "?at\n2024-02-01T00:00:00.000Z\n"
    );
    let table = place.out(&["q", TONS, "--format", "table"]);
    assert!(table.contains("│ Petrel    ┆ 950 │"), "{table}");
    assert!(
        table.contains("a, \"b\"\\tc"),
        "control characters are harmless: {table}"
    );
    let schema = place.out(&["schema"]);
    assert!(
        schema.contains(":ship/tons") && schema.contains("\"Weight.\""),
        "{schema}"
    );
    assert!(!schema.contains(":db/txInstant"), "{schema}");
}

#[test]
fn the_log_is_readable() {
    let place = Place::new();
    let log = place.out(&["log", "--from", "3"]);
    assert!(log.starts_with("t 3  2024-03-01T00:00:00"), "{log}");
    assert!(
        log.contains(":ship/tons  900") && log.contains("  - ") && log.contains("  + "),
        "{log}"
    );
    let brief = place.out(&["log", "--brief", "--from", "2024-02-01", "--to", "2024-02-20"]);
    assert_eq!(brief.lines().count(), 1, "{brief}");
    assert!(brief.starts_with("t 2 "), "{brief}");
    assert_eq!(place.out(&["log", "--from", "2025-01-01"]), "");
}

#[test]
fn mistakes_have_a_place_and_a_way_out() {
    let place = Place::new();
    let err = place.err(&["q", "[:find ?n\n :where [?s :ship/nmae ?n]]"], 1);
    assert!(
        err.contains(":db.error/unknown-attribute") && err.contains("query:2:13"),
        "{err}"
    );
    assert!(err.contains("did you mean :ship/name?"), "{err}");
    assert!(!err.contains('\x1b'), "no colour where there is no terminal: {err:?}");
    let err = place.err(&["q", TONS, "Petrel"], 1);
    assert!(err.contains("'\"Petrel\"'"), "{err}");
    let err = place.err(&["transact", "-e", "[{:ship/name 5}]"], 1);
    assert!(
        err.contains(":db.error/wrong-type-for-attribute") && err.contains("text:1:"),
        "{err}"
    );
    let err = place.err(&["transact", "-e", "{:ship/name \"x\"}"], 1);
    assert!(err.contains("brackets"), "{err}");
    let err = place.err(&["q", TONS, "--db", "nowhere"], 1);
    assert!(err.contains(":db.error/db-not-found"), "{err}");
    assert!(!place.0.path().join("nowhere").exists(), "asking makes no database");
    // Nothing is written when any of the text cannot be read.
    place.err(&["transact", "-e", "[{:ship/name \"Tern\"}] [{:ship/name "], 1);
    assert_eq!(place.out(&["q", "[:find (count ?s) . :where [?s :ship/name]]"]), "2\n");
}

#[test]
fn wrong_usage_is_code_2() {
    let place = Place::new();
    for args in [
        &["frobnicate"][..],
        &["q"],
        &["q", TONS, "--as-of", "tomorrow"],
        &["eval"],
        &["transact"],
        &["completions", "ksh"],
        &["plot"],
    ] {
        let err = place.err(args, 2);
        assert!(
            err.contains("Usage") || err.contains("invalid value"),
            "{args:?}: {err}"
        );
    }
    assert!(place.out(&["--help"]).contains("Examples:"));
    assert!(place.out(&["--version"]).starts_with("asof "));
}

#[test]
fn a_script_goes_on_after_an_error() {
    let place = Place::new();
    let script = "; a comment\n(def x)\n(basis-t db)\n  (q [:find ?e :where [?e :no/such]])\n(entid db :db/ident)\n";
    let run = place.input(&["eval", "-"], script);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(
        (run.code, lines.len(), run.err.as_str()),
        (0, 4, "2 of 4 forms failed\n"),
        "{}",
        run.out
    );
    assert!(
        lines[0].starts_with("{:error {:code :db.error/invalid-argument"),
        "{}",
        lines[0]
    );
    assert!(lines[0].contains(":line 2, :column 1"), "{}", lines[0]);
    assert_eq!(lines[1], "0");
    assert!(
        lines[2].contains(":code :db.error/unknown-attribute") && lines[2].contains(":line 4"),
        "{}",
        lines[2]
    );
    assert_eq!(lines[3], "10");
    assert_eq!(place.input(&["eval", "--keep-going", "-"], script).code, 1);
    assert_eq!(place.input(&["eval", "--keep-going", "-"], "(basis-t db)").code, 0);
    // What cannot be read ends the script, after what stands before it.
    let run = place.input(&["eval", "-"], "(basis-t db)\n(q [:find\n(basis-t db)");
    assert_eq!((run.code, run.out.lines().count()), (1, 2), "{}", run.out);
    assert!(
        run.out.contains(":db.error/invalid-edn") && run.out.contains(":line"),
        "{}",
        run.out
    );
}

#[test]
fn scripts_and_databases() {
    let place = Place::new();
    let script = "(transact [{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}])
                  (transact [{:n 1}]) (q [:find ?n . :where [_ :n ?n]])
                  (q [:find ?n . :where [_ :n ?n]] (with db [{:n 2} [:db/retract 17592186045416 :n 1]]))
                  (reset) (basis-t db)";
    let run = place.input(&["eval", "--db", "made", "-"], script);
    let lines: Vec<&str> = run.out.lines().collect();
    assert!(lines[1].starts_with("{:t 2"), "{}", run.out);
    assert_eq!(lines[2..], ["1", "2", "nil", "0"], "{}", run.out);
    // The database on disk is as the script left it before (reset).
    assert_eq!(
        place.out(&["q", "[:find ?n . :where [_ :n ?n]]", "--db", "made"]),
        "1\n"
    );
    let run = place.input(&["eval", "--db", "made", "--fresh", "-"], "(basis-t db)");
    assert_eq!((run.code, run.out.as_str()), (0, "0\n"), "{}", run.err);
    // Only a database is ever removed.
    std::fs::create_dir(place.0.path().join("mine")).expect("writable");
    std::fs::write(place.0.path().join("mine/letter"), "dear").expect("writable");
    let run = place.input(&["eval", "--db", "mine", "--fresh", "-"], "(basis-t db)");
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(place.0.path().join("mine/letter").exists());
    // The same script prints the same bytes.
    let fixed = |_| place.input(&["eval", "--fixed-clock", "-"], script).out;
    assert_eq!(fixed(1), fixed(2));
}

#[test]
fn the_prompt_answers() {
    let place = Place::new();
    let typed = "[:find ?t .\n :where [?s :ship/name \"Petrel\"] [?s :ship/tons ?t]]\n.format json\n.nope\n{:find [?x] }\n\
                 (basis-t db)\n.quit\n(basis-t db)\n";
    let run = place.input(&["repl", "--db", "asof-data"], typed);
    assert_eq!((run.code, run.out.as_str()), (1, "950\n3\n"), "{}", run.err);
    assert!(
        run.err.contains("no command .nope") && run.err.contains("standard input:5:"),
        "{}",
        run.err
    );
}

#[test]
fn a_database_is_looked_after() {
    let place = Place::new();
    let verified = place.out(&["verify"]);
    assert!(verified.starts_with("log      4 transactions"), "{verified}");
    assert!(verified.contains("as the log says"), "{verified}");
    assert!(place.out(&["reindex"]).contains("up to t 3"));
    assert_eq!(place.out(&["verify"]), verified);
    assert!(place.out(&["stats", "--format", "edn"]).contains(":t 3"));
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
    let place = Place::new();
    let ships: String = (0..3000)
        .map(|i| format!("{{:ship/name \"a ship with number {i}\"}} "))
        .collect();
    assert_eq!(place.input(&["transact", "-"], &format!("[{ships}]")).code, 0);
    place.out(&["reindex"]);
    let db = place.0.path().join("asof-data");
    let verified = place.out(&["verify"]);
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
    assert!(place.out(&["reindex"]).contains("up to t 4"));
    assert_eq!(place.out(&["verify"]), verified);

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
    assert_eq!(place.out(&["verify", "--db", "saved"]), verified);
}

#[test]
fn what_writes_goes_on_without_a_reader() {
    let place = Place::new();
    let many: String = (0..2000).map(|i| format!("[{{:ship/name \"ship {i}\"}}]\n")).collect();
    std::fs::write(place.0.path().join("many.edn"), &many).expect("a file");
    let mut writer = Command::new(env!("CARGO_BIN_EXE_asof"))
        .args(["transact", "many.edn"])
        .current_dir(place.0.path())
        .env_remove("ASOF_DB")
        .stdout(Stdio::piped())
        .spawn()
        .expect("asof starts");
    drop(writer.stdout.take());
    assert!(writer.wait().expect("asof ends").success());
    let count = "[:find (count ?s) . :where [?s :ship/name]]";
    assert_eq!(place.out(&["q", count]), "2002\n");
    if cfg!(target_os = "linux") {
        let full = |args: &[&str]| {
            let full = std::fs::File::options()
                .write(true)
                .open("/dev/full")
                .expect("a full device");
            let run = Command::new(env!("CARGO_BIN_EXE_asof"))
                .args(args)
                .current_dir(place.0.path())
                .env_remove("ASOF_DB")
                .stdout(full)
                .output()
                .expect("asof runs");
            (run.status.code(), String::from_utf8(run.stderr).expect("text"))
        };
        let (code, err) = full(&["transact", "-e", "[{:ship/name \"one\"}] [{:ship/name \"two\"}]"]);
        assert_eq!(code, Some(5), "{err}");
        assert!(
            err.contains("db.error/io: standard output cannot be written") && err.contains("is stored"),
            "{err}"
        );
        assert_eq!(place.out(&["q", count]), "2004\n");
        let (code, err) = full(&["q", count]);
        assert!(
            code == Some(5) && err.contains("standard output cannot be written"),
            "{err}"
        );
    }
}

#[test]
fn a_moment_that_is_not_there_is_refused() {
    let place = Place::new();
    let names = "[:find ?n :where [_ :ship/name ?n]]";
    for args in [
        &["q", names, "--as-of", "2024"][..],
        &["q", names, "--since", "2024"],
        &["diff", "2", "2024"],
        &["export", "--as-of", "2024"],
    ] {
        let err = place.err(args, 1);
        assert!(err.contains("t 2024 is not there yet"), "{args:?}: {err}");
        assert!(
            err.contains("the newest transaction is t 3; the beginning of the year 2024 is written 2024-01-01"),
            "{err}"
        );
    }
    assert_eq!(
        place.out(&[
            "q",
            "[:find (count ?n) . :where [_ :ship/name ?n]]",
            "--as-of",
            "2999-01-01"
        ]),
        "2\n"
    );
    assert!(
        place
            .err(&["q", names, "--as-of", "tomorrow"], 2)
            .contains("`tomorrow` is no moment")
    );
    let petrel = "[:ship/name \"Petrel\"]";
    assert_eq!(
        place.out(&["diff", "2", petrel]),
        place.out(&["diff", "2", "3", petrel])
    );
    assert!(
        place
            .err(&["diff", "2", petrel, petrel], 1)
            .contains("are both entities")
    );
}

#[test]
fn the_prompt_knows_what_is_still_to_come() {
    let place = Place::new();
    let script = ".as-of 2999-01-01\n[{:ship/name \"new\"}]\n.diff 3 [:ship/name \"new\"]\n";
    let run = place.input(&["repl", "asof-data"], script);
    assert!(run.err.contains("that moment is still to come"), "{}", run.err);
    assert!(
        run.out.contains(":ship/name") && run.out.contains("new"),
        "{} {}",
        run.out,
        run.err
    );
    assert!(!run.err.contains("does not see"), "{}", run.err);
}

#[test]
fn failed_forms_are_counted() {
    let place = Place::new();
    let run = place.input(&["eval", "-"], "(foo) (bar) (q [:find ?e :where [?e :db/doc]])");
    assert_eq!((run.code, run.err.as_str()), (0, "2 of 3 forms failed\n"));
    assert_eq!(place.input(&["eval", "-", "--keep-going"], "(foo)").code, 1);
}

#[test]
fn what_is_no_folder_of_ours_is_named() {
    let place = Place::new();
    let at = |name: &str| place.0.path().join(name);
    std::fs::write(at("letter"), "dear").expect("a file");
    for args in [
        &["q", "[:find ?e :where [?e :db/doc]]"][..],
        &["stats"],
        &["verify"],
        &["reindex"],
        &["repl"],
    ] {
        let err = place.err(&[args, &["--db", "letter"]].concat(), 1);
        assert!(
            err.contains("letter is a file, and a database is a folder"),
            "{args:?}: {err}"
        );
    }
    let err = place.err(&["stats", "--db", "letter/below"], 5);
    assert!(
        err.contains("letter/below") && err.contains("hint: a database is a folder"),
        "{err}"
    );
}

#[test]
fn the_prompt_reads_standard_input_to_its_end() {
    let place = Place::new();
    let typed = "(basis-t db)\n[:find ?t\n :where [_ :ship/tons ?t]]\n.as-of nonsense\n\n[:find ?x\n :where [?x :no/such]]\nhelp\n(q [:find";
    let run = place.input(&["repl", "asof-data"], typed);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(
        run.out.starts_with("3\n#{") && run.out.contains("The commands:"),
        "{}",
        run.out
    );
    assert!(run.err.contains("`nonsense` is no moment"), "{}", run.err);
    assert!(run.err.contains(" --> standard input:7:13"), "{}", run.err);
    assert!(
        run.err.contains("never closed") && run.err.contains("standard input:9:4"),
        "{}",
        run.err
    );
    let long = format!("{}(nonsense)\n", "1\n".repeat(1001));
    let run = place.input(&["repl", "--mem"], &long);
    assert!(
        run.err.contains(" --> standard input from line 1002 on:1:1"),
        "{}",
        run.err
    );
    let quit = place.input(&["repl", "--mem"], "(basis-t db)\nexit\n(basis-t db)\n");
    assert_eq!((quit.code, quit.out.as_str(), quit.err.as_str()), (0, "0\n", ""));
    let history = place.0.path().join(".local/share/asof/history");
    assert!(!history.exists(), "what no person typed is not remembered");
}

#[test]
fn the_log_is_a_source_in_scripts() {
    let place = Place::new();
    let script = r#"
        (q [:find ?t ?n :in ?log $ :where [(tx-ids ?log 2 4) [?tx ...]] [(tx-data ?log ?tx) [[_ ?a ?n]]] [?a :db/ident :ship/tons]
            [?tx :db/txInstant ?t]] (log db) db)
        (q [:find (count ?tx) . :in ?log :where [(tx-ids ?log nil nil) [?tx ...]]] (log (as-of db 2)))
        (q [:find ?tx :in ?log :where [(tx-ids ?log 1 2) [?tx ...]]] (log dbb))"#;
    let run = place.input(&["eval", "--db", "asof-data", "-"], script);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!((run.code, lines.len()), (0, 3), "{}{}", run.out, run.err);
    for fact in ["#inst \"2024-02-01T00:00:00.000Z\" 900", "03-01T00:00:00.000Z\" 950"] {
        assert!(lines[0].contains(fact), "{}", lines[0]);
    }
    assert_eq!(lines[1], "3", "transactions 0, 1 and 2");
    assert!(lines[2].contains(":db.error/"), "{}", lines[2]);
}

#[test]
fn the_tour_runs_twice() {
    let place = Place::new();
    let tour = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tour.edn");
    let tour = tour.to_str().expect("a plain path");
    let args = ["eval", "--db", "tour", "--fresh", "--echo", "--format", "table", tour];
    let strip = |text: String| {
        text.lines()
            .filter(|l| !l.contains(":tempids"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let play = || {
        let run = place.run(&args);
        assert!(run.code == 0 && run.err.starts_with("1 of "), "{}", run.err);
        strip(run.out)
    };
    let first = play();
    assert!(first.contains("did you mean :ship/name?"), "{first}");
    assert_eq!(
        first.matches(":db.error/").count(),
        1,
        "only the mistake that is meant:\n{first}"
    );
    assert_eq!(play(), first);
}

#[test]
fn the_past_from_the_command_line() {
    let place = Place::new();
    let petrel = "[:ship/name \"Petrel\"]";
    let drawn = place.out(&["timeline", petrel, ":ship/tons", "--format", "table"]);
    assert!(drawn.contains("900") && drawn.contains("since 2024-03-01"), "{drawn}");
    let periods = place.out(&["timeline", petrel, ":ship/tons"]);
    assert_eq!(periods, "[[:ship/tons 900 2 3] [:ship/tons 950 3 nil]]\n");
    let changes = place.out(&["diff", "2", "2024-03-01", petrel, "--format", "csv"]);
    assert!(
        changes.starts_with("change,e,a,v\n-,") && changes.contains(":ship/tons,950"),
        "{changes}"
    );
    let blamed = place.out(&["blame", petrel, ":ship/tons"]);
    assert_eq!(blamed, "[[:ship/tons 950 3 #inst \"2024-03-01T00:00:00.000Z\" nil]]\n");
    let forever = "[:find (count ?x) . :where [?a :db/ident] [?b :db/ident] [?c :db/ident] [?d :db/ident] [?e :db/ident] [?f :db/ident] [(vector ?a ?b ?c ?d ?e ?f) ?x]]";
    assert!(place.err(&["q", forever, "--timeout", "50ms"], 3).contains("timeout"));
    assert!(place.err(&["q", forever, "--timeout", "soon"], 2).contains("500ms"));
    for command in [&["pull", "[*]", petrel][..], &["log"], &["stats"], &["diff", "1"]] {
        let said = place.err(&[command, &["--timeout", "0s"]].concat(), 3);
        assert!(said.contains("not done within the timeout of 0ns"), "{said}");
    }
    assert_eq!(place.out(&["q", TONS, "--as-of", "-1h"]), place.out(&["q", TONS]));
}

#[test]
fn flags_are_the_same_everywhere() {
    let place = Place::new();
    let petrel = "[:ship/name \"Petrel\"]";
    let reading: &[&[&str]] = &[
        &["q", TONS],
        &["pull", "[*]", petrel],
        &["schema"],
        &["log"],
        &["timeline", petrel],
        &["blame", petrel],
        &["plot", "days"],
        &["plot", "value", petrel, ":ship/tons"],
        &["plot", "around", petrel],
    ];
    let flags = [
        "--db",
        "asof-data",
        "--as-of",
        "3",
        "--since",
        "1",
        "--history",
        "--format",
        "json",
        "--timeout",
        "20s",
        "--max-rows",
        "1000",
        "--labels",
    ];
    for command in reading {
        // Nothing is pulled from a history, and after t 1 nothing is referred to by name.
        let without = ["pull", "blame", "timeline", "plot"].contains(&command[0]);
        let flags: Vec<&str> = match without {
            true => flags
                .into_iter()
                .filter(|f| !["--since", "1", "--history"].contains(f))
                .collect(),
            false => flags.to_vec(),
        };
        let run = place.run(&[command, flags.as_slice()].concat());
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{command:?}: {}", run.out);
        assert!(run.out.starts_with(['[', '{']), "{command:?} is JSON: {}", run.out);
        assert!(!run.out.contains("1759218"), "{command:?} has labels: {}", run.out);
    }
    let diff = place.out(&["diff", "2", "--labels"]);
    assert!(
        diff.contains("[+ #e1 :ship/tons 950]") && diff.contains("[- #e1 :ship/tons 900]"),
        "{diff}"
    );
    let run = place.run(&["q", TONS, "--timing"]);
    assert!(run.code == 0 && run.err.starts_with("2 rows, 4 read, "), "{}", run.err);
    let limited = "[:find ?a ?b :where [?a :db/ident] [?b :db/ident] [(!= ?a ?b)]]";
    assert!(
        place
            .err(&["q", limited, "--max-rows", "10"], 3)
            .contains("more than 10 rows")
    );
}

#[test]
fn rules_labels_and_watching() {
    let place = Place::new();
    let rules = "[[(heavy ?n) [?s :ship/name ?n] [?s :ship/tons ?t] [(< 100 ?t)]]]";
    std::fs::write(place.0.path().join("rules.edn"), rules).expect("writable");
    assert_eq!(
        place.out(&["q", "[:find ?n :where (heavy ?n)]", "--rules", rules]),
        "#{[\"Petrel\"]}\n"
    );
    assert_eq!(
        place.out(&["q", "[:find ?n :where (heavy ?n)]", "--rules", "@rules.edn"]),
        "#{[\"Petrel\"]}\n"
    );
    assert_eq!(place.input(&["q", "-"], TONS).out, place.out(&["q", TONS]));
    let new = "[{:ship/name \"Tern\" :ship/tons 1000}] [{:ship/name \"Tern\" :ship/tons 10}]";
    let heavy = "[:find ?n :where [?s :ship/tons ?t] [(< 100 ?t)] [?s :ship/name ?n]]";
    let watched = place.out(&["transact", "-e", new, "--watch", heavy]);
    assert_eq!(watched, "+ [\"Tern\"]\n- [\"Tern\"]\n");
    let watched = place.out(&[
        "transact",
        "--watch",
        "-e",
        "[[:db/add [:ship/name \"Tern\"] :ship/tons 11]]",
    ]);
    assert!(watched.contains("- [:ship/name \"Tern\"]  :ship/tons  10"), "{watched}");
    let blamed = place.out(&["blame", "[:ship/name \"Petrel\"]", ":ship/name", "\"Petrel\""]);
    assert_eq!(blamed.matches(":ship/name").count(), 1, "{blamed}");
    let all = place.out(&["timeline", ":ship/tons", "--labels"]);
    assert!(all.contains("[#e1 900 2 3]") && all.contains("[#e3 11 6 nil]"), "{all}");
    let done = place.out(&[
        "repl",
        "-e",
        ".format csv",
        "-e",
        "[:find ?n :where [_ :ship/name ?n]]\n.log 1",
        "--as-of",
        "2",
    ]);
    assert!(done.starts_with("?n\nPetrel\nt 2  2024-02-01"), "{done}");
    place.err(&["repl", "-e", "(nonsense)"], 1);
}

#[test]
fn exit_codes_tell_what_happened() {
    let place = Place::new();
    place.err(&["q", "[:find ?x :where [?x :no/such]]"], 1);
    place.err(&["q", TONS, "--timeout", "soon"], 2);
    // Damage, and a database that is in use.
    let held = asof::Connection::open(place.0.path().join("asof-data")).expect("it opens");
    assert!(place.err(&["q", TONS], 5).contains(":db.error/store-locked"));
    held.close().expect("it closes");
    // Whoever reads the output may stop.
    let mut child = Command::new(env!("CARGO_BIN_EXE_asof"))
        .args(["log", "--db", "asof-data"])
        .current_dir(place.0.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("asof starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("asof ends");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn the_database_of_this_folder_is_the_default() {
    let place = Place::new();
    let typed = "(basis-t db)\n";
    assert_eq!(place.input(&["repl"], typed).out, "3\n");
    assert_eq!(place.input(&[], typed).out, "3\n", "asof alone is the prompt");
    assert_eq!(place.input(&["repl", "--mem"], typed).out, "0\n");
    assert_eq!(place.input(&["repl", "other"], typed).out, "0\n");
    let empty = tempfile::tempdir().expect("a folder");
    assert_eq!(asof_with(&["repl"], empty.path(), typed).out, "0\n");
    assert!(!empty.path().join("asof-data").exists(), "looking makes no database");
}

#[test]
fn pages_for_shells_and_man() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.out(&["completions", shell]);
        assert!(script.contains("timeline") && script.contains("as-of"), "{shell}");
    }
    place.out(&["man", "man1"]);
    let page = std::fs::read_to_string(place.0.path().join("man1/asof-q.1")).expect("a page");
    assert!(page.contains("Examples:") && page.contains("max\\-rows"), "{page}");
    assert!(place.0.path().join("man1/asof.1").exists());
}

#[test]
fn pictures_go_to_files() {
    let place = Place::new();
    let petrel = "[:ship/name \"Petrel\"]";
    assert_eq!(
        place.out(&["plot", "value", petrel, ":ship/tons", "-o", "tons.svg"]),
        ""
    );
    let svg = std::fs::read_to_string(place.0.path().join("tons.svg")).expect("a picture");
    assert!(svg.starts_with("<svg"), "{svg}");
    let drawn = place.out(&["plot", "days", "--format", "table"]);
    assert!(drawn.starts_with("3 transactions on 3 days"), "{drawn}");
    assert!(
        place
            .err(&["plot", "value", petrel, ":ship/nmae"], 1)
            .contains("did you mean")
    );
    assert!(
        place
            .err(&["plot", "days", "-o", "no/such/x.svg"], 1)
            .contains("cannot write")
    );
}
