//! What an entity is connected with.

use std::collections::HashMap;

use asof::datom::{EntityId, Partition, Value};
use asof::db::Db;
use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::index::Order;
use asof::schema::bootstrap;

use super::{Chart, Graph, Place};
use crate::eval::name_or_id;
use crate::patience::Patience;
use crate::time::{Style, entity, entity_name};

/// The most entities of a picture, and the most that one entity is followed to.
const PLACES_MAX: usize = 60;
const EACH_MAX: usize = 24;

/// The entities within `depth` steps along references, in either direction.
pub fn around(db: &Db, form: &Edn, depth: u8, style: &mut Style, patience: &Patience) -> Result<Chart> {
    let middle = entity(db, form)?;
    let mut graph = Graph {
        nodes: vec![Place {
            entity: middle.0,
            name: entity_name(db, middle, style)?,
            depth: 0,
            by: None,
        }],
        edges: Vec::new(),
        more: 0,
    };
    let mut places: HashMap<EntityId, usize> = HashMap::from([(middle, 0)]);
    let mut at = 0;
    while at < graph.nodes.len() {
        let (e, steps) = (EntityId(graph.nodes[at].entity), graph.nodes[at].depth);
        if steps < depth {
            let mut followed = 0;
            for (name, other, out) in references(db, e, patience)? {
                let known = places.get(&other).copied();
                if known.is_none() && (followed == EACH_MAX || graph.nodes.len() == PLACES_MAX) {
                    graph.more += 1;
                    continue;
                }
                let number = graph.edges.len();
                let there = match known {
                    Some(there) => there,
                    None => {
                        followed += 1;
                        graph.nodes.push(Place {
                            entity: other.0,
                            name: entity_name(db, other, style)?,
                            depth: steps + 1,
                            by: Some(number),
                        });
                        places.insert(other, graph.nodes.len() - 1);
                        graph.nodes.len() - 1
                    }
                };
                let edge = if out { (at, name, there) } else { (there, name, at) };
                // Both ends see a reference.
                if !graph.edges.contains(&edge) {
                    graph.edges.push(edge);
                }
            }
        }
        at += 1;
    }
    Ok(Chart::Graph(graph))
}

/// The references from an entity and to it: attribute, the other end, whether it leads there. What describes attributes, and
/// transactions, are left out.
fn references(db: &Db, e: EntityId, patience: &Patience) -> Result<Vec<(String, EntityId, bool)>> {
    let id = [Edn::from(Node::Long(e.0 as i64))];
    let mut found = Vec::new();
    for datom in patience.over(db.datoms(Order::Eavt, &id)?) {
        let datom = datom?;
        if let (Value::Ref(other), true) = (&datom.v, datom.a.0 >= bootstrap::FIRST_DB) {
            found.push((name_or_id(db, datom.a), *other, true));
        }
    }
    for datom in patience.over(db.datoms(Order::Vaet, &id)?) {
        let datom = datom?;
        if datom.a.0 >= bootstrap::FIRST_DB && datom.e.partition() != Partition::DB {
            found.push((name_or_id(db, datom.a), datom.e, false));
        }
    }
    Ok(found)
}
