//! Tests that need small leaves, and databases to make them.

mod branch;
