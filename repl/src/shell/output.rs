//! Where results and remarks go, and how much of them.

use std::io::Write;

use asof::edn::Node;
use asof::error::Result;

use super::{Rows, Screen, Shell, pager};
use crate::print::columns::width;
use crate::print::{Format, Reply};

/// What is left of the screen for the frame of a table and the prompt.
const FRAME: usize = 6;

impl Shell {
    /// Prints a reply.
    pub(super) fn show(&mut self, mut reply: Reply) -> Result<()> {
        if let Some(labels) = &mut self.style.labels {
            reply.value = labels.relabel(&self.session.db(), &reply.value);
        }
        let count = reply.count();
        // A file and a pager get everything, unless somebody said how much.
        let most = match (self.rows, self.screen) {
            (Rows::Most(n), _) => n,
            (Rows::Fitting, Some(screen)) if self.file.is_none() && !self.pages() => {
                screen.rows.saturating_sub(FRAME).max(10)
            }
            _ => usize::MAX,
        };
        let cut = self.format == Format::Table && count > most;
        let mut text = Vec::new();
        match &mut reply.value.node {
            Node::Set(items) | Node::Vector(items) | Node::List(items) if cut => {
                let rest = items.split_off(most);
                reply.write(&mut text, self.format)?;
                // What is not shown can still be written.
                if let Node::Set(items) | Node::Vector(items) | Node::List(items) = &mut reply.value.node {
                    items.extend(rest);
                }
            }
            _ => reply.write(&mut text, self.format)?,
        }
        self.last = Some(reply);
        self.put(&text)?;
        if cut {
            let hidden = count - most;
            self.remark(&format!("{hidden} of {count} rows are not shown; .rows all shows them"))?;
        }
        Ok(())
    }

    /// Prints text for people.
    pub(super) fn say(&mut self, text: &str) -> Result<()> {
        match text.ends_with('\n') {
            true => self.put(text.as_bytes()),
            false => self.put(format!("{text}\n").as_bytes()),
        }
    }

    /// Says something that is no result.
    pub(super) fn remark(&mut self, text: &str) -> Result<()> {
        let text = self.style.paint.dim(text);
        writeln!(self.notes, "{text}")?;
        self.notes.flush()?;
        Ok(())
    }

    /// Prints whole lines where results go: into the file, through the pager when they do not fit, else as they are.
    fn put(&mut self, text: &[u8]) -> Result<()> {
        if let Some((file, _)) = &mut self.file {
            file.write_all(text)?;
            return Ok(());
        }
        if let Some(screen) = self.screen
            && self.pages()
            && !fits(text, screen)
            && pager::page(text)
        {
            return Ok(());
        }
        self.out.write_all(text)?;
        self.out.flush()?;
        Ok(())
    }

    /// Whether what does not fit goes through a pager. Not in the tour, whose text goes on below.
    fn pages(&self) -> bool {
        self.paging && self.screen.is_some() && self.tour.is_none() && self.nesting == 0 && pager::program().is_some()
    }
}

/// Whether a text fits on the screen, with the prompt below it.
fn fits(text: &[u8], screen: Screen) -> bool {
    let mut lines = 0;
    for line in text.split(|b| *b == b'\n') {
        lines += 1;
        if lines > screen.rows || columns(line) > screen.columns {
            return false;
        }
    }
    true
}

/// The columns that a line takes: escape sequences take none.
fn columns(line: &[u8]) -> usize {
    let text = String::from_utf8_lossy(line);
    let (mut shown, mut escaped) = (String::new(), false);
    for c in text.chars() {
        match c {
            '\x1b' => escaped = true,
            'm' if escaped => escaped = false,
            _ if escaped => {}
            _ => shown.push(c),
        }
    }
    width(&shown)
}
