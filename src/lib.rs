//! asof: an embedded temporal fact database.
//!
//! Rooms in reading order; each uses only those above it in this list.
pub mod error;

pub mod edn;
pub mod store;

pub mod datom;

pub mod schema;

pub mod index;
pub mod log;

pub mod db;

pub mod pull;

pub mod query;
pub mod tx;

pub mod conn;
