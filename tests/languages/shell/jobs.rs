//! Jobs of a real suite, which a real server submits: they end in the same states however
//! ecflow_client is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{PROGRAM, library};
use testkit::{Program, Server};

/// A way to run a job's ecflow_client lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    BashBuiltin,
    DashFunction,
    KshFunction,
    /// ecf_client under the name of the stock client.
    KshPath,
    Stock,
}

impl Way {
    const ALL: [Self; 5] = [
        Self::BashBuiltin,
        Self::DashFunction,
        Self::KshFunction,
        Self::KshPath,
        Self::Stock,
    ];

    fn shell(self) -> &'static str {
        match self {
            Self::BashBuiltin => "/bin/bash",
            Self::DashFunction => "/bin/dash",
            Self::KshFunction | Self::KshPath => "/bin/ksh93",
            Self::Stock => "/bin/sh",
        }
    }

    /// The line of head.h that brings ecflow_client.
    fn line(self, home: &Path) -> String {
        match self {
            Self::BashBuiltin => format!("enable -f '{}' ecflow_client", library().display()),
            Self::DashFunction | Self::KshFunction => {
                format!("ecflow_client() {{ '{PROGRAM}' \"$@\"; }}")
            }
            Self::KshPath => {
                let bin = home.join("bin");
                fs::create_dir_all(&bin).unwrap();
                std::os::unix::fs::symlink(PROGRAM, bin.join("ecflow_client")).unwrap();
                format!("export PATH='{}':$PATH", bin.display())
            }
            Self::Stock => String::new(),
        }
    }
}

/// Does `check` with every way at once: the stock client waits ten seconds for a dead server.
fn every_way(check: fn(Way)) {
    thread::scope(|scope| {
        let running = Way::ALL.map(|way| (way, scope.spawn(move || check(way))));
        for (way, thread) in running {
            assert!(thread.join().is_ok(), "{way:?}");
        }
    });
}

/// A server that runs the suite `jobs`: head.h, tail.h and jobs as ecFlow's tutorial has them.
struct Suite {
    server: Server,
}

const TAIL: &str = "wait\necflow_client --complete\ntrap 0\nexit 0\n";

/// Each task and what its job does between head.h and tail.h.
const TASKS: [(&str, &str); 4] = [
    (
        "good",
        "ecflow_client --meter=m 50\necflow_client --event=e\n",
    ),
    ("bad", "ecflow_client --meter=m 50\nfalse\n"),
    // The test kills the server in between, and the job while it waits for it.
    (
        "killed",
        "ecflow_client --meter=m 50\ntell started\nuntil_told go\ntell waiting\n\
         ecflow_client --meter=m 60\ntell delivered\n",
    ),
    (
        "moved",
        "ecflow_client --meter=m 50\ntell started\nuntil_told go\n",
    ),
];

impl Suite {
    /// A server with the suite loaded, in which nothing runs yet.
    fn loaded(way: Way) -> Self {
        let suite = Self {
            server: Server::started(),
        };
        let server = &suite.server;
        let files = server.home.join("files");
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("head.h"), head(way, &server.home)).unwrap();
        fs::write(files.join("tail.h"), TAIL).unwrap();
        let mut tasks = String::new();
        for (task, body) in TASKS {
            let job = format!("%include <head.h>\n{body}%include <tail.h>\n");
            fs::write(files.join(format!("{task}.ecf")), job).unwrap();
            tasks += &format!(" task {task}\n  defstatus complete\n  event e\n  meter m 0 100\n");
        }
        // In a session of its own, as batch systems start a job.
        let definition = format!(
            "suite jobs\n edit ECF_FILES '{0}'\n edit ECF_INCLUDE '{0}'\n edit ECF_HOME '{1}'\n \
             edit ECF_JOB_CMD 'setsid %ECF_JOB% 1> %ECF_JOBOUT% 2>&1 &'\n \
             edit ECF_TRIES 1\n{tasks}endsuite\n",
            files.display(),
            server.home.display()
        );
        let file = server.home.join("jobs.def");
        fs::write(&file, definition).unwrap();
        server.client(&["--restart"]);
        server.client(&["--load", file.to_str().unwrap()]);
        server.client(&["--begin", "jobs"]);
        suite
    }

    fn run(&self, task: &str) {
        self.server.client(&["--run", &format!("/jobs/{task}")]);
    }

    /// Lets the job of a task run to where it waits for the test; gives its process.
    fn started(&self, task: &str) -> Job {
        self.run(task);
        let process = fs::read_to_string(self.told("started")).unwrap();
        Job(process.trim().parse().unwrap())
    }

    /// Waits until a job has told something.
    fn told(&self, what: &str) -> PathBuf {
        let file = self.server.home.join(what);
        eventually(what, || fs::read(&file).is_ok_and(|text| !text.is_empty()));
        file
    }

    fn has_told(&self, what: &str) -> bool {
        self.server.home.join(what).exists()
    }

    fn tell(&self, what: &str) {
        fs::write(self.server.home.join(what), "told\n").unwrap();
    }

    /// Waits until a task is in a state.
    fn reaches(&self, task: &str, state: &str) {
        reaches(&self.server, task, state);
    }
}

fn head(way: Way, home: &Path) -> String {
    format!(
        "#!{}\nset -e\nexport ECF_HOST=127.0.0.1 ECF_PORT=%ECF_PORT%\n\
         export ECF_NAME=%ECF_NAME% ECF_PASS=%ECF_PASS% ECF_TRYNO=%ECF_TRYNO% ECF_RID=$$\n\
         export ECF_TIMEOUT=60 ECF_FAILOVER_RETRY_PERIOD=0.05 ECF_HOSTFILE='{1}/hosts'\n\
         tell() {{ echo $$ >'{1}'/$1; }}\n\
         until_told() {{ until [ -e '{1}'/$1 ]; do sleep 0.05; done; }}\n\
         {2}\necflow_client --init=$$\n\
         ERROR() {{ set +e; tell trapped; wait; ecflow_client --abort=trap; trap 0; exit 0; }}\n\
         trap ERROR 0 1 2 15\n",
        way.shell(),
        home.display(),
        way.line(home)
    )
}

/// The process of a job, which leads its process group. None is left behind.
struct Job(libc::pid_t);

impl Job {
    /// Whether the job has ended: the server that started it may be dead, so it is nobody's
    /// child that could be waited for.
    fn is_over(&self) -> bool {
        let state = fs::read_to_string(format!("/proc/{}/stat", self.0));
        state.map_or(true, |state| state.contains(") Z "))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.is_over() {
            unsafe { libc::kill(-self.0, libc::SIGKILL) };
        }
    }
}

fn reaches(server: &Server, task: &str, state: &str) {
    let path = format!("/jobs/{task}");
    eventually(&format!("{task} {state}"), || {
        server.client(&["--query", "state", &path]).trim_end() == state
    });
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(40);
    while !is_so() {
        assert!(Instant::now() < end, "not reached: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_good_job_completes_and_a_bad_one_aborts_through_its_trap() {
    testkit::needs!(EcflowServer, Bash, Dash, Ksh);
    every_way(|way| {
        let suite = Suite::loaded(way);
        suite.run("good");
        suite.run("bad");
        suite.reaches("good", "complete");
        suite.reaches("bad", "aborted");
        let server = &suite.server;
        assert_eq!(server.client(&["--query", "meter", "/jobs/good:m"]), "50\n");
        let event = server.client(&["--query", "event", "/jobs/good:e"]);
        assert_eq!(event, "set\n");
        assert_eq!(server.logged("chd:init"), 2, "{way:?}");
        assert_eq!(server.logged("chd:abort"), 1, "{way:?}");
    });
}

#[test]
fn a_job_that_is_killed_while_it_waits_for_a_dead_server_aborts_when_the_server_is_back() {
    testkit::needs!(EcflowServer, Bash, Dash, Ksh);
    every_way(|way| {
        let mut suite = Suite::loaded(way);
        let job = suite.started("killed");
        suite.server.client(&["--check_pt"]);
        suite.server.kill();
        suite.tell("go");
        suite.told("waiting");
        thread::sleep(Duration::from_millis(300));
        // The builtin is the shell itself. A shell that waits for a program runs its trap when
        // the program has ended, so there the whole group is killed, as batch systems do.
        let to = match way {
            Way::BashBuiltin => job.0,
            _ => -job.0,
        };
        let begin = Instant::now();
        assert_eq!(unsafe { libc::kill(to, libc::SIGTERM) }, 0);
        suite.told("trapped");
        assert!(begin.elapsed() < Duration::from_secs(5), "{way:?}");
        assert!(!job.is_over(), "its --abort waits, too: {way:?}");

        suite.server.start_again();
        suite.server.client(&["--restart"]);
        suite.reaches("killed", "aborted");
        let meter = suite.server.client(&["--query", "meter", "/jobs/killed:m"]);
        assert_eq!(meter, "50\n", "{way:?}");
        // Before its --restart the server is halted: it logs what it does not take.
        let aborted = suite.server.logged(" aborted: /jobs/killed ");
        assert_eq!(aborted, 1, "{way:?}");
        assert!(!suite.has_told("delivered"), "{way:?}");
        eventually("the job's end", || job.is_over());
    });
}

#[test]
fn a_job_whose_server_dies_half_way_completes_at_the_backup() {
    testkit::needs!(EcflowServer, Bash, Dash, Ksh);
    every_way(|way| {
        let mut suite = Suite::loaded(way);
        let job = suite.started("moved");
        // A backup is given the primary's checkpoint: with it, it knows the job's password.
        let backup = Server::started();
        suite.server.client(&["--check_pt"]);
        fs::copy(suite.server.checkpoint(), backup.checkpoint()).unwrap();
        backup.client(&["--restore_from_checkpt"]);
        backup.client(&["--restart"]);
        reaches(&backup, "moved", "active");
        let hosts = format!("127.0.0.1:{}\n", backup.port);
        fs::write(suite.server.home.join("hosts"), hosts).unwrap();
        suite.server.kill();
        suite.tell("go");

        reaches(&backup, "moved", "complete");
        let meter = backup.client(&["--query", "meter", "/jobs/moved:m"]);
        assert_eq!(meter, "50\n", "{way:?}");
        assert_eq!(backup.logged("chd:complete"), 1, "{way:?}");
        assert_eq!(backup.logged("chd:init"), 0, "{way:?}");
        assert!(!suite.has_told("trapped"), "{way:?}");
        eventually("the job's end", || job.is_over());
    });
}

#[test]
fn the_kornshell_is_the_one_that_sites_have() {
    testkit::needs!(Ksh);
    let version = Program::new("/bin/ksh93", &[])
        .args(&["-c", "echo ${.sh.version}"])
        .succeed();
    assert!(version.contains("93u+m"), "{version}");
}
