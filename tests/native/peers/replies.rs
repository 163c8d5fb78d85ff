//! Only a whole frame that decodes to a class that is legal for the command is success.

use ecf_failover::model::Status;
use testkit::{Act, Handle, Peer, frame, replies};

fn denied(port: u16) -> Handle {
    Handle::quick(
        port,
        &[
            ("ECF_DENIED", "1"),
            ("ECF_FAILOVER_ATTEMPTS", "1"),
            ("ECF_FAILOVER_REPLY_TIMEOUT", "0.3"),
        ],
    )
}

#[test]
fn what_is_no_valid_reply_is_unconfirmed_and_never_success() {
    let ok = replies::ok();
    let framed = frame(ok.as_bytes());
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no byte", Vec::new(), "no byte of the reply"),
        ("half a header", b"     1".to_vec(), "6 of 8 header bytes"),
        ("a header only", framed[..8].to_vec(), "8 of"),
        ("half a body", framed[..60].to_vec(), "60 of"),
        (
            "another protocol",
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            "not an ecFlow server",
        ),
        ("an empty body", b"       0".to_vec(), "empty body"),
        ("a giant", b"ffffffff{".to_vec(), "4294967295 bytes"),
        ("not JSON", frame(b"OK"), "not ecFlow's JSON"),
        (
            "a request",
            frame(
                ok.replace("22ServerToClientResponse", "21ClientToServerRequest")
                    .as_bytes(),
            ),
            "not ecFlow's JSON",
        ),
        (
            "another command's class",
            frame(replies::text("5.9.2").as_bytes()),
            "no answer to --event",
        ),
        (
            "wait for an event",
            frame(replies::wait().as_bytes()),
            "no answer to --event",
        ),
        (
            "an unknown class",
            frame(ok.replace("StcCmd", "NewCmd").as_bytes()),
            "NewCmd",
        ),
        (
            "an unknown number",
            frame(ok.replace("\"api_\": 0", "\"api_\": 7").as_bytes()),
            "number 7",
        ),
        (
            "two numbers",
            frame(
                ok.replace("\"api_\": 0", "\"api_\": 1,\"api_\": 0")
                    .as_bytes(),
            ),
            "not ecFlow's JSON",
        ),
        (
            "a body that is longer",
            frame(format!("{ok}x").as_bytes()),
            "not ecFlow's JSON",
        ),
        (
            "a length that is too small",
            [&b"      10"[..], ok.as_bytes()].concat(),
            "not ecFlow's JSON",
        ),
    ];
    for (name, bytes, wanted) in rows {
        let peer = Peer::new(&[Act::Answer(bytes)]);
        let told = denied(peer.port).task(&["--event=e"]);
        assert_eq!(told.status, Status::Denied as i32, "{name}");
        let attempts = told.attempts();
        assert_eq!(attempts[0].1, "ECF_OUTCOME_UNCONFIRMED", "{name}");
        assert!(told.error.contains(wanted), "{name}: {}", told.error);
    }
}

#[test]
fn bytes_behind_a_whole_reply_are_ignored_and_flagged() {
    let bytes = [frame(replies::ok().as_bytes()), b"more".to_vec()].concat();
    let peer = Peer::new(&[Act::Answer(bytes)]);
    let told = denied(peer.port).task(&["--event=e"]);
    assert_eq!(told.status, 0);
    assert!(
        told.report.contains("bytes behind the reply"),
        "{}",
        told.report
    );
}

#[test]
fn a_reset_before_the_request_is_read_is_not_sent_or_unconfirmed_but_never_ok() {
    let peer = Peer::new(&[Act::Reset]);
    let told = denied(peer.port).task(&["--event=e"]);
    assert_eq!(told.status, Status::Denied as i32);
    assert_ne!(told.attempts()[0].1, "ECF_OUTCOME_OK");
}

#[test]
fn a_refusal_comes_with_the_servers_words_on_one_line() {
    let peer = Peer::answering(&replies::error("first\\nsecond caf\u{e9}"));
    let told = Handle::quick(peer.port, &[]).task(&["--event=e"]);
    assert_eq!(told.status, Status::Rejected as i32);
    let wanted = format!("127.0.0.1:{}: first; second caf\u{e9}", peer.port);
    assert_eq!(told.error, wanted);
    assert_eq!((told.host.as_str(), told.port), ("127.0.0.1", peer.port));
}

#[test]
fn a_text_comes_back_byte_for_byte() {
    let body = replies::text("caf?\\u0000end");
    let mut bytes = body.into_bytes();
    let at = bytes.iter().position(|&b| b == b'?').unwrap();
    bytes[at] = 0xe9;
    let peer = Peer::new(&[Act::Answer(frame(&bytes))]);
    let told = Handle::quick(peer.port, &[]).user(&["--query", "label", "/s:l"]);
    assert_eq!(told.text, b"caf\xe9\0end\n");
}
