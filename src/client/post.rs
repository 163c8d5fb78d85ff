//! Progress that never waits: what is posted is checked, queued, and delivered by a thread of the
//! handle's own.
//!
//! That thread has a client of its own, with its own knowledge of hosts: a process may fork at any
//! time, and no lock that the caller's commands take may be held by a thread that the child does
//! not have. Both share the queue, whose lock is never held while anything waits.

use std::sync::Arc;
use std::time::Duration;

use super::Client;
use super::hostlist;
use super::native::Wanted;
use super::posts::{Deliver, Fold, Full, Guard, Key, Lost, Post, Posts};
use super::refusal::{Refusal, usable};
use super::reply::Reply;
use super::shared::Shared;
use crate::command::{self, CommandLine, Purpose, Surroundings};
use crate::config::{Configuration, Sending};
use crate::model::{Level, Millis, Status};
use crate::net::CancelWatch;
use crate::sys::clock;
use crate::wire::Value;

/// How often a cancel is looked for while posts are waited for.
const GLANCE: Duration = Duration::from_millis(10);
/// How many posts that were not delivered are named.
const MOST_NAMED: usize = 20;

/// What has to be looked at before a command may go: the posts before it, and until when.
pub(super) struct Before {
    posts: Arc<Posts>,
    last: u64,
}

impl Client {
    /// Queues an event, a meter or a label, to be delivered by a thread of the handle's own, whose
    /// body `guard` runs.
    ///
    /// # Errors
    /// Why it was not taken; nothing has changed then.
    pub fn post(&self, argv: Vec<Vec<u8>>, guard: Guard) -> Result<(), (Status, String)> {
        let posted = self.try_post(argv, guard).map_err(|refusal| {
            let log = self.log(&self.configuration());
            let message = log.secrets.redacted_message(refusal.message);
            log.line(Level::Warn, format_args!("post.refused {message}"));
            self.shared.refusal.lock().clone_from(&message);
            (refusal.status, message)
        });
        self.log_newly_lost();
        posted
    }

    fn try_post(&self, argv: Vec<Vec<u8>>, guard: Guard) -> Result<(), Refusal> {
        let configuration = self.configuration();
        let settings = configuration.settings();
        let secrets = command::secrets_in(&argv, &settings.task.password);
        let line = CommandLine::read(&argv, &secrets)?;
        let sending = Sending {
            is_native: true,
            is_task: true,
        };
        let only = || {
            let why = "only --event, --meter and --label can be posted; send the others";
            Refusal::new(Status::Argument, why.to_owned())
        };
        if line.answer().is_some() || !line.is_task() {
            return Err(only());
        }
        if settings.no_ecf {
            return Ok(());
        }
        usable(&configuration, sending)?;
        let around = Surroundings {
            task: &settings.task,
            read_file: &hostlist::read_definition,
        };
        let command = line.command(&around)?;
        if command.purpose != Purpose::Progress {
            return Err(only());
        }
        let fold = match command.name {
            "event" => Fold::OnlySame,
            _ => Fold::ByNewer,
        };
        let attribute = command.request.fields.iter().find_map(|field| match field {
            ("name_", Value::Text(name)) => Some(name.as_slice()),
            _ => None,
        });
        let key = Key::new(command.name, attribute.unwrap_or_default(), &settings.task);
        let limit = usize::try_from(settings.post_queue).unwrap_or(usize::MAX);
        let posts = self.shared.posts.get_or_begin();
        let pushed = posts.push(key, fold, argv, &configuration, limit);
        pushed.map_err(|Full| {
            let why = format!("{limit} posts wait already (ECF_FAILOVER_POST_QUEUE)");
            Refusal::new(Status::TooSmall, why)
        })?;
        let begin = || self.deliverer(&configuration);
        posts.begin_thread(begin, guard).map_err(|why| {
            let why = format!("no thread can be started: {why}");
            Refusal::new(Status::Internal, why)
        })
    }

    /// What the thread does with a post: a client of its own sends it, as a task command that began
    /// when it was posted.
    fn deliverer(&self, configuration: &Arc<Configuration>) -> Deliver {
        let client = Self {
            shared: Arc::new(Shared::new(
                Arc::clone(configuration),
                Arc::clone(&self.shared.posts.cancel),
            )),
        };
        Box::new(move |post: &Post| {
            let configuration = Arc::clone(&post.configuration);
            client.send_as(configuration, &post.words, Wanted::Task, post.since)
        })
    }

    /// How many posts are not delivered yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.posts.get().map_or(0, |posts| posts.pending())
    }

    /// Waits until all that was posted is delivered, for so many milliseconds at most; the reply
    /// tells what was not, and has the report of the last try.
    pub fn flush(&self, timeout: Millis, guard: Guard) -> Reply {
        let end = clock::start().saturating_add(timeout);
        if let Some(posts) = self.shared.posts.get().filter(|posts| posts.pending() > 0) {
            let configuration = self.configuration();
            // Where none could be started before; if it cannot now, the time runs out.
            let begin = || self.deliverer(&configuration);
            posts.begin_thread(begin, guard).ok();
        }
        let Some(before) = self.posts_before() else {
            return Reply::refused(Status::Ok, "");
        };
        let cancel = self.shared.cancel.watch();
        before.wait(end, cancel);
        let left = before.posts.not_delivered(before.last, MOST_NAMED);
        let lost = before.posts.take_lost();
        let last = before.posts.last_reply();
        if let Some(lost) = &lost {
            self.log_lost(lost);
        }
        let mut lines: Vec<String> = left
            .iter()
            .map(|words| format!("not delivered: {words}"))
            .collect();
        lines.extend(lost.iter().map(Lost::to_string));
        let status = match (&lost, left.is_empty()) {
            (None, true) => Status::Ok,
            (_, false) if cancel.is_cancelled() => Status::Cancelled,
            (_, false) => Status::Timeout,
            (Some(lost), true) => lost.status,
        };
        let reply = last.unwrap_or_else(|| Reply::refused(status, ""));
        if status != Status::Ok && !reply.error.is_empty() {
            lines.push(String::from_utf8_lossy(&reply.error).into_owned());
        }
        let error = match status {
            Status::Ok => String::new(),
            _ => lines.join("\n"),
        };
        Reply {
            status,
            text: Vec::new(),
            error: error.into_bytes(),
            ..reply
        }
    }

    /// What was posted before, if there is any.
    pub(super) fn posts_before(&self) -> Option<Before> {
        let posts = self.shared.posts.get()?;
        let last = posts.last()?;
        Some(Before { posts, last })
    }

    /// What is to be told of posts that were given up since this was asked last.
    pub(super) fn tell_lost(&self) -> Option<String> {
        let lost = self.shared.posts.get()?.take_lost()?;
        if !lost.is_logged {
            self.log_lost(&lost);
        }
        Some(lost.to_string())
    }

    /// The log has it first; a reply that comes later has it, too.
    fn log_newly_lost(&self) {
        let posts = self.shared.posts.get();
        if let Some(lost) = posts.and_then(|posts| posts.newly_lost()) {
            self.log_lost(&lost);
        }
    }

    fn log_lost(&self, lost: &Lost) {
        let log = self.log(&self.configuration());
        log.line(Level::Warn, format_args!("post.lost {lost}"));
    }
}

impl Before {
    /// Waits until they are delivered or given up, until the time `end`, or for a cancel.
    pub(super) fn wait(&self, end: Millis, cancel: CancelWatch<'_>) {
        self.posts.begin_waiting();
        while !cancel.is_cancelled() {
            let left = Duration::from_millis(end.saturating_sub(clock::now()));
            if left.is_zero() || self.posts.wait_for(self.last, left.min(GLANCE)) {
                break;
            }
        }
        self.posts.end_waiting();
    }
}
