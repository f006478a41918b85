//! Predicates: columns of one type are compared word by word, everything else value by value.

use super::super::column::Tag;
use super::super::functions::{Callable, Function, bounded};
use super::super::plan::{Apply, Callee, Operand};
use super::super::relation::Relation;
use super::Exec;
use crate::datom::{Val, Word};
use crate::error::Result;

/// A side of a comparison: a column of one type, or a word.
enum Side<'a> {
    Words(&'a [Word]),
    Word(Word),
}

impl Side<'_> {
    #[inline]
    fn at(&self, i: usize) -> Word {
        match self {
            Side::Words(ws) => ws[i],
            Side::Word(w) => *w,
        }
    }
}

impl Exec<'_> {
    pub fn filter(&self, f: &Apply, rel: Relation) -> Result<Relation> {
        if let Some(keep) = self.compare_words(f, &rel)? {
            return Ok(rel.select(&keep));
        }
        let mut args = arguments(f);
        let mut keep = Vec::new();
        for i in 0..rel.len {
            self.meter.tick()?;
            self.fill(f, &rel, i, &mut args)?;
            if self.invoke(f, &args)?.truthy() {
                keep.push(i as u32);
            }
        }
        Ok(rel.select(&keep))
    }

    /// Comparisons of two sides of one type whose words have the order, or at least the equality, of the values.
    fn compare_words(&self, f: &Apply, rel: &Relation) -> Result<Option<Vec<u32>>> {
        let (Callee::Named(Callable::BuiltIn(Function { name, .. })), [a, b]) = (&f.callee, f.args.as_slice()) else {
            return Ok(None);
        };
        let (Some((ta, a)), Some((tb, b))) = (self.side(a, rel)?, self.side(b, rel)?) else {
            return Ok(None);
        };
        let Some(ty) = ta.value_type().filter(|_| ta == tb) else {
            return Ok(None);
        };
        let pick = |holds: &dyn Fn(Word, Word) -> bool| {
            (0..rel.len as u32)
                .filter(|&i| holds(a.at(i as usize), b.at(i as usize)))
                .collect()
        };
        let ordered = ty.is_inline();
        // Inside tuples, numbers compare by value.
        let whole = ty != crate::datom::ValueType::Tuple;
        Ok(match *name {
            "=" | "==" if whole => Some(pick(&|x, y| x == y)),
            "!=" | "not=" if whole => Some(pick(&|x, y| x != y)),
            "<" if ordered => Some(pick(&|x, y| x < y)),
            "<=" if ordered => Some(pick(&|x, y| x <= y)),
            ">" if ordered => Some(pick(&|x, y| x > y)),
            ">=" if ordered => Some(pick(&|x, y| x >= y)),
            "<" | "<=" | ">" | ">=" if whole => {
                let mut keep = Vec::new();
                for i in 0..rel.len {
                    let order = self.values.words().compare(ty, a.at(i), b.at(i))?;
                    let holds = match *name {
                        "<" => order.is_lt(),
                        "<=" => order.is_le(),
                        ">" => order.is_gt(),
                        _ => order.is_ge(),
                    };
                    if holds {
                        keep.push(i as u32);
                    }
                }
                Some(keep)
            }
            _ => None,
        })
    }

    fn side<'a>(&self, o: &Operand, rel: &'a Relation) -> Result<Option<(Tag, Side<'a>)>> {
        Ok(match o {
            Operand::Var(v) => rel
                .col(*v)
                .and_then(|c| c.one_type().map(|t| (t, Side::Words(c.words.as_slice())))),
            Operand::Const(v) => self.values.intern(v)?.map(|(t, w)| (t, Side::Word(w))),
        })
    }

    /// Puts row `i` into the arguments.
    pub(super) fn fill(&self, f: &Apply, rel: &Relation, i: usize, args: &mut [Val]) -> Result<()> {
        for (slot, a) in args.iter_mut().zip(&f.args) {
            if let Operand::Var(v) = a {
                let (tag, w) = rel.col(*v).expect("the plan binds arguments before calls").get(i);
                *slot = self.values.val(tag, w)?;
            }
        }
        Ok(())
    }

    /// Calls.
    pub(super) fn invoke(&self, f: &Apply, args: &[Val]) -> Result<Val> {
        match &f.callee {
            Callee::Named(function) => {
                let made = function.call(args);
                // What the program registered knows no bounds.
                let bound = |v| bounded(&f.name, v);
                match function {
                    Callable::BuiltIn(_) => made,
                    Callable::Registered(_) => made.and_then(bound),
                }
                .map_err(|e| e.at(f.span))
            }
            Callee::Identity => Ok(args[0].clone()),
            Callee::Tuple => bounded("tuple", Val::vector(args.iter().cloned())).map_err(|e| e.at(f.span)),
        }
    }
}

/// Room for the arguments, the constants in place.
pub(super) fn arguments(f: &Apply) -> Vec<Val> {
    let blank = |a: &Operand| match a {
        Operand::Const(v) => v.clone(),
        Operand::Var(_) => Val::Nil,
    };
    f.args.iter().map(blank).collect()
}
