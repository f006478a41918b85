//! A question becomes an answer: parse -> plan -> exec -> find.

pub mod functions;
