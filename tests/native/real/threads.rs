//! Many threads, one server: its own counts must match.

use std::thread;

use testkit::{Handle, Server};

const THREADS: usize = 8;
const COMMANDS: usize = 1_000;

/// How many requests of a kind the server counted, by its own statistics.
fn counted(server: &Server, name: &str) -> usize {
    let stats = server.client(&["--stats"]);
    let line = stats
        .lines()
        .find(|line| line.trim_start().starts_with(name));
    let count = line.and_then(|line| line.split_whitespace().last());
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[test]
fn threads_on_one_handle_and_on_their_own_lose_and_double_nothing() {
    testkit::needs!(EcflowServer);
    let server = Server::running();
    let shared = Handle::quick(server.port, &[]);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let shared = &shared;
            let port = server.port;
            scope.spawn(move || {
                for _ in 0..COMMANDS {
                    let told = shared.task(&["--meter=m", &number.to_string()]);
                    assert_eq!((told.status, told.attempts), (0, 1), "{}", told.report);
                }
            });
            scope.spawn(move || {
                let own = Handle::quick(port, &[]);
                for _ in 0..COMMANDS {
                    let told = own.task(&["--event=e"]);
                    assert_eq!((told.status, told.attempts), (0, 1), "{}", told.report);
                }
            });
        }
    });
    assert_eq!(counted(&server, "Task meter"), THREADS * COMMANDS);
    assert_eq!(counted(&server, "Task event"), THREADS * COMMANDS);
}
