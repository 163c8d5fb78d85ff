//! The native client against every row, in both profiles: what is tried at the times of the
//! timetable in profile ecflow happens at once in profile fast.

use std::thread;
use std::time::{Duration, Instant};

use ecf_failover::model::Status;

use super::rows::{Row, Stage, rows, words};
use testkit::{FullBacklog, Handle, Told};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    Ecflow,
    Fast,
}

const FAST: &[(&str, &str)] = &[
    ("ECF_FAILOVER_PROFILE", "fast"),
    ("ECF_FAILOVER_MEMORY", "handle"),
    ("ECF_FAILOVER_SILENCE", "1"),
    // As the rows have it where they do not say more.
    ("ECF_FAILOVER_ON_HALTED", "rotate"),
    ("ECF_FAILOVER_ON_ZOMBIE", "rotate"),
];

fn send(profile: Profile, row: &Row, stage: &Stage) -> Told {
    let mut settings = vec![
        ("ECF_HOSTFILE", stage.hostfile.as_str()),
        ("ECF_CONNECT_TIMEOUT", "1"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.1"),
    ];
    if profile == Profile::Fast {
        settings.extend(FAST);
    }
    settings.extend(row.settings.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    let client = Handle::quick(stage.primary_port, &settings);
    let words = words(row);
    client.task(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What differs from what the row says.
fn judge(profile: Profile, row: &Row, told: &Told, stage: &Stage) -> Vec<String> {
    let mut wrong = Vec::new();
    let end = Status::from_number(told.status).map_or("unknown", Status::name);
    if end != row.end {
        wrong.push(format!("ended with {end}"));
    }
    let by = match told.port {
        0 => "",
        port if port == stage.primary_port => "primary",
        _ => "backup",
    };
    if by != row.by {
        wrong.push(format!("answered by {by:?}"));
    }
    let attempts = told.attempts();
    // The deadline may cut the last attempt short, whatever its server would have answered.
    let whole = match (end, attempts.len()) {
        ("ECF_ERR_TIMEOUT", 2..) => &attempts[..attempts.len() - 1],
        _ => &attempts[..],
    };
    let at_primary = whole
        .iter()
        .filter(|(port, ..)| *port == stage.primary_port);
    for (_, outcome, _) in at_primary {
        if !row
            .outcome
            .iter()
            .any(|allowed| outcome.ends_with(&format!("_{allowed}")))
        {
            wrong.push(format!("outcome {outcome}"));
        }
    }
    if row.by == "backup" {
        let ports: Vec<_> = told.ports();
        let wanted = [stage.primary_port, stage.primary_port, stage.backup_port];
        // Where nothing is to be gained the same host is not tried twice.
        let may_go_at_once = profile == Profile::Fast;
        if ports != wanted && !(may_go_at_once && ports == wanted[1..]) {
            wrong.push(format!("order {ports:?}, wanted {wanted:?}"));
        } else if profile == Profile::Ecflow && attempts[1].2 < attempts[0].2 + 100 {
            wrong.push(format!("a second try too soon: {attempts:?}"));
        }
    }
    let copies = stage.copies();
    let fewest = match profile {
        Profile::Fast => row.copies.min(1),
        Profile::Ecflow => row.copies,
    };
    if copies < fewest || (row.copies < 3 && copies > row.copies) {
        wrong.push(format!("{copies} copies"));
    }
    if !told.report.contains(&row.told.replace('"', "\\\"")) {
        wrong.push(format!("not told: {}", row.told));
    }
    if row.outcome.iter().all(|outcome| outcome == "UNCONFIRMED") {
        let holder = format!("\"may_hold_copy\":[\"127.0.0.1:{}\"", stage.primary_port);
        if !told.report.contains(&holder) {
            wrong.push("the holder of a copy is not named".into());
        }
    }
    wrong
}

#[test]
fn every_fault_ends_as_its_row_says() {
    ends_as_its_row_says(Profile::Ecflow, 0);
}

#[test]
fn every_fault_ends_as_its_row_says_in_profile_fast() {
    ends_as_its_row_says(Profile::Fast, 1_000);
}

fn ends_as_its_row_says(profile: Profile, first: usize) {
    let rows = rows();
    let wrong: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = rows
            .iter()
            .enumerate()
            .map(|(index, row)| {
                scope.spawn(move || {
                    let stage = Stage::new(row, first + index);
                    let told = send(profile, row, &stage);
                    let wrong = judge(profile, row, &told, &stage);
                    (!wrong.is_empty()).then(|| {
                        format!(
                            "{} {}: {}\n{}",
                            row.row,
                            row.fault,
                            wrong.join("; "),
                            told.report
                        )
                    })
                })
            })
            .collect();
        let ended = running.into_iter().map(|row| row.join().expect("a row"));
        ended.flatten().collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n\n")
    );
}

/// Under every fault of primary and backup alike the command ends at its deadline: not before,
/// and not much later.
#[test]
fn no_fault_moves_the_deadline() {
    keeps_the_deadline(Profile::Ecflow, 500);
}

#[test]
fn no_fault_moves_the_deadline_in_profile_fast() {
    keeps_the_deadline(Profile::Fast, 1_500);
}

fn keeps_the_deadline(profile: Profile, first: usize) {
    const TIMEOUT: Duration = Duration::from_millis(700);
    let rows = rows();
    let faults = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.end == "ECF_OK" && row.by == "backup");
    let ends: Vec<(String, Told, Duration)> = thread::scope(|scope| {
        let running: Vec<_> = faults
            .map(|(index, row)| {
                scope.spawn(move || {
                    let mut row = row.clone();
                    row.backup = Some(row.primary.clone());
                    row.settings.insert("ECF_TIMEOUT".into(), "0.7".into());
                    row.settings
                        .insert("ECF_CONNECT_TIMEOUT".into(), String::new());
                    let stage = Stage::new(&row, first + index);
                    let begin = Instant::now();
                    let told = send(profile, &row, &stage);
                    (row.fault, told, begin.elapsed())
                })
            })
            .collect();
        running
            .into_iter()
            .map(|row| row.join().expect("a row"))
            .collect()
    });
    assert!(ends.len() > 20);
    for (fault, told, took) in ends {
        assert_eq!(
            told.status,
            Status::Timeout as i32,
            "{fault}: {}",
            told.report
        );
        assert!(took >= TIMEOUT, "{fault}: {took:?}");
        // 50 ms on a machine that has nothing else to do.
        assert!(took < TIMEOUT + Duration::from_secs(2), "{fault}: {took:?}");
    }
}

#[test]
fn a_connection_that_nobody_answers_is_bounded_by_stage_deadline_and_cancel() {
    let silent = FullBacklog::new();
    let stage = Handle::quick(
        silent.port,
        &[("ECF_CONNECT_TIMEOUT", "0.3"), ("ECF_DENIED", "1")],
    );
    let begin = Instant::now();
    let told = stage.task(&["--event=e"]);
    assert_eq!(told.status, Status::Denied as i32);
    assert!(
        told.report.contains("\"stage\":\"connect\""),
        "{}",
        told.report
    );
    assert!(begin.elapsed() >= Duration::from_millis(600));
    assert!(begin.elapsed() < Duration::from_secs(4));

    let deadline = Handle::quick(silent.port, &[("ECF_TIMEOUT", "0.5")]);
    let begin = Instant::now();
    assert_eq!(deadline.task(&["--event=e"]).status, Status::Timeout as i32);
    assert!(begin.elapsed() >= Duration::from_millis(500));
    assert!(begin.elapsed() < Duration::from_secs(4));

    let cancelled = Handle::quick(silent.port, &[]);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            cancelled.cancel();
        });
        let begin = Instant::now();
        assert_eq!(
            cancelled.task(&["--event=e"]).status,
            Status::Cancelled as i32
        );
        assert!(begin.elapsed() < Duration::from_secs(3));
    });
}
