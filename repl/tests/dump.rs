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

#[cfg(unix)]
#[test]
fn what_a_file_is_stays() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let data = "[{:db/ident :a/n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]";
    assert_eq!(asof(dir, &["transact", "-e", data]).0, 0);
    assert_eq!(asof(dir, &["transact", "-e", "[{:a/n 1}]"]).0, 0);
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect("text");
    let is_link = |name: &str| dir.join(name).symlink_metadata().expect("there").is_symlink();

    // Links stay, also those that lead to links or to nothing yet, and modes stay.
    std::fs::create_dir(dir.join("in")).expect("a folder");
    std::fs::write(dir.join("in/target.csv"), "old").expect("written");
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(dir.join("in/target.csv"), private).expect("allowed");
    symlink("target.csv", dir.join("in/link.csv")).expect("a link");
    symlink("in/link.csv", dir.join("link.csv")).expect("a link");
    symlink("in/new", dir.join("dangling")).expect("a link");
    symlink("circle", dir.join("circle")).expect("a link");
    assert_eq!(asof(dir, &["export", "csv", "--no-id", "link.csv"]).0, 0);
    assert_eq!(read("in/target.csv"), "n\n1\n");
    assert_eq!(asof(dir, &["export", "--history", "dangling"]).0, 0);
    assert!(read("in/new").contains(":a/n"));
    assert!(is_link("link.csv") && is_link("in/link.csv") && is_link("dangling"));
    let mode = dir
        .join("in/target.csv")
        .metadata()
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, _, err) = asof(dir, &["export", "circle"]);
    assert!(code != 0 && err.contains("cannot write circle"), "{err}");
    let left: Vec<_> = std::fs::read_dir(dir.join("in")).expect("a folder").collect();
    assert_eq!(left.len(), 3, "{left:?}");

    // Pipes and devices are written into.
    for out in ["/dev/stdout", "/dev/fd/1", "-"] {
        assert_eq!(asof(dir, &["export", "csv", "--no-id", out]).1, "n\n1\n", "{out}");
    }
    let made = Command::new("mkfifo").arg(dir.join("fifo")).status();
    assert!(made.expect("mkfifo starts").success());
    let fifo = dir.join("fifo");
    let reader = std::thread::spawn(move || std::fs::read_to_string(fifo).expect("text"));
    assert_eq!(asof(dir, &["export", "csv", "--no-id", "fifo"]).0, 0);
    assert_eq!(reader.join().expect("read"), "n\n1\n");
    if Path::new("/dev/full").exists() {
        // Through a link, so that a mistake here cannot replace the device.
        symlink("/dev/full", dir.join("full")).expect("a link");
        for what in [
            &["export", "full"][..],
            &["export", "csv", "full"],
            &["export", "--history", "full"],
        ] {
            let (code, _, err) = asof(dir, what);
            assert!(code != 0 && err.contains("cannot write full"), "{code} {err}");
        }
        assert!(is_link("full"));
    }
}
