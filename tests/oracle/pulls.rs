//! Pull by definition, over a list of facts.

use asof::datom::{EntityId, Val};
use asof::edn::{Edn, Keyword, Node};

use super::ast::{Inside, Spec};
use super::world::{Attr, Fact, wrapped};

/// What a pattern finds at an entity.
pub fn pull(attrs: &[Attr], facts: &[Fact], specs: &[Spec], e: u64) -> Option<Edn> {
    let puller = Puller { attrs, facts };
    puller.entity(specs, e, &[], &depths(specs), &[])
}

struct Puller<'a> {
    /// As they are in the view.
    attrs: &'a [Attr],
    facts: &'a [Fact],
}

fn keyword(name: &str) -> Edn {
    Node::Keyword(Keyword::new(name.trim_start_matches(':'))).into()
}
fn id_map(e: u64) -> Edn {
    Node::Map(vec![(keyword("db/id"), Node::Long(e as i64).into())]).into()
}
fn listed(values: Vec<Edn>, one: bool) -> Edn {
    match one {
        true => values[0].clone(),
        false => Node::Vector(values).into(),
    }
}
/// How far each recursion may go.
fn depths(specs: &[Spec]) -> Vec<Option<usize>> {
    specs
        .iter()
        .map(|s| match s.inside {
            Inside::Again(n) => n,
            _ => None,
        })
        .collect()
}

impl Puller<'_> {
    /// `way`: the entities that this pattern was repeated for, down to here; `whole`: those shown whole by a wildcard.
    fn entity(&self, specs: &[Spec], e: u64, way: &[u64], left: &[Option<usize>], whole: &[u64]) -> Option<Edn> {
        let mut way = way.to_vec();
        way.push(e);
        let mut whole = whole.to_vec();
        if specs.iter().any(|s| matches!(s.inside, Inside::Everything)) {
            whole.push(e);
        }
        let whole = &whole;
        let mut entries: Vec<(Edn, Edn)> = Vec::new();
        for (i, spec) in specs.iter().enumerate() {
            match &spec.inside {
                Inside::Id => entries.push((keyword("db/id"), Node::Long(e as i64).into())),
                Inside::Everything => self.everything(specs, e, whole, &mut entries),
                _ => {
                    let name = spec.attr.as_ref().expect("a spec of an attribute");
                    let attr = self.attrs.iter().find(|a| a.is_called(name)).expect("an attribute");
                    let plain = if spec.reverse {
                        name.replace('/', "/_")
                    } else {
                        name.clone()
                    };
                    let key = match &spec.rename {
                        Some(name) => Node::Str(name.as_str().into()).into(),
                        None => keyword(&plain),
                    };
                    let one = if spec.reverse { attr.component } else { !attr.many };
                    let limit = if one {
                        1
                    } else {
                        spec.limit.unwrap_or(Some(1000)).unwrap_or(usize::MAX)
                    };
                    let mut values = self.values(e, attr.id, spec.reverse);
                    values.truncate(limit);
                    if matches!(spec.inside, Inside::Again(_)) && left[i] == Some(0) && !values.is_empty() {
                        continue;
                    }
                    let shown: Vec<Edn> = values
                        .iter()
                        .filter_map(|v| match (&spec.inside, v) {
                            (Inside::Nested(inner), Val::Ref(e)) => self.entity(inner, e.0, &[], &depths(inner), whole),
                            (Inside::Again(_), Val::Ref(e)) if way.contains(&e.0) => Some(id_map(e.0)),
                            (Inside::Again(_), Val::Ref(e)) => {
                                let mut left = left.to_vec();
                                left[i] = left[i].map(|n| n - 1);
                                self.entity(specs, e.0, &way, &left, whole)
                            }
                            (_, Val::Ref(e)) if attr.component && !spec.reverse => self.whole(e.0, whole),
                            (_, Val::Ref(e)) => Some(id_map(e.0)),
                            (_, v) => Some(v.to_edn()),
                        })
                        .collect();
                    match (shown.is_empty(), &spec.default) {
                        (false, _) if spec.xform => entries.push((key, wrapped(listed(shown, one)))),
                        (false, _) => entries.push((key, listed(shown, one))),
                        (true, Some(default)) => entries.push((key, default.to_edn())),
                        (true, None) => {}
                    }
                }
            }
        }
        (!entries.is_empty()).then(|| Node::Map(entries).into())
    }

    /// All forward attributes that no spec asks for by itself.
    fn everything(&self, specs: &[Spec], e: u64, whole: &[u64], entries: &mut Vec<(Edn, Edn)>) {
        if !specs.iter().any(|s| matches!(s.inside, Inside::Id)) {
            entries.push((keyword("db/id"), Node::Long(e as i64).into()));
        }
        for attr in self.attrs {
            let named = |s: &Spec| s.attr.as_ref().is_some_and(|name| attr.is_called(name));
            let asked = specs.iter().any(|s| named(s) && !s.reverse);
            let values = self.values(e, attr.id, false);
            if asked || values.is_empty() {
                continue;
            }
            let shown = values.iter().filter_map(|v| match v {
                Val::Ref(e) if attr.component => self.whole(e.0, whole),
                Val::Ref(e) => Some(id_map(e.0)),
                v => Some(v.to_edn()),
            });
            entries.push((keyword(attr.now()), listed(shown.collect(), !attr.many)));
        }
    }

    fn whole(&self, e: u64, whole: &[u64]) -> Option<Edn> {
        if whole.contains(&e) {
            return Some(id_map(e));
        }
        let mut entries = Vec::new();
        self.everything(&[], e, &[whole, &[e]].concat(), &mut entries);
        Some(Node::Map(entries).into())
    }

    fn values(&self, e: u64, a: u64, reverse: bool) -> Vec<Val> {
        let facts = self.facts.iter().filter(|f| f.a == a);
        let mut found: Vec<Val> = match reverse {
            false => facts.filter(|f| f.e == e).map(|f| f.v.clone()).collect(),
            true => facts
                .filter(|f| f.v == Val::Ref(EntityId(e)))
                .map(|f| Val::Ref(EntityId(f.e)))
                .collect(),
        };
        found.sort();
        found
    }
}
