//! Many plans in one thread, over one epoll.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::FromRawFd;

use ecf_failover::model::{Kind, Outcome, Status};

use super::{client, descriptors, soon};
use testkit::{FullBacklog, Plan, Program, Step, frame, replies};

/// A backup of its own process, so that its descriptors are not those of the plans: answers every
/// frame with OK, and prints the count at the end of its input.
const BACKUP: &str = r"
import asyncio, sys, resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
answered = 0
async def serve(reader, writer):
    global answered
    try:
        size = int(await reader.readexactly(8), 16)
        await reader.readexactly(size)
        writer.write(sys.argv[1].encode())
        answered += 1
        await reader.read()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(answered, flush=True)
asyncio.run(main())
";

struct Backup {
    process: std::process::Child,
    output: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl Backup {
    fn new() -> Self {
        let ok = frame(replies::ok().as_bytes());
        let ok = String::from_utf8(ok).unwrap();
        let mut process = Program::new("/usr/bin/python3", &[])
            .args(&["-c", BACKUP, &ok])
            .command()
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let output = process.stdout.take().unwrap();
        let mut backup = Self {
            process,
            output: BufReader::new(output),
            port: 0,
        };
        backup.port = backup.line().parse().unwrap();
        backup
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn answered(mut self) -> usize {
        drop(self.process.stdin.take());
        let count = self.line().parse().unwrap();
        self.process.wait().unwrap();
        count
    }
}

/// As many descriptors as this process may have.
fn raise_limit() {
    let mut limit: libc::rlimit = unsafe { std::mem::zeroed() };
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur = limit.rlim_max;
    assert_eq!(
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) },
        0
    );
}

/// How many there are; tests/deep has more.
fn how_many() -> usize {
    let given = std::env::var("CONNECTED_PLANS").ok();
    given.map_or(500, |count| count.parse().expect("a number"))
}

/// A plan, and the connection that it speaks on.
struct Command {
    plan: Plan,
    speaking: Option<(TcpStream, Vec<u8>)>,
    /// When it is asked again though nothing happened, in milliseconds since the begin.
    due: u64,
}

struct Loop {
    epoll: i32,
    begin: std::time::Instant,
}

impl Loop {
    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap()
    }

    fn add(&self, fd: i32, number: usize) {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: number as u64,
        };
        let added = unsafe { libc::epoll_ctl(self.epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        assert_eq!(added, 0);
    }

    fn remove(&self, fd: i32) {
        let none = std::ptr::null_mut();
        let removed = unsafe { libc::epoll_ctl(self.epoll, libc::EPOLL_CTL_DEL, fd, none) };
        assert_eq!(removed, 0);
    }

    fn ready(&self, ms: u64) -> Vec<usize> {
        let mut events: [libc::epoll_event; 256] = unsafe { std::mem::zeroed() };
        let ms = i32::try_from(ms).unwrap_or(1_000).min(1_000);
        let count = unsafe { libc::epoll_wait(self.epoll, events.as_mut_ptr(), 256, ms) };
        let count = usize::try_from(count).unwrap_or(0);
        let numbers = events[..count].iter().map(|event| event.u64);
        numbers
            .map(|number| usize::try_from(number).unwrap())
            .collect()
    }

    /// Asks a plan; whether it goes on.
    fn ask(&self, command: &mut Command, number: usize) -> bool {
        use std::os::fd::AsRawFd;
        match command.plan.next() {
            Step::Attempt(limit) => {
                if command.speaking.is_none() {
                    let socket = command.plan.take_socket();
                    assert!(socket > 2);
                    let mut stream = unsafe { TcpStream::from_raw_fd(socket) };
                    stream.write_all(&frame(b"{}")).unwrap();
                    self.add(stream.as_raw_fd(), number);
                    command.speaking = Some((stream, Vec::new()));
                }
                command.due = self.now() + limit;
                true
            }
            Step::Wait(ms) => {
                command.due = self.now() + ms;
                true
            }
            Step::Over(status) => {
                assert_eq!(status, Status::Ok, "{}", command.plan.report());
                false
            }
        }
    }

    /// Reads what there is; tells the outcome when all has come.
    fn read(&self, command: &mut Command) {
        use std::os::fd::AsRawFd;
        let Some((stream, reply)) = &mut command.speaking else {
            return;
        };
        let mut piece = [0; 4_096];
        let is_over = match stream.read(&mut piece) {
            Ok(0) => true,
            Ok(count) => {
                reply.extend(&piece[..count]);
                reply.len() == frame(replies::ok().as_bytes()).len()
            }
            Err(_) => false,
        };
        if is_over {
            assert_eq!(*reply, frame(replies::ok().as_bytes()));
            self.remove(stream.as_raw_fd());
            command.speaking = None;
            assert_eq!(command.plan.outcome(Outcome::Ok), Status::Ok);
        }
    }
}

#[test]
fn all_are_delivered_past_a_silent_primary_and_nothing_is_left() {
    testkit::needs!(Python);
    raise_limit();
    let (silent, backup) = (FullBacklog::new(), Backup::new());
    let client = client(
        "many",
        silent.port,
        &[backup.port],
        &[("ECF_TIMEOUT", "300")],
    );
    let before = descriptors();
    let count = how_many();
    let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    let events = Loop {
        epoll,
        begin: std::time::Instant::now(),
    };
    let mut commands: HashMap<usize, Command> = (0..count)
        .map(|number| {
            let plan = client.connected_plan(Kind::Task, &[]);
            events.add(plan.poll_fd(), number);
            let command = Command {
                plan,
                speaking: None,
                due: 0,
            };
            (number, command)
        })
        .collect();
    while !commands.is_empty() {
        let now = events.now();
        assert!(now < 280_000, "{} are left", commands.len());
        let due = commands.values().map(|command| command.due).min().unwrap();
        let ready = events.ready(due.saturating_sub(now));
        let now = events.now();
        let late = commands.iter().filter(|(_, command)| command.due <= now);
        let mut numbers: Vec<_> = late.map(|(number, _)| *number).chain(ready).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            let Some(command) = commands.get_mut(&number) else {
                continue;
            };
            events.read(command);
            if !events.ask(command, number) {
                events.remove(command.plan.poll_fd());
                commands.remove(&number);
            }
        }
    }
    unsafe { libc::close(epoll) };
    println!("{count} delivered after {} ms", events.now());
    assert_eq!(backup.answered(), count, "each once");
    // The pipes of the backup are gone, too.
    soon(before - 2);
}
