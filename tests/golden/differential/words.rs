//! Command lines as they stand in the table of cases.

/// A command line with the environment in front of it, as in a shell: `ECF_RID=1 --event=e`.
/// Words are parted by blanks; between backticks a blank is an ordinary character.
pub(crate) struct CommandLine {
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) words: Vec<String>,
    pub(crate) is_task: bool,
}

/// The environment of a job. `-ECF_RID` in front of a command line takes a variable out of it.
const JOB: &[(&str, &str)] = &[
    ("ECF_NAME", "/s1/f1/t1"),
    ("ECF_PASS", "_DJP_"),
    ("ECF_RID", "4711"),
    ("ECF_TRYNO", "1"),
];
const TASK_COMMANDS: &[&str] = &[
    "init", "complete", "abort", "event", "meter", "label", "wait", "queue",
];

impl CommandLine {
    /// Reads a line; `replaced` puts the places of this run into a word.
    pub(crate) fn read(line: &str, replaced: impl Fn(&str) -> String) -> Self {
        let mut words: Vec<String> = split(line).iter().map(|word| replaced(word)).collect();
        let is_option = |word: &String| word.starts_with("--") || !is_variable(word);
        let start = words.iter().position(is_option).unwrap_or(words.len());
        let given: Vec<String> = words.drain(..start).collect();
        let is_task = words.iter().any(|word| is_task_command(word));
        let mut environment: Vec<(String, String)> = Vec::new();
        if is_task {
            environment.extend(JOB.iter().map(|(key, value)| pair(key, value)));
        }
        for word in &given {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let key = key.trim_start_matches('-');
            environment.retain(|(known, _)| known != key);
            if !word.starts_with('-') {
                environment.push(pair(key, value));
            }
        }
        Self {
            environment,
            words,
            is_task,
        }
    }
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn is_variable(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or_default();
    ["-ECF_", "ECF_", "NO_ECF", "PATH"]
        .iter()
        .any(|start| name.starts_with(start))
}

fn is_task_command(word: &str) -> bool {
    let name = word.strip_prefix("--").unwrap_or_default();
    let name = name.split('=').next().unwrap_or_default();
    TASK_COMMANDS.contains(&name)
}

fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut is_word, mut is_quoted) = (String::new(), false, false);
    for character in line.chars() {
        match character {
            '`' => (is_quoted, is_word) = (!is_quoted, true),
            ' ' if !is_quoted => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            character => {
                word.push(character);
                is_word = true;
            }
        }
    }
    assert!(!is_quoted, "an open backtick: {line}");
    if is_word {
        words.push(word);
    }
    words
}
