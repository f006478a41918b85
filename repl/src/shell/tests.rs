//! Sessions as people see them, under `snapshots/repl`, and what no picture shows.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use super::*;

/// Results and remarks in one place, as a terminal has them.
#[derive(Clone, Default)]
struct Screen(Rc<RefCell<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Prompt {
    shell: Shell,
    screen: Screen,
}

impl Prompt {
    fn empty() -> Prompt {
        let screen = Screen::default();
        let session = Session::open(None, true).expect("memory");
        let (out, notes) = (Box::new(screen.clone()), Box::new(screen.clone()));
        Prompt {
            shell: Shell::new(session, Format::Table, out, notes),
            screen,
        }
    }

    /// With the ships of the tour.
    fn harbour() -> Prompt {
        let mut prompt = Prompt::empty();
        let typed = help::parts(include_str!("help/tour.txt"));
        for (_, text) in typed.iter().filter(|(typed, text)| *typed && text.starts_with("[{")) {
            prompt.shell.feed("harbour", text).expect("the harbour is built");
        }
        prompt.screen.0.borrow_mut().clear();
        prompt
    }

    /// Types a line, and leaves on the screen what a terminal would show.
    fn types(&mut self, text: &str) -> Flow {
        let prompt = self.shell.prompt();
        let shown = text.replace('\n', &format!("\n{}", " ".repeat(prompt.chars().count())));
        writeln!(self.screen, "{prompt}{shown}").expect("memory");
        self.shell.feed("prompt", text).unwrap_or_else(|e| {
            writeln!(self.screen, "error {e}").expect("memory");
            Flow::GoOn
        })
    }

    fn screen(&self) -> String {
        let text = String::from_utf8(self.screen.0.borrow().clone()).expect("text");
        text.lines().map(|l| l.trim_end().to_string() + "\n").collect()
    }
}

fn shown(mut prompt: Prompt, typed: &[&str]) -> String {
    for text in typed {
        prompt.types(text);
    }
    prompt.screen()
}

fn snapshot(name: &str, text: String) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots/repl");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn forms() {
    let typed = [
        "[{:db/ident :person/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}\n {:db/ident :person/friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}]",
        "[{:db/id \"a\" :person/name \"Ada\"} {:person/name \"Bob\" :person/friend \"a\"}]",
        "[[:db/add [:person/name \"Ada\"] :person/friend [:person/name \"Bob\"]]]",
        "[:find ?n\n :where [?e :person/name ?n]]",
        "{:find [?n .] :where [[_ :person/name ?n] [(< ?n \"B\")]]}",
        "(pull [:person/name {:person/friend [:person/name]}] [:person/name \"Bob\"])",
        "[[(knows ?x ?y) [?p :person/name ?x] [?p :person/friend ?q] [?q :person/name ?y]]]",
        "[:find ?x ?y :where (knows ?x ?y)]",
        "(q [:find ?x :in $ % :where (knows ?x \"Ada\")])",
        ".rules",
        "(basis-t db) (ident db 10)",
        ".format json",
        "[:find ?n :where [?e :person/name ?n]]",
        ".format markdown",
        "[:find ?n :where [?e :person/name ?n]]",
        ".format table",
        ".rows 1",
        "[:find ?n :where [?e :person/name ?n]]",
    ];
    snapshot("forms", shown(Prompt::empty(), &typed));
}

#[test]
fn moving_through_time() {
    let typed = [
        ".log",
        ".back",
        ".back 2",
        "[:find ?n :where [_ :ship/name ?n]]",
        ".forward",
        "[:find ?n :where [_ :ship/name ?n]]",
        "[{:ship/name \"Skua\"}]",
        ".now",
        ".forward",
        ".as-of 2024-07-01",
        ".history on",
        "[:find ?c ?t ?added :where [_ :ship/cargo ?c ?t ?added]]",
        ".now",
        ".since t=3",
        "[:find ?n :where [_ :ship/name ?n]]",
        ".now",
        ".timeline [:ship/name \"Petrel\"]",
        ".timeline [:ship/name \"Petrel\"] :ship/berth",
        ".diff 2 3",
        ".diff 4 2 [:ship/name \"Petrel\"]",
        ".blame [:ship/name \"Petrel\"]",
        ".as-of 99",
        ".as-of whenever",
    ];
    snapshot("time", shown(Prompt::harbour(), &typed));
}

#[test]
fn labels_and_watching() {
    let typed = [
        ".labels on",
        "[:find ?e ?n ?t :where [?e :ship/name ?n ?t]]",
        "(pull [:ship/tons] #e1)",
        ".blame #e2 :ship/name",
        ".watch on",
        "[{:db/id #e1 :ship/tons 777}]",
        ".watch [:find ?n ?t :where [?s :ship/name ?n] [?s :ship/tons ?t]]",
        "[{:ship/name \"Tern\" :ship/tons 151}]",
        ".watch off",
        "[{:ship/name \"Tern\" :ship/tons 152}]",
    ];
    snapshot("labels", shown(Prompt::harbour(), &typed));
}

#[test]
fn mistakes() {
    let typed = [
        ".shcema",
        ".as-of",
        ".now 3",
        ".help tiem",
        ".format xml",
        ".history maybe",
        ".rows many",
        ".read /no/such/file",
        ".timeline",
        ".timeline [:ship/name \"Nobody\"]",
        ".schema :ship/nmae",
        "[:find ?n :where [?s :ship/nmae ?n]]",
        "(pul [*] 5)",
        "hello",
        "[:find ?x\n :where [?x :ship/name]]]",
        "[1 2 3]",
        "{:ship/name \"x\"}",
        ".next",
        "#e7",
        ".labels on",
        "(pull [*] #e77)",
        "[[(heavy ?s) [?t :ship/tons 900]]]",
        "[[(heavy ?s) [?s :ship/tons 900]]]",
        "[[(heavy ?s) [?s :ship/tons 2400]]]",
        ".timeline :ship/nmae",
        ".diff 2 [:ship/name \"Petrel\"]",
        ".diff 2 3 [:ship/name \"Petrel\"]",
        "(+ 1 2)",
        "[:find (pull ?n [*]) :where [_ :ship/name ?n]]",
        "[:find (sum ?n) :where [_ :ship/name ?n]]",
        "[:find ?n ?m :where [_ :ship/name ?n]]",
        "[:find ?n :where [_ :ship/name ?n] [(< ?zz 3)]]",
        "[:find ?s :where [?s :ship/tons \"900\"]]",
        "[{:db/ident :a/b :db/valueType :string :db/cardinality :one}]",
        "[{:db/ident :a/b :db/valueType :db.type/int :db/cardinality :db.cardinality/one}]",
    ];
    snapshot("mistakes", shown(Prompt::harbour(), &typed));
}

/// What people type who come from elsewhere, or have read nothing yet.
#[test]
fn a_stranger() {
    let typed = [
        "SELECT * FROM person;",
        "insert into person values (1)",
        "create table person (name text);",
        "show tables",
        "hello",
        "q [:find ?x]",
        "find ?x",
        "(+ 1 2)",
        "(foo)",
        ".help .watch",
        ".help upper-case",
        ".help SELECT",
        ".timing",
        ".timing",
        ".log 0",
        ".back",
        ".forward",
        ".log",
        ".timeline 99",
        ".blame 99",
        ".diff 0 5",
        ".diff 0",
        ".plot days",
        ".plot days days.png",
        ".plot nonsense",
        ".plot around 99",
        ".limit rows 0",
        ".import notes.doc",
        ".export csv",
        ".reindex",
        ".verify",
        ".watch",
        ".e",
        ".as-of 3 extra",
        "(as-of db 99)",
        "[{:db/doc \"x\"}]",
        "(with (branch-at db 99) [])",
        ".as-of 0",
        "[{:db/doc \"y\"}]",
        "(with (branch-at db 0) [{:db/doc \"z\"}])",
        ".write out.xlsx",
        ".import csv people.csv --db other",
        ".help",
        "quit()",
    ];
    snapshot("stranger", shown(Prompt::empty(), &typed));
}

#[test]
fn a_timeline_within_a_day_fits() {
    let mut prompt = Prompt::harbour();
    prompt.shell.fit(super::Screen { columns: 80, rows: 24 });
    for tons in 901..905 {
        let tx =
            format!("[{{:ship/name \"Petrel\" :ship/tons {tons} :ship/cargo \"coal and much else besides {tons}\"}}]");
        prompt.shell.feed("prompt", &tx).expect("stored");
    }
    prompt.screen.0.borrow_mut().clear();
    prompt.types(".timeline [:ship/name \"Petrel\"]");
    prompt.types(".timeline [:ship/name \"Petrel\"] :ship/tons");
    let shown = prompt.screen();
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "{line}\n{shown}");
    }
    snapshot("day", shown);
}

#[test]
fn what_is_wide() {
    let typed = [
        "[{:db/ident :name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
 {:db/ident :friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}]",
        "[{:db/id \"a\" :name \"名前の長い人\"} {:name \"Zoë\" :friend \"a\"}]",
        "[{:name \"Zoë\" :friend {:name \"tab\\there\"}}]",
        "[:find ?n :where [_ :name ?n]]",
        ".timeline :name",
        ".timeline [:name \"Zoë\"]",
        ".plot value [:name \"Zoë\"] :friend",
        ".plot around [:name \"名前の長い人\"] 2",
        ".blame [:name \"名前の長い人\"]",
    ];
    snapshot("wide", shown(Prompt::empty(), &typed));
}

#[test]
fn a_database_that_does_not_open_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let (one, file) = (dir.path().join("one"), dir.path().join("file"));
    std::fs::write(&file, "no folder").expect("writable");
    let mut prompt = Prompt::empty();
    let mut feed = |text: String| prompt.shell.feed("prompt", &text).map(|_| ());
    feed(format!(".open {}", one.display())).expect("it opens");
    feed("(transact [{:db/ident :here}])".to_string()).expect("it is stored");
    feed(format!(".open {}", file.display())).expect_err("a file is no folder");
    feed("[:find ?e . :where [?e :db/ident :here]]".to_string()).expect("it is still asked");
    feed(format!(".open {}", one.display())).expect("the same again");
    feed(".reindex".to_string()).expect("on disk");
    assert_eq!(prompt.shell.db().basis_t(), 1);
}

#[test]
fn the_tour() {
    let mut prompt = Prompt::empty();
    prompt.types("(transact [{:db/ident :mine}])");
    prompt.types("[[(my-own ?x) [?x :db/ident :mine]]]");
    prompt.types(".help tour");
    while prompt.shell.is_touring() {
        prompt.types(".next");
    }
    prompt.types("(entid db :mine)");
    prompt.types("[:find (count ?x) . :where (my-own ?x)]");
    let screen = prompt.screen();
    assert_eq!(screen.matches("error").count(), 1, "one mistake is meant:\n{screen}");
    snapshot("tour", screen);
}

#[test]
fn the_examples_of_the_help() {
    for (name, text) in topics::TOPICS {
        let mut prompt = Prompt::harbour();
        for (_, example) in help::parts(text).iter().filter(|(typed, _)| *typed) {
            // Lines after the first may begin a new example or go on with the one before.
            prompt
                .shell
                .feed(name, example)
                .unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        assert!(!prompt.screen().contains("nil"), "{name}:\n{}", prompt.screen());
    }
}

#[test]
fn every_command_is_there() {
    let dir = tempfile::tempdir().expect("a folder");
    let script = dir.path().join("script");
    std::fs::write(&script, "(basis-t db)\n.now\n[:find ?n :where [_ :ship/name ?n]]\n").expect("writable");
    let output = dir.path().join("output");
    let mut prompt = Prompt::harbour();
    for command in command::COMMANDS {
        let rest = match command.name {
            ".read" => script.display().to_string(),
            ".output" => output.display().to_string(),
            ".as-of" | ".since" => "2".to_string(),
            ".diff" => "1 2".to_string(),
            ".timeline" | ".blame" => "[:ship/name \"Petrel\"]".to_string(),
            ".explain" => "[:find ?x :where [?x :ship/name]]".to_string(),
            ".rows" => "all".to_string(),
            ".format" => "table".to_string(),
            ".plot" => "around [:ship/name \"Petrel\"]".to_string(),
            ".limit" => "time 1m".to_string(),
            ".write" => dir.path().join("last.csv").display().to_string(),
            ".export" => format!("csv {} --entity ship", dir.path().join("ships.csv").display()),
            ".import" => format!("git {}", dir.path().display()),
            ".open" => dir.path().join("opened").display().to_string(),
            ".watch" => "off".to_string(),
            _ if command.usage == "[on|off]" => "on".to_string(),
            _ => String::new(),
        };
        let flow = prompt.shell.feed("prompt", &format!("{} {rest}", command.name));
        // There is nothing to import.
        if command.name == ".import" {
            assert!(flow.is_err());
            continue;
        }
        let flow = flow.unwrap_or_else(|e| panic!("{}: {e}", command.name));
        assert_eq!(flow == Flow::Quit, command.name == ".quit");
    }
    prompt.shell.feed("prompt", "(basis-t db)").expect("a form");
    let written = std::fs::read_to_string(&output).expect("results went there");
    assert!(written.ends_with("0\n"), "of the database that was opened: {written}");
}

#[test]
fn a_file_says_where_its_mistake_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("script");
    std::fs::write(
        &file,
        ".now\n(basis-t db)\n\n[:find ?n :where [_ :ship/nmae ?n]]\n(stats)\n",
    )
    .expect("writable");
    let e = Prompt::harbour()
        .shell
        .feed("prompt", &format!(".read {}", file.display()));
    let e = e.expect_err("a mistake");
    assert_eq!(e.place().map(|p| p.line), Some(4), "{e}");
    std::fs::write(&file, format!(".read {}", file.display())).expect("writable");
    let e = Prompt::harbour()
        .shell
        .feed("prompt", &format!(".read {}", file.display()));
    assert!(e.expect_err("it never ends").to_string().contains("deep"));
}

#[test]
fn what_reads_for_long_keeps_to_its_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut prompt = Prompt::harbour();
    // Enough that the clock is looked at.
    for tons in 0..150 {
        let data = format!("[{{:ship/name \"Petrel\" :ship/tons {tons} :ship/cargo \"{tons}\"}}]");
        prompt.shell.feed("harbour", &data).expect("it is stored");
    }
    prompt.shell.feed("prompt", ".limit time 0s").expect("a limit");
    let file = dir.path().join("out").display().to_string();
    let petrel = "[:ship/name \"Petrel\"]";
    for typed in [
        "[:find ?a ?b :where [?a :db/ident] [?b :db/ident] [(!= ?a ?b)]]".to_string(),
        format!("(pull-many [*] [{}])", vec![petrel; 100].join(" ")),
        "(datoms (history db) :eavt)".to_string(),
        "(tx-range nil nil)".to_string(),
        ".log 1000".to_string(),
        format!(".timeline {petrel}"),
        ".timeline :ship/tons".to_string(),
        ".diff 1".to_string(),
        format!(".blame {petrel}"),
        format!(".plot value {petrel} :ship/tons"),
        ".plot days".to_string(),
        format!(".export csv {file} --history"),
        format!(".export --history {file}"),
        format!(".export {file}"),
    ] {
        let e = prompt.shell.feed("prompt", &typed).expect_err("no time at all");
        assert_eq!(e.code(), Code::QueryTimeout, "{typed}: {e}");
    }
    let left = std::fs::read_dir(dir.path()).expect("a folder").count();
    assert_eq!(left, 0, "no half file is left");
}

#[test]
fn a_watch_sums_up_what_an_import_brings() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("ships.edn");
    let forms = |n: u32| -> String { (0..n).map(|i| format!("[{{:ship/name \"S{i}\"}}]\n")).collect() };
    let mut prompt = Prompt::harbour();
    prompt.shell.feed("prompt", ".watch on").expect("on");
    for (count, shown) in [
        (2, "+ [:ship/name \"S1\"]  :ship/name  \"S1\""),
        (30, "30 transactions, t 7 to t 36; .log 30"),
    ] {
        std::fs::write(&file, forms(count)).expect("writable");
        prompt.screen.0.borrow_mut().clear();
        prompt
            .shell
            .feed("prompt", &format!(".import {}", file.display()))
            .unwrap_or_else(|e| panic!("{e}"));
        assert!(prompt.screen().contains(shown), "{}", prompt.screen());
    }
}

#[test]
fn exports_are_of_the_moment_that_is_looked_at() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("ships.csv");
    let mut prompt = Prompt::harbour();
    let mut exported = |travel: &str| {
        let typed = format!(
            ".now\n{travel}\n.export csv {} --attr ship/berth --no-id",
            file.display()
        );
        prompt.shell.feed("prompt", &typed).unwrap_or_else(|e| panic!("{e}"));
        std::fs::read_to_string(&file).expect("a table").lines().count()
    };
    assert_eq!(exported(".now"), 3, "two ships and the heading");
    assert_eq!(exported(".as-of 1"), 1);
    assert_eq!(exported(".since 3"), 2);
    assert!(exported(".history on") > 4, "facts instead of ships");
}
