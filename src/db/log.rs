//! The log of a database value: its transactions, one after another.

use super::Db;
use crate::error::{Code, Error, Result};
use crate::log::Log;

impl Db {
    /// The log that this value was made from, within the bounds of its view: for `tx-ids` and `tx-data` in queries, or to be read
    /// directly. A speculation has none, since nothing of it was logged.
    ///
    /// ```
    /// # fn main() -> asof::error::Result<()> {
    /// # use asof::Connection;
    /// # let conn = Connection::in_memory()?;
    /// conn.transact("[{:db/ident :status/open}]")?;
    /// let db = conn.db();
    /// let query = "[:find ?e ?op :in $ ?log :where [(tx-ids ?log 1 nil) [?tx ...]]
    ///               [(tx-data ?log ?tx) [[?e ?a _ _ ?op]]] [?a :db/ident :db/ident]]";
    /// assert_eq!(db.q(query, &[db.log()?.into()])?.len(), 1);
    /// # Ok(()) }
    /// ```
    pub fn log(&self) -> Result<Log> {
        let store = self.base.snapshot.blobs().store();
        match store.filter(|_| !self.is_speculative()) {
            Some(store) => Ok(Log::between(
                store.clone(),
                self.view.since.map(|t| t + 1),
                self.view.until,
            )),
            None => Err(Error::new(Code::InvalidArgument, "a speculative database has no log")
                .hint("take the log of the database it was made from: its report has the facts themselves, tx_data()")),
        }
    }
}
