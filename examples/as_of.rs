//! What did we know when? Prices change and are corrected; an invoice must stay explainable: `cargo run --example as_of`.

use asof::{Connection, Db, Input, Instant, Result};

fn main() -> Result<()> {
    let shop = Connection::in_memory()?;
    shop.transact(
        "[{:db/ident :item/name  :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
          {:db/ident :item/cents :db/valueType :db.type/long   :db/cardinality :db.cardinality/one}
          {:db/ident :audit/why  :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
          {:db/id \"datomic.tx\" :db/txInstant #inst \"2024-01-01\"}]",
    )?;
    // Times of their own, so that the example says the same every day; otherwise the clock gives them.
    for (day, why, cents) in [
        ("2024-02-01", "opening", 1200),
        ("2024-05-01", "spring prices", 1500),
        ("2024-05-03", "typing mistake: 15.00 should have been 13.50", 1350),
    ] {
        shop.transact(format!(
            r#"[{{:db/id "datomic.tx" :db/txInstant #inst "{day}" :audit/why "{why}"}}
                {{:item/name "rope" :item/cents {cents}}}]"#
        ))?;
    }
    let db = shop.db();

    println!("now          {}", price(&db, "rope")?);
    for day in ["2024-04-30", "2024-05-02"] {
        println!("{day}   {}", price(&db.as_of(Instant::parse(day)?)?, "rope")?);
    }

    println!("\nhow it came to be:");
    let changes = db.history().q_as::<(Instant, i64, bool, String)>(
        "[:find ?at ?cents ?added ?why
          :where [?item :item/name \"rope\"] [?item :item/cents ?cents ?tx ?added]
                 [?tx :db/txInstant ?at] [?tx :audit/why ?why]
          :order-by [?at ?added]]",
        &[],
    )?;
    for (at, cents, added, why) in &changes {
        println!("{at}  {} {cents}  {why}", if *added { "+" } else { "-" });
    }

    // One question about two moments: which prices are others now than they were on the invoice?
    let invoice = db.as_of(Instant::parse("2024-05-02")?)?;
    let changed = db.q_as::<(String, i64, i64)>(
        "[:find ?name ?then ?now :in $ $invoice
          :where [?item :item/name ?name] [?item :item/cents ?now] [$invoice ?item :item/cents ?then] [(!= ?then ?now)]]",
        &[Input::from(&invoice)],
    )?;
    println!("\nsince the invoice of May 2: {changed:?}");

    assert_eq!(changed, [("rope".to_string(), 1500, 1350)]);
    assert_eq!(changes.len(), 5);
    Ok(())
}

/// The price in the database value it is asked of. Nothing here knows whether that is now or long ago.
fn price(db: &Db, item: &str) -> Result<i64> {
    let query = "[:find ?cents . :in $ ?name :where [?item :item/name ?name] [?item :item/cents ?cents]]";
    Ok(db.q_as(query, &[Input::from(item)])?[0])
}

#[test]
fn it_runs() -> Result<()> {
    main()
}
