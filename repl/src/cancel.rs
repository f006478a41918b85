//! Ctrl-C ends what runs: at the prompt that and not the session, and a command of its own with a word about what stays.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use asof::query::CancelToken;

/// What Ctrl-C means now.
struct Running {
    /// What it cancels.
    token: Option<CancelToken>,
    /// How often it was pressed since that began.
    presses: u32,
    /// Whether it belongs to another program, such as a pager.
    quiet: bool,
}

static RUNNING: Mutex<Running> = Mutex::new(Running {
    token: None,
    presses: 0,
    quiet: false,
});

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets Ctrl-C cancel from now on, as SIGINT does. While a line is edited the terminal hands the key to the editor instead.
pub fn listen() {
    let handler = || {
        let mut now = running();
        if now.quiet {
            return;
        }
        now.presses += 1;
        match &now.token {
            Some(token) => {
                token.cancel();
                // What is said next begins where the terminal wrote ^C.
                if std::io::stderr().is_terminal() {
                    eprint!("\r");
                }
                if now.presses == 2 {
                    anstream::eprintln!("it is ending; Ctrl-C once more leaves at once, and what is stored stays");
                }
            }
            None if now.presses == 1 => {
                anstream::eprintln!(
                    "\nthis is not cancelled halfway; Ctrl-C twice more leaves, and what is stored stays"
                );
            }
            None => {}
        }
        // What cannot be cancelled can be left: every transaction that was reported is stored.
        if now.presses > 2 {
            std::process::exit(130);
        }
    };
    if let Err(e) = ctrlc::set_handler(handler) {
        anstream::eprintln!("Ctrl-C will end the session: {e}");
    }
}

/// Something new begins: Ctrl-C that was pressed before was not meant for it.
pub fn begin() {
    running().presses = 0;
}

/// While this lives, Ctrl-C belongs to another program.
pub struct Quiet;

impl Quiet {
    pub fn begin() -> Quiet {
        running().quiet = true;
        Quiet
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        running().quiet = false;
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
        {
            let mut now = running();
            now.token = Some(token.clone());
            now.presses = 0;
        }
        let mut run = Run {
            done: None,
            clock: None,
        };
        if show_clock && std::io::stderr().is_terminal() {
            let (done, waiting) = channel::<()>();
            let token = token.clone();
            run.done = Some(done);
            run.clock = Some(std::thread::spawn(move || {
                if waiting.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let bar = indicatif::ProgressBar::new_spinner()
                    .with_elapsed(Duration::from_secs(1))
                    .with_message("Ctrl-C cancels");
                let tick = Duration::from_millis(100);
                bar.set_style(
                    indicatif::ProgressStyle::with_template("{spinner} {elapsed}  {msg}")
                        .unwrap_or_else(|_| indicatif::ProgressStyle::default_spinner()),
                );
                // Whatever is sent or dropped is the end.
                while waiting.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                    match token.rows_read() {
                        0 => {}
                        n => bar.set_message(format!("{} rows read  Ctrl-C cancels", indicatif::HumanCount(n))),
                    }
                    bar.tick();
                }
                bar.finish_and_clear();
            }));
        }
        (run, token)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut now = running();
        now.token = None;
        now.presses = 0;
        drop(now);
        self.done = None;
        if let Some(clock) = self.clock.take() {
            // The clock only draws; that it failed changes no answer.
            let _ = clock.join();
        }
    }
}
