//! `asof import debian`: package metadata as `apt-cache dumpavail` prints it.
//!
//! A package is an entity named by `:package/name`. A name that something depends on is one too, whether there is such a package
//! (`:package/real`) or only packages that provide it. Alternatives and architectures of a dependency are not kept apart by the
//! references: all that a field names is referred to, and the field's text stays beside them. What is asked for in a version, and
//! what is provided in one, are tuples with a text in the place of the version that sorts as Debian sorts versions.

mod version;

use std::collections::{BTreeSet, HashMap};
use std::io::BufRead;

use asof::conn::Connection;
use asof::datom::Value;
use asof::db::Db;
use asof::edn::{self, Keyword};
use asof::error::{Code, Error, Result};
use asof::index::Order;

use crate::import::build::Replace;
use crate::import::item::{Fact, Item, Misfit, Missing};
use crate::import::load::{Job, LoadArgs, Outcome, Sink};
use crate::import::rejects::{Rejects, Style};
use crate::import::source::{Opened, Source};

/// The fields that name packages, and their attributes.
const RELATIONS: [(&str, &str, &str); 9] = [
    ("Depends", "depends", "What it needs to work; alternatives among them."),
    (
        "Pre-Depends",
        "pre-depends",
        "What it needs to be installed; alternatives among them.",
    ),
    ("Recommends", "recommends", "What it is nearly always used with."),
    ("Suggests", "suggests", "What makes it more useful."),
    ("Enhances", "enhances", "What it makes more useful."),
    ("Breaks", "breaks", "What does not work beside it."),
    ("Conflicts", "conflicts", "What cannot be installed beside it."),
    ("Replaces", "replaces", "Whose files it may overwrite."),
    ("Provides", "provides", "The names that it stands for besides its own."),
];

/// Other fields, their attributes and types.
const FIELDS: [(&str, &str, &str); 13] = [
    ("Package", "name", "string"),
    ("Version", "version", "string"),
    ("Architecture", "architecture", "string"),
    ("Section", "section", "string"),
    ("Priority", "priority", "string"),
    ("Source", "source", "string"),
    ("Maintainer", "maintainer", "string"),
    ("Homepage", "homepage", "uri"),
    ("Description", "description", "string"),
    ("Multi-Arch", "multi-arch", "string"),
    ("Installed-Size", "installed-size", "long"),
    ("Size", "size", "long"),
    ("Essential", "essential", "boolean"),
];

/// The attributes, as one transaction.
fn schema() -> String {
    let mut text = String::from("[");
    let mut define = |name: &str, ty: &str, many: &str, more: &str| {
        text.push_str(&format!(
            "{{:db/ident :package/{name} :db/valueType :db.type/{ty} :db/cardinality :db.cardinality/{many} {more}}}\n "
        ));
    };
    for (_, name, ty) in FIELDS {
        let unique = if name == "name" {
            ":db/unique :db.unique/identity"
        } else {
            ""
        };
        define(name, ty, "one", unique);
    }
    define(
        "real",
        "boolean",
        "one",
        ":db/doc \"There is such a package, and not only its name.\"",
    );
    define("tag", "string", "many", "");
    let doc = "What it depends and pre-depends on in any version: a package that provides the name will do, too.";
    define("unversioned", "ref", "many", &format!(":db/doc \"{doc}\""));
    let doc = "What it depends and pre-depends on in some versions: name, operator (=, <<, <=, >=, >>), and a text that sorts as the version does.";
    let types = ":db/tupleTypes [:db.type/string :db.type/string :db.type/string]";
    define("needs-version", "tuple", "many", &format!("{types} :db/doc \"{doc}\""));
    let doc = "The names that it stands for in a version, each with a text that sorts as the version does.";
    let types = ":db/tupleTypes [:db.type/string :db.type/string]";
    define(
        "provides-version",
        "tuple",
        "many",
        &format!("{types} :db/doc \"{doc}\""),
    );
    for (_, name, doc) in RELATIONS {
        define(name, "ref", "many", &format!(":db/doc \"{doc}\""));
        define(
            &format!("{name}-text"),
            "string",
            "one",
            &format!(":db/doc \"The field that :package/{name} is made of.\""),
        );
    }
    text + "]"
}

/// What a field becomes.
enum Part {
    Text(u32, asof::datom::ValueType),
    Relation {
        refs: u32,
        text: u32,
        /// What else refers to those that are named without a version.
        unversioned: Option<u32>,
        /// What has the versions of those that are named with one, and whether with the operator.
        versioned: Option<(u32, bool)>,
    },
    Tags(u32),
}

/// The attributes of a database by their fields.
struct Attributes {
    fields: HashMap<&'static str, Part>,
    name: u32,
    real: u32,
}

impl Attributes {
    fn of(db: &Db) -> Result<Attributes> {
        let id = |name: &str| Ok::<_, Error>(db.attribute(&Keyword::from_parts("package", name))?.id);
        let mut fields = HashMap::new();
        for (field, name, ty) in FIELDS {
            let ty = asof::datom::ValueType::from_name(ty).expect("the types above exist");
            fields.insert(field, Part::Text(id(name)?, ty));
        }
        for (field, name, _) in RELATIONS {
            let text = id(&format!("{name}-text"))?;
            let (unversioned, versioned) = match name {
                "depends" | "pre-depends" => (Some(id("unversioned")?), Some((id("needs-version")?, true))),
                "provides" => (None, Some((id("provides-version")?, false))),
                _ => (None, None),
            };
            fields.insert(
                field,
                Part::Relation {
                    refs: id(name)?,
                    text,
                    unversioned,
                    versioned,
                },
            );
        }
        fields.insert("Tag", Part::Tags(id("tag")?));
        Ok(Attributes {
            fields,
            name: id("name")?,
            real: id("real")?,
        })
    }

    /// All of them but the name: what a stanza does not say of its package is not so.
    fn replaced(&self) -> Vec<u32> {
        let ids = self.fields.values().flat_map(|part| match part {
            Part::Text(id, _) | Part::Tags(id) => vec![*id],
            Part::Relation {
                refs,
                text,
                unversioned,
                versioned,
            } => {
                let more = unversioned.iter().copied().chain(versioned.map(|(id, _)| id));
                [*refs, *text].into_iter().chain(more).collect()
            }
        });
        let ids: BTreeSet<u32> = ids.filter(|id| *id != self.name).collect();
        ids.into_iter().collect()
    }

    fn item(&self, stanza: &[(String, String)]) -> Result<Item, Misfit> {
        let mut item = Item::default();
        for (field, text) in stanza {
            let column = |error: Error| Misfit {
                column: Some(field.clone()),
                error,
            };
            match self.fields.get(field.as_str()) {
                None => {}
                Some(Part::Text(id, ty)) => {
                    let text = match (field.as_str(), text.as_str()) {
                        ("Essential", "yes") => "true",
                        ("Essential", "no") => "false",
                        (_, text) => text,
                    };
                    item.facts
                        .push((*id, Fact::Value(super::convert::text(text, *ty).map_err(column)?)));
                }
                Some(Part::Tags(id)) => {
                    let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
                    item.facts
                        .extend(tags.map(|tag| (*id, Fact::Value(Value::string(tag)))));
                }
                Some(Part::Relation {
                    refs,
                    text: whole,
                    unversioned,
                    versioned,
                }) => {
                    item.facts.push((*whole, Fact::Value(Value::string(text.as_str()))));
                    for (name, version) in named(text) {
                        let link = || {
                            let name = Value::string(name);
                            Fact::Link(Keyword::from_parts("package", "name"), self.name, name, Missing::Made)
                        };
                        item.facts.push((*refs, link()));
                        match (version, unversioned, versioned) {
                            (None, Some(id), _) => item.facts.push((*id, link())),
                            (Some((operator, version)), _, Some((id, with_operator))) => {
                                let key = version::key(version);
                                let texts = match with_operator {
                                    true => vec![name, operator, &key],
                                    false => vec![name, &key],
                                };
                                let slots: Vec<_> = texts.into_iter().map(|text| Some(Value::string(text))).collect();
                                item.facts.push((*id, Fact::Value(Value::Tuple(slots.into()))));
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        if !stanza.iter().any(|(field, _)| field == "Package") {
            return Err(Error::new(Code::ImportFailed, "the stanza has no field Package").into());
        }
        item.facts.push((self.real, Fact::Value(Value::Boolean(true))));
        Ok(item)
    }
}

/// The packages that a relation names, with operator and version where there is one: of `a (>= 1.0) | b:any, c [amd64]` they are a,
/// b and c, and a in some versions.
fn named(relation: &str) -> impl Iterator<Item = (&str, Option<(&str, &str)>)> {
    let name = |part: &'_ str| part.find([' ', '(', '[', '<', ':']).unwrap_or(part.len());
    let parts = relation.split([',', '|']).map(str::trim);
    parts
        .map(move |part| {
            (
                &part[..name(part)],
                part.split_once('(').and_then(|(_, rest)| versions(rest)),
            )
        })
        .filter(|(name, _)| !name.is_empty())
}

/// Operator and version of `>= 1.0)`. The old `<` and `>` mean `<=` and `>=`.
fn versions(text: &str) -> Option<(&str, &str)> {
    let text = text.split_once(')')?.0.trim();
    let (operator, version) = text.split_at(text.find(|c| !"<=>".contains(c))?);
    let operator = match operator {
        "<" => "<=",
        ">" => ">=",
        "" => "=",
        known => known,
    };
    Some((operator, version.trim()))
}

/// A stanza: its place, its text, and its fields or why there are none.
struct Stanza {
    line: u64,
    raw: Vec<u8>,
    fields: Result<Vec<(String, String)>, Error>,
}

/// Reads stanzas, parted by empty lines.
struct Stanzas {
    input: Box<dyn BufRead + Send>,
    line: u64,
}

impl Stanzas {
    fn read(&mut self) -> Result<Option<Stanza>> {
        let mut raw = Vec::new();
        let mut start = 0;
        loop {
            let before = raw.len();
            let more = self.input.read_until(b'\n', &mut raw)? > 0;
            self.line += u64::from(more);
            match raw[before..].trim_ascii().is_empty() {
                true if !more && before == 0 => return Ok(None),
                true if before > 0 => {
                    raw.truncate(before);
                    return Ok(Some(Stanza {
                        line: start,
                        fields: fields(&raw),
                        raw,
                    }));
                }
                // Empty lines before the first field.
                true => raw.clear(),
                false if before == 0 => start = self.line,
                false => {}
            }
        }
    }
}

/// `Name: text`, gone on by lines that begin with a space.
fn fields(raw: &[u8]) -> Result<Vec<(String, String)>> {
    let text = std::str::from_utf8(raw).map_err(|_| Error::new(Code::ImportFailed, "the stanza is not UTF-8"))?;
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            continue;
        }
        match (line.starts_with([' ', '\t']), fields.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => {
                value.push('\n');
                value.push_str(line.trim_end());
            }
            (false, _, Some((name, value))) => fields.push((name.to_string(), value.trim().to_string())),
            _ => {
                let message = format!("{:?} is no field", line.chars().take(60).collect::<String>());
                return Err(Error::new(Code::ImportFailed, message).hint("a field is Name: text"));
            }
        }
    }
    Ok(fields)
}

/// Imports the packages of `source`. What is there already is brought up to date: a field that is gone is retracted.
pub fn load(source: &Source, opened: Opened, conn: &Connection, args: &LoadArgs) -> Result<Outcome> {
    let (input, meter) = opened;
    let mut rejects = Rejects::new(&source.name, args.bad.rejects.as_deref(), Style::Below("#"))?;
    // Attributes that are there already change nothing.
    let data = edn::read_one(&schema())?;
    if !conn.db().with(data.clone())?.noop {
        conn.transact(data)?;
    }
    let db = conn.db();
    let attributes = Attributes::of(&db)?;
    let name = [edn::Edn::kw("package/name")];
    let again = db.datoms(Order::Aevt, &name)?.next().transpose()?.is_some();
    let replaced = attributes.replaced();
    let job = Job {
        conn,
        args,
        patience: &source.patience,
        meter,
        rejects: &mut rejects,
        again,
        named: true,
        parts: false,
        replace: Some(Replace(&replaced)),
    };
    let outcome = job.run(|sink: &mut Sink| {
        let mut stanzas = Stanzas { input, line: 0 };
        while let Some(stanza) = stanzas.read()? {
            let item = stanza
                .fields
                .map_err(Misfit::from)
                .and_then(|fields| attributes.item(&fields));
            if sink.put(stanza.line, stanza.raw, item).is_err() {
                break;
            }
        }
        Ok(())
    })?;
    rejects.finish()?;
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_relation() {
        let names: Vec<_> = named("a (>= 1.0) | b:any,\n c [amd64] , d<!nocheck>, e(=2) [i386], f ( < 3~ )").collect();
        assert_eq!(
            names,
            [
                ("a", Some((">=", "1.0"))),
                ("b", None),
                ("c", None),
                ("d", None),
                ("e", Some(("=", "2"))),
                ("f", Some(("<=", "3~"))),
            ]
        );
        assert_eq!(named("").count(), 0);
    }

    #[test]
    fn stanzas() {
        let text = "\nPackage: a\nTag: x::y,\n z::w\n\n\nPackage: b\nbroken\n\nPackage: c";
        let mut stanzas = Stanzas {
            input: Box::new(text.as_bytes()),
            line: 0,
        };
        let mut found = Vec::new();
        while let Some(stanza) = stanzas.read().expect("readable") {
            found.push((stanza.line, stanza.fields.map_err(|e| e.message().to_string())));
        }
        assert_eq!(found[0].0, 2);
        assert_eq!(found[0].1.as_ref().map(|f| f[1].1.as_str()), Ok("x::y,\n z::w"));
        assert_eq!(found[1], (7, Err("\"broken\" is no field".to_string())));
        assert_eq!((found[2].0, found.len()), (10, 3));
    }
}
