//! `asof export` and `asof import dump`, as processes.

use std::path::Path;
use std::process::Command;

fn asof(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_asof"));
    let output = command.args(args).current_dir(dir).env_remove("ASOF_DB").output();
    let output = output.expect("asof starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = output.status.code().expect("asof is not killed");
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn there_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let schema = "[{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
                   {:db/ident :up :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}]";
    for data in [
        schema,
        "[{:db/id \"a\" :n 1 :up \"b\"} {:db/id \"b\" :n 2}]",
        "[[:db/retract 17592186045416 :n 1]]",
    ] {
        let (code, _, err) = asof(dir, &["transact", "--db", "one", "-e", data]);
        assert_eq!(code, 0, "{err}");
    }
    assert_eq!(asof(dir, &["export", "--history", "--db", "one", "dump"]).0, 0);
    assert_eq!(asof(dir, &["import", "dump", "dump", "--db", "two"]).0, 0);
    let (_, again, _) = asof(dir, &["export", "--history", "--db", "two"]);
    let text = std::fs::read_to_string(dir.join("dump")).expect("text");
    assert_eq!(again, text);

    std::fs::write(dir.join("dump"), text.replace(":long 2]", ":long 3]")).expect("written");
    let (code, _, err) = asof(dir, &["import", "dump", "dump", "--db", "three"]);
    assert!(code == 1 && err.contains("not what its manifest says"), "{err}");
    assert!(!dir.join("three").exists(), "nothing is written");

    let (code, facts, _) = asof(dir, &["export", "--db", "one", "--as-of", "2"]);
    assert_eq!(code, 0);
    assert!(
        facts.contains("{:db/id \"e17592186045416\" :n 1 :up [\"e17592186045417\"]}"),
        "{facts}"
    );
    std::fs::write(dir.join("facts"), &facts).expect("written");
    assert_eq!(asof(dir, &["transact", "--db", "four", "facts"]).0, 0);
    assert_eq!(asof(dir, &["export", "--db", "four"]).1, facts);
}
