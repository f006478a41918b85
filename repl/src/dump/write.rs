//! From a database to a dump.

use std::collections::HashMap;
use std::io::Write;

use asof::conn::Connection;
use asof::datom::{EntityId, Value};
use asof::error::{Code, Error, Result};
use asof::schema::bootstrap;

use super::Manifest;
use super::line;
use crate::progress::Progress;

/// Writes all of a database's history. `check` is asked at each transaction, and may end it.
pub fn write(conn: &Connection, out: &mut dyn Write, check: &dyn Fn() -> Result<()>) -> Result<Manifest> {
    // Nothing is dumped that is not proven whole, and the manifest is known before the first fact.
    let shown = Progress::waiting("proving the log");
    let verified = conn.verify_while(check)?;
    drop(shown);
    let (t, hash) = verified
        .end
        .ok_or_else(|| Error::new(Code::CorruptStore, "the log has no first record"))?;
    let manifest = Manifest {
        t,
        instant: conn.db().basis_instant(),
        transactions: verified.records,
        facts: verified.facts,
        hash,
    };
    writeln!(out, "{}", manifest.line())?;
    let progress = Progress::of(manifest.facts, "facts");
    let mut facts = 0;
    let mut names: HashMap<EntityId, String> = HashMap::new();
    for transaction in conn.log().range(Some(0), Some(t + 1)) {
        let transaction = transaction?;
        // An attribute goes by the name that it has after the transaction.
        for d in transaction
            .datoms
            .iter()
            .filter(|d| d.a.0 == u64::from(bootstrap::IDENT))
        {
            if let (true, Value::Keyword(name)) = (d.added, &d.v) {
                names.insert(d.e, name.to_string());
            }
        }
        for datom in &transaction.datoms {
            // A name can be anything, and a comment ends with its line.
            let name = names
                .get(&datom.a)
                .map_or("", |n| n.as_str())
                .replace(char::is_control, " ");
            writeln!(out, "{} ; {name}", line::write(datom))?;
        }
        facts += transaction.datoms.len() as u64;
        progress.set(facts);
        check()?;
    }
    Ok(manifest)
}
