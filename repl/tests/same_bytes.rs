//! Two runs of the program print the same bytes: nothing that is shown follows from addresses, the seeds of hash tables,
//! threads or the clock.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

const SCHEMA: &str = "(transact [{:db/id \"datomic.tx\" :db/txInstant #inst \"2020-01-01\"}
  {:db/ident :p/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :p/age :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :p/weight :db/valueType :db.type/double :db/cardinality :db.cardinality/one}
  {:db/ident :p/tag :db/valueType :db.type/keyword :db/cardinality :db.cardinality/many}
  {:db/ident :p/knows :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}])\n";

/// Everything whose order could be left to chance: joins, groups, rules, pulls, sets, mistakes.
const QUESTIONS: &[&str] = &[
    "[:find ?n ?t :where [?e :p/name ?n] [?e :p/tag ?t]]",
    "[:find ?t (count ?e) (avg ?w) (distinct ?a) :where [?e :p/tag ?t] [?e :p/weight ?w] [?e :p/age ?a]]",
    "[:find (sum ?w) (variance ?w) (collect ?t) :with ?e :where [?e :p/weight ?w] [?e :p/tag ?t]]",
    "[:find ?v :where [?e :p/age 3] [?e _ ?v]]",
    "[:find (pull ?e [* {:p/_knows [:p/name]}]) :where [?e :p/age 5]]",
    "[:find ?a ?b :in $ % :where [?x :p/age 1] [?x :p/name ?a] (far ?x ?y) [?y :p/name ?b]]",
    "[:find ?a . :where [_ :p/age ?a]]",
    "[:find ?n ?m :where [?e :p/age ?a] [?f :p/age ?a] [(< ?e ?f)] [?e :p/name ?n] [?f :p/name ?m]
      (not [?e :p/knows ?f]) :order-by [[?m :desc]] :limit 7 :offset 2]",
    "[:find ?x :where (or [_ :p/name ?x] [_ :p/tag ?x] [_ :p/weight ?x])]",
    "[:find ?e ?a ?v :where [?e ?a ?v] :allow-scan true]",
    "[:find ?x :where [?e :p/agee ?x]]",
    "[:find ?x :where [?e :p/name ?n] [(inc ?n) ?x]]",
];

fn script() -> String {
    let mut out = SCHEMA.to_string();
    for (t, from) in [0, 60].into_iter().enumerate() {
        let _ = write!(
            out,
            "(transact [{{:db/id \"datomic.tx\" :db/txInstant #inst \"202{}-02-01\"}}",
            t + 1
        );
        for i in from..from + 60 {
            let _ = write!(
                out,
                " {{:db/id \"p{i}\" :p/name \"person number {i}\" :p/age {} :p/weight {}.{i} :p/tag [:t/a{} :t/b{}] :p/knows [\"p{}\"]}}",
                i % 9,
                40 + i % 30,
                i % 5,
                i % 3,
                from + (i * 7 + 3) % 60,
            );
        }
        out += "])\n";
    }
    let rules = "[[(far ?a ?b) [?a :p/knows ?b]] [(far ?a ?b) [?a :p/knows ?c] (far ?c ?b)]]";
    for q in QUESTIONS {
        let more = if q.contains('%') { rules } else { "" };
        for db in ["db", "(as-of db 2)", "(history db)"] {
            let _ = writeln!(out, "(q {q} {db} {more})");
        }
    }
    out
}

fn run(script: &str) -> Vec<u8> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_asof"))
        .args(["eval", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("asof starts");
    let mut input = child.stdin.take().expect("piped");
    let text = script.as_bytes().to_vec();
    let writer = std::thread::spawn(move || input.write_all(&text));
    let output = child.wait_with_output().expect("asof ends");
    writer.join().expect("the writer ends").expect("the script is read");
    output.stdout
}

#[test]
fn two_runs_print_the_same_bytes() {
    let script = script();
    let first = run(&script);
    let text = String::from_utf8_lossy(&first);
    let errors = text.matches("{:error").count();
    assert!(text.len() > 20_000, "the answers are there:\n{text}");
    assert_eq!(errors, 7, "only the mistakes that are meant:\n{text}");
    for _ in 0..2 {
        assert!(run(&script) == first, "two runs print different bytes");
    }
}
