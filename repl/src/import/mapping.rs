//! What the columns of a file become: the options of the command line, and the same as a file of EDN.
//!
//! A column goes by its name; one inside of a nested object by its path, as `address.street`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use asof::datom::ValueType;
use asof::edn::{self, Edn, Keyword, Node};
use asof::error::{Code, Error, Result};
use clap::Args;

/// The separator of several values in a field where nobody says another.
pub const SEPARATOR: char = '|';

/// How columns become attributes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Mapping")]
pub struct MappingArgs {
    /// What the records are: the namespace of the attributes; the name of the file where not given
    #[arg(long, value_name = "NAME")]
    entity: Option<String>,
    /// A column whose value names the entity: made :db.unique/identity, so that importing again changes what is there
    #[arg(long, visible_alias = "unique", value_name = "COLUMN")]
    id: Vec<String>,
    /// The type of a column: long, double, string, instant, boolean, keyword, uuid, bigdec, ...
    #[arg(long = "type", value_name = "COLUMN=TYPE", value_parser = pair)]
    types: Vec<(String, String)>,
    /// A column with several values; in CSV they are parted by | or another character: tags, tags=;
    #[arg(long, value_name = "COLUMN[=CHAR]")]
    many: Vec<String>,
    /// A column that refers to the entity with this value of a unique attribute, made when it is not there
    #[arg(long = "ref", value_name = "COLUMN=ATTRIBUTE", value_parser = pair)]
    refs: Vec<(String, String)>,
    /// The attribute of a column, where it is not :NAME/COLUMN
    #[arg(long = "attr", value_name = "COLUMN=ATTRIBUTE", value_parser = pair)]
    attrs: Vec<(String, String)>,
    /// A column to leave out
    #[arg(long, value_name = "COLUMN")]
    skip: Vec<String>,
    /// A file of EDN with all of that: {:entity person, :id "email", :columns {"age" {:type long}}}
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// A text that stands for no value, besides an empty field
    #[arg(long, value_name = "TEXT")]
    null: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((column, rest)) if !column.is_empty() && !rest.is_empty() => Ok((column.into(), rest.into())),
        _ => Err("write COLUMN=...".to_string()),
    }
}

/// What is said about a column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    pub attr: Option<Keyword>,
    pub ty: Option<ValueType>,
    /// It has several values, parted by this.
    pub many: Option<char>,
    /// It names the entity with this value of the attribute.
    pub link: Option<Keyword>,
    pub skip: bool,
    /// It names its own entity.
    pub id: bool,
    /// The namespace of a nested object's attributes.
    pub entity: Option<String>,
}

/// What is said about all columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    pub entity: Option<String>,
    pub rules: BTreeMap<String, Rule>,
    pub null: Vec<String>,
}

/// Columns that a rejects file has besides those of the rows.
pub const REJECT_COLUMNS: [&str; 2] = ["asof-line", "asof-error"];

/// The column in which an export says which entity a row is.
pub const ID_COLUMN: &str = "db/id";

impl MappingArgs {
    /// All that options and map file say; options count more.
    pub fn read(&self) -> Result<Mapping> {
        let mut mapping = match &self.map {
            Some(file) => read_file(file)?,
            None => Mapping::default(),
        };
        for column in REJECT_COLUMNS.into_iter().chain([ID_COLUMN]) {
            mapping.rules.entry(column.to_string()).or_default().skip = true;
        }
        if let Some(entity) = &self.entity {
            mapping.entity = Some(entity.trim_start_matches(':').to_string());
        }
        mapping.null.extend(self.null.iter().cloned());
        for column in &self.id {
            mapping.rule(column).id = true;
        }
        for (column, ty) in &self.types {
            mapping.rule(column).ty = Some(value_type(ty)?);
        }
        for text in &self.many {
            let (column, separator) = match text.split_once('=') {
                None => (text.as_str(), SEPARATOR),
                Some((column, separator)) => (column, one_char(separator, "what parts values")?),
            };
            mapping.rule(column).many = Some(separator);
        }
        for (column, attr) in &self.refs {
            mapping.rule(column).link = Some(attribute(attr)?);
        }
        for (column, attr) in &self.attrs {
            mapping.rule(column).attr = Some(attribute(attr)?);
        }
        for column in &self.skip {
            mapping.rule(column).skip = true;
        }
        Ok(mapping)
    }
}

impl Mapping {
    fn rule(&mut self, column: &str) -> &mut Rule {
        let rule = self.rules.entry(column.to_string()).or_default();
        rule.skip = false;
        rule
    }

    /// What is said about a column.
    pub fn of(&self, column: &str) -> Rule {
        self.rules.get(column).cloned().unwrap_or_default()
    }

    /// Refuses rules for columns that are not there.
    pub fn check(&self, columns: &[String]) -> Result<()> {
        let given = |rule: &Rule| {
            *rule
                != Rule {
                    skip: true,
                    ..Rule::default()
                }
        };
        for (name, _) in self.rules.iter().filter(|(_, rule)| given(rule)) {
            if !columns.contains(name) {
                let list = columns.iter().map(|c| c.as_str()).collect::<Vec<_>>();
                let error = Error::new(Code::InvalidArgument, format!("there is no column {name}"));
                return Err(match asof::error::nearest(name, list.iter().copied()) {
                    Some(near) => error.hint(format!("did you mean {near}?")),
                    None => error.hint(format!("the columns are {}", list.join(", "))),
                });
            }
        }
        Ok(())
    }
}

/// A single character, `\t` among them.
pub fn one_char(text: &str, what: &str) -> Result<char> {
    let mut chars = text.chars();
    match (text, chars.next(), chars.next()) {
        ("\\t" | "tab", ..) => Ok('\t'),
        (_, Some(c), None) if !matches!(c, '"' | '\n' | '\r') => Ok(c),
        _ => Err(Error::new(
            Code::InvalidArgument,
            format!("{what} is one character, and no quote: not {text:?}"),
        )),
    }
}

fn attribute(text: &str) -> Result<Keyword> {
    let name = Keyword::new(text.strip_prefix(':').unwrap_or(text));
    match name.is_readable() {
        true => Ok(name),
        false => Err(
            Error::new(Code::InvalidArgument, format!("{text} is no name of an attribute"))
                .hint("write it as :person/name"),
        ),
    }
}

fn value_type(name: &str) -> Result<ValueType> {
    let short = name.trim_start_matches(':').trim_start_matches("db.type/");
    ValueType::from_name(short).ok_or_else(|| {
        let known: Vec<&str> = ValueType::ALL.iter().map(|t| t.name()).collect();
        Error::new(Code::InvalidArgument, format!("there is no type {name}"))
            .hint(format!("the types are {}", known.join(", ")))
    })
}

fn read_file(file: &Path) -> Result<Mapping> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|e| crate::unreadable(&name, e))?;
    edn::read_one(&text)
        .and_then(|form| from_edn(&form))
        .map_err(|e| e.in_source(&name, &text))
}

fn wrong(form: &Edn, what: &str) -> Error {
    Error::new(Code::InvalidArgument, format!("{form} does not belong here: {what}")).at(form.span)
}

/// A name, however it is written.
fn name(form: &Edn) -> Result<String> {
    match &form.node {
        Node::Str(s) => Ok(s.to_string()),
        Node::Symbol(s) => Ok(s.to_string()),
        Node::Keyword(k) => Ok(k.to_string().trim_start_matches(':').to_string()),
        Node::Char(c) => Ok(c.to_string()),
        _ => Err(wrong(form, "a name or text is expected")),
    }
}

fn names(form: &Edn) -> Result<Vec<String>> {
    match form.as_vector() {
        Some(items) => items.iter().map(name).collect(),
        None => Ok(vec![name(form)?]),
    }
}

fn entries(form: &Edn) -> Result<&[(Edn, Edn)]> {
    form.as_map().ok_or_else(|| wrong(form, "a map is expected"))
}

const KEYS: [&str; 4] = ["entity", "id", "null", "columns"];
const COLUMN_KEYS: [&str; 7] = ["attr", "type", "many", "ref", "skip", "id", "entity"];

fn from_edn(form: &Edn) -> Result<Mapping> {
    let mut mapping = Mapping::default();
    for (key, value) in entries(form)? {
        match name(key)?.as_str() {
            "entity" => mapping.entity = Some(name(value)?),
            "null" => mapping.null = names(value)?,
            "id" => {
                for column in names(value)? {
                    mapping.rule(&column).id = true;
                }
            }
            "columns" => {
                for (column, rule) in entries(value)? {
                    let column = name(column)?;
                    column_rule(mapping.rule(&column), rule)?;
                }
            }
            other => return Err(wrong(key, "a map file has these keys").suggest_key(other, &KEYS)),
        }
    }
    Ok(mapping)
}

fn column_rule(rule: &mut Rule, form: &Edn) -> Result<()> {
    // `:skip` alone, a type alone, or an attribute alone.
    match &form.node {
        Node::Keyword(k) if k.ns().is_none() && k.name() == "skip" => {
            rule.skip = true;
            return Ok(());
        }
        Node::Keyword(k) if k.ns().is_some() => {
            rule.attr = Some(k.clone());
            return Ok(());
        }
        Node::Symbol(_) | Node::Keyword(_) => {
            rule.ty = Some(value_type(&name(form)?).map_err(|e| e.at(form.span))?);
            return Ok(());
        }
        _ => {}
    }
    for (key, value) in entries(form)? {
        let at = |e: Error| e.at(value.span);
        match name(key)?.as_str() {
            "attr" => rule.attr = Some(attribute(&name(value)?).map_err(at)?),
            "type" => rule.ty = Some(value_type(&name(value)?).map_err(at)?),
            "ref" => rule.link = Some(attribute(&name(value)?).map_err(at)?),
            "entity" => rule.entity = Some(name(value)?),
            "many" if value.as_bool() == Some(true) => rule.many = Some(SEPARATOR),
            "many" => rule.many = Some(one_char(&name(value)?, "what parts values").map_err(at)?),
            "skip" => rule.skip = value.as_bool().ok_or_else(|| wrong(value, "write true or false"))?,
            "id" => rule.id = value.as_bool().ok_or_else(|| wrong(value, "write true or false"))?,
            other => return Err(wrong(key, "a column has these keys").suggest_key(other, &COLUMN_KEYS)),
        }
    }
    Ok(())
}

/// Hints at keys.
trait SuggestKey {
    fn suggest_key(self, given: &str, keys: &[&str]) -> Error;
}

impl SuggestKey for Error {
    fn suggest_key(self, given: &str, keys: &[&str]) -> Error {
        let list = keys.iter().map(|k| format!(":{k}")).collect::<Vec<_>>().join(", ");
        match asof::error::nearest(given, keys.iter().copied()) {
            Some(near) => self.hint(format!("did you mean :{near}?")),
            None => self.hint(format!("the keys are {list}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_files_say_the_same() {
        let args = MappingArgs {
            entity: Some(":person".into()),
            id: vec!["email".into()],
            types: vec![("age".into(), "long".into())],
            many: vec!["tags".into(), "roles=;".into()],
            refs: vec![("boss".into(), ":person/email".into())],
            attrs: vec![("Name".into(), "person/full-name".into())],
            skip: vec!["junk".into()],
            null: vec!["NULL".into()],
            map: None,
        };
        let text = r#"{:entity person :id "email" :null ["NULL"]
                       :columns {"age" long, "tags" {:many true}, "roles" {:many ";"}, "boss" {:ref :person/email}
                                 "Name" :person/full-name, junk :skip}}"#;
        let mut file = from_edn(&edn::read_one(text).expect("EDN")).expect("a mapping");
        for column in REJECT_COLUMNS.into_iter().chain([ID_COLUMN]) {
            file.rules.entry(column.to_string()).or_default().skip = true;
        }
        assert_eq!(args.read().expect("a mapping"), file);
    }

    #[test]
    fn mistakes() {
        for (text, why) in [
            ("[]", "a map is expected"),
            ("{:entiyt x}", "did you mean :entity?"),
            ("{:columns {\"a\" {:typ long}}}", "did you mean :type?"),
            ("{:columns {\"a\" lonk}}", "there is no type lonk"),
            ("{:columns {\"a\" {:many \"||\"}}}", "one character"),
        ] {
            let e = from_edn(&edn::read_one(text).expect("EDN")).expect_err(text);
            assert!(e.to_string().contains(why), "{text}: {e}");
        }
        let mapping = MappingArgs {
            id: vec!["emial".into()],
            ..MappingArgs::default()
        };
        let columns = ["email".to_string(), "name".to_string()];
        let e = mapping
            .read()
            .expect("a mapping")
            .check(&columns)
            .expect_err("no such column");
        assert!(e.to_string().contains("did you mean email?"), "{e}");
    }
}
