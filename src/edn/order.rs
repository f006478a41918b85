//! One total order of EDN values; equality and hash agree with it. The place of a value never counts.
//!
//! Kinds sort as the variants of [`Node`] stand; inside a kind the natural order holds. Numbers of different kinds are
//! different values. Doubles follow IEEE 754's total order (`-0.0` is below `0.0`) with a single NaN above all; decimals
//! compare by value, so `1.0M` is `1.00M`. Maps and sets compare as their sorted contents, whatever the order of the text;
//! a list is never a vector.
//!
//! Vectors, lists and the values of maps are compared without the native stack; only the elements of sets and the keys of maps, which
//! have to be sorted, take some for each level of sets inside sets.

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

/// The contents of a collection in the order in which they are compared.
enum Contents<'a> {
    Items(std::slice::Iter<'a, Edn>),
    Sorted(std::vec::IntoIter<&'a Edn>),
}

impl<'a> Contents<'a> {
    fn of_set(items: &'a [Edn]) -> Contents<'a> {
        let mut refs: Vec<&Edn> = items.iter().collect();
        refs.sort_unstable();
        Contents::Sorted(refs.into_iter())
    }
    /// Keys and values in turn. Keys are different, so their order is enough.
    fn of_map(pairs: &'a [(Edn, Edn)]) -> Contents<'a> {
        let mut refs: Vec<&(Edn, Edn)> = pairs.iter().collect();
        refs.sort_by(|a, b| a.0.cmp(&b.0));
        let flat: Vec<&Edn> = refs.into_iter().flat_map(|(k, v)| [k, v]).collect();
        Contents::Sorted(flat.into_iter())
    }
}

impl<'a> Iterator for Contents<'a> {
    type Item = &'a Edn;
    fn next(&mut self) -> Option<&'a Edn> {
        match self {
            Contents::Items(items) => items.next(),
            Contents::Sorted(refs) => refs.next(),
        }
    }
}

/// The first difference decides, so a list of what is open is all that is needed.
fn compare(a: &Node, b: &Node) -> Ordering {
    let mut open: Vec<(Contents, Contents)> = Vec::new();
    let mut next = Some((a, b));
    loop {
        match next.take() {
            Some((Node::List(a), Node::List(b))) | Some((Node::Vector(a), Node::Vector(b))) => {
                open.push((Contents::Items(a.iter()), Contents::Items(b.iter())));
            }
            Some((Node::Map(a), Node::Map(b))) => open.push((Contents::of_map(a), Contents::of_map(b))),
            Some((Node::Set(a), Node::Set(b))) => open.push((Contents::of_set(a), Contents::of_set(b))),
            Some((Node::Tagged(a, x), Node::Tagged(b, y))) => match a.cmp(b) {
                Ordering::Equal => {
                    next = Some((&x.node, &y.node));
                    continue;
                }
                order => return order,
            },
            Some((a, b)) => match compare_leaves(a, b) {
                Ordering::Equal => {}
                order => return order,
            },
            None => {}
        }
        let Some((left, right)) = open.last_mut() else {
            return Ordering::Equal;
        };
        match (left.next(), right.next()) {
            (Some(x), Some(y)) => next = Some((&x.node, &y.node)),
            (None, None) => drop(open.pop()),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
        }
    }
}

impl Ord for Edn {
    fn cmp(&self, other: &Edn) -> Ordering {
        self.node.cmp(&other.node)
    }
}

impl Ord for Node {
    fn cmp(&self, other: &Node) -> Ordering {
        compare(self, other)
    }
}

fn compare_leaves(a: &Node, b: &Node) -> Ordering {
    match (a, b) {
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
        _ => a.rank().cmp(&b.rank()),
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        match (self, other) {
            // The frequent ones find a difference without an order, lengths first.
            (Node::Str(a), Node::Str(b)) => a == b,
            (Node::Keyword(a), Node::Keyword(b)) => a == b,
            (Node::Symbol(a), Node::Symbol(b)) => a == b,
            (Node::List(a), Node::List(b)) | (Node::Vector(a), Node::Vector(b)) if a.len() != b.len() => false,
            (Node::Map(a), Node::Map(b)) if a.len() != b.len() => false,
            (Node::Set(a), Node::Set(b)) if a.len() != b.len() => false,
            _ => self.cmp(other) == Ordering::Equal,
        }
    }
}

/// What lies deeper than this does not count for the hash, which so needs no more stack than this takes.
const HASHED: usize = 16;

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash_at(0, state);
    }
}

impl Node {
    fn hash_at<H: Hasher>(&self, depth: usize, state: &mut H) {
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
            Node::List(_) | Node::Vector(_) | Node::Map(_) | Node::Set(_) | Node::Tagged(..) if depth == HASHED => {}
            Node::List(items) | Node::Vector(items) => {
                state.write_usize(items.len());
                items.iter().for_each(|item| item.node.hash_at(depth + 1, state));
            }
            Node::Map(pairs) => unordered(pairs, state, |(key, value), one| {
                key.node.hash_at(depth + 1, one);
                value.node.hash_at(depth + 1, one);
            }),
            Node::Set(items) => unordered(items, state, |item, one| item.node.hash_at(depth + 1, one)),
            Node::Tagged(tag, form) => {
                tag.hash(state);
                form.node.hash_at(depth + 1, state);
            }
        }
    }
}

/// A sum does not depend on the order of the text.
fn unordered<T, H: Hasher>(items: &[T], state: &mut H, hash: impl Fn(&T, &mut DefaultHasher)) {
    let sum = items.iter().fold(0u64, |sum, item| {
        let mut one = DefaultHasher::new();
        hash(item, &mut one);
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
