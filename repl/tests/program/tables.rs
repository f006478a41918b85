//! `asof export`: tables for other programs.

use crate::people::{PEOPLE, csv};
use crate::place::Place;

#[test]
fn tables() {
    let place = Place::new(&[("people.csv", PEOPLE)]);
    assert_eq!(csv(&place, "people.csv", &[]).code, 0);
    place.write("more.csv", "email,age\nada@x,37\n");
    assert_eq!(csv(&place, "more.csv", &[]).code, 1, "there is no column tags");
    place.out(&["import", "csv", "more.csv", "--entity", "person", "--id", "email"]);
    let table = place.out(&["export", "csv", "--refs", "key", "--no-id"]);
    let header = "email,name,age,tags,boss,joined,score\n";
    let rest = "bob@x,Bob,41,,,2023-05-01T12:00:00.000Z,2.0\ncy@x,\"\",,,ada@x,,\n";
    let ada = |age| format!("ada@x,\"Ada \"\"Countess\"\" L\",{age},math|poetry,bob@x,2024-01-02T00:00:00.000Z,1.5\n");
    assert_eq!(table, format!("{header}{}{rest}", ada(37)));
    assert_eq!(
        place.out(&["export", "csv", "--refs", "key", "--no-id", "--as-of", "2"]),
        format!("{header}{}{rest}", ada(36))
    );
    assert_eq!(
        place.out(&["export", "ndjson", "--attr", "person/age"]),
        "{\"db/id\":17592186045416,\"person/age\":37}\n{\"db/id\":17592186045417,\"person/age\":41}\n"
    );
    let ages = place.out(&["export", "tsv", "--history", "--attr", ":person/age", "--since", "2"]);
    let ages: Vec<&str> = ages.lines().map(|l| l.rsplit_once('\t').expect("columns").0).collect();
    assert_eq!(
        ages,
        [
            "e\ta\tv\ttype\tt\tadded",
            "17592186045416\t:person/age\t36\t:long\t3\tfalse",
            "17592186045416\t:person/age\t37\t:long\t3\ttrue"
        ]
    );
    let query = "[:find ?e ?a :where [?p :person/email ?e] [?p :person/age ?a]]";
    assert_eq!(
        place.out(&["export", "json", "--query", query]),
        "[{\"e\":\"ada@x\",\"a\":37},\n {\"e\":\"bob@x\",\"a\":41}]\n"
    );
    assert_eq!(
        place.out(&["export", "edn", "--query", query]),
        "[\"ada@x\" 37]\n[\"bob@x\" 41]\n"
    );
    let run = place.input(&["import", "json", "-", "--entity", "other"], "[{\"a\": 1}]");
    assert_eq!(run.code, 0, "{}", run.err);
    place.out(&["export", "csv", "tables/"]);
    assert_eq!(
        place
            .read("tables/other.csv")
            .lines()
            .nth(1)
            .and_then(|l| l.split_once(','))
            .map(|l| l.1),
        Some("1")
    );
    assert!(place.read("tables/person.csv").starts_with("db/id,email,"));
    if cfg!(feature = "parquet") {
        place.out(&["export", "parquet", "tables/"]);
        let file = std::fs::read(place.path().join("tables/person.parquet")).expect("a file");
        assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));
    }
}
