//! Stands in for `tx` until it is there: `[:db/add id-or-tempid attribute value]` and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::datom::{Datom, EntityId, Partition, RawDatom, T, TxId, Value, ValueType};
use crate::db::{Base, Db};
use crate::edn::{Edn, Instant, Node};
use crate::error::{Code, Error, Result};
use crate::index::Kind;
use crate::schema::{Schema, bootstrap};

/// Options.
#[derive(Clone, Debug, Default)]
pub struct TxOptions {
    /// The clock's time.
    pub now: Instant0,
}
type Instant0 = Option<Instant>;

/// What was prepared.
#[derive(Clone)]
pub struct Prepared {
    /// t
    pub t: T,
    /// instant
    pub instant: Instant,
    /// facts
    pub datoms: Vec<RawDatom>,
    /// after
    pub db_after: Db,
    /// tempids
    pub tempids: BTreeMap<String, EntityId>,
}

/// Report.
#[derive(Clone)]
pub struct Report {
    /// before
    pub db_before: Db,
    /// after
    pub db_after: Db,
    /// facts
    pub tx_data: Vec<Datom>,
    /// tempids
    pub tempids: BTreeMap<String, EntityId>,
    /// t
    pub t: T,
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Report {{ t: {} }}", self.t)
    }
}

impl Report {
    /// Makes it.
    pub fn new(db_before: Db, p: Prepared) -> Result<Report> {
        let tx_data = p.datoms.iter().map(|d| p.db_after.datom(*d)).collect::<Result<_>>()?;
        Ok(Report {
            db_before,
            tx_data,
            db_after: p.db_after,
            tempids: p.tempids,
            t: p.t,
        })
    }
}

/// Prepares.
pub fn prepare(db: &Db, data: &[Edn], options: &TxOptions) -> Result<Prepared> {
    let base = db.base();
    let t = base.basis_t + 1;
    let now = options.now.unwrap_or(Instant(0));
    let instant = Instant(now.0.max(base.instant.0 + 1));
    let mut next_ids = base.next_ids.clone();
    let mut tempids = BTreeMap::new();
    let mut facts = vec![(
        TxId::from_t(t).entity(),
        bootstrap::TX_INSTANT,
        Value::Instant(instant),
        true,
    )];
    let bad = || Error::new(Code::InvalidTxForm, "the stand-in knows [:db/add e a v] only");
    for form in data {
        let Node::Vector(items) = &form.node else {
            return Err(bad());
        };
        let [_, e, a, v] = &items[..] else { return Err(bad()) };
        let Node::Keyword(a) = &a.node else { return Err(bad()) };
        let attr = db.attribute(a)?;
        let e = match &e.node {
            Node::Long(e) => EntityId(*e as u64),
            Node::Str(s) => *tempids.entry(s.to_string()).or_insert_with(|| {
                let part = if Schema::is_schema_attr(attr.id) {
                    Partition::DB
                } else {
                    Partition::USER
                };
                let n = next_ids.get(&part.0).copied().unwrap_or(1000);
                next_ids.insert(part.0, n + 1);
                EntityId::new(part, n)
            }),
            _ => return Err(bad()),
        };
        let v = match (&v.node, attr.value_type) {
            (Node::Long(x), ValueType::Long) => Value::Long(*x),
            (Node::Long(x), ValueType::Ref) => Value::Ref(EntityId(*x as u64)),
            (Node::Str(x), ValueType::String) => Value::String(x.clone()),
            (Node::Keyword(x), ValueType::Keyword) => Value::Keyword(x.clone()),
            (Node::Keyword(x), ValueType::Ref) => Value::Ref(base.schema.entid(x).ok_or_else(bad)?),
            _ => return Err(bad()),
        };
        facts.push((e, attr.id, v, true));
    }
    let schema = Arc::new(base.schema.apply(facts.iter().map(|(e, a, v, x)| (*e, *a, v, *x))));
    let datoms: Vec<RawDatom> = facts
        .iter()
        .map(|(e, a, v, added)| {
            Ok(RawDatom {
                e: e.0,
                a: *a,
                v: base.words.intern(v)?,
                t,
                added: *added,
            })
        })
        .collect::<Result<_>>()?;
    let snapshot = base.snapshot.apply(&base.words, &datoms, &|a| {
        let attr = schema.attr(a).expect("known");
        Kind {
            inline: attr.value_type.is_inline(),
            reference: attr.is_ref(),
        }
    })?;
    let db_after = Db::from_base(Base {
        snapshot,
        words: base.words.clone(),
        schema,
        basis_t: t,
        instant,
        next_ids,
        registry: base.registry.clone(),
        speculative: false,
    });
    Ok(Prepared {
        t,
        instant,
        datoms,
        db_after,
        tempids,
    })
}

/// Reads nothing.
pub fn read_one(_text: &str) -> Result<Edn> {
    Err(Error::new(Code::InvalidEdn, "there is no reader yet"))
}
