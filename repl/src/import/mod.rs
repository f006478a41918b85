//! Facts from elsewhere as transactions.
//!
//! `git` follows a repository's history, `debian` reads package metadata, `forms` reads transactions as text. `table` reads
//! records: a sample tells the types (`infer`), the mapping what they become (`mapping`, `shape`), and each record becomes an
//! `item`, whose values come from `convert`. `load` makes transactions of items and finds the rows at fault.

mod build;
mod convert;
mod csv;
pub mod debian;
mod elements;
pub mod forms;
pub mod git;
mod infer;
mod item;
mod json;
pub mod load;
pub mod mapping;
pub mod rejects;
mod shape;
pub mod source;
pub mod table;
mod twice;
