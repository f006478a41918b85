//! Whether the indexes say what the log says.
//!
//! Both are read once. Facts are compared as sums of hashes, which need no order and no memory: over the whole history for each of
//! the four orders, and over what holds at a number of moments, since an old moment is answered by leaves that no scan of now
//! reads. Along the way each scan is checked to be in order.

use std::sync::Arc;

use crate::datom::{RawDatom, T};
use crate::db::{Base, Db};
use crate::error::{Code, Error, Result};
use crate::index::{Order, Range, View};
use crate::log::Record;
use crate::store::Store;

/// How many moments of the past are compared, beside now.
const MOMENTS: u64 = 16;

/// What verifying found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexesVerified {
    /// Events in EAVT: assertions and retractions.
    pub events: u64,
    /// Facts that hold now.
    pub live: u64,
    /// Moments of the past at which every order was compared with the log.
    pub moments: u64,
}

/// A sum of facts: how many, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    hash: u64,
}

impl Sum {
    fn add(&mut self, hash: u64) {
        self.rows = self.rows.wrapping_add(1);
        self.hash = self.hash.wrapping_add(hash);
    }
    fn take(&mut self, hash: u64) {
        self.rows = self.rows.wrapping_sub(1);
        self.hash = self.hash.wrapping_sub(hash);
    }
}

/// What the log says at one moment: of all facts, and of refs alone.
#[derive(Clone, Copy, Default)]
struct State {
    t: T,
    all: Sum,
    refs: Sum,
}

/// The hash of a fact; with a time, of an event.
fn fact_hash(e: u64, a: u32, value: &[u8], time: Option<(T, bool)>) -> u64 {
    let mut bytes = Vec::with_capacity(value.len() + 32);
    bytes.extend_from_slice(&e.to_le_bytes());
    bytes.extend_from_slice(&a.to_le_bytes());
    if let Some((t, added)) = time {
        bytes.extend_from_slice(&(t << 1 | u64::from(added)).to_le_bytes());
    }
    bytes.extend_from_slice(value);
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

/// Compares the indexes of `db` with the log of `store`, up to `db`'s basis. `check` is asked at each record and each leaf.
pub(super) fn indexes(db: &Db, store: &Arc<dyn Store>, check: &dyn Fn() -> Result<()>) -> Result<IndexesVerified> {
    let base = db.base();
    let (mut events, mut ref_events) = (Sum::default(), Sum::default());
    let mut now = State::default();
    let mut moments: Vec<State> = Vec::new();
    let step = (base.basis_t / MOMENTS).max(1);
    for entry in store.log(0) {
        check()?;
        let (t, bytes) = entry?;
        if t > base.basis_t {
            break;
        }
        for fact in &Record::parse(t, &bytes)?.facts {
            let value = fact.value()?.key_bytes();
            let (event, held) = (
                fact_hash(fact.e, fact.a, &value, Some((t, fact.added))),
                fact_hash(fact.e, fact.a, &value, None),
            );
            let is_ref = base.schema.attr(fact.a).is_some_and(|a| a.is_ref());
            events.add(event);
            if is_ref {
                ref_events.add(event);
            }
            for sum in [Some(&mut now.all), is_ref.then_some(&mut now.refs)]
                .into_iter()
                .flatten()
            {
                if fact.added { sum.add(held) } else { sum.take(held) }
            }
        }
        now.t = t;
        if t % step == 0 && t < base.basis_t {
            moments.push(now);
        }
    }
    for order in Order::ALL {
        let refs = order == Order::Vaet;
        let history = View {
            since: None,
            until: base.basis_t,
            history: true,
        };
        let found = sum(base, order, history, check)?;
        compare(
            order,
            "its whole history",
            found,
            if refs { ref_events } else { events },
        )?;
        for state in moments.iter().chain([&now]) {
            let view = View {
                since: None,
                until: state.t,
                history: false,
            };
            let found = sum(base, order, view, check)?;
            compare(
                order,
                &format!("t {}", state.t),
                found,
                if refs { state.refs } else { state.all },
            )?;
        }
    }
    base.words.dict().check_hashes()?;
    Ok(IndexesVerified {
        events: events.rows,
        live: now.all.rows,
        moments: moments.len() as u64,
    })
}

fn compare(order: Order, when: &str, found: Sum, expected: Sum) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::new(
        Code::CorruptStore,
        format!(
            "index {} does not agree with the log at {when}: {} rows, the log has {}",
            order.name(),
            found.rows,
            expected.rows
        ),
    )
    .with("index", format!(":{}", order.name()))
    .hint("the log is the truth; `asof reindex` makes the indexes anew from it"))
}

/// The sum of what a view shows in one order, whose rows must ascend.
fn sum(base: &Base, order: Order, view: View, check: &dyn Fn() -> Result<()>) -> Result<Sum> {
    let mut out = Sum::default();
    let mut last: Option<RawDatom> = None;
    for batch in base.snapshot.scan(&base.words, order, &Range::all(), view) {
        check()?;
        let batch = batch?;
        for i in 0..batch.len() {
            let row = batch.row(i);
            let ty = base.schema.value_type(row.a);
            let unknown = || {
                Error::new(
                    Code::CorruptStore,
                    format!("index {} has the unknown attribute {}", order.name(), row.a),
                )
            };
            let value = base.words.value(ty.ok_or_else(unknown)?, row.v)?;
            out.add(fact_hash(
                row.e,
                row.a,
                &value.key_bytes(),
                view.history.then_some((row.t, row.added)),
            ));
            if let Some(last) = last.replace(row)
                && base.snapshot.compare(&base.words, order, &last, &row)?.is_ge()
            {
                return Err(Error::new(
                    Code::CorruptStore,
                    format!(
                        "index {} is out of order at entity {} and attribute {}",
                        order.name(),
                        row.e,
                        row.a
                    ),
                )
                .hint("the log is the truth; `asof reindex` makes the indexes anew from it"));
            }
        }
    }
    Ok(out)
}
