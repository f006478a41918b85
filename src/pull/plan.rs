//! A pattern over the schema of a view: what is to be read of an entity, and where its refs lead.

use super::parse::{Inside, Pattern, Spec};
use crate::datom::ValueType;
use crate::schema::{Attribute, Schema};

/// From so many forward attributes on, all facts of an entity are read at once rather than attribute by attribute.
const READ_ALL_FROM: usize = 3;

/// One pattern of a tree of patterns.
pub(super) struct Plan<'p> {
    /// Its place among the plans of the tree.
    pub at: usize,
    pub pattern: &'p Pattern,
    /// What each part of the pattern shows, in its order.
    pub steps: Vec<Step<'p>>,
    /// The forward steps, by attribute.
    pub by_attr: Vec<(u32, usize)>,
    /// Attributes to be read, ascending.
    pub forward: Vec<Wanted>,
    pub reverse: Vec<Wanted>,
    /// All facts are read.
    pub whole: bool,
    /// How far each recursion goes.
    pub depths: Depths,
    /// Whether anything is pulled below.
    pub leads: bool,
}

/// How far each recursion of a pattern may still go; `None` when none is bounded.
pub(super) type Depths = Option<Box<[u32]>>;

/// Part of a pattern.
pub(super) struct Step<'p> {
    pub spec: &'p Spec,
    /// One value instead of a vector.
    pub one: bool,
    pub limit: usize,
    /// What the refs lead to; `None` when the values themselves are shown.
    pub enter: Option<Enter>,
}

/// A way down.
#[derive(Clone, Copy)]
pub(super) struct Enter {
    /// The plan for what is there.
    pub plan: usize,
    /// The recursion that it is a step of.
    pub slot: Option<usize>,
}

/// An attribute to be read.
pub(super) struct Wanted {
    pub attr: u32,
    /// How many values, when there may be many.
    pub limit: Option<usize>,
}

/// The attribute as the view's schema has it; one that is newer, as it is now.
pub(super) fn known<'s>(then: &'s Schema, now: &'s Schema, attr: u32) -> Option<&'s Attribute> {
    then.attr(attr).or_else(|| now.attr(attr)).map(|a| &**a)
}

impl<'p> Plan<'p> {
    /// The plans of a tree of patterns: the root first, `everything` last.
    pub fn all(root: &'p Pattern, everything: &'p Pattern, then: &Schema, now: &Schema) -> Vec<Plan<'p>> {
        let mut patterns = vec![root];
        let mut next = 0;
        while let Some(&pattern) = patterns.get(next) {
            let nested = pattern.specs.iter().filter_map(|s| match &s.inside {
                Inside::Nested(pattern) => Some(pattern),
                Inside::Plain | Inside::Again { .. } => None,
            });
            patterns.extend(nested);
            next += 1;
        }
        patterns.push(everything);
        // Nested patterns came in the order of the parts they belong to.
        let last = patterns.len() - 1;
        let mut nested = 1;
        let mut plan = |(at, pattern): (usize, &&'p Pattern)| {
            let steps = pattern.specs.iter().map(|spec| {
                let attr = known(then, now, spec.attr);
                let component = attr.is_some_and(|a| a.is_component);
                let one = match spec.reverse {
                    false => attr.is_some_and(|a| a.is_one()),
                    // Of a component there is one owner.
                    true => component,
                };
                let enter = match &spec.inside {
                    Inside::Nested(_) => {
                        nested += 1;
                        Some((nested - 1, None))
                    }
                    Inside::Again { slot, .. } => Some((at, Some(*slot))),
                    Inside::Plain if !spec.reverse && component && spec.value_type == ValueType::Ref => {
                        Some((last, None))
                    }
                    Inside::Plain => None,
                };
                Step {
                    spec,
                    one,
                    limit: if one { 1 } else { spec.limit.unwrap_or(usize::MAX) },
                    enter: enter.map(|(plan, slot)| Enter { plan, slot }),
                }
            });
            Plan::new(at, pattern, steps.collect())
        };
        patterns.iter().enumerate().map(&mut plan).collect()
    }

    fn new(at: usize, pattern: &'p Pattern, steps: Vec<Step<'p>>) -> Plan<'p> {
        let wanted = |reverse: bool| {
            let mut out: Vec<Wanted> = Vec::new();
            for step in steps.iter().filter(|s| s.spec.reverse == reverse) {
                let attr = step.spec.attr;
                let limit = match step.one {
                    // Of one value all facts are read: there is one.
                    true if !reverse => None,
                    true => Some(1),
                    false => step.spec.limit,
                };
                match out.iter_mut().find(|w| w.attr == attr) {
                    Some(w) => w.limit = w.limit.zip(limit).map(|(x, y)| x.max(y)),
                    None => out.push(Wanted { attr, limit }),
                }
            }
            out.sort_unstable_by_key(|w| w.attr);
            out
        };
        let (forward, reverse) = (wanted(false), wanted(true));
        let numbered = steps.iter().enumerate().filter(|(_, s)| !s.spec.reverse);
        let mut by_attr: Vec<(u32, usize)> = numbered.map(|(i, s)| (s.spec.attr, i)).collect();
        by_attr.sort_unstable();
        let mut depths = vec![u32::MAX; pattern.recursions];
        for spec in &pattern.specs {
            if let Inside::Again { slot, depth } = spec.inside {
                depths[slot] = depth;
            }
        }
        Plan {
            at,
            pattern,
            whole: pattern.wildcard || forward.len() >= READ_ALL_FROM,
            forward,
            reverse,
            depths: depths.iter().any(|d| *d < u32::MAX).then(|| depths.into()),
            by_attr,
            leads: pattern.wildcard || steps.iter().any(|s| s.enter.is_some()),
            steps,
        }
    }

    /// Whether facts of the entity itself are read.
    pub fn reads_forward(&self) -> bool {
        self.whole || !self.forward.is_empty()
    }

    /// Whether a part of the pattern shows the attribute, so that the wildcard does not.
    pub fn covers(&self, attr: u32) -> bool {
        self.steps.iter().any(|s| s.spec.attr == attr && !s.spec.reverse)
    }
}

impl Enter {
    /// Whether the recursion that it is a step of ends here.
    pub fn ends(self, left: &Depths) -> bool {
        matches!((self.slot, left), (Some(slot), Some(left)) if left[slot] == 0)
    }

    /// How far recursions go below; `None` when this one ends here.
    #[inline]
    pub fn below(self, plans: &[Plan], left: &Depths) -> Option<Depths> {
        let Some(slot) = self.slot else {
            return Some(plans[self.plan].depths.clone());
        };
        let Some(left) = left else { return Some(None) };
        let mut below = left.clone();
        match &mut below[slot] {
            0 => return None,
            &mut u32::MAX => {}
            steps => *steps -= 1,
        }
        Some(Some(below))
    }
}
