//! Errors as data, for programs that speak EDN.

use super::{Edn, Keyword, read_one};
use crate::error::Error;

impl Error {
    /// The error as a map: `{:code :db.error/... :kind ... :message "..." :source "..." :line n :column n :hint "..."
    /// :form "..."}` and the error's own details under their names. What is not known is left out.
    pub fn to_edn(&self) -> Edn {
        let mut pairs: Vec<(Edn, Edn)> = vec![
            (Edn::kw("code"), Edn::kw(self.code().as_str())),
            (Edn::kw("kind"), Edn::kw(&format!("{:?}", self.kind()).to_lowercase())),
            (Edn::kw("message"), self.message().into()),
        ];
        if let (Some(source), Some(place)) = (self.source_text(), self.place()) {
            pairs.push((Edn::kw("source"), source.name.clone().into()));
            pairs.push((Edn::kw("line"), (place.line as i64).into()));
            pairs.push((Edn::kw("column"), (place.column as i64).into()));
        }
        let texts = [("hint", self.hint_text()), ("form", self.form_text())];
        for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
            pairs.push((Edn::kw(name), text.into()));
        }
        for (name, text) in self.data() {
            // Details are EDN texts; one that is not stands as the string that it is.
            let value = read_one(text).unwrap_or_else(|_| text.as_str().into());
            pairs.push((Keyword::new(name).into(), value));
        }
        Edn::map(pairs)
    }
}
