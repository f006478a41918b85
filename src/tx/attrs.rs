//! Attributes by keyword, looked up once per transaction and keyword.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use super::ops::Flags;
use crate::edn::Keyword;
use crate::schema::{Attribute, Schema};

/// An attribute with what stages ask of it most.
#[derive(Clone, Copy)]
pub(super) struct Attr<'a> {
    pub id: u32,
    pub flags: Flags,
    pub def: &'a Attribute,
}

/// What a key of a map form names.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    /// `:crew/mentor`
    Forward(Attr<'a>),
    /// `:crew/_mentor`
    Reverse(Attr<'a>),
}

const SLOTS: usize = 32;

/// A small table in front of the schema. A transaction of a thousand maps names the same few attributes again and
/// again, and the reader shares the text of equal keywords, so most lookups compare one pointer.
pub(super) struct Attrs<'a> {
    schema: &'a Schema,
    slots: Vec<Option<(Keyword, Key<'a>)>>,
}

impl<'a> Attrs<'a> {
    pub fn new(schema: &'a Schema) -> Attrs<'a> {
        Attrs {
            schema,
            slots: Vec::new(),
        }
    }

    /// The attribute of a definition.
    pub fn attr(&self, def: &'a Attribute) -> Attr<'a> {
        Attr {
            id: def.id,
            flags: Flags::of(def, self.schema),
            def,
        }
    }

    /// What `keyword` names as a key: an attribute, or one backwards; `None` when there is no such attribute.
    pub fn key(&mut self, keyword: &Keyword) -> Option<Key<'a>> {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let mut hasher = FxHasher::default();
        hasher.write(keyword.name().as_bytes());
        hasher.write_usize(keyword.ns().map_or(0, str::len));
        // The high bits of this hash are the mixed ones.
        let slot = (hasher.finish() >> 20) as usize % SLOTS;
        if let Some((known, key)) = &self.slots[slot]
            && same(known, keyword)
        {
            return Some(*key);
        }
        let key = self.look_up(keyword)?;
        self.slots[slot] = Some((keyword.clone(), key));
        Some(key)
    }

    fn look_up(&self, keyword: &Keyword) -> Option<Key<'a>> {
        if let Some(def) = self.schema.attr_by_ident(keyword) {
            return Some(Key::Forward(self.attr(def)));
        }
        let forward = keyword.name().strip_prefix('_').filter(|name| !name.is_empty())?;
        let forward = Keyword::from_parts(keyword.ns().unwrap_or(""), forward);
        self.schema
            .attr_by_ident(&forward)
            .map(|def| Key::Reverse(self.attr(def)))
    }
}

fn same(a: &Keyword, b: &Keyword) -> bool {
    let ns = |k: &Keyword| k.ns().map(str::as_ptr);
    (std::ptr::eq(a.name(), b.name()) && ns(a) == ns(b)) || a == b
}
