//! What in a graph reaches each other: nodes of facts, and rules that call each other.

/// The strongly connected components of a graph, successors first.
pub(crate) struct Components {
    /// Of each node its component; [`NEW`] for those without an edge that none leads to.
    pub of: Vec<u32>,
    /// The members of all components, those of each together.
    pub members: Vec<u32>,
    /// Where the members of each component lie.
    pub list: Vec<(u32, u32)>,
}

/// Of no component, or not seen yet.
pub(crate) const NEW: u32 = u32::MAX;

/// Finds them (Tarjan), with a stack of its own: chains may be long. The edges of node `n` are `targets[spans[n].0..spans[n].1]`.
pub(crate) fn components(spans: &[(u32, u32)], targets: &[u32]) -> Components {
    let n = spans.len();
    let mut component = vec![NEW; n];
    let (mut order, mut low) = (vec![NEW; n], vec![0u32; n]);
    let (mut stack, mut work): (Vec<u32>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
    let (mut members, mut list) = (Vec::with_capacity(n), Vec::with_capacity(n));
    let mut counter = 0;
    for root in 0..n as u32 {
        if order[root as usize] != NEW || spans[root as usize].0 == spans[root as usize].1 {
            continue;
        }
        work.push((root, spans[root as usize].0));
        order[root as usize] = counter;
        low[root as usize] = counter;
        counter += 1;
        stack.push(root);
        while let Some((v, at)) = work.last_mut() {
            let v = *v as usize;
            if *at < spans[v].1 {
                let w = targets[*at as usize] as usize;
                *at += 1;
                if order[w] == NEW {
                    order[w] = counter;
                    low[w] = counter;
                    counter += 1;
                    stack.push(w as u32);
                    work.push((w as u32, spans[w].0));
                } else if component[w] == NEW {
                    low[v] = low[v].min(order[w]);
                }
                continue;
            }
            work.pop();
            if let Some((parent, _)) = work.last() {
                let parent = *parent as usize;
                low[parent] = low[parent].min(low[v]);
            }
            if low[v] == order[v] {
                let start = members.len();
                while let Some(w) = stack.pop() {
                    component[w as usize] = list.len() as u32;
                    members.push(w);
                    if w as usize == v {
                        break;
                    }
                }
                list.push((start as u32, members.len() as u32));
            }
        }
    }
    Components {
        of: component,
        members,
        list,
    }
}
