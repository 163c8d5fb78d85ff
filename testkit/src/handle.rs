//! A client by its C ABI.

use ecf_failover::model::{Kind, Outcome, Status};
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::Mutex;

use ecf_failover::ffi::*;

/// What a command told at its end.
#[derive(Clone, Debug)]
pub struct Told {
    /// An `ecf_status`.
    pub status: i32,
    /// What the server sent for people to read.
    pub text: Vec<u8>,
    /// Why it failed; empty if it did not.
    pub error: String,
    /// The host that had the command in the end.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How many attempts were made.
    pub attempts: u32,
    /// The report, JSON.
    pub report: String,
}

impl Told {
    /// `(port, outcome, start_ms)` of each attempt.
    pub fn attempts(&self) -> Vec<(u16, String, u64)> {
        let report: serde_json::Value = serde_json::from_str(&self.report).expect("JSON");
        let attempts = report["attempts"].as_array().expect("attempts");
        attempts
            .iter()
            .map(|attempt| {
                (
                    u16::try_from(attempt["port"].as_u64().unwrap()).unwrap(),
                    attempt["outcome"].as_str().unwrap().to_owned(),
                    attempt["start_ms"].as_u64().unwrap(),
                )
            })
            .collect()
    }

    /// The whole report.
    pub fn report(&self) -> serde_json::Value {
        serde_json::from_str(&self.report).expect("JSON")
    }

    /// `(outcome, stage, note)` of each attempt at a port.
    pub fn at(&self, port: u16) -> Vec<(String, String, String)> {
        let report = self.report();
        let attempts = report["attempts"].as_array().expect("attempts");
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        attempts
            .iter()
            .filter(|attempt| attempt["port"] == port)
            .map(|attempt| {
                let outcome = text(&attempt["outcome"]);
                (
                    outcome.trim_start_matches("ECF_OUTCOME_").to_owned(),
                    text(&attempt["stage"]),
                    text(&attempt["note"]),
                )
            })
            .collect()
    }

    /// The first line of the report.
    pub fn summary(&self) -> String {
        self.report()["summary"].as_str().unwrap().to_owned()
    }

    /// What the report warns of, in one text.
    pub fn warnings(&self) -> String {
        self.report()["warnings"].to_string()
    }

    /// The ports of the attempts, in order.
    pub fn ports(&self) -> Vec<u16> {
        self.attempts().iter().map(|(port, ..)| *port).collect()
    }
}

/// An `ecf_client`.
pub struct Handle(pub *mut ecf_client, Mutex<String>);

// The header allows any number of threads.
unsafe impl Send for Handle {}
unsafe impl Sync for Handle {}

impl Handle {
    /// A client with settings on top of the environment, which tests/run keeps free of ECF_*.
    pub fn new(settings: &[(&str, &str)]) -> Self {
        let handle = Self(ecf_client_new(), Mutex::default());
        for (key, value) in settings {
            assert_eq!(handle.set(key, value), Status::Ok, "{key}={value}");
        }
        handle
    }

    /// A client for the task /s/f/t with short periods.
    pub fn quick(primary: u16, settings: &[(&str, &str)]) -> Self {
        let handle = Self::new(&[
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", &primary.to_string()),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", "_DJP_"),
            ("ECF_TRYNO", "1"),
            ("ECF_FAILOVER_RETRY_PERIOD", "0.02"),
            ("ECF_FAILOVER_HOST_PERIOD", "0.06"),
            ("ECF_TIMEOUT", "60"),
        ]);
        for (key, value) in settings {
            assert_eq!(handle.set(key, value), Status::Ok, "{key}={value}");
        }
        handle
    }

    /// `ecf_client_set`.
    pub fn set(&self, key: &str, value: &str) -> Status {
        if key == "ECF_PASS" {
            value.clone_into(&mut self.1.lock().unwrap());
        }
        let (key, value) = (CString::new(key).unwrap(), CString::new(value).unwrap());
        unsafe { ecf_client_set(self.0, key.as_ptr(), value.as_ptr()) }
    }

    /// `ecf_client_get`.
    pub fn get(&self, key: &str) -> Result<String, Status> {
        let key = CString::new(key).unwrap();
        text(|buf, cap, needed| unsafe { ecf_client_get(self.0, key.as_ptr(), buf, cap, needed) })
    }

    /// `ecf_client_check`.
    pub fn check(&self) -> String {
        text(|buf, cap, needed| unsafe { ecf_client_check(self.0, buf, cap, needed) }).unwrap()
    }

    /// `ecf_client_explain`.
    pub fn explain(&self, kind: Kind, horizon_ms: u64) -> Result<String, Status> {
        text(|buf, cap, needed| unsafe {
            ecf_client_explain(self.0, kind as i32, horizon_ms, buf, cap, needed)
        })
    }

    /// Collects the lines of the log until the end of the handle.
    pub fn keep_log(&self, lines: &Mutex<Vec<String>>) {
        let user = (&raw const *lines).cast_mut().cast::<c_void>();
        let set = unsafe { ecf_client_set_log(self.0, Some(keep_line), user) };
        assert_eq!(set, Status::Ok);
    }

    /// `ecf_client_cancel`.
    pub fn cancel(&self) {
        assert_eq!(unsafe { ecf_client_cancel(self.0) }, Status::Ok);
    }

    /// `ecf_client_resume`.
    pub fn resume(&self) {
        assert_eq!(unsafe { ecf_client_resume(self.0) }, Status::Ok);
    }

    /// Sends a task command.
    pub fn task(&self, argv: &[&str]) -> Told {
        self.send(argv, ecf_send_task_cmd)
    }

    /// Sends a task command as a job does that wants to know no more than its status.
    pub fn task_status(&self, argv: &[&CStr]) -> i32 {
        let pointers: Vec<_> = argv.iter().map(|word| word.as_ptr()).collect();
        let argc = i32::try_from(pointers.len()).unwrap();
        let (argv, reply) = (pointers.as_ptr(), ptr::null_mut());
        unsafe { ecf_send_task_cmd(self.0, argc, argv, reply) as i32 }
    }

    /// Sends a user command.
    pub fn user(&self, argv: &[&str]) -> Told {
        self.send(argv, ecf_send_user_cmd)
    }

    fn send(
        &self,
        argv: &[&str],
        function: unsafe extern "C" fn(
            *mut ecf_client,
            i32,
            *const *const c_char,
            *mut *mut ecf_reply,
        ) -> Status,
    ) -> Told {
        let words: Vec<_> = argv
            .iter()
            .map(|word| CString::new(*word).unwrap())
            .collect();
        let pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
        let mut reply = ptr::null_mut();
        let argc = i32::try_from(pointers.len()).unwrap();
        let status = unsafe { function(self.0, argc, pointers.as_ptr(), &raw mut reply) };
        self.take(status, reply)
    }

    /// `ecf_post_task_cmd`.
    pub fn post(&self, argv: &[&str]) -> Status {
        let words: Vec<_> = argv
            .iter()
            .map(|word| CString::new(*word).unwrap())
            .collect();
        let pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
        let argc = i32::try_from(pointers.len()).unwrap();
        unsafe { ecf_post_task_cmd(self.0, argc, pointers.as_ptr()) }
    }

    /// `ecf_client_flush`.
    pub fn flush(&self, timeout_ms: u64) -> Told {
        let mut reply = ptr::null_mut();
        let status = unsafe { ecf_client_flush(self.0, timeout_ms, &raw mut reply) };
        self.take(status, reply)
    }

    /// `ecf_client_pending`.
    pub fn pending(&self) -> u32 {
        unsafe { ecf_client_pending(self.0) }
    }

    /// Delegates; the callback gets host, port, number and limit, and answers an outcome.
    pub fn delegate(
        &self,
        kind: Kind,
        settings: &[(&str, &str)],
        attempt: &mut Delegate<'_>,
    ) -> Told {
        self.delegate_by(ecf_delegate, kind, settings, attempt)
    }

    /// The same with connections that the library makes.
    pub fn delegate_connected(
        &self,
        kind: Kind,
        settings: &[(&str, &str)],
        attempt: &mut Delegate<'_>,
    ) -> Told {
        self.delegate_by(ecf_delegate_connected, kind, settings, attempt)
    }

    fn delegate_by(
        &self,
        function: DelegateBy,
        kind: Kind,
        settings: &[(&str, &str)],
        attempt: &mut Delegate<'_>,
    ) -> Told {
        let settings = SettingsList::new(settings);
        let mut reply = ptr::null_mut();
        let mut attempt: &mut Delegate<'_> = attempt;
        let user = (&raw mut attempt).cast::<c_void>();
        let kind = kind as i32;
        let list = settings.pointer();
        let reply_place = &raw mut reply;
        let status = unsafe { function(self.0, kind, list, Some(trampoline), user, reply_place) };
        self.take(status, reply)
    }

    /// A plan with connections that the library makes.
    pub fn connected_plan(&self, kind: Kind, settings: &[(&str, &str)]) -> Plan {
        let settings = SettingsList::new(settings);
        let plan = unsafe { ecf_plan_new_connected(self.0, kind as i32, settings.pointer()) };
        assert!(!plan.is_null());
        Plan(plan)
    }

    /// What was told, which must not hold the job's password.
    fn take(&self, status: Status, reply: *mut ecf_reply) -> Told {
        let told = take(status, reply);
        let password = self.1.lock().unwrap();
        if !password.is_empty() {
            for text in [&told.error, &told.report, &self.check()] {
                assert!(
                    !text.contains(password.as_str()),
                    "a secret is told: {text}"
                );
            }
        }
        told
    }
}

type DelegateBy = unsafe extern "C" fn(
    *mut ecf_client,
    i32,
    *const *const c_char,
    ecf_attempt_fn,
    *mut c_void,
    *mut *mut ecf_reply,
) -> Status;

/// "key", "value", ..., NULL.
struct SettingsList {
    _strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl SettingsList {
    fn new(settings: &[(&str, &str)]) -> Self {
        let texts = settings.iter().flat_map(|(key, value)| [*key, *value]);
        let strings: Vec<_> = texts.map(|text| CString::new(text).unwrap()).collect();
        let mut pointers: Vec<_> = strings.iter().map(|text| text.as_ptr()).collect();
        pointers.push(ptr::null());
        Self {
            _strings: strings,
            pointers,
        }
    }

    fn pointer(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }
}

/// An `ecf_plan`.
pub struct Plan(pub *mut ecf_plan);

/// What a plan asks for, and within how many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An attempt at the plan's host.
    Attempt(u64),
    /// Nothing for so long.
    Wait(u64),
    /// It is over: `ecf_plan_status`.
    Over(Status),
}

impl Plan {
    /// `ecf_plan_next` of a plan that has its own clock.
    pub fn next(&self) -> Step {
        let mut ms = 0;
        match unsafe { ecf_plan_next(self.0, 0, &raw mut ms) } {
            0 => Step::Attempt(ms),
            1 => Step::Wait(ms),
            2 | 3 => Step::Over(unsafe { ecf_plan_status(self.0) }),
            other => panic!("no step: {other}"),
        }
    }

    /// `ecf_plan_poll_fd`.
    pub fn poll_fd(&self) -> i32 {
        unsafe { ecf_plan_poll_fd(self.0) }
    }

    /// `ecf_plan_take_socket`.
    pub fn take_socket(&self) -> i32 {
        unsafe { ecf_plan_take_socket(self.0) }
    }

    /// `ecf_plan_outcome`.
    pub fn outcome(&self, outcome: Outcome) -> Status {
        unsafe { ecf_plan_outcome(self.0, outcome as i32, 0) }
    }

    /// `ecf_plan_port`.
    pub fn port(&self) -> u16 {
        unsafe { ecf_plan_port(self.0) }
    }

    /// `ecf_plan_number`.
    pub fn number(&self) -> u32 {
        unsafe { ecf_plan_number(self.0) }
    }

    /// `ecf_plan_report`.
    pub fn report(&self) -> serde_json::Value {
        let text = string(unsafe { ecf_plan_report(self.0) });
        serde_json::from_str(&text).expect("JSON")
    }

    /// Waits for news, or until the pause is over: `poll` on its descriptor.
    pub fn pause(&self, ms: u64) {
        let mut entry = libc::pollfd {
            fd: self.poll_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let ms = i32::try_from(ms).unwrap_or(i32::MAX);
        unsafe { libc::poll(&raw mut entry, 1, ms) };
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        unsafe { ecf_plan_free(self.0) };
    }
}

/// A callback for [`Handle::delegate`].
pub type Delegate<'a> = dyn FnMut(*mut ecf_attempt) -> i32 + 'a;

unsafe extern "C" fn trampoline(user: *mut c_void, attempt: *mut ecf_attempt) -> i32 {
    let call = unsafe { &mut *user.cast::<&mut Delegate<'_>>() };
    call(attempt)
}

unsafe extern "C" fn keep_line(user: *mut c_void, level: i32, line: *const c_char) {
    let lines = unsafe { &*user.cast::<Mutex<Vec<String>>>() };
    lines
        .lock()
        .unwrap()
        .push(format!("{level} {}", string(line)));
}

impl Drop for Handle {
    fn drop(&mut self) {
        unsafe { ecf_client_free(self.0) };
    }
}

fn take(status: Status, reply: *mut ecf_reply) -> Told {
    assert!(!reply.is_null(), "a reply is always made");
    unsafe {
        assert_eq!(ecf_reply_status(reply), status);
        let length = ecf_reply_text_len(reply);
        let text = std::slice::from_raw_parts(ecf_reply_text(reply).cast::<u8>(), length);
        let told = Told {
            status: status as i32,
            text: text.to_vec(),
            error: string(ecf_reply_error(reply)),
            host: string(ecf_reply_host(reply)),
            port: ecf_reply_port(reply),
            attempts: ecf_reply_attempts(reply),
            report: string(ecf_reply_report(reply)),
        };
        ecf_reply_free(reply);
        told
    }
}

fn string(text: *const c_char) -> String {
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asks for the size first, then for the text.
fn text(ask: impl Fn(*mut c_char, usize, *mut usize) -> Status) -> Result<String, Status> {
    let mut needed = 0;
    let status = ask(ptr::null_mut(), 0, &raw mut needed);
    if needed == 0 {
        return Err(status);
    }
    let mut buffer = vec![1_u8; needed];
    assert_eq!(
        ask(buffer.as_mut_ptr().cast(), needed, &raw mut needed),
        status
    );
    assert_eq!(buffer.pop(), Some(0), "terminated");
    let text = String::from_utf8(buffer).expect("UTF-8");
    match status {
        Status::Ok => Ok(text),
        _ => Err(status),
    }
}
