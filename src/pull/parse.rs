//! A pattern's form becomes a [`Pattern`], checked against the schema.
//!
//! ```text
//! pattern    = [ spec ... ]
//! spec       = * | :db/id | attribute | { attribute nested ... }
//! nested     = pattern | ... | depth
//! attribute  = :ns/name | :ns/_name | [ attribute option ... ] | ( attribute option ... )
//!            | (limit attribute n) | (default attribute value)
//! option     = :as key | :limit n-or-nil | :default value | :xform function
//! ```
//!
//! `"*"` and `"..."` may stand for the symbols. The whole pattern is checked, whatever the database holds.

use std::sync::LazyLock;

use crate::datom::ValueType;
use crate::db::{Db, XformFn};
use crate::edn::{Edn, Keyword, Node, Symbol};
use crate::error::{Code, Error, Result, Span};
use crate::schema::Attribute;

/// How many values of a cardinality-many or reverse attribute are shown without `:limit`.
pub const LIMIT_DEFAULT: usize = 1000;
/// Nesting beyond this in a pattern's text is refused.
const NESTING_MAX: usize = 100;

/// What to show of an entity.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub(super) wildcard: bool,
    /// The key that shows the entity's id, if it is asked for.
    pub(super) id_key: Option<Edn>,
    pub(super) specs: Vec<Spec>,
    /// How many of the specs recurse.
    pub(super) recursions: usize,
}

/// What to show of an attribute.
#[derive(Clone)]
pub(super) struct Spec {
    pub attr: u32,
    pub value_type: ValueType,
    pub reverse: bool,
    pub key: Edn,
    /// How many values of many; `None` = all.
    pub limit: Option<usize>,
    pub default: Option<Edn>,
    pub xform: Option<(Symbol, XformFn)>,
    pub inside: Inside,
    pub span: Span,
}

/// What to show of the entities that a ref leads to.
#[derive(Clone, Debug)]
pub(super) enum Inside {
    /// Its id; everything of a component.
    Plain,
    Nested(Pattern),
    /// The enclosing pattern again, to a depth (`u32::MAX` = to the end); `slot` counts the recursions of that pattern.
    Again {
        slot: usize,
        depth: u32,
    },
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spec")
            .field("attr", &self.attr)
            .field("reverse", &self.reverse)
            .field("key", &self.key)
            .field("inside", &self.inside)
            .finish_non_exhaustive()
    }
}

impl Pattern {
    /// Whether it calls functions.
    pub(crate) fn calls(&self) -> bool {
        self.specs.iter().any(|spec| match &spec.inside {
            _ if spec.xform.is_some() => true,
            Inside::Nested(pattern) => pattern.calls(),
            Inside::Plain | Inside::Again { .. } => false,
        })
    }

    /// `[*]`
    pub(super) fn everything() -> Pattern {
        Pattern {
            wildcard: true,
            id_key: Some(id_key()),
            specs: Vec::new(),
            recursions: 0,
        }
    }
}

static ID_KEY: LazyLock<Keyword> = LazyLock::new(|| Keyword::from_parts("db", "id"));

/// `:db/id`
pub(super) fn id_key() -> Edn {
    Node::Keyword(ID_KEY.clone()).into()
}

fn is_id(name: &Keyword) -> bool {
    *name == *ID_KEY
}

/// The pattern that `form` is, against the schema of `db`.
pub fn parse(form: &Edn, db: &Db) -> Result<Pattern> {
    Parser { db, lenient: false }.pattern(form, 0)
}

/// As [`parse`], but attributes that do not exist are skipped instead of refused.
pub fn parse_lenient(form: &Edn, db: &Db) -> Result<Pattern> {
    Parser { db, lenient: true }.pattern(form, 0)
}

struct Parser<'a> {
    db: &'a Db,
    lenient: bool,
}

/// An attribute with its options, as far as they have been read.
struct Draft {
    name: Keyword,
    span: Span,
    /// `None` when it does not exist and that is allowed, or for `:db/id`.
    attr: Option<Attribute>,
    reverse: bool,
    rename: Option<Edn>,
    limit: Option<Option<usize>>,
    default: Option<Edn>,
    xform: Option<(Symbol, XformFn)>,
}

fn invalid(message: impl Into<String>, span: Span) -> Error {
    Error::new(Code::InvalidPattern, message).at(span)
}

fn is_word(form: &Edn, word: &str) -> bool {
    match &form.node {
        Node::Symbol(s) => s.ns().is_none() && s.name() == word,
        Node::Str(s) => &**s == word,
        _ => false,
    }
}

impl Parser<'_> {
    fn pattern(&self, form: &Edn, depth: usize) -> Result<Pattern> {
        let Node::Vector(items) = &form.node else {
            return Err(invalid(
                format!("{form} is not a pull pattern: a pattern is a vector"),
                form.span,
            )
            .hint("write [:person/name] for an attribute, [*] for everything"));
        };
        if items.is_empty() {
            return Err(invalid("a pull pattern has at least one attribute", form.span)
                .hint("[*] shows everything, [:db/id] the id alone"));
        }
        if depth > NESTING_MAX {
            return Err(
                invalid(format!("a pattern nests at most {NESTING_MAX} levels"), form.span)
                    .hint("{:a/ref ...} follows a ref to its end"),
            );
        }
        let mut pattern = Pattern {
            wildcard: false,
            id_key: None,
            specs: Vec::new(),
            recursions: 0,
        };
        for item in items {
            match &item.node {
                _ if is_word(item, "*") => pattern.wildcard = true,
                Node::Map(pairs) => {
                    if pairs.is_empty() {
                        return Err(invalid("a map in a pattern has an attribute and a pattern", item.span));
                    }
                    for (key, inside) in pairs {
                        let draft = self.attribute(key, 0)?;
                        self.nested(&mut pattern, draft, inside, depth)?;
                    }
                }
                _ => {
                    let draft = self.attribute(item, 0)?;
                    pattern.add(draft, Inside::Plain)?;
                }
            }
        }
        if pattern.wildcard && pattern.id_key.is_none() {
            pattern.id_key = Some(id_key());
        }
        Ok(pattern)
    }

    fn nested(&self, pattern: &mut Pattern, draft: Draft, inside: &Edn, depth: usize) -> Result<()> {
        if let Some(attr) = draft.attr.as_ref().filter(|a| !a.is_ref()) {
            return Err(invalid(
                format!(
                    "{} is a {}, so there is nothing inside to pull",
                    draft.name,
                    attr.value_type.name()
                ),
                draft.span,
            )
            .hint(format!("write {} without the map", draft.name)));
        }
        let inside = match &inside.node {
            Node::Vector(_) => Inside::Nested(self.pattern(inside, depth + 1)?),
            _ if is_word(inside, "...") => pattern.again(u32::MAX),
            Node::Long(n) if *n > 0 => pattern.again(u32::try_from(*n).unwrap_or(u32::MAX - 1)),
            Node::Long(n) => {
                return Err(invalid(
                    format!("a recursion depth is a whole number from 1, not {n}"),
                    inside.span,
                )
                .hint("... follows to the end"));
            }
            _ => {
                let message = format!("{inside} is neither a pattern nor a recursion");
                return Err(invalid(message, inside.span).hint(format!(
                    "write {{{name} [:db/id]}}, {{{name} ...}} or {{{name} 3}}",
                    name = draft.name
                )));
            }
        };
        pattern.add(draft, inside)
    }

    /// An attribute, bare or with options around it.
    fn attribute(&self, form: &Edn, depth: usize) -> Result<Draft> {
        match &form.node {
            Node::Keyword(name) => self.named(name, form.span),
            Node::Vector(parts) | Node::List(parts) => {
                let Some((head, rest)) = parts.split_first() else {
                    return Err(invalid(
                        "an attribute with options begins with the attribute",
                        form.span,
                    ));
                };
                if depth > NESTING_MAX {
                    return Err(invalid("an attribute is wrapped in too many options", form.span));
                }
                match ["limit", "default"].into_iter().find(|word| is_word(head, word)) {
                    Some(word) => {
                        let [inner, value] = rest else {
                            let message = format!("{word} takes an attribute and a value");
                            return Err(invalid(message, form.span).hint(format!("write ({word} :person/likes 10)")));
                        };
                        let mut draft = self.attribute(inner, depth + 1)?;
                        self.option(&mut draft, word, value, form.span)?;
                        Ok(draft)
                    }
                    None => {
                        let mut draft = self.attribute(head, depth + 1)?;
                        self.options(&mut draft, rest)?;
                        Ok(draft)
                    }
                }
            }
            Node::Symbol(_) | Node::Str(_) => Err(invalid(format!("{form} is not an attribute"), form.span)
                .hint("attributes are keywords, such as :person/name; * stands for all")),
            _ => Err(invalid(format!("{form} is not an attribute"), form.span)
                .hint("a pattern holds attributes, maps of an attribute to a pattern, and *")),
        }
    }

    /// The attribute of a keyword. One that exists under the full name is meant, even when it begins with `_`.
    fn named(&self, name: &Keyword, span: Span) -> Result<Draft> {
        let mut draft = Draft {
            name: name.clone(),
            span,
            attr: None,
            reverse: false,
            rename: None,
            limit: None,
            default: None,
            xform: None,
        };
        if is_id(name) {
            return Ok(draft);
        }
        let schema = self.db.schema();
        if let Some(attr) = schema.attr_by_ident(name) {
            draft.attr = Some((**attr).clone());
            return Ok(draft);
        }
        let forward = name
            .name()
            .strip_prefix('_')
            .map(|rest| Keyword::from_parts(name.ns().unwrap_or(""), rest));
        let wanted = forward.as_ref().unwrap_or(name);
        match schema.attr_by_ident(wanted) {
            Some(attr) if !attr.is_ref() => Err(invalid(
                format!(
                    "{name} asks who refers through {wanted}, which is a {}",
                    attr.value_type.name()
                ),
                span,
            )
            .hint("only attributes of type ref can be read backwards")),
            Some(attr) => {
                draft.attr = Some((**attr).clone());
                draft.reverse = true;
                Ok(draft)
            }
            None if self.lenient => Ok(draft),
            None => Err(self.db.unknown_attribute(wanted).at(span)),
        }
    }

    fn options(&self, draft: &mut Draft, options: &[Edn]) -> Result<()> {
        if options.is_empty() {
            return Err(
                invalid(format!("{} in brackets has no options", draft.name), draft.span)
                    .hint(format!("write {name}, or [{name} :limit 10]", name = draft.name)),
            );
        }
        for pair in options.chunks(2) {
            let [option, value] = pair else {
                return Err(invalid(format!("the option {} has no value", pair[0]), pair[0].span));
            };
            match &option.node {
                Node::Keyword(k) if k.ns().is_none() => self.option(draft, k.name(), value, option.span)?,
                _ => return Err(unknown_option(option.to_string(), option.span)),
            }
        }
        Ok(())
    }

    fn option(&self, draft: &mut Draft, option: &str, value: &Edn, span: Span) -> Result<()> {
        let twice = || Err(invalid(format!("{} has :{option} twice", draft.name), span));
        match option {
            "as" if draft.rename.is_some() => return twice(),
            "limit" if draft.limit.is_some() => return twice(),
            "default" if draft.default.is_some() => return twice(),
            "xform" if draft.xform.is_some() => return twice(),
            "as" => draft.rename = Some(value.clone()),
            "limit" => {
                draft.limit = Some(match &value.node {
                    Node::Nil => None,
                    Node::Long(n) if *n > 0 => Some(usize::try_from(*n).unwrap_or(usize::MAX)),
                    _ => {
                        return Err(invalid(
                            format!(":limit is a whole number from 1, or nil, not {value}"),
                            value.span,
                        ));
                    }
                });
            }
            "default" => draft.default = Some(value.clone()),
            "xform" => draft.xform = Some(self.xform(value)?),
            _ => return Err(unknown_option(format!(":{option}"), span)),
        }
        Ok(())
    }

    fn xform(&self, form: &Edn) -> Result<(Symbol, XformFn)> {
        let Node::Symbol(name) = &form.node else {
            return Err(invalid(
                format!(":xform is the name of a function, not {form}"),
                form.span,
            ));
        };
        let xforms = &self.db.registry().xforms;
        match xforms.get(name) {
            Some(f) => Ok((name.clone(), f.clone())),
            None => {
                let names: Vec<String> = xforms.keys().map(|k| k.to_string()).collect();
                let error = Error::new(
                    Code::UnresolvedSymbol,
                    format!("no function {name} is registered for :xform"),
                )
                .at(form.span)
                .hint("register it before opening: registry.xform(\"my.app/f\", |value| ...)");
                Err(error.suggest(&name.to_string(), names.iter().map(|s| &**s)))
            }
        }
    }
}

impl Pattern {
    fn again(&mut self, depth: u32) -> Inside {
        let slot = self.recursions;
        self.recursions += 1;
        Inside::Again { slot, depth }
    }

    fn add(&mut self, draft: Draft, inside: Inside) -> Result<()> {
        let key = draft.rename.unwrap_or_else(|| Node::Keyword(draft.name.clone()).into());
        let taken = self.id_key.as_ref() == Some(&key) || self.specs.iter().any(|s| s.key == key);
        if taken {
            return Err(
                invalid(format!("two parts of the pattern would be shown as {key}"), draft.span)
                    .hint("give one of them another name: [:person/name :as :called]"),
            );
        }
        let Some(attr) = draft.attr else {
            if is_id(&draft.name) {
                if !matches!(inside, Inside::Plain) {
                    return Err(invalid(
                        ":db/id is a number, so there is nothing inside to pull",
                        draft.span,
                    ));
                }
                self.id_key = Some(key);
            }
            return Ok(());
        };
        self.specs.push(Spec {
            attr: attr.id,
            value_type: attr.value_type,
            reverse: draft.reverse,
            key,
            limit: draft.limit.unwrap_or(Some(LIMIT_DEFAULT)),
            default: draft.default,
            xform: draft.xform,
            inside,
            span: draft.span,
        });
        Ok(())
    }
}

fn unknown_option(given: String, span: Span) -> Error {
    invalid(format!("{given} is not an option of an attribute"), span)
        .hint("options are :as, :limit, :default and :xform")
        .suggest(&given, [":as", ":limit", ":default", ":xform"])
}
