//! The programs of `rules`, written by hand for datafrog: semi-naive joins over sorted relations. Making the relations from vectors counts.

use datafrog::{Iteration, Relation, RelationLeaper};

use crate::graph::{Graph, Pairs};

fn relation(pairs: &Pairs) -> Relation<(u32, u32)> {
    pairs.iter().copied().collect()
}

fn turned(pairs: &Pairs) -> Relation<(u32, u32)> {
    pairs.iter().map(|(a, b)| (*b, *a)).collect()
}

/// The pairs whose second node is so.
fn ending(pairs: &Pairs, so: impl Fn(&u32) -> bool) -> Relation<(u32, u32)> {
    pairs.iter().filter(|(_, b)| so(b)).copied().collect()
}

/// The nodes whose weight is below a limit.
fn lighter(graph: &Graph, limit: u32) -> Relation<(u32, ())> {
    let nodes = graph.weights.iter().enumerate().filter(|(_, w)| **w < limit);
    nodes.map(|(n, _)| (n as u32, ())).collect()
}

pub fn same_generation(graph: &Graph) -> usize {
    let mut it = Iteration::new();
    let children = turned(graph.of("parent"));
    let sg = it.variable::<(u32, u32)>("sg");
    let half = it.variable::<(u32, u32)>("half");
    let siblings = it.variable::<(u32, u32)>("siblings");
    siblings.insert(turned(graph.of("parent")));
    while it.changed() {
        sg.from_join(&siblings, &children, |_, &x, &y| (x, y));
        half.from_join(&sg, &children, |_, &b, &x| (b, x));
        sg.from_join(&half, &children, |_, &x, &y| (x, y));
    }
    sg.complete().len()
}

/// Paths are kept by their ends.
pub fn even_and_odd(graph: &Graph) -> usize {
    let mut it = Iteration::new();
    let edges = relation(graph.of("follows"));
    let odd = it.variable::<(u32, u32)>("odd");
    let even = it.variable::<(u32, u32)>("even");
    odd.insert(turned(graph.of("follows")));
    while it.changed() {
        even.from_join(&odd, &edges, |_, &x, &y| (y, x));
        odd.from_join(&even, &edges, |_, &x, &y| (y, x));
    }
    even.complete().len()
}

pub fn even_from(graph: &Graph, start: u32) -> usize {
    let mut it = Iteration::new();
    let edges = relation(graph.of("follows"));
    let odd = it.variable::<(u32, ())>("odd");
    let even = it.variable::<(u32, ())>("even");
    let first = graph.of("follows").iter().filter(|(a, _)| *a == start);
    odd.extend(first.map(|(_, b)| (*b, ())));
    while it.changed() {
        even.from_join(&odd, &edges, |_, _, &y| (y, ()));
        odd.from_join(&even, &edges, |_, _, &y| (y, ()));
    }
    even.complete().len()
}

pub fn through_light(graph: &Graph) -> usize {
    let mut it = Iteration::new();
    let light = lighter(graph, 80);
    let path = it.variable::<(u32, u32)>("path");
    let by_end = it.variable::<(u32, u32)>("by end");
    path.insert(relation(graph.of("follows")));
    while it.changed() {
        by_end.from_leapjoin(&path, light.extend_with(|&(_, z)| z), |&(x, z), _| (z, x));
        path.from_join(&by_end, &path, |_, &x, &y| (x, y));
    }
    path.complete().len()
}

pub fn apart(graph: &Graph) -> usize {
    let mut it = Iteration::new();
    let likes = relation(graph.of("likes"));
    let reach = it.variable::<(u32, u32)>("reach");
    reach.insert(turned(graph.of("follows")));
    while it.changed() {
        reach.from_join(&reach, &likes, |_, &x, &y| (y, x));
    }
    let reach = reach.complete();
    let n = graph.weights.len() as u32;
    let mut it = Iteration::new();
    let all = it.variable::<((u32, u32), ())>("all");
    let apart = it.variable::<(u32, u32)>("apart");
    all.extend((0..n).flat_map(|y| (0..n).map(move |x| ((y, x), ()))));
    while it.changed() {
        apart.from_antijoin(&all, &reach, |&(y, x), _| (x, y));
    }
    apart.complete().len()
}

pub fn untainted(graph: &Graph) -> usize {
    let mut it = Iteration::new();
    let weight = |n: &u32| graph.weights[*n as usize];
    let to_middling = ending(graph.of("likes"), |b| weight(b) < 50);
    let tainted = it.variable::<(u32, ())>("tainted");
    tainted.insert(lighter(graph, 5));
    while it.changed() {
        tainted.from_join(&tainted, &to_middling, |_, _, &x| (x, ()));
    }
    let mut bad = vec![false; graph.weights.len()];
    for (n, ()) in tainted.complete().iter() {
        bad[*n as usize] = true;
    }
    let good = |n: &u32| !bad[*n as usize];
    let mut it = Iteration::new();
    let first = graph.of("follows").iter().filter(|(a, b)| good(a) && good(b));
    let next = ending(graph.of("likes"), good);
    let safe = it.variable::<(u32, u32)>("safe");
    safe.extend(first.map(|(a, b)| (*b, *a)));
    while it.changed() {
        safe.from_join(&safe, &next, |_, &x, &y| (y, x));
    }
    safe.complete().len()
}

pub fn filtered(graph: &Graph) -> usize {
    let mut it = Iteration::new();
    let weight = |n: &u32| graph.weights[*n as usize];
    let next = ending(graph.of("likes"), |b| weight(b) < 90);
    let reach = it.variable::<(u32, u32)>("reach");
    let first = graph.of("follows").iter().filter(|(_, b)| weight(b) < 70);
    reach.extend(first.map(|(a, b)| (*b, *a)));
    while it.changed() {
        reach.from_join(&reach, &next, |_, &x, &y| (y, x));
    }
    reach.complete().len()
}

/// Andersen's analysis: addresses, copies, loads and stores.
pub fn points_to(graph: &Graph) -> usize {
    let mut it = Iteration::new();
    let copies = turned(graph.of("copy"));
    let loads = turned(graph.of("load"));
    let stores = relation(graph.of("store"));
    let pt = it.variable::<(u32, u32)>("points to");
    let loaded = it.variable::<(u32, u32)>("loaded");
    let stored = it.variable::<(u32, u32)>("stored");
    pt.insert(relation(graph.of("address")));
    while it.changed() {
        pt.from_join(&pt, &copies, |_, &r, &p| (p, r));
        loaded.from_join(&pt, &loads, |_, &s, &p| (s, p));
        pt.from_join(&loaded, &pt, |_, &p, &r| (p, r));
        stored.from_join(&pt, &stores, |_, &s, &q| (q, s));
        pt.from_join(&stored, &pt, |_, &s, &r| (s, r));
    }
    pt.complete().len()
}
