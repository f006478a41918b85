//! Forms laid out over lines for people.
//!
//! What fits on the rest of the line stays on it. Otherwise a collection is broken: maps into a pair a line with the
//! values in one column, calls and clauses (`:where [...] [...]`) with what follows under the first thing after the
//! head, other collections with collections on lines of their own and words filled into lines. The result reads back
//! equal, and depends on nothing but the form and the width.

use std::fmt::{self, Write};

use super::print::write_node;
use super::{Edn, Node};

/// Keys up to this width have their values aligned in a column.
const ALIGNED_KEY: usize = 24;
/// Heads of calls and clauses up to this width have what follows under the first thing after them.
const ALIGNED_HEAD: usize = 16;

/// A form laid out for people, in lines of at most `width` columns where its words allow; without a line end at its end.
///
/// ```
/// use asof::edn;
/// let query = edn::read_one("[:find ?name :where [?e :person/name ?name] [?e :person/age 36]]").unwrap();
/// assert_eq!(edn::pretty(&query, 40), "\
/// [:find ?name
///  :where [?e :person/name ?name]
///         [?e :person/age 36]]");
/// ```
pub fn pretty(form: &Edn, width: usize) -> String {
    let mut page = Page {
        out: String::new(),
        width,
        column: 0,
    };
    match form.is_deeper_than(super::MAX_DEPTH) {
        // No page is so wide, and each level would take some of the native stack.
        true => page.text(&form.to_string()),
        false => page.put(&form.node, 0),
    }
    page.out
}

struct Page {
    out: String,
    width: usize,
    column: usize,
}

impl Page {
    /// Writes a node from the current column; `tail` closing brackets will follow it on its last line.
    fn put(&mut self, node: &Node, tail: usize) {
        if let Some(text) = flat(node, self.width.saturating_sub(self.column + tail)) {
            return self.text(&text);
        }
        match node {
            Node::List(items) => self.items("(", items, ")", tail),
            Node::Vector(items) => self.items("[", items, "]", tail),
            Node::Set(items) => self.items("#{", items, "}", tail),
            Node::Map(pairs) => self.map(pairs, tail),
            Node::Tagged(tag, form) => {
                self.text(&format!("#{tag} "));
                self.put(&form.node, tail);
            }
            // A word that is too long stands beyond the margin.
            _ => self.text(&flat(node, usize::MAX).unwrap_or_default()),
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    fn map(&mut self, pairs: &[(Edn, Edn)], tail: usize) {
        self.text("{");
        let indent = self.column;
        let keys: Vec<Option<String>> = pairs.iter().map(|(key, _)| flat(&key.node, ALIGNED_KEY)).collect();
        let widths = keys.iter().map(|key| key.as_ref().map(|k| k.chars().count()));
        let widest = widths.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
        for (n, (key, value)) in pairs.iter().enumerate() {
            if n > 0 {
                self.line(indent);
            }
            let tail = if n + 1 == pairs.len() { tail + 1 } else { 0 };
            self.put(&key.node, 0);
            match widest {
                Some(widest) => {
                    let gap = indent + widest + 1 - self.column;
                    self.text(&" ".repeat(gap));
                }
                None => self.line(indent + 2),
            }
            self.put(&value.node, tail);
        }
        self.text("}");
    }

    fn items(&mut self, open: &str, items: &[Edn], close: &str, tail: usize) {
        self.text(open);
        let indent = self.column;
        let mut groups = groups(open, items).into_iter().peekable();
        let mut first = true;
        while let Some(group) = groups.next() {
            if !std::mem::take(&mut first) {
                self.line(indent);
            }
            let tail = if groups.peek().is_none() { tail + 1 } else { 0 };
            self.group(group, indent, tail);
        }
        self.text(close);
    }

    /// A head and what belongs to it, or things without a head.
    fn group(&mut self, group: Group, indent: usize, tail: usize) {
        let Some(head) = group.head else {
            return self.fill(group.body, indent, tail);
        };
        if group.body.is_empty() {
            return self.put(&head.node, tail);
        }
        self.put(&head.node, 0);
        if self.column - indent <= ALIGNED_HEAD {
            self.text(" ");
            self.fill(group.body, self.column, tail);
        } else {
            self.line(indent + 1);
            self.fill(group.body, indent + 1, tail);
        }
    }

    /// Words side by side, several collections on lines of their own.
    fn fill(&mut self, items: &[Edn], indent: usize, tail: usize) {
        // `:find ?name (count ?friend)` stays together; clauses, of which there are several, are read one a line.
        let together = items.iter().filter(|item| is_collection(item)).count() == 1
            && flat_items(items, self.width.saturating_sub(self.column + tail)).is_some();
        for (n, item) in items.iter().enumerate() {
            let tail = if n + 1 == items.len() { tail } else { 0 };
            if n > 0 {
                let room = self.width.saturating_sub(self.column + 1 + tail);
                let beside = together
                    || !is_collection(item) && !is_collection(&items[n - 1]) && flat(&item.node, room).is_some();
                match beside {
                    true => self.text(" "),
                    false => self.line(indent),
                }
            }
            self.put(&item.node, tail);
        }
    }
}

struct Group<'a> {
    head: Option<&'a Edn>,
    body: &'a [Edn],
}

/// `(f a b)` is one group with head f; `[:find ?e :where [...]]` has a group for each keyword, when it begins with one.
fn groups<'a>(open: &str, items: &'a [Edn]) -> Vec<Group<'a>> {
    let is_head = |item: &Edn| matches!(item.node, Node::Keyword(_));
    match items {
        [first, body @ ..] if open == "(" && matches!(first.node, Node::Symbol(_)) => vec![Group {
            head: Some(first),
            body,
        }],
        [first, ..] if open != "#{" && is_head(first) && items.iter().any(is_collection) => {
            let starts = (0..items.len()).filter(|&n| is_head(&items[n]));
            let ends = starts.clone().skip(1).chain([items.len()]);
            starts
                .zip(ends)
                .map(|(start, end)| Group {
                    head: Some(&items[start]),
                    body: &items[start + 1..end],
                })
                .collect()
        }
        _ => vec![Group {
            head: None,
            body: items,
        }],
    }
}

fn is_collection(form: &Edn) -> bool {
    match &form.node {
        Node::List(_) | Node::Vector(_) | Node::Set(_) | Node::Map(_) => true,
        Node::Tagged(_, form) => is_collection(form),
        _ => false,
    }
}

/// A node on one line, if it takes no more than `room` columns. Gives up early, so that the whole stays linear.
fn flat(node: &Node, room: usize) -> Option<String> {
    let mut line = Line {
        text: String::new(),
        room,
    };
    write_node(&mut line, node).is_ok().then_some(line.text)
}

/// The same for items side by side.
fn flat_items(items: &[Edn], room: usize) -> Option<usize> {
    items.iter().enumerate().try_fold(room, |room, (n, item)| {
        let room = room.checked_sub(usize::from(n > 0))?;
        room.checked_sub(flat(&item.node, room)?.chars().count())
    })
}

struct Line {
    text: String,
    room: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.room = self.room.checked_sub(text.chars().count()).ok_or(fmt::Error)?;
        self.text.push_str(text);
        Ok(())
    }
}
