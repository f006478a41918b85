//! What every node of a graph reaches.
//!
//! Nodes that reach each other reach the same (Tarjan's strongly connected components), and a component reaches what its
//! successors do. Components come up after their successors, so each set is put together from sets that are there, mostly by
//! copying: no node is searched from on its own.

use std::ops::Range as Span;

use super::super::budget::Meter;
use super::super::components::{Components, components};
use crate::datom::Word;
use crate::error::Result;

/// Which nodes a search has seen; cleared by counting on.
#[derive(Default)]
pub(super) struct Marks {
    rounds: Vec<u32>,
    round: u32,
}

impl Marks {
    pub(super) fn clear(&mut self, len: usize) {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.rounds.clear();
            self.round = 1;
        }
        self.rounds.resize(len.max(self.rounds.len()), 0);
    }
    /// Whether it is seen for the first time.
    #[inline]
    pub(super) fn first(&mut self, node: u32) -> bool {
        let mark = &mut self.rounds[node as usize];
        let first = *mark != self.round;
        *mark = self.round;
        first
    }
}

/// Paths, those of a start together.
pub(super) struct Reached {
    /// Each start and how many paths it has.
    pub counts: Vec<(u32, u32)>,
    /// The ends of the paths, start after start.
    pub ends: Vec<Word>,
}

/// What a component reaches.
struct Component {
    start: usize,
    len: u32,
    /// It has one way in, and so has all that it reaches: sets of such components never overlap.
    tree: bool,
}

impl Component {
    fn reached(&self) -> Span<usize> {
        self.start..self.start + self.len as usize
    }
}

/// Every path of the graph. Ends are given as words, the node with number 0 as `first`: they are most of what a closure takes, and are not
/// to be there twice.
pub(super) fn all(
    spans: &[(u32, u32)],
    targets: &[u32],
    first: Word,
    marks: &mut Marks,
    meter: &Meter,
) -> Result<Reached> {
    let Components {
        of: component,
        members,
        list,
    } = components(spans, targets);
    let mut ways_in = vec![0u32; spans.len()];
    for t in targets {
        ways_in[*t as usize] += 1;
    }
    let word = |node: u32| first + u64::from(node);
    let mut out = Reached {
        counts: Vec::with_capacity(members.len()),
        ends: Vec::new(),
    };
    if list.len() == members.len() && ways_in.iter().all(|n| *n <= 1) {
        let paths = of_forest(spans, targets, &members);
        meter.rows(paths, 16)?;
        out.ends.reserve_exact(paths);
    }
    let mut known: Vec<Component> = Vec::with_capacity(list.len());
    let mut successors: Vec<u32> = Vec::new();
    for (c, &(low, high)) in list.iter().enumerate() {
        meter.tick()?;
        let mine = &members[low as usize..high as usize];
        let edges = |v: &u32| &targets[spans[*v as usize].0 as usize..spans[*v as usize].1 as usize];
        let start = out.ends.len();
        let mut tree = mine.len() == 1 && ways_in[mine[0] as usize] <= 1;
        if let [v] = mine {
            let next = edges(v);
            if next.is_empty() {
                known.push(Component { start, len: 0, tree });
                continue;
            }
            let trees = next
                .iter()
                .all(|w| w != v && known[component[*w as usize] as usize].tree);
            let apart = match next {
                [one] => *one != *v,
                _ => trees,
            };
            tree &= trees;
            if apart {
                for w in next {
                    let other = component[*w as usize] as usize;
                    // A node on a cycle is among what it reaches.
                    if list[other].1 - list[other].0 == 1 && !edges(w).contains(w) {
                        out.ends.push(word(*w));
                    }
                    out.ends.extend_from_within(known[other].reached());
                }
                let len = (out.ends.len() - start) as u32;
                out.counts.push((*v, len));
                known.push(Component { start, len, tree });
                meter.rows(out.ends.len(), 16)?;
                continue;
            }
        }
        marks.clear(spans.len());
        if mine.len() > 1 || edges(&mine[0]).contains(&mine[0]) {
            for v in mine {
                marks.first(*v);
            }
            out.ends.extend(mine.iter().map(|v| word(*v)));
        }
        successors.clear();
        successors.extend(mine.iter().flat_map(edges).map(|w| component[*w as usize]));
        successors.retain(|s| *s as usize != c);
        successors.sort_unstable();
        successors.dedup();
        // The latest is the one that most others are reached from.
        for s in successors.iter().rev() {
            let (from, to) = list[*s as usize];
            if to - from == 1 && marks.first(members[from as usize]) {
                out.ends.push(word(members[from as usize]));
            }
            for i in known[*s as usize].reached() {
                let w = out.ends[i];
                if marks.first((w - first) as u32) {
                    out.ends.push(w);
                }
            }
        }
        let end = out.ends.len();
        let len = (end - start) as u32;
        out.counts.push((mine[0], len));
        let others = (mine.len() - 1) * len as usize;
        meter.rows(end + others, 16)?;
        out.ends.reserve(others);
        for v in &mine[1..] {
            out.ends.extend_from_within(start..end);
            out.counts.push((*v, len));
            meter.tick()?;
        }
        known.push(Component {
            start,
            len,
            tree: false,
        });
    }
    Ok(out)
}

/// How many paths a graph has in which each node has one way in at most, and that has no cycles; `members` are its nodes, successors first.
fn of_forest(spans: &[(u32, u32)], targets: &[u32], members: &[u32]) -> usize {
    let mut paths = vec![0u32; spans.len()];
    let mut all = 0;
    for v in members {
        let (from, to) = spans[*v as usize];
        let below = targets[from as usize..to as usize].iter();
        let n = below.map(|w| 1 + paths[*w as usize]).sum();
        paths[*v as usize] = n;
        all += n as usize;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::super::budget::Budget;
    use super::*;

    /// As the module's, by searching from each node.
    fn slowly(spans: &[(u32, u32)], targets: &[u32]) -> Vec<(u32, u32)> {
        let mut out = Vec::new();
        for start in 0..spans.len() as u32 {
            let mut seen = std::collections::BTreeSet::new();
            let mut queue = vec![start];
            while let Some(v) = queue.pop() {
                let (low, high) = spans[v as usize];
                for w in &targets[low as usize..high as usize] {
                    if seen.insert(*w) {
                        queue.push(*w);
                    }
                }
            }
            out.extend(seen.into_iter().map(|w| (start, w)));
        }
        out
    }

    #[test]
    fn graphs_of_every_shape_are_closed_as_by_searching() {
        let mut seed = 1u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        for _ in 0..3000 {
            let n = 1 + next(9);
            let mut edges: Vec<(u64, u64)> = (0..next(14)).map(|_| (next(n), next(n))).collect();
            edges.sort_unstable();
            edges.dedup();
            let mut spans = vec![(0, 0); n as usize];
            for (i, (a, _)) in edges.iter().enumerate() {
                let span = &mut spans[*a as usize];
                *span = if span.1 == 0 {
                    (i as u32, i as u32 + 1)
                } else {
                    (span.0, i as u32 + 1)
                };
            }
            let targets: Vec<u32> = edges.iter().map(|(_, b)| *b as u32).collect();
            let (first, meter) = (next(3) * 1000, Meter::new(&Budget::default()));
            let found = all(&spans, &targets, first, &mut Marks::default(), &meter).unwrap();
            let starts = found
                .counts
                .iter()
                .flat_map(|(v, n)| std::iter::repeat_n(*v, *n as usize));
            let ends = found.ends.iter().map(|w| (w - first) as u32);
            let mut pairs: Vec<(u32, u32)> = starts.zip(ends).collect();
            pairs.sort_unstable();
            assert_eq!(pairs, slowly(&spans, &targets), "{edges:?}");
        }
    }
}
