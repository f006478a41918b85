//! Scripts, and the prompt where nobody sits at a terminal.

use std::path::Path;

use crate::place::ships;

#[test]
fn a_script_goes_on_after_an_error() {
    let place = ships();
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
    let place = ships();
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
        place.answer(&["q", "[:find ?n . :where [_ :n ?n]]", "--db", "made"]),
        "1\n"
    );
    let run = place.input(&["eval", "--db", "made", "--fresh", "-"], "(basis-t db)");
    assert_eq!((run.code, run.out.as_str()), (0, "0\n"), "{}", run.err);
    // Only a database is ever removed.
    std::fs::create_dir(place.path().join("mine")).expect("writable");
    std::fs::write(place.path().join("mine/letter"), "dear").expect("writable");
    let run = place.input(&["eval", "--db", "mine", "--fresh", "-"], "(basis-t db)");
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(place.path().join("mine/letter").exists());
    std::fs::write(place.path().join("made/letter"), "dear").expect("writable");
    let run = place.input(&["eval", "--db", "made", "--fresh", "-"], "(basis-t db)");
    assert!(run.code == 1 && run.err.contains("holds letter"), "{}", run.err);
    assert!(place.path().join("made/letter").exists());
    // The same script prints the same bytes.
    let fixed = |_| place.input(&["eval", "--fixed-clock", "-"], script).out;
    assert_eq!(fixed(1), fixed(2));
}

#[test]
fn failed_forms_are_counted() {
    let place = ships();
    let run = place.input(&["eval", "-"], "(foo) (bar) (q [:find ?e :where [?e :db/doc]])");
    assert_eq!((run.code, run.err.as_str()), (0, "2 of 3 forms failed\n"));
    assert_eq!(place.input(&["eval", "-", "--keep-going"], "(foo)").code, 1);
}

#[test]
fn the_prompt_answers() {
    let place = ships();
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
fn the_prompt_knows_what_is_still_to_come() {
    let place = ships();
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
fn the_prompt_reads_standard_input_to_its_end() {
    let place = ships();
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
    let history = place.path().join(".local/share/asof/history");
    assert!(!history.exists(), "what no person typed is not remembered");
}

#[test]
fn the_tour_runs_twice() {
    let place = ships();
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
fn a_folder_alone_means_its_prompt() {
    let place = ships();
    let run = place.input(&["asof-data"], "[:find (count ?s) . :where [?s :ship/name]]");
    assert_eq!((run.code, run.out.as_str()), (0, "2\n"), "{}", run.err);
    assert_eq!(place.run(&["asof-data", "-e", ".show"]).code, 0);
    // What is no database is no word either.
    std::fs::create_dir(place.path().join("folder")).expect("writable");
    assert_eq!(place.run(&["folder"]).code, 2);
}

#[test]
fn scripts_take_what_the_prompt_takes() {
    let script = r#"
        [{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]
        [{:db/id "a" :n 3} [:db/add "b" :n 30]]
        [[(large ?e) [?e :n ?n] [(< 10 ?n)]]]
        [:find ?n . :where (large ?e) [?e :n ?n]]
        (explain [:find ?n . :where (large ?e) [?e :n ?n]])
        (pull [:n] :n)
        [1 2]"#;
    let place = ships();
    let run = place.input(&["eval", "-"], script);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines.len(), 7, "{}", run.out);
    assert_eq!(&lines[2..4], ["[large]", "30"]);
    assert_eq!(lines[5], "nil", "no facts but its definition");
    assert!(lines[6].contains("[1 2] is not a form to evaluate"), "{}", run.out);
    assert_eq!(run.err, "1 of 7 forms failed\n");
}
