//! The program as its users meet it: what goes where, exit codes, formats, messages, data in and data out. `terminal` drives the
//! prompt.

mod care;
mod import;
#[cfg(unix)]
mod interrupt;
mod packages;
mod people;
mod place;
mod questions;
mod rejects;
mod scripts;
mod tables;
mod usage;
