//! One total order of EDN values; equality and hash agree with it. The place of a value never counts.
//!
//! Kinds sort as the variants of [`Node`] stand; inside a kind the natural order holds. Numbers of different kinds are
//! different values. Doubles follow IEEE 754's total order (`-0.0` is below `0.0`) with a single NaN above all; decimals
//! compare by value, so `1.0M` is `1.00M`. Maps and sets compare as their sorted contents, whatever the order of the text;
//! a list is never a vector.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Edn, Node};

impl Node {
    fn rank(&self) -> u8 {
        match self {
            Node::Nil => 0,
            Node::Bool(_) => 1,
            Node::Char(_) => 2,
            Node::Long(_) => 3,
            Node::BigInt(_) => 4,
            Node::Double(_) => 5,
            Node::BigDec(_) => 6,
            Node::Str(_) => 7,
            Node::Symbol(_) => 8,
            Node::Keyword(_) => 9,
            Node::Inst(_) => 10,
            Node::Uuid(_) => 11,
            Node::Bytes(_) => 12,
            Node::List(_) => 13,
            Node::Vector(_) => 14,
            Node::Map(_) => 15,
            Node::Set(_) => 16,
            Node::Tagged(..) => 17,
        }
    }
}

/// NaN has many bit patterns; all are one value here.
fn one_nan(double: f64) -> f64 {
    if double.is_nan() { f64::NAN } else { double }
}

fn sorted<T>(items: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Vec<&T> {
    let mut refs: Vec<&T> = items.iter().collect();
    refs.sort_unstable_by(|a, b| compare(a, b));
    refs
}

impl Ord for Edn {
    fn cmp(&self, other: &Edn) -> Ordering {
        self.node.cmp(&other.node)
    }
}

impl Ord for Node {
    fn cmp(&self, other: &Node) -> Ordering {
        match (self, other) {
            (Node::Bool(a), Node::Bool(b)) => a.cmp(b),
            (Node::Char(a), Node::Char(b)) => a.cmp(b),
            (Node::Long(a), Node::Long(b)) => a.cmp(b),
            (Node::BigInt(a), Node::BigInt(b)) => a.cmp(b),
            (Node::Double(a), Node::Double(b)) => one_nan(*a).total_cmp(&one_nan(*b)),
            (Node::BigDec(a), Node::BigDec(b)) => a.cmp(b),
            (Node::Str(a), Node::Str(b)) => a.cmp(b),
            (Node::Symbol(a), Node::Symbol(b)) => a.cmp(b),
            (Node::Keyword(a), Node::Keyword(b)) => a.cmp(b),
            (Node::Inst(a), Node::Inst(b)) => a.cmp(b),
            (Node::Uuid(a), Node::Uuid(b)) => a.cmp(b),
            (Node::Bytes(a), Node::Bytes(b)) => a.cmp(b),
            (Node::List(a), Node::List(b)) | (Node::Vector(a), Node::Vector(b)) => a.cmp(b),
            (Node::Map(a), Node::Map(b)) => sorted(a, Ord::cmp).cmp(&sorted(b, Ord::cmp)),
            (Node::Set(a), Node::Set(b)) => sorted(a, Ord::cmp).cmp(&sorted(b, Ord::cmp)),
            (Node::Tagged(a, x), Node::Tagged(b, y)) => a.cmp(b).then_with(|| x.cmp(y)),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        match (self, other) {
            // The frequent ones find a difference without an order, lengths first.
            (Node::Str(a), Node::Str(b)) => a == b,
            (Node::Keyword(a), Node::Keyword(b)) => a == b,
            (Node::Symbol(a), Node::Symbol(b)) => a == b,
            (Node::List(a), Node::List(b)) | (Node::Vector(a), Node::Vector(b)) => a == b,
            (Node::Map(a), Node::Map(b)) if a.len() != b.len() => false,
            (Node::Set(a), Node::Set(b)) if a.len() != b.len() => false,
            _ => self.cmp(other) == Ordering::Equal,
        }
    }
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.rank());
        match self {
            Node::Nil => {}
            Node::Bool(b) => b.hash(state),
            Node::Char(c) => c.hash(state),
            Node::Long(n) => n.hash(state),
            Node::BigInt(n) => n.hash(state),
            Node::Double(d) => one_nan(*d).to_bits().hash(state),
            Node::BigDec(d) => d.normalized().as_bigint_and_exponent().hash(state),
            Node::Str(s) => s.hash(state),
            Node::Symbol(s) => s.hash(state),
            Node::Keyword(k) => k.hash(state),
            Node::Inst(i) => i.hash(state),
            Node::Uuid(u) => u.hash(state),
            Node::Bytes(b) => b.hash(state),
            Node::List(items) | Node::Vector(items) => items.hash(state),
            Node::Map(pairs) => unordered(pairs, state),
            Node::Set(items) => unordered(items, state),
            Node::Tagged(tag, form) => {
                tag.hash(state);
                form.hash(state);
            }
        }
    }
}

/// A sum does not depend on the order of the text.
fn unordered<T: Hash, H: Hasher>(items: &[T], state: &mut H) {
    let sum = items.iter().fold(0u64, |sum, item| {
        let mut one = DefaultHasher::new();
        item.hash(&mut one);
        sum.wrapping_add(one.finish())
    });
    state.write_usize(items.len());
    state.write_u64(sum);
}

impl Eq for Node {}
impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Node) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Edn {
    fn eq(&self, other: &Edn) -> bool {
        self.node == other.node
    }
}
impl Eq for Edn {}
impl PartialOrd for Edn {
    fn partial_cmp(&self, other: &Edn) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Hash for Edn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.node.hash(state);
    }
}
