//! The transactor: one writer, group commit, the clock, the indexer, recovery.
