//! What must differ between two runs is taken out of texts, each thing by a name.

/// What a client printed, without what differs from run to run.
pub(crate) fn printed(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines = text.split('\n').filter(|line| !is_clock_line(line));
    let lines = lines.map(|line| {
        let line = without_time_of_ping(line);
        without_counts(&without_rates(&without_clock(&line)))
    });
    without_ages(lines.collect())
}

/// A reply about the server's state, without what differs from run to run.
pub(crate) fn state(reply: &[u8]) -> String {
    let text = String::from_utf8_lossy(reply);
    // A definition travels as one string.
    let lines = text.split('\n').flat_map(|line| line.split("\\n"));
    let lines = lines
        .filter(|line| !is_clock_line(line))
        .map(|line| without_counts(&without_clock(line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// `ping server(host:port) succeeded in 00:00:00.000100  ~0 milliseconds`
fn without_time_of_ping(line: &str) -> String {
    match line.split_once(" succeeded in ") {
        Some((start, _)) => format!("{start} succeeded in TIME"),
        None => line.to_owned(),
    }
}

/// `[10:05:59 25.11.2026]` in lines of the log.
fn without_clock(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((start, behind)) = rest.split_once('[') {
        plain.push_str(start);
        plain.push('[');
        rest = match behind.split_once(']') {
            Some((inside, tail)) if is_clock(inside) => {
                plain.push_str("TIME]");
                tail
            }
            _ => behind,
        };
    }
    plain + rest
}

fn is_clock(text: &str) -> bool {
    let is_made_of = |text: &str, mark| {
        text.split(mark).count() == 3 && text.chars().all(|c| c == mark || c.is_ascii_digit())
    };
    text.split_once(' ')
        .is_some_and(|(time, date)| is_made_of(time, ':') && is_made_of(date, '.'))
}

/// The statistics' line of requests in the last minutes.
fn without_rates(line: &str) -> String {
    match line.split_once("60 min") {
        Some((start, _)) => format!("{start}60 min RATES"),
        None => line.to_owned(),
    }
}

/// The seconds in the table of zombies, and the passwords that the server made up.
fn without_ages(mut lines: Vec<String>) -> String {
    let is_table = lines[0].starts_with("task-path ");
    let age = lines[0].find("age(s)");
    let password = lines[0].find("password");
    if let (true, Some(age), Some(password)) = (is_table, age, password) {
        for line in lines.iter_mut().skip(1) {
            let is_row = line.get(age..password).is_some();
            if is_row {
                line.replace_range(age..password, "AGE ");
            }
        }
    }
    lines.join("\n")
}

/// A suite's clock, and a zombie's age.
fn is_clock_line(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("calendar initTime:") || line.starts_with("\"duration_\":")
}

/// Numbers that only grow, durations, and passwords that the server made up.
fn without_counts(line: &str) -> String {
    const COUNTS: &[&str] = &[
        "state_change:",
        "modify_change:",
        "cal_count:",
        "dur:",
        "passwd:",
    ];
    match COUNTS.iter().any(|count| line.contains(count)) {
        true => line
            .split(' ')
            .filter(|word| !COUNTS.iter().any(|count| word.starts_with(count)))
            .collect::<Vec<_>>()
            .join(" "),
        false => line.to_owned(),
    }
}

#[test]
fn only_what_differs_from_run_to_run_is_taken_out() {
    assert_eq!(
        printed(b"MSG:[09:02:41 23.11.2026] --suspend /s [x] :me@vm\n"),
        "MSG:[TIME] --suspend /s [x] :me@vm\n"
    );
    assert_eq!(
        printed(b"ping server(h:1) succeeded in 00:00:00.001428  ~1 milliseconds\n"),
        "ping server(h:1) succeeded in TIME\n"
    );
    assert_eq!(
        printed(b"task-path type age(s) password pid\n/s/t      path 0      zpass    777\n"),
        "task-path type age(s) password pid\n/s/t      path AGE zpass    777\n"
    );
    assert_eq!(
        state(br"suite s # begun:1 state:queued dur:00:00:01 flag:x\n  calendar initTime:1\n"),
        "suite s # begun:1 state:queued flag:x\n"
    );
}
