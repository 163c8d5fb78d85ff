//! `ecf_client`: one command of ecflow_client's, as a program for shells that load no
//! libraries; a link of that name makes old scripts use it. What it does is told in
//! [`ecf_failover::shell`].
#![allow(unsafe_code, reason = "a program takes signals")]

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use ecf_failover::Client;
use ecf_failover::shell;

/// The client that a signal cancels.
static CLIENT: OnceLock<Client> = OnceLock::new();
/// The signal that came; 0 before.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// The signals by which batch systems and people end a job's command.
const SIGNALS: [libc::c_int; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM];

fn main() -> ExitCode {
    let argv: Vec<Vec<u8>> = std::env::args_os()
        .skip(1)
        .map(OsStringExt::into_vec)
        .collect();
    let client = CLIENT.get_or_init(|| {
        let lookup = |name: &str| std::env::var_os(name).map(OsStringExt::into_vec);
        Client::new(shell::settings(lookup))
    });
    take_signals();
    ExitCode::from(shell::run(client, &argv, &Process))
}

/// A process of the command's own.
struct Process;

impl shell::Place for Process {
    fn signal(&self) -> Option<u8> {
        let signal = u8::try_from(SIGNAL.load(Ordering::Relaxed)).ok();
        signal.filter(|signal| *signal > 0)
    }

    fn path(&self) -> Option<Vec<u8>> {
        std::env::var_os("PATH").map(OsStringExt::into_vec)
    }

    fn become_program(&self, program: &Path) -> Option<io::Error> {
        // Another copy of this program would be as little help, and must not come back here.
        let failure = Command::new(program)
            .args(std::env::args_os().skip(1))
            .env("ECF_FAILOVER_STOCK_CLIENT", "name")
            .exec();
        Some(failure)
    }
}

/// Lets the signals that end a job's command end the waiting, once: a second one ends the
/// program.
fn take_signals() {
    for signal in SIGNALS {
        // SAFETY: an all-zero sigaction is valid, the handler does what a handler may, and a
        // signal that was ignored at the start stays ignored.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &raw mut before);
            if before.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as libc::sighandler_t;
            action.sa_flags = libc::SA_RESETHAND;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

extern "C" fn on_signal(signal: libc::c_int) {
    SIGNAL.store(signal, Ordering::Relaxed);
    if let Some(client) = CLIENT.get() {
        client.cancel();
    }
}
