//! The attributes that records become: what was seen in them, what the mapping says, and what the database has already.

use std::collections::HashMap;
use std::sync::Arc;

use asof::datom::ValueType;
use asof::db::Db;
use asof::edn::{Edn, Keyword, Node};
use asof::error::{Code, Error, Result};
use asof::schema::{Attribute, Schema, Unique};

use super::infer::{Fields, Seen};
use super::mapping::{Mapping, Rule, SEPARATOR};

/// What an object or row becomes.
#[derive(Debug)]
pub struct Shape {
    pub fields: Vec<Field>,
    places: HashMap<String, usize>,
}

/// What a column becomes.
#[derive(Debug)]
pub struct Field {
    /// What users call it: the column, or the path to it.
    pub path: String,
    /// `None` for a column that is left out.
    pub target: Option<Target>,
}

/// An attribute, and how its values are made.
#[derive(Debug)]
pub struct Target {
    pub attr: Arc<Attribute>,
    pub how: How,
    /// What parts several values in one text.
    pub separator: Option<char>,
    /// The value names the entity.
    pub id: bool,
    /// Scalars of JSON that are no texts are taken as text, as they stand there.
    pub as_text: bool,
    /// Somebody asked for the type, and so for the number that is nearest.
    pub nearest: bool,
}

/// How a value is made.
#[derive(Debug)]
pub enum How {
    Value,
    /// It is the value of this attribute of the entity that is meant.
    Link(Arc<Attribute>),
    Nested(Shape),
}

impl Shape {
    /// The field of a name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.places.get(name).map(|&place| &self.fields[place])
    }
    /// Whether there are nested objects.
    pub fn nests(&self) -> bool {
        let nested = |f: &Field| {
            matches!(
                &f.target,
                Some(Target {
                    how: How::Nested(_),
                    ..
                })
            )
        };
        self.fields.iter().any(nested)
    }
    /// The attributes of its columns, but for those that name the entity.
    pub fn replaced(&self) -> Vec<u32> {
        let targets = self.fields.iter().filter_map(|f| f.target.as_ref());
        targets.filter(|t| !t.id).map(|t| t.attr.id).collect()
    }
    /// Whether its entities are found again by an attribute.
    pub fn is_named(&self) -> bool {
        self.fields
            .iter()
            .filter_map(|f| f.target.as_ref())
            .any(|target| target.id)
    }
    /// The attributes that name entities, here and in nested objects.
    pub fn ids(&self) -> Vec<Arc<Attribute>> {
        let mut found = Vec::new();
        for target in self.fields.iter().filter_map(|f| f.target.as_ref()) {
            if target.id {
                found.push(target.attr.clone());
            }
            if let How::Nested(inner) = &target.how {
                found.extend(inner.ids());
            }
        }
        found
    }
}

/// A column before it is known whether its attribute exists.
struct Column<'a> {
    name: &'a str,
    path: String,
    ident: Keyword,
    rule: Rule,
    seen: &'a Seen,
}

impl Column<'_> {
    /// The namespace of the attributes of the objects in it.
    fn inner(&self) -> String {
        let own = || match self.ident.ns() {
            Some(ns) => format!("{ns}.{}", self.ident.name()),
            None => self.ident.name().to_string(),
        };
        self.rule.entity.clone().unwrap_or_else(own)
    }
    /// The fields of the objects in it.
    fn nested(&self) -> Option<&Fields> {
        self.seen.object.as_ref().filter(|_| self.rule.link.is_none())
    }
    fn is_many(&self) -> bool {
        self.rule.many.is_some() || self.seen.array && self.rule.ty != Some(ValueType::Tuple)
    }
    /// Whether there is anything to import.
    fn left_out(&self) -> bool {
        self.rule.skip
    }
    fn wrong(&self, what: String) -> Error {
        Error::new(Code::InvalidArgument, format!("column {}: {what}", self.path))
    }
}

fn columns<'a>(fields: &'a Fields, entity: &str, prefix: &str, mapping: &Mapping) -> Result<Vec<Column<'a>>> {
    let mut out: Vec<Column> = Vec::new();
    for (name, seen) in fields.iter() {
        let path = format!("{prefix}{name}");
        let rule = mapping.of(&path);
        let ident = match &rule.attr {
            Some(attr) => attr.clone(),
            None => ident(name, entity),
        };
        // A name with an underscore before it would be a reverse attribute.
        if !rule.skip && (!ident.is_readable() || ident.name().starts_with('_')) {
            let error = Error::new(
                Code::InvalidArgument,
                format!("column {path:?} has no name for an attribute"),
            );
            return Err(match name.trim().is_empty() {
                true => error
                    .hint("leave it out with --skip ''; or --header a,b,c names the columns of a table without header"),
                false => error.hint(format!(
                    "name one with --attr {path}=:{entity}/..., or leave it out with --skip"
                )),
            });
        }
        let column = Column {
            name,
            path,
            ident,
            rule,
            seen,
        };
        if let Some(other) = out
            .iter()
            .find(|c| c.ident == column.ident && !c.left_out() && !column.left_out())
        {
            return Err(column
                .wrong(format!("it would be {}, as column {} is", column.ident, other.path))
                .hint("name another attribute with --attr, or leave one out with --skip"));
        }
        out.push(column);
    }
    Ok(out)
}

/// `name` in `entity`; a name with a namespace of its own stays as it is.
fn ident(name: &str, entity: &str) -> Keyword {
    let allowed = |c: char| c.is_alphanumeric() || "-_.*+!?<>=$%&'".contains(c);
    let clean = |text: &str| -> String {
        let text: String = text.trim().chars().map(|c| if allowed(c) { c } else { '-' }).collect();
        // A name does not begin as a number does.
        match text.starts_with(|c: char| c.is_ascii_digit()) {
            true => format!("_{text}"),
            false => text,
        }
    };
    match name.split_once('/') {
        Some((ns, name)) if !ns.is_empty() && !name.is_empty() => Keyword::from_parts(&clean(ns), &clean(name)),
        _ => Keyword::from_parts(&clean(entity), &clean(name)),
    }
}

/// All paths of columns.
pub fn paths(fields: &Fields, prefix: &str, out: &mut Vec<String>) {
    for (name, seen) in fields.iter() {
        let path = format!("{prefix}{name}");
        if let Some(inner) = &seen.object {
            paths(inner, &format!("{path}."), out);
        }
        out.push(path);
    }
}

/// The attributes that are missing in `schema`, as transaction data.
pub fn definitions(fields: &Fields, entity: &str, mapping: &Mapping, schema: &Schema) -> Result<Vec<Edn>> {
    let mut data = Vec::new();
    define(fields, entity, "", mapping, schema, &mut data)?;
    Ok(data)
}

fn define(
    fields: &Fields,
    entity: &str,
    prefix: &str,
    mapping: &Mapping,
    schema: &Schema,
    data: &mut Vec<Edn>,
) -> Result<()> {
    for column in columns(fields, entity, prefix, mapping)? {
        if column.left_out() {
            continue;
        }
        let nested = column.nested();
        if schema.attr_by_ident(&column.ident).is_none() {
            // A column without a single value says nothing of its type: text, which takes everything.
            let ty = match (nested, &column.rule.link, column.rule.ty) {
                (Some(_), ..) | (_, Some(_), _) => ValueType::Ref,
                (None, None, Some(ty)) => ty,
                (None, None, None) => column.seen.ty(),
            };
            if nested.is_some() && column.seen.scalar() {
                return Err(column.wrong("some of its values are objects and some are not".to_string()));
            }
            let kw = |name: &str| Edn::from(Node::Keyword(Keyword::new(name)));
            let mut pairs = vec![
                (kw("db/ident"), Edn::from(Node::Keyword(column.ident.clone()))),
                (kw("db/valueType"), kw(&format!("db.type/{}", ty.name()))),
                (
                    kw("db/cardinality"),
                    kw(if column.is_many() {
                        "db.cardinality/many"
                    } else {
                        "db.cardinality/one"
                    }),
                ),
            ];
            if column.rule.id {
                pairs.push((kw("db/unique"), kw("db.unique/identity")));
            }
            // What has a name of its own is no part of something else.
            let named = |inner: &Fields| {
                inner
                    .iter()
                    .any(|(name, _)| mapping.of(&format!("{}.{name}", column.path)).id)
            };
            if nested.is_some_and(|inner| !named(inner)) {
                pairs.push((kw("db/isComponent"), Node::Bool(true).into()));
            }
            data.push(Node::Map(pairs).into());
        }
        if let Some(inner) = nested {
            define(
                inner,
                &column.inner(),
                &format!("{}.", column.path),
                mapping,
                schema,
                data,
            )?;
        }
    }
    Ok(())
}

/// The shape of records; all attributes are in `db`.
pub fn shape(fields: &Fields, entity: &str, mapping: &Mapping, db: &Db) -> Result<Shape> {
    build(fields, entity, "", mapping, db)
}

fn build(fields: &Fields, entity: &str, prefix: &str, mapping: &Mapping, db: &Db) -> Result<Shape> {
    let mut shape = Shape {
        fields: Vec::new(),
        places: HashMap::new(),
    };
    for column in columns(fields, entity, prefix, mapping)? {
        let target = match column.left_out() {
            true => None,
            false => Some(target(&column, mapping, db)?),
        };
        shape.places.insert(column.name.to_string(), shape.fields.len());
        shape.fields.push(Field {
            path: column.path,
            target,
        });
    }
    Ok(shape)
}

fn target(column: &Column, mapping: &Mapping, db: &Db) -> Result<Target> {
    let attr = db.attribute(&column.ident)?.clone();
    let rule = &column.rule;
    if let Some(ty) = rule.ty.filter(|ty| *ty != attr.value_type) {
        return Err(column.wrong(format!("{} is a {} already, not a {ty}", attr.ident, attr.value_type)));
    }
    if attr.composite_members().is_some() {
        return Err(column
            .wrong(format!(
                "{} is a composite tuple, which the database keeps itself",
                attr.ident
            ))
            .hint("leave it out with --skip"));
    }
    if rule.many.is_some() && attr.is_one() {
        return Err(column.wrong(format!("{} has one value, not many", attr.ident)));
    }
    if rule.id && attr.unique != Some(Unique::Identity) {
        return Err(column
            .wrong(format!("{} is there already and names no entity", attr.ident))
            .hint(format!(
                "make it unique first: asof transact -e '[{{:db/id {} :db/unique :db.unique/identity}}]'",
                attr.ident
            )));
    }
    let how = match (&rule.link, column.nested()) {
        (Some(link), _) => {
            let link = db.attribute(link).map_err(|e| {
                let error = column.wrong(format!("there is no attribute {link} to refer by"));
                match e.hint_text() {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            })?;
            if link.unique.is_none() {
                return Err(column.wrong(format!("{} is not unique, so its values name no entity", link.ident)));
            }
            if !attr.is_ref() {
                return Err(column.wrong(format!("{} is a {} and refers to nothing", attr.ident, attr.value_type)));
            }
            How::Link(link.clone())
        }
        (None, Some(inner)) => {
            if !attr.is_ref() {
                return Err(column.wrong(format!(
                    "{} is a {}, but there are objects",
                    attr.ident, attr.value_type
                )));
            }
            How::Nested(build(
                inner,
                &column.inner(),
                &format!("{}.", column.path),
                mapping,
                db,
            )?)
        }
        (None, None) => How::Value,
    };
    Ok(Target {
        id: attr.unique == Some(Unique::Identity),
        // An attribute that has several values already takes them without being told.
        separator: rule.many.or((!attr.is_one()).then_some(SEPARATOR)),
        as_text: attr.value_type == ValueType::String && (rule.ty.is_some() || column.seen.is_mixed()),
        nearest: rule.ty.is_some(),
        attr,
        how,
    })
}
