//! Transitive closures: breadth-first search over adjacency that is read as far as the search comes.
//!
//! Nodes get small numbers, edges lie in one list, each node's together. New nodes are expanded in rounds: one run of the
//! edge's plan for all of them. Then each start is searched on its own, with marks instead of hash sets.

use rustc_hash::FxHashMap;

use super::super::plan::RuleStep;
use super::super::relation::{Column, Growing, Relation, Tag};
use super::Exec;
use crate::datom::Word;
use crate::error::Result;

/// What is known of a graph, and of the paths in it.
pub(crate) struct Graph {
    ids: FxHashMap<(Tag, Word), u32>,
    nodes: Column,
    /// Where each node's targets lie; `UNREAD` until it was expanded.
    spans: Vec<(u32, u32)>,
    targets: Vec<u32>,
    demand: Growing,
    paths: Relation,
    /// Everything was searched.
    whole: bool,
}

const UNREAD: u32 = u32::MAX;

impl Graph {
    fn new(vars: &[super::super::ast::Var], bound: &[super::super::ast::Var]) -> Graph {
        Graph {
            ids: FxHashMap::default(),
            nodes: Column::new(Tag::REF),
            spans: Vec::new(),
            targets: Vec::new(),
            demand: Growing::new(bound, &[]),
            paths: Relation::empty(vars),
            whole: false,
        }
    }

    fn id(&mut self, tag: Tag, w: Word) -> u32 {
        // An entity's number is the entity.
        let key = match tag {
            Tag::LONG if crate::datom::word::to_long(w) >= 0 => (Tag::REF, crate::datom::word::to_long(w) as u64),
            _ => (tag, w),
        };
        *self.ids.entry(key).or_insert_with(|| {
            self.nodes.push(key.0, key.1);
            self.spans.push((UNREAD, UNREAD));
            self.spans.len() as u32 - 1
        })
    }

    /// Takes edges in; the sources that had none before get theirs. Gives the nodes seen for the first time.
    fn add_edges(&mut self, from: &Column, to: &Column) -> Vec<u32> {
        let known = self.spans.len() as u32;
        let mut pairs: Vec<u64> = Vec::with_capacity(from.len());
        for i in 0..from.len() {
            let (tag, w) = from.get(i);
            let a = self.id(tag, w);
            let (tag, w) = to.get(i);
            let b = self.id(tag, w);
            pairs.push(u64::from(a) << 32 | u64::from(b));
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
}

impl Exec<'_> {
    /// Joins the rows with the paths that begin (or end) at their values.
    pub fn call_closure(&self, call: &RuleStep, rel: Relation, keep: &[super::super::ast::Var]) -> Result<Relation> {
        let pred = &self.preds[call.pred];
        let taken = self.graphs.borrow_mut()[call.pred].take();
        let mut graph = taken.unwrap_or_else(|| Graph::new(&pred.vars, &pred.bound_vars()));
        let asked = self.asked(call, pred, &rel);
        let bound = pred.bound_vars();
        if bound.is_empty() {
            if !graph.whole {
                self.search_all(call.pred, &mut graph)?;
            }
        } else {
            let fresh = graph.demand.add(&asked, &bound);
            if fresh.len > 0 {
                self.search(call.pred, &mut graph, &fresh)?;
            }
        }
        let mut paths = graph.paths.clone();
        paths.vars = call.args.clone();
        paths.distinct = true;
        self.graphs.borrow_mut()[call.pred] = Some(graph);
        self.join(&rel, &paths, keep)
    }

    fn search_all(&self, p: usize, graph: &mut Graph) -> Result<()> {
        let body = &self.preds[p].bodies[0];
        let edges = self.run(&body.plan, Relation::unit())?;
        if edges.len > 0 {
            graph.add_edges(&edges.cols[0], &edges.cols[1]);
        }
        for span in &mut graph.spans {
            if span.0 == UNREAD {
                *span = (0, 0);
            }
        }
        graph.whole = true;
        let starts: Vec<u32> = (0..graph.spans.len() as u32).collect();
        self.paths(graph, &starts, true)
    }

    /// Reads the graph as far as it can be reached from new starts, and follows it from each.
    fn search(&self, p: usize, graph: &mut Graph, fresh: &Relation) -> Result<()> {
        let pred = &self.preds[p];
        let forward = pred.bound[0];
        let body = &pred.bodies[0];
        let (from, to) = if forward { (0, 1) } else { (1, 0) };
        let mut starts = Vec::with_capacity(fresh.len);
        for i in 0..fresh.len {
            let (tag, w) = fresh.cols[0].get(i);
            starts.push(graph.id(tag, w));
        }
        let mut frontier: Vec<u32> = starts.clone();
        frontier.retain(|n| graph.spans[*n as usize].0 == UNREAD);
        while !frontier.is_empty() {
            for n in &frontier {
                graph.spans[*n as usize] = (0, 0);
            }
            let input = Relation {
                distinct: true,
                ..Relation::new(
                    body.plan.input.clone(),
                    vec![graph.nodes.gather(&frontier)],
                    frontier.len(),
                )
            };
            let edges = self.run(&body.plan, input)?;
            self.meter.check()?;
            if edges.len == 0 {
                break;
            }
            frontier = graph.add_edges(&edges.cols[from], &edges.cols[to]);
            self.meter.rows(graph.targets.len())?;
        }
        self.paths(graph, &starts, forward)
    }

    /// Appends the paths from each start.
    fn paths(&self, graph: &mut Graph, starts: &[u32], forward: bool) -> Result<()> {
        let mut marks = vec![u32::MAX; graph.spans.len()];
        let mut queue: Vec<u32> = Vec::new();
        let (mut firsts, mut lasts) = (Vec::new(), Vec::new());
        for (round, &start) in starts.iter().enumerate() {
            queue.clear();
            let mut at = 0;
            let mut node = start;
            // The start itself is reached only by an edge back to it.
            loop {
                let (low, high) = graph.spans[node as usize];
                for &next in &graph.targets[low as usize..high as usize] {
                    if marks[next as usize] != round as u32 {
                        marks[next as usize] = round as u32;
                        queue.push(next);
                    }
                }
                let Some(&next) = queue.get(at) else { break };
                node = next;
                at += 1;
            }
            self.meter.tick()?;
            firsts.resize(firsts.len() + queue.len(), start);
            lasts.extend_from_slice(&queue);
            self.meter.rows(graph.paths.len + lasts.len())?;
        }
        let (a, b) = if forward { (&firsts, &lasts) } else { (&lasts, &firsts) };
        let new = Relation::new(
            graph.paths.vars.clone(),
            vec![graph.nodes.gather(a), graph.nodes.gather(b)],
            firsts.len(),
        );
        if graph.paths.len == 0 {
            graph.paths = new
        } else {
            graph.paths.append(&new)
        }
        Ok(())
    }
}
