//! What may be given as transaction data: text, forms, or a typed [`Tx`].

use std::sync::Arc;

use super::builder::Tx;
use super::parse::malformed;
use crate::edn::{self, Edn, Node};
use crate::error::{Code, Error, Result};

/// Transaction data in any of its kinds.
#[derive(Clone, Debug)]
pub enum TxData {
    /// Forms, and the text they were read from.
    Forms {
        /// The forms.
        forms: Vec<Edn>,
        /// The text, so that errors can show the place.
        source: Option<Arc<str>>,
    },
    /// Built by calls; nothing is parsed.
    Typed(Tx),
}

/// What [`crate::db::Db::with`] and `transact` take.
pub trait IntoTxData {
    /// The data, or why it is none.
    fn into_tx_data(self) -> Result<TxData>;
}

impl IntoTxData for TxData {
    fn into_tx_data(self) -> Result<TxData> {
        Ok(self)
    }
}
impl IntoTxData for Tx {
    fn into_tx_data(self) -> Result<TxData> {
        Ok(TxData::Typed(self))
    }
}
impl IntoTxData for Vec<Edn> {
    fn into_tx_data(self) -> Result<TxData> {
        Ok(TxData::Forms {
            forms: self,
            source: None,
        })
    }
}
impl IntoTxData for &[Edn] {
    fn into_tx_data(self) -> Result<TxData> {
        self.to_vec().into_tx_data()
    }
}
impl IntoTxData for &Vec<Edn> {
    fn into_tx_data(self) -> Result<TxData> {
        self.to_vec().into_tx_data()
    }
}
impl IntoTxData for Edn {
    /// A vector or list of forms.
    fn into_tx_data(self) -> Result<TxData> {
        match self.into_seq() {
            Ok(forms) => forms.into_tx_data(),
            Err(other) => Err(not_data(&other)),
        }
    }
}
impl IntoTxData for &Edn {
    fn into_tx_data(self) -> Result<TxData> {
        self.clone().into_tx_data()
    }
}
impl IntoTxData for &str {
    /// A text that is one vector of forms.
    fn into_tx_data(self) -> Result<TxData> {
        let located = |e: Error| e.in_source("transaction", self);
        let mut read = edn::read(self).map_err(located)?;
        let data = match (read.len(), read.pop()) {
            (1, Some(data)) => data,
            (0, _) => {
                return Err(Error::new(Code::InvalidTxForm, "the text holds no transaction data")
                    .hint("a transaction is one vector of forms; an empty one is []"));
            }
            (_, last) => {
                let error = last.map_or_else(
                    || Error::new(Code::InvalidTxForm, "no data"),
                    |last| malformed(&last, "transaction data is one vector, but something follows it"),
                );
                return Err(located(error.hint("put all forms into one vector: [form form ...]")));
            }
        };
        // `[:db/add ...]` alone is the mistake everybody makes once.
        if let Node::Vector(items) | Node::List(items) = &data.node
            && items
                .first()
                .is_some_and(|i| matches!(i.node, Node::Keyword(_) | Node::Symbol(_)))
        {
            return Err(located(
                malformed(&data, "this is one form, not a vector of forms").hint("wrap it: [[:db/add e a v]]"),
            ));
        }
        match data.into_tx_data().map_err(located)? {
            TxData::Forms { forms, .. } => Ok(TxData::Forms {
                forms,
                source: Some(self.into()),
            }),
            typed => Ok(typed),
        }
    }
}
impl IntoTxData for String {
    fn into_tx_data(self) -> Result<TxData> {
        self.as_str().into_tx_data()
    }
}
impl IntoTxData for &String {
    fn into_tx_data(self) -> Result<TxData> {
        self.as_str().into_tx_data()
    }
}

fn not_data(form: &Edn) -> Error {
    malformed(form, "transaction data is a vector of forms").hint("wrap the form: [{...}]")
}
