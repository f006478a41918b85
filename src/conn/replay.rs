//! From a log to a database value: the first record, and what opening does.

use std::sync::Arc;

use super::options::{Options, threads};
use crate::datom::{EntityId, Partition, RawDatom, T};
use crate::db::{Base, Db, Frame, NextIds, Registry, schema_at};
use crate::edn::Instant;
use crate::error::{Code, Error, Result};
use crate::index::{self, Blobs, Garbage, RootMeta, Snapshot, Words};
use crate::log::{self, Chain, Fact, Hash, NO_HASH, Record};
use crate::schema::{Schema, bootstrap};
use crate::store::{Bytes, Durability, Store};
use crate::tx;

/// So many facts of the log are gathered, while a database is opened, before they go into leaves: at least this many, and an eighth
/// of what is in leaves, so that making the indexes anew writes each leaf a few times only; but no more than memory likes.
const FOLD_WHILE_OPENING: std::ops::RangeInclusive<u64> = 100_000..=4_000_000;
/// A tail of fewer facts is sorted by the first query faster than it is folded.
const FOLD_AFTER_OPENING: u64 = 50_000;

/// What opening found.
pub(super) struct Recovered {
    pub db: Db,
    pub chain: Chain,
    /// Facts in the log that no leaf holds yet.
    pub tail: u64,
    /// The newest root's version; 0 = none.
    pub root_version: u64,
}

/// The database value that `store` holds: its newest root, and the log behind that. An empty store gets record 0 first. `check` is
/// asked at each record.
pub(super) fn recover(store: &Arc<dyn Store>, options: &Options, check: &dyn Fn() -> Result<()>) -> Result<Recovered> {
    let head = if options.accept_loss { None } else { store.head()? };
    let (mut state, mut chain, mut root_version) = newest_root(store, options)?;
    chain.check_head(head, false)?;
    let mut tail = 0;
    let mut folded: u64 = state.snapshot.shape().iter().map(|order| order.live).max().unwrap_or(0);
    let mut enough = (folded / 8).clamp(*FOLD_WHILE_OPENING.start(), *FOLD_WHILE_OPENING.end());
    for entry in store.log(chain.next_t()) {
        check()?;
        let record = match follow(&entry, &mut chain, head) {
            Ok(record) => record,
            Err(e) if options.accept_loss && matches!(e.code(), Code::CorruptStore | Code::ChainBroken) => {
                // What follows cannot be trusted either, since it says that this came before.
                let repair = "asof repair makes a copy of what comes before the damage";
                store.forget_log(chain.next_t()).map_err(|e| match e.code() {
                    Code::CorruptStore => e.hint(repair),
                    _ => e,
                })?;
                break;
            }
            Err(e) => return Err(e),
        };
        tail += record.facts.len() as u64;
        state.apply(&record)?;
        if tail > enough {
            root_version = state.fold(store, &chain, root_version)?;
            (tail, folded) = (0, folded + tail);
            enough = (folded / 8).clamp(*FOLD_WHILE_OPENING.start(), *FOLD_WHILE_OPENING.end());
        }
    }
    chain.check_head(head, true)?;
    if chain.end().is_none() {
        let bytes = genesis()?;
        let record = Record::parse(0, &bytes)?;
        chain.accept(&record)?;
        tail += record.facts.len() as u64;
        state.apply(&record)?;
        store.append(&[(0, bytes.clone())], Durability::Power)?;
    }
    if tail > FOLD_AFTER_OPENING {
        root_version = state.fold(store, &chain, root_version)?;
        tail = 0;
    }
    Ok(Recovered {
        db: state.into_db(),
        chain,
        tail,
        root_version,
    })
}

/// The record of a log entry, when it is whole and follows what came before.
pub(super) fn follow<'a>(
    entry: &'a Result<(T, Bytes)>,
    chain: &mut Chain,
    head: Option<(T, Hash)>,
) -> Result<Record<'a>> {
    let (t, bytes) = entry.as_ref().map_err(Error::clone)?;
    let record = Record::parse(*t, bytes)?;
    chain.accept(&record)?;
    chain.check_head(head, false)?;
    Ok(record)
}

/// The state that the newest root holds, where the log goes on, and the root's version.
fn newest_root(store: &Arc<dyn Store>, options: &Options) -> Result<(State, Chain, u64)> {
    let blobs = Blobs::new(store.clone(), options.cache_bytes);
    let registry = Arc::new(options.registry.clone());
    let root = store.root()?;
    let version = root.as_ref().map_or(0, |(version, _)| *version);
    // An empty root says that there is none any more.
    let mut bytes = root
        .as_ref()
        .map(|(_, bytes)| &**bytes)
        .filter(|bytes| !bytes.is_empty());
    let mut version = version;
    if options.reindex && bytes.take().is_some() {
        store.swap_root(version, &[])?;
        version += 1;
    }
    let (meta, snapshot, dict) = index::open(&**store, &blobs, bytes)?;
    let words = Words::new(dict);
    let Some(meta) = meta else {
        return Ok((State::empty(snapshot, words, registry), Chain::start(), version));
    };
    let kept = match store.record(meta.t) {
        Err(e) if options.accept_loss && e.code() == Code::CorruptStore => None,
        kept => kept?,
    };
    match kept {
        Some(bytes) if Record::claimed_hash(&bytes) == Some(meta.hash) => {}
        _ if options.accept_loss => {
            // The log lost what the indexes hold; the log is the truth, so they are made anew from it.
            store.swap_root(version, &[])?;
            let (_, snapshot, dict) = index::open(&**store, &blobs, None)?;
            let state = State::empty(snapshot, Words::new(dict), registry);
            return Ok((state, Chain::start(), version + 1));
        }
        Some(_) => {
            return Err(Error::new(
                Code::ChainBroken,
                format!(
                    "the indexes were made from another log: its record {} has another hash",
                    meta.t
                ),
            )
            .with("t", meta.t)
            .hint("restore a backup of the whole directory"));
        }
        None => {
            return Err(Error::new(
                Code::ChainBroken,
                format!("the log ends before t {}, which the indexes have reached", meta.t),
            )
            .with("t", meta.t)
            .hint("restore a backup, or open with accept-loss to go on with what is left"));
        }
    }
    let schema = schema_at(&snapshot, &words, meta.t)?;
    let state = State {
        snapshot,
        words,
        schema: Arc::new(schema),
        next_ids: meta.next_ids.iter().copied().collect(),
        t: meta.t,
        instant: Instant(meta.instant),
        registry,
    };
    Ok((state, Chain::after(meta.t, meta.hash), version))
}

/// Record 0: its instant, and the attributes that describe attributes. The same bytes in every database, so that equal
/// histories have equal hashes.
fn genesis() -> Result<Vec<u8>> {
    // A dictionary of its own: that of the store is filled when the record is applied.
    let words = Words::new(Arc::default());
    let (datoms, db) = tx::bootstrap(words.clone(), Arc::default())?;
    let instant = tx::BOOTSTRAP_INSTANT;
    let (bytes, _) = log::encode(0, &NO_HASH, instant, &datoms, db.schema(), |word| words.bytes(word))?;
    Ok(bytes)
}

/// A database value under construction.
pub(super) struct State {
    snapshot: Snapshot,
    words: Words,
    schema: Arc<Schema>,
    next_ids: NextIds,
    t: T,
    instant: Instant,
    registry: Arc<Registry>,
}

impl State {
    fn empty(snapshot: Snapshot, words: Words, registry: Arc<Registry>) -> State {
        let first = [
            (Partition::DB.0, bootstrap::FIRST_DB),
            (Partition::USER.0, bootstrap::FIRST_USER),
        ];
        State {
            snapshot,
            words,
            schema: Arc::new(Schema::empty()),
            next_ids: first.into_iter().collect(),
            t: 0,
            instant: tx::BOOTSTRAP_INSTANT,
            registry,
        }
    }

    /// The state that `db` is.
    pub(super) fn of(db: &Db) -> State {
        let base = db.base();
        State {
            snapshot: base.snapshot.clone(),
            words: base.words.clone(),
            schema: base.schema.clone(),
            next_ids: base.next_ids.clone(),
            t: base.basis_t,
            instant: base.instant,
            registry: base.registry.clone(),
        }
    }

    /// Goes on by a record; gives its datoms.
    pub(super) fn apply(&mut self, record: &Record<'_>) -> Result<Arc<[RawDatom]>> {
        if record.facts.iter().any(|f| Schema::is_schema_fact(EntityId(f.e), f.a)) {
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
        let datoms: Arc<[RawDatom]> = record.datoms(|key| self.words.intern_key(key))?.into();
        let schema = &self.schema;
        self.snapshot = self.snapshot.apply(datoms.clone(), &tx::kinds(schema));
        self.t = record.t;
        self.instant = record.instant;
        Ok(datoms)
    }

    /// Ids that the log has seen are never given again.
    fn note_id(&mut self, e: u64) {
        let (partition, counter) = (EntityId(e).partition(), EntityId(e).counter());
        if partition == Partition::TX {
            return;
        }
        let next = self.next_ids.get(partition.0).unwrap_or(bootstrap::FIRST_USER);
        if counter >= next {
            self.next_ids.insert(partition.0, counter + 1);
        }
    }

    /// Moves everything into leaves; gives the new root's version.
    fn fold(&mut self, store: &Arc<dyn Store>, chain: &Chain, version: u64) -> Result<u64> {
        self.snapshot = self.snapshot.freeze();
        // Nobody has asked for anything yet, so a cache full of what is newest would only be in the way.
        let folded = self.snapshot.fold(&self.words, threads(), false)?;
        let mut garbage = Garbage::default();
        garbage.add(&self.snapshot, &folded);
        let meta = RootMeta {
            t: self.t,
            hash: chain.hash(),
            instant: self.instant.0,
            next_ids: self.next_ids.iter().collect(),
        };
        store.swap_root(version, &folded.root(&self.snapshot, &meta, &garbage))?;
        folded.settle(&self.words);
        let blobs = self.snapshot.blobs().clone();
        self.snapshot = self.snapshot.install(&folded);
        garbage.collect(&**store, &blobs)?;
        Ok(version + 1)
    }

    pub(super) fn into_db(self) -> Db {
        Db::from_base(Base {
            snapshot: self.snapshot,
            basis_t: self.t,
            instant: self.instant,
            next_ids: self.next_ids,
            frame: Arc::new(Frame {
                words: self.words,
                schema: self.schema,
                registry: self.registry,
                speculative: false,
            }),
        })
    }
}

fn apply_schema(schema: &Schema, facts: &[Fact<'_>]) -> Result<Schema> {
    let mut values = Vec::new();
    for f in facts.iter().filter(|f| Schema::is_schema_fact(EntityId(f.e), f.a)) {
        values.push((EntityId(f.e), f.a, f.value()?, f.added));
    }
    Ok(schema.apply(values.iter().map(|(e, a, v, added)| (*e, *a, v, *added))))
}
