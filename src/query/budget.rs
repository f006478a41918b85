//! What a query may use: time, rows, and the patience of its caller. Checked inside every loop.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result};

/// Cancels queries from another thread.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nothing has cancelled yet.
    pub fn new() -> CancelToken {
        CancelToken::default()
    }
    /// Ends the queries that carry this token, soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The limits of one query. The default has a limit of rows and none of time.
#[derive(Clone, Debug)]
pub struct Budget {
    /// The longest it may run.
    pub timeout: Option<Duration>,
    /// The most rows any step may hold, and the most facts a rule may derive.
    pub rows_max: usize,
    /// Ends it from outside.
    pub cancel: Option<CancelToken>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget {
            timeout: None,
            rows_max: 200_000_000,
            cancel: None,
        }
    }
}

/// A budget being used up.
pub(crate) struct Meter {
    budget: Budget,
    started: Instant,
    ticks: Cell<u32>,
}

/// How many small steps pass between two looks at the clock.
const TICKS: u32 = 4096;

impl Meter {
    pub fn new(budget: &Budget) -> Meter {
        Meter {
            budget: budget.clone(),
            started: Instant::now(),
            ticks: Cell::new(0),
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
        if self.budget.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(Error::new(Code::QueryCancelled, "the query was cancelled"));
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
    /// A step holds `n` rows.
    pub fn rows(&self, n: usize) -> Result<()> {
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
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
