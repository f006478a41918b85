//! Attributes as the engine sees them, read from datoms like any other fact.
//!
//! A [`Schema`] is immutable and belongs to a database value; [`Schema::apply`] makes the next one from the
//! schema datoms of a transaction. All idents ever given stay resolvable: a rename keeps the old name.

pub mod bootstrap;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::datom::{EntityId, Partition, Value, ValueType};
use crate::edn::{Edn, Keyword, Symbol};
use crate::error::Result;

/// How many values an entity has for an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// At most one.
    One,
    /// A set.
    Many,
}

/// Whether a value names one entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unique {
    /// A value belongs to one entity; a second owner is refused.
    Value,
    /// As `Value`, and asserting it about a tempid means its owner (upsert).
    Identity,
}

/// What a tuple attribute's slots hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TupleKind {
    /// Kept by the database from these attributes of the entity.
    Composite(Vec<u32>),
    /// One type a slot.
    Heterogeneous(Vec<ValueType>),
    /// 2 to 8 slots of one type.
    Homogeneous(ValueType),
}

/// An attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its entity's counter (attributes live in partition 0).
    pub id: u32,
    /// Its newest name.
    pub ident: Keyword,
    /// The type of its values; never changes.
    pub value_type: ValueType,
    /// One or many values.
    pub cardinality: Cardinality,
    /// Whether values are unique, and how.
    pub unique: Option<Unique>,
    /// Whether the entities it refers to are parts of the referring one.
    pub is_component: bool,
    /// Whether it is in AVET.
    pub indexed: bool,
    /// Whether old values may be dropped.
    pub no_history: bool,
    /// A unique composite ignores tuples with a nil slot.
    pub unique_partial: bool,
    /// What it means.
    pub doc: Option<Arc<str>>,
    /// Tuple slots, for type tuple.
    pub tuple: Option<TupleKind>,
    /// Names of predicates each asserted value must pass.
    pub preds: Vec<Symbol>,
}

impl Attribute {
    /// Its entity.
    pub fn entity(&self) -> EntityId {
        EntityId(self.id as u64)
    }
    /// Whether it refers to entities.
    pub fn is_ref(&self) -> bool {
        self.value_type == ValueType::Ref
    }
    /// Whether an entity has at most one value.
    pub fn is_one(&self) -> bool {
        self.cardinality == Cardinality::One
    }
    /// The attributes a composite tuple is made of.
    pub fn composite_members(&self) -> Option<&[u32]> {
        match &self.tuple {
            Some(TupleKind::Composite(members)) => Some(members),
            _ => None,
        }
    }
}

/// Looked up by every stage of every transaction and query, so hashing must cost little; the keys are the schema's own.
type Map<K, V> = im::GenericHashMap<K, V, rustc_hash::FxBuildHasher, im::shared_ptr::DefaultSharedPtr>;

/// The values of an entity for the attributes that describe attributes; nearly always one each. Opening a database makes one for
/// each attribute and ident there is, so they are small.
type Definition = Vec<(u32, SmallVec<[Value; 1]>)>;

/// The attributes and idents of a database value. Cheap to clone.
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::{Keyword, datom::ValueType, testing};
/// let db = testing::fixture(
///     "[{:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one
///        :db/unique :db.unique/identity :db/doc \"What is painted on the bow.\"}]",
/// )?
/// .db();
/// let name = db.schema().attr_by_ident(&Keyword::from(":ship/name")).expect("it is declared");
/// assert_eq!((name.value_type, name.is_one(), name.unique.is_some()), (ValueType::String, true, true));
/// assert_eq!(name.doc.as_deref(), Some("What is painted on the bow."));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Schema {
    attrs: Map<u32, Arc<Attribute>>,
    by_ident: Map<Keyword, EntityId>,
    idents: Map<EntityId, Keyword>,
    /// member attribute -> the composites that contain it
    composites: Map<u32, Vec<u32>>,
    /// what is said with the attributes that describe attributes
    facts: Map<EntityId, Arc<Definition>>,
    /// `:db.entity/always`: (marker, spec), also of markers that are no attributes yet
    markers: Arc<[(Keyword, EntityId)]>,
    /// those whose marker is an attribute
    always: Arc<[(u32, EntityId)]>,
}

impl Schema {
    /// The attribute with entity counter `id`.
    pub fn attr(&self, id: u32) -> Option<&Arc<Attribute>> {
        self.attrs.get(&id)
    }
    /// The attribute of an entity id.
    pub fn attr_of(&self, e: EntityId) -> Option<&Arc<Attribute>> {
        u32::try_from(e.0).ok().and_then(|id| self.attrs.get(&id))
    }
    /// The attribute named `ident`, by any name it ever had.
    pub fn attr_by_ident(&self, ident: &Keyword) -> Option<&Arc<Attribute>> {
        self.by_ident.get(ident).and_then(|e| self.attr_of(*e))
    }
    /// The entity named `ident`, by any name it ever had.
    pub fn entid(&self, ident: &Keyword) -> Option<EntityId> {
        self.by_ident.get(ident).copied()
    }
    /// The newest name of `e`.
    pub fn ident(&self, e: EntityId) -> Option<&Keyword> {
        self.idents.get(&e)
    }
    /// All attributes, in no order.
    pub fn attrs(&self) -> impl Iterator<Item = &Arc<Attribute>> {
        self.attrs.values()
    }
    /// All names that resolve, in no order.
    pub fn idents(&self) -> impl Iterator<Item = (&Keyword, EntityId)> {
        self.by_ident.iter().map(|(k, e)| (k, *e))
    }
    /// The composite tuples that `member` is part of.
    pub fn composites_of(&self, member: u32) -> &[u32] {
        self.composites.get(&member).map_or(&[], |v| v)
    }
    /// The type of an attribute's values.
    pub fn value_type(&self, attr: u32) -> Option<ValueType> {
        self.attrs.get(&attr).map(|a| a.value_type)
    }

    /// The schema of an empty database: nothing at all, not even `:db/ident`.
    pub fn empty() -> Schema {
        Schema {
            attrs: Map::default(),
            by_ident: Map::default(),
            idents: Map::default(),
            composites: Map::default(),
            facts: Map::default(),
            markers: Arc::default(),
            always: Arc::default(),
        }
    }

    /// Whether a fact with this attribute can change the schema.
    pub fn is_schema_attr(a: u32) -> bool {
        bootstrap::SCHEMA_ATTRS.contains(&a)
    }
    /// Whether a fact of `e` with this attribute changes the schema. Descriptions of what can be no attribute do not: they are data like
    /// any other, and must not fill the memory.
    pub fn is_schema_fact(e: EntityId, a: u32) -> bool {
        Schema::is_schema_attr(a) && (a != bootstrap::DOC || e.partition() == Partition::DB)
    }

    /// The schema after these facts `(e, a, v, added)`, which must be in the order of time. Facts of attributes
    /// that define nothing are skipped, so whole transactions can be given. Checks are the transactor's work:
    /// what is in the log is applied as it stands.
    pub fn apply<'a>(&self, facts: impl IntoIterator<Item = (EntityId, u32, &'a Value, bool)>) -> Schema {
        let mut next = self.clone();
        let mut touched: Vec<EntityId> = Vec::new();
        let (mut markers_changed, mut names_changed) = (false, false);
        // Entity by entity, and of each retractions before assertions: within one transaction a replaced value is both.
        let mut facts: Vec<_> = facts
            .into_iter()
            .filter(|(e, a, _, _)| Schema::is_schema_fact(*e, *a))
            .collect();
        facts.sort_by_key(|(e, _, _, added)| (*e, *added));
        for of_one in facts.chunk_by(|(x, ..), (y, ..)| x == y) {
            let e = of_one[0].0;
            let mut definition = next.facts.get(&e).cloned().unwrap_or_default();
            let known = Arc::make_mut(&mut definition);
            for &(_, a, v, added) in of_one {
                if a == bootstrap::IDENT
                    && let Value::Keyword(k) = v
                {
                    if added {
                        next.by_ident.insert(k.clone(), e);
                        next.idents.insert(e, k.clone());
                    } else if next.idents.get(&e) == Some(k) {
                        next.idents.remove(&e);
                    }
                }
                markers_changed |= a == bootstrap::ENTITY_ALWAYS;
                names_changed |=
                    added && (a == bootstrap::VALUE_TYPE || a == bootstrap::IDENT && next.attr_of(e).is_some());
                let at = known.iter().position(|(other, _)| *other == a).unwrap_or_else(|| {
                    known.push((a, SmallVec::new()));
                    known.len() - 1
                });
                let values = &mut known[at].1;
                values.retain(|x| x != v);
                if added {
                    values.push(v.clone());
                }
            }
            next.facts.insert(e, definition);
            touched.push(e);
        }
        for e in touched {
            next.rebuild(e);
        }
        if markers_changed {
            next.collect_markers();
        }
        if markers_changed || names_changed && !next.markers.is_empty() {
            next.find_markers();
        }
        next
    }

    /// Whether `e` was installed as a partition.
    pub fn is_partition(&self, e: EntityId) -> bool {
        let installed = self.definition(EntityId(0), bootstrap::INSTALL_PARTITION);
        installed.contains(&Value::Ref(e))
    }
    /// The specs that hold for every entity with some attribute: `(attribute, spec)`, by `:db.entity/always`.
    pub fn always_specs(&self) -> &[(u32, EntityId)] {
        &self.always
    }
    /// The values of a definition attribute that `e` has.
    pub fn definition(&self, e: EntityId, a: u32) -> &[Value] {
        self.facts.get(&e).map_or(&[], |known| values(known, a))
    }

    /// The type of a slot of a tuple attribute; `None` for what is no tuple, and beyond its slots.
    pub fn slot_type(&self, attr: &Attribute, slot: usize) -> Option<ValueType> {
        match attr.tuple.as_ref()? {
            TupleKind::Composite(members) => self.value_type(*members.get(slot)?),
            TupleKind::Heterogeneous(types) => types.get(slot).copied(),
            TupleKind::Homogeneous(ty) => Some(*ty),
        }
    }

    /// The value of `attr` that a form means. Refs must be entity ids: names are resolved by whoever has a database.
    pub fn value_from_edn(&self, attr: &Attribute, form: &Edn) -> Result<Value> {
        let ident = &attr.ident;
        let slots = match &attr.tuple {
            Some(TupleKind::Composite(members)) => Some(members.len()),
            Some(TupleKind::Heterogeneous(types)) => Some(types.len()),
            Some(TupleKind::Homogeneous(_)) => None,
            None => return Value::from_edn_for(form, attr.value_type, ident),
        };
        let slot = |i: usize| self.slot_type(attr, i).unwrap_or(ValueType::String);
        Value::tuple_from_edn(form, slots, &slot, ident)
    }

    /// Reads the definition of entity `e` anew from its facts.
    fn rebuild(&mut self, e: EntityId) {
        let (Ok(id), Some(known)) = (u32::try_from(e.0), self.facts.get(&e).cloned()) else {
            return;
        };
        let one = |a| values(&known, a).last();
        let flag = |a, default| match one(a) {
            Some(Value::Boolean(b)) => *b,
            _ => default,
        };
        let (Some(ident), Some(value_type)) = (
            self.idents.get(&e).cloned(),
            one(bootstrap::VALUE_TYPE).and_then(value_type_of),
        ) else {
            return;
        };
        let many = one(bootstrap::CARDINALITY) == Some(&Value::Ref(EntityId(bootstrap::CARDINALITY_MANY as u64)));
        let unique = match one(bootstrap::UNIQUE) {
            Some(Value::Ref(EntityId(u))) if *u == bootstrap::UNIQUE_IDENTITY as u64 => Some(Unique::Identity),
            Some(Value::Ref(EntityId(u))) if *u == bootstrap::UNIQUE_VALUE as u64 => Some(Unique::Value),
            _ => None,
        };
        let tuple = self.tuple_kind(&known);
        let preds = values(&known, bootstrap::ATTR_PREDS)
            .iter()
            .filter_map(|v| match v {
                Value::Symbol(s) => Some(s.clone()),
                _ => None,
            })
            .collect();
        let attr = Attribute {
            id,
            ident,
            value_type,
            cardinality: if many { Cardinality::Many } else { Cardinality::One },
            unique,
            is_component: flag(bootstrap::IS_COMPONENT, false),
            indexed: unique.is_some() || flag(bootstrap::INDEX, true),
            no_history: flag(bootstrap::NO_HISTORY, false),
            unique_partial: flag(bootstrap::UNIQUE_PARTIAL, false),
            doc: match one(bootstrap::DOC) {
                Some(Value::String(s)) => Some(s.clone()),
                _ => None,
            },
            tuple,
            preds,
        };
        if let Some(members) = attr.composite_members() {
            for &m in members {
                let mut list = self.composites.get(&m).cloned().unwrap_or_default();
                if !list.contains(&id) {
                    list.push(id);
                    list.sort_unstable();
                }
                self.composites.insert(m, list);
            }
        }
        self.attrs.insert(id, Arc::new(attr));
    }

    fn collect_markers(&mut self) {
        let mut markers = Vec::new();
        for (e, known) in &self.facts {
            for value in values(known, bootstrap::ENTITY_ALWAYS) {
                if let Value::Keyword(marker) = value {
                    markers.push((marker.clone(), *e));
                }
            }
        }
        self.markers = markers.into();
    }

    fn find_markers(&mut self) {
        let attr = |(marker, spec): &(Keyword, EntityId)| self.attr_by_ident(marker).map(|attr| (attr.id, *spec));
        let mut always: Vec<(u32, EntityId)> = self.markers.iter().filter_map(attr).collect();
        always.sort_unstable();
        self.always = always.into();
    }

    fn tuple_kind(&self, known: &Definition) -> Option<TupleKind> {
        let one = |a| values(known, a).last();
        let keywords = |v: &Value| -> Vec<Keyword> {
            match v {
                Value::Tuple(slots) => slots
                    .iter()
                    .filter_map(|s| match s {
                        Some(Value::Keyword(k)) => Some(k.clone()),
                        _ => None,
                    })
                    .collect(),
                _ => Vec::new(),
            }
        };
        let ty = |k: &Keyword| ValueType::from_name(k.name());
        if let Some(v) = one(bootstrap::TUPLE_ATTRS) {
            let members = keywords(v)
                .iter()
                .filter_map(|k| self.entid(k))
                .filter_map(|e| u32::try_from(e.0).ok())
                .collect();
            return Some(TupleKind::Composite(members));
        }
        if let Some(v) = one(bootstrap::TUPLE_TYPES) {
            return Some(TupleKind::Heterogeneous(keywords(v).iter().filter_map(ty).collect()));
        }
        match one(bootstrap::TUPLE_TYPE) {
            Some(Value::Keyword(k)) => ty(k).map(TupleKind::Homogeneous),
            _ => None,
        }
    }
}

/// What a definition says with one attribute.
fn values(known: &Definition, a: u32) -> &[Value] {
    known
        .iter()
        .find(|(other, _)| *other == a)
        .map_or(&[], |(_, values)| values)
}

/// The type that a reference to `:db.type/...` means.
pub fn value_type_of(v: &Value) -> Option<ValueType> {
    match v {
        Value::Ref(EntityId(e)) => bootstrap::VALUE_TYPES
            .iter()
            .find(|(_, id)| *id as u64 == *e)
            .map(|(t, _)| *t),
        _ => None,
    }
}
