//! The facts of transaction 0: the attributes that describe attributes.

use crate::datom::{EntityId, Value, ValueType};
use crate::edn::Keyword;

/// `:db/ident`
pub const IDENT: u32 = 10;
/// `:db.cardinality/one`
pub const CARDINALITY_ONE: u32 = 35;
/// `:db.cardinality/many`
pub const CARDINALITY_MANY: u32 = 36;
/// `:db.unique/value`
pub const UNIQUE_VALUE: u32 = 37;
/// `:db.unique/identity`
pub const UNIQUE_IDENTITY: u32 = 38;
/// `:db/valueType`
pub const VALUE_TYPE: u32 = 40;
/// `:db/cardinality`
pub const CARDINALITY: u32 = 41;
/// `:db/unique`
pub const UNIQUE: u32 = 42;
/// `:db/isComponent`
pub const IS_COMPONENT: u32 = 43;
/// `:db/index`
pub const INDEX: u32 = 44;
/// `:db/noHistory`
pub const NO_HISTORY: u32 = 45;
/// `:db/uniquePartial`
pub const UNIQUE_PARTIAL: u32 = 46;
/// `:db/doc`
pub const DOC: u32 = 47;
/// `:db/tupleAttrs`
pub const TUPLE_ATTRS: u32 = 48;
/// `:db/tupleTypes`
pub const TUPLE_TYPES: u32 = 49;
/// `:db/txInstant`
pub const TX_INSTANT: u32 = 50;
/// `:db/tupleType`
pub const TUPLE_TYPE: u32 = 51;
/// `:db.attr/preds`
pub const ATTR_PREDS: u32 = 52;
/// `:db.entity/attrs`
pub const ENTITY_ATTRS: u32 = 53;
/// `:db.entity/preds`
pub const ENTITY_PREDS: u32 = 54;
/// `:db.entity/always`
pub const ENTITY_ALWAYS: u32 = 55;
/// `:db/ensure`: virtual, names the spec an entity must meet; leaves no datom
pub const ENSURE: u32 = 56;
/// `:db.install/partition`: names a partition on `:db.part/db`
pub const INSTALL_PARTITION: u32 = 57;

/// `:db.tx/nudged`: the instant a transaction asked for when it had to be nudged forward
pub const NUDGED: u32 = 58;

/// The first counter of the db partition that users' schema gets.
pub const FIRST_DB: u64 = 100;
/// The first counter of the user partition (and of named ones).
pub const FIRST_USER: u64 = 1000;

/// The entity of each value type.
pub const VALUE_TYPES: [(ValueType, u32); 15] = [
    (ValueType::Boolean, 20),
    (ValueType::Long, 21),
    (ValueType::BigInt, 22),
    (ValueType::Float, 23),
    (ValueType::Double, 24),
    (ValueType::BigDec, 25),
    (ValueType::Instant, 26),
    (ValueType::Keyword, 27),
    (ValueType::Symbol, 28),
    (ValueType::String, 29),
    (ValueType::Uri, 30),
    (ValueType::Uuid, 31),
    (ValueType::Bytes, 32),
    (ValueType::Ref, 33),
    (ValueType::Tuple, 34),
];

/// Attributes whose facts change the schema.
pub const SCHEMA_ATTRS: [u32; 15] = [
    IDENT,
    VALUE_TYPE,
    CARDINALITY,
    UNIQUE,
    IS_COMPONENT,
    INDEX,
    NO_HISTORY,
    UNIQUE_PARTIAL,
    DOC,
    TUPLE_ATTRS,
    TUPLE_TYPES,
    TUPLE_TYPE,
    ATTR_PREDS,
    INSTALL_PARTITION,
    ENTITY_ALWAYS,
];

struct Def(u32, &'static str, ValueType, bool, Option<u32>, &'static str);

const ATTRIBUTES: [Def; 20] = [
    Def(
        IDENT,
        "db/ident",
        ValueType::Keyword,
        false,
        Some(UNIQUE_IDENTITY),
        "The name of an entity.",
    ),
    Def(
        VALUE_TYPE,
        "db/valueType",
        ValueType::Ref,
        false,
        None,
        "The type of an attribute's values.",
    ),
    Def(
        CARDINALITY,
        "db/cardinality",
        ValueType::Ref,
        false,
        None,
        "One or many values.",
    ),
    Def(
        UNIQUE,
        "db/unique",
        ValueType::Ref,
        false,
        None,
        "Whether values name one entity.",
    ),
    Def(
        IS_COMPONENT,
        "db/isComponent",
        ValueType::Boolean,
        false,
        None,
        "Whether referred entities are parts.",
    ),
    Def(
        INDEX,
        "db/index",
        ValueType::Boolean,
        false,
        None,
        "Whether values can be looked up; true unless said otherwise.",
    ),
    Def(
        NO_HISTORY,
        "db/noHistory",
        ValueType::Boolean,
        false,
        None,
        "Whether old values may be dropped.",
    ),
    Def(
        UNIQUE_PARTIAL,
        "db/uniquePartial",
        ValueType::Boolean,
        false,
        None,
        "Whether tuples with a nil slot are exempt from uniqueness.",
    ),
    Def(DOC, "db/doc", ValueType::String, false, None, "What something means."),
    Def(
        TUPLE_ATTRS,
        "db/tupleAttrs",
        ValueType::Tuple,
        false,
        None,
        "The attributes a composite tuple is made of.",
    ),
    Def(
        TUPLE_TYPES,
        "db/tupleTypes",
        ValueType::Tuple,
        false,
        None,
        "The types of a tuple's slots.",
    ),
    Def(
        TUPLE_TYPE,
        "db/tupleType",
        ValueType::Keyword,
        false,
        None,
        "The type of all slots of a tuple.",
    ),
    Def(
        TX_INSTANT,
        "db/txInstant",
        ValueType::Instant,
        false,
        None,
        "When a transaction happened.",
    ),
    Def(
        ATTR_PREDS,
        "db.attr/preds",
        ValueType::Symbol,
        true,
        None,
        "Predicates each asserted value must pass.",
    ),
    Def(
        ENTITY_ATTRS,
        "db.entity/attrs",
        ValueType::Keyword,
        true,
        None,
        "Attributes a spec requires.",
    ),
    Def(
        ENTITY_PREDS,
        "db.entity/preds",
        ValueType::Symbol,
        true,
        None,
        "Predicates a spec requires of the entity.",
    ),
    Def(
        ENTITY_ALWAYS,
        "db.entity/always",
        ValueType::Keyword,
        false,
        None,
        "A spec that holds for every entity with this attribute.",
    ),
    Def(
        ENSURE,
        "db/ensure",
        ValueType::Ref,
        true,
        None,
        "Checks an entity against a spec; leaves no fact.",
    ),
    Def(
        INSTALL_PARTITION,
        "db.install/partition",
        ValueType::Ref,
        true,
        None,
        "Makes an entity a partition.",
    ),
    Def(
        NUDGED,
        "db.tx/nudged",
        ValueType::Instant,
        false,
        None,
        "The instant a transaction asked for when it had to be nudged forward.",
    ),
];

const NAMES: [(u32, &str); 7] = [
    (0, "db.part/db"),
    (3, "db.part/tx"),
    (4, "db.part/user"),
    (CARDINALITY_ONE, "db.cardinality/one"),
    (CARDINALITY_MANY, "db.cardinality/many"),
    (UNIQUE_VALUE, "db.unique/value"),
    (UNIQUE_IDENTITY, "db.unique/identity"),
];

/// The facts of transaction 0 `(e, a, v)`, without its instant.
pub fn facts() -> Vec<(EntityId, u32, Value)> {
    let keyword = |s: &str| {
        let (ns, name) = s.split_once('/').expect("every bootstrap name has a namespace");
        Value::Keyword(Keyword::from_parts(ns, name))
    };
    let reference = |id: u32| Value::Ref(EntityId(id as u64));
    let type_id = |t: ValueType| {
        VALUE_TYPES
            .iter()
            .find(|(x, _)| *x == t)
            .expect("every type has an entity")
            .1
    };
    let mut out = Vec::new();
    for (id, name) in NAMES {
        out.push((EntityId(id as u64), IDENT, keyword(name)));
    }
    for (ty, id) in VALUE_TYPES {
        out.push((EntityId(id as u64), IDENT, keyword(&format!("db.type/{}", ty.name()))));
    }
    for Def(id, name, ty, many, unique, doc) in ATTRIBUTES {
        let e = EntityId(id as u64);
        out.push((e, IDENT, keyword(name)));
        out.push((e, VALUE_TYPE, reference(type_id(ty))));
        out.push((
            e,
            CARDINALITY,
            reference(if many { CARDINALITY_MANY } else { CARDINALITY_ONE }),
        ));
        out.push((e, DOC, Value::string(doc)));
        if let Some(u) = unique {
            out.push((e, UNIQUE, reference(u)));
        }
        if id == TUPLE_ATTRS || id == TUPLE_TYPES {
            out.push((e, TUPLE_TYPE, keyword("db.type/keyword")));
        }
    }
    for part in [0u32, 3, 4] {
        out.push((EntityId(0), INSTALL_PARTITION, reference(part)));
    }
    out
}
