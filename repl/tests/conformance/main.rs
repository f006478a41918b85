//! Plays the conformance cases through the real program: `asof eval`, one process for each file of cases.
//!
//! The folder is `../shared/conformance` beside the workspace, or what `ASOF_CONFORMANCE` names; without it the test
//! says so and passes. `ASOF_CONFORMANCE_ONLY=time-as-of` plays one file, or the cases whose names contain the text.

mod compare;

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use asof::edn::{self, Edn, Node};
use compare::{Shape, bag, error_fits, find_shape, get, same};

/// A case, and the forms it becomes.
struct Case {
    name: String,
    forms: Vec<(Form, String)>,
    error: Option<Edn>,
    expect: Option<Edn>,
    shape: Shape,
}

/// What a form is to the player.
enum Form {
    /// Must not fail.
    Work,
    /// A transaction that must fail with this category.
    Refused(Edn),
    /// What `:expect` or `:error` is about.
    Question,
}

type Fixtures = HashMap<String, Edn>;

fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    let folder = std::env::var_os("ASOF_CONFORMANCE").map_or(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn items(form: Option<&Edn>) -> Vec<Edn> {
    match form.map(|f| &f.node) {
        Some(Node::Vector(items)) => items.clone(),
        _ => Vec::new(),
    }
}

impl Case {
    fn new(form: &Edn, fixtures: &Fixtures) -> Case {
        let name = match get(form, "name").map(|n| &n.node) {
            Some(Node::Str(s)) => s.to_string(),
            _ => panic!("a case without a name: {form}"),
        };
        let base = get(form, "base").map(|b| fixtures.get(&b.to_string()).unwrap_or_else(|| panic!("{name}: no {b}")));
        let of = |key: &str| -> Vec<Edn> {
            let mut all = items(base.and_then(|b| get(b, key)));
            all.extend(items(get(form, key)));
            all
        };
        let mut schema = of("schema");
        schema.push(
            edn::read_one(r#"{:db/id "datomic.tx" :db/txInstant #inst "2000-01-01"}"#).expect("the player's own text"),
        );
        let txs = of("txs");
        let refused: HashMap<usize, Edn> = match get(form, "tx-errors").map(|m| &m.node) {
            Some(Node::Map(entries)) => entries
                .iter()
                .map(|(k, v)| (k.to_string().parse().expect("an index"), v.clone()))
                .collect(),
            _ => HashMap::new(),
        };
        let question = Case::question(form, &refused);
        let error = get(form, "error").cloned();
        let mut forms = vec![(Form::Work, "(reset)".to_string())];
        forms.push((Form::Work, format!("(transact {})", Edn::from(Node::Vector(schema)))));
        for (i, tx) in txs.iter().enumerate() {
            let kind = match (refused.get(&i), &error) {
                (Some(category), _) => Form::Refused(category.clone()),
                (None, Some(category)) if question.is_none() && i + 1 == txs.len() => Form::Refused(category.clone()),
                _ => Form::Work,
            };
            forms.push((kind, format!("(transact {tx})")));
        }
        let asked = question.is_some();
        forms.extend(question.map(|q| (Form::Question, q.to_string())));
        let shape = get(form, "query").map_or(Shape::Value, find_shape);
        Case {
            name,
            forms,
            error: error.filter(|_| asked),
            expect: get(form, "expect").cloned(),
            shape,
        }
    }

    /// The `(q ...)` or `(pull ...)` of a case.
    fn question(form: &Edn, refused: &HashMap<usize, Edn>) -> Option<Edn> {
        let time = |t: &Edn| time_point(t, refused);
        let none = get(form, "db").is_some_and(|d| d.to_string() == ":none");
        let mut db = Edn::sym("db");
        for (key, call) in [("with", "with"), ("as-of", "as-of"), ("since", "since")] {
            if let Some(arg) = get(form, "db").and_then(|d| get(d, key)) {
                db = Edn::list([Edn::sym(call), db, time(arg)]);
            }
        }
        if get(form, "db").is_some_and(|d| get(d, "history").is_some()) {
            db = Edn::list([Edn::sym("history"), db]);
        }
        if let Some(query) = get(form, "query") {
            let mut call = vec![Edn::sym("q"), query.clone()];
            if !none {
                call.push(db);
            }
            call.extend(items(get(form, "args")).iter().map(|arg| with_times(arg, &time)));
            return Some(Edn::list(call));
        }
        let pull = get(form, "pull")?;
        let part = |key: &str| {
            get(pull, key)
                .cloned()
                .unwrap_or_else(|| panic!("a pull without :{key}: {form}"))
        };
        Some(Edn::list([Edn::sym("pull"), db, part("pattern"), part("eid")]))
    }
}

/// `{:tx-index n}` as a t: the bootstrap is 0, the schema 1, and a transaction that failed took none.
fn time_point(form: &Edn, refused: &HashMap<usize, Edn>) -> Edn {
    match get(form, "tx-index").map(|n| &n.node) {
        Some(Node::Long(n)) => {
            let failed = refused.keys().filter(|&&i| i as i64 <= *n).count() as i64;
            Node::Long(n + 2 - failed).into()
        }
        _ => form.clone(),
    }
}

/// `arg` with the time points of its database calls replaced.
fn with_times(arg: &Edn, time: &dyn Fn(&Edn) -> Edn) -> Edn {
    match &arg.node {
        Node::List(call) => Edn::list(call.iter().map(|part| with_times(&time(part), time))),
        _ => arg.clone(),
    }
}

/// Runs the program over `script`: the lines it printed, and what it said on the side.
fn eval(script: String) -> (Vec<String>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_asof"))
        .args(["eval", "--format", "edn", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let output = child.wait_with_output().expect("the program ends");
    // A program that ended early has closed its input; what it printed shows where.
    let _ = writer.join();
    let lines = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_string)
        .collect();
    (lines, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What is wrong with the answers of a case; `None` when nothing is.
fn judge(case: &Case, answers: &mut impl Iterator<Item = String>) -> Option<String> {
    let mut wrong = None;
    for (kind, text) in &case.forms {
        let Some(line) = answers.next() else {
            return Some(wrong.unwrap_or_else(|| format!("no answer to {text}")));
        };
        let answer = match edn::read_one(&line) {
            Ok(answer) => answer,
            Err(e) => {
                wrong.get_or_insert(format!("an answer that is not EDN: {line}\n    {e}"));
                continue;
            }
        };
        let error = get(&answer, "error").and_then(|e| get(e, "code").cloned());
        let problem = match (kind, &error, &case.error) {
            (Form::Work, None, _) => None,
            (Form::Work, Some(_), _) => Some(format!("{text}\n    failed: {line}")),
            (Form::Refused(category), Some(code), _) if error_fits(category, code) => None,
            (Form::Refused(category), ..) => {
                Some(format!("{text}\n    expected error {category}\n    actual   {line}"))
            }
            (Form::Question, Some(code), Some(category)) if error_fits(category, code) => None,
            (Form::Question, _, Some(category)) => {
                Some(format!("{text}\n    expected error {category}\n    actual   {line}"))
            }
            (Form::Question, Some(_), None) => Some(format!("{text}\n    failed: {line}")),
            (Form::Question, None, None) => case.expect.as_ref().and_then(|expect| {
                let fits = match case.shape {
                    Shape::Bag => bag(expect, &answer),
                    Shape::Value => same(expect, &answer, false),
                };
                (!fits).then(|| format!("{text}\n    expected {expect}\n    actual   {line}"))
            }),
        };
        if let Some(problem) = problem {
            wrong.get_or_insert(problem);
        }
    }
    wrong
}

#[test]
fn every_case_of_the_folder() {
    let Some(folder) = folder() else {
        eprintln!("no conformance folder at ../shared/conformance and no ASOF_CONFORMANCE: nothing was played");
        return;
    };
    let only = std::env::var("ASOF_CONFORMANCE_ONLY").unwrap_or_default();
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder is readable")
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "edn"))
        .collect();
    files.sort();
    let read = |path: &Path| -> Vec<Edn> {
        let text = fs::read_to_string(path).expect("cases are text");
        let name: Arc<str> = path.display().to_string().into();
        edn::read(&text).unwrap_or_else(|e| panic!("{}", e.in_source(&name, &text)))
    };
    let add = |fixtures: &mut Fixtures, forms: &[Edn]| {
        fixtures.extend(
            forms
                .iter()
                .filter_map(|f| Some((get(f, "fixture")?.to_string(), f.clone()))),
        );
    };
    let mut common = Fixtures::new();
    add(&mut common, &read(&folder.join("fixtures.edn")));

    let (mut played, mut failures) = (0, Vec::new());
    for path in files {
        let file = path
            .file_stem()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        let forms = read(&path);
        let mut fixtures = common.clone();
        add(&mut fixtures, &forms);
        let cases: Vec<Case> = forms
            .iter()
            .filter(|f| get(f, "name").is_some())
            .map(|f| Case::new(f, &fixtures))
            .filter(|c| only.is_empty() || only == file || c.name.contains(&only))
            .collect();
        if cases.is_empty() {
            continue;
        }
        let script: Vec<&str> = cases
            .iter()
            .flat_map(|c| c.forms.iter().map(|(_, text)| &**text))
            .collect();
        let (lines, said) = eval(script.join("\n") + "\n");
        let mut lines = lines.into_iter();
        let wrong: Vec<String> = cases
            .iter()
            .filter_map(|case| judge(case, &mut lines).map(|why| format!("{}\n    {why}", case.name)))
            .collect();
        eprintln!("{file}: {} of {}", cases.len() - wrong.len(), cases.len());
        if lines.next().is_some() || (!wrong.is_empty() && !said.is_empty()) {
            eprintln!("{file}: the program said: {said}");
        }
        played += cases.len();
        failures.extend(wrong);
    }
    eprintln!("{} of {played} cases hold", played - failures.len());
    assert!(
        failures.is_empty(),
        "{} of {played} cases fail:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

#[test]
fn answers_are_compared_as_the_readme_says() {
    let form = |text: &str| edn::read_one(text).expect("the test's own text");
    let is = |x: &str, y: &str| same(&form(x), &form(y), false);
    assert!(is("[1 _ {:a [1 2]}]", "[1N :any {:a [2 1]}]"));
    assert!(is("1.0000000001", "1.0000000002") && is("1.5M", "1.50M"));
    assert!(!is("1", "1.0") && !is("1", "\"1\"") && !is("[1 2]", "[2 1]") && !is("{:a 1}", "{:a 1 :b 2}"));
    let bags = |x: &str, y: &str| bag(&form(x), &form(y));
    assert!(bags("#{[1 2] [_ 3]}", "[[2 3] [1 2]]") && bags("[_ 1]", "[1 2]") && bags("[1 1]", "[1 1]"));
    assert!(!bags("[1 1]", "[1 2]") && !bags("[1 1]", "[1]") && !bags("#{}", "nil") && !bags("[_ _ 1]", "[1 2]"));
    assert!(error_fits(&form("#{:arity :parse}"), &form(":db.error/too-few-inputs")));
    assert!(!error_fits(&form(":parse"), &form(":db.error/cas-failed")));
    assert_eq!(find_shape(&form("[:find [?x ...] :where [?x]]")), Shape::Bag);
    assert_eq!(find_shape(&form("[:find [?x ?y] :where [?x]]")), Shape::Value);
    assert_eq!(find_shape(&form("{:find [?x .]}")), Shape::Value);
    assert_eq!(find_shape(&form("[:find ?x (pull ?x [*]) :in $]")), Shape::Bag);
}
