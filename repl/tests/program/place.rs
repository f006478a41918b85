//! A folder, and runs of the program in it.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A folder with files.
pub struct Place(pub TempDir);

/// What a run of the program did.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Run {
        Run {
            code: output.status.code().expect("asof is not killed"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

/// The program in a folder that is its user's home, too.
pub fn program(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_asof"));
    command
        .args(args)
        .current_dir(dir)
        .env("HOME", dir)
        .env_remove("ASOF_DB")
        .env_remove("ASOF_HISTORY")
        .env_remove("XDG_DATA_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the program on an input.
pub fn asof(dir: &Path, args: &[&str], input: &str) -> Run {
    let mut child = program(dir, args).spawn().expect("asof starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_string();
    // A program that reads nothing may have ended before it is written to.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().expect("asof ends");
    writer.join().expect("it writes or fails");
    output.into()
}

impl Place {
    pub fn new(files: &[(&str, &str)]) -> Place {
        let place = Place(tempfile::tempdir().expect("a temporary folder"));
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }
    pub fn path(&self) -> &Path {
        self.0.path()
    }
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), text).expect("writable");
    }
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("readable text")
    }
    pub fn input(&self, args: &[&str], input: &str) -> Run {
        asof(self.path(), args, input)
    }
    pub fn run(&self, args: &[&str]) -> Run {
        self.input(args, "")
    }
    /// A run that goes on.
    pub fn start(&self, args: &[&str]) -> Child {
        program(self.path(), args).spawn().expect("asof starts")
    }
    /// What a command prints that goes well.
    pub fn out(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.code, 0, "{args:?}: {}{}", run.out, run.err);
        run.out
    }
    /// The same of one that has nothing to say beside.
    pub fn answer(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{args:?}: {}", run.out);
        run.out
    }
    /// What a command says that fails with this code, and prints no result.
    pub fn err(&self, args: &[&str], code: i32) -> String {
        let run = self.run(args);
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{args:?}: {}", run.err);
        run.err
    }
    pub fn q(&self, query: &str) -> String {
        self.out(&["q", query, "--format", "edn"])
    }
    pub fn transactions(&self) -> usize {
        self.out(&["log", "--brief"]).lines().count()
    }
}

/// A folder with a database of ships in `asof-data`.
pub fn ships() -> Place {
    let place = Place::new(&[]);
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

/// What the ships weigh.
pub const TONS: &str = "[:find ?n ?t :where [?s :ship/name ?n] [?s :ship/tons ?t]]";
