//! Signals that come while the builtin waits.
//!
//! Bash runs traps between commands, and a command may wait for a day. So the builtin takes the
//! signals. One that ends a program ends the command, and bash gets it afterwards: its trap runs
//! as after an external command. Batch systems use others for a warning: these wake the command,
//! bash gets them and runs their traps meanwhile, and the command goes on.

use std::ffi::c_int;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::host::Host;
use crate::client::Client;

/// Those by which people and batch systems end a command: taken also when the shell leaves them
/// to the system.
const DEADLY: [c_int; 7] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGXCPU,
];
/// Those that end no command when there is a trap for them: warnings, and what ends no program.
const WARNINGS: [c_int; 8] = [
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGCONT,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGURG,
    libc::SIGWINCH,
];
/// Those that a wrong access raises, again and again when a handler returns.
const FAULTS: [c_int; 4] = [libc::SIGILL, libc::SIGBUS, libc::SIGFPE, libc::SIGSEGV];
/// Those that the shell needs itself, or that cannot be taken.
const LEFT: [c_int; 3] = [libc::SIGCHLD, libc::SIGKILL, libc::SIGSTOP];
/// The last there is on Linux; each has a bit in the words below.
const LAST: c_int = 64;

/// The client of the command that waits.
static CLIENT: AtomicPtr<Client> = AtomicPtr::new(ptr::null_mut());
/// The signal that ended it; 0 before.
static ENDED_BY: AtomicI32 = AtomicI32::new(0);
/// Those that came, and that the shell is to get.
static CAME: AtomicU64 = AtomicU64::new(0);
/// Those that do not end the command.
static PASSING: AtomicU64 = AtomicU64::new(0);
/// Those whose traps wait for the end of the command.
static DEFERRED: AtomicU64 = AtomicU64::new(0);
/// What would have ended the command, had it not come while a trap ran; 0 before.
static CAME_IN_TRAP: AtomicI32 = AtomicI32::new(0);
/// The shell's handlers of those that end a command, while a trap runs; 0: none.
static SHELLS: [AtomicUsize; LAST as usize + 1] =
    [const { AtomicUsize::new(0) }; LAST as usize + 1];
/// Those that are taken, and what the shell did with them.
static TAKEN: Mutex<Vec<Action>> = Mutex::new(Vec::new());

struct Action {
    signal: c_int,
    shells: libc::sigaction,
}

/// While it lives, the signals are taken. The shell gets those that came when it goes.
pub(super) struct Taken<'a>(#[allow(dead_code, reason = "it must not go before")] &'a Client);

impl<'a> Taken<'a> {
    pub(super) fn begin(client: &'a Client) -> Self {
        let host = Host::of_this_process();
        if host.run_pending_traps.is_some() {
            client.on_interrupt(run_traps);
        }
        ENDED_BY.store(0, Ordering::SeqCst);
        take(host, ptr::from_ref(client).cast_mut());
        Self(client)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let host = Host::of_this_process();
        give_back(host);
        ENDED_BY.store(0, Ordering::SeqCst);
        hand_over(host, u64::MAX);
    }
}

/// The signal that ended the command.
pub(super) fn ended_by() -> Option<u8> {
    let signal = ENDED_BY.load(Ordering::SeqCst);
    u8::try_from(signal).ok().filter(|signal| *signal > 0)
}

/// Lets the shell run the traps of the signals that came, on its own thread, which is the one
/// that waits.
///
/// A trap may end the shell, and then bash does not come back: it jumps past this call and those
/// that led to it. Nothing is left then that points into them, and no lock is held; what they
/// own is kept until the process ends, which is next. One that holds a `return`, by which bash
/// jumps as well, waits for the end of the command.
fn run_traps() {
    if ended_by().is_some() {
        return;
    }
    let host = Host::of_this_process();
    let Some(run_pending_traps) = host.run_pending_traps else {
        return;
    };
    // A trap may unload the builtin.
    host.keep_loaded();
    let client = CLIENT.load(Ordering::SeqCst);
    give_back(host);
    // A command in a trap is one of its own.
    ENDED_BY.store(0, Ordering::SeqCst);
    let came_before = CAME_IN_TRAP.swap(0, Ordering::SeqCst);
    let watched = watch_ends(host);
    hand_over(host, !DEFERRED.load(Ordering::SeqCst));
    // SAFETY: bash's own thread, in a builtin, where bash itself calls this function.
    unsafe { run_pending_traps() };
    unwatch_ends(host, watched);
    let end = CAME_IN_TRAP.swap(came_before, Ordering::SeqCst);
    take(host, client);
    if end != 0 {
        // The shell has got it already.
        ENDED_BY.store(end, Ordering::SeqCst);
        // SAFETY: the client of the call that waits, as in `on_signal`.
        if let Some(client) = unsafe { client.as_ref() } {
            client.cancel();
        }
    }
}

/// While a trap runs, its signals are the shell's; that one which ends a command came is noticed
/// all the same.
fn watch_ends(host: &Host) -> Vec<Action> {
    let Some(sigaction) = host.sigaction else {
        return Vec::new();
    };
    let ends = (1..=LAST).filter(|signal| !LEFT.contains(signal) && !FAULTS.contains(signal));
    let mut watched = Vec::new();
    for signal in ends.filter(|signal| !WARNINGS.contains(signal)) {
        // SAFETY: an all-zero sigaction is valid, and the handler does what a handler may.
        unsafe {
            let mut shells: libc::sigaction = mem::zeroed();
            if sigaction(signal, ptr::null(), &raw mut shells) != 0
                || matches!(shells.sa_sigaction, libc::SIG_IGN | libc::SIG_DFL)
                || shells.sa_sigaction == passed_on as *const () as libc::sighandler_t
                || !host.is_trapped(signal)
            {
                continue;
            }
            SHELLS[signal as usize].store(shells.sa_sigaction, Ordering::SeqCst);
            let mut ours = shells;
            ours.sa_sigaction = passed_on as *const () as libc::sighandler_t;
            sigaction(signal, &raw const ours, ptr::null_mut());
            watched.push(Action { signal, shells });
        }
    }
    watched
}

fn unwatch_ends(host: &Host, watched: Vec<Action>) {
    let Some(sigaction) = host.sigaction else {
        return;
    };
    for Action { signal, shells } in watched {
        // SAFETY: what was there before, unless the trap has changed it.
        unsafe {
            let mut now: libc::sigaction = mem::zeroed();
            sigaction(signal, ptr::null(), &raw mut now);
            if now.sa_sigaction == passed_on as *const () as libc::sighandler_t {
                sigaction(signal, &raw const shells, ptr::null_mut());
            }
        }
    }
}

extern "C" fn passed_on(signal: c_int) {
    CAME_IN_TRAP.store(signal, Ordering::SeqCst);
    let shells = SHELLS[signal as usize].load(Ordering::SeqCst);
    if shells != 0 {
        // SAFETY: the handler that bash had installed, which takes the number of a signal.
        let handler: extern "C" fn(c_int) = unsafe { mem::transmute(shells) };
        handler(signal);
    }
}

fn take(host: &Host, client: *mut Client) {
    let Some(sigaction) = host.sigaction else {
        return;
    };
    CLIENT.store(client, Ordering::SeqCst);
    PASSING.store(0, Ordering::SeqCst);
    DEFERRED.store(0, Ordering::SeqCst);
    let mut taken = TAKEN.lock();
    for signal in (1..=LAST).filter(|signal| !LEFT.contains(signal)) {
        // SAFETY: all-zero sigactions are valid, and the handler does what a handler may.
        unsafe {
            let mut shells: libc::sigaction = mem::zeroed();
            if sigaction(signal, ptr::null(), &raw mut shells) != 0 {
                continue;
            }
            let is_trapped = match shells.sa_sigaction {
                libc::SIG_IGN => continue,
                libc::SIG_DFL => false,
                _ => host.is_trapped(signal),
            };
            if !is_trapped && !DEADLY.contains(&signal) {
                continue;
            }
            if is_trapped && WARNINGS.contains(&signal) {
                PASSING.fetch_or(bit(signal), Ordering::SeqCst);
                if host.trap_returns(signal) {
                    DEFERRED.fetch_or(bit(signal), Ordering::SeqCst);
                }
            }
            let mut ours: libc::sigaction = mem::zeroed();
            ours.sa_sigaction = on_signal as *const () as libc::sighandler_t;
            if FAULTS.contains(&signal) {
                ours.sa_flags = libc::SA_RESETHAND;
            }
            taken.push(Action { signal, shells });
            sigaction(signal, &raw const ours, ptr::null_mut());
        }
    }
}

fn give_back(host: &Host) {
    for action in TAKEN.lock().drain(..) {
        if let Some(sigaction) = host.sigaction {
            // SAFETY: what was there before.
            unsafe { sigaction(action.signal, &raw const action.shells, ptr::null_mut()) };
        }
    }
    CLIENT.store(ptr::null_mut(), Ordering::SeqCst);
}

/// Gives the shell those of these signals that came.
fn hand_over(host: &Host, which: u64) {
    let came = CAME.fetch_and(!which, Ordering::SeqCst) & which;
    for signal in (1..=LAST).filter(|signal| came & bit(*signal) != 0) {
        if let Some(raise) = host.raise {
            // SAFETY: a number of a signal.
            unsafe { raise(signal) };
        }
    }
}

fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

extern "C" fn on_signal(signal: c_int) {
    CAME.fetch_or(bit(signal), Ordering::SeqCst);
    if DEFERRED.load(Ordering::SeqCst) & bit(signal) != 0 {
        return;
    }
    let passes = PASSING.load(Ordering::SeqCst) & bit(signal) != 0;
    if !passes {
        ENDED_BY.store(signal, Ordering::SeqCst);
    }
    // SAFETY: NULL, or the client of the call that waits, which takes the handler away before
    // it lets the client go. Only bash's own thread calls builtins.
    if let Some(client) = unsafe { CLIENT.load(Ordering::SeqCst).as_ref() } {
        match passes {
            true => client.interrupt(),
            false => client.cancel(),
        }
    }
}
