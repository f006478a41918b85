//! asof among async tasks: writers share a sync, and a listener hears of all they do: `cargo run --example async_tasks`.

use asof::tx::{Entity, Tx};
use asof::{Connection, Result};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let conn = Connection::in_memory()?;
    conn.transact_async(
        "[{:db/ident :tide/station :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
          {:db/ident :tide/cm :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]",
    )
    .await?;

    // A listener waits, so it gets a thread of its own. It ends when the connection is closed.
    let reports = conn.subscribe(1000);
    let listener = std::thread::spawn(move || std::iter::from_fn(|| reports.next()).count());

    // Each station reports its water level; nobody waits for anybody else.
    let stations: Vec<_> = ["Harlingen", "Vlissingen", "Delfzijl"]
        .into_iter()
        .map(|station| {
            let conn = conn.clone();
            tokio::spawn(async move {
                for cm in [12, 40, 71, 55] {
                    let tide = Tx::new().add(Entity::temp("t"), ":tide/station", station).add(
                        Entity::temp("t"),
                        ":tide/cm",
                        cm,
                    );
                    conn.transact_async(tide).await?;
                }
                Ok::<_, asof::Error>(())
            })
        })
        .collect();
    for station in stations {
        station.await.expect("no task panics")?;
    }

    // A database value can be asked on any thread, for as long as one likes, while others write.
    let db = conn.db();
    let highest = tokio::task::spawn_blocking(move || {
        db.history().q_as::<(String, i64)>(
            "[:find ?name (max ?cm) :where [?s :tide/station ?name] [?s :tide/cm ?cm]]",
            &[],
        )
    });
    let highest = highest.await.expect("it does not panic")?;
    for (station, cm) in &highest {
        println!("{station}: {cm} cm at the highest");
    }
    assert_eq!(highest.iter().map(|(_, cm)| *cm).collect::<Vec<_>>(), [71, 71, 71]);

    conn.close()?;
    let heard = listener.join().expect("it does not panic");
    println!("{heard} transactions were heard");
    assert_eq!(heard, 12);
    Ok(())
}

#[test]
fn it_runs() -> Result<()> {
    main()
}
