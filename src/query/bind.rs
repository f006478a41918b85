//! Values taken apart by binding forms.

use super::ast::{Binding, Var};
use super::budget::Meter;
use super::column::{Column, Tag, canonical};
use super::values::Values;
use crate::datom::{Val, Word};
use crate::error::{Code, Error, Result};

/// The rows that a binding form makes of values, in columns beside the variables of the form.
pub(crate) struct Binder<'a> {
    values: &'a Values,
    meter: &'a Meter,
    form: &'a Binding,
    pub vars: Vec<Var>,
    pub cols: Vec<Column>,
    pub len: usize,
    /// How many of them the meter has seen.
    seen: usize,
    /// Inputs must fit their form; what functions give and does not fit is no row.
    strict: bool,
    row: Vec<Option<(Tag, Word)>>,
}

/// What slots held before.
type Undo = Vec<(usize, Option<(Tag, Word)>)>;

impl<'a> Binder<'a> {
    pub fn new(form: &'a Binding, values: &'a Values, meter: &'a Meter, strict: bool) -> Binder<'a> {
        let vars = form.vars();
        Binder {
            values,
            meter,
            form,
            cols: vars.iter().map(|_| Column::new(Tag::REF)).collect(),
            row: vec![None; vars.len()],
            vars,
            len: 0,
            seen: 0,
            strict,
        }
    }

    /// Adds the rows of one value; gives how many.
    pub fn add(&mut self, v: &Val) -> Result<usize> {
        let before = self.len;
        match self.form {
            // The common case, without a detour.
            Binding::Scalar(_) => {
                if let Some((tag, w)) = self.values.intern(v)? {
                    self.cols[0].push(tag, w);
                    self.len += 1;
                }
            }
            Binding::Blank => self.len += usize::from(*v != Val::Nil),
            form => {
                self.row.iter_mut().for_each(|slot| *slot = None);
                self.rows(&[(form, v.clone())])?;
            }
        }
        self.meter.made(self.values.bytes())?;
        Ok(self.len - before)
    }

    /// Binds the pending forms, one after another: collections inside tuples multiply.
    fn rows(&mut self, pending: &[(&'a Binding, Val)]) -> Result<()> {
        let mut undo = Vec::new();
        let outcome = self.walk(pending, &mut undo);
        while let Some((at, before)) = undo.pop() {
            self.row[at] = before;
        }
        outcome
    }

    /// A loop over what binds one variable, since tuples may be long; what multiplies goes on with the rest by itself.
    fn walk(&mut self, mut pending: &[(&'a Binding, Val)], undo: &mut Undo) -> Result<()> {
        while let Some(((form, v), rest)) = pending.split_first() {
            match form {
                Binding::Blank => {}
                Binding::Scalar(var) => {
                    let Some(word) = self.values.intern(v)? else {
                        return Ok(());
                    };
                    let at = self.vars.iter().position(|x| x == var);
                    let at = at.expect("the form's own variable");
                    let before = self.row[at];
                    // Twice the same variable: equal as joins are, and of an entity and its number the entity stays.
                    let word = match before {
                        Some(b) if canonical(b.0, b.1) != canonical(word.0, word.1) => return Ok(()),
                        Some(b) if b.0 == Tag::REF => b,
                        _ => word,
                    };
                    self.row[at] = Some(word);
                    undo.push((at, before));
                }
                form => return self.multiply(form, v, rest),
            }
            pending = rest;
        }
        for (col, slot) in self.cols.iter_mut().zip(&self.row) {
            let (tag, w) = slot.expect("every variable of the form has been bound");
            col.push(tag, w);
        }
        self.len += 1;
        self.meter.made(self.values.bytes())?;
        self.meter.grown(self.len, &mut self.seen, 8 * self.cols.len())
    }

    fn multiply(&mut self, form: &'a Binding, v: &Val, rest: &[(&'a Binding, Val)]) -> Result<()> {
        match form {
            Binding::Blank | Binding::Scalar(_) => self.rows(rest),
            Binding::Tuple(forms) => self.tuple(forms, v, rest),
            Binding::Collection(form) => {
                let Some(items) = v.items() else {
                    return self.misfit(v, "a collection");
                };
                for item in items.iter() {
                    let mut next = vec![(&**form, item.clone())];
                    next.extend_from_slice(rest);
                    self.rows(&next)?;
                }
                Ok(())
            }
            Binding::Relation(forms) => {
                let Some(items) = v.items() else {
                    return self.misfit(v, "a collection of tuples");
                };
                for item in items.iter() {
                    self.tuple(forms, item, rest)?;
                }
                Ok(())
            }
        }
    }

    fn tuple(&mut self, forms: &'a [Binding], v: &Val, rest: &[(&'a Binding, Val)]) -> Result<()> {
        let Some(items) = v.as_seq() else {
            return self.misfit(v, "a tuple");
        };
        if items.len() < forms.len() {
            return self.misfit(v, &format!("a tuple of at least {}", forms.len()));
        }
        let mut next: Vec<(&Binding, Val)> = forms.iter().zip(items.iter().cloned()).collect();
        next.extend_from_slice(rest);
        self.rows(&next)
    }

    fn misfit(&self, v: &Val, expected: &str) -> Result<()> {
        if !self.strict {
            return Ok(());
        }
        Err(Error::new(
            Code::NotABindingForm,
            format!(
                "the binding form takes {expected}, and was given {v}, a {}",
                v.type_name()
            ),
        ))
    }
}
