//! `asof import` and `asof export` as processes: records, mistakes in them, packages, and tables.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A folder with files.
struct Place(TempDir);

/// What a run of the program did.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        let place = Place(tempfile::tempdir().expect("a temporary folder"));
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }
    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.0.path().join(name), text).expect("writable");
    }
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).expect("readable text")
    }
    fn input(&self, args: &[&str], input: &str) -> Run {
        let mut child = Command::new(env!("CARGO_BIN_EXE_asof"))
            .args(args)
            .current_dir(self.0.path())
            .env_remove("ASOF_DB")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("asof starts");
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_string();
        // A program that reads nothing may have ended before it is written to.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().expect("asof ends");
        writer.join().expect("it writes or fails");
        Run {
            code: output.status.code().expect("asof is not killed"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
    fn run(&self, args: &[&str]) -> Run {
        self.input(args, "")
    }
    /// What a command prints that goes well.
    fn out(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{args:?}: {}{}", run.out, run.err);
        run.out
    }
    /// A run as a person sees it, with the file of rejects that it wrote.
    fn shown(&self, args: &str) -> String {
        let rejects = self.0.path().join("rejects");
        let _ = std::fs::remove_file(&rejects);
        let run = self.run(&args.split(' ').collect::<Vec<_>>());
        let mut shown = format!("$ asof {args}\n{}{}exit code {}\n", run.out, steady(&run.err), run.code);
        if rejects.exists() {
            shown.push_str(&format!("--- rejects\n{}---\n", self.read("rejects")));
        }
        shown + "\n"
    }
    fn q(&self, query: &str) -> String {
        self.out(&["q", query, "--format", "edn"])
    }
    fn transactions(&self) -> usize {
        self.out(&["log", "--brief"]).lines().count()
    }
}

fn snapshot(name: &str, shown: &str) {
    insta::with_settings!({snapshot_path => "../../snapshots/import", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, shown);
    });
}

/// Without what differs from run to run: how long it took.
fn steady(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        match (line.find(" in "), line.ends_with("/s") || line.contains("facts/s;")) {
            (Some(end), true) => {
                let counts = line[..end].split(" (").collect::<Vec<_>>();
                let rest = counts
                    .get(1)
                    .and_then(|c| c.split_once(')'))
                    .map_or("", |(_, rest)| rest);
                out.push_str(&format!("{}{rest}", counts[0]));
                out.push_str(line.split_once("facts/s").map_or("", |(_, rest)| rest));
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

const PEOPLE: &str = "email,name,age,tags,boss,joined,score\n\
    ada@x,\"Ada \"\"Countess\"\" L\",36,math|poetry,bob@x,2024-01-02,1.5\n\
    bob@x,Bob,41,,,2023-05-01 12:00,2\n\
    cy@x,\"\",,,ada@x,,\n";
const MAPPED: [&str; 6] = ["--id", "email", "--many", "tags", "--ref", "boss=:person/email"];
const ALL: &str = "[:find (pull ?p [:person/email :person/name :person/age :person/tags {:person/boss [:person/email]} \
    :person/joined :person/score]) :where [?p :person/email]]";

fn csv(place: &Place, file: &str, more: &[&str]) -> Run {
    let mut args = vec!["import", "csv", file, "--entity", "person"];
    args.extend(MAPPED);
    args.extend(more);
    place.run(&args)
}

#[test]
fn rows_become_entities_once() {
    let place = Place::new(&[("people.csv", PEOPLE)]);
    let planned = csv(&place, "people.csv", &["--dry-run"]);
    assert!(
        planned.out.contains(":person/joined, :db/valueType :db.type/instant"),
        "{}",
        planned.out
    );
    assert!(
        !place.0.path().join("asof-data").exists(),
        "a dry run makes no database"
    );
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

#[test]
fn mistakes_name_their_row() {
    let place = Place::new(&[("people.csv", PEOPLE)]);
    assert_eq!(csv(&place, "people.csv", &[]).code, 0);
    place.write(
        "bad.csv",
        "email,age,tags,boss\n\
         dd@x,1,,\n\
         ee@x,old,,\n\
         ff@x,5,6,7,8\n\
         \"gg\"@x,1,,\n\
         hh@x,3,,nobody@x\n\
         \"ii@x,1,,\n",
    );
    place.write(
        "bad.ndjson",
        "{\"email\": \"jj@x\", \"age\": 7}\n\
         {\"email\": \"kk@x\", \"age\": \"7\"}\n\
         {\"email\": \"ll@x\", \"age\": 7.5}\n\
         {\"email\": \"mm@x\", \"age\": }\n\
         [1]\n\
         {\"email\": \"nn@x\", \"age\": [1, 2]}\n\
         {\"email\": \"ada@x\", \"key\": 1}\n",
    );
    place.write(
        "bad.edn",
        "[{:person/age 1}]\n\n[{:person/age \"1\"}\n {:person/age 2}]\n[{:person/age 3] \n5 [{:person/agee 4}]\n[{:person/age 5}]\n",
    );
    place.write(
        "packages",
        "Package: a\nDepends: b\n\nDepends: c\n\nPackage: d\nSize: big\n\nPackage: e\nno field\n",
    );
    let skipping = "--on-error skip --rejects rejects";
    let mut shown = String::new();
    for args in [
        "import csv bad.csv --entity person --id email".to_string(),
        format!("import csv bad.csv --entity person --id email {skipping}"),
        format!("import ndjson bad.ndjson --entity person --id email {skipping}"),
        format!("import debian packages {skipping}"),
        "import edn bad.edn".to_string(),
        format!("import edn bad.edn {skipping}"),
        "import csv nothing.csv".to_string(),
        "import csv people.csv --id emial".to_string(),
        "import csv people.csv --entity person --type age=string".to_string(),
        "import csv people.csv --entity person --id age".to_string(),
        "import csv people.csv --entity person --ref boss=person/nmae".to_string(),
        "import csv people.csv --entity person --type age=lonk".to_string(),
        "import csv people.csv --entity person --many tags=||".to_string(),
        "import csv -".to_string(),
        "import json people.csv --entity person".to_string(),
        "export csv --entity persn".to_string(),
        "export csv".to_string(),
        "export csv --history --entity person".to_string(),
    ] {
        shown.push_str(&place.shown(&args));
    }
    snapshot("mistakes", &shown);
    // What was mended can be imported from the rejects file.
    place.write(
        "rejects.csv",
        "email,age,tags,boss,asof-line,asof-error\nee@x,9,,,3,\"column age: no\"\n",
    );
    place.out(&["import", "csv", "rejects.csv", "--entity", "person", "--id", "email"]);
    assert_eq!(
        place.q("[:find ?a . :where [?p :person/email \"ee@x\"] [?p :person/age ?a]]"),
        "9\n"
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
        run.err.contains(":q.a/b string (line 2: \"true\" is not a long)"),
        "{}",
        run.err
    );
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

/// What is read is not written over, under whatever name.
#[test]
fn rejects_are_another_file() {
    let text = "email,age\na@x,1\nb@x,zwei\n";
    let place = Place::new(&[
        ("p.csv", text),
        ("p.json", "{\"a\":1}"),
        ("p.edn", "[]"),
        ("p.txt", "Package: a\n"),
    ]);
    let mut ways = vec![
        ("csv", "p.csv", "p.csv"),
        ("csv", "p.csv", "./p.csv"),
        ("json", "p.json", "p.json"),
    ];
    ways.extend([("edn", "p.edn", "p.edn"), ("debian", "p.txt", "p.txt")]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("p.csv", place.0.path().join("link")).expect("a link");
        ways.push(("csv", "p.csv", "link"));
    }
    for (kind, file, rejects) in ways {
        let before = place.read(file);
        let run = place.run(&["import", kind, file, "--on-error", "skip", "--rejects", rejects]);
        assert!(
            run.code == 1 && run.err.contains("rejects would overwrite it"),
            "{rejects}: {}",
            run.err
        );
        assert_eq!(place.read(file), before);
        assert!(!place.0.path().join("asof-data").exists());
    }
    let run = place.run(&[
        "import",
        "csv",
        "p.csv",
        "--type",
        "age=long",
        "--on-error",
        "skip",
        "--rejects",
        "r.csv",
    ]);
    assert_eq!(run.code, 6, "{}", run.err);
}

/// Where no format is named, the ending of the file tells it.
#[test]
fn endings_tell_formats() {
    let place = Place::new(&[("person.csv", "email,age\na@x,1\n")]);
    place.out(&["import", "csv", "person.csv"]);
    place.out(&["export", "copy.csv", "--no-id", "--attr", "person/email"]);
    assert_eq!(place.read("copy.csv"), "person/email\na@x\n");
    place.out(&["export", "--as-of", "2", "then.CSV"]);
    assert!(place.read("then.CSV").starts_with("db/id,email,age\n"));
    place.out(&["export", "--history", "facts.jsonl"]);
    assert!(place.read("facts.jsonl").starts_with("{\"e\":"));
    place.out(&["export", "facts.edn"]);
    assert!(place.read("facts.edn").contains(":db/ident :person/email"));
    place.out(&["export", "./xml"]);
    assert_eq!(place.read("xml"), place.read("facts.edn"));
    for (name, why) in [
        ("xlsx", "there is no format xlsx"),
        ("cvs", "did you mean csv?"),
        ("people.xls", "there is no format for people.xls"),
        ("people.dump", "written with --history"),
    ] {
        let run = place.run(&["export", name]);
        assert!(run.code == 1 && run.err.contains(why), "{name}: {}", run.err);
        assert!(!place.0.path().join(name).exists(), "{name}");
    }
    let typed = ".export shell.csv --no-id\n.export shell.json\n.export shell.cvs\n";
    let run = place.input(&["repl"], typed);
    assert_eq!(place.read("shell.csv"), "email,age\na@x,1\n");
    assert!(place.read("shell.json").starts_with("[{\"db/id\":"));
    assert!((run.out + &run.err).contains("there is no format for shell.cvs"));
}

/// What strangers bring: files that are not what they should be leave no database behind when nothing of them can be imported.
#[test]
fn files_that_are_not_what_they_should_be() {
    let place = Place::new(&[]);
    std::fs::create_dir(place.0.path().join("folder")).expect("writable");
    let gzip = b"\x1F\x8B\x08\0\0\0\0\0\0\x03\xFF";
    let files: [(&str, &[u8]); 25] = [
        ("empty.csv", b""),
        ("header.csv", b"name,tons\n"),
        ("empty.json", b"\n"),
        ("empty.txt", b"\n\n"),
        ("empty.edn", b"; nothing\n"),
        ("ragged.csv", b"name,tons\nA,1\nB\n"),
        ("quote.csv", b"name,tons\nA,1\nB,\"x\nC,3\n"),
        ("latin.csv", b"name,tons\nA,1\nB\xFC,2\n"),
        ("bom.csv", b"\xEF\xBB\xBFname,tons\r\nA,1\r\n"),
        ("wide.csv", b"\xFF\xFEa\0,\0b\0"),
        ("packed.csv", gzip),
        ("twice.csv", b"a,a\n1,2\n"),
        ("unnamed.csv", b"a,,c\n1,2,3\n"),
        ("semicolon.csv", b"a;b\n1;2\n"),
        ("array.json", b"[{\"a\":1}]"),
        ("open.json", b"[{\"a\":1},\n{\"a\":2}"),
        ("comma.json", b"[{\"a\":1},\n{\"a\":2,}]"),
        ("latin.json", b"[{\"a\":1},\n{\"a\":\"\xFC\"}]"),
        ("mixed.json", b"{\"a\":1}\n{\"a\":\"x\"}"),
        ("nested.json", b"{\"a\":{\"b\":1}}\n{\"a\":2}"),
        ("latin.edn", b"[{:db/doc \"a\"}]\n[{:db/doc \"\xFC\"}]"),
        ("open.edn", b"[[{:db/doc \"a\"}]\n[{:db/doc \"b\"}]\n"),
        ("word.edn", b"5"),
        ("latin.txt", b"Package: a\n\nPackage: \xFC\n"),
        ("cut.dump", b"{:asof/dump 1, :t 9, :instant #inst \"2026-01-01T00:00:00.000Z\", :transactions 10, :facts 99, :hash \"00\"}\n"),
    ];
    let mut shown = String::new();
    for (name, bytes) in files {
        place.write(name, bytes);
        let kind = match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("txt") => "debian",
            Some(kind) => kind,
            None => unreachable!("they all have an ending"),
        };
        let more = if matches!(kind, "csv" | "json") {
            " --entity x"
        } else {
            ""
        };
        let run = place.shown(&format!("import {kind} {name}{more}"));
        let left = place.0.path().join("asof-data");
        if left.exists() {
            let holds = place.out(&["q", "[:find (count ?t) . :where [?t :db/txInstant]]"]);
            assert!(holds != "1\n", "{name} left an empty database behind");
            std::fs::remove_dir_all(left).expect("writable");
        }
        shown.push_str(&run);
    }
    for args in [
        "import ndjson array.json --entity x",
        "import csv semicolon.csv --entity x --delimiter ,",
        "import csv folder",
        "import dump folder",
        "import dump packed.csv",
        "import dump -",
        "import debian packed.csv",
    ] {
        shown.push_str(&place.shown(args));
    }
    snapshot("files", &shown);
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
    assert!(run.err.contains("4 transactions before it are stored"), "{}", run.err);
    assert!(run.err.contains("x.edn:9:3"), "{}", run.err);
    assert_eq!(place.q("[:find [?x ...] :where [_ :n/x ?x]]"), "[1 2 3 4]\n");
    let all = place.input(&["import", "edn", "-"], "[[{:n/x 5}]\n [[:db/add \"a\" :n/x 6]]]");
    assert_eq!(all.code, 0, "{}", all.err);
    assert_eq!(place.q("[:find (max ?x) . :where [_ :n/x ?x]]"), "6\n");
}

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
        let file = std::fs::read(place.0.path().join("tables/person.parquet")).expect("a file");
        assert!(file.starts_with(b"PAR1") && file.ends_with(b"PAR1"));
    }
}

const RULES: &str = "[[(step ?p ?q) [?p :package/depends ?q]] [(step ?p ?q) [?p :package/pre-depends ?q]]
    [(step ?p ?q) [?p :package/unversioned ?n] [?q :package/provides ?n]]
    [(step ?p ?q) (or [?p :package/depends ?n] [?p :package/pre-depends ?n]) [?q :package/provides-versioned ?n]]
    [(needs ?p ?q) (step ?p ?q)] [(needs ?p ?q) (step ?p ?x) (needs ?x ?q)]]";

/// The packages that a question finds.
fn packages(place: &Place, clause: &str, of: &str) -> BTreeSet<String> {
    packages_by(RULES, place, clause, of)
}

fn packages_by(rules: &str, place: &Place, clause: &str, of: &str) -> BTreeSet<String> {
    let query = format!("[:find ?n :in $ % ?p :where [?x :package/name ?p] {clause} [?y :package/name ?n]]");
    let found = place.out(&["q", &query, rules, &format!("{of:?}"), "--format", "csv"]);
    found.lines().skip(1).map(str::to_string).collect()
}

/// What each package of `text` needs at once, read as naively as can be.
fn steps(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let field = |stanza: &str, name: &str| {
        let unfolded = stanza.replace("\n ", " ");
        let line = unfolded
            .lines()
            .find_map(|l| l.strip_prefix(&format!("{name}: ")).map(str::to_string));
        line.unwrap_or_default()
    };
    let parts = |text: &str| -> Vec<(String, bool)> {
        let parts = text.split([',', '|']).map(str::trim).filter(|p| !p.is_empty());
        let name = |p: &str| p.split([' ', '(', ':', '[']).next().unwrap_or_default().to_string();
        parts.map(|p| (name(p), p.contains('('))).collect()
    };
    let stanzas: Vec<&str> = text.split("\n\n").filter(|s| !s.trim().is_empty()).collect();
    let mut provided: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    for stanza in &stanzas {
        for (name, versioned) in parts(&field(stanza, "Provides")) {
            let by = (field(stanza, "Package"), versioned);
            provided.entry(name).or_default().push(by);
        }
    }
    let mut steps: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for stanza in &stanzas {
        let to = steps.entry(field(stanza, "Package")).or_default();
        for (name, versioned) in parts(&field(stanza, "Depends"))
            .into_iter()
            .chain(parts(&field(stanza, "Pre-Depends")))
        {
            let by = provided.get(&name).into_iter().flatten();
            to.extend(by.filter(|(_, serves)| *serves || !versioned).map(|(by, _)| by.clone()));
            to.insert(name);
        }
    }
    steps
}

fn reach(steps: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_string()]);
    while let Some(name) = next.pop() {
        for to in steps.get(&name).into_iter().flatten() {
            if seen.insert(to.clone()) {
                next.push(to.clone());
            }
        }
    }
    seen
}

#[test]
fn what_packages_need_and_what_needs_them() {
    let sample = include_str!("data/packages.txt");
    let place = Place::new(&[("packages", sample)]);
    place.out(&["import", "debian", "packages"]);
    let steps = steps(sample);
    for from in steps.keys() {
        assert_eq!(
            packages(&place, "(needs ?x ?y)", from),
            reach(&steps, from),
            "what {from} needs"
        );
        let needing = steps
            .keys()
            .filter(|p| reach(&steps, p).contains(from))
            .cloned()
            .collect();
        assert_eq!(packages(&place, "(needs ?y ?x)", from), needing, "what needs {from}");
    }
    assert!(
        reach(&steps, "kettle").contains("pipe"),
        "through tap, which provides water"
    );
    assert!(
        !reach(&steps, "kettle").contains("never-reached"),
        "an unversioned name is no version"
    );
    let kettle = "[:find (pull ?p [:package/version :package/size :package/real :package/tag :package/depends-text]) . \
                  :where [?p :package/name \"kettle\"]]";
    assert_eq!(
        place.q(kettle),
        "{:package/version \"2.1-3\", :package/size 4096, :package/real true, \
         :package/tag [\"role::program\" \"use::drinking\" \"works-with::water\"], \
         :package/depends-text \"libheat1 (>= 1.2), water | mineral-water, socket (= 3) [amd64], libmetal-any:any\"}\n"
    );
    // The same once more changes nothing; newer metadata takes its place, and the old is history.
    let before = place.transactions();
    place.out(&["import", "debian", "packages"]);
    assert_eq!(place.transactions(), before);
    place.write("packages", sample.replace("Depends: pipe\n", ""));
    place.out(&["import", "debian", "packages"]);
    assert!(!packages(&place, "(needs ?x ?y)", "kettle").contains("pipe"));
    let then = "[:find [?n ...] :where [?x :package/name \"tap\"] [?x :package/depends ?y] [?y :package/name ?n]]";
    assert_eq!(
        place.out(&["q", then, "--as-of", "2", "--format", "edn"]),
        "[\"pipe\"]\n"
    );
}

/// What apt says, where it is there and knows packages; what it makes of its lists is kept in `cache`.
fn apt(cache: &Place, args: &[&str]) -> Option<String> {
    let folder = format!("Dir::Cache={}", cache.0.path().display());
    let options = [
        "-o",
        &folder,
        "-o",
        "Dir::Cache::pkgcache=all.bin",
        "-o",
        "Dir::Cache::srcpkgcache=sources.bin",
    ];
    let output = Command::new("apt-cache").args(options).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// All that `package` needs, as apt says it.
fn apt_needs(cache: &Place, package: &str) -> Option<BTreeSet<String>> {
    let text = apt(cache, &["depends", "--recurse", "--important", package])?;
    // Packages stand at the beginning of a line, names that are only provided in angles, other architectures behind a colon.
    let plain = |name: &str| {
        let name = name.trim().trim_matches(['<', '>']);
        name.split(':').next().unwrap_or_default().to_string()
    };
    let mut found: BTreeSet<String> = text.lines().filter(|l| !l.starts_with([' ', '|'])).map(plain).collect();
    let named = text.lines().filter_map(|l| l.split_once("Depends: "));
    found.extend(named.map(|(_, name)| plain(name)));
    Some(found)
}

#[test]
fn the_same_as_apt_says() {
    // Some that much stands on, and some from all over the archive; apt takes a fifth of a second for each.
    const OTHERS: usize = 40;
    const NEEDED_MAX: usize = 250;
    let cache = Place::new(&[]);
    let Some(all) = apt(&cache, &["dumpavail"]) else {
        eprintln!("apt-cache has nothing to compare with");
        return;
    };
    let name = |stanza: &str| {
        stanza
            .lines()
            .find_map(|l| l.strip_prefix("Package: ").map(str::to_string))
            .unwrap_or_default()
    };
    let stanzas: BTreeMap<String, &str> = all.split("\n\n").map(|s| (name(s), s)).collect();
    let known = ["apt", "bash", "debianutils", "git", "vim", "python3"].map(String::from);
    let others = stanzas.keys().step_by((stanzas.len() / OTHERS).max(1)).cloned();
    let asked: BTreeSet<String> = known.into_iter().chain(others).collect();
    let asked = asked.into_iter().filter(|package| stanzas.contains_key(package));
    let answers = asked.filter_map(|package| Some((apt_needs(&cache, &package)?, package)));
    let expected: Vec<(BTreeSet<String>, String)> = answers.filter(|(all, _)| all.len() <= NEEDED_MAX).collect();
    // All that they need, and some besides: a build for tests takes its time with all of them.
    let wanted: BTreeSet<&String> = expected
        .iter()
        .flat_map(|(all, _)| all)
        .chain(stanzas.keys().take(300))
        .collect();
    let file: Vec<&str> = stanzas
        .iter()
        .filter(|(name, _)| wanted.contains(name))
        .map(|(_, s)| *s)
        .collect();
    let place = Place::new(&[("packages", &file.join("\n\n"))]);
    place.out(&["import", "debian", "packages"]);
    // Whether a version that is provided is the one asked for takes Debian's order of versions: the rules name all who provide one,
    // and without them none. What apt says lies between, and for most packages there is nothing between.
    let strict: Vec<&str> = RULES
        .lines()
        .filter(|rule| !rule.contains("provides-versioned"))
        .collect();
    let strict = strict.join("\n");
    let (mut same, mut all) = (0, 0);
    for (mut needed, package) in expected {
        let [mut most, least] = [RULES, &strict].map(|rules| packages_by(rules, &place, "(needs ?x ?y)", &package));
        all += 1;
        same += usize::from(most == least);
        // Whether a package needs itself in the end is not told apart by apt.
        most.insert(package.clone());
        needed.insert(package.clone());
        let missing: Vec<&String> = needed.difference(&most).collect();
        assert!(missing.is_empty(), "{package} needs {missing:?}, says apt");
        let wrong: Vec<&String> = least.difference(&needed).collect();
        assert!(wrong.is_empty(), "{package} does not need {wrong:?}, says apt");
    }
    assert!(
        same * 2 >= all,
        "only for {same} of {all} packages is the answer certain to the last name"
    );
}
