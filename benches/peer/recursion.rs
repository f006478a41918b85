//! W3, and the rules of W1: reachability in graphs.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::Command;

use asof::conn::{Connection, Options};
use asof::datom::EntityId;
use asof::edn::{Edn, Keyword};
use asof::index::Order;
use asof::query::{Input, Query};
use asof::store::Durability;
use asof::tx::{Entity, Tx};

use crate::Outcome;
use crate::questions::Question;
use crate::rig::{self, Case, Facts};

const SCHEMA: &str = "[
  {:db/ident :node :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :follows :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}]";
const RULES: &str = "[[(anc ?x ?y) [?x :follows ?y]] [(anc ?x ?y) [?x :follows ?t] (anc ?t ?y)]]";

/// A graph in a database.
struct Graph(Connection);

impl Graph {
    fn load(name: &str) -> Outcome<Graph> {
        Graph::load_into(Options::new().durability(Durability::None).in_memory()?, name)
    }

    fn load_into(conn: Connection, name: &str) -> Outcome<Graph> {
        let text = rig::text(&format!("edges_{name}.tsv"))?;
        let mut edges: Vec<(&str, &str)> = Vec::new();
        for line in text.lines() {
            edges.push(line.split_once('\t').ok_or("an edge has two ends")?);
        }
        conn.transact(SCHEMA)?;
        let mut tx = Tx::with_capacity(edges.len() * 2);
        let nodes: BTreeSet<&str> = edges.iter().flat_map(|(a, b)| [*a, *b]).collect();
        for node in nodes {
            tx.push_add(Entity::temp(node), "node", node.parse::<i64>()?);
        }
        for (a, b) in edges {
            tx.push_add(Entity::temp(a), "follows", Entity::temp(b));
        }
        conn.transact(tx)?;
        conn.sync_index()?;
        Ok(Graph(conn))
    }

    fn node(&self, n: i64) -> Outcome<EntityId> {
        let found = self.0.db().entid(format!("[:node {n}]").as_str())?;
        found.ok_or_else(|| format!("the graph has no node {n}").into())
    }

    fn ask(&self, query: &str, more: impl IntoIterator<Item = Input>) -> Outcome<Question> {
        let rules = Input::text(RULES)?;
        let inputs = [rules].into_iter().chain(more);
        Ok(Question::new(&self.0.db(), Query::parse(query)?, inputs))
    }

    fn all_pairs(&self) -> Outcome<Question> {
        self.ask("[:find ?x ?y :in $ % :where (anc ?x ?y)]", [])
    }
}

/// `w3 GRAPH[:START] ...`
pub fn run(graphs: &[&str]) -> Outcome {
    for graph in graphs {
        match graph.split_once(':') {
            Some((name, start)) => {
                let loaded = Graph::load(name)?;
                let from = Input::from(loaded.node(start.parse()?)?.0 as i64);
                let question = loaded.ask("[:find ?y :in $ % ?s :where (anc ?s ?y)]", [from])?;
                Case::new("W3", &format!("{name} from {start}")).ask(|| question.ask());
            }
            None => {
                let loaded = Graph::load(graph)?;
                let question = loaded.all_pairs()?;
                let name = format!("{graph} full");
                let case = Case {
                    samples: 3,
                    ..Case::new("W3", &name)
                };
                case.ask(|| question.ask());
            }
        }
    }
    Ok(())
}

/// `memory GRAPH ...`: what all pairs take beside their own columns, each in a process that has done nothing else.
pub fn memory(graphs: &[&str]) -> Outcome {
    for graph in graphs {
        let dir = rig::fresh("memory")?;
        let conn = Options::new().durability(Durability::Process).open(&dir)?;
        Graph::load_into(conn, graph)?.0.close()?;
        let done = Command::new(env::current_exe()?)
            .args(["memory-of", graph])
            .arg(&dir)
            .status()?;
        std::fs::remove_dir_all(dir)?;
        if !done.success() {
            return Err(format!("{graph} could not be measured").into());
        }
    }
    Ok(())
}

pub fn memory_of(name: &str, dir: &Path) -> Outcome {
    let graph = Graph(Options::new().create(false).open(dir)?);
    // The leaves that the query reads are in memory before it, those of other orders are not.
    let follows = [Edn::from(Keyword::new("follows"))];
    graph.0.db().datoms(Order::Aevt, &follows)?.count();
    let query = Query::parse("[:find ?x ?y :in $ % :where (anc ?x ?y)]")?;
    // Nor does what any query loads first, the program itself among it.
    let first = graph.node(1)?;
    let one = Query::parse("[:find ?y :in $ % ?s :where (anc ?y ?s)]")?;
    one.run(&[Input::from(graph.0.db()), Input::text(RULES)?, Input::from(first)])?;
    rig::forget_peak()?;
    let before = rig::resident_mb();
    let answer = query.run(&[Input::from(graph.0.db()), Input::text(RULES)?])?;
    let (peak, after) = (rig::peak_mb() - before, rig::resident_mb() - before);
    let mb = (1 << 20) as f64;
    let result = answer.len() as f64 * 16.0 / mb;
    let counted = answer.stats().memory as f64 / mb;
    let numbers = [
        ("rows", answer.len() as f64),
        ("result_mb", result),
        ("peak_mb", peak),
        ("peak_ratio", peak / result),
        ("kept_mb", after),
        ("counted_mb", counted),
    ];
    let facts = Facts {
        numbers: &numbers,
        note: "the most memory beyond what the process had before; a result is two words a row",
    };
    rig::emit("memory", &format!("{name} full"), facts);
    Ok(())
}

/// `w1-rules`
pub fn rules() -> Outcome {
    let graphs = [
        "wide_3x3",
        "wide_5x3",
        "wide_7x3",
        "wide_4x6",
        "long_10x3",
        "long_30x3",
        "long_30x5",
    ];
    for name in graphs {
        let graph = Graph::load(name)?;
        let question = graph.all_pairs()?;
        Case::new("W1", &format!("rules-{name}")).ask(|| question.ask());
    }
    Ok(())
}
