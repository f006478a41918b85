//! Reading every byte of the store's tables, and every value.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fjall::{AbstractTree, Keyspace, Readable};
use xxhash_rust::xxh3::Xxh3Default;

use super::super::seal::{Space, corrupt, unseal};
use super::super::{DAMAGE_HINT, layout::at_path};
use super::Fjall;
use super::engine::{number, reading};
use crate::error::{Code, Error, Result};

/// Tells `damaged` of all damage. Tables come first, as whole files, since the engine checks a block only when it reads it and some
/// it reads for no look-up of ours; then values, some of which are in the journal alone.
pub(super) fn scrub(store: &Fjall, damaged: &mut dyn FnMut(Error), check: &dyn Fn() -> Result<()>) -> Result<()> {
    let open = store.inner()?;
    for (space, keyspace) in open.keyspaces.all() {
        let mut whole = true;
        for table in keyspace.tree.current_version().iter_tables() {
            let found = file_sum(&table.path, check)?;
            if found != table.checksum().into_u128() {
                whole = false;
                damaged(damaged_table(space, store.dir(), &table.path));
            }
        }
        // In a damaged table the engine may stop anywhere, and what it stops at is known already.
        if whole {
            let values = || values(store, space, keyspace, damaged, check);
            catch_unwind(AssertUnwindSafe(values)).unwrap_or_else(|_| {
                Err(Error::new(
                    Code::CorruptStore,
                    format!("the engine cannot read keyspace {}", space.name),
                ))
            })?;
        }
    }
    Ok(())
}

fn values(
    store: &Fjall,
    space: Space,
    keyspace: &Keyspace,
    damaged: &mut dyn FnMut(Error),
    check: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let snapshot = store.inner()?.db.snapshot();
    for guard in snapshot.iter(keyspace) {
        check()?;
        let sealed = guard.into_inner().map_err(reading(space, 0));
        let checked = sealed.and_then(|(key, value)| {
            // A key of dict-hash goes on with a place behind the hash.
            let seeded = key.get(..8).ok_or_else(|| corrupt(space, 0, "its key is cut short"))?;
            let seeded = number(space, seeded)?;
            unseal(space, seeded, &value).map(drop)
        });
        match checked {
            Err(e) if e.code() == Code::CorruptStore => damaged(e),
            checked => checked?,
        }
    }
    Ok(())
}

fn damaged_table(space: Space, dir: &Path, path: &Path) -> Error {
    // The engine knows its files by their whole paths.
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf());
    let path = path.strip_prefix(&dir).unwrap_or(path).display();
    Error::new(
        Code::CorruptStore,
        format!(
            "{path}, a table of keyspace {}, is damaged: the checksum of the file is wrong",
            space.name
        ),
    )
    .with("keyspace", space.name)
    .hint(DAMAGE_HINT)
}

/// The checksum that the engine keeps of a table's file.
fn file_sum(path: &Path, check: &dyn Fn() -> Result<()>) -> Result<u128> {
    let failed = |e| at_path(path, e);
    let mut file = File::open(path).map_err(failed)?;
    let mut sum = Xxh3Default::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        check()?;
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(sum.digest128()),
            n => sum.update(&buffer[..n]),
        }
    }
}
