//! A form in, a reply out: what `asof eval`, the prompt and the commands share.
//!
//! [`Session`] holds the database a script works on; [`inputs`] turns `db`, `(as-of db T)` and their like into database
//! values; [`forms`] prints what the library answers as EDN.

mod foreign;
mod forms;
mod inputs;
mod rules;
mod spell;

use std::path::{Path, PathBuf};

use asof::conn::{Clock, Connection, Options, SystemClock};
use asof::db::{Db, TimePoint};
use asof::edn::{Edn, Instant, Node, Symbol};
use asof::error::{Code, Error, Result};
use asof::query::{Budget, functions};

use crate::patience::Patience;
use crate::print::Reply;
use crate::time::Window;
pub use foreign::{command as called_here, foreign};
pub use forms::{
    ask, error_form, explain, name_or_id, named_form, pull, pull_many, report_form, schema_rows, stats_form,
    value_form, verified_indexes, verified_log,
};
use forms::{datoms_form, entity_form, map, transaction_form};
use inputs::{Arguments, database};
pub use rules::Rules;
pub use spell::{is_query, refuse, spelled_out};

/// The names of the forms that [`Session::eval`] knows.
pub const FORMS: [&str; 17] = [
    "reset",
    "transact",
    "with",
    "q",
    "explain",
    "pull",
    "pull-many",
    "datoms",
    "seek-datoms",
    "index-range",
    "tx-range",
    "entid",
    "ident",
    "basis-t",
    "schema",
    "stats",
    "db",
];

/// The database that forms are evaluated against.
pub struct Session {
    conn: Connection,
    /// Where it is; `None` in memory.
    dir: Option<PathBuf>,
    fixed_clock: bool,
    /// The part of time that `db` means in forms that read.
    pub window: Window,
    /// What a query may use.
    pub budget: Budget,
}

impl Session {
    /// The database at `dir`, made when it is not there, or a fresh one in memory.
    pub fn open(dir: Option<&Path>, fixed_clock: bool) -> Result<Session> {
        let options = options(fixed_clock);
        let conn = match dir {
            Some(dir) => options.open(dir)?,
            None => options.in_memory()?,
        };
        Ok(Session {
            dir: dir.map(Path::to_path_buf),
            fixed_clock,
            ..Session::of(conn)
        })
    }

    /// On a database that is open already.
    pub fn of(conn: Connection) -> Session {
        Session {
            conn,
            dir: None,
            fixed_clock: false,
            window: Window::default(),
            budget: Budget::default(),
        }
    }

    /// Goes on with another database: the one at `dir`, made when it is not there, or a fresh one in memory; with new indexes, as
    /// long as `reindex` lasts. When that does not open, the session goes on with the one that it has; in memory when they are the
    /// same.
    pub fn reopen(&mut self, dir: Option<PathBuf>, reindex: Option<Patience>) -> Result<()> {
        let fixed_clock = self.fixed_clock;
        let options = || options(fixed_clock);
        let place = |dir: &Option<PathBuf>| dir.as_ref().and_then(|dir| dir.canonicalize().ok());
        let same = place(&dir).is_some() && place(&dir) == place(&self.dir);
        if same {
            // A database is open once.
            let memory = options().in_memory()?;
            self.dir = None;
            std::mem::replace(&mut self.conn, memory).close()?;
        }
        let (new, failed) = match &dir {
            None => (options().in_memory()?, None),
            Some(dir) => match reindex {
                None => (options().open(dir)?, None),
                Some(patience) => match options().reindex(true).check(move || patience.step()).open(dir) {
                    Ok(new) => (new, None),
                    // Its indexes are the old ones then, and it may open with them.
                    Err(e) => (options().open(dir)?, Some(e)),
                },
            },
        };
        (self.dir, self.window) = (dir, Window::default());
        std::mem::replace(&mut self.conn, new).close()?;
        failed.map_or(Ok(()), Err)
    }

    /// Where its database is; `None` in memory.
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// The newest value of its database.
    pub fn db(&self) -> Db {
        self.conn.db()
    }

    /// What it looks at: the newest value, through its window.
    pub fn view(&self) -> Result<Db> {
        self.window.of(self.conn.db())
    }

    /// The connection to its database.
    pub fn conn(&self) -> &Connection {
        &self.conn
    }

    /// What time it is for this session: the fixed clock stands at the newest transaction.
    pub fn now(&self) -> Instant {
        match self.fixed_clock {
            true => self.conn.db().basis_instant(),
            false => SystemClock.now(),
        }
    }

    /// The database value that a form names: db, (as-of db T) and their like.
    pub fn database(&self, form: &Edn) -> Result<Db> {
        let args = Arguments {
            name: String::new(),
            span: form.span,
            forms: std::slice::from_ref(form),
        };
        args.database(0, &self.view()?)
    }

    /// The plan of a query, without running it.
    pub fn plan(&self, query: &Edn, forms: &[Edn]) -> Result<String> {
        forms::plan(&self.view()?, query, forms)
    }

    /// Makes everything durable and lets the database go.
    pub fn close(self) -> Result<()> {
        self.conn.close()
    }

    /// The reply to one form.
    pub fn eval(&mut self, form: &Edn) -> Result<Reply> {
        match &form.node {
            Node::List(call) => match call.split_first() {
                Some((
                    Edn {
                        node: Node::Symbol(name),
                        ..
                    },
                    rest,
                )) => {
                    let args = Arguments {
                        name: name.to_string(),
                        span: form.span,
                        forms: rest,
                    };
                    self.call(&args).map_err(|e| e.at(form.span))
                }
                _ => Err(not_a_form(form)),
            },
            Node::Symbol(name) if name.to_string() == "db" => Ok(describe(&self.view()?).into()),
            Node::Symbol(_) | Node::Vector(_) | Node::Map(_) => Err(not_a_form(form)),
            _ => Ok(form.clone().into()),
        }
    }

    fn call(&mut self, args: &Arguments) -> Result<Reply> {
        let now = self.view()?;
        let patience = Patience::of(&self.budget);
        let db = |i: usize| args.database(i, &now);
        match &*args.name {
            "reset" => {
                args.count(0, 0, "(reset)")?;
                // Only memory is ever reset: a database on disk is left as it is, and the script goes on beside it.
                self.conn = options(self.fixed_clock).in_memory()?;
                self.dir = None;
                Ok(Edn::from(Node::Nil).into())
            }
            "transact" => {
                args.count(1, 1, "(transact [...])")?;
                let report = self.conn.transact(args.vector(0)?)?;
                Ok(report_form(&report).into())
            }
            "with" => {
                args.count(2, 2, "(with db [...])")?;
                Ok(report_form(&db(0)?.with(args.vector(1)?)?).into())
            }
            "as-of" | "since" | "history" | "branch-at" => {
                let whole = Edn {
                    node: Node::List(args.call()),
                    span: args.span,
                };
                let view = database(&whole, &now)?.ok_or_else(|| not_a_form(&whole))?;
                Ok(describe(&view).into())
            }
            "q" => {
                args.count(1, usize::MAX, "(q query input...)")?;
                ask(&now, &args.forms[0], &args.forms[1..], &self.budget)
            }
            "explain" => {
                args.count(1, usize::MAX, "(explain query input...)")?;
                explain(&now, &args.forms[0], &args.forms[1..], &self.budget)
            }
            "pull" => {
                args.count(3, 3, "(pull db pattern entity)")?;
                pull(&db(0)?, &args.forms[1], &args.forms[2], &patience)
            }
            "pull-many" => {
                args.count(3, 3, "(pull-many db pattern [entity...])")?;
                let db = db(0)?;
                let pattern = asof::pull::parse(&args.forms[1], &db)?;
                let found = pull_many(&db, &pattern, args.vector(2)?, &patience)?;
                Ok(Edn::vector(found).into())
            }
            "datoms" | "seek-datoms" => {
                args.count(2, 6, "(datoms db :eavt component...)")?;
                let db = db(0)?;
                let (order, components) = (args.order(1)?, &args.forms[2..]);
                let found = match &*args.name {
                    "datoms" => db.datoms(order, components)?,
                    _ => db.seek_datoms(order, components)?,
                };
                datoms_form(&db, patience.over(found)).map(Reply::from)
            }
            "index-range" => {
                args.count(
                    4,
                    4,
                    "(index-range db attribute start end), where nil leaves a bound open",
                )?;
                let db = db(0)?;
                let bound = |i: usize| Some(&args.forms[i]).filter(|f| !matches!(f.node, Node::Nil));
                let found = db.index_range(&args.forms[1], bound(2), bound(3))?;
                datoms_form(&db, patience.over(found)).map(Reply::from)
            }
            "tx-range" => {
                args.count(0, 2, "(tx-range t1 t2), where nil leaves a bound open")?;
                let bound = |i: usize| match args.forms.get(i) {
                    None | Some(Edn { node: Node::Nil, .. }) => Ok(None),
                    Some(form) => now.t_of(TimePoint::from_edn(form)?).map(Some),
                };
                let log = self.conn.log();
                let mut forms = Vec::new();
                for transaction in log.range(bound(0)?, bound(1)?) {
                    patience.check()?;
                    forms.push(transaction_form(&now, &transaction?));
                }
                Ok(Edn::vector(forms).into())
            }
            "entid" => {
                args.count(2, 2, "(entid db ident-or-lookup-ref)")?;
                let found = db(0)?.entid_of(&args.forms[1])?;
                Ok(found.map_or(Edn::from(Node::Nil), entity_form).into())
            }
            "ident" => {
                args.count(2, 2, "(ident db entity)")?;
                let db = db(0)?;
                let found = db.entid_of(&args.forms[1])?.and_then(|e| db.ident(e).cloned());
                Ok(found.map_or(Edn::from(Node::Nil), |k| Node::Keyword(k).into()).into())
            }
            "basis-t" => {
                args.count(0, 1, "(basis-t db)")?;
                let db = if args.forms.is_empty() { now } else { db(0)? };
                Ok(Edn::from(Node::Long(db.basis_t() as i64)).into())
            }
            "schema" => {
                args.count(0, 1, "(schema db)")?;
                let db = if args.forms.is_empty() { now } else { db(0)? };
                schema_rows(&db, false, "")
            }
            "stats" => {
                args.count(0, 0, "(stats)")?;
                stats_form(&self.conn).map(Reply::from)
            }
            name => {
                let e = Error::new(Code::InvalidArgument, format!("there is no form ({name} ...)"));
                let function = Symbol::new(name);
                let known = functions::lookup(&function).is_some() || now.registry().names().any(|n| *n == function);
                Err(match known {
                    true => e.hint(format!(
                        "{name} is a function of queries: [:find ?x . :where [({name} ...) ?x]]"
                    )),
                    false => e
                        .hint(format!("the forms are {}", FORMS.join(", ")))
                        .suggest(name, FORMS),
                })
            }
        }
    }
}

fn options(fixed_clock: bool) -> Options {
    match fixed_clock {
        true => asof::testing::options(),
        false => Options::new(),
    }
}

fn not_a_form(form: &Edn) -> Error {
    Error::new(Code::InvalidArgument, format!("{form} is not a form to evaluate"))
        .at(form.span)
        .hint("write (transact [...]), (q query input...), (pull db pattern entity); asof eval --help lists all")
}

/// A database value, as the bounds of its view.
fn describe(db: &Db) -> Edn {
    let t = |t: Option<u64>| t.map(|t| Node::Long(t as i64).into());
    map([
        ("basis-t", t(Some(db.basis_t()))),
        ("as-of", t(db.as_of_t())),
        ("since", t(db.since_t())),
        ("history", db.is_history().then(|| Node::Bool(true).into())),
        ("with", db.is_speculative().then(|| Node::Bool(true).into())),
    ])
}
