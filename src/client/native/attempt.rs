//! One attempt at one server: what it is asked before, the request, the reply.

use std::time::Duration;

use super::access::Format;
use super::inbox::{FrameInbox, HttpInbox};
use super::judge::{judged, not_yet_sent, too_large, unprepared, unsent};
use super::transport::Transport;
use super::{NativeCommand, Speaker};
use crate::command::QueryFailure;
use crate::model::{AttemptResult, Endpoint, Millis, Outcome, Stage};
use crate::net::{Exchange, Security};
use crate::sys::clock;
use crate::wire::{self, Base, FrameReader, HttpReader, HttpStatus, Request};

/// What is told of a page that is no reply of ecFlow's, in bytes.
const LONGEST_WORDS: usize = 300;

impl NativeCommand {
    /// Makes one attempt within `limit` milliseconds; a text for the user goes to `text`.
    pub(in crate::client) fn attempt(
        &self,
        endpoint: &Endpoint,
        limit: Millis,
        mut transport: Transport<'_, '_>,
        text: &mut Vec<u8>,
    ) -> AttemptResult {
        // Files that are slow to read take of the attempt's own time.
        let end = clock::start().saturating_add(limit);
        let security = match self.access.security(endpoint) {
            Ok(security) => security,
            Err(what) => return unprepared(what),
        };
        let site = Site {
            endpoint,
            security: &security,
        };
        for query in &self.command.queries {
            let asked = self.converse(&query.request(), &site, &mut transport, end);
            let answer = asked.and_then(|heard| {
                let reply = wire::decode(&heard.body);
                reply.map_err(|why| unsent(Stage::Reply, why.to_string().into_bytes()))
            });
            let answer = match answer {
                Ok(answer) => answer,
                Err(result) => return not_yet_sent(result),
            };
            match query.check(&answer) {
                Ok(()) => {}
                Err(QueryFailure::Strange(why)) => return unsent(Stage::Reply, why.into_bytes()),
                Err(QueryFailure::Refused(why)) => {
                    return AttemptResult {
                        outcome: Outcome::Rejected,
                        ..unsent(Stage::Reply, why.into_bytes())
                    };
                }
            }
        }
        let begin = clock::nanos();
        let heard = match self.converse(&self.command.request, &site, &mut transport, end) {
            Ok(heard) => heard,
            Err(result) => return result,
        };
        let took = Duration::from_nanos(clock::nanos().saturating_sub(begin));
        let (outcome, words) = self.judge(&heard.body, endpoint, took, text);
        let what = match outcome {
            Outcome::Rejected => words,
            _ => remarks(&[&words, &heard.remark]),
        };
        judged(outcome, what)
    }

    /// One request to a server, and the body of its reply.
    fn converse(
        &self,
        request: &Request,
        site: &Site<'_>,
        transport: &mut Transport<'_, '_>,
        end: Millis,
    ) -> Result<Heard, AttemptResult> {
        let identity;
        let base = match &self.speaker {
            Speaker::Job(task) => Base::Task(task),
            Speaker::User(user) => {
                identity = user.towards(site.endpoint).map_err(unprepared)?;
                Base::User(&identity)
            }
        };
        let body = wire::encode(request, base, &self.client_host);
        let exchange = Exchange {
            endpoint: site.endpoint,
            limits: transport.limits(self.limits, self.stage_limit, end),
            security: site.security,
        };
        match self.access.format {
            Format::Frames => self.in_frames(&exchange, transport, &body),
            Format::Http => self.in_http(&exchange, transport, &body),
        }
    }

    fn in_frames(
        &self,
        exchange: &Exchange<'_>,
        transport: &mut Transport<'_, '_>,
        body: &[u8],
    ) -> Result<Heard, AttemptResult> {
        let frame = wire::frame(body).map_err(|why| too_large(&why))?;
        let mut inbox = FrameInbox(FrameReader::new(self.max_reply));
        let address_remark = transport.exchange(exchange, &frame, &mut inbox)?;
        let surplus: &[u8] = if inbox.0.has_surplus() {
            b"bytes behind the reply were ignored"
        } else {
            b""
        };
        Ok(Heard {
            remark: remarks(&[surplus, address_remark.as_bytes()]),
            body: inbox.0.into_body(),
        })
    }

    fn in_http(
        &self,
        exchange: &Exchange<'_>,
        transport: &mut Transport<'_, '_>,
        body: &[u8],
    ) -> Result<Heard, AttemptResult> {
        let authorization = self.access.authorization(exchange.endpoint);
        let request = wire::post(exchange.endpoint, authorization.as_ref(), body);
        let mut inbox = HttpInbox(HttpReader::new(self.max_reply));
        let address_remark = transport.exchange(exchange, &request, &mut inbox)?;
        let reply = inbox.0.into_reply();
        let told = |outcome, before: &[u8]| {
            // First without secrets, then cut: half a secret is one, too.
            let words = self.secrets.redacted(reply.words.clone());
            let words = &words[..words.len().min(LONGEST_WORDS)];
            let what = [before, b"HTTP ", words].concat();
            Err(judged(outcome, what))
        };
        let status = HttpStatus::of(reply.status);
        let is_answer = status == HttpStatus::Success
            || (!reply.body.is_empty() && wire::decode(&reply.body).is_ok());
        match status {
            _ if is_answer => Ok(Heard {
                remark: address_remark.into_bytes(),
                body: reply.body,
            }),
            HttpStatus::Redirect => told(Outcome::Unconfirmed, b"a redirect is not followed: "),
            HttpStatus::Refused => {
                let credentials = match (reply.status, &authorization) {
                    (401 | 403, Some(_)) => &b"the token of ECF_AUTHTOKENS for this server was not taken: "[..],
                    (401 | 403, None) => {
                        b"a token is wanted, and the file of ECF_AUTHTOKENS has none for this server: "
                    }
                    _ => b"",
                };
                told(Outcome::Rejected, credentials)
            }
            HttpStatus::NotTaken => told(Outcome::NotSent, b"no ecFlow server took it: "),
            HttpStatus::Success | HttpStatus::Unknown => told(Outcome::Unconfirmed, b""),
        }
    }
}

/// Where an attempt goes, and by what means.
struct Site<'a> {
    endpoint: &'a Endpoint,
    security: &'a Security,
}

/// The body of a reply, with a remark for the report.
struct Heard {
    body: Vec<u8>,
    remark: Vec<u8>,
}

/// Those that are not empty, in one line.
fn remarks(parts: &[&[u8]]) -> Vec<u8> {
    let told: Vec<_> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect();
    told.join(&b"; "[..])
}
