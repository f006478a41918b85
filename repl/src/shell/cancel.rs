//! Ctrl-C ends the running query and not the session.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use asof::query::CancelToken;

/// What runs, and how often Ctrl-C was pressed since it began.
static RUNNING: Mutex<(Option<CancelToken>, u32)> = Mutex::new((None, 0));

fn running() -> MutexGuard<'static, (Option<CancelToken>, u32)> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets Ctrl-C cancel from now on. While a line is edited the terminal hands the key to the editor instead.
pub fn listen() {
    let handler = || {
        let mut now = running();
        now.1 += 1;
        if let Some(token) = &now.0 {
            token.cancel();
        }
        // What cannot be cancelled can be left: every transaction that was reported is stored.
        if now.1 > 2 {
            std::process::exit(130);
        }
    };
    if let Err(e) = ctrlc::set_handler(handler) {
        anstream::eprintln!("Ctrl-C will end the session: {e}");
    }
}

/// Something that runs until this is dropped. After a second a clock shows that it does.
pub struct Run {
    done: Option<Sender<()>>,
    clock: Option<JoinHandle<()>>,
}

impl Run {
    /// A token for what begins now.
    pub fn begin(show_clock: bool) -> (Run, CancelToken) {
        let token = CancelToken::new();
        *running() = (Some(token.clone()), 0);
        let mut run = Run {
            done: None,
            clock: None,
        };
        if show_clock && std::io::stderr().is_terminal() {
            let (done, waiting) = channel();
            run.done = Some(done);
            run.clock = Some(std::thread::spawn(move || {
                if waiting.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let bar = indicatif::ProgressBar::new_spinner().with_message("Ctrl-C cancels");
                bar.set_style(
                    indicatif::ProgressStyle::with_template("{spinner} {elapsed}  {msg}")
                        .unwrap_or_else(|_| indicatif::ProgressStyle::default_spinner()),
                );
                bar.enable_steady_tick(Duration::from_millis(100));
                // Whatever is sent or dropped is the end.
                let _ = waiting.recv();
                bar.finish_and_clear();
            }));
        }
        (run, token)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        *running() = (None, 0);
        self.done = None;
        if let Some(clock) = self.clock.take() {
            // The clock only draws; that it failed changes no answer.
            let _ = clock.join();
        }
    }
}
