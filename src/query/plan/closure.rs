//! Pass `find-closures`: rules of the shape of a transitive closure run as a search over a graph.
//!
//! Such a rule has two arguments, one body that makes an edge, and bodies that make a longer path from the same edge: edge then
//! path, path then edge, or path then path. Evaluated as written, "edge then path" from one start would derive the paths
//! from every node on the way; a search touches each reachable edge once.

use rustc_hash::FxHashMap;

use super::super::ast::{Clause, Rule, Term, Var, alike};

/// The body that makes an edge, when the bodies of a rule are a transitive closure.
pub(crate) fn edge_of(bodies: &[Rule]) -> Option<&Rule> {
    let name = &bodies.first()?.name;
    let calls = |c: &Clause| matches!(c, Clause::Rule { name: n, .. } if n == name);
    let mut edge = None;
    for body in bodies {
        if body.head.len() != 2 {
            return None;
        }
        if !body.body.iter().any(|c| mentions(c, &calls)) {
            // A second way to make an edge is a union, which stays with the general method.
            if edge.replace(body).is_some() {
                return None;
            }
        }
    }
    let edge = edge.filter(|_| bodies.len() > 1)?;
    bodies
        .iter()
        .filter(|b| !std::ptr::eq(*b, edge))
        .all(|b| extends(b, edge))
        .then_some(edge)
}

fn mentions(c: &Clause, test: &dyn Fn(&Clause) -> bool) -> bool {
    test(c)
        || match c {
            Clause::Not { body, .. } | Clause::And(body) => body.iter().any(|c| mentions(c, test)),
            Clause::Or { branches, .. } => branches.iter().flatten().any(|c| mentions(c, test)),
            _ => false,
        }
}

/// Whether a body makes a path longer by the edge, or joins two paths.
fn extends(body: &Rule, edge: &Rule) -> bool {
    let (x, y) = (body.head[0], body.head[1]);
    let mut paths: Vec<(Var, Var)> = Vec::new();
    let mut rest: Vec<Clause> = Vec::new();
    for c in &body.body {
        match c {
            Clause::Rule { source, name, args, .. } if *name == body.name => match (source, args.as_slice()) {
                (None, [Term::Var(a, _), Term::Var(b, _)]) if a != b => paths.push((*a, *b)),
                _ => return false,
            },
            c => rest.push(c.clone()),
        }
    }
    let (from, to) = match paths[..] {
        // edge x -> z, path z -> y
        [(z, b)] if b == y && z != x => (x, z),
        // path x -> z, edge z -> y
        [(a, z)] if a == x && z != y => (z, y),
        // path x -> z, path z -> y
        [(a, z), (w, b)] | [(w, b), (a, z)] if a == x && b == y && z == w && z != y && z != x => {
            return rest.is_empty();
        }
        _ => return false,
    };
    // The end that the edge does not touch may occur in no other clause.
    let far = if from == x { y } else { x };
    let mut used = Vec::new();
    rest.iter().for_each(|c| c.collect(&mut used));
    if used.contains(&far) {
        return false;
    }
    alike(
        &canonical(&rest, from, to),
        &canonical(&edge.body, edge.head[0], edge.head[1]),
    )
}

/// The clauses with variables numbered from `from` and `to` on, in order of appearance.
fn canonical(body: &[Clause], from: Var, to: Var) -> Vec<Clause> {
    let mut names: FxHashMap<Var, Var> = [(from, Var(0)), (to, Var(1))].into_iter().collect();
    body.iter()
        .map(|c| {
            c.rename(&mut |v| {
                let next = Var(names.len() as u32);
                *names.entry(v).or_insert(next)
            })
        })
        .collect()
}
