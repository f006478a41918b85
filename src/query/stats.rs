//! What a query read, held and returned.

use std::fmt;
use std::time::Duration;

/// What it took to answer a query: see [`Answer::stats`](super::Answer::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Rows that came out of the indexes, those that matched nothing included.
    pub rows_read: u64,
    /// Rows of the answer.
    pub rows_returned: u64,
    /// Leaves of the indexes that were looked into, a leaf as often as it was come to. What is newer than the leaves counts as none.
    pub leaves_read: u64,
    /// The most bytes that rows held at once, about.
    pub memory: u64,
    /// From the inputs to the plan; next to nothing when the query has kept one.
    pub planning: Duration,
    /// From the inputs to the last row, planning included.
    pub elapsed: Duration,
}

impl fmt::Display for QueryStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = |n: u64| if n == 1 { "" } else { "s" };
        let leaves = if self.leaves_read == 1 { "leaf" } else { "leaves" };
        write!(
            f,
            "read {} row{} in {} {leaves}, returned {} row{}, held {} at most, took {:.1?}",
            self.rows_read,
            many(self.rows_read),
            self.leaves_read,
            self.rows_returned,
            many(self.rows_returned),
            Bytes(self.memory),
            self.elapsed
        )
    }
}

/// A number of bytes as people read it.
pub(crate) struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut n = self.0 as f64;
        for unit in ["B", "KiB", "MiB"] {
            if n < 1024.0 {
                return match unit {
                    "B" => write!(f, "{n} B"),
                    unit => write!(f, "{n:.1} {unit}"),
                };
            }
            n /= 1024.0;
        }
        write!(f, "{n:.1} GiB")
    }
}
