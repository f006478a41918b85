//! Where a follower sleeps until it is answered, or asked to lead.

use parking_lot::{Condvar, Mutex};

use super::group::Outcome;

/// What a sleeping caller is woken for.
pub(super) enum Call {
    /// Its transaction is through, or refused.
    Done(Outcome),
    /// It leads now, and is answered by that.
    Lead,
}

/// One waiting caller.
#[derive(Default)]
pub(super) struct Slot {
    call: Mutex<Option<Call>>,
    called: Condvar,
}

impl Slot {
    pub fn wait(&self) -> Call {
        let mut call = self.call.lock();
        loop {
            match call.take() {
                Some(call) => return call,
                None => self.called.wait(&mut call),
            }
        }
    }
    pub fn lead(&self) {
        self.set(Call::Lead);
    }
    pub fn done(&self, outcome: Outcome) {
        self.set(Call::Done(outcome));
    }
    fn set(&self, call: Call) {
        *self.call.lock() = Some(call);
        self.called.notify_one();
    }
}
