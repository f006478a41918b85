//! From a log to a database value: the first record, and what opening does.

use std::sync::Arc;

use crate::datom::{EntityId, Partition, RawDatom, T, TxId, Value};
use crate::db::{Base, Db, NextIds, Registry};
use crate::edn::Instant;
use crate::error::{Code, Error, Result};
use crate::index::{Dict, Kind, Snapshot, Words};
use crate::log::{Chain, Fact, NO_HASH, Record, encode_facts};
use crate::schema::{Schema, bootstrap};
use crate::store::{Durability, Store};

/// When record 0 happened: the same in every database, so that equal histories have equal hashes.
const BEGINNING: Instant = Instant(0);

/// What opening found.
pub(super) struct Recovered {
    pub db: Db,
    pub chain: Chain,
    /// Facts in the log that no root holds yet.
    pub tail: u64,
}

/// The database value that `store` holds; an empty store gets record 0 first.
pub(super) fn recover(store: &dyn Store, registry: Arc<Registry>, accept_loss: bool) -> Result<Recovered> {
    let head = store.head()?;
    let mut state = State::empty(registry);
    let mut chain = Chain::start();
    let mut tail = 0;
    for entry in store.log(chain.next_t()) {
        let (t, bytes) = entry?;
        let record = Record::parse(t, &bytes)?;
        chain.accept(&record)?;
        if !accept_loss {
            chain.check_head(head, false)?;
        }
        tail += record.facts.len() as u64;
        state.apply(&record)?;
    }
    if !accept_loss {
        chain.check_head(head, true)?;
    }
    if chain.end().is_none() {
        let bytes = genesis();
        let record = Record::parse(0, &bytes)?;
        chain.accept(&record)?;
        tail += record.facts.len() as u64;
        state.apply(&record)?;
        store.append(&[(0, bytes.clone())], Durability::Power)?;
    }
    Ok(Recovered {
        db: state.into_db(),
        chain,
        tail,
    })
}

/// Record 0: its instant, and the attributes that describe attributes.
fn genesis() -> Vec<u8> {
    let mut facts = vec![(
        TxId::from_t(0).entity(),
        bootstrap::TX_INSTANT,
        Value::Instant(BEGINNING),
        true,
    )];
    facts.extend(bootstrap::facts().into_iter().map(|(e, a, v)| (e, a, v, true)));
    encode_facts(0, &NO_HASH, BEGINNING, &facts).0
}

/// A database value under construction.
struct State {
    snapshot: Snapshot,
    words: Words,
    schema: Arc<Schema>,
    next_ids: NextIds,
    t: T,
    instant: Instant,
    registry: Arc<Registry>,
}

impl State {
    fn empty(registry: Arc<Registry>) -> State {
        let first = [
            (Partition::DB.0, bootstrap::FIRST_DB),
            (Partition::USER.0, bootstrap::FIRST_USER),
        ];
        State {
            snapshot: Snapshot::empty(),
            words: Words::new(Arc::new(Dict::default())),
            schema: Arc::new(Schema::empty()),
            next_ids: first.into_iter().collect(),
            t: 0,
            instant: BEGINNING,
            registry,
        }
    }

    fn apply(&mut self, record: &Record<'_>) -> Result<()> {
        if record.facts.iter().any(|f| Schema::is_schema_attr(f.a)) {
            self.schema = Arc::new(apply_schema(&self.schema, &record.facts)?);
        }
        for fact in &record.facts {
            if self.schema.value_type(fact.a) != Some(fact.value_type) {
                return Err(Error::new(
                    Code::CorruptStore,
                    format!(
                        "log record {} says something of type {} about attribute {}, which has no such type",
                        record.t, fact.value_type, fact.a
                    ),
                )
                .with("t", record.t));
            }
            self.note_id(fact.e);
        }
        let datoms: Vec<RawDatom> = record.datoms(&self.words)?;
        let schema = &self.schema;
        self.snapshot = self.snapshot.apply(&self.words, &datoms, &|a| kind(schema, a))?;
        self.t = record.t;
        self.instant = record.instant;
        Ok(())
    }

    /// Ids that the log has seen are never given again.
    fn note_id(&mut self, e: u64) {
        let (partition, counter) = (EntityId(e).partition(), EntityId(e).counter());
        if partition == Partition::TX {
            return;
        }
        let next = self
            .next_ids
            .get(&partition.0)
            .copied()
            .unwrap_or(bootstrap::FIRST_USER);
        if counter >= next {
            self.next_ids.insert(partition.0, counter + 1);
        }
    }

    fn into_db(self) -> Db {
        Db::from_base(Base {
            snapshot: self.snapshot,
            words: self.words,
            schema: self.schema,
            basis_t: self.t,
            instant: self.instant,
            next_ids: self.next_ids,
            registry: self.registry,
            speculative: false,
        })
    }
}

fn apply_schema(schema: &Schema, facts: &[Fact<'_>]) -> Result<Schema> {
    let mut values = Vec::new();
    for f in facts.iter().filter(|f| Schema::is_schema_attr(f.a)) {
        values.push((EntityId(f.e), f.a, f.value()?, f.added));
    }
    Ok(schema.apply(values.iter().map(|(e, a, v, added)| (*e, *a, v, *added))))
}

fn kind(schema: &Schema, a: u32) -> Kind {
    let attr = schema.attr(a).expect("apply has looked every attribute up");
    Kind {
        inline: attr.value_type.is_inline(),
        reference: attr.is_ref(),
    }
}
