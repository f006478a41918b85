//! Items as one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use asof::datom::{EntityId, Value};
use asof::db::{Db, EntityRef};
use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::index::Order;
use asof::tx::{Attr, Entity, Term, Tx};

use super::item::{Fact, Item, Missing};

/// Makes transactions of items.
pub struct Builder<'a> {
    db: &'a Db,
    tx: Tx,
    /// Entities referred to by value, and their tempids.
    links: HashMap<(u32, Vec<u8>), Arc<str>>,
    temps: usize,
    /// Parts that are there already and belong to an item.
    taken: HashSet<EntityId>,
}

/// Attributes of which an item says everything: values that it does not have are retracted.
#[derive(Clone, Copy, Debug)]
pub struct Replace<'a>(pub &'a [u32]);

/// What is known of the database that items are added to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Items may be there already, with parts that stay the same entities.
    pub parts: bool,
    /// Items may be there already, and take the place of what is there.
    pub replace: Option<Replace<'a>>,
}

/// The transaction of `items` on top of `db`. A part that its owner has already stays the same entity.
pub fn transaction<'i>(db: &Db, items: impl Iterator<Item = &'i Item>, known: Known) -> Result<Tx> {
    let mut builder = Builder {
        db,
        tx: Tx::new(),
        links: HashMap::new(),
        temps: 0,
        taken: HashSet::new(),
    };
    for item in items {
        let owner = match known.parts || known.replace.is_some() {
            true => builder.existing(item)?,
            false => None,
        };
        if let (Some(e), Some(replace)) = (owner, known.replace) {
            builder.retract(e, item, replace)?;
        }
        let entity = builder.temp();
        builder.item(entity, item, owner)?;
    }
    Ok(builder.tx)
}

impl Builder<'_> {
    fn temp(&mut self) -> Entity {
        self.temps += 1;
        Entity::temp(format!("r{}", self.temps))
    }

    /// The facts of `item` about `entity`, which is `known` when it is there already.
    fn item(&mut self, entity: Entity, item: &Item, known: Option<EntityId>) -> Result<()> {
        for (attr, fact) in &item.facts {
            let value: Term = match fact {
                Fact::Value(value) => value.clone().into(),
                Fact::Named(name) => Entity::Ident(name.clone()).into(),
                Fact::Link(name, _, value, Missing::Refused) => Entity::Lookup(name.clone(), value.clone()).into(),
                Fact::Link(_, id, value, Missing::Made) => self.link(*id, value).into(),
                Fact::Part(part) => {
                    let named = self.existing(part)?;
                    let kept = match (named, known) {
                        (None, Some(owner)) => self.part(owner, *attr, part)?,
                        (named, _) => named,
                    };
                    let entity = match (kept, named) {
                        (Some(e), None) => Entity::Id(e),
                        _ => self.temp(),
                    };
                    self.item(entity.clone(), part, kept)?;
                    entity.into()
                }
            };
            self.tx.push_add(entity.clone(), Attr::Id(*attr), value);
        }
        Ok(())
    }

    /// The tempid of the entity with this value.
    fn link(&mut self, attr: u32, value: &Value) -> Entity {
        if let Some(temp) = self.links.get(&(attr, value.key_bytes())) {
            return Entity::Temp(temp.clone());
        }
        let temp: Arc<str> = format!("l{}", self.links.len()).into();
        self.links.insert((attr, value.key_bytes()), temp.clone());
        self.tx
            .push_add(Entity::Temp(temp.clone()), Attr::Id(attr), value.clone());
        Entity::Temp(temp)
    }

    /// The entity that an item names by a unique value.
    fn existing(&self, item: &Item) -> Result<Option<EntityId>> {
        for (attr, fact) in &item.facts {
            if let (Fact::Value(value), Some(def)) = (fact, self.db.schema().attr(*attr))
                && def.unique == Some(asof::schema::Unique::Identity)
                && let Some(e) = self.owner(*attr, value)?
            {
                return Ok(Some(e));
            }
        }
        Ok(None)
    }

    fn owner(&self, attr: u32, value: &Value) -> Result<Option<EntityId>> {
        let attr = Edn::from(Node::Long(i64::from(attr)));
        let found = self
            .db
            .datoms(Order::Avet, &[attr, value.to_edn()])?
            .next()
            .transpose()?;
        Ok(found.map(|d| d.e))
    }

    /// The part of `owner` that is `part`: the only one it can have, or one that says the same.
    fn part(&mut self, owner: EntityId, attr: u32, part: &Item) -> Result<Option<EntityId>> {
        let one = self.db.schema().attr(attr).is_some_and(|a| a.is_one());
        for e in self.parts(owner, attr)? {
            if (one || self.says(e, part)?) && self.taken.insert(e) {
                return Ok(Some(e));
            }
        }
        Ok(None)
    }

    fn parts(&self, owner: EntityId, attr: u32) -> Result<Vec<EntityId>> {
        let mut parts = Vec::new();
        for datom in self
            .db
            .datoms(Order::Eavt, &[number(owner), Node::Long(i64::from(attr)).into()])?
        {
            if let Value::Ref(e) = datom?.v {
                parts.push(e);
            }
        }
        Ok(parts)
    }

    /// Retracts what `e` has and `item` does not say. Values that an attribute of one value changes go by themselves, and
    /// parts are left alone.
    fn retract(&mut self, e: EntityId, item: &Item, replace: Replace) -> Result<()> {
        for attr in replace.0 {
            let said: Vec<&Fact> = item
                .facts
                .iter()
                .filter(|(a, _)| a == attr)
                .map(|(_, fact)| fact)
                .collect();
            let one = self.db.schema().attr(*attr).is_some_and(|a| a.is_one());
            if one && !said.is_empty() || said.iter().any(|fact| matches!(fact, Fact::Part(_))) {
                continue;
            }
            let mut values = Vec::with_capacity(said.len());
            for fact in said {
                values.extend(self.value(fact)?);
            }
            for datom in self
                .db
                .datoms(Order::Eavt, &[number(e), Node::Long(i64::from(*attr)).into()])?
            {
                let value = datom?.v;
                if !values.contains(&value) {
                    self.tx = std::mem::take(&mut self.tx).retract(e, Attr::Id(*attr), value);
                }
            }
        }
        Ok(())
    }

    /// The value that a fact has in the database, if it can.
    fn value(&self, fact: &Fact) -> Result<Option<Value>> {
        Ok(match fact {
            Fact::Value(value) => Some(value.clone()),
            Fact::Named(name) => self.db.entid(EntityRef::Ident(name.clone()))?.map(Value::Ref),
            Fact::Link(_, id, value, _) => self.owner(*id, value)?.map(Value::Ref),
            Fact::Part(_) => None,
        })
    }

    /// Whether all facts of `item` hold of `e`.
    fn says(&self, e: EntityId, item: &Item) -> Result<bool> {
        for (attr, fact) in &item.facts {
            if let Fact::Part(part) = fact {
                let mut found = false;
                for inner in self.parts(e, *attr)? {
                    found = found || self.says(inner, part)?;
                }
                if !found {
                    return Ok(false);
                }
                continue;
            }
            let Some(value) = self.value(fact)? else {
                return Ok(false);
            };
            let key = [number(e), Node::Long(i64::from(*attr)).into(), value.to_edn()];
            if self.db.datoms(Order::Eavt, &key)?.next().transpose()?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn number(e: EntityId) -> Edn {
    Node::Long(e.0 as i64).into()
}
