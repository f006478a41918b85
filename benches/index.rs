//! The indexes alone: what a fact costs to add, to fold, and to read at any moment.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use asof::datom::{RawDatom, word};
use asof::index::{Blobs, Columns, Garbage, Kind, Order, Range, RootMeta, Snapshot, View, Words, open};
use asof::store::{Memory, Store};

fn main() {
    for (entities, versions) in [(1000u64, 1000u64), (100, 10_000)] {
        history(entities, versions);
    }
    scans();
}

const INLINE: Kind = Kind {
    inline: true,
    reference: false,
};

fn timed(name: &str, rows: u64, n: u32, mut f: impl FnMut()) {
    f();
    let start = Instant::now();
    for _ in 0..n {
        f();
    }
    let each = start.elapsed().as_secs_f64() / f64::from(n);
    println!(
        "{name:<44} {:>12.3} us {:>9.2} ns/row",
        each * 1e6,
        each * 1e9 / rows as f64
    );
}

struct Base {
    store: Arc<dyn Store>,
    blobs: Arc<Blobs>,
    words: Words,
    snapshot: Snapshot,
    version: u64,
    garbage: Garbage,
}

impl Base {
    fn new() -> Base {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let blobs = Blobs::new(store.clone(), 256 << 20);
        let (_, snapshot, dict) = open(&*store, &blobs, None).expect("an empty store opens");
        Base {
            store,
            blobs,
            words: Words::new(dict),
            snapshot,
            version: 0,
            garbage: Garbage::default(),
        }
    }
    fn fold(&mut self) {
        self.snapshot = self.snapshot.freeze();
        let folded = self.snapshot.fold(&self.words, 1, true).expect("fold");
        self.garbage.add(&self.snapshot, &folded);
        let meta = RootMeta {
            t: folded.t(),
            hash: [0; 32],
            instant: 0,
            next_ids: vec![],
        };
        self.store
            .swap_root(self.version, &folded.root(&self.snapshot, &meta, &self.garbage))
            .expect("root");
        self.version += 1;
        folded.settle(&self.words);
        self.snapshot = self.snapshot.install(&folded);
        self.garbage.collect(&*self.store, &self.blobs).expect("collect");
    }
}

fn history(entities: u64, versions: u64) {
    println!("\n{entities} entities x {versions} versions of one long attribute");
    let mut base = Base::new();
    let (mut apply, mut fold) = (0.0, 0.0);
    let mut x = 7u64;
    let mut now = vec![0u64; entities as usize];
    for t in 1..=versions {
        let mut datoms = Vec::new();
        for e in 0..entities {
            x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let v = word::long((x >> 44) as i64);
            if v == now[e as usize] {
                continue;
            }
            if now[e as usize] != 0 {
                datoms.push(RawDatom {
                    e: e + 1000,
                    a: 100,
                    v: now[e as usize],
                    t,
                    added: false,
                });
            }
            datoms.push(RawDatom {
                e: e + 1000,
                a: 100,
                v,
                t,
                added: true,
            });
            now[e as usize] = v;
        }
        let start = Instant::now();
        base.snapshot = base.snapshot.apply(&datoms[..], &|_| INLINE);
        apply += start.elapsed().as_secs_f64();
        if base.snapshot.unindexed() > 200_000 {
            let start = Instant::now();
            base.fold();
            fold += start.elapsed().as_secs_f64();
        }
    }
    let start = Instant::now();
    base.fold();
    fold += start.elapsed().as_secs_f64();
    let n = (entities * versions) as f64;
    println!(
        "apply {:.0} ns an update, fold {:.0} ns an update (three orders)",
        apply * 1e9 / n,
        fold * 1e9 / n
    );
    let bytes: u64 = base.store.disk_usage().iter().map(|(_, b)| *b).sum();
    println!("{:.1} bytes an update in leaves", bytes as f64 / n);
    let all = |t: u64| View {
        since: None,
        until: t,
        history: false,
    };
    let mut got = 0usize;
    for (name, t) in [
        ("as of 10 %", versions / 10),
        ("as of 50 %", versions / 2),
        ("as of 90 %", versions * 9 / 10),
        ("now", u64::MAX),
    ] {
        timed(&format!("all entities, {name}"), entities, 200, || {
            got = base
                .snapshot
                .scan(&base.words, Order::Aevt, &Range::a(100), all(t))
                .map(|b| black_box(b.expect("scan")).len())
                .sum();
        });
        assert_eq!(got as u64, entities);
        timed(&format!("one entity, {name}"), 1, 2000, || {
            got = base
                .snapshot
                .scan(&base.words, Order::Eavt, &Range::ea(1057, 100), all(t))
                .map(|b| b.expect("scan").len())
                .sum();
        });
        assert_eq!(got, 1);
    }
    let history = View {
        since: None,
        until: u64::MAX,
        history: true,
    };
    timed("history of one entity", versions * 2, 20, || {
        got = base
            .snapshot
            .scan(&base.words, Order::Eavt, &Range::ea(1057, 100), history)
            .map(|b| b.expect("scan").len())
            .sum();
    });
    println!("  {got} events");
    let part = View {
        since: Some(versions / 2),
        until: versions / 2 + versions / 100,
        history: true,
    };
    timed(
        "events of 1 % of the transactions",
        entities * versions / 50,
        20,
        || {
            got = base
                .snapshot
                .scan(&base.words, Order::Aevt, &Range::a(100), part)
                .map(|b| b.expect("scan").len())
                .sum();
        },
    );
    println!("  {got} events");
    let mut prober = base.snapshot.prober(&base.words, Order::Eavt, all(u64::MAX));
    let mut out = Columns::default();
    timed("probing all entities in order", entities, 200, || {
        for e in 0..entities {
            prober.get(&Range::ea(e + 1000, 100), &mut out).expect("probe");
        }
    });
}

fn scans() {
    const N: u64 = 1_000_000;
    println!("\n{N} entities, one long each");
    let mut base = Base::new();
    let datoms: Vec<RawDatom> = (0..N)
        .map(|e| RawDatom {
            e: e + 1000,
            a: 100,
            v: word::long((e * 7919 % 100_000) as i64),
            t: 1,
            added: true,
        })
        .collect();
    let start = Instant::now();
    base.snapshot = base.snapshot.apply(&datoms[..], &|_| INLINE);
    println!("apply {:.0} ns a datom", start.elapsed().as_secs_f64() * 1e9 / N as f64);
    let start = Instant::now();
    base.fold();
    println!(
        "fold {:.0} ns a datom (three orders)",
        start.elapsed().as_secs_f64() * 1e9 / N as f64
    );
    let view = View {
        since: None,
        until: u64::MAX,
        history: false,
    };
    timed("scan, two columns summed", N, 20, || {
        let mut sum = 0u64;
        for batch in base.snapshot.scan(&base.words, Order::Aevt, &Range::a(100), view) {
            let batch = batch.expect("scan");
            sum = batch
                .e()
                .iter()
                .zip(batch.v())
                .fold(sum, |s, (e, v)| s.wrapping_add(e ^ v));
        }
        black_box(sum);
    });
    let mut prober = base.snapshot.prober(&base.words, Order::Eavt, view);
    let mut out = Columns::default();
    timed("probing every tenth entity in order", N / 10, 3, || {
        for e in (0..N).step_by(10) {
            prober.get(&Range::ea(e + 1000, 100), &mut out).expect("probe");
        }
    });
    let mut x = 7u64;
    timed("probing at random", 100_000, 3, || {
        for _ in 0..100_000 {
            x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            prober
                .get(&Range::ea((x >> 33) % N + 1000, 100), &mut out)
                .expect("probe");
        }
    });
}
