//! What the library answers, as EDN.

use asof::conn::{Connection, IndexesVerified};
use asof::datom::{Datom, EntityId, Value};
use asof::db::Db;
use asof::edn::{Edn, Keyword, Node};
use asof::error::{Code, Error, Result, Span};
use asof::log::{Transaction, Verified};
use asof::pull::{Pattern, Puller};
use asof::query::{Budget, Input, Query, QueryOptions, Shape};
use asof::schema::{Attribute, TupleKind, Unique, bootstrap};
use asof::tx::Report;

use super::inputs::database;
use crate::patience::Patience;
use crate::print::{Reply, count, plural};

/// A map of the entries that are there.
pub fn map<const N: usize>(entries: [(&str, Option<Edn>); N]) -> Edn {
    let entries = entries
        .into_iter()
        .filter_map(|(key, value)| Some((keyword(key), value?)));
    Node::Map(entries.collect()).into()
}

fn keyword(name: &str) -> Edn {
    Node::Keyword(Keyword::new(name)).into()
}

fn long(n: impl TryInto<i64>) -> Edn {
    // Counts and ids fit: ids keep the sign bit free.
    Node::Long(n.try_into().unwrap_or(i64::MAX)).into()
}

fn string(text: impl Into<std::sync::Arc<str>>) -> Edn {
    Node::Str(text.into()).into()
}

pub fn entity_form(e: EntityId) -> Edn {
    long(e.0)
}

/// `{:error {:code ... :message ...}}`, with the place and the way out where they are known.
pub fn error_form(error: &Error) -> Edn {
    let place = error.place();
    let details: Vec<(Edn, Edn)> = error
        .data()
        .iter()
        .map(|(key, text)| {
            (
                keyword(key),
                asof::edn::read_one(text).unwrap_or_else(|_| string(text.as_str())),
            )
        })
        .collect();
    let inside = map([
        ("code", Some(keyword(error.code().as_str()))),
        ("message", Some(string(error.message()))),
        ("line", place.map(|p| long(p.line as u64))),
        ("column", place.map(|p| long(p.column as u64))),
        ("form", error.form_text().map(string)),
        ("hint", error.hint_text().map(string)),
        ("data", (!details.is_empty()).then(|| Node::Map(details).into())),
    ]);
    map([("error", Some(inside))])
}

/// `{:t n :instant ... :datoms n :tempids {...}}`.
pub fn report_form(report: &Report) -> Edn {
    let tempids = report
        .tempids
        .iter()
        .map(|(name, e)| (string(name.as_str()), entity_form(*e)));
    let warnings: Vec<Edn> = report.warnings.iter().map(|w| string(w.as_str())).collect();
    map([
        ("t", Some(long(report.t))),
        ("instant", Some(Node::Inst(report.db_after.basis_instant()).into())),
        ("datoms", Some(long(report.datom_count() as u64))),
        ("tempids", Some(Node::Map(tempids.collect()).into())),
        ("noop", report.noop.then(|| Node::Bool(true).into())),
        (
            "warnings",
            (!warnings.is_empty()).then(|| Node::Vector(warnings).into()),
        ),
    ])
}

/// An entity by its ident where it has one, as attributes do; else by its id.
pub fn name_or_id(db: &Db, e: EntityId) -> String {
    db.ident(e).map_or_else(|| e.to_string(), |k| k.to_string())
}

/// The same as a form.
pub fn named_form(db: &Db, e: EntityId) -> Edn {
    db.ident(e)
        .map_or_else(|| entity_form(e), |k| Node::Keyword(k.clone()).into())
}

/// A datom's value; a reference to an entity with an ident as that.
pub fn value_form(db: &Db, datom: &Datom) -> Edn {
    match &datom.v {
        Value::Ref(e) => named_form(db, *e),
        value => value.to_edn(),
    }
}

/// `[e a v tx added?]`, the attribute by its ident.
fn datom_form(db: &Db, datom: &Datom) -> Edn {
    let added = Node::Bool(datom.added).into();
    Node::Vector(vec![
        entity_form(datom.e),
        named_form(db, datom.a),
        datom.v.to_edn(),
        entity_form(datom.tx.entity()),
        added,
    ])
    .into()
}

/// Datoms as a vector.
pub fn datoms_form(db: &Db, datoms: impl Iterator<Item = Result<Datom>>) -> Result<Edn> {
    let forms = datoms.map(|d| Ok(datom_form(db, &d?)));
    Ok(Node::Vector(forms.collect::<Result<_>>()?).into())
}

/// `{:t n :instant ... :datoms [...]}`.
pub fn transaction_form(db: &Db, transaction: &Transaction) -> Edn {
    let datoms = transaction.datoms.iter().map(|d| datom_form(db, d)).collect();
    map([
        ("t", Some(long(transaction.t))),
        ("instant", Some(Node::Inst(transaction.instant).into())),
        ("datoms", Some(Node::Vector(datoms).into())),
    ])
}

/// The inputs of a query: databases where forms name them, data otherwise. Without any, the database itself.
fn inputs(db: &Db, forms: &[Edn]) -> Result<Vec<Input>> {
    if forms.is_empty() {
        return Ok(vec![Input::from(db.clone())]);
    }
    let input = |form: &Edn| {
        if let Some([call, of]) = form.as_list()
            && call.as_symbol().is_some_and(|s| s.to_string() == "log")
            && let Some(of) = database(of, db)?
        {
            return Ok(Input::from(of.log().map_err(|e| e.at(form.span))?));
        }
        Ok(database(form, db)?.map_or_else(|| Input::from(form.clone()), Input::from))
    };
    forms.iter().map(input).collect()
}

/// The answer to a query, within a budget.
pub fn ask(db: &Db, query: &Edn, forms: &[Edn], budget: &Budget) -> Result<Reply> {
    let options = QueryOptions {
        budget: budget.clone(),
        ..QueryOptions::default()
    };
    let inputs = inputs(db, forms)?;
    let answer = Query::from_edn(query)?.run_with(&inputs, &options);
    let answer = answer.map_err(|e| superfluous(e, forms))?;
    let columns = (answer.shape() == Shape::Relation).then(|| answer.columns());
    Ok(Reply {
        columns,
        value: answer.to_edn()?,
        stats: Some(answer.stats()),
    })
}

/// The plan of a query as text; nothing runs.
pub fn plan(db: &Db, query: &Edn, forms: &[Edn]) -> Result<String> {
    Query::from_edn(query)?.explain(&inputs(db, forms)?)
}

/// The plan of a query with what each step did, as text.
pub fn explain(db: &Db, query: &Edn, forms: &[Edn], budget: &Budget) -> Result<Reply> {
    let options = QueryOptions {
        budget: budget.clone(),
        ..QueryOptions::default()
    };
    let inputs = inputs(db, forms)?;
    let plan = Query::from_edn(query)?.explain_analyze_with(&inputs, &options);
    let plan = plan.map_err(|e| superfluous(e, forms))?;
    Ok(string(plan.trim_end()).into())
}

/// An error of too many inputs at those that are too many, which stand behind the query.
fn superfluous(e: Error, forms: &[Edn]) -> Error {
    let wanted = e.data().iter().find(|(key, _)| *key == "inputs");
    let wanted = wanted.filter(|_| e.code() == Code::TooManyInputs);
    let Some(wanted) = wanted.and_then(|(_, n)| n.parse::<usize>().ok()) else {
        return e;
    };
    match (forms.get(wanted), forms.last()) {
        (Some(first), Some(last)) => e.moved(Span {
            end: last.span.end,
            ..first.span
        }),
        _ => e,
    }
}

/// An entity as a nested map, or nil.
pub fn pull(db: &Db, pattern: &Edn, entity: &Edn, patience: &Patience) -> Result<Reply> {
    let pattern = asof::pull::parse(pattern, db)?;
    let mut found = pull_many(db, &pattern, std::slice::from_ref(entity), patience)?;
    Ok(found.pop().unwrap_or_else(Edn::nil).into())
}

/// The same of several entities, in their order.
pub fn pull_many(db: &Db, pattern: &Pattern, entities: &[Edn], patience: &Patience) -> Result<Vec<Edn>> {
    let check = |bytes: usize| patience.holds(bytes);
    let mut found = Vec::with_capacity(entities.len());
    let ids = entities.iter().map(|entity| db.entid_of(entity));
    let mut puller = Puller::new(db, pattern)?.checked(&check);
    puller.pull_all(ids, |form| found.push(form.unwrap_or_else(Edn::nil)))?;
    Ok(found)
}

/// The attributes with `text` in their names as maps, by name; `all`: also those that every database has.
pub fn schema_rows(db: &Db, all: bool, text: &str) -> Result<Reply> {
    let schema = db.schema_then()?;
    let mut attributes: Vec<&Attribute> = schema.attrs().map(|a| &**a).collect();
    attributes.retain(|a| all || u64::from(a.id) >= bootstrap::FIRST_DB);
    attributes.retain(|a| text.is_empty() || a.ident.to_string().contains(text));
    attributes.sort_by(|a, b| a.ident.cmp(&b.ident));
    let flag = |on: bool| on.then(|| Node::Bool(true).into());
    let row = |a: &Attribute| {
        let members = |ids: &[u32]| ids.iter().map(|id| keyword(&name(&schema, *id))).collect();
        let unique = a.unique.map(|u| match u {
            Unique::Identity => keyword("db.unique/identity"),
            Unique::Value => keyword("db.unique/value"),
        });
        map([
            ("db/ident", Some(Node::Keyword(a.ident.clone()).into())),
            (
                "db/valueType",
                Some(keyword(&format!("db.type/{}", a.value_type.name()))),
            ),
            (
                "db/cardinality",
                Some(keyword(if a.is_one() {
                    "db.cardinality/one"
                } else {
                    "db.cardinality/many"
                })),
            ),
            ("db/unique", unique),
            ("db/isComponent", flag(a.is_component)),
            ("db/index", (!a.indexed).then(|| Node::Bool(false).into())),
            ("db/noHistory", flag(a.no_history)),
            (
                "db/tupleAttrs",
                match &a.tuple {
                    Some(TupleKind::Composite(ids)) => Some(Node::Vector(members(ids)).into()),
                    _ => None,
                },
            ),
            ("db/doc", a.doc.as_ref().map(|doc| Node::Str(doc.clone()).into())),
        ])
    };
    Ok(Edn::from(Node::Vector(attributes.into_iter().map(row).collect())).into())
}

fn name(schema: &asof::schema::Schema, id: u32) -> String {
    schema
        .attr(id)
        .map_or_else(|| id.to_string(), |a| a.ident.0.to_string())
}

/// What was proven of a log.
pub fn verified_log(log: &Verified) -> String {
    let (transactions, facts) = (plural(log.records, "transaction"), plural(log.facts, "fact"));
    format!("log      {transactions}, {facts}: whole and unbroken")
}

/// What was proven of indexes.
pub fn verified_indexes(indexes: &IndexesVerified) -> String {
    format!(
        "indexes  {}, {} of them hold now: as the log says, now and at {} of the past",
        plural(indexes.events, "fact"),
        count(indexes.live),
        plural(indexes.moments, "moment")
    )
}

/// What the database holds and where its bytes are.
pub fn stats_form(conn: &Connection) -> Result<Edn> {
    let db = conn.db();
    let user = db
        .schema()
        .attrs()
        .filter(|a| u64::from(a.id) >= bootstrap::FIRST_DB)
        .count();
    let stats = conn.stats()?;
    let leaves = stats
        .orders
        .iter()
        .map(|o| (keyword(o.order.name()), long(o.leaves)))
        .collect();
    let bytes = stats
        .disk
        .into_iter()
        .map(|(part, bytes)| (keyword(part), long(bytes)))
        .collect();
    Ok(map([
        ("t", Some(long(db.basis_t()))),
        ("instant", Some(Node::Inst(db.basis_instant()).into())),
        ("attributes", Some(long(user as u64))),
        ("facts", Some(long(stats.facts))),
        ("not-indexed-yet", Some(long(stats.unindexed))),
        ("long-values", Some(long(stats.long_values))),
        ("leaves", Some(Node::Map(leaves).into())),
        ("bytes", Some(Node::Map(bytes).into())),
    ]))
}
