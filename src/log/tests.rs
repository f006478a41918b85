//! Records there and back, and logs that are damaged.

use std::sync::Arc;

use super::*;
use crate::datom::{EntityId, Partition, RawDatom, TxId, Value, ValueType, word};
use crate::edn::{Instant, Keyword};
use crate::error::{Code, Result};
use crate::schema::{Schema, bootstrap};
use crate::store::{Durability, Memory, Store};

/// A dictionary in a vector.
#[derive(Default)]
struct Texts(std::cell::RefCell<Vec<Vec<u8>>>);

impl Texts {
    fn intern(&self, bytes: &[u8]) -> Result<u64> {
        if let Some(w) = word::short(bytes) {
            return Ok(w);
        }
        let mut texts = self.0.borrow_mut();
        let code = texts.iter().position(|t| t == bytes).unwrap_or_else(|| {
            texts.push(bytes.to_vec());
            texts.len() - 1
        });
        Ok(word::coded(bytes, code as u64))
    }
    fn word(&self, v: &Value) -> u64 {
        word::inline(v).unwrap_or_else(|| self.intern(&v.key_bytes()).unwrap())
    }
    fn bytes(&self, w: u64) -> Result<Arc<[u8]>> {
        match word::text(w) {
            word::Text::Coded(code) => Ok(self.0.borrow()[code as usize].as_slice().into()),
            word::Text::Short(..) => panic!("short words are encoded without a dictionary"),
        }
    }
}

fn schema() -> Schema {
    let facts = bootstrap::facts();
    let schema = Schema::empty().apply(facts.iter().map(|(e, a, v)| (*e, *a, v, true)));
    // An attribute of every type, ids 200 + tag.
    let mut more = Vec::new();
    for (ty, id) in bootstrap::VALUE_TYPES {
        let e = EntityId(200 + ty as u64);
        more.push((
            e,
            bootstrap::IDENT,
            Value::Keyword(Keyword::new(&format!("a/{}", ty.name()))),
        ));
        more.push((e, bootstrap::VALUE_TYPE, Value::Ref(EntityId(id as u64))));
        more.push((
            e,
            bootstrap::CARDINALITY,
            Value::Ref(EntityId(bootstrap::CARDINALITY_ONE as u64)),
        ));
    }
    schema.apply(more.iter().map(|(e, a, v)| (*e, *a, v, true)))
}

fn datom(texts: &Texts, t: u64, e: u64, a: u32, v: Value, added: bool) -> RawDatom {
    RawDatom {
        e,
        a,
        v: texts.word(&v),
        t,
        added,
    }
}

/// The transaction that `docs/format.md` takes apart.
fn example(texts: &Texts) -> Vec<RawDatom> {
    let ada = EntityId::new(Partition::USER, 1000).0;
    vec![
        datom(
            texts,
            7,
            TxId::from_t(7).0,
            bootstrap::TX_INSTANT,
            Value::Instant(Instant(1_700_000_000_000_000)),
            true,
        ),
        datom(texts, 7, ada, bootstrap::DOC, Value::string("Ada"), false),
        datom(texts, 7, ada, bootstrap::DOC, Value::string("Ada Lovelace"), true),
    ]
}

#[test]
fn the_example_of_the_format_page_is_exact() {
    let texts = Texts::default();
    let prev: Hash = std::array::from_fn(|i| i as u8);
    let instant = Instant(1_700_000_000_000_000);
    let (bytes, _) = encode(7, &prev, instant, &example(&texts), &schema(), |w| texts.bytes(w)).unwrap();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/format.md")).unwrap();
    let block = page
        .split("<!-- example record -->")
        .nth(1)
        .and_then(|rest| rest.split("```").nth(1))
        .expect("the page has the example");
    // Each line: hex, two spaces or more, what it is.
    let hex: String = block
        .lines()
        .skip(1)
        .map(|line| line.split("  ").next().unwrap_or("").replace(' ', ""))
        .collect();
    let ours: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, ours);
}

#[test]
fn every_type_goes_there_and_back() {
    let texts = Texts::default();
    let values = [
        Value::Boolean(true),
        Value::Long(-5),
        Value::BigInt("-123456789012345678901234567890".parse().unwrap()),
        Value::Float(1.5),
        Value::Double(-2.25),
        Value::from_key_bytes(ValueType::BigDec, &Value::BigDec("1.50".parse().unwrap()).key_bytes()).unwrap(),
        Value::Instant(Instant(-1)),
        Value::Keyword(Keyword::new("some/keyword")),
        Value::string(""),
        Value::string("a text that does not fit in a word"),
        Value::Uuid(uuid::Uuid::from_u128(77)),
        Value::Bytes(vec![0, 255, 0].into()),
        Value::Ref(EntityId(u64::MAX >> 1)),
        Value::Tuple(vec![Some(Value::Long(1)), None, Some(Value::string("x"))].into()),
    ];
    let datoms: Vec<RawDatom> = values
        .iter()
        .enumerate()
        .map(|(i, v)| {
            let e = if i % 2 == 0 { i as u64 } else { u64::MAX >> i };
            datom(&texts, 9, e, 200 + v.value_type() as u32, v.clone(), i % 3 > 0)
        })
        .collect();
    let (bytes, hash) = encode(9, &NO_HASH, Instant(-7), &datoms, &schema(), |w| texts.bytes(w)).unwrap();
    let record = Record::parse(9, &bytes).unwrap();
    assert_eq!((record.t, record.instant, record.hash), (9, Instant(-7), hash));
    assert_eq!(record.datoms(|key| texts.intern(key)).unwrap(), datoms);
    let back: Vec<Value> = record.facts.iter().map(|f| f.value().unwrap()).collect();
    assert_eq!(back, values);

    // Any flipped bit and any cut is found.
    for i in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[i] ^= 1 << (i % 8);
        let code = Record::parse(9, &damaged).unwrap_err().code();
        assert!(
            matches!(code, Code::CorruptStore | Code::UnsupportedFormat),
            "byte {i}: {code:?}"
        );
        assert_eq!(Record::parse(9, &bytes[..i]).unwrap_err().code(), Code::CorruptStore);
    }
    assert_eq!(Record::parse(8, &bytes).unwrap_err().code(), Code::CorruptStore);
}

/// A log of `n` records without facts, with their hashes.
fn log(n: u64) -> (Memory, Vec<Hash>) {
    let store = Memory::new();
    let mut hashes = Vec::new();
    for t in 0..n {
        let prev = hashes.last().copied().unwrap_or(NO_HASH);
        let (bytes, hash) = record(t, &prev, 0);
        store.append(&[(t, bytes)], Durability::Power).unwrap();
        hashes.push(hash);
    }
    (store, hashes)
}

fn record(t: u64, prev: &Hash, instant: i64) -> (Vec<u8>, Hash) {
    encode(t, prev, Instant(instant), &[], &schema(), |_| unreachable!("no facts")).unwrap()
}

#[test]
fn verify_finds_the_first_fault() {
    let (store, hashes) = log(10);
    let whole = verify(&store, store.head().unwrap(), &|| Ok(())).unwrap();
    assert_eq!((whole.records, whole.end), (10, Some((9, hashes[9]))));

    store.note_head(9, hashes[9]).unwrap();
    assert!(verify(&store, store.head().unwrap(), &|| Ok(())).is_ok());
    store.note_head(12, hashes[9]).unwrap();
    let error = verify(&store, store.head().unwrap(), &|| Ok(())).unwrap_err();
    assert_eq!(
        error.message(),
        "the log ends at t 9, but HEAD noted that it had reached t 12: acknowledged transactions are missing"
    );
    store.note_head(5, hashes[9]).unwrap();
    assert!(
        verify(&store, store.head().unwrap(), &|| Ok(()))
            .unwrap_err()
            .message()
            .starts_with("log record 5 is another than the one acknowledged")
    );
    store.note_head(9, hashes[9]).unwrap();

    // A whole record of another history in the middle: the next one does not follow it.
    let (store, hashes) = log(10);
    store.overwrite_record(4, &record(4, &hashes[3], 1).0);
    let error = verify(&store, store.head().unwrap(), &|| Ok(())).unwrap_err();
    assert_eq!(error.code(), Code::ChainBroken);
    assert!(
        error
            .message()
            .starts_with("log record 5 does not follow the one before"),
        "{error}"
    );

    let (store, hashes) = log(3);
    store
        .append(&[(4, record(4, &hashes[2], 0).0)], Durability::Power)
        .unwrap();
    let error = verify(&store, store.head().unwrap(), &|| Ok(())).unwrap_err();
    assert_eq!(
        error.message(),
        "the log has a gap: after record 2 comes record 4, and 3 is missing"
    );
    assert_eq!(error.data(), [("t", "3".to_string())]);
}

#[test]
fn a_log_value_stays_as_it_is() {
    let (store, _) = log(6);
    let store: Arc<dyn Store> = Arc::new(store);
    let log = Log::new(store, 3);
    let ts = |start, end| -> Vec<u64> { log.range(start, end).map(|tx| tx.unwrap().t).collect() };
    assert_eq!(ts(None, None), [0, 1, 2, 3]);
    assert_eq!(ts(Some(1), Some(3)), [1, 2]);
    assert_eq!(ts(Some(3), Some(9)), [3]);
    assert_eq!(log.transaction(3).unwrap().unwrap().t, 3);
    assert_eq!(log.transaction(4).unwrap(), None);
}
