//! What is asked, what is shown, and what it costs to ask wrongly.

use crate::place::{TONS, ships};

#[test]
fn questions_about_now_then_and_history() {
    let place = ships();
    assert_eq!(
        place.answer(&["q", TONS]),
        "#{[\"Petrel\" 950] [\"a, \\\"b\\\"\\tc\" 1]}\n"
    );
    for time in ["2", "2024-02-01", "2024-02-15T12:00Z", "13194139533314"] {
        assert_eq!(
            place.answer(&["q", TONS, "--as-of", time]),
            "#{[\"Petrel\" 900]}\n",
            "as of {time}"
        );
    }
    let changes = "[:find ?t ?added :where [?s :ship/tons ?t _ ?added] [?s :ship/name \"Petrel\"]]";
    assert_eq!(
        place.answer(&["q", changes, "--history"]),
        "#{[900 false] [900 true] [950 true]}\n"
    );
    let newer = "[:find [?t ...] :where [_ :ship/tons ?t]]";
    assert_eq!(place.answer(&["q", newer, "--since", "2024-02-01"]), "[1 950]\n");
    let by_name = "[:find ?t . :in $ ?n :where [?s :ship/name ?n] [?s :ship/tons ?t]]";
    assert_eq!(place.answer(&["q", by_name, "\"Petrel\""]), "950\n");
    assert_eq!(
        place.answer(&[
            "q",
            "[:find ?x . :in $ ?y :where [(+ ?y 1) ?x]]",
            "-5",
            "--format",
            "json"
        ]),
        "-4\n"
    );
    let then = "[:find ?x ?y :in $ $then :where [?s :ship/tons ?x] [$then ?s :ship/tons ?y]]";
    assert_eq!(place.answer(&["q", then, "db", "(as-of db 2)"]), "#{[950 900]}\n");
    assert_eq!(
        place.answer(&["pull", "[:ship/tons]", "[:ship/name \"Petrel\"]", "--as-of", "2"]),
        "{:ship/tons 900}\n"
    );
    assert_eq!(
        place.answer(&["pull", "[:ship/tons]", "[:ship/name \"Nobody\"]"]),
        "nil\n"
    );
}

#[test]
fn formats() {
    let place = ships();
    let csv = place.answer(&["q", TONS, "--format", "csv"]);
    assert_eq!(csv, "?n,?t\nPetrel,950\n\"a, \"\"b\"\"\tc\",1\n");
    let json = place.answer(&["q", TONS, "--format", "json"]);
    assert_eq!(
        json,
        "[{\"?n\":\"Petrel\",\"?t\":950},{\"?n\":\"a, \\\"b\\\"\\u0009c\",\"?t\":1}]\n"
    );
    let when = "[:find ?at :where [3 :db/txInstant ?at]]".replace('3', "13194139533314");
    assert_eq!(
        place.answer(&["q", &when, "--format", "csv"]),
        "?at\n2024-02-01T00:00:00.000Z\n"
    );
    let table = place.answer(&["q", TONS, "--format", "table"]);
    assert!(table.contains("│ Petrel    ┆ 950 │"), "{table}");
    assert!(
        table.contains("a, \"b\"\\tc"),
        "control characters are harmless: {table}"
    );
    let schema = place.answer(&["schema"]);
    assert!(
        schema.contains(":ship/tons") && schema.contains("\"Weight.\""),
        "{schema}"
    );
    assert!(!schema.contains(":db/txInstant"), "{schema}");
}

#[test]
fn the_log_is_readable() {
    let place = ships();
    let log = place.answer(&["log", "--from", "3"]);
    assert!(log.starts_with("t 3  2024-03-01T00:00:00"), "{log}");
    assert!(
        log.contains(":ship/tons  900") && log.contains("  - ") && log.contains("  + "),
        "{log}"
    );
    let brief = place.answer(&["log", "--brief", "--from", "2024-02-01", "--to", "2024-02-20"]);
    assert_eq!(brief.lines().count(), 1, "{brief}");
    assert!(brief.starts_with("t 2 "), "{brief}");
    assert_eq!(place.answer(&["log", "--from", "2025-01-01"]), "");
}

#[test]
fn the_log_is_a_source_in_scripts() {
    let place = ships();
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
fn the_past_from_the_command_line() {
    let place = ships();
    let petrel = "[:ship/name \"Petrel\"]";
    let drawn = place.answer(&["timeline", petrel, ":ship/tons", "--format", "table"]);
    assert!(drawn.contains("900") && drawn.contains("since 2024-03-01"), "{drawn}");
    let periods = place.answer(&["timeline", petrel, ":ship/tons"]);
    assert_eq!(periods, "[[:ship/tons 900 2 3] [:ship/tons 950 3 nil]]\n");
    let changes = place.answer(&["diff", "2", "2024-03-01", petrel, "--format", "csv"]);
    assert!(
        changes.starts_with("change,e,a,v\n-,") && changes.contains(":ship/tons,950"),
        "{changes}"
    );
    let blamed = place.answer(&["blame", petrel, ":ship/tons"]);
    assert_eq!(blamed, "[[:ship/tons 950 3 #inst \"2024-03-01T00:00:00.000Z\" nil]]\n");
    let forever = "[:find (count ?x) . :where [?a :db/ident] [?b :db/ident] [?c :db/ident] [?d :db/ident] [?e :db/ident] [?f :db/ident] [(vector ?a ?b ?c ?d ?e ?f) ?x]]";
    assert!(place.err(&["q", forever, "--timeout", "50ms"], 3).contains("timeout"));
    assert!(place.err(&["q", forever, "--timeout", "soon"], 2).contains("500ms"));
    for command in [&["pull", "[*]", petrel][..], &["log"], &["stats"], &["diff", "1"]] {
        let said = place.err(&[command, &["--timeout", "0s"]].concat(), 3);
        assert!(said.contains("not done within the timeout of 0ns"), "{said}");
    }
    assert_eq!(place.answer(&["q", TONS, "--as-of", "-1h"]), place.answer(&["q", TONS]));
}

#[test]
fn a_moment_that_is_not_there_is_refused() {
    let place = ships();
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
        place.answer(&[
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
        place.answer(&["diff", "2", petrel]),
        place.answer(&["diff", "2", "3", petrel])
    );
    assert!(
        place
            .err(&["diff", "2", petrel, petrel], 1)
            .contains("are both entities")
    );
}

#[test]
fn rules_labels_and_watching() {
    let place = ships();
    let rules = "[[(heavy ?n) [?s :ship/name ?n] [?s :ship/tons ?t] [(< 100 ?t)]]]";
    std::fs::write(place.path().join("rules.edn"), rules).expect("writable");
    assert_eq!(
        place.answer(&["q", "[:find ?n :where (heavy ?n)]", "--rules", rules]),
        "#{[\"Petrel\"]}\n"
    );
    assert_eq!(
        place.answer(&["q", "[:find ?n :where (heavy ?n)]", "--rules", "@rules.edn"]),
        "#{[\"Petrel\"]}\n"
    );
    assert_eq!(place.input(&["q", "-"], TONS).out, place.answer(&["q", TONS]));
    let new = "[{:ship/name \"Tern\" :ship/tons 1000}] [{:ship/name \"Tern\" :ship/tons 10}]";
    let heavy = "[:find ?n :where [?s :ship/tons ?t] [(< 100 ?t)] [?s :ship/name ?n]]";
    let watched = place.answer(&["transact", "-e", new, "--watch", heavy]);
    assert_eq!(watched, "+ [\"Tern\"]\n- [\"Tern\"]\n");
    let watched = place.answer(&[
        "transact",
        "--watch",
        "-e",
        "[[:db/add [:ship/name \"Tern\"] :ship/tons 11]]",
    ]);
    assert!(watched.contains("- [:ship/name \"Tern\"]  :ship/tons  10"), "{watched}");
    let blamed = place.answer(&["blame", "[:ship/name \"Petrel\"]", ":ship/name", "\"Petrel\""]);
    assert_eq!(blamed.matches(":ship/name").count(), 1, "{blamed}");
    let all = place.answer(&["timeline", ":ship/tons", "--labels"]);
    assert!(all.contains("[#e1 900 2 3]") && all.contains("[#e3 11 6 nil]"), "{all}");
    let done = place.answer(&[
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
fn pictures_go_to_files() {
    let place = ships();
    let petrel = "[:ship/name \"Petrel\"]";
    assert_eq!(
        place.answer(&["plot", "value", petrel, ":ship/tons", "-o", "tons.svg"]),
        ""
    );
    let svg = std::fs::read_to_string(place.path().join("tons.svg")).expect("a picture");
    assert!(svg.starts_with("<svg"), "{svg}");
    let drawn = place.answer(&["plot", "days", "--format", "table"]);
    assert!(drawn.starts_with("3 transactions on 3 days"), "{drawn}");
    assert!(
        place
            .err(&["plot", "value", petrel, ":ship/nmae"], 1)
            .contains("did you mean")
    );
    assert!(
        place
            .err(&["plot", "days", "-o", "no/such/x.svg"], 5)
            .contains("cannot write")
    );
}

#[test]
fn mistakes_point_at_their_argument() {
    let place = ships();
    let petrel = "[:ship/name \"Petrel\"]";
    for args in [
        vec!["timeline", petrel, ":ship/nmae"],
        vec!["blame", petrel, ":ship/nmae", "\"Petrel\""],
        vec!["plot", "value", petrel, ":ship/nmae"],
    ] {
        let err = place.err(&args, 1);
        assert!(err.contains("arguments:1:23\n"), "{args:?}: {err}");
    }
    let err = place.err(&["diff", "1", "2", "[:ship/nmae 1]"], 1);
    assert!(
        err.contains("arguments:1:2\n") || err.contains("arguments:1:1\n"),
        "{err}"
    );
}

#[test]
fn rules_beside_a_query_that_calls_none() {
    let place = ships();
    let rules = "[[(heavy ?s) [?s :ship/tons ?t] [(< 100 ?t)]]]";
    let asks = |query: &str| place.run(&["q", query, "--rules", rules]);
    // What looks like :in is none.
    let run = asks("[:find ?n . :where [_ :ship/name ?n] [(not= ?n \":in\")] [(< ?n \"b\")]]");
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    let run = asks("[:find ?n . :in $ ?x :where [_ :ship/name ?n]]");
    assert!(run.err.contains("inputs of its own"), "{}", run.err);
}
