//! The queue as callers and the thread share it, and the thread's life.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::super::reply::Reply;
use super::queue::{Fold, Full, Key, Post, Queue};
use crate::config::Configuration;
use crate::model::{Millis, Secrets, Status};
use crate::net::Cancel;
use crate::sys::clock;
use crate::sys::process;
use crate::sys::thread::Thread;

/// A thread that has nothing to do ends after this time.
const IDLE: Duration = Duration::from_secs(1);
/// How often it is looked whether a cancelled client goes on.
const GLANCE: Duration = Duration::from_millis(100);

/// Delivers one post, however long that takes.
pub(in crate::client) type Deliver = Box<dyn Fn(&Post) -> Reply + Send>;

/// Runs a body, and keeps a panic of it inside.
pub type Guard = fn(&mut dyn FnMut());

/// What was posted, and who delivers it.
pub(in crate::client) struct Posts {
    state: Mutex<State>,
    /// For the thread: there is something to do.
    work: Condvar,
    /// For those who wait: something was delivered or given up.
    changed: Condvar,
    cancel: Arc<Cancel>,
    process: u32,
}

#[derive(Default)]
struct State {
    queue: Queue,
    in_flight: Option<Post>,
    thread: Option<Thread>,
    is_running: bool,
    is_closing: bool,
    /// How many wait for delivery: then it is tried at once.
    waiters: u32,
    lost: Option<Lost>,
    last_reply: Option<Reply>,
}

/// Posts that were given up.
#[derive(Clone, Debug)]
pub(in crate::client) struct Lost {
    count: u64,
    pub(in crate::client) status: Status,
    words: String,
    why: String,
    pub(in crate::client) is_logged: bool,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            count, words, why, ..
        } = self;
        match count {
            1 => write!(f, "a post was given up: {words}: {why}"),
            _ => write!(
                f,
                "{count} posts were given up, the last of them {words}: {why}"
            ),
        }
    }
}

impl Posts {
    pub(in crate::client) fn new(cancel: Arc<Cancel>) -> Self {
        Self {
            state: Mutex::default(),
            work: Condvar::new(),
            changed: Condvar::new(),
            cancel,
            process: process::id(),
        }
    }

    /// Whether this process is the one that began it, and not a copy of that.
    pub(in crate::client) fn is_own(&self) -> bool {
        self.process == process::id()
    }

    /// Never held while anything is waited for.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::client) fn push(
        &self,
        key: Key,
        fold: Fold,
        words: Vec<Vec<u8>>,
        configuration: &Arc<Configuration>,
        limit: usize,
    ) -> Result<(), Full> {
        let mut state = self.state();
        let configuration = Arc::clone(configuration);
        let was_empty = state.queue.len() == 0;
        state
            .queue
            .push(key, fold, words, configuration, (clock::now(), limit))?;
        if was_empty && state.in_flight.is_none() && state.is_running {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Starts the thread, if it does not run; `deliverer` makes what delivers.
    pub(in crate::client) fn begin_thread(
        self: &Arc<Self>,
        deliverer: impl FnOnce() -> Deliver,
        guard: Guard,
    ) -> io::Result<()> {
        let mut state = self.state();
        if state.is_running || state.is_closing {
            return Ok(());
        }
        // The last one has ended, or is about to: it has no more to do.
        let ended = state.thread.take();
        let posts = Arc::clone(self);
        let deliver = deliverer();
        let body = move || {
            let mut is_over = false;
            guard(&mut || {
                posts.deliver_all(&*deliver);
                is_over = true;
            });
            if !is_over {
                posts.has_panicked();
            }
        };
        match Thread::start(c"ecf_failover", Box::new(body)) {
            Ok(thread) => state.thread = Some(thread),
            Err(why) => {
                state.thread = ended;
                return Err(why);
            }
        }
        state.is_running = true;
        register(self);
        drop(state);
        if let Some(ended) = ended {
            ended.join();
        }
        Ok(())
    }

    /// The thread's whole life.
    fn deliver_all(&self, deliver: &dyn Fn(&Post) -> Reply) {
        let mut not_before = 0;
        while let Some(post) = self.next(not_before) {
            let reply = deliver(&post);
            not_before = self.delivered(post, reply);
        }
    }

    /// That is a bug: what was under way is lost, and the next post starts another thread.
    fn has_panicked(&self) {
        let mut state = self.state();
        state.is_running = false;
        state.in_flight = None;
        self.changed.notify_all();
    }

    /// The next post, not before a time; `None` when there is none for so long that the thread ends.
    fn next(&self, not_before: Millis) -> Option<Post> {
        let mut state = self.state();
        loop {
            if state.is_closing {
                state.is_running = false;
                return None;
            }
            let is_empty = state.queue.len() == 0;
            let pause = match is_empty {
                true => IDLE,
                false if self.cancel.watch().is_cancelled() => GLANCE,
                false if state.waiters > 0 => Duration::ZERO,
                false => Duration::from_millis(not_before.saturating_sub(clock::now())),
            };
            if pause.is_zero() {
                state.in_flight = state.queue.take();
                return state.in_flight.clone();
            }
            let (guard, timed_out) = self
                .work
                .wait_timeout(state, pause)
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if timed_out.timed_out() && is_empty && state.queue.len() == 0 {
                state.is_running = false;
                return None;
            }
        }
    }

    /// Takes in what became of a post; gives the time before which nothing else is tried.
    fn delivered(&self, post: Post, reply: Reply) -> Millis {
        let mut state = self.state();
        state.in_flight = None;
        let settings = post.configuration.settings();
        let retry_period = settings.retry_period;
        let mut not_before = 0;
        match reply.status {
            Status::Ok => {}
            Status::Cancelled => state.queue.put_back(post),
            status => {
                let secrets = Secrets::from(&settings.task.password);
                let why = String::from_utf8_lossy(&reply.error);
                let count = state.lost.as_ref().map_or(0, |lost| lost.count) + 1;
                state.lost = Some(Lost {
                    count,
                    status,
                    words: shown(&post.words, &secrets),
                    why: why.replace('\n', "; "),
                    is_logged: false,
                });
                // A server that refuses is there; one that is not is not asked again at once.
                if status != Status::Rejected {
                    not_before = clock::now().saturating_add(retry_period);
                }
            }
        }
        state.last_reply = Some(reply);
        self.changed.notify_all();
        not_before
    }

    /// The number of the last post, if something is not delivered yet, or was given up.
    pub(in crate::client) fn last(&self) -> Option<u64> {
        let state = self.state();
        let waits = state.queue.len() > 0 || state.in_flight.is_some();
        (waits || state.lost.is_some()).then(|| state.queue.last())
    }

    /// Somebody waits from now on.
    pub(in crate::client) fn begin_waiting(&self) {
        self.state().waiters += 1;
        self.work.notify_one();
    }

    /// And waits no longer.
    pub(in crate::client) fn end_waiting(&self) {
        self.state().waiters -= 1;
    }

    /// Waits until nothing up to this number is left; whether that is so.
    pub(in crate::client) fn wait_for(&self, last: u64, longest: Duration) -> bool {
        let state = self.state();
        let is_left = |state: &mut State| state.first().is_some_and(|first| first <= last);
        let waited = self.changed.wait_timeout_while(state, longest, is_left);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !is_left(&mut state)
    }

    pub(in crate::client) fn pending(&self) -> usize {
        let state = self.state();
        state.queue.len() + usize::from(state.in_flight.is_some())
    }

    /// The words of those up to this number that are not delivered.
    pub(in crate::client) fn not_delivered(&self, last: u64, most: usize) -> Vec<String> {
        let state = self.state();
        let waiting = state.in_flight.iter().chain(state.queue.iter());
        let left = waiting.filter(|post| post.number <= last).take(most);
        left.map(|post| {
            let secrets = Secrets::from(&post.configuration.settings().task.password);
            shown(&post.words, &secrets)
        })
        .collect()
    }

    pub(in crate::client) fn take_lost(&self) -> Option<Lost> {
        self.state().lost.take()
    }

    /// Those that the log does not have.
    pub(in crate::client) fn newly_lost(&self) -> Option<Lost> {
        let mut state = self.state();
        let lost = state.lost.as_mut().filter(|lost| !lost.is_logged)?;
        lost.is_logged = true;
        Some(lost.clone())
    }

    pub(in crate::client) fn last_reply(&self) -> Option<Reply> {
        self.state().last_reply.clone()
    }

    /// Ends the thread, within some milliseconds, and waits for its end. What is not delivered is
    /// lost.
    pub(in crate::client) fn close(&self) {
        let thread = {
            let mut state = self.state();
            state.is_closing = true;
            state.thread.take()
        };
        self.cancel.set();
        self.work.notify_all();
        self.changed.notify_all();
        if let Some(thread) = thread {
            thread.join();
        }
    }
}

impl State {
    fn first(&self) -> Option<u64> {
        let in_flight = self.in_flight.as_ref().map(|post| post.number);
        in_flight.into_iter().chain(self.queue.first()).min()
    }
}

/// All that may have a thread.
static RUNNING: Mutex<Vec<Weak<Posts>>> = Mutex::new(Vec::new());

fn register(posts: &Arc<Posts>) {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.retain(|known| known.strong_count() > 0 && !known.ptr_eq(&Arc::downgrade(posts)));
    running.push(Arc::downgrade(posts));
}

/// Ends all threads, before their code goes away. In a copy of the process there are none.
pub(crate) fn close_all() {
    let Ok(mut running) = RUNNING.try_lock() else {
        return;
    };
    let running = std::mem::take(&mut *running);
    let running = running.iter().filter_map(Weak::upgrade);
    for posts in running.filter(|posts| posts.is_own()) {
        posts.close();
    }
}

/// Its words without secrets, for a person.
fn shown(words: &[Vec<u8>], secrets: &Secrets) -> String {
    let words = words.join(&b' ');
    String::from_utf8_lossy(&secrets.redacted(words)).into_owned()
}
