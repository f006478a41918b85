//! How far a long piece of work is: a line on standard error where that is a terminal, and nothing anywhere else.
//!
//! The line appears when the work has taken a while, so that short work leaves a terminal as it was. It goes when the work ends,
//! however it ends.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::print::count;

/// Work that takes no longer shows no line.
const SHOWN_AFTER: Duration = Duration::from_millis(400);
/// A line is drawn anew this often, whether anything is done or not.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

/// The line of a piece of work. Dropping it takes the line away.
pub struct Progress {
    bar: ProgressBar,
    made: Arc<AtomicU64>,
    done: Option<Sender<()>>,
    clock: Option<JoinHandle<()>>,
}

impl Progress {
    /// So many things are to be done.
    pub fn of(total: u64, what: &'static str) -> Progress {
        let template = format!(
            "{{wide_bar}} {{made}}/{} {what}, {{rate}}/s, {{eta}} left",
            count(total)
        );
        Progress::begin(ProgressBar::new(total), &template)
    }

    /// So many bytes are to be read, where that is known, and things are made of them.
    pub fn reading(bytes: Option<u64>, what: &'static str) -> Progress {
        match bytes {
            Some(total) => Progress::begin(
                ProgressBar::new(total),
                &format!("{{wide_bar}} {{bytes}}/{{total_bytes}}, {{made}} {what}, {{rate}}/s, {{eta}} left"),
            ),
            None => Progress::begin(
                ProgressBar::new_spinner(),
                &format!("{{spinner}} {{bytes}}, {{made}} {what}, {{rate}}/s, {{elapsed}}"),
            ),
        }
    }

    /// Things are counted, and nobody knows how many there will be.
    pub fn counting(what: &'static str) -> Progress {
        let template = format!("{{spinner}} {{made}} {what}, {{rate}}/s, {{elapsed}}");
        Progress::begin(ProgressBar::new_spinner(), &template)
    }

    /// Something goes on that counts nothing.
    pub fn waiting(what: &'static str) -> Progress {
        Progress::begin(ProgressBar::new_spinner(), &format!("{{spinner}} {what}, {{elapsed}}"))
    }

    fn begin(bar: ProgressBar, template: &str) -> Progress {
        let made = Arc::new(AtomicU64::new(0));
        let (shown, rated) = (made.clone(), made.clone());
        let style = ProgressStyle::with_template(template)
            .expect("the templates above are sound")
            .with_key("made", move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
                // What cannot be drawn is not drawn.
                let _ = out.write_str(&count(shown.load(Ordering::Relaxed)));
            })
            .with_key("rate", move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                // Of all the time until now: a number that can be read, where that of a moment jumps.
                let seconds = state.elapsed().as_secs_f64().max(1e-3);
                let _ = out.write_str(&count((rated.load(Ordering::Relaxed) as f64 / seconds) as u64));
            });
        bar.set_draw_target(ProgressDrawTarget::hidden());
        bar.set_style(style);
        let mut progress = Progress {
            bar,
            made,
            done: None,
            clock: None,
        };
        if std::io::stderr().is_terminal() {
            let (done, waiting) = channel::<()>();
            let bar = progress.bar.clone();
            progress.done = Some(done);
            progress.clock = Some(std::thread::spawn(move || {
                if waiting.recv_timeout(SHOWN_AFTER) == Err(RecvTimeoutError::Timeout) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(DRAWN_EVERY);
                }
            }));
        }
        progress
    }

    /// So many are done.
    pub fn set(&self, done: u64) {
        self.made.store(done, Ordering::Relaxed);
        self.bar.set_position(done);
    }

    /// One more is done.
    pub fn step(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
        self.bar.inc(1);
    }

    /// So many bytes were read, and so many things made of them.
    pub fn read(&self, bytes: u64, made: u64) {
        self.made.store(made, Ordering::Relaxed);
        self.bar.set_position(bytes);
    }

    /// Runs what writes to the terminal itself.
    pub fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done = None;
        if let Some(clock) = self.clock.take() {
            // It only draws; that it failed changes nothing.
            let _ = clock.join();
        }
        self.bar.finish_and_clear();
    }
}
