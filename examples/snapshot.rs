//! Testing code that writes facts, with insta: `cargo run --example snapshot`, `cargo test --example snapshot`.
//!
//! `asof::testing` gives databases whose clock stands where it is put, and text without entity ids, so a snapshot changes only
//! when its meaning does.

use asof::{Connection, Report, Result, testing};

/// What the program is about: a ship takes a berth, and whoever lay there leaves it.
fn moor(conn: &Connection, ship: &str, berth: &str) -> Result<Report> {
    let there = conn.db().q_as::<asof::Keyword>(
        "[:find [?ship ...] :in $ ?berth :where [?s :db/ident ?ship] [?s :ship/berth ?berth]]",
        &[berth.into()],
    )?;
    let leaves = there
        .iter()
        .map(|ship| format!("[:db/retract {ship} :ship/berth \"{berth}\"]"));
    let forms: Vec<String> = leaves
        .chain([format!("[:db/add {ship} :ship/berth \"{berth}\"]")])
        .collect();
    conn.transact(format!("[{}]", forms.join(" ")))
}

fn harbour() -> Result<Connection> {
    testing::fixture(
        "[{:db/ident :ship/berth :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]
         [{:db/ident :petrel} {:db/ident :tern}]",
    )
}

fn main() -> Result<()> {
    let conn = harbour()?;
    for (ship, berth) in [(":petrel", "N1"), (":petrel", "S4"), (":tern", "S4")] {
        print!("{}", testing::report(&moor(&conn, ship, berth)?)?);
    }
    println!("\n{}", testing::dump(&conn.db())?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lies_there_leaves() -> Result<()> {
        let conn = harbour()?;
        moor(&conn, ":petrel", "S4")?;
        let report = moor(&conn, ":tern", "S4")?;
        insta::assert_snapshot!(testing::report(&report)?, @r#"
        t 4  2026-01-01T00:00:03.000Z
        - :petrel :ship/berth "S4"
        + :tern :ship/berth "S4"
        "#);
        Ok(())
    }

    #[test]
    fn nothing_changes_for_who_stays() -> Result<()> {
        let conn = harbour()?;
        moor(&conn, ":petrel", "S4")?;
        let again = moor(&conn, ":petrel", "S4").expect_err("retracted and asserted at once");
        insta::assert_snapshot!(testing::error(&conn.db(), &again), @r#"
        :db.error/datoms-conflict: [:petrel :ship/berth "S4"] is both asserted and retracted
         --> transaction:1:70
          |
        1 | [[:db/retract :petrel :ship/berth "S4"] [:db/add :petrel :ship/berth "S4"]]
          |                                                                      ^^^^
          hint: a transaction is one moment: say what holds after it
        "#);
        Ok(())
    }
}
