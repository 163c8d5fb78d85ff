//! TCP sockets that never block, never raise a signal and stay clear of descriptors 0 to 2.

use std::io;
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A non-blocking socket whose connection to `address` has been begun, and whether it is
/// already there.
pub(crate) fn begin_connect(address: &SocketAddr) -> io::Result<(TcpStream, bool)> {
    let family = match address {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    let socket = above_standard(open(family)?)?;
    let (storage, length) = raw_address(address);
    // SAFETY: `storage` holds an address of `length` bytes of the socket's own family.
    let outcome = unsafe {
        libc::connect(
            socket.as_raw_fd(),
            (&raw const storage).cast::<libc::sockaddr>(),
            length,
        )
    };
    let stream = TcpStream::from(socket);
    if outcome == 0 {
        return Ok((stream, true));
    }
    let why = io::Error::last_os_error();
    match why.raw_os_error() {
        // After a signal the connection goes on in the background, like after EINPROGRESS.
        Some(libc::EINPROGRESS | libc::EINTR) => Ok((stream, false)),
        _ => Err(why),
    }
}

/// Lets the kernel notice within some five seconds that the peer's machine or the way to it is
/// gone. Each option may be refused; then it is noticed later.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn notice_a_dead_peer(stream: &TcpStream) {
    for (level, option, value) in [
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 2),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, 1),
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, 3),
        (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, 5_000),
    ] {
        let value: libc::c_int = value;
        // SAFETY: the descriptor is open, and the value is a number of the passed size.
        unsafe {
            libc::setsockopt(
                stream.as_raw_fd(),
                level,
                option,
                (&raw const value).cast(),
                mem::size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn notice_a_dead_peer(_: &TcpStream) {}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn open(family: libc::c_int) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers are passed.
    owned(unsafe { libc::socket(family, kind, 0) })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn open(family: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let socket = owned(unsafe { libc::socket(family, libc::SOCK_STREAM, 0) })?;
    for (command, flag) in [
        (libc::F_SETFD, libc::FD_CLOEXEC),
        (libc::F_SETFL, libc::O_NONBLOCK),
    ] {
        // SAFETY: the descriptor is open, and the commands take a number.
        if unsafe { libc::fcntl(socket.as_raw_fd(), command, flag) } == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(socket)
}

/// Moves a descriptor away from 0, 1 and 2: what a host prints must not end in a server.
pub(super) fn above_standard(fd: OwnedFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    // SAFETY: the descriptor is open; the command takes a number and makes a new descriptor.
    owned(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) })
}

pub(super) fn owned(fd: libc::c_int) -> io::Result<OwnedFd> {
    match fd {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the call that made it succeeded, and nobody else has it.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

fn raw_address(address: &SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all zeros are a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let length = match address {
        SocketAddr::V4(v4) => {
            let raw = (&raw mut storage).cast::<libc::sockaddr_in>();
            // SAFETY: a sockaddr_storage is large and aligned enough for a sockaddr_in.
            let raw = unsafe { &mut *raw };
            raw.sin_family = libc::AF_INET as libc::sa_family_t;
            raw.sin_port = v4.port().to_be();
            raw.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
            mem::size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let raw = (&raw mut storage).cast::<libc::sockaddr_in6>();
            // SAFETY: a sockaddr_storage is large and aligned enough for a sockaddr_in6.
            let raw = unsafe { &mut *raw };
            raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            raw.sin6_port = v6.port().to_be();
            raw.sin6_addr.s6_addr = v6.ip().octets();
            raw.sin6_scope_id = v6.scope_id();
            mem::size_of::<libc::sockaddr_in6>()
        }
    };
    let length = libc::socklen_t::try_from(length).unwrap_or(0);
    (storage, length)
}
