//! A connection that is opened to see whether it is, and closed on this side: a server that
//! works closes it, too.

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;

use super::connecting::Connecting;
use super::{AddressBook, fault};
use crate::model::{Event, Millis, Sighting};
use crate::sys::clock;
use crate::sys::wait::{Descriptors, For};

pub(super) struct Probe {
    connecting: Connecting,
    /// The connection, once it is there.
    stream: Option<TcpStream>,
    until: Millis,
}

impl Probe {
    pub(super) fn new(connecting: Connecting, until: Millis) -> Self {
        Self {
            connecting,
            stream: None,
            until,
        }
    }

    pub(super) fn host(&self) -> usize {
        self.connecting.host
    }

    pub(super) fn watch(&self, descriptors: &mut Descriptors) {
        match &self.stream {
            Some(stream) => {
                descriptors.add(stream.as_fd(), For::Reading);
            }
            None => self.connecting.watch(descriptors),
        }
    }

    pub(super) fn next_time(&self, now: Millis) -> Millis {
        self.connecting.next_time(now).min(self.until)
    }

    /// What it found; after [`Sighting::Connected`] more is to come.
    pub(super) fn advance(&mut self, book: &AddressBook) -> Option<Sighting> {
        if let Some(stream) = &mut self.stream {
            match stream.read(&mut [0; 512]) {
                // It says something, or closes: it works.
                Ok(_) => return Some(Sighting::Alive),
                Err(why)
                    if matches!(
                        why.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(why) => return Some(fault::sighting(fault::errno(&why))),
            }
        } else {
            let happened = self.connecting.advance(book);
            match happened.map(|one| (one.event, one.failure)) {
                Some((Event::Connected(_), _)) => {
                    let stream = self.connecting.take();
                    // A server that works closes its side, too.
                    if let Some(stream) = &stream {
                        stream.shutdown(Shutdown::Write).ok();
                    }
                    self.stream = stream;
                    return Some(Sighting::Connected);
                }
                Some((_, Some(failure))) => return Some(fault::sighting(failure.errno)),
                _ => {}
            }
        }
        (clock::now() >= self.until).then_some(Sighting::Nothing)
    }
}
