//! Recursive rules that are not of the shape of a closure, beside programs written by hand for datafrog, over the same graphs.

use asof::query::{Input, Query};

use crate::Outcome;
use crate::frog;
use crate::graph::Graph;
use crate::questions::Question;
use crate::rig::{self, Case, Facts};

/// One set of rules, one question.
struct Program {
    name: &'static str,
    rules: &'static str,
    query: &'static str,
    /// The node that `?s` stands for.
    start: Option<u32>,
    graph: fn() -> Graph,
    by_hand: fn(&Graph, u32) -> usize,
}

const PROGRAMS: [Program; 8] = [
    Program {
        name: "same generation",
        rules: "[[(sg ?x ?y) [?x :parent ?p] [?y :parent ?p]]
                 [(sg ?x ?y) [?x :parent ?a] (sg ?a ?b) [?y :parent ?b]]]",
        query: "[:find ?x ?y :in $ % :where (sg ?x ?y)]",
        start: None,
        graph: || Graph::tree(1093, 3),
        by_hand: |g, _| frog::same_generation(g),
    },
    Program {
        name: "even and odd paths",
        rules: EVEN_AND_ODD,
        query: "[:find ?x ?y :in $ % :where (even ?x ?y)]",
        start: None,
        graph: || Graph::random(700, &[("follows", 1400)]),
        by_hand: |g, _| frog::even_and_odd(g),
    },
    Program {
        name: "even and odd paths from one",
        rules: EVEN_AND_ODD,
        query: "[:find ?y :in $ % ?s :where (even ?s ?y)]",
        start: Some(1),
        graph: || Graph::random(100_000, &[("follows", 300_000)]),
        by_hand: frog::even_from,
    },
    Program {
        name: "paths by paths, through light nodes",
        rules: "[[(path ?x ?y) [?x :follows ?y]]
                 [(path ?x ?y) (path ?x ?z) [?z :weight ?w] [(< ?w 80)] (path ?z ?y)]]",
        query: "[:find ?x ?y :in $ % :where (path ?x ?y)]",
        start: None,
        graph: || Graph::random(400, &[("follows", 900)]),
        by_hand: |g, _| frog::through_light(g),
    },
    Program {
        name: "pairs without a path",
        rules: "[[(reach ?x ?y) [?x :follows ?y]]
                 [(reach ?x ?y) (reach ?x ?z) [?z :likes ?y]]
                 [(apart ?x ?y) [?x :node] [?y :node] (not (reach ?x ?y))]]",
        query: "[:find ?x ?y :in $ % :where (apart ?x ?y)]",
        start: None,
        graph: || Graph::random(1000, &[("follows", 1500), ("likes", 1500)]),
        by_hand: |g, _| frog::apart(g),
    },
    Program {
        name: "paths past what is tainted",
        rules: "[[(tainted ?x) [?x :weight ?w] [(< ?w 5)]]
                 [(tainted ?x) (tainted ?y) [?y :likes ?x] [?x :weight ?w] [(< ?w 50)]]
                 [(safe ?x ?y) [?x :follows ?y] (not (tainted ?x)) (not (tainted ?y))]
                 [(safe ?x ?y) (safe ?x ?z) [?z :likes ?y] (not (tainted ?y))]]",
        query: "[:find ?x ?y :in $ % :where (safe ?x ?y)]",
        start: None,
        graph: || Graph::random(1500, &[("follows", 3000), ("likes", 3000)]),
        by_hand: |g, _| frog::untainted(g),
    },
    Program {
        name: "two attributes and a filter",
        rules: "[[(reach ?x ?y) [?x :follows ?y] [?y :weight ?w] [(< ?w 70)]]
                 [(reach ?x ?y) (reach ?x ?z) [?z :likes ?y] [?y :weight ?w] [(< ?w 90)]]]",
        query: "[:find ?x ?y :in $ % :where (reach ?x ?y)]",
        start: None,
        graph: || Graph::random(2000, &[("follows", 3000), ("likes", 4000)]),
        by_hand: |g, _| frog::filtered(g),
    },
    Program {
        name: "points-to",
        rules: "[[(pt ?p ?q) [?p :address ?q]]
                 [(pt ?p ?r) [?p :copy ?q] (pt ?q ?r)]
                 [(pt ?p ?r) [?p :load ?q] (pt ?q ?s) (pt ?s ?r)]
                 [(pt ?s ?r) [?p :store ?q] (pt ?p ?s) (pt ?q ?r)]]",
        query: "[:find ?p ?q :in $ % :where (pt ?p ?q)]",
        start: None,
        graph: || {
            let sizes = [("address", 700), ("copy", 900), ("load", 140), ("store", 140)];
            Graph::random(1000, &sizes)
        },
        by_hand: |g, _| frog::points_to(g),
    },
];

const EVEN_AND_ODD: &str = "[[(odd ?x ?y) [?x :follows ?y]]
     [(odd ?x ?y) (even ?x ?z) [?z :follows ?y]]
     [(even ?x ?y) (odd ?x ?z) [?z :follows ?y]]]";

/// `rules [CASE ...]`: a case is named by a part of its name.
pub fn run(only: &[&str]) -> Outcome {
    for program in &PROGRAMS {
        if !only.is_empty() && !only.iter().any(|part| program.name.contains(part)) {
            continue;
        }
        let graph = (program.graph)();
        let (conn, ids) = graph.load()?;
        let rules = Input::text(program.rules)?;
        let start = program.start.unwrap_or_default();
        let from = program.start.map(|n| Input::from(ids[n as usize]));
        let question = Question::new(
            &conn.db(),
            Query::parse(program.query)?,
            [rules].into_iter().chain(from),
        );
        let case = Case {
            samples: 3,
            ..Case::new("rules", program.name)
        };
        let (rows, ours) = case.median(|| question.ask())?;
        let (by_hand_rows, theirs) = case.median(|| Ok((program.by_hand)(&graph, start)))?;
        if rows != by_hand_rows {
            return Err(format!("{}: {rows} rows, by hand {by_hand_rows}", program.name).into());
        }
        let numbers = [
            ("median_ms", ours),
            ("datafrog_ms", theirs),
            ("ratio", ours / theirs),
            ("rows", rows as f64),
        ];
        let facts = Facts {
            numbers: &numbers,
            note: "",
        };
        rig::emit("rules", program.name, facts);
    }
    Ok(())
}
