//! One descriptor for those who wait elsewhere: readable as soon as one of several is ready, at a
//! point in time, or after a cancel. It can be watched by poll(2), epoll(7) and whatever is built
//! on them.

pub(crate) use system::Poller;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::io;
    use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
    use std::sync::Arc;

    use super::super::bell::Bell;
    use super::super::socket::{above_standard, owned};
    use super::super::timer;
    use super::super::wait::Descriptors;
    use crate::model::Millis;

    /// How many are harvested with one call.
    const HARVEST: libc::c_int = 16;
    /// It may be ready once, until it is watched again.
    const ONCE: u32 = libc::EPOLLONESHOT as u32;

    /// A descriptor that is readable when there is news.
    pub(crate) struct Poller {
        epoll: OwnedFd,
        timer: Option<OwnedFd>,
        bell: Option<Arc<Bell>>,
    }

    impl Poller {
        /// One that watches a bell only.
        ///
        /// # Errors
        /// No descriptor is to be had.
        pub(crate) fn new(bell: Option<Arc<Bell>>) -> io::Result<Self> {
            // SAFETY: no pointers are passed.
            let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
            let poller = Self {
                epoll: above_standard(epoll)?,
                timer: None,
                bell: bell.clone(),
            };
            if let Some(bell) = bell {
                // It stays readable, and each time that it is rung is news.
                let events = (libc::EPOLLIN | libc::EPOLLET) as u32;
                poller.control(libc::EPOLL_CTL_ADD, bell.descriptor(), events)?;
            }
            Ok(poller)
        }

        /// The descriptor to watch.
        pub(crate) fn descriptor(&self) -> RawFd {
            self.epoll.as_raw_fd()
        }

        /// Watches the bell no longer, so that its descriptor can be another's.
        pub(crate) fn drop_bell(&mut self) {
            self.bell = None;
        }

        /// Watches these from now on, each until it is ready, and the time `until`
        /// ([`Millis::MAX`]: none). Others are watched as long as they are open. Whether all can be
        /// watched.
        #[must_use]
        pub(crate) fn watch(&mut self, descriptors: &Descriptors, until: Millis) -> bool {
            let mut is_complete = true;
            for (fd, events) in descriptors.entries() {
                // Those of poll(2) have the same numbers.
                let events = u32::from(events.unsigned_abs()) | ONCE;
                // It may be new, also where another had its number.
                let is_watched = self.control(libc::EPOLL_CTL_MOD, fd, events).is_ok()
                    || self.control(libc::EPOLL_CTL_ADD, fd, events).is_ok();
                is_complete &= is_watched;
            }
            self.set_timer(until);
            is_complete
        }

        /// Watches this one no longer, which stays open.
        pub(crate) fn forget(&self, fd: BorrowedFd<'_>) {
            self.control(libc::EPOLL_CTL_DEL, fd.as_raw_fd(), 0).ok();
        }

        /// Where there is no timer to be had the caller has only its own.
        fn set_timer(&mut self, until: Millis) {
            if let Some(timer) = &self.timer {
                timer::arm(timer.as_raw_fd(), until);
                return;
            }
            if until == Millis::MAX {
                return;
            }
            let Some(timer) = timer::new(until) else {
                return;
            };
            // SAFETY: it was just made, and nobody else has it.
            let timer = unsafe { OwnedFd::from_raw_fd(timer) };
            let events = libc::EPOLLIN as u32;
            self.control(libc::EPOLL_CTL_ADD, timer.as_raw_fd(), events)
                .ok();
            self.timer = Some(timer);
        }

        /// What is ready now is news no more. It is watched no more either, so one that is open only
        /// in a copy of this process wakes nobody twice.
        pub(crate) fn harvest(&self) {
            // SAFETY: all zeros are valid events.
            let mut events: [libc::epoll_event; HARVEST as usize] = unsafe { std::mem::zeroed() };
            // As long as there may be more, and not for ever.
            for _ in 0..HARVEST {
                // SAFETY: the list has room for as many as the call may write.
                let count =
                    unsafe { libc::epoll_wait(self.descriptor(), events.as_mut_ptr(), HARVEST, 0) };
                if count < HARVEST {
                    return;
                }
            }
        }

        fn control(&self, operation: libc::c_int, fd: RawFd, events: u32) -> io::Result<()> {
            let mut event = libc::epoll_event { events, u64: 0 };
            // SAFETY: the event is valid during the call.
            let done = unsafe { libc::epoll_ctl(self.descriptor(), operation, fd, &raw mut event) };
            match done {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        }
    }
}

/// Here the caller has only its own time.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::io;
    use std::os::fd::{BorrowedFd, RawFd};
    use std::sync::Arc;

    use super::super::bell::Bell;
    use super::super::wait::Descriptors;
    use crate::model::Millis;

    pub(crate) enum Poller {}

    impl Poller {
        pub(crate) fn new(_: Option<Arc<Bell>>) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn descriptor(&self) -> RawFd {
            match *self {}
        }

        pub(crate) fn drop_bell(&mut self) {
            match *self {}
        }

        pub(crate) fn harvest(&self) {
            match *self {}
        }

        pub(crate) fn watch(&mut self, _: &Descriptors, _: Millis) -> bool {
            match *self {}
        }

        pub(crate) fn forget(&self, _: BorrowedFd<'_>) {
            match *self {}
        }
    }
}
