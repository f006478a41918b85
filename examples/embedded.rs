//! asof inside a program: `cargo run --example embedded`.

use asof::{Connection, Result};

fn main() -> Result<()> {
    let conn = Connection::in_memory()?;
    conn.transact("[{:db/ident :person/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]")?;
    let ada = conn.transact(r#"[{:db/id "ada" :person/name "Ada"}]"#)?.tempids["ada"];
    let before = conn.db(); // a value: later transactions leave it as it is
    conn.transact(format!(r#"[[:db/add {ada} :person/name "Lovelace"]]"#))?;

    let names = "[:find [?n ...] :where [_ :person/name ?n]]";
    println!("now    {}", conn.db().q(names, &[])?.to_edn()?);
    println!("then   {}", before.q(names, &[])?.to_edn()?);
    println!("ever   {}", conn.db().history().q(names, &[])?.to_edn()?);
    Ok(())
}

#[test]
fn it_runs() -> Result<()> {
    main()
}
