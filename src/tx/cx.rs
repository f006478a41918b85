//! What every stage needs: the database before, the words, and the way facts are shown in errors.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::sync::Arc;

use super::TxOptions;
use super::ops::{Flags, Op, Term, What};
use crate::datom::{EntityId, Partition, T, TxId, Value, ValueType, Word, word};
use crate::db::{Db, first_counter};
use crate::edn::Keyword;
use crate::error::{Code, Error, Result, Span};
use crate::index::{Columns, Fresh, Order, Probe, Range, Words};
use crate::schema::{Attribute, Schema, bootstrap};

/// How a transaction uses a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Perhaps it is stored.
    Said,
    /// The database before has it, or it makes no difference: what is looked up, compared with or retracted.
    Asked,
}

/// The surroundings of one transaction.
pub(super) struct Cx<'a> {
    pub db: &'a Db,
    pub schema: &'a Arc<Schema>,
    pub words: Cow<'a, Words>,
    /// Values that are only asked for and that the words do not have, in a layer over these: they must not enter the dictionary.
    asked: OnceCell<Words>,
    pub options: &'a TxOptions,
    /// The owners of unique values, when somebody keeps account of them.
    pub fresh: Option<&'a Fresh>,
    /// The transaction's number and entity.
    pub t: T,
    pub tx: u64,
}

impl<'a> Cx<'a> {
    pub fn new(db: &'a Db, options: &'a TxOptions) -> Cx<'a> {
        let t = db.basis_t() + 1;
        // A speculation's values must not enter the dictionary of the store.
        let words = if options.speculative {
            Cow::Owned(db.words().with_scratch())
        } else {
            Cow::Borrowed(db.words())
        };
        Cx {
            db,
            schema: db.schema(),
            words,
            asked: OnceCell::new(),
            options,
            fresh: None,
            t,
            tx: TxId::from_t(t).0,
        }
    }

    /// The word of a value, of which it is said how it is used.
    pub fn word(&self, value: &Value, sense: Use) -> Result<Word> {
        match word::inline(value) {
            Some(w) => Ok(w),
            None => self.word_of_key(&value.key(), sense),
        }
    }

    /// As [`Cx::word`], for the key bytes of a value of a dictionary type.
    pub fn word_of_key(&self, bytes: &[u8], sense: Use) -> Result<Word> {
        if sense == Use::Said || self.words.has_scratch() {
            return self.words.intern_key(bytes);
        }
        match self.words.find_key(bytes)? {
            Some(w) => Ok(w),
            None => self.asked.get_or_init(|| self.words.with_scratch()).intern_key(bytes),
        }
    }

    /// Brings the words of what is retracted in line with what is said: a value that was asked for first may be said later.
    pub fn align(&self, ops: &mut [Op]) -> Result<()> {
        let Some(asked) = self.asked.get() else {
            return Ok(());
        };
        for op in ops {
            if op.what == What::Retract
                && !op.flags.has(Flags::INLINE)
                && let Term::Word(v) = op.v
                && let Some(said) = self.words.find_key(&asked.bytes(v)?)?
            {
                op.v = Term::Word(said);
            }
        }
        Ok(())
    }

    /// All words of this transaction.
    fn all_words(&self) -> &Words {
        self.asked.get().unwrap_or(&self.words)
    }

    /// Whether `e` has no facts before this transaction because it is being made by it.
    pub fn is_new(&self, e: u64) -> bool {
        let id = EntityId(e);
        e == self.tx || id.counter() >= next_counter(self.db, id.partition())
    }

    /// The probe of a word that was interned or read.
    pub fn probe(&self, flags: Flags, word: Word) -> Result<Probe> {
        if flags.has(Flags::INLINE) {
            return Ok(Probe::inline(word));
        }
        Ok(Probe {
            word,
            bytes: Some(self.all_words().bytes(word)?),
        })
    }

    /// Who has a unique value in the database before: `Some(None)` means nobody, `None` that an index must be asked.
    pub fn owner(&self, flags: Flags, a: u32, v: Word) -> Result<Option<Option<u64>>> {
        let Some(fresh) = self.fresh else {
            return Ok(None);
        };
        let owner = fresh.owner(&self.db.base().snapshot, self.all_words(), a, v, || {
            self.probe(flags, v)
        })?;
        if cfg!(debug_assertions)
            && let Some(owner) = owner
        {
            let mut rows = Columns::default();
            let range = Range::av(a, self.probe(flags, v)?);
            self.db.prober(Order::Avet).get(&range, &mut rows)?;
            assert_eq!(owner, rows.e.first().copied(), "the account agrees with the index");
        }
        Ok(owner)
    }

    /// An attribute by id, for facts that are in the database.
    pub fn attr(&self, a: u32) -> Result<&'a Arc<Attribute>> {
        self.schema
            .attr(a)
            .ok_or_else(|| Error::new(Code::CorruptStore, format!("a fact has the unknown attribute {a}")))
    }

    /// The value of an attribute's word.
    pub fn value(&self, a: u32, v: Word) -> Result<Value> {
        self.all_words().value(self.attr(a)?.value_type, v)
    }

    /// Checks an id that a user wrote: only allocated ones are entities.
    pub fn known_id(&self, id: i64, span: Span) -> Result<u64> {
        let refuse =
            |why: String| Err(Error::new(Code::InvalidEntityId, format!("{id} is not an entity: {why}")).at(span));
        let Ok(e) = u64::try_from(id).map(EntityId) else {
            return refuse("ids are not negative".into());
        };
        let partition = e.partition();
        let fine = match partition {
            Partition::DB if e.counter() < bootstrap::FIRST_DB => self.schema.ident(e).is_some(),
            Partition::TX => e.counter() <= self.db.basis_t(),
            _ => e.counter() >= first_counter(partition) && e.counter() < next_counter(self.db, partition),
        };
        if fine {
            return Ok(e.0);
        }
        refuse("this database never allocated it".into())
            .map_err(|error: Error| error.hint("use a tempid (a string or a negative number) for a new entity"))
    }

    /// An entity for people: its ident, `the transaction`, or its id.
    pub fn entity_name(&self, e: u64) -> String {
        match self.schema.ident(EntityId(e)) {
            _ if e == self.tx => "this transaction".into(),
            Some(ident) => ident.to_string(),
            None if self.is_new(e) => "the new entity".into(),
            None => e.to_string(),
        }
    }

    /// An attribute for people.
    pub fn attr_name(&self, a: u32) -> String {
        self.schema
            .attr(a)
            .map_or_else(|| a.to_string(), |attr| attr.ident.to_string())
    }

    /// A value for people: refs by ident where they have one.
    pub fn value_name(&self, a: u32, v: Word) -> String {
        match self.value(a, v) {
            Ok(Value::Ref(e)) => self.entity_name(e.0),
            Ok(value) => super::shorten(&value.to_string()),
            Err(_) => "?".into(),
        }
    }

    /// A fact for people: `[17592186045416 :crew/pay 10]`.
    pub fn fact(&self, e: u64, a: u32, v: Word) -> String {
        let name = match self.is_new(e) && e != self.tx {
            true => "new".to_string(),
            false => self.entity_name(e),
        };
        format!("[{} {} {}]", name, self.attr_name(a), self.value_name(a, v))
    }

    /// The error for a keyword that names no attribute. `fresh`: this very transaction installs it.
    pub fn unknown_attribute(&self, ident: &Keyword, fresh: bool) -> Error {
        let error = Error::new(Code::NotAnEntity, format!("there is no attribute {ident}"));
        if fresh {
            return error.hint(format!(
                "install {ident} in an earlier transaction: a transaction sees the schema before it"
            ));
        }
        let names: Vec<String> = self.schema.attrs().map(|a| a.ident.to_string()).collect();
        let error = error.hint(format!(
            "install it first: {{:db/ident {ident} :db/valueType ... :db/cardinality ...}}"
        ));
        error.suggest(&ident.to_string(), names.iter().map(|s| &**s))
    }

    /// The error for a keyword that names no entity.
    pub fn unknown_ident(&self, ident: &Keyword, fresh: bool) -> Error {
        let error = Error::new(Code::NotAnEntity, format!("{ident} names no entity"));
        if fresh {
            return error.hint("it gets its name in this transaction; refer to it by its tempid");
        }
        let names: Vec<String> = self.schema.idents().map(|(k, _)| k.to_string()).collect();
        let error = error.hint(format!("give an entity this name first: {{:db/ident {ident}}}"));
        if let Some(meant) = schema_word(ident)
            && self.schema.entid(&Keyword::new(&meant)).is_some()
        {
            return error.hint(format!("did you mean :{meant}?"));
        }
        error.suggest(&ident.to_string(), names.iter().map(|s| &**s))
    }
}

/// What a word of a schema means that other databases know: `:string` is `:db.type/string`, `:db.type/int` `:db.type/long`.
fn schema_word(ident: &Keyword) -> Option<String> {
    let kind = match (ident.ns(), ident.name()) {
        (None | Some("db.cardinality"), "one" | "many") => "cardinality",
        (None | Some("db.unique"), "identity" | "value") => "unique",
        (None | Some("db.type"), _) => "type",
        _ => return None,
    };
    let name = match (kind, ident.name()) {
        ("type", "int" | "integer" | "number" | "i64") => "long",
        ("type", "text" | "str" | "varchar") => "string",
        ("type", "bool") => "boolean",
        ("type", "decimal" | "numeric") => "bigdec",
        ("type", "date" | "datetime" | "timestamp" | "time" | "inst") => "instant",
        ("type", "reference" | "entity") => "ref",
        ("type", "blob" | "binary") => "bytes",
        ("type", "real") => "double",
        (_, name) => name,
    };
    Some(format!("db.{kind}/{name}"))
}

/// The counter that the next entity of a partition gets.
pub(super) fn next_counter(db: &Db, partition: Partition) -> u64 {
    match partition {
        Partition::TX => db.basis_t() + 1,
        _ => db.base().next_ids.get(partition.0).unwrap_or(first_counter(partition)),
    }
}

/// The type of an attribute's values.
pub(super) fn type_of(schema: &Schema, a: u32) -> Result<ValueType> {
    schema
        .value_type(a)
        .ok_or_else(|| Error::new(Code::CorruptStore, format!("a fact has the unknown attribute {a}")))
}

/// The order of two probes of one attribute, as the index has it.
pub(super) fn in_order(x: &Probe, y: &Probe) -> Ordering {
    match (&x.bytes, &y.bytes) {
        (Some(a), Some(b)) => word::compare(x.word, y.word).unwrap_or_else(|| a.cmp(b)),
        _ => x.word.cmp(&y.word),
    }
}
