//! A record as facts: values of attributes, references, and parts.

use asof::datom::{Value, ValueType};
use asof::edn::Keyword;
use asof::error::{Code, Error, Result};
use asof::schema::Schema;

use super::convert;
use super::csv::{self, Field};
use super::json::Json;
use super::shape::{How, Shape, Target};

/// What is said about an entity.
#[derive(Debug, Default)]
pub struct Item {
    pub facts: Vec<(u32, Fact)>,
}

/// What an attribute is said to have.
#[derive(Debug)]
pub enum Fact {
    Value(Value),
    /// The entity whose attribute has this value.
    Link(Keyword, u32, Value, Missing),
    /// The entity of this name.
    Named(Keyword),
    /// An entity of its own.
    Part(Item),
}

/// What happens when the entity that is referred to is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is made.
    Made,
    /// It is an error.
    Refused,
}

/// What is wrong with a record, and in which column.
#[derive(Debug)]
pub struct Misfit {
    pub column: Option<String>,
    pub error: Error,
}

impl From<Error> for Misfit {
    fn from(error: Error) -> Misfit {
        Misfit { column: None, error }
    }
}

impl Misfit {
    /// The same with a way out.
    pub fn hint(self, hint: &str) -> Misfit {
        Misfit {
            error: self.error.hint(hint),
            ..self
        }
    }
}

fn in_column(column: &str) -> impl Fn(Error) -> Misfit {
    move |error| Misfit {
        column: Some(column.to_string()),
        error,
    }
}

/// Makes items of one shape.
pub struct Maker<'a> {
    pub shape: &'a Shape,
    pub schema: &'a Schema,
    /// Texts that stand for no value.
    pub null: &'a [String],
    /// The columns that were said to name the entity, and their attributes.
    pub ids: &'a [(String, u32)],
}

impl Maker<'_> {
    /// Of a row, whose fields are those of the shape.
    pub fn row(&self, fields: &[Field]) -> Result<Item, Misfit> {
        let mut item = Item::default();
        if fields.len() != self.shape.fields.len() {
            let counts = format!(
                "it has {}, the header has {}",
                crate::print::plural(fields.len() as u64, "field"),
                self.shape.fields.len()
            );
            let error = Error::new(Code::ImportFailed, counts);
            return Err(error.hint("a field with a delimiter in it stands in quotes").into());
        }
        for (field, column) in fields.iter().zip(&self.shape.fields) {
            let Some(target) = &column.target else { continue };
            let wrong = in_column(&column.path);
            match target.separator {
                None => item
                    .facts
                    .extend(self.text(field, target, &column.path).map_err(wrong)?),
                Some(separator) if self.holds(field, ValueType::String) => {
                    for element in csv::elements(&field.text, separator) {
                        item.facts
                            .extend(self.text(&element, target, &column.path).map_err(&wrong)?);
                    }
                }
                Some(_) => {}
            }
        }
        self.named(item)
    }

    /// Refuses a record without a value to find it again by: each import would make another entity of it.
    fn named(&self, item: Item) -> Result<Item, Misfit> {
        let nameless = !item
            .facts
            .iter()
            .any(|(attr, _)| self.ids.iter().any(|(_, id)| id == attr));
        match self.ids {
            [(column, _), ..] if nameless && !item.facts.is_empty() => {
                let error = Error::new(Code::ImportFailed, "it is empty, and it names the entity");
                Err(in_column(column)(
                    error.hint("without --id each row is an entity of its own"),
                ))
            }
            _ => Ok(item),
        }
    }

    /// Whether a field has a value: an empty one in quotes is an empty text.
    fn holds(&self, field: &Field, ty: ValueType) -> bool {
        match field.text.is_empty() {
            true => field.quoted && matches!(ty, ValueType::String | ValueType::Uri | ValueType::Bytes),
            false => field.quoted || !self.null.contains(&field.text),
        }
    }

    fn text(&self, field: &Field, target: &Target, path: &str) -> Result<Option<(u32, Fact)>> {
        let ty = match &target.how {
            How::Link(attr) => attr.value_type,
            _ => target.attr.value_type,
        };
        if !self.holds(field, ty) {
            return Ok(None);
        }
        let fact = match &target.how {
            How::Value
                if ty == ValueType::Ref
                    && let Some(name) = ident(&field.text) =>
            {
                Fact::Named(name)
            }
            How::Value => {
                if !target.nearest {
                    convert::whole(&field.text, ty, path)?;
                }
                Fact::Value(convert::attribute_text(self.schema, &target.attr, &field.text)?)
            }
            How::Link(attr) => link(attr, convert::attribute_text(self.schema, attr, &field.text)?),
            How::Nested(_) => return Err(Error::new(Code::WrongType, "a text is no object")),
        };
        Ok(Some((target.attr.id, fact)))
    }

    /// Of an object.
    pub fn object(&self, value: &Json) -> Result<Item, Misfit> {
        let Json::Object(entries) = value else {
            let message = format!("a record is an object, not {}", value.kind());
            return Err(Error::new(Code::ImportFailed, message).into());
        };
        self.named(self.entries(entries, self.shape)?)
    }

    fn entries(&self, entries: &[(String, Json)], shape: &Shape) -> Result<Item, Misfit> {
        let mut item = Item::default();
        for (key, value) in entries {
            if *value == Json::Null || matches!(value, Json::Array(items) if items.is_empty()) {
                continue;
            }
            let Some(field) = shape.field(key) else {
                let error = Error::new(Code::ImportFailed, format!("the key {key} is not in the sample"));
                return Err(in_column(key)(error.hint(
                    "--sample N looks at more records before the first is imported, --sample all at all",
                )));
            };
            let Some(target) = &field.target else { continue };
            let is_list = target.separator.is_some() || target.attr.value_type != ValueType::Tuple;
            match value {
                Json::Array(items) if is_list => {
                    if target.attr.is_one() {
                        let message = format!("an array, but {} has one value", target.attr.ident);
                        return Err(in_column(&field.path)(Error::new(Code::WrongType, message)));
                    }
                    // An attribute of several tuples takes one alone, too.
                    if target.attr.value_type == ValueType::Tuple && !items.iter().all(|i| matches!(i, Json::Array(_)))
                    {
                        self.value(value, target, &field.path, &mut item)?;
                        continue;
                    }
                    for value in items {
                        self.value(value, target, &field.path, &mut item)?;
                    }
                }
                value => self.value(value, target, &field.path, &mut item)?,
            }
        }
        Ok(item)
    }

    fn value(&self, value: &Json, target: &Target, path: &str, item: &mut Item) -> Result<(), Misfit> {
        let wrong = in_column(path);
        let fact = match (&target.how, value) {
            (_, Json::Null) => return Ok(()),
            (_, Json::Text(text)) if self.null.contains(text) => return Ok(()),
            (How::Nested(shape), Json::Object(entries)) => {
                let part = self.entries(entries, shape)?;
                if part.facts.is_empty() {
                    return Ok(());
                }
                Fact::Part(part)
            }
            (How::Nested(_), other) => {
                let message = format!("{} where other records have an object", other.kind());
                return Err(wrong(Error::new(Code::WrongType, message)));
            }
            (How::Value, Json::Text(text))
                if target.attr.is_ref()
                    && let Some(name) = ident(text) =>
            {
                Fact::Named(name)
            }
            (How::Value, Json::Number(text)) if target.as_text => Fact::Value(Value::string(text.as_str())),
            (How::Value, Json::Bool(b)) if target.as_text => Fact::Value(Value::string(b.to_string())),
            (How::Value, value) => {
                if let (Json::Number(text), false) = (value, target.nearest) {
                    convert::whole(text, target.attr.value_type, path).map_err(&wrong)?;
                }
                Fact::Value(convert::attribute_json(self.schema, &target.attr, value).map_err(wrong)?)
            }
            (How::Link(attr), value) => link(attr, convert::attribute_json(self.schema, attr, value).map_err(wrong)?),
        };
        item.facts.push((target.attr.id, fact));
        Ok(())
    }
}

/// The name of an entity that a text is, in a column of references.
fn ident(text: &str) -> Option<Keyword> {
    text.strip_prefix(':').map(Keyword::new).filter(Keyword::is_readable)
}

fn link(attr: &asof::schema::Attribute, value: Value) -> Fact {
    let missing = match attr.unique {
        Some(asof::schema::Unique::Identity) => Missing::Made,
        _ => Missing::Refused,
    };
    Fact::Link(attr.ident.clone(), attr.id, value, missing)
}
