//! Transactions under way: a bounded window of them, acknowledged in order.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use asof::conn::{Connection, Transacting};
use asof::error::Result;
use asof::tx::{Report, Tx};

/// At most `max` transactions that are not acknowledged yet.
pub struct Flight<'a> {
    conn: &'a Connection,
    max: usize,
    open: VecDeque<Transacting>,
    acknowledged: Vec<Report>,
}

impl<'a> Flight<'a> {
    pub fn new(conn: &'a Connection, max: usize) -> Flight<'a> {
        Flight {
            conn,
            max,
            open: VecDeque::with_capacity(max),
            acknowledged: Vec::new(),
        }
    }

    /// Sends a transaction; waits while the window is full.
    pub async fn send(&mut self, tx: Tx) -> Result<()> {
        if self.open.len() == self.max {
            self.wait().await?;
            self.collect()?;
        }
        self.open.push_back(self.conn.transact_async(tx));
        Ok(())
    }

    /// The reports that came since the last call.
    pub fn take(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.acknowledged)
    }

    /// Waits for all that is under way.
    pub async fn land(&mut self) -> Result<()> {
        while !self.open.is_empty() {
            self.wait().await?;
        }
        Ok(())
    }

    async fn wait(&mut self) -> Result<()> {
        if let Some(oldest) = self.open.pop_front() {
            self.acknowledged.push(oldest.await?);
        }
        Ok(())
    }

    /// Takes what the same group acknowledged without waiting for more.
    fn collect(&mut self) -> Result<()> {
        let mut cx = Context::from_waker(Waker::noop());
        while let Some(next) = self.open.front_mut() {
            match Pin::new(next).poll(&mut cx) {
                Poll::Ready(report) => {
                    self.open.pop_front();
                    self.acknowledged.push(report?);
                }
                Poll::Pending => break,
            }
        }
        Ok(())
    }
}

/// Runs a future to its end on this thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers needs nothing of the system");
    runtime.block_on(future)
}
