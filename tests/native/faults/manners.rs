//! How the library behaves inside somebody else's process; the cases are in tests/c.

use std::path::PathBuf;
use std::sync::OnceLock;

use testkit::{Act, Peer, Program, compile, frame, library_directory, refused_port, replies};

fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile("gcc", "-std=gnu99", "tests/c/manners.c", &["-pthread"]))
}

/// Runs a case; nothing may be printed, and no secret anyhow.
fn case(name: &str, ports: &[u16]) {
    let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
    let mut args = vec![name];
    args.extend(ports.iter().map(String::as_str));
    let output = Program::new(program(), &[]).args(&args).run();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{name}: {} {errors}",
        output.status
    );
    assert!(
        output.stdout.is_empty() && errors.is_empty(),
        "{name}: {errors}"
    );
}

fn steps(steps: &[&str]) -> Peer {
    let steps = steps.iter().map(ToString::to_string).collect();
    Peer::new(&[Act::Steps(steps)])
}

fn live() -> Peer {
    Peer::answering(&replies::ok())
}

#[test]
fn no_sigpipe_from_a_peer_that_closes_nor_from_a_log_that_nobody_reads() {
    testkit::needs!(Gcc);
    case("sigpipe", &[steps(&["read 100", "close"]).port]);
}

#[test]
fn a_host_that_closed_its_standard_descriptors_finds_nothing_there() {
    testkit::needs!(Gcc);
    case(
        "standard_descriptors",
        &[steps(&["read all", "silence"]).port],
    );
}

#[test]
fn a_signal_every_millisecond_changes_nothing() {
    testkit::needs!(Gcc);
    let (mute, live) = (steps(&["read all", "silence"]), live());
    case("signals", &[mute.port, live.port]);
}

#[test]
fn parent_and_child_of_a_fork_go_on() {
    testkit::needs!(Gcc);
    let peer = Peer::on_all_addresses(&[Act::Answer(frame(replies::ok().as_bytes()))]);
    case("forked", &[peer.port]);
    assert_eq!(peer.count(), 9, "three sends to each of three hosts");
}

#[test]
fn without_a_descriptor_left_it_says_so_and_recovers() {
    testkit::needs!(Gcc);
    case("no_descriptors", &[live().port]);
}

#[test]
fn a_reply_that_memory_does_not_hold_is_refused() {
    testkit::needs!(Gcc);
    let reply = replies::text(&"x".repeat(15 << 20));
    let peer = Peer::new(&[Act::Answer(frame(reply.as_bytes()))]);
    case("no_memory", &[peer.port]);
}

#[test]
fn a_sandbox_that_refuses_options_and_ipv6_is_no_obstacle() {
    testkit::needs!(Gcc);
    case("sandboxed", &[live().port]);
}

#[test]
fn a_cancel_from_a_signal_handler_ends_a_read_and_a_pause() {
    testkit::needs!(Gcc);
    let mute = steps(&["read all", "silence"]);
    case("cancelled", &[mute.port, refused_port()]);
}

#[test]
fn a_thousand_loads_and_unloads_leave_nothing_behind() {
    testkit::needs!(Gcc);
    let program = compile("gcc", "-std=c99", "tests/c/unload.c", &["-ldl", "-pthread"]);
    let library = library_directory().join("libecf_failover.so");
    let peer = live();
    let port = peer.port.to_string();
    Program::new(program, &[])
        .args(&[library.to_str().unwrap(), &port, "1000", "50", "1000"])
        .succeed();
    assert_eq!(peer.count(), 1000 + 50 * 8 * 10 + 1000 + 50);
}
