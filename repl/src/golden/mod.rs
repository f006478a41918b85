//! Transcripts: Markdown whose `asof` blocks hold forms, each followed by what they answer.
//!
//! ```text
//! text -page-> prose and blocks -play, on a fresh database-> blocks with answers -page-> text   same as before? fits
//! ```
//!
//! `docs/guide/golden.md` is for those who write them.

mod diff;
mod files;
mod page;
mod play;

pub use diff::print as print_diff;
pub use files::find;
pub use play::{Played, play};
