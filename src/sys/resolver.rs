//! Names to addresses, beside other things where the system can do so.
//!
//! glibc looks names up in a thread of its own (`getaddrinfo_a`), so the wait for it can be
//! bounded and cancelled. A look-up that is given up goes on: whoever asks for the same name next
//! joins it, and its answer is kept, so at most one look-up of a name is under way in a process.
//! Elsewhere, and in a child that was forked after its parent had looked names up, plain
//! `getaddrinfo` is used and may take as long as the system's resolver likes: the thread that
//! glibc would wait for did not survive the fork.

use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use parking_lot::Mutex;

use super::clock;
use crate::model::Millis;

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoAddress {
    /// The resolver answered: there is no such name.
    UnknownName,
    /// The resolver failed, with its words.
    Failed(String),
    /// It did not answer in time.
    TimedOut,
}

/// An answer that came when nobody waited for it any more is used for so long, counted from the
/// question.
const KEPT: Millis = 300_000;

/// A share in the look-up of a name.
pub(crate) struct LookUp(Arc<Shared>);

/// A look-up that several may wait for.
struct Shared {
    name: CString,
    begun: Millis,
    state: Mutex<State>,
}

enum State {
    UnderWay(system::Request),
    /// The addresses, with a port of 0.
    Answered(Result<Vec<SocketAddr>, NoAddress>),
}

impl LookUp {
    /// Begins to look `name` up, or joins the look-up of that name that is under way. Where the
    /// system cannot do so beside other things, the answer is there when this returns.
    pub(crate) fn begin(name: &str) -> Result<Self, NoAddress> {
        let name = CString::new(name).map_err(|_| NoAddress::UnknownName)?;
        let table = Table::of_this_process();
        let mut known = table.look_ups.lock();
        known.retain(|other| other.is_of_use());
        if let Some(at) = known.iter().position(|other| other.name == name) {
            return Ok(Self(Arc::clone(&known[at])));
        }
        if table.can_wait == CanWait::No {
            // Those who ask for other names do not wait for this one.
            drop(known);
            let answer = addresses(look_up_blocking(&name));
            return Ok(Self(Shared::new(name, State::Answered(answer))));
        }
        table.has_asked.store(true, Ordering::Relaxed);
        let request = system::Request::begin(&name)?;
        let shared = Shared::new(name, State::UnderWay(request));
        known.push(Arc::clone(&shared));
        Ok(Self(shared))
    }

    /// The addresses with this port, or why there are none; `None` while the resolver works. The
    /// next look-up of the name will ask again.
    pub(crate) fn answer(&self, port: u16) -> Option<Result<Vec<SocketAddr>, NoAddress>> {
        let answer = self.0.answer()?;
        let mut known = Table::of_this_process().look_ups.lock();
        known.retain(|other| !Arc::ptr_eq(other, &self.0));
        Some(answer.map(|mut addresses| {
            for address in &mut addresses {
                address.set_port(port);
            }
            addresses
        }))
    }
}

impl Shared {
    fn new(name: CString, state: State) -> Arc<Self> {
        Arc::new(Self {
            name,
            begun: clock::now(),
            state: Mutex::new(state),
        })
    }

    /// Whether who asks now may have this answer, or wait for it. A failure that nobody waited
    /// for is none: the resolver may be well again.
    fn is_of_use(&self) -> bool {
        match self.answer() {
            None => true,
            Some(Ok(_)) => clock::now().saturating_sub(self.begun) < KEPT,
            Some(Err(_)) => false,
        }
    }

    fn answer(&self) -> Option<Result<Vec<SocketAddr>, NoAddress>> {
        let mut state = self.state.lock();
        if let State::UnderWay(request) = &mut *state {
            *state = State::Answered(addresses(request.take()?));
        }
        match &*state {
            State::Answered(answer) => Some(answer.clone()),
            State::UnderWay(_) => None,
        }
    }
}

/// The look-ups of one process.
struct Table {
    process: libc::pid_t,
    can_wait: CanWait,
    /// The C library's thread for look-ups has been used here.
    has_asked: AtomicBool,
    look_ups: Mutex<Vec<Arc<Shared>>>,
}

/// Whether look-ups can be waited for beside other things.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CanWait {
    Yes,
    No,
}

impl Table {
    /// A child that was forked begins with an empty one: what its parent waited for is lost, and
    /// the parent's lock may be held for ever.
    fn of_this_process() -> &'static Self {
        static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
        // SAFETY: getpid has no preconditions.
        let process = unsafe { libc::getpid() };
        let current = TABLE.load(Ordering::Acquire);
        // SAFETY: NULL or a table, which is never freed.
        let parents = unsafe { current.as_ref() };
        if let Some(table) = parents
            && table.process == process
        {
            return table;
        }
        let is_spoilt = parents.is_some_and(|table| {
            table.has_asked.load(Ordering::Relaxed) || table.can_wait == CanWait::No
        });
        let table = Box::into_raw(Box::new(Self {
            process,
            can_wait: if system::CAN_WAIT && !is_spoilt {
                CanWait::Yes
            } else {
                CanWait::No
            },
            has_asked: AtomicBool::new(false),
            look_ups: Mutex::new(Vec::new()),
        }));
        let order = Ordering::AcqRel;
        match TABLE.compare_exchange(current, table, order, Ordering::Acquire) {
            // SAFETY: it was just made, and is never freed.
            Ok(_) => unsafe { &*table },
            Err(other) => {
                // SAFETY: nobody else has seen it.
                drop(unsafe { Box::from_raw(table) });
                // SAFETY: another thread has made one, which is never freed.
                unsafe { &*other }
            }
        }
    }
}

fn addresses(list: Result<AddressList, NoAddress>) -> Result<Vec<SocketAddr>, NoAddress> {
    let addresses = list?.addresses();
    if addresses.is_empty() {
        Err(NoAddress::UnknownName)
    } else {
        Ok(addresses)
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
    fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        let mut next = self.0;
        while !next.is_null() {
            // SAFETY: the list is getaddrinfo's and lives as long as `self`.
            let entry = unsafe { &*next };
            // SAFETY: an entry's address has the type that its family says.
            addresses.extend(unsafe { address(entry) });
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
unsafe fn address(entry: &libc::addrinfo) -> Option<SocketAddr> {
    match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: the family says that it is a sockaddr_in.
            let raw = unsafe { &*entry.ai_addr.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::new(IpAddr::V4(ip), 0))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is a sockaddr_in6.
            let raw = unsafe { &*entry.ai_addr.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
            let scope = raw.sin6_scope_id;
            Some(SocketAddr::V6(SocketAddrV6::new(ip, 0, 0, scope)))
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

    pub(super) const CAN_WAIT: bool = false;

    /// There are none.
    pub(super) enum Request {}

    impl Request {
        pub(super) fn begin(_: &CStr) -> Result<Self, NoAddress> {
            Err(NoAddress::TimedOut)
        }

        pub(super) fn take(&mut self) -> Option<Result<AddressList, NoAddress>> {
            match *self {}
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod system {
    use super::*;

    pub(super) const CAN_WAIT: bool = true;

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
        fn gai_error(request: *mut Gaicb) -> libc::c_int;
        fn gai_cancel(request: *mut Gaicb) -> libc::c_int;
    }

    const GAI_NOWAIT: libc::c_int = 1;
    const EAI_INPROGRESS: libc::c_int = -100;
    const EAI_NOTCANCELED: libc::c_int = -102;

    /// A request and everything that it points to, at an address that does not change.
    struct Block {
        block: Gaicb,
        hints: libc::addrinfo,
        name: CString,
    }

    /// A request that glibc's thread works on. NULL when its answer was taken.
    pub(super) struct Request(*mut Block);

    // SAFETY: the block is on the heap, and glibc's functions may be called from any thread.
    unsafe impl Send for Request {}

    impl Request {
        pub(super) fn begin(name: &CStr) -> Result<Self, NoAddress> {
            let request = Box::into_raw(Box::new(Block {
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
            Ok(Self(request))
        }

        /// The answer, once; `None` while there is none.
        pub(super) fn take(&mut self) -> Option<Result<AddressList, NoAddress>> {
            if self.0.is_null() {
                return None;
            }
            // SAFETY: the request is valid, and gai_error may be called at any time.
            let code = unsafe { gai_error(&raw mut (*self.0).block) };
            if code == EAI_INPROGRESS {
                return None;
            }
            // SAFETY: the request is done, so it is ours alone again, and freed once.
            let request = unsafe { Box::from_raw(self.0) };
            self.0 = ptr::null_mut();
            let list = AddressList(request.block.result);
            Some(match code {
                0 => Ok(list),
                code => Err(failure(code)),
            })
        }
    }

    impl Drop for Request {
        fn drop(&mut self) {
            if self.0.is_null() {
                return;
            }
            // SAFETY: the request is valid; gai_error and gai_cancel may be called at any time.
            let is_taken = unsafe {
                let block = &raw mut (*self.0).block;
                gai_error(block) == EAI_INPROGRESS && gai_cancel(block) == EAI_NOTCANCELED
            };
            // Where glibc's thread still works on it, its memory is left to that thread.
            if !is_taken {
                // SAFETY: the request is done or cancelled, so it is ours alone again.
                let request = unsafe { Box::from_raw(self.0) };
                drop(AddressList(request.block.result));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn looked_up(name: &str) -> Result<Vec<SocketAddr>, NoAddress> {
        let look_up = LookUp::begin(name)?;
        for _ in 0..6_000 {
            if let Some(answer) = look_up.answer(7) {
                return answer;
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(NoAddress::TimedOut)
    }

    #[test]
    fn localhost_is_found_with_its_port() {
        let found = looked_up("localhost").unwrap_or_default();
        assert!(!found.is_empty());
        assert!(found.iter().all(|a| a.ip().is_loopback() && a.port() == 7));
    }

    #[test]
    fn a_name_that_cannot_exist_is_unknown_or_failed_but_never_found() {
        assert!(looked_up("no.such.host.invalid").is_err());
    }

    #[test]
    fn a_failure_that_nobody_waited_for_is_no_answer_to_who_asks_later() {
        let known = |answer| Shared::new(CString::default(), State::Answered(answer)).is_of_use();
        assert!(known(Ok(Vec::new())));
        assert!(!known(Err(NoAddress::UnknownName)));
        assert!(!known(Err(NoAddress::Failed("later".into()))));
    }

    #[test]
    fn an_answer_that_nobody_took_is_there_for_the_next_who_asks() {
        let name = "ip6-localhost";
        let first = LookUp::begin(name);
        let second = LookUp::begin(name);
        let (Ok(first), Ok(second)) = (first, second) else {
            return;
        };
        assert!(Arc::ptr_eq(&first.0, &second.0), "one look-up for both");
        drop((first, second));
        for _ in 0..1_000 {
            let third = LookUp::begin(name);
            let answered = third.as_ref().map(|third| third.0.answer().is_some());
            if answered.unwrap_or(true) {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let known = Table::of_this_process().look_ups.lock();
        let waiting = known
            .iter()
            .filter(|l| l.name.as_bytes() == name.as_bytes());
        assert_eq!(waiting.count(), 1);
    }
}
