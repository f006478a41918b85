//! Rows that name the same entity: allowed, since each may say something more, but often a mistake in the file.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;

use super::item::{Fact, Item};
use super::shape::{How, Shape};

/// So many entities are remembered.
const KNOWN_MAX: usize = 1_000_000;
/// So many rows are shown.
const SHOWN_MAX: usize = 5;

/// Looks for entities that several rows name.
pub struct Twice {
    ids: Vec<u32>,
    hasher: RandomState,
    /// The line of the first row, by what it names; a number instead of the value keeps this small.
    first: HashMap<u64, u64>,
    count: u64,
    shown: Vec<String>,
}

impl Twice {
    /// Of rows of this shape.
    pub fn new(shape: &Shape) -> Twice {
        let targets = shape.fields.iter().filter_map(|f| f.target.as_ref());
        let ids = targets.filter(|t| t.id && matches!(t.how, How::Value));
        Twice {
            ids: ids.map(|t| t.attr.id).collect(),
            hasher: RandomState::new(),
            first: HashMap::new(),
            count: 0,
            shown: Vec::new(),
        }
    }

    /// A row.
    pub fn see(&mut self, line: u64, item: &Item) {
        let mut earlier = None;
        for (attr, fact) in &item.facts {
            let Fact::Value(value) = fact else { continue };
            if !self.ids.contains(attr) {
                continue;
            }
            let room = self.first.len() < KNOWN_MAX;
            match self.first.entry(self.hasher.hash_one((attr, value))) {
                Entry::Occupied(first) => earlier = earlier.or(Some(*first.get())),
                Entry::Vacant(place) if room => {
                    place.insert(line);
                }
                Entry::Vacant(_) => {}
            }
        }
        let Some(first) = earlier else { return };
        self.count += 1;
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(format!("line {line} (first in line {first})"));
        }
    }

    /// What was found, in a line.
    pub fn told(&self) -> Option<String> {
        if self.count == 0 {
            return None;
        }
        let rows = match self.count {
            1 => "1 row names an entity that an earlier row names, and where they differ it counts".to_string(),
            n => format!(
                "{} rows name entities that earlier rows name, and where they differ the last counts",
                crate::print::count(n)
            ),
        };
        let more = self.count > self.shown.len() as u64;
        Some(format!(
            "{rows}: {}{}",
            self.shown.join(", "),
            if more { ", ..." } else { "" }
        ))
    }
}
