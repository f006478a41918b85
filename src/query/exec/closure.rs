//! Transitive closures: breadth-first search over adjacency that is read as far as the search comes, or whole when that is cheaper.
//!
//! Nodes have small numbers, edges lie in one list, each node's together. From given starts, each is searched on its own, with
//! marks instead of hash sets. When every path is asked for, [`super::reach`] finds what each node reaches from what
//! its successors reach.

use rustc_hash::FxHashMap;

use super::super::ast::Var;
use super::super::column::{Column, Tag, canonical};
use super::super::join::{agree, pair_bytes};
use super::super::plan::RuleStep;
use super::super::plan::rules::Pred;
use super::super::relation::Relation;
use super::Exec;
use super::reach::{self, Marks};
use crate::datom::{Word, word};
use crate::error::Result;

/// What is known of a graph, and of the paths in it.
pub(crate) struct Graph {
    nodes: Nodes,
    /// Where each node's targets lie; `UNREAD` until it was expanded.
    spans: Vec<(u32, u32)>,
    targets: Vec<u32>,
    /// Every edge was read.
    whole: bool,
    /// What the reads of single nodes have cost so far, in rows.
    spent: f64,
    /// Where what a start reaches lies among `ends`.
    found: FxHashMap<u32, (usize, usize)>,
    ends: Vec<u32>,
    /// All paths, once they were asked for.
    paths: Option<Relation>,
    marks: Marks,
}

/// Node <-> number.
enum Nodes {
    /// Numbers are distances from the first word: entities made together have ids close together.
    Close { tag: Tag, first: Word, len: usize },
    /// Numbers in order of appearance.
    Any {
        ids: FxHashMap<(Tag, Word), u32>,
        words: Column,
    },
}

const UNREAD: u32 = u32::MAX;
/// Words this much further apart than there are edges are still numbered by distance.
const CLOSE: u64 = 4;
/// Reading the targets of one node costs about as much as reading this many edges in a row.
const EXPAND_ROWS: f64 = 8.0;
/// So does a round of such reads.
const ROUND_ROWS: f64 = 64.0;

impl Nodes {
    fn find(&self, tag: Tag, w: Word) -> Option<u32> {
        match self {
            Nodes::Any { ids, .. } => ids.get(&canonical(tag, w)).copied(),
            Nodes::Close { tag: mine, first, len } => {
                let w = match (tag, *mine) {
                    (t, m) if t == m => w,
                    (Tag::LONG, Tag::REF) => u64::try_from(word::to_long(w)).ok()?,
                    (Tag::REF, Tag::LONG) => word::long(i64::try_from(w).ok()?),
                    _ => return None,
                };
                let at = w.checked_sub(*first).filter(|at| *at < *len as u64)?;
                Some(at as u32)
            }
        }
    }
    fn column(&self, at: &[u32]) -> Column {
        match self {
            Nodes::Close { tag, first, .. } => Column::of(*tag, at.iter().map(|n| first + u64::from(*n)).collect()),
            Nodes::Any { words, .. } => words.gather(at),
        }
    }
}

impl Graph {
    fn new() -> Graph {
        Graph {
            nodes: Nodes::Any {
                ids: FxHashMap::default(),
                words: Column::new(Tag::REF),
            },
            spans: Vec::new(),
            targets: Vec::new(),
            whole: false,
            spent: 0.0,
            found: FxHashMap::default(),
            ends: Vec::new(),
            paths: None,
            marks: Marks::default(),
        }
    }

    /// About what it takes up.
    fn bytes(&self) -> usize {
        let lists = self.spans.len() * 8 + (self.targets.len() + self.ends.len()) * 4 + self.found.len() * 32;
        lists + self.paths.as_ref().map_or(0, Relation::bytes)
    }

    /// The number of a node; a new one as long as edges are read bit by bit.
    fn id(&mut self, tag: Tag, w: Word) -> Option<u32> {
        let (ids, words) = match &mut self.nodes {
            Nodes::Any { ids, words } => (ids, words),
            close => return close.find(tag, w),
        };
        let id = *ids.entry(canonical(tag, w)).or_insert_with(|| {
            words.push(tag, w);
            // When every edge is known, a node that is new has none.
            let unread = if self.whole { 0 } else { UNREAD };
            self.spans.push((unread, unread));
            self.spans.len() as u32 - 1
        });
        // A search may begin at the entity that a number is. Where entities are meant, numbers are made entities again.
        if tag == Tag::LONG && words.tag(id as usize) == Tag::REF {
            words.set(id as usize, tag, w);
        }
        Some(id)
    }

    /// Takes the edges of nodes that had none before. Gives the nodes seen for the first time.
    fn add_edges(&mut self, from: &Column, to: &Column) -> Vec<u32> {
        let known = self.spans.len() as u32;
        let mut pairs: Vec<u64> = Vec::with_capacity(from.len());
        for i in 0..from.len() {
            let (tag, w) = from.get(i);
            let a = self.id(tag, w);
            let (tag, w) = to.get(i);
            let b = self.id(tag, w);
            if let (Some(a), Some(b)) = (a, b) {
                pairs.push(u64::from(a) << 32 | u64::from(b));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        for of_one in pairs.chunk_by(|x, y| x >> 32 == y >> 32) {
            let a = (of_one[0] >> 32) as usize;
            let start = self.targets.len() as u32;
            self.targets.extend(of_one.iter().map(|p| *p as u32));
            self.spans[a] = (start, self.targets.len() as u32);
        }
        (known..self.spans.len() as u32).collect()
    }

    /// Takes all edges there are, in place of what was known.
    fn set_edges(&mut self, from: &Column, to: &Column) {
        let spent = self.spent;
        let marks = std::mem::take(&mut self.marks);
        *self = Graph {
            whole: true,
            spent,
            marks,
            ..Graph::new()
        };
        if from.len() == 0 {
            return;
        }
        match (from.one_type(), to.one_type()) {
            (Some(a), Some(b)) if a == b && self.set_close(a, &from.words, &to.words) => {}
            _ => {
                self.add_edges(from, to);
            }
        }
    }

    /// The same, when the words lie close together: numbered by distance, counted into place.
    fn set_close(&mut self, tag: Tag, from: &[Word], to: &[Word]) -> bool {
        let all = || from.iter().chain(to);
        let (first, last) = (all().min().copied(), all().max().copied());
        let (Some(first), Some(last)) = (first, last) else {
            return false;
        };
        if last - first > CLOSE * from.len() as u64 + 1024 {
            return false;
        }
        let len = (last - first) as usize + 1;
        let at = |w: Word| (w - first) as usize;
        self.spans = vec![(0, 0); len];
        if from.is_sorted() {
            // Facts come by entity: each node's edges lie together already.
            self.targets = to.iter().map(|w| at(*w) as u32).collect();
            let mut start = 0;
            for of_one in from.chunk_by(|a, b| a == b) {
                let end = start + of_one.len();
                self.spans[at(of_one[0])] = (start as u32, end as u32);
                start = end;
            }
        } else {
            for w in from {
                self.spans[at(*w)].1 += 1;
            }
            let mut start = 0;
            for span in &mut self.spans {
                let n = span.1;
                *span = (start, start);
                start += n;
            }
            self.targets = vec![0; to.len()];
            for (a, b) in from.iter().zip(to) {
                let end = &mut self.spans[at(*a)].1;
                self.targets[*end as usize] = at(*b) as u32;
                *end += 1;
            }
        }
        self.nodes = Nodes::Close { tag, first, len };
        true
    }
}

impl Exec<'_> {
    /// Joins the rows with the paths that begin (or end) at their values.
    pub fn call_closure(&self, call: &RuleStep, rel: Relation, keep: &[Var]) -> Result<Relation> {
        let pred = &self.preds[call.pred];
        let taken = self.graphs.borrow_mut()[call.pred].take();
        let mut graph = taken.unwrap_or_else(Graph::new);
        let before = graph.bytes();
        let made = match pred.bound.iter().position(|b| *b) {
            None => {
                let mut paths = self.all_paths(pred, &mut graph)?;
                paths.vars = call.args.clone();
                self.join(&rel, &paths, keep)?
            }
            Some(near) => self.paths_from(call, pred, near, &mut graph, &rel, keep)?,
        };
        self.meter.hold(graph.bytes().saturating_sub(before))?;
        self.graphs.borrow_mut()[call.pred] = Some(graph);
        Ok(made)
    }

    /// Every path there is.
    fn all_paths(&self, pred: &Pred, graph: &mut Graph) -> Result<Relation> {
        if let Some(paths) = &graph.paths {
            return Ok(paths.clone());
        }
        if !graph.whole {
            let edges = self.run(&pred.bodies[0].plan, Relation::unit())?;
            if edges.len > 0 {
                graph.set_edges(&edges.cols[0], &edges.cols[1]);
            }
        }
        let zero = match &graph.nodes {
            Nodes::Close { first, .. } => *first,
            Nodes::Any { .. } => 0,
        };
        let reached = reach::all(&graph.spans, &graph.targets, zero, &mut graph.marks, self.meter)?;
        let len = reached.ends.len();
        let mut firsts = Vec::with_capacity(len);
        for (node, n) in &reached.counts {
            firsts.resize(firsts.len() + *n as usize, zero + u64::from(*node));
        }
        let [firsts, lasts] = [firsts, reached.ends].map(|words| match &graph.nodes {
            Nodes::Close { tag, .. } => Column::of(*tag, words),
            Nodes::Any { words: known, .. } => known.numbered(words),
        });
        let paths = Relation {
            distinct: true,
            ..Relation::new(pred.vars.clone(), vec![firsts, lasts], len)
        };
        graph.paths = Some(paths.clone());
        Ok(paths)
    }

    /// The rows with the far ends of the paths from their values at argument `near`.
    fn paths_from(
        &self,
        call: &RuleStep,
        pred: &Pred,
        near: usize,
        graph: &mut Graph,
        rel: &Relation,
        keep: &[Var],
    ) -> Result<Relation> {
        let (start, end) = (call.args[near], call.args[1 - near]);
        let col = rel.col(start).expect("the argument is bound");
        let mut starts: Vec<Option<u32>> = Vec::with_capacity(rel.len);
        for whole in [graph.whole, true] {
            starts.clear();
            for i in 0..rel.len {
                let (tag, w) = col.get(i);
                starts.push(graph.id(tag, w));
            }
            // Reading all edges numbers the nodes anew.
            self.search(pred, near, graph, &starts)?;
            if graph.whole == whole {
                break;
            }
        }
        let (mut left, mut ends) = (Vec::new(), Vec::new());
        for (i, start) in starts.iter().enumerate() {
            let Some(&(low, high)) = start.and_then(|s| graph.found.get(&s)) else {
                continue;
            };
            left.resize(left.len() + high - low, i as u32);
            ends.extend_from_slice(&graph.ends[low..high]);
            self.meter.rows(ends.len(), 4 + pair_bytes(keep.len()))?;
        }
        let right = Relation::new(vec![end], vec![graph.nodes.column(&ends)], ends.len());
        let others: Vec<Var> = rel.at(end).map(|_| end).into_iter().collect();
        let made = agree(rel, &left, right, &others, keep, rel.sorted);
        // Each end is found once for its start, and each start stands for the other columns of its row.
        let all = made.at(end).is_some() && (rel.len == 1 || rel.vars.iter().all(|v| made.at(*v).is_some()));
        Ok(Relation {
            distinct: rel.distinct && all,
            ..made
        })
    }

    /// Reads the graph as far as it can be reached from the starts, and follows it from those that are new.
    fn search(&self, pred: &Pred, near: usize, graph: &mut Graph, starts: &[Option<u32>]) -> Result<()> {
        let mut fresh: Vec<u32> = starts.iter().flatten().copied().collect();
        fresh.retain(|n| !graph.found.contains_key(n));
        fresh.sort_unstable();
        fresh.dedup();
        if fresh.is_empty() {
            return Ok(());
        }
        let body = &pred.bodies[0];
        let mut frontier = fresh.clone();
        if !graph.whole {
            frontier.retain(|n| graph.spans[*n as usize].0 == UNREAD);
            while !frontier.is_empty() {
                graph.spent += ROUND_ROWS + EXPAND_ROWS * frontier.len() as f64;
                if let Some(plan) = pred.every_edge.as_ref().filter(|p| p.rows < graph.spent * 4.0) {
                    let edges = self.run(plan, Relation::unit())?;
                    graph.set_edges(&edges.cols[near], &edges.cols[1 - near]);
                    return Ok(());
                }
                for n in &frontier {
                    graph.spans[*n as usize] = (0, 0);
                }
                let input = Relation {
                    distinct: true,
                    ..Relation::new(
                        body.plan.input.clone(),
                        vec![graph.nodes.column(&frontier)],
                        frontier.len(),
                    )
                };
                let edges = self.run(&body.plan, input)?;
                self.meter.check()?;
                if edges.len == 0 {
                    break;
                }
                frontier = graph.add_edges(&edges.cols[near], &edges.cols[1 - near]);
                self.meter.rows(graph.targets.len(), 4)?;
            }
        }
        for start in fresh {
            let low = graph.ends.len();
            graph.marks.clear(graph.spans.len());
            let mut at = low;
            let mut node = start;
            // The start itself is reached only by an edge back to it.
            loop {
                let (from, to) = graph.spans[node as usize];
                for &next in &graph.targets[from as usize..to as usize] {
                    if graph.marks.first(next) {
                        graph.ends.push(next);
                    }
                }
                self.meter.tick()?;
                let Some(&next) = graph.ends.get(at) else { break };
                node = next;
                at += 1;
            }
            graph.found.insert(start, (low, graph.ends.len()));
            self.meter.rows(graph.ends.len(), 4)?;
        }
        Ok(())
    }
}
