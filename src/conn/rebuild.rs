//! The log of a database for a store that is made anew from it.

use std::path::Path;

use super::options::Options;
use super::replay::follow;
use crate::error::{Code, Result};
use crate::log::{self, Chain, Verified};
use crate::store::{Durability, Fjall, Rebuild, Store};

/// So many bytes of records go into one append.
const TOGETHER: usize = 4 << 20;

/// Begins to make the store of the database in `dir` anew, in one that has the log of the old one and nothing else. It takes the old
/// one's place by [`Rebuild::switch`]; without that the database is as it was.
pub(super) fn begin(dir: &Path, options: &Options) -> Result<(Rebuild, Fjall)> {
    let rebuild = Rebuild::begin(dir, options.accept_loss)?;
    let new = rebuild.new_store()?;
    copy_log(&rebuild, &new, options)?;
    Ok((rebuild, new))
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
