//! A plan as text that a person reads: one line a step, with the index it reads and the rows it expects.

use std::fmt::Write;

use super::Prepared;
use super::ast::{Var, Vars};
use super::exec::Actual;
use super::plan::{Apply, Node, Op, Operand, Pipeline, Pos, Scan, access};
use super::source::Sources;
use super::stats::Bytes;

struct Writer<'a> {
    vars: &'a Vars,
    sources: &'a Sources,
    prepared: &'a Prepared,
    actual: Option<&'a [Actual]>,
    out: String,
}

/// The plan, with what each step did when that is known.
pub(crate) fn plan(prepared: &Prepared, sources: &Sources, actual: Option<&[Actual]>) -> String {
    let mut w = Writer {
        vars: &prepared.vars,
        sources,
        prepared,
        actual,
        out: String::new(),
    };
    w.pipeline(&prepared.main, 0);
    let mut used = Vec::new();
    called(&prepared.main, prepared, &mut used);
    for i in used {
        let pred = &prepared.preds[i];
        let bound: String = pred.bound.iter().map(|b| if *b { 'b' } else { 'f' }).collect();
        let search = if pred.closure { ", a search over this edge" } else { "" };
        let _ = writeln!(w.out, "rule {} {bound} (#{i}){search}", pred.name);
        for (k, body) in pred.bodies.iter().enumerate() {
            let _ = writeln!(w.out, "  body {}", k + 1);
            w.pipeline(&body.plan, 2);
        }
    }
    w.out
}

/// The rules a plan calls, and those that they call; planning may have tried others.
fn called(p: &Pipeline, prepared: &Prepared, out: &mut Vec<usize>) {
    for node in &p.nodes {
        match &node.op {
            Op::Call(c) if !out.contains(&c.pred) => {
                out.push(c.pred);
                for body in &prepared.preds[c.pred].bodies {
                    called(&body.plan, prepared, out);
                }
            }
            op => op.inside().iter().for_each(|plan| called(plan, prepared, out)),
        }
    }
}

impl Writer<'_> {
    fn pipeline(&mut self, p: &Pipeline, depth: usize) {
        if p.nodes.is_empty() {
            let _ = writeln!(self.out, "{}the inputs as they are", "  ".repeat(depth));
        }
        for node in &p.nodes {
            self.node(node, depth);
        }
    }

    fn node(&mut self, node: &Node, depth: usize) {
        let what = self.what(&node.op);
        let pad = "  ".repeat(depth);
        let rows = if node.rows < 10.0 {
            format!("{:.1}", node.rows)
        } else {
            format!("{:.0}", node.rows)
        };
        let mut line = format!("{pad}{what}");
        let width = line.chars().count().max(56);
        line = format!("{line:<width$}  about {rows} rows");
        if let Some(a) = self.actual.and_then(|a| a.get(node.id)) {
            let _ = write!(line, ", was {} in {:.1?}", a.rows, a.time);
            if a.runs != 1 {
                let _ = write!(line, " ({} runs)", a.runs);
            }
            if a.read > 0 {
                let leaves = if a.leaves == 1 { "leaf" } else { "leaves" };
                let _ = write!(line, ", read {} in {} {leaves}", a.read, a.leaves);
            }
            if a.bytes > 0 {
                let _ = write!(line, ", {}", Bytes(a.bytes));
            }
        }
        let _ = writeln!(self.out, "{line}");
        match &node.op {
            Op::Not(_, body) => self.pipeline(body, depth + 1),
            Op::Or { branches, .. } => {
                for (i, b) in branches.iter().enumerate() {
                    let _ = writeln!(self.out, "{pad}  branch {}", i + 1);
                    self.pipeline(b, depth + 2);
                }
            }
            _ => {}
        }
    }

    fn name(&self, v: Var) -> String {
        self.vars.name(v).to_string()
    }
    fn names(&self, vs: &[Var]) -> String {
        vs.iter().map(|v| self.name(*v)).collect::<Vec<_>>().join(" ")
    }
    fn pos<C: std::fmt::Debug>(&self, p: &Pos<C>) -> String {
        match p {
            Pos::Any => "_".to_string(),
            Pos::Var(v) => self.name(*v),
            Pos::Is(c) => format!("{c:?}"),
        }
    }

    fn what(&self, op: &Op) -> String {
        match op {
            Op::Scan(s) => self.scan(s),
            Op::Rows(r) => {
                let terms: Vec<String> = r
                    .terms
                    .iter()
                    .map(|t| match t {
                        Pos::Any => "_".to_string(),
                        Pos::Var(v) => self.name(*v),
                        Pos::Is(_) => "constant".to_string(),
                    })
                    .collect();
                format!("rows of {} [{}]", self.sources.list[r.source].0, terms.join(" "))
            }
            Op::Equal(a, b) => format!("equal {} {}", self.name(*a), self.name(*b)),
            Op::Const(v, _, _) => format!("constant {}", self.name(*v)),
            Op::Filter(f) => format!("filter {}", self.call(f)),
            Op::Apply(f, b) => format!("compute {} -> {}", self.call(f), self.names(&b.vars())),
            Op::Lookup(l, b) => {
                let attrs: Vec<String> = l.attrs.iter().map(|a| a.attr.ident.to_string()).collect();
                format!("look up {} -> {}", attrs.join(" "), self.names(&b.vars()))
            }
            Op::Nested(n, b) => format!("nested query ({} inputs) -> {}", n.args.len(), self.names(&b.vars())),
            Op::Not(vars, _) => format!("not, by {}", self.names(vars)),
            Op::Or { input, vars, .. } => match input.is_empty() {
                true => format!("or -> {}", self.names(vars)),
                false => format!("or, from {} -> {}", self.names(input), self.names(vars)),
            },
            Op::Call(c) => format!(
                "rule {} #{} ({})",
                self.prepared.preds[c.pred].name,
                c.pred,
                self.names(&c.args)
            ),
        }
    }

    fn call(&self, f: &Apply) -> String {
        let args: Vec<String> = f
            .args
            .iter()
            .map(|a| match a {
                Operand::Var(v) => self.name(*v),
                Operand::Const(c) => c.to_string(),
            })
            .collect();
        format!("({} {})", f.name, args.join(" "))
    }

    fn scan(&self, s: &Scan) -> String {
        let (source, db) = match self.sources.db(s.source) {
            Some(db) => (&self.sources.list[s.source].0, &db.db),
            None => return "scan".to_string(),
        };
        if s.nothing {
            return "nothing: a constant of the pattern names nothing here".to_string();
        }
        let index = match access::accesses(s, db).as_deref() {
            Ok([one]) => one.order.name(),
            _ => "avet",
        };
        let a = match &s.attr {
            Some(a) => a.ident.to_string(),
            None => self.pos(&s.a),
        };
        let v = match &s.v {
            Pos::Is(v) => crate::datom::Val::from(v.clone()).to_string(),
            p => self.pos(p),
        };
        let mut out = format!("{index} {source} [{} {a} {v}", self.pos(&s.e));
        if s.tx != Pos::Any || s.op != Pos::Any {
            let _ = write!(out, " {}", self.pos(&s.tx));
        }
        if s.op != Pos::Any {
            let _ = write!(out, " {}", self.pos(&s.op));
        }
        out.push(']');
        let bound = |b: &Option<(crate::datom::Value, bool)>, strict: &str| {
            b.as_ref().map(|(v, inclusive)| {
                let v = crate::datom::Val::from(v.clone());
                format!(" {strict}{} {v}", if *inclusive { "=" } else { "" })
            })
        };
        for part in [bound(&s.bounds.low, ">"), bound(&s.bounds.high, "<")]
            .into_iter()
            .flatten()
        {
            out.push_str(&part);
        }
        out
    }
}
