//! A fact as a line.

use asof::datom::{Datom, EntityId, TxId, Value, ValueType};
use asof::edn::{self, Edn, Instant, Keyword, Node, Symbol};
use asof::error::{Code, Error, Result};

use super::manifest::{hex, unhex};

/// The tag of values that are written as their key bytes.
const KEY: &str = "asof/key";

/// The line of a fact, without the comment.
pub fn write(datom: &Datom) -> String {
    let sign = if datom.added { '+' } else { '-' };
    let (ty, value) = (type_form(&datom.v), value_form(&datom.v));
    format!("[{} {sign} {} {} {ty} {value}]", datom.tx.t(), datom.e, datom.a)
}

/// The type; of a tuple those of its slots.
fn type_form(value: &Value) -> Edn {
    match value {
        Value::Tuple(slots) => {
            let slot = |s: &Option<Value>| s.as_ref().map_or(Node::Nil.into(), type_form);
            Node::Vector(slots.iter().map(slot).collect()).into()
        }
        other => Node::Keyword(Keyword::new(other.value_type().name())).into(),
    }
}

fn value_form(value: &Value) -> Edn {
    match value {
        Value::Tuple(slots) => {
            let slot = |s: &Option<Value>| s.as_ref().map_or(Node::Nil.into(), value_form);
            Node::Vector(slots.iter().map(slot).collect()).into()
        }
        Value::Boolean(_)
        | Value::Long(_)
        | Value::Ref(_)
        | Value::String(_)
        | Value::Instant(_)
        | Value::Double(_) => value.to_edn(),
        // What programs store need not be what text can say.
        other => match edn::read_one(&other.to_edn().to_string()).and_then(|f| Value::from_edn(&f, other.value_type()))
        {
            Ok(read) if read.key_bytes() == other.key_bytes() => other.to_edn(),
            _ => {
                let key = Node::Str(hex(&other.key_bytes()).into()).into();
                Node::Tagged(Symbol::new(KEY), Box::new(key)).into()
            }
        },
    }
}

/// The fact of a line.
pub fn read(line: &str) -> Result<Datom> {
    match plain(line) {
        Some(datom) => Ok(datom),
        None => read_forms(line),
    }
}

/// The fact of a line as this program writes most of them. A dump has many lines, and making a form of each would take five times as
/// long.
fn plain(line: &str) -> Option<Datom> {
    let mut rest = line.strip_prefix('[')?;
    let mut token = || {
        let (token, after) = rest.split_once(' ')?;
        rest = after;
        Some(token)
    };
    let is_plain = |t: &str| t.bytes().all(|b| b.is_ascii_digit()) && (t.len() == 1 || !t.starts_with('0'));
    let number = |token: &str| {
        let n: u64 = token.parse().ok()?;
        (is_plain(token) && i64::try_from(n).is_ok()).then_some(n)
    };
    let t = number(token()?)?;
    let added = match token()? {
        "+" => true,
        "-" => false,
        _ => return None,
    };
    let (e, a, ty) = (number(token()?)?, number(token()?)?, token()?);
    let ty = ValueType::from_name(ty.strip_prefix(':')?)?;
    let (value, after) = match ty {
        ValueType::String => {
            let (text, after) = rest.strip_prefix('"')?.split_once('"')?;
            let plain = !text.contains('\\');
            (plain.then(|| Node::Str(text.into()))?, after)
        }
        ValueType::Instant => {
            let (text, after) = rest.strip_prefix("#inst \"")?.split_once('"')?;
            (Node::Inst(Instant::parse(text).ok()?), after)
        }
        ValueType::Long | ValueType::Ref => {
            let (text, after) = rest.split_at(rest.find(']')?);
            let plain = is_plain(text.strip_prefix('-').unwrap_or(text));
            (plain.then(|| text.parse().ok().map(Node::Long))??, after)
        }
        _ => return None,
    };
    let comment = after.strip_prefix(']')?.trim_start();
    if !comment.is_empty() && !comment.starts_with(';') {
        return None;
    }
    Some(Datom {
        e: EntityId(e),
        a: EntityId(a),
        v: value_of(ty, &value.into()).ok()?,
        tx: TxId::from_t(t),
        added,
    })
}

/// The fact of any line.
fn read_forms(line: &str) -> Result<Datom> {
    let mut forms = edn::bulk::read_forms(line);
    let (Some(form), None) = (forms.next().transpose()?, forms.next().transpose()?) else {
        return Err(Error::new(Code::InvalidEdn, "a line of a dump is one fact"));
    };
    let fields = form.as_vector().unwrap_or_default();
    let [t, sign, e, a, ty, value] = fields else {
        return Err(wrong(&form, "a fact is [t + entity attribute type value]"));
    };
    let number = |f: &Edn| {
        let n = f.as_long().and_then(|n| u64::try_from(n).ok());
        n.ok_or_else(|| wrong(f, "this must be a whole number from 0 on"))
    };
    let added = match sign.as_symbol().map(|s| s.to_string()).as_deref() {
        Some("+") => true,
        Some("-") => false,
        _ => return Err(wrong(sign, "this must be + or -")),
    };
    Ok(Datom {
        e: EntityId(number(e)?),
        a: EntityId(number(a)?),
        v: value_from(ty, value)?,
        tx: TxId::from_t(number(t)?),
        added,
    })
}

fn wrong(form: &Edn, what: &str) -> Error {
    Error::new(Code::InvalidArgument, format!("{form} is no part of a dump: {what}")).at(form.span)
}

fn value_from(ty: &Edn, form: &Edn) -> Result<Value> {
    if let Node::Vector(types) = &ty.node {
        let slots = form.as_vector().filter(|slots| slots.len() == types.len());
        let slots = slots.ok_or_else(|| wrong(form, "the tuple has another number of slots than its type"))?;
        let slot = |(ty, form): (&Edn, &Edn)| match (ty.is_nil(), form.is_nil()) {
            (true, true) => Ok(None),
            _ => value_from(ty, form).map(Some),
        };
        let slots: Vec<Option<Value>> = types.iter().zip(slots).map(slot).collect::<Result<_>>()?;
        return Ok(Value::Tuple(slots.into()));
    }
    let ty = ty
        .as_keyword()
        .filter(|k| k.ns().is_none())
        .and_then(|k| ValueType::from_name(k.name()));
    value_of(ty.ok_or_else(|| wrong(form, "its type is none that asof knows"))?, form)
}

fn value_of(ty: ValueType, form: &Edn) -> Result<Value> {
    match &form.node {
        Node::Tagged(tag, key) if tag.to_string() == KEY => {
            let bytes = key.as_str().and_then(unhex);
            let value = bytes.and_then(|bytes| Value::from_key_bytes(ty, &bytes));
            value.ok_or_else(|| wrong(form, "these are no key bytes of its type"))
        }
        // An id is only a number here; that it is an entity is checked where the fact is used.
        Node::Long(n) if ty == ValueType::Ref => match u64::try_from(*n) {
            Ok(e) => Ok(Value::Ref(EntityId(e))),
            Err(_) => Err(wrong(form, "ids are not negative")),
        },
        _ => Value::from_edn(form, ty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways of reading a line say the same, where the quick one says anything.
    #[test]
    fn plain_lines() {
        let values = [
            (":long 0", true),
            (":long -9223372036854775808", true),
            (":long 007", false),
            (":long +7", false),
            (":long 7N", false),
            (":ref 17592186045416", true),
            (":string \"\"", true),
            (":string \"a ] ; b ä\"", true),
            (":string \"a \\\" b\"", false),
            (":instant #inst \"2024-02-29T12:00:00.123456Z\"", true),
            (":instant #inst \"2024-02-30T12:00:00.123456Z\"", false),
            (":keyword :a/b", false),
            (":double 1.5", false),
            ("[:long nil] [1 nil]", false),
        ];
        for (value, plainly) in values {
            for end in ["]", "] ; :x/y", "]\n", " ]", "] 1", ""] {
                let line = format!("[12 + 17592186045416 101 {value}{end}");
                let (quick, slow) = (plain(&line), read_forms(&line));
                if let Some(quick) = &quick {
                    assert_eq!(Some(quick), slow.as_ref().ok(), "{line}");
                }
                assert_eq!(
                    quick.is_some(),
                    plainly && end.starts_with(']') && end != "] 1",
                    "{line}"
                );
            }
        }
        for line in [
            "[1 * 2 3 :long 4]",
            "[-1 + 2 3 :long 4]",
            "[1 + 2 3 :lonk 4]",
            "[99999999999999999999 + 2 3 :long 4]",
        ] {
            assert!(plain(line).is_none() && read_forms(line).is_err(), "{line}");
        }
    }
}
