//! The command line: messages, exit codes, what stands where, and pages about it.

use std::process::{Command, Stdio};

use crate::place::{Place, TONS, asof, ships};

#[test]
fn mistakes_have_a_place_and_a_way_out() {
    let place = ships();
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
    assert!(!place.path().join("nowhere").exists(), "asking makes no database");
    // Nothing is written when any of the text cannot be read.
    place.err(&["transact", "-e", "[{:ship/name \"Tern\"}] [{:ship/name "], 1);
    assert_eq!(
        place.answer(&["q", "[:find (count ?s) . :where [?s :ship/name]]"]),
        "2\n"
    );
}

#[test]
fn slips_get_a_hint() {
    let place = ships();
    for (args, code, why) in [
        (&["transact", "[{:ship/name \"Tern\"}]"][..], 1, "behind -e"),
        (&["transact"], 2, "-e"),
        (&["transact", "nothing.edn"], 5, "in the current folder"),
        (&["eval", "nothing.edn"], 5, "cannot read nothing.edn"),
        (&["import", "nothing.csv"], 5, "cannot read nothing.csv"),
        (&["q", "[:find ?n where [?s :ship/name ?n]]"], 1, "did you mean :where?"),
        (
            &["q", "[:find ?n :where [?s :ship/name ?n] :order by ?n]"],
            1,
            ":order-by [[?x :desc] ?y]",
        ),
        (
            &["q", "[:find ?n :where [?s :ship/name ?n] [(like ?n \"P%\")]]"],
            1,
            "starts-with?",
        ),
        (&["q", TONS, "--as-of", "3 extra"], 2, "`3 extra` is no moment"),
    ] {
        let err = place.err(args, code);
        assert!(err.contains(why), "{args:?}: {err}");
    }
    let run = place.run(&["--db", "asof-data"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "a prompt whose input has ended");
    let run = place.run(&["repl", "typo", "-e", ".open typo2"]);
    assert!(
        run.err.contains("typo, a new database") && run.err.contains("typo2, a new database, t 0"),
        "{}",
        run.err
    );
}

/// What is shown of a time is that time when it is typed.
#[test]
fn times_are_read_as_they_are_shown() {
    let place = ships();
    place.out(&["transact", "-e", "[{:ship/name \"Petrel\" :ship/tons 960}]"]);
    let shown = place.run(&["repl", "asof-data", "-e", ".as-of 4"]).err;
    let time = shown.split(['(', ')']).nth(1).expect("as of t 4 (TIME)");
    assert_eq!(
        place.answer(&["q", "[:find (max ?t) . :where [_ :ship/tons ?t]]", "--as-of", time]),
        "960\n",
        "{shown}"
    );
    let line = format!(".diff 3 {time} [:ship/name \"Petrel\"]");
    let out = place.out(&["repl", "asof-data", "-e", &line]);
    assert!(out.contains("960"), "{out}");
}

#[test]
fn wrong_usage_is_code_2() {
    let place = ships();
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
    assert!(place.answer(&["--help"]).contains("Examples:"));
    assert!(place.answer(&["--version"]).starts_with("asof "));
}

#[test]
fn flags_are_the_same_everywhere() {
    let place = ships();
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
    let diff = place.answer(&["diff", "2", "--labels"]);
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
fn exit_codes_tell_what_happened() {
    let place = ships();
    place.err(&["q", "[:find ?x :where [?x :no/such]]"], 1);
    place.err(&["q", TONS, "--timeout", "soon"], 2);
    // Damage, and a database that is in use.
    let held = asof::Connection::open(place.path().join("asof-data")).expect("it opens");
    assert!(place.err(&["q", TONS], 5).contains(":db.error/store-locked"));
    held.close().expect("it closes");
    // Whoever reads the output may stop.
    let mut child = Command::new(env!("CARGO_BIN_EXE_asof"))
        .args(["log", "--db", "asof-data"])
        .current_dir(place.path())
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
    let place = ships();
    let typed = "(basis-t db)\n";
    assert_eq!(place.input(&["repl"], typed).out, "3\n");
    assert_eq!(place.input(&[], typed).out, "3\n", "asof alone is the prompt");
    assert_eq!(place.input(&["repl", "--mem"], typed).out, "0\n");
    assert_eq!(place.input(&["repl", "other"], typed).out, "0\n");
    let empty = tempfile::tempdir().expect("a folder");
    assert_eq!(asof(empty.path(), &["repl"], typed).out, "0\n");
    assert!(!empty.path().join("asof-data").exists(), "looking makes no database");
}

#[test]
fn what_is_no_folder_of_ours_is_named() {
    let place = ships();
    let at = |name: &str| place.path().join(name);
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
fn what_writes_goes_on_without_a_reader() {
    let place = ships();
    let many: String = (0..2000).map(|i| format!("[{{:ship/name \"ship {i}\"}}]\n")).collect();
    std::fs::write(place.path().join("many.edn"), &many).expect("a file");
    let mut writer = Command::new(env!("CARGO_BIN_EXE_asof"))
        .args(["transact", "many.edn"])
        .current_dir(place.path())
        .env_remove("ASOF_DB")
        .stdout(Stdio::piped())
        .spawn()
        .expect("asof starts");
    drop(writer.stdout.take());
    assert!(writer.wait().expect("asof ends").success());
    let count = "[:find (count ?s) . :where [?s :ship/name]]";
    assert_eq!(place.answer(&["q", count]), "2002\n");
    if cfg!(target_os = "linux") {
        let full = |args: &[&str]| {
            let full = std::fs::File::options()
                .write(true)
                .open("/dev/full")
                .expect("a full device");
            let run = Command::new(env!("CARGO_BIN_EXE_asof"))
                .args(args)
                .current_dir(place.path())
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
        assert_eq!(place.answer(&["q", count]), "2004\n");
        place.write("people.csv", "name\nAda\n");
        for args in [
            &["q", count][..],
            &["completions", "bash"],
            &["import", "csv", "people.csv", "--dry-run"],
        ] {
            let (code, err) = full(args);
            assert!(
                code == Some(5) && err.contains("standard output cannot be written"),
                "{args:?}: {err}"
            );
        }
    }
}

#[test]
fn pages_for_shells_and_man() {
    let place = ships();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.answer(&["completions", shell]);
        assert!(script.contains("timeline") && script.contains("as-of"), "{shell}");
    }
    place.answer(&["man", "man1"]);
    let page = std::fs::read_to_string(place.path().join("man1/asof-q.1")).expect("a page");
    assert!(page.contains("Examples:") && page.contains("max\\-rows"), "{page}");
    assert!(place.path().join("man1/asof.1").exists());
}

#[test]
fn a_first_transaction_that_fails_makes_no_database() {
    let place = Place::new(&[]);
    let nothing = |args: &[&str], code: i32, said: &str| {
        let run = place.run(args);
        assert_eq!(run.code, code, "{args:?}: {}", run.err);
        assert!(run.err.contains(said), "{args:?}: {}", run.err);
        assert!(!place.path().join("new").exists(), "{args:?}");
    };
    nothing(
        &["transact", "-e", "[{:n 1}] []", "--db", "new"],
        1,
        "transaction 1 of 2 failed; nothing is stored",
    );
    nothing(&["transact", "-e", "[", "--db", "new"], 1, "never closed");
    nothing(&["transact", "-e", " ", "--db", "new"], 0, "no database is made");
    let asked = [
        "transact",
        "-e",
        "[]",
        "--watch",
        "[:find ?n :where [_ :n ?n]]",
        "--db",
        "new",
    ];
    nothing(&asked, 1, "there is no attribute :n");
    assert_eq!(place.run(&["transact", "-e", "[] [{:n 1}]", "--db", "new"]).code, 1);
    assert!(
        place
            .answer(&["stats", "--db", "new", "--format", "edn"])
            .contains(":t 1")
    );
}

#[test]
fn other_languages_are_known_by_name() {
    let place = ships();
    for (args, hint) in [
        (
            ["q", "SELECT name FROM ship"],
            "[:find ?name :where [?e :ship/name ?name]]",
        ),
        (["q", "MATCH (s:Ship) RETURN s"], "this is Cypher"),
        (["q", "SELECT ?s WHERE { ?s ?p ?o }"], "this is SPARQL"),
        (["q", ".tables"], "asof schema"),
        (
            ["transact", "--text=INSERT INTO ship VALUES ('Tern')"],
            "a transaction is [{",
        ),
        (["transact", "--text=CREATE TABLE ship (name text)"], ":db/valueType"),
    ] {
        let err = place.err(&args, 1);
        assert!(err.contains(hint), "{args:?}: {err}");
    }
    let answers = place.run(&["eval", "-e", "SELECT * FROM ship"]);
    assert_eq!(answers.out.lines().count(), 1, "{}", answers.out);
}

#[test]
fn messages_point_at_the_clause_and_at_the_input() {
    let place = ships();
    let shown = |args: &[&str], code| {
        let err = place.err(args, code);
        let line = err
            .lines()
            .find(|l| l.starts_with("1 | "))
            .unwrap_or_default()
            .to_string();
        let caret = err.lines().find(|l| l.contains('^')).unwrap_or_default().to_string();
        let marked: String = line
            .chars()
            .zip(caret.chars())
            .filter(|(_, c)| *c == '^')
            .map(|(c, _)| c)
            .collect();
        assert!(!marked.is_empty(), "{err}");
        marked
    };
    let product = "[:find ?a ?b :where [?a :db/ident ?x] [?b :db/ident ?y] [(!= ?x ?y)]]";
    assert_eq!(shown(&["q", product, "--max-rows", "60"], 3), "[?b :db/ident ?y]");
    let rules = "[[(pair ?a ?b) [?a :db/ident] [?b :db/ident]]]";
    let called = "[:find (count ?a) . :where (pair ?a ?b)]";
    assert_eq!(
        shown(&["q", called, "--rules", rules, "--max-rows", "60"], 3),
        "[?b :db/ident]",
        "in the text of the rules"
    );
    let one = "[:find ?t . :in $ ?n :where [?s :ship/name ?n] [?s :ship/tons ?t]]";
    assert_eq!(shown(&["q", one, "\"Petrel\"", "7", "[8]"], 1), "7 [8]");
    let entity = "[:find ?t . :in $ ?s :where [?s :ship/tons ?t]]";
    assert_eq!(
        shown(&["q", entity, "[:ship/nmae \"Petrel\"]"], 1),
        "[:ship/nmae \"Petrel\"]"
    );
    let eval = place.run(&[
        "eval",
        "-e",
        "(q [:find ?n :in $ ?n :where [_ :ship/name ?n]] db \"x\" 9)",
        "--db",
        "asof-data",
    ]);
    assert!(eval.out.contains(":column 56"), "{}", eval.out);
}
