//! `asof import`: what is wrong with files and rows, and what becomes of them.

use crate::people::{PEOPLE, as_seen, csv, snapshot};
use crate::place::Place;

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
        shown.push_str(&as_seen(&place, &args));
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
        std::os::unix::fs::symlink("p.csv", place.path().join("link")).expect("a link");
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
        assert!(!place.path().join("asof-data").exists());
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
        assert!(!place.path().join(name).exists(), "{name}");
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
    std::fs::create_dir(place.path().join("folder")).expect("writable");
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
        let run = as_seen(&place, &format!("import {kind} {name}{more}"));
        let left = place.path().join("asof-data");
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
        shown.push_str(&as_seen(&place, args));
    }
    snapshot("files", &shown);
}
