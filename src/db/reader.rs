//! Reading many small ranges of one index, whatever the view.

use super::Db;
use crate::error::Result;
use crate::index::{Columns, Order, Prober, Range};

/// Reads ranges of a view one by one: through a prober, but of a filtered view, which only scans filter, through a scan for each.
pub(crate) struct Reader {
    how: How,
}

enum How {
    Probe(Prober),
    Scan { db: Db, order: Order, leaves: u64 },
}

impl Reader {
    /// A reader of one index.
    pub fn new(db: &Db, order: Order) -> Reader {
        let how = match db.is_filtered() {
            false => How::Probe(db.prober(order)),
            true => How::Scan {
                db: db.clone(),
                order,
                leaves: 0,
            },
        };
        Reader { how }
    }

    /// Reads the facts of `range` into `out`, in place of what is there.
    pub fn get(&mut self, range: &Range, out: &mut Columns) -> Result<()> {
        match &mut self.how {
            How::Probe(prober) => prober.get(range, out),
            How::Scan { db, order, leaves } => {
                out.clear();
                let mut rows = db.scan(*order, range);
                for batch in &mut rows {
                    out.append(&batch?);
                }
                *leaves += rows.leaves();
                Ok(())
            }
        }
    }

    /// How many leaves were read so far.
    pub fn leaves(&self) -> u64 {
        match &self.how {
            How::Probe(prober) => prober.leaves(),
            How::Scan { leaves, .. } => *leaves,
        }
    }
}
