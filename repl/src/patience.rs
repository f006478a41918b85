//! How long work may take that is no query. A query keeps to its budget by itself; what reads facts one after the other asks here.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use asof::error::{Code, Error, Result};
use asof::query::{Budget, CancelToken};

use crate::print::span;

/// How many facts pass between two looks at the clock, which takes about as long as reading one.
const FACTS: u32 = 64;

/// The time that work may take, and who may end it.
pub struct Patience {
    began: Instant,
    timeout: Option<Duration>,
    memory_max: Option<usize>,
    cancel: Option<CancelToken>,
    passed: AtomicU32,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience::of(&Budget::default())
    }
}

impl Patience {
    /// What `budget` allows, from now on.
    pub fn of(budget: &Budget) -> Patience {
        Patience {
            began: Instant::now(),
            timeout: budget.timeout,
            memory_max: budget.memory_max,
            cancel: budget.cancel.clone(),
            passed: AtomicU32::new(0),
        }
    }

    /// Refuses to go on when the time is up, or when somebody cancelled.
    pub fn check(&self) -> Result<()> {
        if self.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            let after = span(self.began.elapsed());
            return Err(Error::new(Code::QueryCancelled, format!("cancelled after {after}")));
        }
        match self.timeout {
            Some(limit) if self.began.elapsed() >= limit => {
                let e = Error::new(Code::QueryTimeout, format!("not done within the timeout of {limit:?}"));
                Err(e.hint("ask for less (an entity, an attribute, a shorter time), or give it more time"))
            }
            _ => Ok(()),
        }
    }

    /// The same for work whose result takes so many bytes by now.
    pub fn holds(&self, bytes: usize) -> Result<()> {
        match self.memory_max {
            Some(limit) if bytes > limit => {
                let what = format!("the result takes {bytes} bytes so far, more than its limit of {limit}");
                Err(Error::new(Code::QueryLimit, what).hint("ask for less, or raise the limit"))
            }
            _ => self.step(),
        }
    }

    /// As `check`, for work of many small steps: it looks now and then.
    pub fn step(&self) -> Result<()> {
        match self.passed.fetch_add(1, Ordering::Relaxed) % FACTS {
            0 => self.check(),
            _ => Ok(()),
        }
    }

    /// The error of work that stopped: when it was to stop, then that is why, whatever it stumbled over; `kept` is what stays of it.
    pub fn explain(&self, e: Error, kept: impl FnOnce() -> String) -> Error {
        match self.check() {
            Ok(()) => e,
            Err(ended) => ended.hint(kept()),
        }
    }

    /// What is read one by one, until the patience ends.
    pub fn over<'a, X: 'a>(
        &'a self,
        items: impl Iterator<Item = Result<X>> + 'a,
    ) -> impl Iterator<Item = Result<X>> + 'a {
        items.map(|item| self.step().and(item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends() {
        let nothing = Patience::of(&Budget::default());
        assert!(nothing.check().is_ok());
        let token = CancelToken::new();
        let budget = Budget {
            timeout: Some(Duration::from_secs(3600)),
            memory_max: Some(100),
            cancel: Some(token.clone()),
            ..Budget::default()
        };
        let hour = Patience::of(&budget);
        let many = || hour.over((0..1000).map(Ok)).collect::<Result<Vec<i32>>>();
        assert_eq!(many().map(|all| all.len()).ok(), Some(1000));
        assert!(hour.holds(100).is_ok());
        assert_eq!(hour.holds(101).err().map(|e| e.code()), Some(Code::QueryLimit));
        token.cancel();
        assert_eq!(many().err().map(|e| e.code()), Some(Code::QueryCancelled));
        let over = Patience::of(&Budget {
            timeout: Some(Duration::ZERO),
            ..Budget::default()
        });
        assert_eq!(over.check().err().map(|e| e.code()), Some(Code::QueryTimeout));
    }
}
