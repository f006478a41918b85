//! Reports of transactions for whoever listens, without ever making the writer wait.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::tx::Report;

/// The receiving end of [`Connection::subscribe`](super::Connection::subscribe). Drop it to unsubscribe.
/// ```
/// # fn main() -> asof::Result<()> {
/// let conn = asof::Connection::in_memory()?;
/// let reports = conn.subscribe(10);
/// conn.transact("[]")?;
/// assert_eq!(reports.try_next().map(|report| report.t), Some(1));
/// assert_eq!(reports.missed(), 0);
/// conn.close()?;
/// assert!(reports.next().is_none());
/// # Ok(()) }
/// ```
pub struct Subscription {
    reports: Receiver<Report>,
    counts: Arc<Counts>,
}

/// What both ends know of a subscription.
#[derive(Default)]
struct Counts {
    waiting: AtomicUsize,
    missed: AtomicU64,
}

impl Subscription {
    /// The next report; waits for it, `None` when the connection is closed.
    pub fn next(&self) -> Option<Report> {
        self.taken(self.reports.recv().ok())
    }
    /// The next report, if one is there.
    pub fn try_next(&self) -> Option<Report> {
        self.taken(self.reports.try_recv().ok())
    }
    /// The next report; waits at most `timeout`.
    pub fn next_within(&self, timeout: Duration) -> Option<Report> {
        self.taken(self.reports.recv_timeout(timeout).ok())
    }
    /// How many reports did not fit since the last call. The log has the transactions.
    pub fn missed(&self) -> u64 {
        self.counts.missed.swap(0, Ordering::Relaxed)
    }
    fn taken(&self, report: Option<Report>) -> Option<Report> {
        if report.is_some() {
            self.counts.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        report
    }
}

/// The sending end of a subscription, which is gone when its other end is. A bounded channel would take the memory for all reports
/// that may wait at once.
struct Subscriber {
    reports: Sender<Report>,
    counts: Weak<Counts>,
    capacity: usize,
}

impl Subscriber {
    /// Whether somebody still listens.
    fn send(&self, report: &Report) -> bool {
        let Some(counts) = self.counts.upgrade() else {
            return false;
        };
        if counts.waiting.load(Ordering::Acquire) >= self.capacity {
            counts.missed.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        // Before it can be taken, so that the count never falls below nothing.
        counts.waiting.fetch_add(1, Ordering::AcqRel);
        self.reports.send(report.clone()).is_ok()
    }
}

/// The sending ends.
#[derive(Default)]
pub(super) struct Subscribers(Mutex<Vec<Subscriber>>);

impl Subscribers {
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        let (sender, reports) = channel();
        let counts = Arc::new(Counts::default());
        self.0.lock().push(Subscriber {
            reports: sender,
            counts: Arc::downgrade(&counts),
            capacity: capacity.max(1),
        });
        Subscription { reports, counts }
    }
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
    pub fn send(&self, report: &Report) {
        self.0.lock().retain(|subscriber| subscriber.send(report));
    }
    pub fn close(&self) {
        self.0.lock().clear();
    }
}
