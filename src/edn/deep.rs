//! Forms of any depth, without the native stack: dropping and copying them, and how deep they are.
//!
//! Text nests no deeper than [`MAX_DEPTH`](super::MAX_DEPTH), but a recursive pull may follow a million references down. Printing
//! (`print`) and comparing (`order`) go their way with a list of what is open, too; serde, which calls itself for each level,
//! refuses what is deeper.

use std::cell::Cell;

use super::{Edn, MAX_DEPTH, Node};
use crate::error::{Code, Error, Result};

/// Copies, drops and measurements go down by themselves so far; from there on, with a list.
const SHALLOW: usize = 64;

impl Node {
    fn is_collection(&self) -> bool {
        matches!(
            self,
            Node::List(_) | Node::Vector(_) | Node::Set(_) | Node::Map(_) | Node::Tagged(..)
        )
    }

    /// What is directly inside.
    fn inside(&self) -> Inside<'_> {
        match self {
            Node::List(items) | Node::Vector(items) | Node::Set(items) => Inside::Items(items.iter()),
            Node::Map(pairs) => Inside::Pairs(pairs.iter(), None),
            Node::Tagged(_, form) => Inside::Items(std::slice::from_ref(&**form).iter()),
            _ => Inside::Items([].iter()),
        }
    }

    /// Moves the collections directly inside to `to`.
    fn take_collections(&mut self, to: &mut Vec<Node>) {
        let mut take = |form: &mut Edn| {
            if form.node.is_collection() {
                to.push(std::mem::replace(&mut form.node, Node::Nil));
            }
        };
        match self {
            Node::List(items) | Node::Vector(items) | Node::Set(items) => items.iter_mut().for_each(take),
            Node::Map(pairs) => pairs.iter_mut().for_each(|(key, value)| {
                take(key);
                take(value);
            }),
            Node::Tagged(_, form) => take(form),
            _ => {}
        }
    }

    /// The same kind of collection with other contents, handed over in the order of [`Node::inside`].
    fn rebuilt(&self, mut contents: Vec<Edn>) -> Node {
        match self {
            Node::List(_) => Node::List(contents),
            Node::Vector(_) => Node::Vector(contents),
            Node::Set(_) => Node::Set(contents),
            Node::Map(_) => {
                let mut pairs = Vec::with_capacity(contents.len() / 2);
                let mut contents = contents.into_iter();
                while let (Some(key), Some(value)) = (contents.next(), contents.next()) {
                    pairs.push((key, value));
                }
                Node::Map(pairs)
            }
            Node::Tagged(tag, _) => Node::Tagged(tag.clone(), Box::new(contents.pop().unwrap_or_else(Edn::nil))),
            leaf => leaf.clone(),
        }
    }

    fn drop_inside(&mut self) {
        let depth = DROPPING.get();
        if depth < SHALLOW {
            DROPPING.set(depth + 1);
            match self {
                Node::List(items) | Node::Vector(items) | Node::Set(items) => drop(std::mem::take(items)),
                Node::Map(pairs) => drop(std::mem::take(pairs)),
                Node::Tagged(_, form) => form.node = Node::Nil,
                _ => {}
            }
            DROPPING.set(depth);
        } else if self.inside().any(|form| form.node.is_collection()) {
            let mut waiting = Vec::new();
            self.take_collections(&mut waiting);
            while let Some(mut node) = waiting.pop() {
                node.take_collections(&mut waiting);
            }
        }
    }

    fn clone_at(&self, depth: usize) -> Node {
        if depth == SHALLOW {
            return self.clone_deep();
        }
        let copy = |form: &Edn| Edn {
            node: form.node.clone_at(depth + 1),
            span: form.span,
        };
        match self {
            Node::Nil => Node::Nil,
            Node::Bool(b) => Node::Bool(*b),
            Node::Char(c) => Node::Char(*c),
            Node::Long(n) => Node::Long(*n),
            Node::BigInt(n) => Node::BigInt(n.clone()),
            Node::Double(d) => Node::Double(*d),
            Node::BigDec(d) => Node::BigDec(d.clone()),
            Node::Str(s) => Node::Str(s.clone()),
            Node::Symbol(s) => Node::Symbol(s.clone()),
            Node::Keyword(k) => Node::Keyword(k.clone()),
            Node::Inst(i) => Node::Inst(*i),
            Node::Uuid(u) => Node::Uuid(*u),
            Node::Bytes(b) => Node::Bytes(b.clone()),
            Node::List(items) => Node::List(items.iter().map(copy).collect()),
            Node::Vector(items) => Node::Vector(items.iter().map(copy).collect()),
            Node::Set(items) => Node::Set(items.iter().map(copy).collect()),
            Node::Map(pairs) => Node::Map(pairs.iter().map(|(k, v)| (copy(k), copy(v))).collect()),
            Node::Tagged(tag, form) => Node::Tagged(tag.clone(), Box::new(copy(form))),
        }
    }

    fn clone_deep(&self) -> Node {
        struct Open<'a> {
            form: &'a Node,
            span: crate::error::Span,
            rest: Inside<'a>,
            done: Vec<Edn>,
        }
        fn open(form: &Node, span: crate::error::Span) -> Open<'_> {
            Open {
                form,
                span,
                rest: form.inside(),
                done: Vec::new(),
            }
        }
        // The place of the outermost is its caller's business.
        let mut stack: Vec<Open> = vec![open(self, crate::error::Span::NONE)];
        loop {
            let top = stack.last_mut().expect("the loop ends with the outermost");
            match top.rest.next() {
                Some(form) if form.node.is_collection() => stack.push(open(&form.node, form.span)),
                Some(form) => top.done.push(Edn {
                    node: form.node.clone(),
                    span: form.span,
                }),
                None => {
                    let Open { form, span, done, .. } = stack.pop().expect("it was there a line above");
                    let node = form.rebuilt(done);
                    match stack.last_mut() {
                        Some(around) => around.done.push(Edn { node, span }),
                        None => return node,
                    }
                }
            }
        }
    }
}

impl Clone for Node {
    #[inline]
    fn clone(&self) -> Node {
        match self {
            // What maps are full of.
            Node::Keyword(k) => Node::Keyword(k.clone()),
            Node::Str(s) => Node::Str(s.clone()),
            node => node.clone_at(0),
        }
    }
}

thread_local! {
    /// How many collections are being dropped inside each other.
    static DROPPING: Cell<usize> = const { Cell::new(0) };
}

impl Drop for Node {
    #[inline]
    fn drop(&mut self) {
        if self.is_collection() {
            self.drop_inside();
        }
    }
}

impl Edn {
    /// Whether collections lie inside each other more than `levels` deep; a plain value has no level, `[1]` has one.
    pub fn is_deeper_than(&self, levels: usize) -> bool {
        self.is_deeper_at(0, levels)
    }

    /// Refuses what is nested deeper than text can be, before something calls itself for each level.
    pub(crate) fn check_depth(&self) -> Result<()> {
        if !self.is_deeper_than(MAX_DEPTH) {
            return Ok(());
        }
        Err(Error::new(
            Code::InvalidEdn,
            format!("forms are nested deeper than {MAX_DEPTH} levels here"),
        )
        .at(self.span)
        .hint("make the data flatter"))
    }

    fn is_deeper_at(&self, depth: usize, levels: usize) -> bool {
        if !self.node.is_collection() {
            return false;
        }
        match levels.checked_sub(1) {
            None => true,
            Some(_) if depth == SHALLOW => self.is_deeper_by_list(levels),
            Some(left) => self.node.inside().any(|form| form.is_deeper_at(depth + 1, left)),
        }
    }

    fn is_deeper_by_list(&self, levels: usize) -> bool {
        let mut open: Vec<Inside<'_>> = Vec::new();
        if self.node.is_collection() {
            open.push(self.node.inside());
        }
        while let Some(top) = open.last_mut() {
            match top.find(|form| form.node.is_collection()) {
                _ if open.len() > levels => return true,
                Some(form) => open.push(form.node.inside()),
                None => drop(open.pop()),
            }
        }
        false
    }
}

/// The forms directly inside a collection; of a map, keys and values in turn.
enum Inside<'a> {
    Items(std::slice::Iter<'a, Edn>),
    Pairs(std::slice::Iter<'a, (Edn, Edn)>, Option<&'a Edn>),
}

impl<'a> Iterator for Inside<'a> {
    type Item = &'a Edn;
    fn next(&mut self) -> Option<&'a Edn> {
        match self {
            Inside::Items(items) => items.next(),
            Inside::Pairs(pairs, value) => value.take().or_else(|| {
                let (key, next) = pairs.next()?;
                *value = Some(next);
                Some(key)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::{from_edn, pretty, read_one, to_edn};
    use super::*;

    /// `{:a [{:a [... 0 ...]}]}`, two levels a step.
    fn chain(steps: usize, end: i64) -> Edn {
        (0..steps).fold(Edn::from(end), |inside, _| {
            Edn::map([(Edn::kw("a"), Edn::vector([inside]))])
        })
    }

    #[test]
    fn results_are_made_of_many_forms() {
        assert!(size_of::<Edn>() <= 40 && size_of::<(Edn, Edn)>() <= 80);
    }

    #[test]
    fn a_hundred_thousand_levels_need_no_stack() {
        let body = || {
            let (deep, other) = (chain(50_000, 0), chain(50_000, 1));
            let copy = deep.clone();
            assert!(copy == deep && deep != other && deep < other);
            let text = deep.to_string();
            assert!(text.starts_with("{:a [{:a [") && text.ends_with("]}]}") && text.len() == 50_000 * 7 + 1);
            assert_eq!(pretty(&deep, 80).len(), text.len());
            let set: HashSet<Edn> = [deep, copy, other].into_iter().collect();
            assert_eq!(set.len(), 2);
            let one = set.into_iter().next().expect("two are there");
            assert!(one.is_deeper_than(99_999) && !one.is_deeper_than(100_000));
            assert!(from_edn::<serde::de::IgnoredAny>(&one).is_err());
            assert!(to_edn(&one).is_err());
            let tagged = (0..100_000).fold(Edn::nil(), |form, _| {
                Node::Tagged(super::super::Symbol::new("t"), Box::new(form)).into()
            });
            assert!(tagged.clone() == tagged);
        };
        let small = std::thread::Builder::new().stack_size(1 << 20);
        small.spawn(body).expect("a thread").join().expect("no overflow");
    }

    #[test]
    fn copies_are_equal_at_every_depth() {
        for steps in [0, 1, 2, 31, 32, 33, 100] {
            let form = chain(steps, 7);
            assert_eq!(form.clone(), form, "{steps}");
            assert_eq!(form.is_deeper_than(MAX_DEPTH), 2 * steps > MAX_DEPTH);
        }
        let mixed = read_one("{[1 {2 #{3}}] (4 #t [5]), :k {}}").expect("a form");
        assert_eq!(mixed.node.clone_deep(), mixed.node);
        assert_eq!(mixed.node.clone_deep().to_string(), mixed.to_string());
        assert!(mixed.is_deeper_than(3) && !mixed.is_deeper_than(4));
    }
}
