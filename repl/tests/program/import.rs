//! `asof import`: records become entities.

use crate::people::{ALL, PEOPLE, csv, steady};
use crate::place::Place;

#[test]
fn rows_become_entities_once() {
    let place = Place::new(&[("people.csv", PEOPLE)]);
    let planned = csv(&place, "people.csv", &["--dry-run"]);
    assert!(
        planned.out.contains(":person/joined, :db/valueType :db.type/instant"),
        "{}",
        planned.out
    );
    assert!(!place.path().join("asof-data").exists(), "a dry run makes no database");
    let run = csv(&place, "people.csv", &[]);
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{}", run.err);
    let told = steady(&run.err);
    let last = told.lines().last();
    assert_eq!(last, Some("3 rows, 1 transaction, 16 new facts"), "{told}");
    let all = place.q(ALL);
    assert_eq!(
        all,
        "[[{:person/email \"ada@x\", :person/name \"Ada \\\"Countess\\\" L\", :person/age 36, :person/tags [\"math\" \"poetry\"], \
         :person/boss {:person/email \"bob@x\"}, :person/joined #inst \"2024-01-02T00:00:00.000Z\", :person/score 1.5}] \
         [{:person/email \"bob@x\", :person/name \"Bob\", :person/age 41, :person/joined #inst \"2023-05-01T12:00:00.000Z\", \
         :person/score 2.0}] [{:person/email \"cy@x\", :person/name \"\", :person/boss {:person/email \"ada@x\"}}]]\n"
    );
    // The same once more: no fact, and no transaction.
    let before = place.transactions();
    assert_eq!(
        steady(&csv(&place, "people.csv", &[]).err),
        "3 rows, 0 transactions, 0 new facts\n"
    );
    assert_eq!((place.transactions(), place.q(ALL)), (before, all));
    // What changed is changed; what is not said stays, unless the rows say everything.
    place.write("new.csv", "email,age,tags,boss\nada@x,37,math,\n");
    assert_eq!(csv(&place, "new.csv", &[]).code, 0);
    let ada = "[:find ?a (count ?t) ?b :where [?p :person/email \"ada@x\"] [?p :person/age ?a] [?p :person/tags ?t] [?p :person/boss ?x] [?x :person/email ?b]]";
    assert_eq!(place.q(ada), "#{[37 2 \"bob@x\"]}\n");
    assert_eq!(csv(&place, "new.csv", &["--replace"]).code, 0);
    assert_eq!(place.q(ada), "#{}\n");
    assert_eq!(place.q("[:find [?t ...] :where [_ :person/tags ?t]]"), "[\"math\"]\n");
    assert_eq!(
        place.q("[:find ?e . :where [?p :person/boss ?b] [?b :person/email ?e]]"),
        "\"ada@x\"\n"
    );
    // Rows of one entity, one after the other.
    place.write("twice.csv", "email,age\nada@x,38\nbob@x,42\nada@x,39\n");
    assert_eq!(
        place
            .run(&["import", "csv", "twice.csv", "--entity", "person", "--id", "email"])
            .code,
        0
    );
    assert_eq!(
        place.q("[:find ?a . :where [?p :person/email \"ada@x\"] [?p :person/age ?a]]"),
        "39\n"
    );
}

#[test]
fn headers_delimiters_and_map_files() {
    let map = "{:entity person :id \"e-mail\" :null [\"-\"] :columns {\"e-mail\" :person/email \"zip\" string \"x\" :skip \"tags\" {:many \",\"}}}";
    let place = Place::new(&[
        ("m.edn", map),
        ("p.txt", "e-mail;zip;x;tags\nada@x;1234;y;a,b\nbob@x;-;y;\n"),
    ]);
    place.out(&["import", "csv", "p.txt", "--delimiter", ";", "--map", "m.edn"]);
    assert_eq!(
        place.q("[:find ?e ?z ?t :where [?p :person/email ?e] [?p :person/zip ?z] [?p :person/tags ?t]]"),
        "#{[\"ada@x\" \"1234\" \"a\"] [\"ada@x\" \"1234\" \"b\"]}\n"
    );
    let run = place.input(
        &["import", "tsv", "-", "--entity", "n", "--header", "a,b"],
        "1\tx\n2\ty\n",
    );
    assert_eq!(run.code, 0, "{}", run.err);
    let run = place.input(&["import", "tsv", "-", "--entity", "n", "--no-header"], "3\tz\n");
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        place.q("[:find [?a ...] :where (or [_ :n/a ?a] [_ :n/c1 ?a])]"),
        "[1 2 3]\n"
    );
}

/// Numbers that no long and no double holds make columns that hold them.
#[test]
fn no_digit_is_lost() {
    let rows = "k,n,d\n1,12345678901234567890,12345678901234567890.5\n2,3,0.1\n3,-1,0.12345678901234567890123\n";
    let place = Place::new(&[
        ("x.csv", rows),
        ("y.ndjson", "{\"d\":12345678901234567890.5}\n{\"d\":2}\n"),
    ]);
    place.out(&["import", "csv", "x.csv"]);
    let kept = "[:find ?k ?n ?d :where [?e :x/k ?k] [?e :x/n ?n] [?e :x/d ?d]]";
    let held = place.q(kept);
    assert!(
        held.contains("12345678901234567890N") && held.contains("0.12345678901234567890123M"),
        "{held}"
    );
    // There and back.
    place.out(&["export", "copy.csv", "--entity", "x"]);
    place.out(&["import", "csv", "copy.csv", "--entity", "x", "--db", "again"]);
    assert_eq!(place.out(&["q", kept, "--format", "edn", "--db", "again"]), held);
    place.out(&["import", "ndjson", "y.ndjson"]);
    assert_eq!(
        place.q("[:find (max ?d) . :where [_ :y/d ?d]]"),
        "12345678901234567890.5M\n"
    );
}

/// What was made of the columns is said, and which value made one text.
#[test]
fn new_attributes_are_told() {
    let rows = "n,age,born\nAda,36,1815-12-10\nBo,,1990-02-30\nCy,forty,\nDi,5,2000-01-01\n";
    let place = Place::new(&[
        ("p.csv", rows),
        ("q.ndjson", "{\"a\":{\"b\":1}}\n{\"a\":{\"b\":true}}\n"),
    ]);
    let run = place.run(&["import", "csv", "p.csv"]);
    let told = "new attributes: :p/n string, :p/age string (line 4: \"forty\" is not a long), \
                :p/born string (line 3: \"1990-02-30\" is not an instant)\n";
    assert!(run.code == 0 && run.err.starts_with(told), "{}", run.err);
    let run = place.run(&["import", "csv", "p.csv"]);
    assert!(!run.err.contains("new attributes"), "{}", run.err);
    let run = place.run(&["import", "csv", "p.csv", "--entity", "o", "--type", "age=string"]);
    assert!(run.err.contains(":o/age string, "), "{}", run.err);
    let run = place.run(&["import", "ndjson", "q.ndjson"]);
    assert!(
        run.err.contains(":q.a/b string (line 2: true is not a long)"),
        "{}",
        run.err
    );
}

#[test]
fn scalars_of_several_kinds_are_text() {
    let records = "{\"k\":1,\"v\":\"x\",\"l\":[1,\"one\"]}\n{\"k\":2,\"v\":1.50,\"l\":[true]}\n{\"k\":3,\"v\":false,\"l\":null}\n";
    let place = Place::new(&[("m.ndjson", records), ("more.ndjson", "{\"k\":4,\"v\":7}\n")]);
    let run = place.run(&["import", "ndjson", "m.ndjson", "--id", "k"]);
    let told = ":m/v string (line 2: 1.50 is not a string), :m/l string (line 1: \"one\" is not a long)";
    assert!(run.code == 0 && run.err.contains(told), "{}", run.err);
    let values = "[:find ?k ?v :where [?e :m/k ?k] (or [?e :m/v ?v] [?e :m/l ?v])]";
    assert_eq!(
        place.q(values),
        "#{[1 \"1\"] [1 \"one\"] [1 \"x\"] [2 \"1.50\"] [2 \"true\"] [3 \"false\"]}\n"
    );
    let before = place.transactions();
    place.out(&["import", "ndjson", "m.ndjson", "--id", "k"]);
    assert_eq!(place.transactions(), before, "importing again changes nothing");
    // A number where texts were is a mistake, unless somebody says that it is none.
    let more = ["import", "ndjson", "more.ndjson", "--entity", "m", "--id", "k"];
    let err = place.err(&more, 1);
    assert!(
        err.contains("the number 7 is not a :db.type/string") && err.contains("--type COLUMN=string"),
        "{err}"
    );
    place.out(&[&more[..], &["--type", "v=string"]].concat());
    assert!(place.q(values).contains("[4 \"7\"]"));
    // And the other way round.
    let typed = [
        "import",
        "ndjson",
        "m.ndjson",
        "--entity",
        "n",
        "--type",
        "v=double",
        "--skip",
        "l",
        "--on-error",
        "skip",
    ];
    assert_eq!(place.run(&typed).code, 6);
    assert_eq!(place.q("[:find [?v ...] :where [_ :n/v ?v]]"), "[1.5]\n");
}

#[test]
fn no_digit_is_lost_behind_the_sample() {
    let rows = "k,d\n1,0.5\n2,0.12345678901234567890123\n3,0.25\n";
    let place = Place::new(&[
        ("x.csv", rows),
        ("y.ndjson", "{\"d\":0.5}\n{\"d\":0.12345678901234567890123}\n"),
    ]);
    for args in [
        ["import", "csv", "x.csv", "--sample", "1"],
        ["import", "ndjson", "y.ndjson", "--sample", "1"],
    ] {
        let err = place.err(&args, 1);
        assert!(
            err.contains("column d: :db.error/wrong-type-for-attribute: 0.12345678901234567890123 has more digits than a double keeps")
                && err.contains("--type d=bigdec makes a new attribute that keeps all, --type d=double takes the nearest double"),
            "{err}"
        );
    }
    assert_eq!(place.q("[:find [?d ...] :where [_ :x/d ?d]]"), "[0.5]\n");
    let nearest = [
        "import", "csv", "x.csv", "--sample", "1", "--type", "d=double", "--db", "nearest",
    ];
    place.out(&nearest);
    let sum = ["q", "[:find (count ?d) . :where [_ :x/d ?d]]", "--db", "nearest"];
    assert_eq!(place.out(&sum), "3\n");
}

/// A row that nothing finds again would be another entity each time.
#[test]
fn a_row_without_its_id_is_a_bad_one() {
    let place = Place::new(&[
        ("books.csv", "isbn,title,2nd,db/id\n1,A,x,5\n,B,y,6\n,,,\n3,C,z,7\n"),
        ("books.ndjson", "{\"isbn\":1}\n{\"title\":\"B\"}\n"),
    ]);
    let err = place.err(&["import", "books.csv", "--id", "isbn"], 1);
    assert!(err.contains("column \"2nd\"") && err.contains("--attr 2nd="), "{err}");
    place.write("books.csv", place.read("books.csv").replace("2nd", "second"));
    let run = place.run(&["import", "books.csv", "--id", "isbn"]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.contains("books.csv:3: column isbn:"), "{}", run.err);
    for _ in 0..2 {
        let run = place.run(&["import", "books.csv", "--id", "isbn", "--on-error", "skip"]);
        assert_eq!(run.code, 6, "{}", run.err);
        assert!(run.err.contains("column db/id is not used"), "{}", run.err);
        let run = place.run(&[
            "import",
            "books.ndjson",
            "--entity",
            "books",
            "--id",
            "isbn",
            "--on-error",
            "skip",
        ]);
        assert_eq!(run.code, 6, "{}", run.err);
    }
    assert_eq!(place.q("[:find (count ?b) . :where [?b :books/isbn]]"), "2\n");
}

#[test]
fn an_id_twice_in_a_file_is_told() {
    let place = Place::new(&[
        ("p.csv", "email,age\na@x,1\nb@x,2\na@x,3\n"),
        ("once.csv", "email,age\na@x,1\n"),
    ]);
    let args = ["--entity", "p", "--id", "email"];
    let run = place.run(&[&["import", "csv", "p.csv"][..], &args].concat());
    let told = "1 row names an entity that an earlier row names, and where they differ it counts: \
                line 4 (first in line 2)\n";
    assert!(run.code == 0 && run.err.contains(told), "{}", run.err);
    let run = place.run(&[&["import", "csv", "once.csv"][..], &args].concat());
    assert!(!run.err.contains("earlier row"), "{}", run.err);
}

#[test]
fn objects_become_entities_with_parts() {
    let text = r#"[{"email": "ada@x", "address": {"street": "Main", "geo": {"lat": 1.5}}, "big": 12345678901234567890, "ok": true,
          "phones": [{"n": "1", "kinds": ["a", "b"]}, {"n": "2"}], "at": "2024-01-01T00:00:00Z", "none": null},
         {"email": "bob@x", "address": {"street": "Side"}, "boss": {"email": "ada@x", "name": "Ada"}}]"#;
    let place = Place::new(&[("person.json", text)]);
    let args = [
        "import",
        "json",
        "person.json",
        "--id",
        "email",
        "--id",
        "boss.email",
        "--attr",
        "boss.email=:person/email",
        "--attr",
        "boss.name=:person/name",
    ];
    place.out(&args);
    let parts = "[:find ?e ?s ?n :where [?p :person/email ?e] [?p :person/address ?a] [?a :person.address/street ?s] \
                 [?p :person/phones ?f] [?f :person.phones/n ?n]]";
    assert_eq!(
        place.q(parts),
        "#{[\"ada@x\" \"Main\" \"1\"] [\"ada@x\" \"Main\" \"2\"]}\n"
    );
    let boss = "[:find ?n ?b :where [?p :person/email \"bob@x\"] [?p :person/boss ?x] [?x :person/name ?n] [?x :person/big ?b]]";
    assert_eq!(place.q(boss), "#{[\"Ada\" 12345678901234567890N]}\n");
    let component = "[:find [?i ...] :where [?a :db/isComponent true] [?a :db/ident ?i]]";
    assert_eq!(
        place.q(component),
        "[:person/address :person/phones :person.address/geo]\n"
    );
    let before = place.transactions();
    place.out(&args);
    assert_eq!(place.transactions(), before, "parts are found again");
    place.write("person.json", text.replace("Main", "High").replace("\"2\"", "\"3\""));
    place.out(&args);
    assert_eq!(
        place.q(parts),
        "#{[\"ada@x\" \"High\" \"1\"] [\"ada@x\" \"High\" \"2\"] [\"ada@x\" \"High\" \"3\"]}\n"
    );
    let lines = "{\"k\": 1, \"v\": \"x\"}\n\n{\"k\": 2}\n";
    assert_eq!(
        place.input(&["import", "ndjson", "-", "--entity", "line"], lines).code,
        0
    );
    assert_eq!(place.q("[:find [?k ...] :where [_ :line/k ?k]]"), "[1 2]\n");
}

#[test]
fn transactions_as_text() {
    let text = "; a file\n[{:db/ident :n/x :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]\n\
                [{:n/x 1} ; two\n {:n/x 2}] #_ [{:n/x 9}]\n{:n/x 3}\n#_ #_ [] [{:n/x 9}]\n[:db/add \"a\" :n/x 4]\n[{:n/x\n  \"no\"}]\n";
    let place = Place::new(&[("x.edn", text)]);
    let run = place.run(&["import", "edn", "x.edn"]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("stored before it: 4 transactions"), "{}", run.err);
    assert!(run.err.contains("x.edn:9:3"), "{}", run.err);
    assert_eq!(place.q("[:find [?x ...] :where [_ :n/x ?x]]"), "[1 2 3 4]\n");
    let all = place.input(&["import", "edn", "-"], "[[{:n/x 5}]\n [[:db/add \"a\" :n/x 6]]]");
    assert_eq!(all.code, 0, "{}", all.err);
    assert_eq!(place.q("[:find (max ?x) . :where [_ :n/x ?x]]"), "6\n");
}
