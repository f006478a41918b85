//! The one error type of asof: a stable code, what was wrong, where in the text, and the way out.
//!
//! Codes are kept for good; messages may get better. Where Datomic has a name for a situation,
//! asof uses it (`:db.error/datoms-conflict`).

mod render;

use std::fmt;
use std::sync::Arc;

/// The result of anything in asof that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a program should do about an error, whatever its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input (text, transaction, query, argument) is wrong; the same call fails again.
    Invalid,
    /// The input is well formed but contradicts itself or what the database holds.
    Conflict,
    /// Something named does not exist.
    NotFound,
    /// A budget, size or queue limit was reached, or the caller cancelled.
    Limit,
    /// The call is not available on this database value or connection.
    Unsupported,
    /// Another process or handle has what is needed; trying again may help.
    Unavailable,
    /// Stored bytes are damaged.
    Corrupt,
    /// The operating system or the store failed.
    Io,
}

macro_rules! codes {
    ($($variant:ident $name:literal $kind:ident $doc:literal)*) => {
        /// Every error code of asof. `code.as_str()` is the keyword without its colon.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $doc] $variant,)* }
        impl Code {
            /// All codes, in the order of the reference.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];
            /// The code as users see it, without the colon: `db.error/datoms-conflict`.
            pub fn as_str(self) -> &'static str { match self { $(Code::$variant => concat!("db.error/", $name),)* } }
            /// What a program should do about it.
            pub fn kind(self) -> ErrorKind { match self { $(Code::$variant => ErrorKind::$kind,)* } }
            /// One sentence: when this code occurs.
            pub fn explain(self) -> &'static str { match self { $(Code::$variant => $doc,)* } }
        }
    };
}

codes! {
    // text
    InvalidEdn "invalid-edn" Invalid "The text is not EDN."
    // transactions
    InvalidTxForm "invalid-tx-form" Invalid "A form of the transaction data is malformed."
    NotADataFunction "not-a-data-function" Invalid "A transaction calls an operation or function that does not exist."
    TxFunctionFailed "tx-function-failed" Conflict "A transaction function refused or failed."
    NotAnEntity "not-an-entity" NotFound "An attribute, ident, lookup ref or id names nothing."
    WrongType "wrong-type-for-attribute" Invalid "A value does not have the type of its attribute."
    NilValue "nil-value" Invalid "nil is never a value."
    NanValue "nan-value" Invalid "NaN is not stored."
    InvalidInstant "invalid-instant" Invalid "An instant is outside the years 0000 to 9999 or finer than a microsecond."
    ValueTooLarge "value-too-large" Limit "A value is larger than the store accepts."
    DatomsConflict "datoms-conflict" Conflict "A transaction says two things that cannot both be true."
    UniqueConflict "unique-conflict" Conflict "A unique value belongs to another entity."
    ConflictingUpsert "conflicting-upsert" Conflict "One tempid would have to be two existing entities."
    TempidNotAnEntity "tempid-not-an-entity" Invalid "A tempid is used as a value only; nothing is asserted about it."
    CasFailed "cas-failed" Conflict "Compare-and-swap found another value."
    CasNotCardinalityOne "cas-not-cardinality-one" Invalid "Compare-and-swap needs an attribute of cardinality one."
    InvalidLookupRef "invalid-lookup-ref" Invalid "A lookup ref is not [unique-attribute value]."
    LookupRefNotUnique "lookup-ref-attr-not-unique" Invalid "A lookup ref names an attribute that is not unique."
    InvalidEntityId "invalid-entity-id" Invalid "An entity id is out of range or was never allocated."
    InvalidNestedEntity "invalid-nested-entity" Invalid "A nested map would make an entity that nothing can reach."
    AttrPred "attr-pred" Conflict "An attribute predicate refused a value."
    EntityAttr "entity-attr" Conflict "An entity lacks an attribute that its spec requires."
    EntityPred "entity-pred" Conflict "An entity predicate refused an entity."
    InvalidTupleValue "invalid-tuple-value" Invalid "A tuple has the wrong length or element types."
    InvalidTupleAttrs "invalid-tuple-attrs" Invalid "A tuple attribute is defined wrongly."
    // schema
    InvalidInstallAttribute "invalid-install-attribute" Invalid "An attribute definition is wrong."
    IncompleteInstallAttribute "incomplete-install-attribute" Invalid "An attribute definition lacks ident, value type or cardinality."
    InvalidAlterAttribute "invalid-alter-attribute" Conflict "A change of an attribute is refused."
    UnsupportedAlterSchema "unsupported-alter-schema" Invalid "This part of an attribute can never change."
    CardinalityViolation "cardinality-violation" Conflict "Cardinality many to one, but an entity has two values."
    UniqueViolation "unique-violation" Conflict "Uniqueness is added, but two entities share a value."
    PastTxInstant "past-tx-instant" Conflict "A transaction instant is not after the newest transaction's."
    FutureTxInstant "future-tx-instant" Conflict "A transaction instant lies in the future."
    ResetTxInstant "reset-tx-instant" Invalid "The instant of another transaction cannot be set or retracted."
    // indexes and views
    AttributeNotIndexed "attribute-not-indexed" Invalid "The attribute says :db/index false, so it is not in AVET."
    NotSupportedOnHistory "not-supported-on-history" Unsupported "A history view has no current values for this call."
    WithOnView "with-on-view" Unsupported "Speculation needs a database value of now."
    InvalidTimePoint "invalid-time-point" Invalid "A time point is not a t, a transaction id or an instant."
    // queries
    InvalidQuery "invalid-query" Invalid "The query is malformed."
    InvalidRule "invalid-rule" Invalid "A rule is malformed."
    InvalidPattern "invalid-pattern" Invalid "A pull pattern is malformed."
    NotABindingForm "not-a-binding-form" Invalid "A binding form is malformed or does not fit its input."
    UnknownAttribute "unknown-attribute" NotFound "No such attribute."
    UnknownRule "unknown-rule" NotFound "No such rule."
    UnresolvedSymbol "unresolved-symbol" NotFound "No such function, predicate or aggregate."
    UnboundVariable "unbound-variable" Invalid "A variable that nothing binds."
    InsufficientBinding "insufficient-binding" Invalid "A clause's inputs are never bound, or it would scan everything."
    Arity "arity" Invalid "A wrong number of arguments."
    TooFewInputs "too-few-inputs" Invalid "The query has more :in variables than inputs."
    TooManyInputs "too-many-inputs" Invalid "The query has fewer :in variables than inputs."
    NilInput "nil-input" Invalid "nil is not a query input."
    CannotCompare "cannot-compare" Invalid "Two values of kinds that have no common order."
    TypeMismatch "type-mismatch" Invalid "A value of the wrong type."
    FunctionFailed "function-failed" Invalid "A function failed on its arguments."
    DivideByZero "divide-by-zero" Invalid "A whole number divided by zero."
    Overflow "overflow" Invalid "A whole number beyond 64 bits."
    Unstratified "unstratified" Invalid "A rule depends on its own negation."
    QueryTimeout "query-timeout" Limit "The query's time was up."
    QueryLimit "query-limit" Limit "The query reached its limit of rows or memory."
    QueryCancelled "query-cancelled" Limit "The query was cancelled."
    // connection and store
    DbNotFound "db-not-found" NotFound "There is no database at this path."
    StoreLocked "store-locked" Unavailable "Another process or handle has the database open."
    ChainBroken "chain-broken" Corrupt "The log ends too early, has a gap, or a record does not follow the one before."
    CorruptStore "corrupt" Corrupt "Stored bytes are damaged."
    UnsupportedFormat "unsupported-format" Unsupported "The database was written in a format that this version does not know."
    DiskFull "disk-full" Io "No space is left for the store."
    Io "io" Io "The operating system or the store failed."
    Poisoned "poisoned" Unavailable "A write failed before; reopen the database to write again."
    Closed "closed" Unavailable "The connection is closed."
    ReadOnly "read-only" Unsupported "The connection cannot write."
    InvalidArgument "invalid-argument" Invalid "An argument of an API call or command is wrong."
    ImportFailed "import-failed" Invalid "Data to import could not be read."
}

/// A range of bytes in a text that asof read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span of data that came from no text.
    pub const NONE: Span = Span {
        start: u32::MAX,
        end: u32::MAX,
    };
    /// Bytes `start..end`.
    pub fn new(start: usize, end: usize) -> Span {
        Span {
            start: start as u32,
            end: end as u32,
        }
    }
    /// Whether it points into a text.
    pub fn is_some(self) -> bool {
        self != Span::NONE
    }
}

/// A place in a text as people count: from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Anything that went wrong, said once and completely.
///
/// `Display` prints the message, the place with the line and a caret when the input was text, and
/// the hint. Cheap to move; boxed inside.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    hint: Option<String>,
    span: Span,
    source: Option<Source>,
    form: Option<String>,
    data: Vec<(&'static str, String)>,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What a text is called by a reader that knows no name for it.
pub(crate) const UNNAMED: &str = "edn";

/// The text an error points into, and what it is called (`query`, a file name).
#[derive(Clone, Debug)]
pub struct Source {
    /// A name for people.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl Error {
    /// An error with a code and a message that names the offender, then the rule.
    pub fn new(code: Code, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            code,
            message: shortened(message.into()),
            hint: None,
            span: Span::NONE,
            source: None,
            form: None,
            data: Vec::new(),
            cause: None,
        }))
    }
    /// Points at a place in the text; an earlier, more exact place stays.
    pub fn at(mut self, span: Span) -> Error {
        if !self.0.span.is_some() {
            self.0.span = span;
        }
        self
    }
    /// The same at another place: that of a form that was moved.
    pub fn moved(mut self, span: Span) -> Error {
        self.0.span = span;
        self
    }
    /// Says the way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }
    /// Adds the hint "did you mean ...?" when a candidate is near `given`.
    pub fn suggest<'a>(self, given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Error {
        match nearest(given, candidates) {
            Some(near) => self.hint(format!("did you mean {near}?")),
            None => self,
        }
    }
    /// The form at fault, printed.
    pub fn form(mut self, form: impl fmt::Display) -> Error {
        if self.0.form.is_none() {
            self.0.form = Some(form.to_string());
        }
        self
    }
    /// A named detail for programs, as EDN text.
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Error {
        self.0.data.push((key, value.to_string()));
        self
    }
    /// The error underneath.
    pub fn caused_by(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
        self.0.cause = Some(Arc::new(cause));
        self
    }
    /// Attaches the text that `span` points into, once; a better name replaces that of the EDN reader, "edn".
    pub fn in_source(mut self, name: &str, text: &str) -> Error {
        let rename = |s: &Source| &*s.name == UNNAMED && &*s.text == text;
        if self.0.source.as_ref().is_none_or(rename) {
            self.0.source = Some(Source {
                name: name.into(),
                text: text.into(),
            });
            self.narrow(text);
        }
        self
    }
    /// Points at the variable that the error is about, in the form that it points at.
    fn narrow(&mut self, text: &str) {
        let Some((_, name)) = self.0.data.iter().find(|(key, _)| *key == "variable") else {
            return;
        };
        let start = self.0.span.start as usize;
        let Some(form) = text.get(start..self.0.span.end as usize) else {
            return;
        };
        let edge = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "()[]{},".contains(c));
        let whole = |at: &usize| edge(form[..*at].chars().next_back()) && edge(form[at + name.len()..].chars().next());
        if let Some(at) = form.match_indices(&**name).map(|(at, _)| at).find(whole) {
            self.0.span = Span::new(start + at, start + at + name.len());
        }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.code.kind()
    }
    /// The message alone, without place and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// The way out, if one is known.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
    /// The form at fault, printed.
    pub fn form_text(&self) -> Option<&str> {
        self.0.form.as_deref()
    }
    /// Where in the text.
    pub fn span(&self) -> Span {
        self.0.span
    }
    /// The text, where it is known.
    pub fn source_text(&self) -> Option<&Source> {
        self.0.source.as_ref()
    }
    /// Details for programs: names and EDN texts.
    pub fn data(&self) -> &[(&'static str, String)] {
        &self.0.data
    }
    /// Line and column, when the input was text.
    pub fn place(&self) -> Option<Place> {
        let source = self.0.source.as_ref()?;
        self.0
            .span
            .is_some()
            .then(|| place_of(&source.text, self.0.span.start as usize))
    }
}

/// Messages quote forms, which may be as long as data is.
const MESSAGE_MAX: usize = 1500;

/// The beginning and the end of a text that is too long to be read.
fn shortened(text: String) -> String {
    if text.len() <= MESSAGE_MAX {
        return text;
    }
    let (start, end) = (
        text.floor_char_boundary(MESSAGE_MAX / 2),
        text.ceil_char_boundary(text.len() - MESSAGE_MAX / 3),
    );
    format!("{} … {}", &text[..start], &text[end..])
}

/// Line and column of byte `offset` in `text`.
pub fn place_of(text: &str, offset: usize) -> Place {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    Place {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// The candidate nearest to `given`, if one is near enough to be meant: Damerau-Levenshtein, at most a third of the letters, and
/// not all of them.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (given.chars().count() / 3).clamp(1, 4);
    // Two names of one letter have nothing in common but the sign before it.
    let letters = |name: &str| name.trim_start_matches(['?', ':']).chars().count();
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(given, c), c))
        .filter(|&(d, c)| d <= most && c != given && d < letters(given).max(letters(c)))
        .min()
        .map(|(_, c)| c)
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .cause
            .as_ref()
            .map(|c| &**c as &(dyn std::error::Error + 'static))
    }
}

impl Error {
    /// An error of the operating system about the file or folder `path`.
    /// ```
    /// use asof::{Code, Error};
    /// let gone = Error::at_path("/none/such".as_ref(), std::io::ErrorKind::NotFound.into());
    /// assert_eq!((gone.code(), gone.message()), (Code::Io, "/none/such: entity not found"));
    /// ```
    pub fn at_path(path: &std::path::Path, e: std::io::Error) -> Error {
        let code = Error::from(std::io::Error::from(e.kind())).code();
        Error::new(code, format!("{}: {e}", path.display())).caused_by(e)
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Error {
        // One of ours that came through a reader or writer is what it was.
        if let Some(ours) = e.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            return ours.clone();
        }
        let code = match e.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::DiskFull,
            _ => Code::Io,
        };
        Error::new(code, e.to_string()).caused_by(e)
    }
}
