//! What functions take and give, by types: so that an argument of a type that a function never takes is a mistake that is told
//! before anything runs, and not by the first row that reaches it.
//!
//! What is said here errs on one side only: a function may refuse a value of a type that it is said to take, and never takes one
//! of another. A test holds all functions to it.

use std::collections::HashMap;
use std::ops::BitOr;
use std::sync::LazyLock;

use super::{Function, text};
use crate::datom::{Val, ValueType};
use crate::edn::Instant;
use crate::error::Result;

/// The types that a value may have: a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Types(u32);

impl Types {
    pub const NONE: Types = Types(0);
    pub const ANY: Types = Types(u32::MAX);
    pub const NIL: Types = Types(1);
    pub const BOOLEAN: Types = Types::of(ValueType::Boolean);
    pub const INSTANT: Types = Types::of(ValueType::Instant);
    pub const KEYWORD: Types = Types::of(ValueType::Keyword);
    pub const STRING: Types = Types::of(ValueType::String);
    /// Longs. An entity and its number are one value to joins, and a function is given whichever it can use.
    pub const LONG: Types = Types(1 << ValueType::Long as u8);
    pub const ENTITY: Types = Types::LONG;
    pub const NUMBER: Types = Types(
        Types::LONG.0
            | Types::of(ValueType::BigInt).0
            | Types::of(ValueType::Float).0
            | Types::of(ValueType::Double).0
            | Types::of(ValueType::BigDec).0,
    );
    const SYMBOL: Types = Types::of(ValueType::Symbol);
    const BYTES: Types = Types::of(ValueType::Bytes);
    /// Vectors, tuples and lists.
    pub const VECTOR: Types = Types::of(ValueType::Tuple);
    const CHAR: Types = Types(1 << 20);
    pub const SET: Types = Types(1 << 21);
    const MAP: Types = Types(1 << 22);
    const REGEX: Types = Types(1 << 23);
    pub const COLLECTION: Types = Types(Types::VECTOR.0 | Types::SET.0 | Types::MAP.0);

    /// One type of facts; entities are longs.
    pub const fn of(ty: ValueType) -> Types {
        match ty {
            ValueType::Ref => Types(1 << ValueType::Long as u8),
            ty => Types(1 << ty as u8),
        }
    }
    pub fn of_val(v: &Val) -> Types {
        match v {
            Val::Nil => Types::NIL,
            Val::Vector(_) | Val::List(_) => Types::VECTOR,
            Val::Char(_) => Types::CHAR,
            Val::Set(_) => Types::SET,
            Val::Map(_) => Types::MAP,
            Val::Regex(_) => Types::REGEX,
            v => v.scalar_type().map_or(Types::ANY, Types::of),
        }
    }
    pub fn both(self, other: Types) -> Types {
        Types(self.0 & other.0)
    }
    pub fn meets(self, other: Types) -> bool {
        self.0 & other.0 != 0
    }
    /// Those whose values have an order with values of these types.
    pub fn comparable(self) -> Types {
        match self.meets(Types::NUMBER) {
            true => self | Types::NUMBER,
            false => self,
        }
    }
    /// As a noun: `a string`, `a long or double`.
    pub fn noun(self) -> String {
        const OTHERS: [(Types, &str); 6] = [
            (Types::VECTOR, "vector"),
            (Types::CHAR, "character"),
            (Types::SET, "set"),
            (Types::MAP, "map"),
            (Types::REGEX, "regex"),
            (Types::NIL, "nil"),
        ];
        if self == Types::NUMBER {
            return "a number".to_string();
        }
        let scalars = ValueType::ALL
            .iter()
            .filter(|ty| !matches!(ty, ValueType::Ref | ValueType::Tuple));
        let names = scalars.map(|ty| (Types::of(*ty), ty.name())).chain(OTHERS);
        let names: Vec<&str> = names
            .filter(|(one, _)| self.meets(*one))
            .map(|(_, name)| name)
            .collect();
        with_article(&names.join(" or "))
    }
}

impl BitOr for Types {
    type Output = Types;
    fn bitor(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }
}

/// `a long`, `an instant`.
pub(crate) fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {noun}")
}

/// What an argument must be, as types and as words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Takes(pub Types, pub &'static str);

/// The arguments, the last of which stands for all that may follow, and the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    takes: &'static [Takes],
    pub gives: Types,
}

impl Signature {
    pub fn takes(&self, index: usize) -> Option<&'static Takes> {
        self.takes.get(index).or(self.takes.last())
    }
}

const fn either(a: Types, b: Types) -> Types {
    Types(a.0 | b.0)
}

const ANYTHING: Takes = Takes(Types::ANY, "anything");
const NUMBER: Takes = Takes(Types::NUMBER, "a number");
const LONG: Takes = Takes(Types::LONG, "a whole number");
const WHOLE: Takes = Takes(either(Types::LONG, Types::of(ValueType::BigInt)), "a whole number");
const TEXT: Takes = Takes(Types::STRING, "a string");
const TEXT_OR_NIL: Takes = Takes(either(Types::STRING, Types::NIL), "a string");
const NAME: Types = either(Types::KEYWORD, Types::SYMBOL);
const NAMED: Takes = Takes(NAME, "a keyword or symbol");
const TEXT_OR_NAMED: Takes = Takes(either(NAME, Types::STRING), "a keyword, symbol or string");
const TEXT_OR_NAMED_OR_NIL: Takes = Takes(either(TEXT_OR_NAMED.0, Types::NIL), "a keyword, symbol or string");
const PATTERN: Takes = Takes(either(Types::STRING, Types::REGEX), "a regular expression");
const TEXT_OR_CHAR: Takes = Takes(either(Types::STRING, Types::CHAR), "a string");
const REPLACED: Takes = Takes(
    either(TEXT_OR_CHAR.0, Types::REGEX),
    "a string, character or regular expression",
);
const MOMENT: Takes = Takes(Types::INSTANT, "an instant");
const UNIT: Takes = Takes(Types::KEYWORD, "a unit such as :day");
const NOTHING_OR: Types = either(Types::NIL, Types::COLLECTION);
const COLLECTION: Takes = Takes(NOTHING_OR, "a collection");
const ITEMS: Takes = Takes(either(NOTHING_OR, Types::STRING), "a collection");
const COUNTED: Takes = Takes(either(ITEMS.0, Types::BYTES), "a collection or string");
const SET: Takes = Takes(either(Types::NIL, Types::SET), "a set");
const MAP: Takes = Takes(Types::MAP, "a map");
const SECOND: Takes = Takes(either(Types::INSTANT, Types::COLLECTION), "an instant or a collection");

/// By names. Functions that are not here take everything and may give anything.
const SIGNATURES: &[(&str, &[Takes], Types)] = &[
    (
        "+ - * / quot rem mod inc dec abs round floor ceil",
        &[NUMBER],
        Types::NUMBER,
    ),
    ("double sqrt pow", &[NUMBER], Types::of(ValueType::Double)),
    ("long", &[NUMBER], Types::LONG),
    ("bigint", &[NUMBER], Types::of(ValueType::BigInt)),
    ("bigdec", &[NUMBER], Types::of(ValueType::BigDec)),
    ("pos? neg? zero?", &[NUMBER], Types::BOOLEAN),
    ("even? odd?", &[WHOLE], Types::BOOLEAN),
    ("bit-and bit-or bit-xor", &[LONG], Types::LONG),
    ("= == != not= < > <= >=", &[ANYTHING], Types::BOOLEAN),
    ("compare", &[ANYTHING], Types::LONG),
    ("str", &[ANYTHING], Types::STRING),
    ("subs", &[TEXT, LONG], Types::STRING),
    ("name", &[TEXT_OR_NAMED], Types::STRING),
    ("namespace", &[NAMED], Types::STRING),
    ("keyword", &[TEXT_OR_NAMED_OR_NIL, TEXT], Types::KEYWORD),
    ("symbol", &[TEXT_OR_NAMED_OR_NIL, TEXT], Types::SYMBOL),
    ("re-pattern", &[PATTERN], Types::REGEX),
    (
        "re-find re-matches",
        &[PATTERN, TEXT],
        either(Types::STRING, Types::VECTOR),
    ),
    ("re-seq", &[PATTERN, TEXT], Types::VECTOR),
    ("parse-long", &[TEXT], Types::LONG),
    ("parse-double", &[TEXT], Types::of(ValueType::Double)),
    ("parse-uuid", &[TEXT], Types::of(ValueType::Uuid)),
    ("parse-boolean", &[TEXT], Types::BOOLEAN),
    (
        "upper-case lower-case capitalize trim triml trimr",
        &[TEXT],
        Types::STRING,
    ),
    ("starts-with? ends-with? includes?", &[TEXT], Types::BOOLEAN),
    ("blank?", &[TEXT_OR_NIL], Types::BOOLEAN),
    ("split", &[TEXT, PATTERN, LONG], Types::VECTOR),
    ("split-lines", &[TEXT], Types::VECTOR),
    ("join", &[ANYTHING], Types::STRING),
    ("replace replace-first", &[TEXT, REPLACED, TEXT_OR_CHAR], Types::STRING),
    ("index-of", &[TEXT, TEXT, LONG], Types::LONG),
    ("last-index-of", &[TEXT], Types::LONG),
    ("vector list tuple", &[ANYTHING], Types::VECTOR),
    ("hash-set", &[ANYTHING], Types::SET),
    ("hash-map", &[ANYTHING], Types::MAP),
    ("set", &[ITEMS], Types::SET),
    ("vec rest concat sort distinct", &[ITEMS], Types::VECTOR),
    ("take drop", &[LONG, ITEMS], Types::VECTOR),
    ("first last", &[ITEMS], Types::ANY),
    ("nth", &[ITEMS, LONG, ANYTHING], Types::ANY),
    ("reverse", &[ITEMS], either(Types::STRING, Types::VECTOR)),
    ("count", &[COUNTED], Types::LONG),
    ("empty?", &[COUNTED], Types::BOOLEAN),
    ("get", &[COLLECTION, ANYTHING], Types::ANY),
    ("contains?", &[COLLECTION, ANYTHING], Types::BOOLEAN),
    ("conj", &[COLLECTION, ANYTHING], Types::COLLECTION),
    ("keys vals", &[MAP], Types::VECTOR),
    ("assoc dissoc", &[MAP, ANYTHING], Types::MAP),
    ("range", &[LONG], Types::VECTOR),
    ("union intersection difference", &[SET], Types::SET),
    ("subset? superset?", &[SET], Types::BOOLEAN),
    ("inst-ms inst-us", &[MOMENT], Types::LONG),
    ("instant-ms instant-us instant", &[LONG], Types::INSTANT),
    ("parse-instant", &[TEXT], Types::INSTANT),
    (
        "year month day hour minute millisecond microsecond",
        &[MOMENT],
        Types::LONG,
    ),
    ("day-of-week day-of-year week", &[MOMENT], Types::LONG),
    ("second", &[SECOND], Types::ANY),
    (
        "weeks-between days-between hours-between minutes-between",
        &[MOMENT],
        Types::LONG,
    ),
    ("seconds-between millis-between micros-between", &[MOMENT], Types::LONG),
    (
        "plus-years plus-months plus-weeks plus-days plus-hours",
        &[MOMENT, LONG],
        Types::INSTANT,
    ),
    (
        "plus-minutes plus-seconds plus-millis plus-micros",
        &[MOMENT, LONG],
        Types::INSTANT,
    ),
    ("truncate", &[MOMENT, UNIT], Types::INSTANT),
];

static BY_NAME: LazyLock<HashMap<&'static str, Signature>> = LazyLock::new(|| {
    let each = |(names, takes, gives): &(&'static str, &'static [Takes], Types)| {
        let signature = Signature { takes, gives: *gives };
        names.split(' ').map(move |name| (name, signature)).collect::<Vec<_>>()
    };
    SIGNATURES.iter().flat_map(each).collect()
});

impl Function {
    /// What it takes and gives, as far as that is fixed.
    pub(crate) fn signature(&self) -> Option<Signature> {
        BY_NAME.get(self.name).copied()
    }

    /// Refuses a constant that it refuses whatever the other arguments are: a text that is no regular expression, a unit that is none.
    pub(crate) fn check_constant(&self, index: usize, constant: &Val) -> Result<()> {
        match (self.name, index, constant) {
            ("re-pattern" | "re-find" | "re-matches" | "re-seq", 0, Val::String(s)) => text::check_pattern(s),
            ("truncate", 1, unit @ Val::Keyword(_)) => (self.call)(&[Val::Instant(Instant(0)), unit.clone()]).map(drop),
            _ => Ok(()),
        }
    }

    /// Of a test of one value's type: the types that pass.
    pub(crate) fn tests_for(&self) -> Option<Types> {
        const TESTS: &[(&str, Types)] = &[
            ("boolean?", Types::BOOLEAN),
            ("string?", Types::STRING),
            ("keyword?", Types::KEYWORD),
            ("symbol?", Types::SYMBOL),
            ("ident? qualified-keyword? simple-keyword?", NAME),
            ("number?", Types::NUMBER),
            ("integer? int?", WHOLE.0),
            (
                "float? double? infinite?",
                either(Types::of(ValueType::Double), Types::of(ValueType::Float)),
            ),
            ("decimal?", Types::of(ValueType::BigDec)),
            ("inst?", Types::INSTANT),
            ("uuid?", Types::of(ValueType::Uuid)),
            ("uri?", Types::of(ValueType::Uri)),
            ("bytes?", Types::BYTES),
            ("char?", Types::CHAR),
            ("vector? list? sequential?", Types::VECTOR),
            ("set?", Types::SET),
            ("map?", Types::MAP),
            ("coll?", Types::COLLECTION),
            ("true? false?", Types::BOOLEAN),
        ];
        let found = TESTS
            .iter()
            .find(|(names, _)| names.split(' ').any(|name| name == self.name));
        found.map(|(_, types)| *types)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{all, call};
    use super::*;
    use crate::edn::read_one;
    use crate::error::Code;

    /// Values of every type, and for each function some that it takes.
    fn samples() -> Vec<Val> {
        let texts = [
            "nil",
            "true",
            "false",
            "0",
            "3",
            "-1",
            "2N",
            "1.5",
            "2.0",
            "0.5M",
            ":day",
            "a/b",
            "\"a\"",
            "\"7\"",
            "\"\"",
            "\\a",
            "#inst \"2024-05-01\"",
            "#uuid \"00000000-0000-0000-0000-000000000001\"",
            "#uri \"x:y\"",
            "[]",
            "[1 2]",
            "[1 2 3 4 5 6 7 8 9]",
            "(1 2)",
            "[:k 1]",
            "#{}",
            "#{1}",
            "{}",
            "{:k 1}",
        ];
        let forms = texts.iter().map(|t| read_one(t).unwrap_or_else(|e| panic!("{t}: {e}")));
        let mut all: Vec<Val> = forms.map(|f| Val::from_edn(&f).expect("a value")).collect();
        all.push(Val::Float(0.5));
        all.push(Val::Bytes([0, 1].into()));
        all.push(Val::Ref(crate::datom::EntityId(7)));
        all.push(Val::Regex(regex::Regex::new("a").expect("a pattern")));
        all
    }

    /// All combinations of so many samples.
    fn combinations(samples: &[Val], n: usize) -> Vec<Vec<Val>> {
        (0..n).fold(vec![Vec::new()], |out, _| {
            let longer = |args: &Vec<Val>| {
                samples
                    .iter()
                    .map(|v| [args.as_slice(), std::slice::from_ref(v)].concat())
                    .collect::<Vec<_>>()
            };
            out.iter().flat_map(longer).collect()
        })
    }

    #[test]
    fn functions_take_and_give_what_is_said_of_them() {
        let samples = samples();
        for function in all() {
            let Some(signature) = function.signature() else {
                continue;
            };
            let most = function.max_args.unwrap_or(function.min_args + 1).min(3);
            for n in function.min_args..=most.max(function.min_args) {
                let n_samples = if n > 2 { &samples[..] } else { &samples };
                // What is found to be taken at each position.
                let mut taken = vec![Types::NONE; n];
                for args in combinations(n_samples, n) {
                    let result = call(function, &args);
                    if !matches!(&result, Err(e) if e.code() == Code::TypeMismatch) {
                        for (i, v) in args.iter().enumerate() {
                            taken[i] = taken[i] | Types::of_val(v);
                        }
                    }
                    if let Ok(v) = &result {
                        let given = Types::of_val(v);
                        assert!(
                            *v == Val::Nil || given.meets(signature.gives),
                            "({} {args:?}) gives {v}",
                            function.name
                        );
                    }
                }
                for (i, taken) in taken.iter().enumerate() {
                    let said = signature.takes(i).expect("an argument").0;
                    assert_eq!(
                        taken.both(said),
                        *taken,
                        "{} takes more as argument {i} of {n}",
                        function.name
                    );
                    // And it is not said to take what it never does, but for arguments that depend on each other.
                    let free = said == Types::ANY || matches!(function.name, "keyword" | "symbol");
                    assert!(
                        free || *taken == said,
                        "{} never takes all that as argument {i} of {n}",
                        function.name
                    );
                }
            }
        }
    }

    #[test]
    fn every_name_is_that_of_a_function() {
        let names: Vec<&str> = SIGNATURES.iter().flat_map(|(names, ..)| names.split(' ')).collect();
        assert_eq!(names.len(), BY_NAME.len(), "none is there twice");
        for name in names {
            assert!(all().any(|f| f.name == name), "{name}");
        }
    }

    #[test]
    fn tests_of_types_pass_what_is_said_of_them() {
        let samples = samples();
        for function in all() {
            let Some(types) = function.tests_for() else { continue };
            for v in &samples {
                let passes = call(function, std::slice::from_ref(v)).expect("an answer").truthy();
                assert!(!passes || Types::of_val(v).meets(types), "({} {v})", function.name);
            }
        }
    }

    #[test]
    fn types_are_named_as_people_do() {
        assert_eq!(Types::STRING.noun(), "a string");
        assert_eq!(Types::INSTANT.noun(), "an instant");
        assert_eq!(Types::NUMBER.noun(), "a number");
        assert_eq!((Types::STRING | Types::VECTOR).noun(), "a string or vector");
    }
}
