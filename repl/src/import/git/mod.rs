//! The first-parent line of a git repository, a transaction for each commit.
//!
//! Each transaction refers to the one of the commit before, by `[:git/sha ...]`, and a reference to what is not there is
//! refused. So while many transactions are under way at once, one that fails makes those behind it fail too, and no commit is
//! ever left out. An import continues after the newest commit that is there, whatever stopped it.

mod facts;
mod repository;

use std::collections::VecDeque;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::Thread;

use asof::conn::{Clock, Connection, SystemClock, Transacting};
use asof::datom::{T, TxId, Value};
use asof::db::Db;
use asof::edn::{self, Edn, Instant, Node};
use asof::error::{Code, Error, Result};
use asof::index::Order;
use asof::tx::Report;

use self::facts::{instant, keyword};
use self::repository::{Change, Commit, Repository, SUBMODULE};
use crate::patience::Patience;
use crate::print::plural;
use crate::progress::Progress;

/// Transactions under way at once: enough to share a sync among many, few enough to bound memory.
const UNDER_WAY: usize = 512;

/// What an import did.
pub struct Done {
    /// How many commits it added.
    pub commits: usize,
    /// The newest commit in the database, shortened.
    pub head: String,
    /// Its transaction.
    pub t: T,
}

/// The commits of a repository's first-parent line, read and ready to be imported.
pub struct Line {
    repository: Repository,
    revision: String,
    commits: Vec<Commit>,
}

impl Line {
    /// The line that ends at `revision`, of the repository at `dir`.
    pub fn read(dir: &Path, revision: &str) -> Result<Line> {
        let repository = Repository::open(dir)?;
        let commits = repository.commits(revision)?;
        Ok(Line {
            repository,
            revision: revision.to_string(),
            commits,
        })
    }

    /// Imports the commits that are not there yet, until `patience` ends.
    pub fn import(&self, conn: &Connection, patience: &Patience) -> Result<Done> {
        let before = conn.db().basis_t();
        self.import_all(conn, patience).map_err(|e| {
            patience.explain(e, || {
                let t = conn.db().basis_t();
                let commits = plural(t - before, "transaction");
                format!("{commits} are new, up to t {t}; running the import again continues there")
            })
        })
    }

    fn import_all(&self, conn: &Connection, patience: &Patience) -> Result<Done> {
        let imported = newest(&conn.db())?;
        let new = self.after(imported.as_deref(), &conn.db())?;
        if let (None, Some(first)) = (&imported, new.first()) {
            install_schema(conn, first)?;
        }
        let progress = Progress::of(new.len() as u64, "commits");
        let mut changes = self.repository.changes(new)?;
        let mut sizes = self.repository.sizes()?;
        let mut head = imported;
        let mut latest = conn.db().basis_instant();
        let mut under_way = VecDeque::new();
        let mut ended = Ok(());
        for commit in new {
            ended = patience.check();
            if ended.is_err() {
                break;
            }
            let changed = changes.of(commit)?;
            sizes.learn(&blobs(&changed))?;
            // Instants increase strictly and never lie in the future; where a commit's does not fit, it is nudged.
            let at = Instant(instant(commit.committed).0.min(SystemClock.now().0).max(latest.0 + 1));
            let data = facts::transaction(commit, at, head.as_deref(), &changed, &sizes);
            under_way.push_back((commit, conn.transact_async(data)));
            if under_way.len() >= UNDER_WAY {
                finish(under_way.pop_front(), &progress)?;
            }
            (head, latest) = (Some(commit.sha.clone()), at);
        }
        while !under_way.is_empty() {
            finish(under_way.pop_front(), &progress)?;
        }
        ended?;
        let head = head.unwrap_or_default();
        Ok(Done {
            commits: new.len(),
            head: short(&head).to_string(),
            t: conn.db().basis_t(),
        })
    }

    /// The commits after `sha`.
    fn after(&self, sha: Option<&str>, db: &Db) -> Result<&[Commit]> {
        let Some(sha) = sha else { return Ok(&self.commits) };
        match self.commits.iter().position(|c| c.sha == sha) {
            Some(last) => Ok(&self.commits[last + 1..]),
            None => {
                let message = format!(
                    "the newest commit in the database, {} (at t {} or before), is not on the first-parent line of {}",
                    short(sha),
                    db.basis_t(),
                    self.revision
                );
                Err(Error::new(Code::ImportFailed, message).hint(
                    "the history was rewritten, or this is another repository or branch: import it into a new database",
                ))
            }
        }
    }
}

/// Waits for the oldest transaction under way.
fn finish(oldest: Option<(&Commit, Transacting)>, progress: &Progress) -> Result<()> {
    let Some((commit, pending)) = oldest else { return Ok(()) };
    wait(pending).map_err(|e| {
        let message = format!("commit {} is not imported: {}", short(&commit.sha), e.message());
        Error::new(e.code(), message)
            .hint("the commits before it are stored; running the import again continues there")
            .caused_by(e)
    })?;
    progress.step();
    Ok(())
}

/// The outcome of a transaction under way; this thread sleeps until it is there.
fn wait(future: Transacting) -> Result<Report> {
    let mut future = pin!(future);
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The newest commit that `db` holds.
fn newest(db: &Db) -> Result<Option<String>> {
    let sha = keyword("git/sha");
    if db.entid_of(&sha)?.is_none() || db.datoms(Order::Aevt, std::slice::from_ref(&sha))?.next().is_none() {
        return Ok(None);
    }
    // Transactions of the user's own may stand behind it.
    for t in (1..=db.basis_t()).rev() {
        let tx = Edn::from(Node::Long(TxId::from_t(t).0 as i64));
        if let Some(Value::String(sha)) = db
            .datoms(Order::Eavt, &[tx, sha.clone()])?
            .next()
            .transpose()?
            .map(|d| d.v)
        {
            return Ok(Some(sha.to_string()));
        }
    }
    Ok(None)
}

/// The attributes, in a transaction of its own: before the first commit where the database is new, so that asking as of
/// any commit finds them.
fn install_schema(conn: &Connection, first: &Commit) -> Result<()> {
    let schema = edn::read_one(&facts::schema())?;
    let mut data = schema.into_seq().expect("the schema is written as a vector");
    let before = Instant(instant(first.committed).0 - 1_000_000);
    if before > conn.db().basis_instant() && before < SystemClock.now() {
        let id = (keyword("db/id"), Edn::from(Node::Str("datomic.tx".into())));
        let at = (keyword("db/txInstant"), Edn::from(Node::Inst(before)));
        data.push(Node::Map(vec![id, at]).into());
    }
    conn.transact(data)?;
    Ok(())
}

/// The contents whose sizes a commit's transaction needs.
fn blobs(changes: &[Change]) -> Vec<&str> {
    let needed = changes.iter().filter_map(|change| match change {
        Change::Put { blob, mode, .. } if mode != SUBMODULE => Some(blob.as_str()),
        _ => None,
    });
    needed.collect()
}

fn short(sha: &str) -> &str {
    sha.get(..12).unwrap_or(sha)
}
