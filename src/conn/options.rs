//! How to open a database, and how to write to it.

use std::sync::Arc;

use super::clock::{Clock, SystemClock};
use crate::datom::{EntityId, Val, Value};
use crate::db::{Arity, Db, Registry};
use crate::edn::{Edn, Symbol};
use crate::error::Result;
use crate::store::Durability;

/// How to open a database.
///
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::{Code, Options, store::Durability};
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("people.asof");
/// let none = Options::new().create(false).open(&path).unwrap_err();
/// assert_eq!(none.code(), Code::DbNotFound);
///
/// let conn = Options::new().durability(Durability::Process).cache_bytes(64 << 20).open(&path)?;
/// conn.transact("[]")?;
/// conn.close()?;
/// assert_eq!(Options::new().create(false).open(&path)?.db().basis_t(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Options {
    pub(super) durability: Durability,
    pub(super) cache_bytes: u64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) create: bool,
    pub(super) accept_loss: bool,
    pub(super) reindex: bool,
    pub(super) registry: Registry,
    pub(super) tail_soft: u64,
    pub(super) tail_hard: u64,
    /// Nobody can open the store again, so closing need not prepare for that.
    pub(super) ephemeral: bool,
    pub(super) check: Check,
}

/// Asked while something takes long; its error ends that.
type Check = Arc<dyn Fn() -> Result<()> + Send + Sync>;

impl Default for Options {
    fn default() -> Options {
        Options {
            durability: Durability::Power,
            cache_bytes: 256 * 1024 * 1024,
            clock: Arc::new(SystemClock),
            create: true,
            accept_loss: false,
            reindex: false,
            registry: Registry::default(),
            tail_soft: 200_000,
            tail_hard: 1_500_000,
            ephemeral: false,
            check: Arc::new(|| Ok(())),
        }
    }
}

impl Options {
    /// The defaults: safe against power loss, created when absent, 256 MB of cache, the machine's clock.
    pub fn new() -> Options {
        Options::default()
    }
    /// When a transaction is safe enough to be acknowledged, unless it says otherwise itself.
    pub fn durability(mut self, durability: Durability) -> Options {
        self.durability = durability;
        self
    }
    /// Memory for leaves and dictionary pages.
    pub fn cache_bytes(mut self, bytes: u64) -> Options {
        self.cache_bytes = bytes;
        self
    }
    /// Where instants come from.
    pub fn clock(mut self, clock: impl Clock) -> Options {
        self.clock = Arc::new(clock);
        self
    }
    /// Whether to make the database when there is none.
    pub fn create(mut self, create: bool) -> Options {
        self.create = create;
        self
    }
    /// Opens a database whose log lost its end: what was acknowledged and is missing is given up. Never a default.
    pub fn accept_loss(mut self, accept: bool) -> Options {
        self.accept_loss = accept;
        self
    }
    /// Gives up the indexes on disk, damaged or not, and makes them anew from the log while opening. They are made beside the old
    /// ones, which takes as much room on the disk again, and replace them when they are whole: after an error the database is
    /// as it was.
    pub fn reindex(mut self, reindex: bool) -> Options {
        self.reindex = reindex;
        self
    }
    /// Is asked at each record while the log is replayed or the indexes are made anew, which may take long. Its error ends the opening;
    /// the database is whole then, and its indexes are the old ones.
    pub fn check(mut self, check: impl Fn() -> Result<()> + Send + Sync + 'static) -> Options {
        self.check = Arc::new(check);
        self
    }
    /// The indexer starts when this many facts are in the log and not yet in the indexes on disk; up to three times as many, when they
    /// are so scattered that each round writes most of the indexes anew.
    pub fn index_after(mut self, datoms: u64) -> Options {
        self.tail_soft = datoms;
        self.tail_hard = self.tail_hard.max(datoms.saturating_mul(2));
        self
    }
    /// Writers wait when this many facts are in the log and not yet in the indexes on disk.
    pub fn wait_after(mut self, datoms: u64) -> Options {
        self.tail_hard = datoms;
        self
    }
    /// Registers a transaction function: database before and arguments in, transaction data out. It must be pure; the log
    /// holds what it made, so replaying never calls it.
    pub fn tx_fn(mut self, name: &str, f: impl Fn(&Db, &[Edn]) -> Result<Vec<Edn>> + Send + Sync + 'static) -> Options {
        self.registry.tx_fns.insert(Symbol::new(name), Arc::new(f));
        self
    }
    /// Registers an attribute predicate for `:db.attr/preds`.
    pub fn attr_pred(mut self, name: &str, f: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Options {
        self.registry.attr_preds.insert(Symbol::new(name), Arc::new(f));
        self
    }
    /// Registers an entity predicate for `:db.entity/preds`.
    pub fn entity_pred(mut self, name: &str, f: impl Fn(&Db, EntityId) -> bool + Send + Sync + 'static) -> Options {
        self.registry.entity_preds.insert(Symbol::new(name), Arc::new(f));
        self
    }
    /// Registers a function that queries call by name: `[(my.app/tax ?price) ?tax]`. It must be pure.
    pub fn query_fn(
        mut self,
        name: &str,
        arity: impl Into<Arity>,
        f: impl Fn(&[Val]) -> Result<Val> + Send + Sync + 'static,
    ) -> Options {
        self.registry.query_fn(name, arity, f);
        self
    }
    /// Registers an aggregate for `:find`: `(my.app/product ?x)`.
    pub fn aggregate(
        mut self,
        name: &str,
        f: impl Fn(&mut dyn Iterator<Item = &Val>) -> Result<Val> + Send + Sync + 'static,
    ) -> Options {
        self.registry.aggregate(name, f);
        self
    }
    /// Registers a function for pull patterns: `[:person/name :xform my.app/initials]`.
    pub fn xform(mut self, name: &str, f: impl Fn(Edn) -> Result<Edn> + Send + Sync + 'static) -> Options {
        self.registry.xform(name, f);
        self
    }
}

/// Options of one transaction.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// When it is safe enough to be acknowledged; `None`: as the connection says.
    pub durability: Option<Durability>,
    /// An asked `:db/txInstant` that is not after the newest transaction's becomes the next microsecond: for imports with
    /// coarse times.
    pub nudge: bool,
}

/// How many threads fold when nothing else is to be done.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}
