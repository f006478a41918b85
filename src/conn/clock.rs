//! The one place where asof asks what time it is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::edn::Instant;

/// Where transactions get their instants from. It may stand still or go back: a transaction's instant is at least a
/// microsecond after the one before, whatever the clock says.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Instant;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Instant(since.as_micros() as i64),
            Err(before) => Instant(-(before.duration().as_micros() as i64)),
        }
    }
}

/// A clock for tests and golden files: every look at it is `step` microseconds after the one before.
#[derive(Debug)]
pub struct StepClock {
    next: AtomicI64,
    step: i64,
}

impl StepClock {
    /// The first look gives `start`. A step of 0 stands still.
    pub fn new(start: Instant, step_micros: i64) -> StepClock {
        StepClock {
            next: AtomicI64::new(start.0),
            step: step_micros,
        }
    }
    /// The next look gives `instant`.
    pub fn set(&self, instant: Instant) {
        self.next.store(instant.0, Ordering::Relaxed);
    }
}

impl Clock for StepClock {
    fn now(&self) -> Instant {
        Instant(self.next.fetch_add(self.step, Ordering::Relaxed))
    }
}

impl<C: Clock> Clock for std::sync::Arc<C> {
    fn now(&self) -> Instant {
        (**self).now()
    }
}
