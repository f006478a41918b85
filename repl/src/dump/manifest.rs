//! The first line of a dump.

use asof::datom::T;
use asof::edn::{self, Edn, Instant, Keyword, Node};
use asof::error::{Code, Error, Result};
use asof::log::Hash;

/// The version of the format that this code writes.
const VERSION: i64 = 1;

/// What a dump says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The newest t.
    pub t: T,
    /// When that was.
    pub instant: Instant,
    /// How many transactions there are, with that of t 0.
    pub transactions: u64,
    /// How many facts they have.
    pub facts: u64,
    /// The hash of the log's last record.
    pub hash: Hash,
}

/// A hash in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes from hexadecimal.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs
        .remainder()
        .is_empty()
        .then(|| pairs.map(|p| p[0] << 4 | p[1]).collect())
}

impl Manifest {
    /// As a line of text.
    pub fn line(&self) -> String {
        let long = |n: u64| Edn::new(Node::Long(n as i64));
        let pairs = [
            ("asof/dump", long(VERSION as u64)),
            ("t", long(self.t)),
            ("instant", Node::Inst(self.instant).into()),
            ("transactions", long(self.transactions)),
            ("facts", long(self.facts)),
            ("hash", Node::Str(hex(&self.hash).into()).into()),
        ];
        let pairs = pairs.map(|(k, v)| (Edn::from(Node::Keyword(Keyword::new(k))), v));
        Edn::from(Node::Map(pairs.to_vec())).to_string()
    }

    /// From a line of text.
    pub fn parse(line: &str) -> Result<Manifest> {
        let wrong = |what: &str| {
            Error::new(Code::InvalidArgument, format!("this is no dump of asof: {what}"))
                .hint("a dump begins with {:asof/dump 1, ...}; asof export --history writes one")
        };
        let form = edn::read_one(line).map_err(|e| wrong("its first line is no manifest").caused_by(e))?;
        let get = |key: &str| form.get(&Keyword::new(key));
        match get("asof/dump").and_then(Edn::as_long) {
            Some(VERSION) => {}
            Some(other) => {
                let what = format!("the dump has format {other}; this version of asof knows {VERSION}");
                return Err(Error::new(Code::UnsupportedFormat, what));
            }
            None => return Err(wrong("its first line is no manifest")),
        }
        let count = |key: &str| get(key).and_then(Edn::as_long).and_then(|n| u64::try_from(n).ok());
        let hash = get("hash").and_then(Edn::as_str).and_then(unhex);
        (|| {
            Some(Manifest {
                t: count("t")?,
                instant: get("instant")?.as_instant()?,
                transactions: count("transactions")?,
                facts: count("facts")?,
                hash: hash?.try_into().ok()?,
            })
        })()
        .ok_or_else(|| wrong("its manifest lacks :t, :instant, :transactions, :facts or :hash"))
    }
}
