//! Making a database's store anew from its log, and putting it in the old one's place.

use std::path::Path;
use std::sync::Arc;

use super::options::Options;
use super::replay::follow;
use crate::error::{Code, Result};
use crate::log::{self, Chain, Verified};
use crate::store::{Durability, Rebuild, Store};

/// So many bytes of records go into one append.
const TOGETHER: usize = 4 << 20;

/// Gives the database in `dir` new indexes and a new dictionary, made from its log alone. After an error it is as it was.
pub(super) fn rebuild(dir: &Path, options: &Options) -> Result<()> {
    let rebuild = Rebuild::begin(dir, options.accept_loss)?;
    let new: Arc<dyn Store> = Arc::new(rebuild.new_store()?);
    copy_log(&rebuild, &*new, options)?;
    let fresh = Options {
        reindex: false,
        ..options.clone()
    };
    let conn = fresh.open_store(new)?;
    conn.sync_index()?;
    conn.close()?;
    rebuild.switch()
}

/// Proves the log of the database in `dir` whole without what else its store has.
pub(super) fn check_log_alone(dir: &Path, check: &dyn Fn() -> Result<()>) -> Result<Verified> {
    let rebuild = Rebuild::begin(dir, true)?;
    let store = rebuild.old_log()?;
    // That of the copy has noted nothing.
    log::verify(&store, rebuild.head(), check)
}

/// Copies what the old store has of its log, checking it. Where loss is accepted that ends before the first damaged record.
fn copy_log(rebuild: &Rebuild, new: &dyn Store, options: &Options) -> Result<()> {
    let accept_loss = options.accept_loss;
    let head = if accept_loss { None } else { rebuild.head() };
    let old = rebuild.old_log()?;
    let mut chain = Chain::start();
    let mut records = Vec::new();
    let mut bytes = 0;
    for entry in old.log(0) {
        (options.check)()?;
        match follow(&entry, &mut chain, head) {
            Ok(_) => {}
            Err(e) if accept_loss && matches!(e.code(), Code::CorruptStore | Code::ChainBroken) => break,
            Err(e) => return Err(e),
        }
        let (t, record) = entry?;
        bytes += record.len();
        records.push((t, record.to_vec()));
        if bytes > TOGETHER {
            new.append(&records, Durability::None)?;
            records.clear();
            bytes = 0;
        }
    }
    chain.check_head(head, true)?;
    new.append(&records, Durability::Process)?;
    old.close()
}
