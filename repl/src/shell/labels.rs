//! Short names for entities that stay the same from run to run: `#e1` for the first one shown, `#t3` for transaction 3.

use std::collections::HashMap;

use asof::datom::{EntityId, Partition, TxId};
use asof::edn::{Edn, Node, Symbol};

use super::tokens::{Kind, tokens};

/// The labels given so far.
#[derive(Default)]
pub struct Labels {
    numbers: HashMap<u64, usize>,
    entities: Vec<u64>,
}

impl Labels {
    /// `form` with labels in the place of entity ids. A number of data that happens to be as large as an id looks like one;
    /// ids begin beyond 10^13.
    pub fn put(&mut self, form: &Edn) -> Edn {
        let node = match &form.node {
            Node::Long(n) => return self.label(*n).unwrap_or_else(|| form.clone()),
            Node::Vector(items) => Node::Vector(self.all(items)),
            Node::List(items) => Node::List(self.all(items)),
            Node::Set(items) => Node::Set(self.all(items)),
            Node::Map(entries) => Node::Map(entries.iter().map(|(k, v)| (self.put(k), self.put(v))).collect()),
            _ => return form.clone(),
        };
        node.into()
    }

    fn all(&mut self, items: &[Edn]) -> Vec<Edn> {
        items.iter().map(|item| self.put(item)).collect()
    }

    fn label(&mut self, n: i64) -> Option<Edn> {
        let id = EntityId(u64::try_from(n).ok()?);
        let text = match id.partition() {
            Partition::DB => return None,
            Partition::TX => format!("#t{}", TxId(id.0).t()),
            p if p.0 < Partition::TX.0 => return None,
            _ => {
                let next = self.entities.len() + 1;
                let number = *self.numbers.entry(id.0).or_insert(next);
                if number == next {
                    self.entities.push(id.0);
                }
                format!("#e{number}")
            }
        };
        Some(Node::Symbol(Symbol::new(&text)).into())
    }

    /// `text` with entity ids in the place of labels; labels that were never shown stay as they are.
    pub fn take(&self, text: &str) -> String {
        let mut out = String::new();
        let mut from = 0;
        for token in tokens(text).iter().flat_map(|t| self.within(text, *t)) {
            let (start, end, id) = token;
            out.push_str(&text[from..start]);
            out.push_str(&id.to_string());
            from = end;
        }
        out + &text[from..]
    }

    /// The labels of a word, or of the words of a command.
    fn within(&self, text: &str, token: super::tokens::Token) -> Vec<(usize, usize, u64)> {
        let word = &text[token.start..token.end];
        match token.kind {
            Kind::Tag => self
                .id(word)
                .map(|id| (token.start, token.end, id))
                .into_iter()
                .collect(),
            Kind::Command => {
                let arguments = word.find(char::is_whitespace).unwrap_or(word.len());
                let offset = token.start + arguments;
                let inside = tokens(&word[arguments..]);
                let tags = inside.iter().filter(|t| t.kind == Kind::Tag);
                tags.filter_map(|t| {
                    let id = self.id(&text[offset + t.start..offset + t.end])?;
                    Some((offset + t.start, offset + t.end, id))
                })
                .collect()
            }
            _ => Vec::new(),
        }
    }

    fn id(&self, label: &str) -> Option<u64> {
        let number = |text: &str| text.parse::<u64>().ok();
        match label.strip_prefix("#e") {
            Some(rest) => self
                .entities
                .get(usize::try_from(number(rest)?).ok()?.checked_sub(1)?)
                .copied(),
            None => Some(TxId::from_t(number(label.strip_prefix("#t")?)?).0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let mut labels = Labels::default();
        let form = asof::edn::read_one("[17592186045418 {:a 17592186045416} 13194139533315 5]").expect("EDN");
        assert_eq!(labels.put(&form).to_string(), "[#e1 {:a #e2} #t3 5]");
        assert_eq!(labels.put(&form).to_string(), "[#e1 {:a #e2} #t3 5]");
        assert_eq!(
            labels.take("(x #e2 \"#e2\" #e9 #inst \"a\")"),
            "(x 17592186045416 \"#e2\" #e9 #inst \"a\")"
        );
        assert_eq!(labels.take(".blame #e1 :a"), ".blame 17592186045418 :a");
        assert_eq!(labels.take("#t3"), "13194139533315");
    }
}
