//! A whole database as text.

use super::Labels;
use crate::datom::{EntityId, TxId};
use crate::db::Db;
use crate::error::Result;
use crate::index::Order;
use crate::schema::{Attribute, Schema, TupleKind, Unique, bootstrap};

impl Labels {
    /// All that a database value shows beside what every database holds: its attributes, a line each, then its facts by entity
    /// and attribute, each with its transaction. A history view shows every change, also those of attributes, with `+` and `-`.
    pub fn dump(&mut self, db: &Db) -> Result<String> {
        let schema = db.schema_then()?;
        let mut attributes: Vec<&Attribute> = schema.attrs().map(|a| &**a).filter(|a| is_own(a.entity())).collect();
        attributes.sort_by(|a, b| a.ident.cmp(&b.ident));
        let mut out = String::new();
        if !attributes.is_empty() {
            out += "schema\n";
            let names: Vec<String> = attributes.iter().map(|a| a.ident.to_string()).collect();
            let width = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
            for (a, name) in attributes.iter().zip(&names) {
                out += &format!("  {name:<width$}  {}\n", definition(&schema, a));
            }
        }
        let mut facts = String::new();
        for datom in db.datoms(Order::Eavt, &[])? {
            let datom = datom?;
            let defines = schema.attr_of(datom.e).is_some() && Schema::is_schema_attr(datom.a.0 as u32);
            let documents = schema.attr_of(datom.e).is_some() && datom.a.0 == u64::from(bootstrap::DOC);
            if !is_own(datom.e) || datom.e == TxId::from_t(0).entity() || (defines || documents) && !db.is_history() {
                continue;
            }
            let sign = match (db.is_history(), datom.added) {
                (false, _) => "",
                (true, true) => "+ ",
                (true, false) => "- ",
            };
            let (e, a) = (self.entity(db, datom.e), self.entity(db, datom.a));
            let line = format!("  {sign}{e} {a} {}", self.value(db, &datom.v));
            // A transaction's facts about itself need not say when.
            let when = match datom.e == datom.tx.entity() {
                true => String::new(),
                false => format!("  {}", self.entity(db, datom.tx.entity())),
            };
            facts += &format!("{line}{when}\n");
        }
        if !facts.is_empty() {
            out += "facts\n";
            out += &facts;
        }
        Ok(match out.is_empty() {
            true => "empty\n".to_string(),
            false => out,
        })
    }
}

/// Whether it is none of the entities that every database has.
fn is_own(e: EntityId) -> bool {
    e.0 >= bootstrap::FIRST_DB
}

/// An attribute's definition in words.
fn definition(schema: &Schema, a: &Attribute) -> String {
    let mut words = vec![a.value_type.name().to_string()];
    words.push(if a.is_one() { "one" } else { "many" }.to_string());
    let mut flag = |on: bool, word: &str| {
        if on {
            words.push(word.to_string());
        }
    };
    flag(a.unique == Some(Unique::Identity), "identity");
    flag(a.unique == Some(Unique::Value), "unique");
    flag(a.unique_partial, "partial");
    flag(a.is_component, "component");
    flag(!a.indexed, "no-index");
    flag(a.no_history, "no-history");
    let name = |id: &u32| schema.attr(*id).map_or_else(|| id.to_string(), |m| m.ident.to_string());
    match &a.tuple {
        Some(TupleKind::Composite(members)) => {
            words.push(format!("of {}", members.iter().map(name).collect::<Vec<_>>().join(" ")));
        }
        Some(TupleKind::Heterogeneous(types)) => {
            words.push(format!(
                "of {}",
                types.iter().map(|t| t.name()).collect::<Vec<_>>().join(" ")
            ));
        }
        Some(TupleKind::Homogeneous(ty)) => words.push(format!("of {}s", ty.name())),
        None => {}
    }
    if !a.preds.is_empty() {
        words.push(format!(
            "if {}",
            a.preds.iter().map(|p| p.to_string()).collect::<Vec<_>>().join(" ")
        ));
    }
    if let Some(doc) = &a.doc {
        words.push(format!("{doc:?}"));
    }
    words.join(" ")
}
