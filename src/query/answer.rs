//! The answer to a query: its columns, its rows, and the whole as EDN.

use std::sync::Arc;

use super::ast::{Ast, KeyKind, Shape};
use super::column::{Column, Tag};
use super::out::{self, Out};
use super::stats::QueryStats;
use super::texts::Texts;
use super::values::Values;
use crate::datom::{Val, ValueType};
use crate::edn::{Edn, Keyword, Node, Symbol};
use crate::error::Result;

/// What a query found.
///
/// Rows are as `:order-by` says. Without it, [`Answer::to_edn`], [`Answer::rows`] and [`Answer::typed`] give them in the order of
/// their values; the columns ([`Answer::value`], [`Answer::longs`], [`Answer::entities`]) have them as they were found: in the
/// same order for the same database and query, and not sorted for that.
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::testing;
/// let conn = testing::fixture(
///     r#"[{:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
///         {:db/ident :ship/tons :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]
///        [{:ship/name "Tern" :ship/tons 150} {:ship/name "Petrel" :ship/tons 900}]"#,
/// )?;
/// let answer = conn.db().q("[:find ?n ?t :where [?s :ship/name ?n] [?s :ship/tons ?t]]", &[])?;
/// assert_eq!((answer.len(), answer.columns()), (2, vec!["?n".to_string(), "?t".to_string()]));
/// assert_eq!(answer.to_edn()?.to_string(), r#"#{["Petrel" 900] ["Tern" 150]}"#);
/// assert_eq!(answer.typed::<(String, i64)>()?[1], ("Tern".to_string(), 150));
/// assert_eq!(answer.longs(1).expect("a column of longs").sum::<i64>(), 1050);
/// for row in answer.rows() {
///     let [name, tons] = &row?[..] else { unreachable!("two columns") };
///     println!("{name} {tons}");
/// }
/// # Ok(()) }
/// ```
pub struct Answer {
    pub(crate) shape: Shape,
    /// What was asked, for the names of the columns.
    pub(crate) ast: Arc<Ast>,
    pub(crate) columns: Vec<Out>,
    pub(crate) len: usize,
    pub(crate) keys: Option<(KeyKind, Vec<Symbol>)>,
    /// Rows are a list: duplicates count, or the order does.
    pub(crate) list: bool,
    /// The columns are in their final order.
    pub(crate) arranged: bool,
    pub(crate) values: Values,
    pub(crate) stats: QueryStats,
    pub(crate) next: Option<String>,
}

impl Answer {
    /// What it took: rows read beside rows returned, leaves, memory, time.
    ///
    /// ```
    /// # fn main() -> asof::error::Result<()> {
    /// # use asof::Connection;
    /// # let conn = Connection::in_memory()?;
    /// let answer = conn.db().q("[:find ?e :where [?e :db/ident :db/doc]]", &[])?;
    /// let stats = answer.stats();
    /// assert_eq!((stats.rows_read, stats.rows_returned), (1, 1));
    /// # Ok(()) }
    /// ```
    pub fn stats(&self) -> QueryStats {
        self.stats
    }
    /// Where the next page begins, when `:limit` left rows behind: for `:after` in the query, or [`QueryOptions::after`].
    ///
    /// The next page reads the database as it was for this one, whatever has been written since, so no row is shown twice and
    /// none is left out. A token goes with its query, its other inputs and its database; only `:limit` may differ. Rows that are equal
    /// (as `:with` may give them) are one place for a token: pages show those that fit before it.
    ///
    /// [`QueryOptions::after`]: super::QueryOptions::after
    ///
    /// ```
    /// # fn main() -> asof::error::Result<()> {
    /// # use asof::Connection;
    /// use asof::query::{Query, QueryOptions};
    /// # let conn = Connection::in_memory()?;
    /// # conn.transact("[{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]")?;
    /// conn.transact("[{:n 1} {:n 2} {:n 3} {:n 4} {:n 5}]")?;
    /// let query = Query::parse("[:find [?n ...] :where [_ :n ?n] :order-by [[?n :desc]] :limit 2]")?;
    /// let mut options = QueryOptions::default();
    /// let mut pages: Vec<Vec<i64>> = Vec::new();
    /// loop {
    ///     let page = query.run_with(&[conn.db().into()], &options)?;
    ///     pages.push(page.typed()?);
    ///     conn.transact("[{:n 6}]")?; // the pages do not see it
    ///     match page.next_token() {
    ///         Some(token) => options.after = Some(token.to_string()),
    ///         None => break,
    ///     }
    /// }
    /// assert_eq!(pages, [vec![5, 4], vec![3, 2], vec![1]]);
    /// # Ok(()) }
    /// ```
    pub fn next_token(&self) -> Option<&str> {
        self.next.as_deref()
    }
    /// The shape that `:find` asked for.
    pub fn shape(&self) -> Shape {
        self.shape
    }
    /// How many rows; of a tuple or scalar, 1 or 0.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// The names of the columns: as `:find` has them, or as `:keys` does.
    pub fn columns(&self) -> Vec<String> {
        self.ast.columns()
    }
    /// The value at a row and column.
    pub fn value(&self, row: usize, column: usize) -> Result<Val> {
        self.columns[column].val(row, &self.values)
    }
    /// The longs of a column, when it has only such: without making values.
    pub fn longs(&self, column: usize) -> Option<impl ExactSizeIterator<Item = i64> + '_> {
        self.words(column, Tag::LONG)
            .map(|ws| ws.iter().map(|w| crate::datom::word::to_long(*w)))
    }
    /// The entities of a column, when it has only such.
    pub fn entities(&self, column: usize) -> Option<impl ExactSizeIterator<Item = crate::datom::EntityId> + '_> {
        self.words(column, Tag::REF)
            .map(|ws| ws.iter().map(|w| crate::datom::EntityId(*w)))
    }
    /// The texts of a column, when it has only such: each is fetched once and lent to the rows that have it.
    ///
    /// ```
    /// # fn main() -> asof::Result<()> {
    /// # let conn = asof::testing::fixture(
    /// #     r#"[{:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]
    /// #        [{:ship/name "Tern"} {:ship/name "Petrel"}]"#)?;
    /// let answer = conn.db().q("[:find [?n ...] :where [_ :ship/name ?n]]", &[])?;
    /// let names = answer.texts(0)?.expect("a column of texts");
    /// assert_eq!(names.iter().map(str::len).sum::<usize>(), 10);
    /// # Ok(()) }
    /// ```
    pub fn texts(&self, column: usize) -> Result<Option<Texts>> {
        let column = self.column(column, Tag::of(ValueType::String));
        column.map(|c| Texts::new(c, self.values.words())).transpose()
    }
    fn words(&self, column: usize, tag: Tag) -> Option<&[u64]> {
        self.column(column, tag).map(|c| &c.words[..])
    }
    fn column(&self, column: usize, tag: Tag) -> Option<&Column> {
        match self.columns.get(column) {
            Some(Out::Words(c)) if c.one_type() == Some(tag) => Some(c),
            _ => None,
        }
    }
    fn form(&self, row: usize, column: usize) -> Result<Edn> {
        match &self.columns[column] {
            Out::Forms(fs) => Ok(fs[row].clone()),
            _ => Ok(self.value(row, column)?.to_edn()),
        }
    }
    /// The rows in the order they are shown in.
    fn order(&self) -> Result<Vec<u32>> {
        match self.arranged || self.len <= 1 {
            true => Ok((0..self.len as u32).collect()),
            false => out::value_order(&self.columns, self.len, &self.values),
        }
    }

    /// The rows, each as its values.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Result<Vec<Edn>>> + '_ {
        // Values that cannot be compared cannot be read either: then every row reports it.
        let order = self.order();
        (0..self.len).map(move |i| {
            let row = match &order {
                Ok(order) => order[i] as usize,
                Err(_) => i,
            };
            (0..self.columns.len()).map(|c| self.form(row, c)).collect()
        })
    }

    fn row(&self, row: usize) -> Result<Edn> {
        let cells = (0..self.columns.len()).map(|c| self.form(row, c));
        let Some((kind, names)) = &self.keys else {
            return Ok(Node::Vector(cells.collect::<Result<_>>()?).into());
        };
        let pairs = names.iter().zip(cells).map(|(name, cell)| {
            let key = match kind {
                KeyKind::Keys => Node::Keyword(Keyword(name.0.clone())),
                KeyKind::Strs => Node::Str(name.to_string().into()),
                KeyKind::Syms => Node::Symbol(name.clone()),
            };
            Ok((Edn::new(key), cell?))
        });
        Ok(Node::Map(pairs.collect::<Result<_>>()?).into())
    }

    /// The rows as Rust values, through serde: tuples or, with `:keys`, structs; of a collection or scalar, its elements.
    pub fn typed<T: serde::de::DeserializeOwned>(&self) -> Result<Vec<T>> {
        let single = matches!(self.shape, Shape::Collection | Shape::Scalar);
        self.order()?
            .into_iter()
            .map(|i| {
                let i = i as usize;
                let form = if single { self.form(i, 0)? } else { self.row(i)? };
                crate::edn::from_edn(&form)
            })
            .collect()
    }

    fn is_list(&self) -> bool {
        self.list || self.keys.is_some() || self.columns.iter().any(|c| matches!(c, Out::Forms(_)))
    }

    /// The whole as a value, for the query around a nested one: as [`Answer::to_edn`], but every value keeps its type.
    pub(crate) fn to_val(&self) -> Result<Val> {
        let row = |i: usize| {
            (0..self.columns.len())
                .map(|c| self.value(i, c))
                .collect::<Result<Vec<_>>>()
        };
        match self.shape {
            Shape::Relation | Shape::Tuple if self.keys.is_some() => Val::from_edn(&self.to_edn()?),
            Shape::Relation => {
                let rows = self.order()?.into_iter().map(|i| Ok(Val::vector(row(i as usize)?)));
                let rows = rows.collect::<Result<Vec<_>>>()?;
                Ok(if self.is_list() {
                    Val::vector(rows)
                } else {
                    Val::set(rows)
                })
            }
            Shape::Collection => {
                let items = self.order()?.into_iter().map(|i| self.value(i as usize, 0));
                Ok(Val::vector(items.collect::<Result<Vec<_>>>()?))
            }
            Shape::Tuple if self.len > 0 => row(0).map(Val::vector),
            Shape::Scalar if self.len > 0 => self.value(0, 0),
            Shape::Tuple | Shape::Scalar => Ok(Val::Nil),
        }
    }

    /// The whole answer: a relation as a set of vectors (a vector where order or repetition counts, or with pulls or
    /// maps), a collection as a vector, a tuple as a vector or nil, a scalar as itself or nil.
    pub fn to_edn(&self) -> Result<Edn> {
        match self.shape {
            Shape::Relation => {
                let order = self.order()?.into_iter();
                let rows = order.map(|i| self.row(i as usize)).collect::<Result<Vec<_>>>()?;
                Ok(if self.is_list() {
                    Node::Vector(rows)
                } else {
                    Node::Set(rows)
                }
                .into())
            }
            Shape::Collection => {
                let order = self.order()?.into_iter();
                let items = order.map(|i| self.form(i as usize, 0)).collect::<Result<_>>()?;
                Ok(Node::Vector(items).into())
            }
            Shape::Tuple if self.len > 0 => self.row(0),
            Shape::Scalar if self.len > 0 => self.form(0, 0),
            Shape::Tuple | Shape::Scalar => Ok(Node::Nil.into()),
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.to_edn() {
            Ok(form) => write!(f, "{form}"),
            Err(e) => write!(f, "{e}"),
        }
    }
}
