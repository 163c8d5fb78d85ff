//! The values of node attributes, as far as a client can judge them before a server does.

const DAYS: &[&[u8]] = &[
    b"sunday",
    b"monday",
    b"tuesday",
    b"wednesday",
    b"thursday",
    b"friday",
    b"saturday",
];
pub(in crate::command) const ZOMBIES: &[&[u8]] = &[
    b"user",
    b"ecf",
    b"ecf_pid",
    b"ecf_passwd",
    b"ecf_pid_passwd",
    b"path",
];
const ZOMBIE_ACTIONS: &[&[u8]] = &[b"fob", b"fail", b"adopt", b"remove", b"block", b"kill"];

/// What an attribute of this type would have to look like, where `value` does not.
pub(in crate::command) fn wanted(kind: &[u8], value: &[u8]) -> Option<&'static str> {
    let (is_good, wanted): (fn(&[u8]) -> bool, _) = match kind {
        b"time" | b"today" => (is_series, "[+]HH:MM or [+]HH:MM HH:MM HH:MM"),
        b"date" => (is_date, "D.M.YYYY, with * for any"),
        b"day" => (is_day, "the English name of a day"),
        b"zombie" => (is_zombie, "TYPE:ACTION:COMMANDS:LIFETIME"),
        b"late" => (
            is_late,
            "-s +HH:MM, -a HH:MM, -c [+]HH:MM, one or more of them",
        ),
        _ => return None,
    };
    (!is_good(value)).then_some(wanted)
}

/// The words before a comment.
fn words(value: &[u8]) -> Vec<&[u8]> {
    let value = value.split(|&b| b == b'#').next().unwrap_or_default();
    let words = value.split(u8::is_ascii_whitespace);
    words.filter(|word| !word.is_empty()).collect()
}

/// A number of decimal digits, at most so large.
fn is_number(text: &[u8], largest: u32) -> bool {
    let number = std::str::from_utf8(text).ok();
    let number = number.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    number.and_then(|digits| digits.parse::<u32>().ok()) <= Some(largest) && !text.is_empty()
}

fn is_time(text: &[u8]) -> bool {
    match text.iter().position(|&b| b == b':') {
        Some(colon) => is_number(&text[..colon], 23) && is_number(&text[colon + 1..], 59),
        None => false,
    }
}

fn is_maybe_relative(text: &[u8]) -> bool {
    is_time(text.strip_prefix(b"+").unwrap_or(text))
}

fn is_series(value: &[u8]) -> bool {
    match words(value)[..] {
        [start] => is_maybe_relative(start),
        [start, end, step] => is_maybe_relative(start) && is_time(end) && is_time(step),
        _ => false,
    }
}

fn is_date(value: &[u8]) -> bool {
    let parts: Vec<_> = value.split(|&b| b == b'.').collect();
    let largest = [31, 12, 9999];
    let mut parts_and_limits = parts.iter().zip(largest);
    parts.len() == 3 && parts_and_limits.all(|(part, most)| *part == b"*" || is_number(part, most))
}

fn is_day(value: &[u8]) -> bool {
    DAYS.contains(&value)
}

fn is_zombie(value: &[u8]) -> bool {
    let mut parts = value.split(|&b| b == b':');
    let is_known = parts.next().is_some_and(|kind| ZOMBIES.contains(&kind));
    let action = parts.next().unwrap_or_default();
    is_known && (action.is_empty() || ZOMBIE_ACTIONS.contains(&action))
}

fn is_late(value: &[u8]) -> bool {
    let words = words(value);
    let words = words.strip_prefix(&[&b"late"[..]]).unwrap_or(&words);
    let mut pairs = words.chunks(2);
    !words.is_empty()
        && pairs.all(|pair| match pair {
            [b"-s" | b"-a" | b"-c", time] => is_maybe_relative(time),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_judged_as_ecflows_client_does() {
        for (kind, good, bad) in [
            ("time", "10:00", "xx"),
            ("time", "+00:30", "24:00"),
            ("today", "10:00 20:00 01:00", "10:00 20:00"),
            ("date", "1.2.2030", "99.99.99"),
            ("date", "*.*.2030", "1.2"),
            ("day", "monday", "noday"),
            ("zombie", "user:fail::", "xx"),
            ("zombie", "ecf:fob:init,event:300", "ecf:xx"),
            ("late", "-s +00:15 -c +02:00", "-s"),
            ("late", "-a 20:00", "20:00"),
            ("late", "late -a 20:00", "late"),
            ("time", "10:00 # at ten", "# at ten"),
            ("variable", "anything", ""),
        ] {
            let judged = |value: &str| wanted(kind.as_bytes(), value.as_bytes()).is_none();
            assert!(judged(good), "{kind} {good}");
            assert!(!judged(bad) || kind == "variable", "{kind} {bad}");
        }
    }
}
