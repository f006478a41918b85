//! The built-in tour: ten minutes on a harbour that is made for it and forgotten afterwards.

use std::collections::VecDeque;

use asof::error::Result;

use super::colours::colours;
use super::{Shell, help, script};
use crate::eval::{Rules, Session};
use crate::time::{Watch, Window};

/// The steps, parted by lines of dashes; what is indented is typed.
const STEPS: &str = include_str!("help/tour.txt");

/// Where somebody is in the tour, and what waits: the session with its rules and what is watched.
pub(super) struct Tour {
    left: VecDeque<&'static str>,
    count: usize,
    waiting: Session,
    rules: Rules,
    watch: Option<Watch>,
}

impl Tour {
    /// ` tour 3/10`
    pub fn progress(&self) -> String {
        format!(" tour {}/{}", self.count - self.left.len(), self.count)
    }
}

impl Shell {
    /// Begins the tour, again if it is under way.
    pub(super) fn start_tour(&mut self) -> Result<()> {
        self.leave_tour();
        let left: VecDeque<&str> = STEPS.split("\n----\n").collect();
        let waiting = std::mem::replace(&mut self.session, Session::open(None, false)?);
        self.tour = Some(Tour {
            count: left.len(),
            left,
            waiting,
            rules: std::mem::take(&mut self.rules),
            watch: self.watch.take(),
        });
        self.next_step()
    }

    /// Shows the next step of the tour and types for the visitor.
    pub(super) fn next_step(&mut self) -> Result<()> {
        let Some(tour) = &mut self.tour else {
            return self.remark("no tour is under way; .help tour begins one");
        };
        let Some(step) = tour.left.pop_front() else {
            self.leave_tour();
            return self.remark("this is your own database again");
        };
        self.session.window = Window::default();
        for (typed, text) in help::parts(step) {
            if !typed {
                self.say(&help::prose(&text, self.style.width))?;
                continue;
            }
            for entry in script::texts(&text)? {
                let shown = if self.style.paint.0 {
                    colours(entry, None)
                } else {
                    entry.to_string()
                };
                self.say(&shown.lines().map(|l| format!("    {l}")).collect::<Vec<_>>().join("\n"))?;
                // Mistakes are part of the tour.
                if let Err(e) = self.feed("tour", entry) {
                    self.say(&e.to_string())?;
                }
            }
        }
        let more = self.tour.as_ref().is_some_and(|t| !t.left.is_empty());
        self.remark(match more {
            true => "Enter goes on; try things as long as you like; .quit leaves the tour",
            false => "Enter or .quit leaves the tour",
        })
    }

    /// Back to the session that waits.
    pub(super) fn leave_tour(&mut self) {
        if let Some(tour) = self.tour.take() {
            (self.session, self.rules, self.watch) = (tour.waiting, tour.rules, tour.watch);
        }
    }
}
