//! What is done with the bytes of a fuzzer, or of a kept corpus: everything that comes from
//! outside, through the code that reads it first.
#![allow(dead_code, reason = "each target uses one")]

use std::path::Path;

use ecf_failover::command::{Surroundings, Understood, parse};
use ecf_failover::config::{Configuration, KEYS};
use ecf_failover::credentials::{PasswordFile, TokenFile, crypt};
use ecf_failover::health::{
    HealthTable, HostHealth, HostKey, JobKey, Lease, Observation, SHELF, SharedHealth,
};
use ecf_failover::hostfile::{Hostfile, MAX_HOSTS};
use ecf_failover::model::{Endpoint, Secret, TaskIdentity};
use ecf_failover::wire::{self, Base, FrameReader, HttpReader};

/// A peer's bytes, in pieces, and a body on its own.
pub(crate) fn reply(bytes: &[u8]) {
    const LIMIT: u32 = 1 << 16;
    for size in [1, 7, bytes.len().max(1)] {
        let mut reader = FrameReader::new(LIMIT);
        for piece in bytes.chunks(size) {
            match reader.push(piece) {
                Ok(false) => {}
                Ok(true) => {
                    wire::decode(&reader.into_body()).ok();
                    break;
                }
                Err(_) => break,
            }
        }
    }
    wire::decode(bytes).ok();
}

/// The text of a hostfile.
pub(crate) fn hostfile(bytes: &[u8]) {
    let read = Hostfile::parse(bytes, 3141);
    assert!(read.backups.len() <= MAX_HOSTS);
    for backup in &read.backups {
        let shown = backup.to_string();
        let again = Hostfile::parse(shown.as_bytes(), 1);
        assert_eq!(again.backups, std::slice::from_ref(backup), "{shown}");
    }
}

/// The words of a command line, NUL between them.
pub(crate) fn argv(bytes: &[u8]) {
    let task = TaskIdentity {
        path: b"/s/t".to_vec(),
        password: Secret::from(&b"sesame"[..]),
        remote_id: Vec::new(),
        try_number: 1,
    };
    let read_file = |_: &Path| Ok(b"suite s\n task t\n".to_vec());
    let around = Surroundings {
        task: &task,
        read_file: &read_file,
    };
    let words: Vec<Vec<u8>> = bytes.split(|&b| b == 0).map(<[u8]>::to_vec).collect();
    match parse(&words, &around) {
        Err(why) => assert!(!why.to_string().contains("sesame")),
        Ok(Understood::Answer(text)) => assert!(!text.is_empty()),
        Ok(Understood::Send(command)) => {
            let body = wire::encode(&command.request, Base::Task(&task), b"h");
            assert!(wire::decode(&body).is_err(), "a request is no reply");
            assert!(command.queries.len() < bytes.len());
        }
    }
}

/// A key, chosen by the first byte, and its value.
pub(crate) fn keys(bytes: &[u8]) {
    let Some((first, value)) = bytes.split_first() else {
        return;
    };
    let key = &KEYS[usize::from(*first) % KEYS.len()];
    let from_environment = Configuration::read(|name| (name == key.name).then(|| value.to_vec()));
    let mut configuration = Configuration::new();
    let is_taken = configuration.set(key.name.as_bytes(), value).is_ok();
    assert_eq!(
        from_environment.problems().count() == 0,
        is_taken,
        "{}",
        key.name
    );
    if let Ok(text) = configuration.get(key.name.as_bytes()) {
        let is_default = value.is_empty() || !is_taken;
        let wanted = if is_default {
            key.default.as_bytes()
        } else {
            value
        };
        assert_eq!(text, wanted, "{}", key.name);
    }
}

/// A peer's bytes as an HTTP reply, in pieces.
pub(crate) fn http(bytes: &[u8]) {
    const LIMIT: u32 = 1 << 12;
    let mut ends = Vec::new();
    for size in [1, 7, bytes.len().max(1)] {
        let mut reader = HttpReader::new(LIMIT);
        let mut is_complete = false;
        for piece in bytes.chunks(size) {
            match reader.push(piece) {
                Ok(false) => {}
                Ok(true) => {
                    is_complete = true;
                    break;
                }
                Err(_) => break,
            }
        }
        let reply = reader.into_reply();
        assert!(reply.body.len() <= LIMIT as usize || !is_complete);
        ends.push(is_complete.then_some((reply.status, reply.body)));
    }
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

/// The text of a password file. What is wrong with it is told without a word of it.
pub(crate) fn passwords(bytes: &[u8]) {
    match PasswordFile::parse(bytes) {
        Ok(rows) => {
            let found = rows.password(b"root", "localhost", 3141, b"vm");
            let found = found.map(|password| crypt(password.reveal(), b"root"));
            assert!(found.is_none_or(|text| text.len() == 13 || text == b"*0"));
        }
        Err(why) => assert!(why.line > 0),
    }
    let words: Vec<_> = bytes.splitn(2, |&b| b == 0).collect();
    // A salt of the extended kind may ask for seconds of work.
    if let [password, salt] = words[..]
        && !salt.starts_with(b"_")
    {
        let length = crypt(password, salt).len();
        assert!(length == 20 || length == 2 || (length - 2).is_multiple_of(11));
    }
}

/// The text of a token file.
pub(crate) fn tokens(bytes: &[u8]) {
    if let Ok(file) = TokenFile::parse(bytes)
        && let Some(header) = file.authorization("http://localhost:3141")
    {
        assert!(!header.reveal().iter().any(u8::is_ascii_control));
    }
}

/// The jobs of a node, with one more among whatever is there.
fn shelf(bytes: &[u8], boot: [u8; 16], host: HostKey, now: u64) {
    let task = TaskIdentity {
        path: b"/s/t".to_vec(),
        password: Secret::from(&b"sesame"[..]),
        remote_id: Vec::new(),
        try_number: 1,
    };
    let job = JobKey::of(&task, boot);
    std::hint::black_box(job.home(bytes, now));
    let mut shelf = bytes.to_vec();
    shelf.resize(SHELF, 0);
    let (at, entry) = job.remembered(bytes, host, now);
    shelf[at..at + entry.len()].copy_from_slice(&entry);
    assert_eq!(job.home(&shelf, now), Some(host));
    for (at, entry) in job.forgotten(&shelf, now) {
        shelf[at..at + entry.len()].copy_from_slice(&entry);
    }
    assert_eq!(job.home(&shelf, now), None);
}

/// The image of a node's memory, as it is, and with a sum that fits; and a shelf of its jobs.
pub(crate) fn memory(bytes: &[u8]) {
    const NOW: u64 = 1_000_000;
    let boot = [7; 16];
    assert!(HealthTable::from_image(bytes, boot, NOW).is_none());
    let Ok(endpoint) = Endpoint::parse(b"h0", 1) else {
        return;
    };
    let keys = [HostKey::of(&endpoint)];
    shelf(bytes, boot, keys[0], NOW);
    let mut image = HealthTable::new().to_image(boot);
    // Behind the boot id everything may be in it.
    for (place, byte) in image[32..].iter_mut().zip(bytes) {
        *place = *byte;
    }
    let sum = image[16..]
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    image[8..16].copy_from_slice(&sum.to_le_bytes());
    let Some(mut known) = HealthTable::from_image(&image, boot, NOW) else {
        return;
    };
    for now in [0, NOW, NOW + 100_000] {
        let mut health = HostHealth::default();
        let mut view = known.view(&keys);
        view.read(&mut std::iter::once(&mut health), now);
        view.lease(0, Lease::Urgent, 400, now);
        view.join_stagger(now);
        view.leave_stagger(now);
        view.earn_retries(200, now);
        view.spend_retry(now);
        for observation in [
            Observation::Silent,
            Observation::Refused,
            Observation::Busy,
            Observation::ProbedWell,
        ] {
            known.observe(keys[0], observation, now);
        }
    }
    known.observe(keys[0], Observation::Answered, NOW + 200_000);
    assert!(known.host(keys[0], NOW + 200_000).answered == Some(0));
    let again = HealthTable::from_image(&known.to_image(boot), boot, NOW + 200_000);
    assert!(again.is_none_or(|again| again == known));
}
