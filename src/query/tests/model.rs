//! Random queries over random facts: the engine, with its passes on and off and its clauses shuffled, against an evaluator
//! that tries everything.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::db;
use crate::datom::Val;
use crate::db::Db;
use crate::query::ast::{Arg, Ast, Binding, Clause, InSpec, Pattern, Rules, Term, Var};
use crate::query::{Input, Passes, Query, QueryOptions, functions, parse};

const SCHEMA: &str = r#"
[{:db/ident :n/next :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
 {:db/ident :n/num :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
 {:db/ident :n/tag :db/valueType :db.type/string :db/cardinality :db.cardinality/many}]"#;

const RULES: &str = r#"
[[(path ?a ?b) [?a :n/next ?b]]
 [(path ?a ?b) [?a :n/next ?c] (path ?c ?b)]
 [(left ?a ?b) [?a :n/next ?b]]
 [(left ?a ?b) (left ?a ?c) [?c :n/next ?b]]
 [(both ?a ?b) (both ?a ?c) (both ?c ?b)]
 [(both ?a ?b) [?a :n/next ?b]]
 [(odd ?a ?b) [?a :n/next ?b]]
 [(odd ?a ?b) (even ?a ?c) [?c :n/next ?b]]
 [(even ?a ?b) (odd ?a ?c) [?c :n/next ?b]]
 [(calm ?a ?b) [?a :n/next ?b] (not [?b :n/tag "x"])]
 [(calm ?a ?b) [?a :n/next ?c] (not [?c :n/tag "x"]) (calm ?c ?b)]
 [(some ?a ?b) (or-join [?a ?b] [?a :n/next ?b] (and [?b :n/next ?c] (some ?a ?c)))]
 [(near ?a ?b) (or [?a :n/next ?b] [?b :n/next ?a])]
 [(lone ?a ?b) [?a :n/num ?x] [?b :n/num ?x] (not (path ?a ?b))]]"#;

type Env = Vec<Option<Val>>;
type Fact = (Val, Val, Val);

/// Tries everything: clauses one after another over all facts, rules to their fixpoint as sets of pairs.
struct Naive {
    facts: Vec<Fact>,
    rules: Rules,
    derived: Vec<(String, BTreeSet<(Val, Val)>)>,
}

/// A clause could not be asked yet, in no order.
struct Unbound;

impl Naive {
    fn new(facts: Vec<Fact>, rules: Rules) -> Naive {
        let mut naive = Naive {
            facts,
            rules,
            derived: Vec::new(),
        };
        // Rules in the order of the text, except that those of one recursion grow together: negation only looks back.
        let bodies = naive.rules.bodies.clone();
        let mut names: Vec<String> = bodies.iter().map(|r| r.name.to_string()).collect();
        names.dedup();
        for group in [
            vec!["path"],
            vec!["left"],
            vec!["both"],
            vec!["odd", "even"],
            vec!["calm"],
            vec!["some"],
            vec!["near"],
            vec!["lone"],
        ] {
            for name in &group {
                naive.derived.push((name.to_string(), BTreeSet::new()));
            }
            loop {
                let before: usize = naive.derived.iter().map(|(_, s)| s.len()).sum();
                for r in bodies.iter().filter(|r| group.contains(&r.name.name())) {
                    let env = vec![None; r.vars.count()];
                    let Ok(rows) = naive.all(&r.body, env) else {
                        panic!("the rules are safe")
                    };
                    let pairs: Vec<(Val, Val)> = rows
                        .into_iter()
                        .filter_map(|e| Some((e[r.head[0].0 as usize].clone()?, e[r.head[1].0 as usize].clone()?)))
                        .collect();
                    let slot = naive
                        .derived
                        .iter_mut()
                        .find(|(n, _)| *n == r.name.name())
                        .expect("named above");
                    slot.1.extend(pairs);
                }
                let after: usize = naive.derived.iter().map(|(_, s)| s.len()).sum();
                if after == before {
                    break;
                }
            }
        }
        naive
    }

    fn all(&self, clauses: &[Clause], env: Env) -> Result<Vec<Env>, Unbound> {
        let mut rows = vec![env];
        let mut left: Vec<&Clause> = Vec::new();
        for c in clauses {
            match c {
                Clause::And(_) => return Err(Unbound),
                c => left.push(c),
            }
        }
        // Those that bind come first, then disjunctions, negations last.
        left.sort_by_key(|c| match c {
            Clause::Pattern(_) | Clause::Rule { .. } => 0,
            Clause::Function(..) => 1,
            Clause::Or { .. } => 2,
            Clause::Predicate(_) => 3,
            _ => 4,
        });
        for c in left {
            let mut next = Vec::new();
            for row in rows {
                next.extend(self.one(c, row)?);
            }
            rows = next;
        }
        Ok(rows)
    }

    fn one(&self, c: &Clause, env: Env) -> Result<Vec<Env>, Unbound> {
        match c {
            Clause::Pattern(Pattern { terms, .. }) => Ok(self
                .facts
                .iter()
                .filter_map(|(e, a, v)| self.matches(&terms[..], &[e, a, v], &env))
                .collect()),
            Clause::Rule { name, args, .. } => {
                let (_, pairs) = self
                    .derived
                    .iter()
                    .find(|(n, _)| *n == name.name())
                    .expect("a known rule");
                Ok(pairs
                    .iter()
                    .filter_map(|(x, y)| self.matches(args, &[x, y], &env))
                    .collect())
            }
            Clause::Predicate(call) => {
                let args = self.args(&call.args, &env)?;
                let f = functions::lookup(&call.name).expect("a known function");
                Ok(if (f.call)(&args).is_ok_and(|v| v.truthy()) {
                    vec![env]
                } else {
                    Vec::new()
                })
            }
            Clause::Function(call, Binding::Scalar(out), _) => {
                let args = self.args(&call.args, &env)?;
                let f = functions::lookup(&call.name).expect("a known function");
                let v = (f.call)(&args).expect("sums of small numbers");
                Ok(bind(&env, *out, &v).into_iter().collect())
            }
            Clause::Not { body, .. } => Ok(if self.all(body, env.clone())?.is_empty() {
                vec![env]
            } else {
                Vec::new()
            }),
            Clause::Or { branches, .. } => {
                let mut out = Vec::new();
                for b in branches {
                    let b: Vec<Clause> = match b.as_slice() {
                        [Clause::And(inner)] => inner.clone(),
                        b => b.to_vec(),
                    };
                    out.extend(self.all(&b, env.clone())?);
                }
                Ok(out)
            }
            _ => Err(Unbound),
        }
    }

    fn args(&self, args: &[Arg], env: &Env) -> Result<Vec<Val>, Unbound> {
        args.iter()
            .map(|a| match a {
                Arg::Var(v, _) => env[v.0 as usize].clone().ok_or(Unbound),
                Arg::Const(c) => Ok(Val::from_edn(c).expect("a value")),
                Arg::Source(..) => Err(Unbound),
            })
            .collect()
    }

    fn matches(&self, terms: &[Term], row: &[&Val], env: &Env) -> Option<Env> {
        let mut env = env.clone();
        for (t, v) in terms.iter().zip(row) {
            match t {
                Term::Blank(_) => {}
                Term::Var(x, _) => env = bind(&env, *x, v)?,
                Term::Const(c) => {
                    let c = Val::from_edn(c).expect("a value");
                    let same = c == **v || matches!((&c, v), (Val::Long(n), Val::Ref(e)) if *n as u64 == e.0);
                    if !same {
                        return None;
                    }
                }
            }
        }
        Some(env)
    }
}

fn bind(env: &Env, x: Var, v: &Val) -> Option<Env> {
    match &env[x.0 as usize] {
        Some(old) if old != v => None,
        Some(_) => Some(env.clone()),
        None => {
            let mut env = env.clone();
            env[x.0 as usize] = Some(v.clone());
            Some(env)
        }
    }
}

fn facts(db: &Db) -> Vec<Fact> {
    let mut out = Vec::new();
    for a in ["n/next", "n/num", "n/tag"] {
        let form = crate::edn::Node::Keyword(crate::edn::Keyword::new(a)).into();
        for d in db
            .datoms(crate::index::Order::Aevt, std::slice::from_ref(&form))
            .expect("datoms")
        {
            let d = d.expect("a datom");
            out.push((Val::Ref(d.e), Val::from_edn(&form).expect("a keyword"), d.v.into()));
        }
    }
    out
}

/// Pieces of queries, as text.
fn entity_var() -> impl Strategy<Value = String> {
    (0..3usize).prop_map(|i| format!("?{}", ["a", "b", "c"][i]))
}
fn number_var() -> impl Strategy<Value = String> {
    (0..2usize).prop_map(|i| format!("?{}", ["x", "y"][i]))
}
fn positive() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (entity_var(), entity_var()).prop_map(|(a, b)| format!("[{a} :n/next {b}]")),
        4 => (entity_var(), number_var()).prop_map(|(a, x)| format!("[{a} :n/num {x}]")),
        2 => (entity_var(), 0..4i64).prop_map(|(a, n)| format!("[{a} :n/num {n}]")),
        2 => entity_var().prop_map(|a| format!("[{a} :n/tag \"a tag that is long\"]")),
        1 => entity_var().prop_map(|a| format!("[{a} :n/tag ?t]")),
        1 => entity_var().prop_map(|a| format!("[{a} :n/next _]")),
        3 => ((0..8usize), entity_var(), entity_var()).prop_map(|(r, a, b)| {
            let name = ["path", "left", "both", "odd", "even", "calm", "some", "near"][r];
            format!("({name} {a} {b})")
        }),
        1 => (entity_var(), entity_var()).prop_map(|(a, b)| format!("(lone {a} {b})")),
        1 => (number_var(), number_var()).prop_map(|(x, y)| format!("[(inc {x}) {y}]")),
        1 => (entity_var(), entity_var(), 0..4i64).prop_map(|(a, b, n)| {
            format!("(or [{a} :n/next {b}] (and [{a} :n/num {n}] (path {b} {a})))")
        }),
        1 => (entity_var(), number_var()).prop_map(|(a, x)| {
            format!("(or (and [{a} :n/num {x}] (not [{a} :n/tag \"x\"])) (and [{a} :n/num {x}] [(< {x} 2)]))")
        }),
    ]
}
fn test_clause() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (number_var(), 0..4i64, 0..5usize).prop_map(|(x, n, op)| format!("[({} {x} {n})]", ["<", "<=", ">", ">=", "!="][op])),
        1 => (number_var(), number_var()).prop_map(|(x, y)| format!("[(< {x} {y})]")),
        1 => (entity_var(), entity_var()).prop_map(|(x, y)| format!("[(!= {x} {y})]")),
        2 => (entity_var(), entity_var()).prop_map(|(a, b)| format!("(not [{a} :n/next {b}])")),
        1 => (entity_var(), entity_var()).prop_map(|(a, b)| format!("(not [{a} :n/next ?z] (path ?z {b}))")),
        1 => (entity_var(), number_var()).prop_map(|(a, x)| format!("(not [{a} :n/num {x}] (not [{a} :n/tag \"x\"]))")),
    ]
}

fn data() -> impl Strategy<Value = String> {
    let node = (
        prop::collection::vec(0..7usize, 0..3),
        prop::option::of(0..4i64),
        0..3usize,
    );
    prop::collection::vec(node, 1..7).prop_map(|nodes| {
        let n = nodes.len();
        let mut out = String::from("[");
        for (i, (next, num, tag)) in nodes.iter().enumerate() {
            for to in next {
                out.push_str(&format!("[:db/add \"n{i}\" :n/next \"n{}\"]", to % n));
            }
            if let Some(x) = num {
                out.push_str(&format!("[:db/add \"n{i}\" :n/num {x}]"));
            }
            let tag = ["", "x", "a tag that is long"][*tag];
            if !tag.is_empty() {
                out.push_str(&format!("[:db/add \"n{i}\" :n/tag \"{tag}\"]"));
            }
            out.push_str(&format!("[:db/add \"n{i}\" :n/tag \"here\"]"));
        }
        out + "]"
    })
}

/// The naive answer; `None` when the query makes no sense to it.
fn expected(naive: &Naive, ast: &Ast) -> Option<BTreeSet<Vec<Val>>> {
    let rows = naive.all(&ast.clauses, vec![None; ast.vars.count()]).ok()?;
    rows.into_iter()
        .map(|env| {
            ast.find
                .elems
                .iter()
                .map(|e| env[e.var().0 as usize].clone())
                .collect::<Option<Vec<Val>>>()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_trying_everything(
        data in data(),
        positive in prop::collection::vec(positive(), 1..5),
        tests in prop::collection::vec(test_clause(), 0..3),
        find in prop::collection::vec(prop_oneof![entity_var(), number_var()], 1..3),
        turn in 0..6usize,
    ) {
        let db = db(&[SCHEMA, &data]);
        let rules = parse::rules(&crate::edn::read_one(RULES).expect("rules")).expect("rules");
        let naive = Naive::new(facts(&db), rules);
        let mut clauses: Vec<String> = positive.into_iter().chain(tests).collect();
        let n = clauses.len();
        clauses.rotate_left(turn % n);
        let text = format!("[:find {} :in $ % :where {}]", find.join(" "), clauses.join(" "));
        let Ok(query) = Query::parse(&text) else { return Ok(()) };
        let inputs = [Input::from(&db), Input::text(RULES).expect("rules")];
        debug_assert!(query.ast.inputs.iter().any(|(i, _)| matches!(i, InSpec::Rules)));
        let mut answers = Vec::new();
        for bits in 0..8u8 {
            let passes = Passes {
                push_bounds: bits & 1 == 0,
                order_clauses: bits & 2 == 0,
                find_closures: bits & 4 == 0,
            };
            let options = QueryOptions { passes, ..QueryOptions::default() };
            match query.run_with(&inputs, &options) {
                Ok(answer) => {
                    let rows: BTreeSet<Vec<Val>> = (0..answer.len())
                        .map(|i| (0..answer.columns().len()).map(|c| answer.value(i, c).expect("a value")).collect())
                        .collect();
                    prop_assert_eq!(rows.len(), answer.len(), "no row twice");
                    answers.push(Ok(rows));
                }
                Err(e) => answers.push(Err(e.code())),
            }
        }
        for a in &answers[1..] {
            prop_assert_eq!(a, &answers[0], "passes change nothing: {}", &text);
        }
        if let (Ok(found), Some(wanted)) = (&answers[0], expected(&naive, &query.ast)) {
            prop_assert_eq!(found, &wanted, "{} over {}", text, data);
        }
    }
}

fn cases() -> u32 {
    std::env::var("ASOF_QUERY_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(64)
}
