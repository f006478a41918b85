//! Reports of transactions for whoever listens, without ever making the writer wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
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
    missed: Arc<AtomicU64>,
}

impl Subscription {
    /// The next report; waits for it, `None` when the connection is closed.
    pub fn next(&self) -> Option<Report> {
        self.reports.recv().ok()
    }
    /// The next report, if one is there.
    pub fn try_next(&self) -> Option<Report> {
        self.reports.try_recv().ok()
    }
    /// The next report; waits at most `timeout`.
    pub fn next_within(&self, timeout: Duration) -> Option<Report> {
        self.reports.recv_timeout(timeout).ok()
    }
    /// How many reports did not fit since the last call. The log has the transactions.
    pub fn missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

/// The sending ends.
#[derive(Default)]
pub(super) struct Subscribers(Mutex<Vec<(SyncSender<Report>, Arc<AtomicU64>)>>);

impl Subscribers {
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        let (sender, reports) = sync_channel(capacity.max(1));
        let missed = Arc::new(AtomicU64::new(0));
        self.0.lock().push((sender, missed.clone()));
        Subscription { reports, missed }
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    pub fn send(&self, report: &Report) {
        self.0
            .lock()
            .retain(|(sender, missed)| match sender.try_send(report.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    missed.fetch_add(1, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            });
    }

    pub fn close(&self) {
        self.0.lock().clear();
    }
}
