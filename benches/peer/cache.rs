//! A database ten times as large as its cache: everything is answered, and memory stays bounded.

use asof::Db;
use asof::conn::Options;
use asof::datom::EntityId;
use asof::edn::{Edn, Keyword};
use asof::index::Order;

use crate::movies;
use crate::rig::{self, Case, Random};
use crate::{Outcome, rig::emit_mb};

/// What may be used besides the cache, in MB.
const BESIDES: f64 = 64.0;
const ATTRS: [&str; 5] = [
    "cast/person",
    "cast/role",
    "movie/title",
    "movie/keyword",
    "person/name",
];

pub fn run() -> Outcome {
    let dir = movies::loaded()?;
    let budget = rig::disk_mb(&dir) / 10.0;
    let conn = Options::new()
        .create(false)
        .cache_bytes((budget * (1 << 20) as f64) as u64)
        .open(&dir)?;
    let db = conn.db();
    let attrs: Vec<Edn> = ATTRS.iter().map(|a| Edn::from(Keyword::new(a))).collect();
    emit_mb("cache", "resident after open", rig::resident_mb(), "");

    // Entity ids are given without gaps, so the first and the last person's bound all others.
    let people: Vec<EntityId> = db
        .datoms(Order::Aevt, &attrs[4..])?
        .map(|d| d.map(|d| d.e))
        .collect::<Result<_, _>>()?;
    let casts = db.datoms(Order::Aevt, &attrs[1..2])?;
    let mut casts = casts.map(|d| d.map(|d| d.e.0));
    let first = casts.next().ok_or("no casts")??;
    let last = casts.last().ok_or("one cast")??;
    let mut random = Random(1);

    let budget_note = format!("cache of {budget:.1} MB");
    let case = |name| Case {
        note: &budget_note,
        ..Case::new("cache", name)
    };
    case("1,000 entities at random").ask(|| {
        let mut rows = 0;
        for _ in 0..1000 {
            let e = Edn::from((first + random.below(last - first + 1)) as i64);
            rows += db.datoms(Order::Eavt, &[e])?.count();
        }
        Ok(rows)
    });
    case("1,000 values at random").ask(|| {
        let mut rows = 0;
        for _ in 0..1000 {
            let e = people[random.below(people.len() as u64) as usize];
            rows += db
                .datoms(Order::Vaet, &[Edn::from(e.0 as i64), attrs[0].clone()])?
                .count();
        }
        Ok(rows)
    });
    let scan = |name, db: &Db| {
        let case = Case {
            samples: 3,
            ..case(name)
        };
        case.ask(|| {
            let mut rows = 0;
            for attr in &attrs {
                for d in db.datoms(Order::Aevt, std::slice::from_ref(attr))? {
                    d?;
                    rows += 1;
                }
            }
            Ok(rows)
        });
    };
    scan("scan of five attributes", &db);
    scan("the same as of the middle", &db.as_of(db.basis_t() / 2)?);
    let limit = format!("budget {budget:.1} MB + {BESIDES} MB = {:.1} MB", budget + BESIDES);
    emit_mb("cache", "peak memory", rig::peak_mb(), &limit);
    Ok(())
}
