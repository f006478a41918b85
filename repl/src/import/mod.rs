//! History from elsewhere as transactions.

mod facts;
pub mod git;
mod repository;
