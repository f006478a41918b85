//! Names for entity ids that depend on nothing but the order in which they are met.

use std::collections::HashMap;

use crate::datom::{EntityId, Partition, TxId, Value};
use crate::db::Db;
use crate::edn::{Edn, MAX_DEPTH, Node, Symbol};
use crate::schema::bootstrap;

/// Entities by the labels they have been given: `#e1` is the first that was met. Keep one for a whole test, and an entity has the
/// same label in all that the test prints.
///
/// Entities with a `:db/ident` go by that, and transactions by their t: `#t3` is what `(as-of db 3)` shows.
///
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::testing::{self, Labels};
/// let conn = testing::fixture("[{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]")?;
/// let mut labels = Labels::new();
/// let first = labels.report(&conn.transact("[{:n 1}]")?)?;
/// let second = labels.report(&conn.transact("[{:n 2}]")?)?;
/// assert!(first.contains("#e1 :n 1") && second.contains("#e2 :n 2"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Labels {
    seen: HashMap<EntityId, usize>,
    /// The same the other way round: `#e1` is the first.
    order: Vec<EntityId>,
}

impl Labels {
    /// No entity met yet.
    pub fn new() -> Labels {
        Labels::default()
    }

    /// The label of an entity: its ident, `#t3` for a transaction, else `#e1` with the next number when it is met first.
    pub fn entity(&mut self, db: &Db, e: EntityId) -> String {
        if let Some(ident) = db.ident(e) {
            return ident.to_string();
        }
        if e.partition() == Partition::TX {
            return format!("#t{}", TxId(e.0).t());
        }
        let next = self.seen.len() + 1;
        let number = *self.seen.entry(e).or_insert(next);
        if number == next {
            self.order.push(e);
        }
        format!("#e{number}")
    }

    /// The entity that a label stands for: `#e1` once it was met, `#t3` always.
    ///
    /// ```
    /// # fn main() -> asof::Result<()> {
    /// use asof::{EntityId, testing::Labels};
    /// let db = asof::testing::database()?.db();
    /// let mut labels = Labels::new();
    /// let label = labels.entity(&db, EntityId(17_592_186_045_418));
    /// assert_eq!(labels.find(&label), Some(EntityId(17_592_186_045_418)));
    /// assert_eq!(labels.find("#e2"), None);
    /// # Ok(()) }
    /// ```
    pub fn find(&self, label: &str) -> Option<EntityId> {
        let number = |text: &str| text.parse::<u64>().ok();
        match label.strip_prefix("#e") {
            Some(rest) => self
                .order
                .get(usize::try_from(number(rest)?).ok()?.checked_sub(1)?)
                .copied(),
            None => {
                let t = number(label.strip_prefix("#t")?)?;
                (t < 1 << 42).then(|| TxId::from_t(t).entity())
            }
        }
    }

    /// A value; references as labels, also in tuples.
    pub fn value(&mut self, db: &Db, value: &Value) -> String {
        match value {
            Value::Ref(e) => self.entity(db, *e),
            Value::Tuple(slots) => {
                let slots: Vec<String> = slots
                    .iter()
                    .map(|slot| slot.as_ref().map_or("nil".to_string(), |v| self.value(db, v)))
                    .collect();
                format!("[{}]", slots.join(" "))
            }
            other => other.to_string(),
        }
    }

    /// The form with the entity ids in it as labels. Ids are longs like others, so only longs that `db` has given to a
    /// user's entity or a transaction become labels; ids of attributes, which are small, stay numbers.
    pub fn relabel(&mut self, db: &Db, form: &Edn) -> Edn {
        // Each level takes some of the native stack; what is too deep to read is not compared by eye either.
        match form.is_deeper_than(MAX_DEPTH) {
            true => form.clone(),
            false => self.relabelled(db, form),
        }
    }

    fn relabelled(&mut self, db: &Db, form: &Edn) -> Edn {
        let mut all = |forms: &[Edn]| forms.iter().map(|f| self.relabelled(db, f)).collect::<Vec<_>>();
        let node = match &form.node {
            Node::Long(n) if is_entity(db, *n) => Node::Symbol(Symbol::new(&self.entity(db, EntityId(*n as u64)))),
            Node::Vector(items) => Node::Vector(all(items)),
            Node::List(items) => Node::List(all(items)),
            Node::Set(items) => Node::Set(all(items)),
            Node::Map(pairs) => {
                let pair = |(k, v): &(Edn, Edn)| (self.relabelled(db, k), self.relabelled(db, v));
                Node::Map(pairs.iter().map(pair).collect())
            }
            Node::Tagged(tag, inside) => Node::Tagged(tag.clone(), Box::new(self.relabelled(db, inside))),
            other => other.clone(),
        };
        Edn::new(node).with_span(form.span)
    }

    /// The text with the entity ids in it as labels.
    pub fn text(&mut self, db: &Db, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let len = rest[start..]
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len() - start);
            let (before, number, after) = (&rest[..start], &rest[start..start + len], &rest[start + len..]);
            out.push_str(before);
            // A part of a name or of a decimal is no id.
            let apart = |c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == '.');
            let whole = out.chars().next_back().is_none_or(apart)
                && after
                    .chars()
                    .next()
                    .is_none_or(|c| apart(c) || c == '.' && !after[1..].starts_with(|c: char| c.is_ascii_digit()));
            match number.parse::<i64>() {
                Ok(n) if whole && is_entity(db, n) => out.push_str(&self.entity(db, EntityId(n as u64))),
                _ => out.push_str(number),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// Whether a long is surely meant as an entity: one above the partition of attributes, and given away already.
fn is_entity(db: &Db, n: i64) -> bool {
    let Ok(e) = u64::try_from(n).map(EntityId) else {
        return false;
    };
    match e.partition() {
        Partition::DB => false,
        Partition::TX => e.counter() <= db.basis_t(),
        p => {
            let next = db.base().next_ids.get(p.0).unwrap_or(0);
            (bootstrap::FIRST_USER..next).contains(&e.counter())
        }
    }
}
