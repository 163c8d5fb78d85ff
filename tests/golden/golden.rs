//! The exchanges of the real ecflow_client 5.9.2, recorded, against ours: the same words must
//! make the same request, byte for byte, and the same reply the same text and end.
//!
//! Every recorded row is judged, and every difference stands in [`DIFFERENCES`] with its reason.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use ecf_failover::client::{Client, Reply};
use ecf_failover::command::COMMANDS;
use ecf_failover::config::Configuration;
use ecf_failover::model::{Kind, Status};
use ecf_failover::wire::{self, Base, Request, UserIdentity, Value};
use serde::de::{Deserialize, Deserializer, Visitor};
use testkit::{Act, Peer, frame};

/// Rows whose request or end differs from ecflow_client's, on purpose.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "local two commands",
        "two commands in one call are refused, not half forgotten",
    ),
    ("init bad TRYNO", "ECF_TRYNO=abc is an error, not 0"),
    ("init TRYNO 3x", "ECF_TRYNO=3x is an error, not 3"),
    (
        "label dashdash value",
        "a text may begin with dashes, as in 5.17.0",
    ),
    (
        "abort dashes",
        "a reason may begin with dashes, as in 5.17.0",
    ),
    ("abort empty", "an empty reason is a reason, as in 5.17.0"),
    (
        "wait parse error",
        "the server parses the expression, and its refusal is final",
    ),
    ("query trigger parse", "the server parses the expression"),
    (
        "query trigger path expr",
        "the server parses the expression",
    ),
    ("alter add variable empty value", "a value may be empty"),
    (
        "alter add variable dash value",
        "a value may begin with dashes, as in 5.17.0",
    ),
    ("load bad", "the server reads the definition"),
    (
        "load extern",
        "the server reads the definition; extern lines are refused",
    ),
    (
        "load with externs",
        "extern lines are refused: they would end the server",
    ),
    (
        "load",
        "the file's own text is sent, not ecFlow's print of it",
    ),
    ("load again fails", "the file's own text is sent"),
    ("load force", "the file's own text is sent"),
    ("load force first", "the file's own text is sent"),
    ("load utf8", "the file's own text is sent"),
    (
        "load relative",
        "the path is relative to a directory that is gone",
    ),
    ("load in memory text", "the text itself is sent"),
    ("load never begun", "the text itself is sent"),
    ("load check_only", "needs ecFlow's own reader: not offered"),
    ("load stats", "needs ecFlow's own reader: not offered"),
    ("load print", "needs ecFlow's own reader: not offered"),
    ("halt prompt y", "no question is asked: =yes must be given"),
    ("ping ECF_DEBUG_CLIENT", "debug output goes to the log"),
    (
        "local ECF_DEBUG_LEVEL bad",
        "ECF_DEBUG_LEVEL is not a key: it is not looked at",
    ),
    (
        "alter delete limit_path",
        "the path of the limit is not taken for the path of a node too",
    ),
    ("local --version", "answered here: the text is ours"),
    ("local --help", "answered here: the text is ours"),
    ("local --help=ping", "answered here: the text is ours"),
    ("local --help=nosuch", "answered here: the text is ours"),
    ("local --help summary", "answered here: the text is ours"),
    ("local -v", "-v is --version, as in 5.17.0"),
    (
        "local --debug",
        "--debug goes beside a command, as in 5.17.0",
    ),
    (
        "get_state empty",
        "the server's own text, without generated variables",
    ),
    (
        "suites not begun after checkJobGenOnly",
        "the server's own text, without generated variables",
    ),
    (
        "begun again",
        "the server's own text, without generated variables",
    ),
    (
        "get_state",
        "the server's own text, without generated variables",
    ),
    (
        "get_state suite",
        "the server's own text, without generated variables",
    ),
    (
        "get_state family",
        "the server's own text, without generated variables",
    ),
    (
        "get_state task",
        "the server's own text, without generated variables",
    ),
    (
        "group get show state",
        "the server's own text, without generated variables",
    ),
    (
        "group get show migrate",
        "the server's variables come in its own order",
    ),
    (
        "group get task show state",
        "the server's own text, without generated variables",
    ),
    (
        "begin quoted",
        "quotes around the suite are removed, as in 5.17.0",
    ),
    ("why alone", "needs ecFlow's own reader: not offered"),
    ("why alone path", "needs ecFlow's own reader: not offered"),
    ("group get why", "needs ecFlow's own reader: not offered"),
    (
        "group get why path",
        "needs ecFlow's own reader: not offered",
    ),
    (
        "group why without get",
        "needs ecFlow's own reader: not offered",
    ),
    (
        "alter add inlimit -s",
        "a value of 5.17.0, whose server checks it",
    ),
    (
        "alter add event",
        "a type of 5.17.0: the server is asked for its version first",
    ),
    (
        "alter add event clear",
        "a type of 5.17.0: the server is asked for its version first",
    ),
    (
        "alter add meter",
        "a type of 5.17.0: the server is asked for its version first",
    ),
    (
        "alter add aviso",
        "a type of 5.17.0: the server is asked for its version first",
    ),
    (
        "alter add mirror",
        "a type of 5.17.0: the server is asked for its version first",
    ),
    (
        "alter change aviso",
        "a type of 5.17.0: the server is asked for its version first",
    ),
    (
        "alter change mirror",
        "a type of 5.17.0: the server is asked for its version first",
    ),
    (
        "alter delete aviso",
        "a type of 5.17.0: the server is asked for its version first",
    ),
    (
        "alter delete mirror",
        "a type of 5.17.0: the server is asked for its version first",
    ),
    (
        "alter set_flag remote_error",
        "a type of 5.17.0: the server is asked for its version first",
    ),
    ("replace", "the file's own text is sent"),
    ("replace parent", "the file's own text is sent"),
    ("replace false", "the file's own text is sent"),
    ("replace force", "the file's own text is sent"),
    ("replace false force", "the file's own text is sent"),
    ("replace suite", "the file's own text is sent"),
    (
        "replace not in def",
        "the server looks for the node in the file",
    ),
    (
        "replace force third",
        "force as the third word would be ignored, so it is refused",
    ),
    ("delete prompt y", "no question is asked: yes must be given"),
    ("group prompt", "no question is asked: yes must be given"),
    (
        "sync_full handle",
        "the server is asked for its handles first",
    ),
    (
        "sync_full empty handle",
        "the server is asked for its handles first",
    ),
    (
        "crash: sync_full unknown handle",
        "the server is asked for its handles first",
    ),
    (
        "group two queries",
        "a server would give the last answer to both",
    ),
    (
        "group file twice",
        "a server would give the last answer to both",
    ),
    ("group task in group", "a halted 5.17.0 would drop it"),
    ("server_load", "the log's path is printed, nothing is drawn"),
    (
        "user and password options",
        "--password is used, as in 5.17.0",
    ),
    ("pw --user --password", "--password is used, as in 5.17.0"),
    (
        "pw --password before --user",
        "--password is used, as in 5.17.0",
    ),
    (
        "pw --user --password wrong",
        "--password is used, as in 5.17.0",
    ),
    ("pw ECF_USER --password", "--password is used, as in 5.17.0"),
    ("password only", "--password goes with the login name, too"),
    (
        "pw --password only",
        "--password goes with the login name, too",
    ),
    ("http to plain server", "HTTP is spoken, as in 5.17.0"),
];

#[derive(serde::Deserialize)]
struct Row {
    label: String,
    args: Option<Vec<Bytes>>,
    #[serde(default)]
    env: BTreeMap<String, Bytes>,
    request: Option<Bytes>,
    request_hdr: Option<Bytes>,
    reply: Option<Bytes>,
    exit: serde_json::Value,
    #[serde(default)]
    stdout: Option<Bytes>,
}

/// A string whose bytes 0x80 and up, where they are not UTF-8, stand as U+DC80 and up.
#[derive(Clone, Default)]
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl Visitor<'_> for BytesVisitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                let mut plain = Vec::new();
                let mut rest = bytes;
                while let [first, tail @ ..] = rest {
                    rest = match rest {
                        [0xed, 0xb2, low, behind @ ..] => {
                            plain.push(*low);
                            behind
                        }
                        [0xed, 0xb3, low, behind @ ..] => {
                            plain.push(low + 0x40);
                            behind
                        }
                        _ => {
                            plain.push(*first);
                            tail
                        }
                    };
                }
                Ok(Bytes(plain))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

fn rows() -> Vec<Row> {
    let text = include_str!("ecflow-5.9.2.jsonl");
    let rows = text.lines().map(serde_json::from_str);
    rows.collect::<Result<_, _>>().expect("recorded rows")
}

/// The first command among the row's options.
fn command_of(row: &Row) -> Option<&'static ecf_failover::command::CommandRow> {
    row.args.iter().flatten().find_map(|word| {
        let name = word.0.strip_prefix(b"--")?;
        let name = name.split(|&b| b == b'=').next()?;
        COMMANDS.iter().find(|row| row.name.as_bytes() == name)
    })
}

/// Sends the row's words with the row's environment to a peer that gives the row's reply. A
/// command that is told to wait does so for a moment only; one that should have succeeded gets
/// more time, for the machine may be busy.
fn replay(row: &Row) -> (Reply, Option<Vec<u8>>) {
    let (reply, request) = replay_within(row, "0.2");
    if reply.status == Status::Timeout && row.exit == 0 {
        return replay_within(row, "30");
    }
    (reply, request)
}

fn replay_within(row: &Row, timeout: &str) -> (Reply, Option<Vec<u8>>) {
    let peer = match &row.reply {
        Some(reply) => Peer::new(&[Act::Answer(frame(&reply.0))]),
        None => Peer::new(&[Act::CloseAfterRequest]),
    };
    let password_files = password_files(peer.port);
    let mut configuration = Configuration::read(|name| {
        let value = row.env.get(name)?;
        let text = String::from_utf8_lossy(&value.0);
        Some(match text.strip_prefix(PASSWORD_FILES) {
            Some(file) => password_files
                .join(file)
                .into_os_string()
                .into_encoded_bytes(),
            None => value.0.clone(),
        })
    });
    for (key, value) in [
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", &peer.port.to_string()),
        ("ECF_FAILOVER_ATTEMPTS", "1"),
        ("ECF_HOSTFILE_POLICY", "none"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.01"),
        ("ECF_TIMEOUT", timeout),
        // A recorded "wait" is repeated for ever.
        ("ECF_FAILOVER_WAIT_TIMEOUT", timeout),
    ] {
        // Those that the row leaves to the recording's own server.
        if key != "ECF_PORT" || row.label != "local bad ECF_PORT" {
            configuration
                .set(key.as_bytes(), value.as_bytes())
                .expect(key);
        }
    }
    let argv: Vec<Vec<u8>> = row
        .args
        .iter()
        .flatten()
        .map(|word| here(&word.0, peer.port))
        .collect();
    let client = Client::new(configuration);
    let is_task = command_of(row).is_some_and(|command| command.kind == Kind::Task);
    let reply = match is_task {
        true => client.send_task(&argv),
        false => client.send_user(&argv),
    };
    let request = match reply.attempts() {
        0 => None,
        _ => peer.requests().into_iter().next(),
    };
    (reply, request)
}

/// Where the recording's password files lay.
const PASSWORD_FILES: &str = "/tmp/ecflow-capture/cap592/pw/";

/// The same files for a peer at `port`, and for this user and host.
fn password_files(port: u16) -> PathBuf {
    let directory = testkit::scratch("golden-passwords");
    let user = told_by("id", "-un");
    let host = told_by("uname", "-n");
    for (name, text) in [
        ("ok", format!("5.0.0\n{user} 127.0.0.1 {port} rootpw\n")),
        ("byhost", format!("5.0.0\n{user} {host} {port} rootpw\n")),
        ("wrong", format!("5.0.0\n{user} 127.0.0.1 {port} wrong\n")),
        ("otherport", format!("5.0.0\n{user} 127.0.0.1 1 rootpw\n")),
        ("bad", "nonsense\n".to_owned()),
        (
            "custom",
            format!("5.0.0\nfred 127.0.0.1 {port} secret\nx 127.0.0.1 {port} xpw\n"),
        ),
    ] {
        fs::write(directory.join(name), text).expect("a file");
    }
    directory
}

fn told_by(program: &str, argument: &str) -> String {
    let text = testkit::Program::new(program, &[])
        .args(&[argument])
        .succeed();
    text.trim().to_owned()
}

/// The recording's places, moved here.
fn here(word: &[u8], port: u16) -> Vec<u8> {
    let files = testkit::source_root().join("tests/golden/files");
    let text = String::from_utf8(word.to_vec());
    let Ok(text) = text else {
        return word.to_vec();
    };
    let moved = text
        .replace(
            "/tmp/ecflow-capture/cap592/d",
            files.to_str().expect("a path"),
        )
        .replace("=32011", &format!("={port}"));
    match moved.as_str() {
        "32011" => port.to_string().into_bytes(),
        "--host=localhost" => b"--host=127.0.0.1".to_vec(),
        _ => moved.into_bytes(),
    }
}

/// Host and user names are those of the machine; everything else must be equal.
fn without_names(request: &[u8]) -> String {
    request
        .escape_ascii()
        .to_string()
        .split("\\n")
        .map(|line| match line {
            line if line.contains("\"cl_host_\\\": ") => "cl_host_",
            line if line.contains("\"user_\\\": ") && !line.contains("fred") => "user_",
            // Of the login name, which need not be the recorded root.
            line if line.contains("\"pswd_\\\": \\\"") && !line.contains("\"frr") => "pswd_",
            line => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// A ping's line without its time.
fn without_time(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text).into_owned();
    match text.split_once(" succeeded in ") {
        Some((start, _)) => start.split('(').next().unwrap_or_default().to_owned(),
        None => text,
    }
}

fn differences(row: &Row) -> Vec<String> {
    let (reply, request) = replay(row);
    let mut told = Vec::new();
    let wanted = row
        .request
        .as_ref()
        .map(|request| without_names(&request.0));
    let got = request.map(|request| without_names(&request[8..]));
    if got != wanted {
        let error = String::from_utf8_lossy(&reply.error).into_owned();
        told.push(format!("request: {got:?}\nwanted: {wanted:?}\n{error}"));
    }
    let succeeded = row.exit == 0;
    if (reply.status == Status::Ok) != succeeded {
        told.push(format!(
            "ended with {}, wanted exit {}",
            reply.status, row.exit
        ));
    }
    let stdout = row.stdout.clone().unwrap_or_default();
    if succeeded && without_time(&reply.text) != without_time(&stdout.0) {
        told.push(format!(
            "text {:?}, wanted {:?}",
            String::from_utf8_lossy(&reply.text),
            String::from_utf8_lossy(&stdout.0)
        ));
    }
    told
}

#[test]
fn commands_make_the_recorded_requests_and_take_the_recorded_replies() {
    let (mut judged, mut wrong) = (0, Vec::new());
    let mut unused: Vec<&str> = DIFFERENCES.iter().map(|(label, _)| *label).collect();
    for row in rows().iter().filter(|row| row.args.is_some()) {
        judged += 1;
        let told = differences(row);
        let is_listed = DIFFERENCES.iter().any(|(label, _)| *label == row.label);
        match (told.is_empty(), is_listed) {
            (true, true) => {}
            (false, true) => unused.retain(|label| *label != row.label),
            (true, false) => {}
            (false, false) => wrong.push(format!("{}: {}", row.label, told.join("\n"))),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {judged}:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    assert!(unused.is_empty(), "listed, but equal or absent: {unused:?}");
    println!(
        "{judged} rows replayed, {} differ on purpose",
        DIFFERENCES.len()
    );
    assert_eq!(judged + NOT_A_CLIENTS.len(), 847);
}

/// The rows that no command line stands behind.
const NOT_A_CLIENTS: &[&str] = &[
    "MoveCmd sent by server A to server B",
    "server A exit status after terminate",
    "server C exit status after sync_full of an unknown handle",
];

#[test]
fn what_a_server_sent_to_another_is_encoded_and_answered_the_same_way() {
    let rows = rows();
    let others: Vec<_> = rows.iter().filter(|row| row.args.is_none()).collect();
    let labels: Vec<_> = others.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, NOT_A_CLIENTS);
    let body = &others[0].request.as_ref().expect("the MoveCmd").0;
    let recorded: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    let data = &recorded["21ClientToServerRequest"]["cmd_"]["ptr_wrapper"]["data"];
    let members = ["src_node_", "src_host_", "src_port_", "src_path_", "dest_"];
    let fields = members.map(|name| {
        let text = data[name].as_str().expect("a text");
        (name, Value::Text(text.into()))
    });
    let request = Request {
        class: "MoveCmd",
        fields: fields.to_vec(),
    };
    let user = UserIdentity {
        name: b"root".to_vec(),
        ..UserIdentity::default()
    };
    let encoded = wire::encode(&request, Base::User(&user), b"vm");
    assert_eq!(
        encoded.escape_ascii().to_string(),
        body.escape_ascii().to_string()
    );
    let reply = &others[0].reply.as_ref().expect("its reply").0;
    assert_eq!(wire::decode(reply), Ok(wire::Answer::Ok));
}

#[test]
fn the_header_of_a_frame_is_the_recorded_one() {
    let mut judged = 0;
    for row in rows() {
        let (Some(request), Some(header)) = (&row.request, &row.request_hdr) else {
            continue;
        };
        judged += 1;
        let framed = ecf_failover::wire::frame(&request.0).expect("small enough");
        assert_eq!(framed[..8], header.0, "{}", row.label);
    }
    assert!(judged > 500, "{judged}");
}
