//! Names to addresses, within a deadline where the system allows it.
//!
//! glibc looks names up in a thread of its own (`getaddrinfo_a`), so the wait for it can be
//! bounded and cancelled; the memory of a request that is given up is left to that thread.
//! Elsewhere, and in a child after a fork, plain `getaddrinfo` is used and may take as long as
//! the system's resolver likes: the thread that glibc would wait for did not survive the fork.

use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::cancel::CancelWatch;
use crate::model::Millis;

/// Why a name has no addresses.
#[derive(Debug)]
pub(crate) enum NoAddress {
    /// The resolver answered: there is no such name.
    UnknownName,
    /// The resolver failed, with its words.
    Failed(String),
    /// It did not answer in time.
    TimedOut,
    /// The command was cancelled.
    Cancelled,
}

/// Looks `name` up until the time `until` ([`super::clock::now`]). The port of the
/// addresses is `port`.
pub(crate) fn look_up(
    name: &str,
    port: u16,
    until: Millis,
    cancel: CancelWatch<'_>,
) -> Result<Vec<SocketAddr>, NoAddress> {
    let mut look_up = LookUp::begin(name)?;
    match look_up.wait(until, cancel) {
        Some(stopped) => match look_up.answer(port) {
            Some(Ok(addresses)) => Ok(addresses),
            _ => Err(stopped),
        },
        None => look_up.answer(port).unwrap_or(Err(NoAddress::TimedOut)),
    }
}

/// A name that is being looked up.
pub(crate) struct LookUp(system::Pending);

impl LookUp {
    /// Begins to look `name` up. Where the system cannot do so beside other things, the answer
    /// is there when this returns.
    pub(crate) fn begin(name: &str) -> Result<Self, NoAddress> {
        let name = CString::new(name).map_err(|_| NoAddress::UnknownName)?;
        system::Pending::begin(&name).map(Self)
    }

    /// The addresses with this port, or why there are none; `None` while the resolver works.
    pub(crate) fn answer(&mut self, port: u16) -> Option<Result<Vec<SocketAddr>, NoAddress>> {
        let list = match self.0.take()? {
            Ok(list) => list,
            Err(why) => return Some(Err(why)),
        };
        let addresses = list.addresses(port);
        Some(match addresses.is_empty() {
            true => Err(NoAddress::UnknownName),
            false => Ok(addresses),
        })
    }

    /// Waits for the answer; why it did not come, if it did not.
    fn wait(&self, until: Millis, cancel: CancelWatch<'_>) -> Option<NoAddress> {
        self.0.wait(until, cancel)
    }
}

fn failure(code: libc::c_int) -> NoAddress {
    match code {
        libc::EAI_NONAME | EAI_NODATA => NoAddress::UnknownName,
        code => {
            // SAFETY: gai_strerror returns a static string for every code.
            let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
            NoAddress::Failed(text.to_string_lossy().into_owned())
        }
    }
}

/// The name is known but has no address; libc has no constant for it.
const EAI_NODATA: libc::c_int = -5;

fn hints() -> libc::addrinfo {
    // SAFETY: all zeros are valid hints: no flags, any family, null pointers.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    hints
}

/// A list made by getaddrinfo.
struct AddressList(*mut libc::addrinfo);

impl AddressList {
    fn addresses(&self, port: u16) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        let mut next = self.0;
        while !next.is_null() {
            // SAFETY: the list is getaddrinfo's and lives as long as `self`.
            let entry = unsafe { &*next };
            // SAFETY: an entry's address has the type that its family says.
            addresses.extend(unsafe { address(entry, port) });
            next = entry.ai_next;
        }
        addresses
    }
}

impl Drop for AddressList {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the list is getaddrinfo's and is freed once, here.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

/// # Safety
/// `entry` must be of a list that getaddrinfo made.
unsafe fn address(entry: &libc::addrinfo, port: u16) -> Option<SocketAddr> {
    match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: the family says that it is a sockaddr_in.
            let raw = unsafe { &*entry.ai_addr.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::new(IpAddr::V4(ip), port))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is a sockaddr_in6.
            let raw = unsafe { &*entry.ai_addr.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
            let scope = raw.sin6_scope_id;
            Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)))
        }
        _ => None,
    }
}

fn look_up_blocking(name: &CStr) -> Result<AddressList, NoAddress> {
    let hints = hints();
    let mut list = std::ptr::null_mut();
    // SAFETY: all pointers are valid for the call.
    let code = unsafe {
        libc::getaddrinfo(
            name.as_ptr(),
            std::ptr::null(),
            &raw const hints,
            &raw mut list,
        )
    };
    match code {
        0 => Ok(AddressList(list)),
        libc::EAI_SYSTEM => Err(NoAddress::Failed(io::Error::last_os_error().to_string())),
        code => Err(failure(code)),
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod system {
    use super::*;

    /// The answer, which was waited for.
    pub(super) struct Pending(Option<Result<AddressList, NoAddress>>);

    impl Pending {
        pub(super) fn begin(name: &CStr) -> Result<Self, NoAddress> {
            Ok(Self(Some(look_up_blocking(name))))
        }

        pub(super) fn take(&mut self) -> Option<Result<AddressList, NoAddress>> {
            self.0.take()
        }

        pub(super) fn wait(&self, _: Millis, _: CancelWatch<'_>) -> Option<NoAddress> {
            None
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod system {
    use std::ptr;
    use std::sync::atomic::{AtomicI32, Ordering};

    use super::super::clock;
    use super::*;

    /// glibc's `struct gaicb`.
    #[repr(C)]
    struct Gaicb {
        name: *const libc::c_char,
        service: *const libc::c_char,
        request: *const libc::addrinfo,
        result: *mut libc::addrinfo,
        outcome: libc::c_int,
        reserved: [libc::c_int; 5],
    }

    // Part of libc since glibc 2.34; the library's name is kept for older ones.
    #[link(name = "anl")]
    unsafe extern "C" {
        fn getaddrinfo_a(
            mode: libc::c_int,
            list: *mut *mut Gaicb,
            count: libc::c_int,
            event: *mut libc::sigevent,
        ) -> libc::c_int;
        fn gai_suspend(
            list: *const *const Gaicb,
            count: libc::c_int,
            timeout: *const libc::timespec,
        ) -> libc::c_int;
        fn gai_error(request: *mut Gaicb) -> libc::c_int;
        fn gai_cancel(request: *mut Gaicb) -> libc::c_int;
    }

    const GAI_NOWAIT: libc::c_int = 1;
    const EAI_INPROGRESS: libc::c_int = -100;
    const EAI_NOTCANCELED: libc::c_int = -102;
    /// A cancel is noticed after so many milliseconds at the latest.
    const SLICE: Millis = 20;

    /// The process that loaded this library, in which glibc's threads live.
    static HOME: AtomicI32 = AtomicI32::new(0);

    /// Run when the library is loaded, before any fork that matters here.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static AT_LOAD: extern "C" fn() = remember_home;

    extern "C" fn remember_home() {
        // SAFETY: getpid has no preconditions.
        HOME.store(unsafe { libc::getpid() }, Ordering::Relaxed);
    }

    /// A request and everything that it points to, at an address that does not change.
    pub(super) struct Request {
        block: Gaicb,
        hints: libc::addrinfo,
        name: CString,
    }

    /// A request under way, or the answer of a resolver that had to be waited for.
    pub(super) enum Pending {
        /// glibc's thread works on it, so its memory stays where it is.
        Request(*mut Request),
        Answered(Option<Result<AddressList, NoAddress>>),
    }

    impl Pending {
        pub(super) fn begin(name: &CStr) -> Result<Self, NoAddress> {
            // SAFETY: getpid has no preconditions.
            let process = unsafe { libc::getpid() };
            if HOME.load(Ordering::Relaxed) != process {
                return Ok(Self::Answered(Some(look_up_blocking(name))));
            }
            let request = Box::into_raw(Box::new(Request {
                // SAFETY: all zeros are a valid gaicb: null pointers and numbers.
                block: unsafe { std::mem::zeroed() },
                hints: hints(),
                name: name.to_owned(),
            }));
            // SAFETY: the request was just made, stays where it is, and points into itself; only
            // this function touches it until getaddrinfo_a is called.
            let block = unsafe {
                (*request).block.name = (*request).name.as_ptr();
                (*request).block.request = &raw const (*request).hints;
                &raw mut (*request).block
            };
            let mut list = [block];
            // SAFETY: the list has one valid request, which stays valid until it is done.
            let code = unsafe { getaddrinfo_a(GAI_NOWAIT, list.as_mut_ptr(), 1, ptr::null_mut()) };
            if code != 0 {
                // SAFETY: the request was not taken, so it is ours alone.
                drop(unsafe { Box::from_raw(request) });
                return Err(failure(code));
            }
            Ok(Self::Request(request))
        }

        pub(super) fn take(&mut self) -> Option<Result<AddressList, NoAddress>> {
            let request = match self {
                Self::Answered(answer) => return answer.take(),
                Self::Request(request) => *request,
            };
            // SAFETY: the request is valid, and gai_error may be called at any time.
            let code = unsafe { gai_error(&raw mut (*request).block) };
            if code == EAI_INPROGRESS {
                return None;
            }
            std::mem::forget(std::mem::replace(self, Self::Answered(None)));
            // SAFETY: the request is done, so it is ours alone again, and freed once.
            let request = unsafe { Box::from_raw(request) };
            let list = AddressList(request.block.result);
            Some(match code {
                0 => Ok(list),
                code => Err(failure(code)),
            })
        }

        /// Waits for the answer; `None` when it is there.
        pub(super) fn wait(&self, until: Millis, cancel: CancelWatch<'_>) -> Option<NoAddress> {
            let Self::Request(request) = self else {
                return None;
            };
            // SAFETY: the request is valid as long as `self`.
            let block = unsafe { &raw mut (**request).block };
            let list = [block.cast_const()];
            loop {
                // SAFETY: as above.
                if unsafe { gai_error(block) } != EAI_INPROGRESS {
                    return None;
                }
                if cancel.is_cancelled() {
                    return Some(NoAddress::Cancelled);
                }
                let left = until.saturating_sub(clock::now());
                if left == 0 {
                    return Some(NoAddress::TimedOut);
                }
                let slice = libc::timespec {
                    tv_sec: 0,
                    tv_nsec: (left.min(SLICE) * 1_000_000) as libc::c_long,
                };
                // SAFETY: the list has one valid request, and the time is valid.
                unsafe { gai_suspend(list.as_ptr(), 1, &raw const slice) };
            }
        }
    }

    impl Drop for Pending {
        fn drop(&mut self) {
            let Self::Request(request) = *self else {
                return;
            };
            // SAFETY: the request is valid; gai_error and gai_cancel may be called at any time.
            let is_taken = unsafe {
                let block = &raw mut (*request).block;
                gai_error(block) == EAI_INPROGRESS && gai_cancel(block) == EAI_NOTCANCELED
            };
            // Where glibc's thread still works on it, its memory is left to that thread.
            if !is_taken {
                // SAFETY: the request is done or cancelled, so it is ours alone again.
                let request = unsafe { Box::from_raw(request) };
                drop(AddressList(request.block.result));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cancel::Cancel;
    use super::super::clock;
    use super::*;

    fn looked_up(name: &str, cancel: &Cancel) -> Result<Vec<SocketAddr>, NoAddress> {
        look_up(name, 7, clock::now() + 60_000, cancel.watch_since(0))
    }

    #[test]
    fn localhost_is_found_with_its_port() {
        let found = looked_up("localhost", &Cancel::default()).unwrap_or_default();
        assert!(!found.is_empty());
        assert!(found.iter().all(|a| a.ip().is_loopback() && a.port() == 7));
    }

    #[test]
    fn a_name_that_cannot_exist_is_unknown_or_failed_but_never_found() {
        assert!(looked_up("no.such.host.invalid", &Cancel::default()).is_err());
    }

    #[test]
    fn a_cancel_ends_a_look_up() {
        let cancel = Cancel::default();
        cancel.set();
        assert!(looked_up("no.such.host.invalid", &cancel).is_err());
    }
}
