//! What a callback notes costs a bounded amount of memory, however much it is.

use std::ffi::CString;
use std::fs;

use ecf_failover::ffi::ecf_attempt_note;
use ecf_failover::model::Kind;

use testkit::Handle;

/// The memory of this process, in bytes.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn notes_are_bounded_while_the_attempt_goes_on() {
    const MOST: usize = 32 << 20;
    let client = Handle::quick(1, &[("ECF_PASS", "sesame")]);
    let words = CString::new("x".repeat(4_000)).unwrap();
    let secret = CString::new("open sesame").unwrap();
    let mut grown = 0;
    let told = client.delegate(Kind::User, &[], &mut |attempt| {
        let before = resident();
        unsafe { ecf_attempt_note(attempt, secret.as_ptr()) };
        for _ in 0..50_000 {
            unsafe { ecf_attempt_note(attempt, words.as_ptr()) };
        }
        grown = resident().saturating_sub(before);
        0
    });
    assert!(grown < MOST, "{grown} bytes");
    let note = told.report()["attempts"][0]["note"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(note.starts_with("open (password); xxx"), "{note}");
    assert_eq!(note.len(), 1_000);
}
