//! Queries: read from the rig's files, run within the rig's limits, and their answers taken into Rust.

use std::env;
use std::fs;
use std::hint::black_box;
use std::time::Duration;

use asof::datom::{EntityId, Val};
use asof::db::Db;
use asof::edn::{self, Edn};
use asof::query::{Answer, Budget, Input, Query, QueryOptions};

use crate::Outcome;

/// The rig stops a case after this.
const LIMIT: Duration = Duration::from_secs(60);

/// A query with its inputs.
pub struct Question {
    query: Query,
    inputs: Vec<Input>,
    options: QueryOptions,
}

impl Question {
    pub fn new(db: &Db, query: Query, more: impl IntoIterator<Item = Input>) -> Question {
        let millis = env::var("CASE_LIMIT_MS").ok().and_then(|s| s.parse().ok());
        let limit = millis.map_or(LIMIT, Duration::from_millis);
        let budget = Budget {
            timeout: Some(limit),
            ..Budget::default()
        };
        Question {
            query,
            inputs: [Input::from(db)].into_iter().chain(more).collect(),
            options: QueryOptions {
                budget,
                ..QueryOptions::default()
            },
        }
    }

    /// Asks, takes the whole answer, and counts its rows.
    pub fn ask(&self) -> Outcome<usize> {
        let answer = self.query.run_with(&self.inputs, &self.options)?;
        take(&answer)?;
        Ok(answer.len())
    }
}

/// Brings an answer into vectors, a column each: an answer counts when the program has it.
fn take(answer: &Answer) -> asof::error::Result<()> {
    for column in 0..answer.columns().len() {
        if let Some(longs) = answer.longs(column) {
            black_box(longs.collect::<Vec<i64>>());
        } else if let Some(entities) = answer.entities(column) {
            black_box(entities.collect::<Vec<EntityId>>());
        } else if let Some(texts) = answer.texts(column)? {
            black_box(texts.iter().collect::<Vec<&str>>());
        } else {
            let values = (0..answer.len()).map(|row| answer.value(row, column));
            black_box(values.collect::<Result<Vec<Val>, _>>()?);
        }
    }
    Ok(())
}

/// A file of the rig's folder that holds a map, and what the map says of each name.
pub fn file(name: &str) -> Outcome<Vec<(Edn, Edn)>> {
    let path = format!("queries/{name}.edn");
    let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}; start this program in the rig's folder"))?;
    let form = edn::read_one(&text)?;
    form.into_map().map_err(|_| format!("{path} is no map").into())
}

/// What a map of such a file says of `key`.
pub fn get<'a>(pairs: &'a [(Edn, Edn)], key: &Edn) -> Outcome<&'a Edn> {
    let found = pairs.iter().find(|(k, _)| k == key);
    found
        .map(|(_, v)| v)
        .ok_or_else(|| format!("the queries have no {key}").into())
}
