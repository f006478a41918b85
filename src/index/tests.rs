//! The indexes against a list of datoms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::datom::{EntityId, Value, ValueType, Word};
use crate::store::{Memory, Store};

/// Attributes 1 to 4: long, ref, string (one in two longer than a word), keyword-like string with a long common prefix.
const TYPES: [ValueType; 5] = [
    ValueType::Long,
    ValueType::Long,
    ValueType::Ref,
    ValueType::String,
    ValueType::String,
];

fn kind(a: u32) -> Kind {
    let ty = TYPES[a as usize];
    Kind {
        inline: ty.is_inline(),
        reference: ty == ValueType::Ref,
    }
}

struct Random(u64);
impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
}

fn value(r: &mut Random, a: u32) -> Value {
    let n = r.below(40);
    match a {
        1 => Value::Long(n as i64 - 20),
        2 => Value::Ref(EntityId(1000 + n)),
        3 => Value::string(format!("{n}{}", "x".repeat((n % 12) as usize))),
        _ => Value::string(format!("common-prefix/{n}")),
    }
}

/// One database under test: the snapshot, and the list of everything that happened.
struct Pair {
    store: Arc<dyn Store>,
    blobs: Arc<Blobs>,
    words: Words,
    snapshot: Snapshot,
    all: Vec<(RawDatom, Value)>,
    holds: BTreeSet<(u64, u32, Value)>,
    garbage: Garbage,
    version: u64,
    t: T,
}

impl Pair {
    fn new() -> Pair {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let blobs = Blobs::new(store.clone(), 64 << 10);
        let (_, snapshot, dict) = open(&*store, &blobs, None).unwrap();
        let words = Words::new(dict);
        Pair {
            store,
            blobs,
            words,
            snapshot,
            all: Vec::new(),
            holds: BTreeSet::new(),
            garbage: Garbage::default(),
            version: 0,
            t: 0,
        }
    }

    fn transact(&mut self, r: &mut Random, n: u64, entities: u64) {
        self.t += 1;
        let mut datoms = Vec::new();
        let mut touched = BTreeSet::new();
        for _ in 0..n {
            let a = 1 + r.below(4) as u32;
            let (e, v) = (1000 + r.below(entities), value(r, a));
            if !touched.insert((e, a, v.clone())) {
                continue;
            }
            let added = !self.holds.contains(&(e, a, v.clone()));
            if added {
                self.holds.insert((e, a, v.clone()));
            } else {
                self.holds.remove(&(e, a, v.clone()));
            }
            let d = RawDatom {
                e,
                a,
                v: self.words.intern(&v).unwrap(),
                t: self.t,
                added,
            };
            datoms.push(d);
            self.all.push((d, v));
        }
        self.snapshot = self.snapshot.apply(&datoms[..], &kind);
    }

    fn fold(&mut self, between: impl FnOnce(&mut Pair)) {
        self.snapshot = self.snapshot.freeze();
        let folded = self.snapshot.fold(&self.words, 2, true).unwrap();
        between(self);
        assert!(self.snapshot.awaits(&folded));
        self.garbage.add(&self.snapshot, &folded);
        let meta = RootMeta {
            t: folded.t(),
            hash: [7; 32],
            instant: 5,
            next_ids: vec![(4, 99)],
        };
        let root = folded.root(&self.snapshot, &meta, &self.garbage);
        self.store.swap_root(self.version, &root).unwrap();
        self.version += 1;
        folded.settle(&self.words);
        self.snapshot = self.snapshot.install(&folded);
        self.garbage.collect(&*self.store, &self.blobs).unwrap();
    }

    /// Forgets memory, opens the store again and applies what the root does not have.
    fn reopen(&mut self) {
        let blobs = Blobs::new(self.store.clone(), 64 << 10);
        let root = self.store.root().unwrap();
        let (meta, mut snapshot, dict) = open(&*self.store, &blobs, root.as_ref().map(|r| &*r.1)).unwrap();
        let words = Words::new(dict);
        let from = meta.map_or(0, |m| m.t + 1);
        for (d, v) in &mut self.all {
            d.v = words.intern(v).unwrap();
        }
        for t in from..=self.t {
            let datoms: Vec<RawDatom> = self.all.iter().map(|(d, _)| *d).filter(|d| d.t == t).collect();
            snapshot = snapshot.apply(&datoms[..], &kind);
        }
        (self.blobs, self.words, self.snapshot) = (blobs, words, snapshot);
        self.garbage = Garbage::default();
    }

    fn naive(
        &self,
        order: Order,
        view: View,
        within: &dyn Fn(&RawDatom, &Value) -> bool,
    ) -> Vec<(u64, u32, Value, T, bool)> {
        let seen = self.all.iter().filter(|(d, v)| {
            d.t <= view.until && within(d, v) && (order != Order::Vaet || TYPES[d.a as usize] == ValueType::Ref)
        });
        let mut rows: Vec<(u64, u32, Value, T, bool)> = if view.history {
            seen.map(|(d, v)| (d.e, d.a, v.clone(), d.t, d.added)).collect()
        } else {
            let mut last = BTreeMap::new();
            for (d, v) in seen {
                last.insert((d.e, d.a, v.clone()), (d.t, d.added));
            }
            last.into_iter()
                .filter(|(_, (_, added))| *added)
                .map(|((e, a, v), (t, _))| (e, a, v, t, true))
                .collect()
        };
        rows.retain(|r| view.since.is_none_or(|s| r.3 > s));
        rows.sort_by(|x, y| {
            match order {
                Order::Eavt => (x.0, x.1, &x.2).cmp(&(y.0, y.1, &y.2)),
                Order::Aevt => (x.1, x.0, &x.2).cmp(&(y.1, y.0, &y.2)),
                Order::Avet => (x.1, &x.2, x.0).cmp(&(y.1, &y.2, y.0)),
                Order::Vaet => (&x.2, x.1, x.0).cmp(&(&y.2, y.1, y.0)),
            }
            .then((x.3, x.4).cmp(&(y.3, y.4)))
        });
        rows
    }

    fn rows(&self, e: u64, a: u32, v: Word, t: T, added: bool) -> (u64, u32, Value, T, bool) {
        (e, a, self.words.value(TYPES[a as usize], v).unwrap(), t, added)
    }

    fn check(&self, order: Order, range: &Range, view: View, within: &dyn Fn(&RawDatom, &Value) -> bool) {
        let mut got = Vec::new();
        for batch in self.snapshot.scan(&self.words, order, range, view) {
            let batch = batch.unwrap();
            assert!(!batch.is_empty());
            got.extend(
                (0..batch.len())
                    .map(|i| batch.row(i))
                    .map(|d| self.rows(d.e, d.a, d.v, d.t, d.added)),
            );
        }
        let expected = self.naive(order, view, within);
        assert_eq!(got, expected, "{order:?} {range:?} {view:?}");
        let mut prober = self.snapshot.prober(&self.words, order, view);
        let mut out = Columns::default();
        for _ in 0..2 {
            prober.get(range, &mut out).unwrap();
            let got: Vec<_> = (0..out.len())
                .map(|i| out.row(i))
                .map(|d| self.rows(d.e, d.a, d.v, d.t, d.added))
                .collect();
            assert_eq!(got, expected, "prober {order:?} {range:?} {view:?}");
        }
        if !view.history && view.since.is_none() && view.until >= self.t {
            let estimate = self.snapshot.estimate(&self.words, order, range).unwrap() as usize;
            assert!(
                estimate.abs_diff(expected.len()) <= self.snapshot.unindexed(),
                "{estimate} for {}",
                expected.len()
            );
        }
    }

    /// Many keys at once, against one after the other.
    fn check_matcher(&self, r: &mut Random, view: View) {
        let a = 1 + r.below(4) as u32;
        let every = r.below(4) + 1;
        for order in [Order::Eavt, Order::Aevt, Order::Avet] {
            let mut keys: Vec<u64> = match order {
                Order::Avet if !kind(a).inline => continue,
                Order::Avet => (0..60)
                    .map(|_| self.words.intern(&value(r, a)).expect("memory has room"))
                    .collect(),
                _ => (995..1045).filter(|_| r.below(every) == 0).collect(),
            };
            keys.extend(keys.first().copied());
            keys.sort_unstable();
            let mut got = Vec::new();
            let mut matcher = self.snapshot.matcher(&self.words, order, a, view, false);
            let found = matcher.each(&keys, |rows, left, at| {
                let pairs = left.iter().zip(at);
                got.extend(pairs.map(|(k, i)| (*k, rows.row(*i as usize))));
                Ok(())
            });
            found.unwrap();
            let mut expected = Vec::new();
            let mut prober = self.snapshot.prober(&self.words, order, view);
            let mut out = Columns::default();
            for (k, key) in keys.iter().enumerate() {
                let range = match order {
                    Order::Eavt => Range::e(*key),
                    Order::Aevt => Range::ea(*key, a),
                    _ => Range::av(a, Probe::inline(*key)),
                };
                prober.get(&range, &mut out).unwrap();
                expected.extend((0..out.len()).map(|i| (k as u32, out.row(i))));
            }
            // Of a key on both sides of a border, those on the one side come first.
            got.sort_by_key(|(k, _)| *k);
            assert_eq!(got, expected, "{order:?} {view:?}");
        }
        for order in [Order::Eavt, Order::Aevt, Order::Vaet] {
            self.check_spans(r, order, a, view);
        }
    }

    /// All rows of each key together, against one key after the other.
    fn check_spans(&self, r: &mut Random, order: Order, a: u32, view: View) {
        let every = r.below(4) + 1;
        let keys: Vec<u64> = (995..1045).filter(|_| r.below(every) == 0).collect();
        let mut got = Vec::new();
        let mut split = Vec::new();
        let mut matcher = self.snapshot.matcher(&self.words, order, a, view, false);
        let found = matcher.spans(&keys, |k, rows| {
            match rows {
                Some((rows, span)) => got.extend(span.map(|i| (k, rows.row(i)))),
                None => split.push(k),
            }
            Ok(())
        });
        found.unwrap();
        let mut expected = Vec::new();
        let mut prober = self.snapshot.prober(&self.words, order, view);
        let mut out = Columns::default();
        for (k, key) in keys.iter().enumerate().filter(|(k, _)| !split.contains(k)) {
            let range = match order {
                Order::Eavt => Range::e(*key),
                Order::Aevt => Range::ea(*key, a),
                _ => Range::v(*key),
            };
            prober.get(&range, &mut out).unwrap();
            expected.extend((0..out.len()).map(|i| (k, out.row(i))));
        }
        assert_eq!(got, expected, "{order:?} {view:?} without {split:?}");
        assert!(split.windows(2).all(|w| w[0] < w[1]), "{split:?}");
    }

    fn check_all(&self, r: &mut Random) {
        let (t, s) = (r.below(self.t + 2), r.below(self.t + 1));
        let views = [
            View {
                since: None,
                until: T::MAX,
                history: false,
            },
            View {
                since: None,
                until: t,
                history: false,
            },
            View {
                since: Some(s),
                until: T::MAX,
                history: false,
            },
            View {
                since: Some(s),
                until: t,
                history: false,
            },
            View {
                since: None,
                until: T::MAX,
                history: true,
            },
            View {
                since: Some(s),
                until: t,
                history: true,
            },
        ];
        let a = 1 + r.below(4) as u32;
        let e = 1000 + r.below(12);
        let v = value(r, a);
        let (x, y) = (value(r, a), value(r, a));
        let (low, high) = if x <= y { (x, y) } else { (y, x) };
        let probe = |v: &Value| self.words.probe(v).unwrap();
        for view in views {
            if !view.history {
                self.check_matcher(r, view);
            }
            for order in [Order::Eavt, Order::Aevt, Order::Avet, Order::Vaet] {
                self.check(order, &Range::all(), view, &|_, _| true);
            }
            self.check(Order::Eavt, &Range::e(e), view, &|d, _| d.e == e);
            self.check(Order::Eavt, &Range::ea(e, a), view, &|d, _| d.e == e && d.a == a);
            self.check(Order::Aevt, &Range::a(a), view, &|d, _| d.a == a);
            self.check(Order::Aevt, &Range::ea(e, a), view, &|d, _| d.e == e && d.a == a);
            self.check(Order::Aevt, &Range::entities(a, e, e + 3), view, &|d, _| {
                d.a == a && d.e >= e && d.e < e + 3
            });
            self.check(Order::Avet, &Range::av(a, probe(&v)), view, &|d, x| d.a == a && *x == v);
            self.check(Order::Avet, &Range::eav(e, a, probe(&v)), view, &|d, x| {
                d.e == e && d.a == a && *x == v
            });
            let range = Range::values(a, Some((probe(&low), true)), Some((probe(&high), false)));
            self.check(Order::Avet, &range, view, &|d, x| d.a == a && *x >= low && *x < high);
            let range = Range::values(a, Some((probe(&low), false)), None);
            self.check(Order::Avet, &range, view, &|d, x| d.a == a && *x > low);
            self.check(Order::Vaet, &Range::v(e), view, &|_, x| *x == Value::Ref(EntityId(e)));
            self.check(Order::Eavt, &Range::ea(e, a).to_end(), view, &|d, _| {
                (d.e, d.a) >= (e, a)
            });
        }
    }
}

#[test]
fn like_a_list_of_datoms() {
    for seed in 1..12 {
        let mut r = Random(seed * 0x9E37_79B9);
        let mut pair = Pair::new();
        for round in 0..30 {
            let (n, entities) = (1 + r.below(60), 3 + r.below(30));
            pair.transact(&mut r, n, entities);
            match r.below(6) {
                0 => pair.fold(|_| {}),
                1 => {
                    let mut more = Random(seed + round);
                    pair.fold(|p| p.transact(&mut more, 20, entities));
                }
                2 => pair.reopen(),
                _ => {}
            }
            if round % 3 == 0 {
                pair.check_all(&mut r);
            }
        }
    }
}

#[test]
fn many_leaves_by_key_and_by_time() {
    let mut r = Random(77);
    let mut pair = Pair::new();
    for round in 0..12 {
        // Few entities and many changes make deep pasts; many entities make many leaves.
        let entities = if round % 2 == 0 { 4 } else { 4000 };
        for _ in 0..4 {
            pair.transact(&mut r, 2500, entities);
        }
        pair.fold(|_| {});
        let held = pair.snapshot.clone();
        if round % 4 == 3 {
            pair.reopen();
            pair.check_all(&mut r);
        }
        drop(held);
    }
    let directory = &pair.snapshot.core.directories[Order::Aevt as usize];
    assert!(directory.pages.values().map(|p| p.leaves).sum::<u32>() > 10);
}

/// What ended after the last row that holds is no reason for a leaf of its own.
#[test]
fn values_that_only_change_stay_in_one_leaf() {
    let mut pair = Pair::new();
    let mut values = [0; 20];
    for t in 1..=300u64 {
        let mut datoms = Vec::new();
        for (e, v) in values.iter_mut().enumerate() {
            let new = t.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20 | e as u64;
            let of = |v: u64, added: bool| RawDatom {
                e: 1000 + e as u64,
                a: 1,
                v,
                t,
                added,
            };
            datoms.extend((t > 1).then(|| of(*v, false)));
            datoms.push(of(new, true));
            *v = new;
        }
        pair.t = t;
        pair.snapshot = pair.snapshot.apply(&datoms[..], &kind);
        if t % 7 == 0 {
            pair.fold(|_| {});
        }
    }
    for order in &pair.snapshot.shape()[..3] {
        assert_eq!((order.live, order.leaves), (20, 1), "{:?}", order.order);
    }
}

/// Parts of a leaf that split by key share its past, and are frozen at different times afterwards.
#[test]
fn every_moment_of_leaves_that_split_and_froze() {
    let mut r = Random(91);
    let mut pair = Pair::new();
    // Changes freeze leaves, then new entities split them, then changes freeze some of the parts.
    for (rounds, n, entities) in [(60, 6, 2), (10, 100, 60), (200, 8, 1)] {
        for round in 0..rounds {
            pair.transact(&mut r, n, entities);
            if round % 4 == 3 {
                pair.fold(|_| {});
            }
        }
    }
    for t in 0..=pair.t {
        let view = View {
            since: None,
            until: t,
            history: false,
        };
        for order in Order::ALL {
            pair.check(order, &Range::all(), view, &|_, _| true);
        }
    }
}

#[test]
fn an_old_snapshot_stays_readable() {
    let mut r = Random(5);
    let mut pair = Pair::new();
    pair.transact(&mut r, 500, 50);
    pair.fold(|_| {});
    let old = pair.snapshot.clone();
    let view = View {
        since: None,
        until: T::MAX,
        history: false,
    };
    let count = |s: &Snapshot| -> usize {
        s.scan(&pair.words, Order::Eavt, &Range::all(), view)
            .map(|b| b.unwrap().len())
            .sum()
    };
    let before = count(&old);
    let words = pair.words.clone();
    for _ in 0..5 {
        pair.transact(&mut r, 500, 50);
        pair.fold(|_| {});
    }
    let after: usize = old
        .scan(&words, Order::Eavt, &Range::all(), view)
        .map(|b| b.unwrap().len())
        .sum();
    assert_eq!(before, after);
    let blobs = pair.store.blob_ids(0).count();
    drop(old);
    pair.garbage.collect(&*pair.store, &pair.blobs).unwrap();
    assert!(
        pair.store.blob_ids(0).count() < blobs,
        "what only the old snapshot read is deleted with it"
    );
}

#[test]
fn what_a_crash_left_goes_with_the_next_fold() {
    let mut r = Random(5);
    let mut pair = Pair::new();
    pair.transact(&mut r, 200, 40);
    pair.fold(|_| {});
    pair.transact(&mut r, 200, 40);
    // The process ends between the root and the deletion of what it replaced.
    pair.snapshot = pair.snapshot.freeze();
    let folded = pair.snapshot.fold(&pair.words, 1, true).unwrap();
    let mut garbage = Garbage::default();
    garbage.add(&pair.snapshot, &folded);
    let meta = RootMeta {
        t: folded.t(),
        hash: [7; 32],
        instant: 5,
        next_ids: vec![(4, 99)],
    };
    let root = folded.root(&pair.snapshot, &meta, &garbage);
    pair.store.swap_root(pair.version, &root).unwrap();
    pair.version += 1;
    let replaced = folded.replaced.clone();
    let there = |pair: &Pair| {
        replaced
            .iter()
            .filter(|&&id| pair.store.blob(id).unwrap().is_some())
            .count()
    };
    assert!(!replaced.is_empty());

    pair.reopen();
    assert_eq!(there(&pair), replaced.len(), "opening writes nothing");
    pair.transact(&mut r, 20, 40);
    pair.fold(|_| {});
    assert_eq!(there(&pair), 0);
}

/// What changes keeps a past of few levels, though the leaf it lies in is split again and again by what grows before it.
#[test]
fn a_past_beside_what_grows() {
    let mut p = Pair::new();
    let mut before = None;
    for n in 0..3000 {
        p.t += 1;
        let grows = (2000 + n, 1, Value::Long(n as i64), true);
        let changed = (1000, 2, Value::Ref(EntityId(1000 + n)), true);
        let ended = before.replace(changed.2.clone()).map(|v| (1000, 2, v, false));
        let mut datoms = Vec::new();
        for (e, a, v, added) in [grows, changed].into_iter().chain(ended) {
            let (t, word) = (p.t, p.words.intern(&v).unwrap());
            datoms.push(RawDatom {
                e,
                a,
                v: word,
                t,
                added,
            });
            p.all.push((datoms[datoms.len() - 1], v));
        }
        p.snapshot = p.snapshot.apply(&datoms[..], &kind);
        if n % 20 == 19 {
            p.fold(|_| ());
        }
    }
    let range = Range::ea(1000, 2);
    let directory = &p.snapshot.core.directories[Order::Aevt as usize];
    let from = range.from.bytes(Order::Aevt).unwrap();
    let cursor = directory.seek(&p.blobs, &from).unwrap().unwrap();
    let past = &cursor.entry().past;
    assert!(past[0].level >= 2 && past[0].level <= 4 && past.len() <= 20, "{past:?}");
    for t in (0..=p.t).step_by(97) {
        let view = View {
            since: None,
            until: t,
            history: false,
        };
        p.check(Order::Aevt, &range, view, &|d, _| d.a == 2);
    }
}

#[test]
fn a_load_in_bulk_leaves_room_in_the_cache() {
    const BUDGET: u64 = 4 << 20;
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let blobs = Blobs::new(store.clone(), BUDGET);
    let (_, mut snapshot, dict) = open(&*store, &blobs, None).unwrap();
    let words = Words::new(dict);
    for t in 0..2 {
        let fact = |e| RawDatom {
            e,
            a: 1,
            v: e,
            t,
            added: true,
        };
        let datoms: Vec<RawDatom> = (t * 60_000..(t + 1) * 60_000).map(fact).collect();
        snapshot = snapshot.apply(datoms, &kind).freeze();
        let folded = snapshot.fold(&words, 1, true).unwrap();
        snapshot = snapshot.install(&folded);
    }
    assert!(blobs.cached_bytes() < BUDGET / 2, "{} bytes", blobs.cached_bytes());
}

/// What came and went within one fold is copied a few times at most, however much of it held in between; and who asks about now afterwards
/// reads no leaf in which nothing holds.
#[test]
fn a_queue_that_was_worked_off() {
    let (n, held) = (6000u64, 2000u64);
    let mut pair = Pair::new();
    for t in 1..=n + held {
        let of = |e: u64, added: bool| RawDatom {
            e: 1000 + e,
            a: 1,
            v: Word::from(e),
            t,
            added,
        };
        let mut datoms = Vec::new();
        datoms.extend((t <= n).then(|| of(t, true)));
        datoms.extend((t > held).then(|| of(t - held, false)));
        let known = datoms.iter().map(|d| (*d, pair.words.value(TYPES[1], d.v).unwrap()));
        pair.all.extend(known);
        pair.t = t;
        pair.snapshot = pair.snapshot.apply(&datoms[..], &kind);
    }
    pair.fold(|_| {});
    let from = Range::a(1).from.bytes(Order::Avet).unwrap();
    let directory = &pair.snapshot.core.directories[Order::Avet as usize];
    let cursor = directory.seek(&pair.blobs, &from).unwrap().unwrap();
    let (mut copies, mut leaves) = (0, 0);
    let count = &mut |id| {
        let leaf = pair.blobs.leaf(id)?;
        (copies, leaves) = (copies + leaf.live.len() as u64, leaves + 1);
        Ok(())
    };
    cursor.entry().leaves_between(&pair.blobs, 0, T::MAX, count).unwrap();
    assert!(leaves > 1 && 2 * copies <= n, "{copies} copies in {leaves} leaves");
    for until in (0..=pair.t).step_by(499).chain([T::MAX]) {
        let view = View {
            since: None,
            until,
            history: false,
        };
        pair.check(Order::Avet, &Range::a(1), view, &|_, _| true);
        if until == T::MAX {
            let mut scan = pair.snapshot.scan(&pair.words, Order::Avet, &Range::a(1), view);
            assert!(scan.next().is_none());
            assert_eq!(scan.leaves(), 0);
        }
    }
}

/// A transaction is prepared on the one before it, which readers may not have seen; still nothing is sorted twice.
#[test]
fn what_a_reader_sorts_is_sorted_for_later_values() {
    let mut r = Random(7);
    let mut pair = Pair::new();
    (0..50).for_each(|_| pair.transact(&mut r, 40, 1000));
    let read = pair.snapshot.clone();
    (0..3).for_each(|_| pair.transact(&mut r, 1, 1000));
    let words = pair.words.clone();
    let oldest = |snapshot: &Snapshot| {
        let keys = Keys::new(Order::Avet, &words, &snapshot.core.kinds);
        let tail = snapshot.core.recent.get(&keys, Form::Net).unwrap();
        tail.runs().last().cloned().unwrap()
    };
    let sorted = oldest(&read);
    assert!(Arc::ptr_eq(&sorted, &oldest(&pair.snapshot)));
    // A speculation takes what is there, and leaves nothing behind.
    let mut apart = pair.snapshot.apart();
    (0..900).for_each(|_| apart = apart.apply(&[pair.all[0].0][..], &kind));
    oldest(&apart);
    pair.transact(&mut r, 1, 1000);
    assert!(Arc::ptr_eq(&sorted, &oldest(&pair.snapshot)));
    pair.check_all(&mut r);
}

/// Speculations on speculations are looked through in logarithmic time, and each knows the values of those below.
#[test]
fn layers_of_values_become_few() {
    let mut layers = vec![Pair::new().words];
    for n in 0..500 {
        let layer = layers[n].with_scratch();
        layer.intern(&text(n)).unwrap();
        layers.push(layer);
    }
    let top = &layers[500];
    assert!(top.depth() <= 12, "{}", top.depth());
    for n in 0..500 {
        let word = layers[n + 1].find(&text(n)).unwrap().unwrap();
        assert_eq!(top.value(ValueType::String, word).unwrap(), text(n));
        assert_eq!(top.find(&text(n)).unwrap(), Some(word));
        assert_eq!(layers[n].find(&text(n)).unwrap(), None);
    }
}

fn text(n: usize) -> Value {
    Value::string(format!("a text that is too long for a word {n}"))
}
