//! Graphs for the rules: the same pairs as plain numbers, and in a database.

use asof::conn::{Connection, Options};
use asof::datom::EntityId;
use asof::store::Durability;
use asof::tx::{Entity, Tx};

use crate::Outcome;
use crate::rig::Random;

const SCHEMA: &str = "[
  {:db/ident :node :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :weight :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :parent :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
  {:db/ident :follows :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
  {:db/ident :likes :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
  {:db/ident :address :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
  {:db/ident :copy :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
  {:db/ident :load :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
  {:db/ident :store :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}]";

pub type Pairs = Vec<(u32, u32)>;

/// Nodes with a weight below 100 each, and pairs of them by attribute.
pub struct Graph {
    pub weights: Vec<u32>,
    pub pairs: Vec<(&'static str, Pairs)>,
}

impl Graph {
    fn new(nodes: usize, seed: u64) -> (Graph, Random) {
        let mut random = Random(seed);
        let weights = (0..nodes).map(|_| random.below(100) as u32).collect();
        let pairs = Vec::new();
        (Graph { weights, pairs }, random)
    }

    /// So many nodes, and for each attribute so many pairs at random.
    pub fn random(nodes: usize, attrs: &[(&'static str, usize)]) -> Graph {
        let (mut graph, mut random) = Graph::new(nodes, 7);
        for (attr, n) in attrs {
            let mut node = || random.below(nodes as u64) as u32;
            let mut pairs: Pairs = (0..*n).map(|_| (node(), node())).collect();
            pairs.sort_unstable();
            pairs.dedup();
            graph.pairs.push((attr, pairs));
        }
        graph
    }

    /// A complete tree: (child, parent).
    pub fn tree(nodes: u32, ways: u32) -> Graph {
        let (mut graph, _) = Graph::new(nodes as usize, 7);
        let pairs = (1..nodes).map(|n| (n, (n - 1) / ways)).collect();
        graph.pairs.push(("parent", pairs));
        graph
    }

    /// The pairs of an attribute.
    pub fn of(&self, attr: &str) -> &Pairs {
        let found = self.pairs.iter().find(|(name, _)| *name == attr);
        &found.expect("the case made these pairs").1
    }

    /// In a database of its own, with the entities of the nodes.
    pub fn load(&self) -> Outcome<(Connection, Vec<EntityId>)> {
        let conn = Options::new().durability(Durability::None).in_memory()?;
        conn.transact(SCHEMA)?;
        let mut tx = Tx::with_capacity(self.weights.len() * 2);
        for (n, weight) in self.weights.iter().enumerate() {
            tx.push_add(Entity::temp(n.to_string()), "node", n as i64);
            tx.push_add(Entity::temp(n.to_string()), "weight", i64::from(*weight));
        }
        let ids = conn.transact(tx)?.new_entities;
        let mut tx = Tx::new();
        for (attr, pairs) in &self.pairs {
            for (a, b) in pairs {
                tx.push_add(ids[*a as usize], *attr, ids[*b as usize]);
            }
        }
        conn.transact(tx)?;
        conn.sync_index()?;
        Ok((conn, ids))
    }
}
