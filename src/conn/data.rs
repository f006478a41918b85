//! What may be given to `transact`: text or forms.

use crate::edn::{Edn, Node};
use crate::error::{Code, Error, Result, Source};

/// Transaction data, read, with the text it came from.
#[derive(Clone, Debug)]
pub struct TxData {
    /// The lists and maps.
    pub forms: Vec<Edn>,
    /// The text that the forms' spans point into.
    pub source: Option<Source>,
}

impl TxData {
    /// Puts the text under an error about these forms.
    pub(super) fn explain(&self, error: Error) -> Error {
        match &self.source {
            Some(source) => error.in_source(&source.name, &source.text),
            None => error,
        }
    }
}

/// Anything that is transaction data: EDN text of one vector, or the forms in it.
pub trait IntoTxData {
    /// Reads it.
    fn into_tx_data(self) -> Result<TxData>;
}

impl IntoTxData for &str {
    fn into_tx_data(self) -> Result<TxData> {
        let name = "transaction";
        let form = super::standin::read_one(self).map_err(|e| e.in_source(name, self))?;
        match form.node {
            Node::Vector(forms) | Node::List(forms) => Ok(TxData {
                forms,
                source: Some(Source {
                    name: name.into(),
                    text: self.into(),
                }),
            }),
            _ => Err(
                Error::new(Code::InvalidTxForm, "transaction data is a vector of maps and lists")
                    .at(form.span)
                    .hint("put it in brackets: [{:db/id \"new\" ...}] or [[:db/add ...]]")
                    .in_source(name, self),
            ),
        }
    }
}

impl IntoTxData for &String {
    fn into_tx_data(self) -> Result<TxData> {
        self.as_str().into_tx_data()
    }
}

impl IntoTxData for String {
    fn into_tx_data(self) -> Result<TxData> {
        self.as_str().into_tx_data()
    }
}

impl IntoTxData for Vec<Edn> {
    fn into_tx_data(self) -> Result<TxData> {
        Ok(TxData {
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
        self.clone().into_tx_data()
    }
}

impl IntoTxData for TxData {
    fn into_tx_data(self) -> Result<TxData> {
        Ok(self)
    }
}
