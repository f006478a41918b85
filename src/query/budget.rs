//! What a query may use: time, rows, and the patience of its caller. Checked inside every loop.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::stats::{Bytes, QueryStats};
use crate::error::{Code, Error, Result};

/// Cancels queries from another thread, and says how far they have come.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    rows_read: AtomicU64,
}

impl CancelToken {
    /// A token that nothing has cancelled yet.
    pub fn new() -> CancelToken {
        CancelToken::default()
    }
    /// Ends the queries that carry this token, soon.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }
    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }
    /// The rows that queries with this token have read from indexes so far, told now and then.
    pub fn rows_read(&self) -> u64 {
        self.0.rows_read.load(Ordering::Relaxed)
    }
}

/// The limits of one query. The default has a limit of rows and none of time.
#[derive(Clone, Debug)]
pub struct Budget {
    /// The longest it may run.
    pub timeout: Option<Duration>,
    /// The most rows any step may hold, and the most facts a rule may derive.
    pub rows_max: usize,
    /// The most bytes the rows of all steps may hold together, as near as the engine counts them.
    pub memory_max: Option<usize>,
    /// Ends it from outside.
    pub cancel: Option<CancelToken>,
}

impl Budget {
    /// The default with a limit of memory.
    ///
    /// ```
    /// # fn main() -> asof::error::Result<()> {
    /// use asof::{Connection, query::{Budget, Query, QueryOptions}};
    /// # let conn = Connection::in_memory()?;
    /// let all = Query::parse("[:find ?a ?b :where [?a :db/ident] [?b :db/ident]]")?;
    /// let options = QueryOptions { budget: Budget::memory(1000), ..QueryOptions::default() };
    /// let error = all.run_with(&[conn.db().into()], &options).unwrap_err();
    /// assert!(error.message().contains("more than its limit of 1000 B"));
    /// # Ok(()) }
    /// ```
    pub fn memory(bytes: usize) -> Budget {
        Budget {
            memory_max: Some(bytes),
            ..Budget::default()
        }
    }
}

impl Default for Budget {
    fn default() -> Budget {
        Budget {
            timeout: None,
            rows_max: 200_000_000,
            memory_max: None,
            cancel: None,
        }
    }
}

/// A budget being used up.
pub(crate) struct Meter {
    budget: Budget,
    started: Instant,
    ticks: Cell<u32>,
    rows_read: Cell<u64>,
    /// Those of them that the token knows of.
    rows_told: Cell<u64>,
    leaves_read: Cell<u64>,
    /// Bytes that wait while other steps run: rows around a nested plan, tables of rules.
    held: Cell<u64>,
    /// Bytes of the values that the query has made, which stay until its end.
    made: Cell<u64>,
    /// The most bytes at once.
    peak: Cell<u64>,
    /// When the plan was there.
    planned: Cell<Duration>,
}

/// How many small steps pass between two looks at the clock.
const TICKS: u32 = 4096;
/// How many new rows pass between two looks at the limits.
const ROWS: usize = 1 << 16;

impl Meter {
    pub fn new(budget: &Budget) -> Meter {
        Meter {
            budget: budget.clone(),
            started: Instant::now(),
            ticks: Cell::new(0),
            rows_read: Cell::new(0),
            rows_told: Cell::new(0),
            leaves_read: Cell::new(0),
            held: Cell::new(0),
            made: Cell::new(0),
            peak: Cell::new(0),
            planned: Cell::new(Duration::ZERO),
        }
    }
    /// One small step of a loop: looks at the clock now and then.
    #[inline]
    pub fn tick(&self) -> Result<()> {
        let n = self.ticks.get() + 1;
        self.ticks.set(n);
        if n >= TICKS { self.check() } else { Ok(()) }
    }
    /// Looks at the clock and the token.
    pub fn check(&self) -> Result<()> {
        self.ticks.set(0);
        if let Some(token) = &self.budget.cancel {
            let read = self.rows_read.get();
            let new = read - self.rows_told.replace(read);
            token.0.rows_read.fetch_add(new, Ordering::Relaxed);
            if token.is_cancelled() {
                return Err(Error::new(Code::QueryCancelled, "the query was cancelled"));
            }
        }
        match self.budget.timeout {
            Some(limit) if self.started.elapsed() > limit => Err(Error::new(
                Code::QueryTimeout,
                format!("the query ran longer than its timeout of {limit:?}"),
            )
            .hint("look at (explain ...) for the step that reads most, or give it more time")),
            _ => Ok(()),
        }
    }
    /// The plan is there.
    pub fn planned(&self) {
        self.planned.set(self.elapsed());
    }
    /// Rows came out of an index.
    pub fn read(&self, rows: usize) {
        self.rows_read.set(self.rows_read.get() + rows as u64);
    }
    /// A read of an index is over that looked into so many leaves.
    pub fn leaves(&self, n: u64) {
        self.leaves_read.set(self.leaves_read.get() + n);
    }
    /// Bytes stay where they are while other steps run.
    pub fn hold(&self, bytes: usize) -> Result<()> {
        self.held.set(self.held.get() + bytes as u64);
        self.memory(0)
    }
    /// Bytes that were held are free.
    pub fn release(&self, bytes: usize) {
        self.held.set(self.held.get().saturating_sub(bytes as u64));
    }
    /// The values that the query has made take so many bytes by now.
    #[inline]
    pub fn made(&self, bytes: usize) -> Result<()> {
        match self.made.replace(bytes as u64) == bytes as u64 {
            true => Ok(()),
            false => self.memory(0),
        }
    }
    /// What is held now, to come back to when steps end in an error that is no error in the end.
    pub fn held(&self) -> u64 {
        self.held.get()
    }
    /// Steps since then have ended early.
    pub fn back_to(&self, held: u64) {
        self.held.set(held);
    }
    /// The step under way has made so many bytes.
    fn memory(&self, bytes: u64) -> Result<()> {
        let all = (self.held.get() + self.made.get()).saturating_add(bytes);
        if all <= self.peak.get() {
            return Ok(());
        }
        self.peak.set(all);
        match self.budget.memory_max {
            Some(limit) if all > limit as u64 => Err(Error::new(
                Code::QueryLimit,
                format!(
                    "the query reached {} of memory, more than its limit of {}",
                    Bytes(all),
                    Bytes(limit as u64)
                ),
            )
            .hint(
                "look at (explain-analyze ...) of a smaller question for the step that holds most; or raise the limit",
            )),
            _ => Ok(()),
        }
    }
    /// What was read and held so far.
    pub fn stats(&self, rows_returned: usize) -> QueryStats {
        QueryStats {
            rows_read: self.rows_read.get(),
            rows_returned: rows_returned as u64,
            leaves_read: self.leaves_read.get(),
            memory: self.peak.get(),
            planning: self.planned.get(),
            elapsed: self.elapsed(),
        }
    }
    /// The step under way holds `n` rows of so many bytes.
    pub fn rows(&self, n: usize, bytes_each: usize) -> Result<()> {
        self.memory(n.saturating_mul(bytes_each) as u64)?;
        // Row numbers are 32 bits wide inside, whatever the budget says.
        if n > self.budget.rows_max.min(u32::MAX as usize - 1) {
            return Err(Error::new(
                Code::QueryLimit,
                format!("a step of the query holds more than {} rows", self.budget.rows_max),
            )
            .hint("clauses that share no variable multiply their rows; or raise the limit"));
        }
        Ok(())
    }
    /// One small step of a loop that makes rows: looks at the limits whenever many have come since `seen`, since looking costs as much
    /// as a row.
    #[inline]
    pub fn grown(&self, n: usize, seen: &mut usize, bytes_each: usize) -> Result<()> {
        self.tick()?;
        if n - *seen < ROWS {
            return Ok(());
        }
        *seen = n;
        self.rows(n, bytes_each)
    }
    /// What is left of the budget, for a query inside this one.
    pub fn rest(&self) -> Budget {
        Budget {
            timeout: self.budget.timeout.map(|t| t.saturating_sub(self.elapsed())),
            memory_max: self
                .budget
                .memory_max
                .map(|m| m.saturating_sub((self.held.get() + self.made.get()) as usize)),
            ..self.budget.clone()
        }
    }
    /// A query inside this one has read.
    pub fn inner(&self, stats: QueryStats) {
        self.rows_read.set(self.rows_read.get() + stats.rows_read);
        self.leaves(stats.leaves_read);
        let all = self.held.get() + self.made.get() + stats.memory;
        self.peak.set(self.peak.get().max(all));
    }
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
