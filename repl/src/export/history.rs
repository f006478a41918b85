//! Every fact as a row, in the order in which they were said.

use asof::conn::Connection;
use asof::datom::{T, ValueType};
use asof::edn::{Edn, Keyword, Node};
use asof::error::Result;
use asof::schema::bootstrap;

use super::{Cell, Column, Sink};

/// The facts of the transactions after `since` up to `until`, of `attrs` or of all attributes that users made.
pub struct History<'a> {
    conn: &'a Connection,
    attrs: Vec<Keyword>,
    since: T,
    until: T,
}

/// Facts as rows.
pub fn history<'a>(conn: &'a Connection, attrs: &[Keyword], since: T, until: T) -> Result<History<'a>> {
    let db = conn.db();
    for attr in attrs {
        db.attribute(attr)?;
    }
    Ok(History {
        conn,
        attrs: attrs.to_vec(),
        since,
        until,
    })
}

impl History<'_> {
    /// The columns. Values have the type of the attribute when there is one, and are text otherwise, with the type beside them.
    pub fn columns(&self) -> Vec<Column> {
        let db = self.conn.db();
        let mut types = self
            .attrs
            .iter()
            .filter_map(|a| db.attribute(a).ok())
            .map(|a| a.value_type);
        let first = types.next();
        let ty = first.filter(|first| types.all(|ty| ty == *first));
        [
            ("e", Some(ValueType::Ref)),
            ("a", Some(ValueType::Keyword)),
            ("v", ty),
            ("type", Some(ValueType::Keyword)),
            ("t", Some(ValueType::Long)),
            ("added", Some(ValueType::Boolean)),
            ("instant", Some(ValueType::Instant)),
        ]
        .map(|(name, ty)| Column {
            name: name.to_string(),
            ty,
            many: false,
        })
        .to_vec()
    }

    /// Writes the rows; gives how many.
    pub fn write(&self, sink: &mut dyn Sink, seen: &mut dyn FnMut()) -> Result<u64> {
        let db = self.conn.db();
        let schema = db.schema();
        let long = |n: u64| Cell::One(Node::Long(n as i64).into());
        let keyword = |name: Keyword| Cell::One(Edn::from(Node::Keyword(name)));
        let mut wanted = Vec::with_capacity(self.attrs.len());
        for attr in &self.attrs {
            wanted.push(db.attribute(attr)?.entity());
        }
        let mut rows = 0;
        for transaction in self.conn.log().range(Some(self.since + 1), Some(self.until + 1)) {
            let transaction = transaction?;
            for datom in &transaction.datoms {
                let shown = match wanted.is_empty() {
                    true => datom.a.0 >= bootstrap::FIRST_DB,
                    false => wanted.contains(&datom.a),
                };
                if !shown {
                    continue;
                }
                let name = schema.ident(datom.a).cloned();
                sink.row(&[
                    long(datom.e.0),
                    name.map_or(long(datom.a.0), keyword),
                    Cell::One(datom.v.to_edn()),
                    keyword(Keyword::new(datom.v.value_type().name())),
                    long(transaction.t),
                    Cell::One(Node::Bool(datom.added).into()),
                    Cell::One(Node::Inst(transaction.instant).into()),
                ])?;
                rows += 1;
                seen();
            }
        }
        Ok(rows)
    }
}
