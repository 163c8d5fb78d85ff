//! The settings of a client: one table of keys ([`KEYS`]), read from the environment,
//! changed and read back by name, and seen by the other layers as typed [`Settings`].
//!
//! A value that cannot be used is an error that names the key. Nothing is clamped and
//! nothing falls back to a default in silence.
#![forbid(unsafe_code)]

mod choices;
mod keys;
mod need;
mod settings;
mod value;

pub use choices::{DefaultPort, HostfilePolicy, Memory, Profile, Protocol, WhenAlive};
pub use keys::{KEYS, Key, KeyIndex, Settings};
pub use need::{Need, Sending};

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use thiserror::Error;

use crate::model::{Secret, quoted};

/// A value that cannot be used: `ECF_PORT="abc": not a port; give ...`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{key}{shown}: {why}")]
pub struct BadValue {
    /// The key.
    pub key: &'static str,
    /// `="value"`, or nothing where the value is a secret.
    pub shown: String,
    /// What is wrong and what would be right.
    pub why: String,
}

/// Why a key could not be set or read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// The key is not in the table. What it was given is not told: it may be a password.
    #[error("{0} is not a key of ecf_failover; ecf_failover_keys(5) lists them all")]
    Unknown(String),
    /// Key and value are in one. The value is not told.
    #[error("{0}=... is key and value in one; give the key alone, and its value apart")]
    KeyAndValue(String),
    /// The value cannot be used; what was set before stays.
    #[error(transparent)]
    Value(#[from] BadValue),
    /// The value is a password or the like and is never given out.
    #[error("{0} is secret and cannot be read back")]
    Secret(&'static str),
}

/// The settings with the text that each was made from.
#[derive(Clone, Debug)]
pub struct Configuration {
    settings: Settings,
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    /// What was given, verbatim; `None` where the default holds.
    given: Option<Secret>,
    problem: Option<BadValue>,
}

impl Configuration {
    /// Every key at its default.
    #[must_use]
    pub fn new() -> Self {
        let mut settings = Settings::default();
        for key in KEYS {
            let applied = (key.apply)(&mut settings, key.default.as_bytes());
            debug_assert_eq!(applied, Ok(()), "the default of {} is good", key.name);
        }
        Self {
            settings,
            slots: vec![Slot::default(); KEYS.len()],
        }
    }

    /// Reads every key by `lookup`, as from the environment. A value that cannot be used is
    /// kept, told by [`Configuration::problems`], and stays until [`Configuration::set`]
    /// repairs it.
    #[must_use]
    pub fn read(lookup: impl Fn(&str) -> Option<Vec<u8>>) -> Self {
        let mut read = Self::new();
        let path = |name: &str| {
            let value = lookup(name).filter(|value| !value.is_empty());
            value.map(|value| PathBuf::from(OsString::from_vec(value)))
        };
        read.settings.home = path("HOME");
        read.settings.runtime_directory =
            path("XDG_RUNTIME_DIR").filter(|directory| directory.is_absolute());
        for (index, key) in KEYS.iter().enumerate() {
            let Some(value) = lookup(key.name) else {
                continue;
            };
            // A flag is on when it is present at all, like in ecFlow's own client.
            let value = if key.is_flag && value.is_empty() {
                b"1".to_vec()
            } else {
                value
            };
            let problem = read.apply(index, &value).err();
            read.slots[index] = Slot {
                given: (!value.is_empty()).then(|| Secret::from(value.as_slice())),
                problem,
            };
        }
        read
    }

    /// Sets a key; an empty value brings back its default.
    ///
    /// # Errors
    /// An unknown key, or a value that the key does not take. Then nothing has changed.
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), KeyError> {
        let index = find(key)?;
        self.apply(index, value)?;
        self.slots[index] = Slot {
            given: (!value.is_empty()).then(|| Secret::from(value)),
            problem: None,
        };
        Ok(())
    }

    /// The text of a key: what was given, else its default.
    ///
    /// # Errors
    /// An unknown key, or a secret one.
    pub fn get(&self, key: &[u8]) -> Result<&[u8], KeyError> {
        let index = find(key)?;
        let key = &KEYS[index];
        if key.is_secret {
            return Err(KeyError::Secret(key.name));
        }
        Ok(match &self.slots[index].given {
            Some(given) => given.reveal(),
            None => key.default.as_bytes(),
        })
    }

    /// The values that cannot be used, each with whether this command needs it: then it must not
    /// be sent.
    pub fn problems_of(&self, sending: Sending) -> impl Iterator<Item = (&BadValue, bool)> {
        let slots = self.slots.iter().zip(KEYS);
        slots.filter_map(move |(slot, key)| {
            let problem = slot.problem.as_ref()?;
            Some((problem, self.settings.is_needed(key.needed_by, sending)))
        })
    }

    /// The values that cannot be used.
    pub fn problems(&self) -> impl Iterator<Item = &BadValue> {
        self.slots.iter().filter_map(|slot| slot.problem.as_ref())
    }

    /// Whether a key was given a value, rather than left at its default.
    #[must_use]
    pub fn is_given(&self, key: KeyIndex) -> bool {
        self.settings.is_given(key)
    }

    /// The typed settings; a key with a problem is at its default in them.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn apply(&mut self, index: usize, value: &[u8]) -> Result<(), BadValue> {
        let key = &KEYS[index];
        let effective = if value.is_empty() {
            key.default.as_bytes()
        } else {
            value
        };
        (key.apply)(&mut self.settings, effective).map_err(|why| BadValue {
            key: key.name,
            shown: if key.is_secret {
                String::new()
            } else {
                format!("={}", quoted(value))
            },
            why,
        })?;
        self.settings.mark_given(index, !value.is_empty());
        Ok(())
    }
}

impl Default for Configuration {
    fn default() -> Self {
        Self::new()
    }
}

fn find(key: &[u8]) -> Result<usize, KeyError> {
    KEYS.iter()
        .position(|row| row.name.as_bytes() == key)
        .ok_or_else(|| {
            // What stands behind a "=" is a value.
            let name = key.split(|&b| b == b'=').next().unwrap_or_default();
            match name.len() < key.len() {
                true => KeyError::KeyAndValue(quoted(name)),
                false => KeyError::Unknown(quoted(name)),
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &'static [(&'static str, &'static str)]) -> Configuration {
        Configuration::read(|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.as_bytes().to_vec())
        })
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let settings = Configuration::new().settings().clone();
        assert_eq!(settings.host.as_str(), "localhost");
        assert_eq!(settings.port, 3141);
        assert_eq!(settings.timeout, 86_400_000);
        assert_eq!(settings.zombie_timeout, 43_200_000);
        assert_eq!(settings.attempts, 2);
        assert_eq!(settings.retry_period, 10_000);
        assert_eq!(settings.host_period, 30_000);
        assert_eq!(settings.default_port, DefaultPort::Number(3141));
        assert_eq!(settings.hostfile_policy, HostfilePolicy::Task);
        assert!(!settings.denied && !settings.no_ecf && settings.hostfile.is_none());
    }

    #[test]
    fn every_key_without_value_reads_back_its_default() {
        let configuration = Configuration::new();
        for key in KEYS.iter().filter(|key| !key.is_secret) {
            let got = configuration.get(key.name.as_bytes());
            assert_eq!(got, Ok(key.default.as_bytes()), "{}", key.name);
        }
    }

    #[test]
    fn a_bad_value_names_its_variable_and_stays_until_it_is_repaired() {
        for (key, value) in [
            ("ECF_PORT", "abc"),
            ("ECF_PORT", "0"),
            ("ECF_PORT", "65536"),
            ("ECF_PORT", "-1"),
            ("ECF_TIMEOUT", "0"),
            ("ECF_TIMEOUT", "-5"),
            ("ECF_TIMEOUT", "nan"),
            ("ECF_TIMEOUT", "inf"),
            ("ECF_TIMEOUT", "1h"),
            ("ECF_ZOMBIE_TIMEOUT", "soon"),
            ("ECF_CONNECT_TIMEOUT", "-1"),
            ("ECF_HOSTFILE_POLICY", "nonsense"),
            ("ECF_FAILOVER_PROFILE", "quick"),
            ("ECF_FAILOVER_ATTEMPTS", "0"),
            ("ECF_FAILOVER_ATTEMPTS", "1.5"),
            ("ECF_FAILOVER_RETRY_PERIOD", "x"),
            ("ECF_FAILOVER_DEFAULT_PORT", "secondary"),
            ("ECF_FAILOVER_ON_HALTED", "leave"),
            ("ECF_FAILOVER_REPEATABLE", "maybe"),
            ("ECF_FAILOVER_BUDGET", "2"),
            ("ECF_FAILOVER_MAX_REPLY", "0"),
            ("ECF_HOST", "a b"),
            ("ECF_TRYNO", "3x"),
        ] {
            let lookup = |name: &str| (name == key).then(|| value.as_bytes().to_vec());
            let mut configuration = Configuration::read(lookup);
            let problems: Vec<_> = configuration.problems().map(ToString::to_string).collect();
            assert_eq!(problems.len(), 1, "{key}={value}");
            assert!(
                problems[0].starts_with(&format!("{key}=\"{value}\": ")),
                "{problems:?}"
            );
            assert_eq!(
                configuration.get(key.as_bytes()),
                Ok(value.as_bytes()),
                "kept as it was written"
            );
            assert!(configuration.set(key.as_bytes(), value.as_bytes()).is_err());
            assert_eq!(configuration.problems().count(), 1);
            assert_eq!(configuration.set(key.as_bytes(), b""), Ok(()));
            assert_eq!(configuration.problems().count(), 0);
        }
    }

    #[test]
    fn flags_are_on_when_present_and_off_when_set_to_nothing() {
        let mut configuration = environment(&[("NO_ECF", ""), ("ECF_DENIED", "0")]);
        assert!(configuration.settings().no_ecf && configuration.settings().denied);
        assert!(!configuration.settings().debug_client);
        assert_eq!(configuration.set(b"NO_ECF", b""), Ok(()));
        assert!(!configuration.settings().no_ecf);
    }

    #[test]
    fn an_empty_variable_is_the_same_as_an_unset_one() {
        let configuration = environment(&[("ECF_PORT", ""), ("ECF_HOSTFILE", "")]);
        assert_eq!(configuration.problems().count(), 0);
        assert_eq!(configuration.settings().port, 3141);
        assert_eq!(configuration.settings().hostfile, None);
    }

    #[test]
    fn tls_is_on_as_soon_as_its_variable_is_there() {
        let configuration = environment(&[("ECF_SSL", "")]);
        assert_eq!(configuration.settings().ssl, b"1");
        assert_eq!(configuration.settings().surprises(), None);
        for off in ["0", "no", "Off", "false"] {
            let lookup = |name: &str| (name == "ECF_SSL").then(|| off.as_bytes().to_vec());
            let configuration = Configuration::read(lookup);
            assert_eq!(configuration.settings().ssl, off.as_bytes(), "it stays on");
            let told = configuration.settings().surprises().unwrap_or_default();
            assert!(told.contains("any value means on"), "{off}: {told}");
        }
        let mut configuration = configuration;
        assert_eq!(configuration.set(b"ECF_SSL", b""), Ok(()));
        assert!(configuration.settings().ssl.is_empty(), "off again");
    }

    #[test]
    fn durations_take_fractions_and_are_never_cut_to_nothing() {
        let mut configuration = Configuration::new();
        for (text, millis) in [
            ("0.5", 500),
            ("60", 60_000),
            (" 5 ", 5_000),
            ("0.0001", 1),
            (".25", 250),
        ] {
            assert_eq!(
                configuration.set(b"ECF_TIMEOUT", text.as_bytes()),
                Ok(()),
                "{text}"
            );
            assert_eq!(configuration.settings().timeout, millis, "{text}");
        }
        assert_eq!(configuration.set(b"ECF_CONNECT_TIMEOUT", b"0"), Ok(()));
        assert_eq!(configuration.settings().connect_timeout, None);
        for (text, limit) in [("0", None), ("0.5", Some(500)), ("", None)] {
            let set = configuration.set(b"ECF_FAILOVER_CONNECT_TIMEOUT", text.as_bytes());
            assert_eq!(set, Ok(()));
            assert_eq!(configuration.settings().failover_connect_timeout, limit);
        }
    }

    #[test]
    fn a_refused_value_leaves_the_one_before() {
        let mut configuration = Configuration::new();
        assert_eq!(configuration.set(b"ECF_PORT", b"4000"), Ok(()));
        assert!(configuration.set(b"ECF_PORT", b"x").is_err());
        assert_eq!(configuration.settings().port, 4000);
        assert!(matches!(
            configuration.set(b"ECF_NONSENSE", b"1"),
            Err(KeyError::Unknown(_))
        ));
    }

    #[test]
    fn a_secret_is_neither_read_back_nor_printed() {
        let configuration = environment(&[("ECF_PASS", "sesame")]);
        assert_eq!(
            configuration.get(b"ECF_PASS"),
            Err(KeyError::Secret("ECF_PASS"))
        );
        assert!(!format!("{configuration:?}").contains("sesame"));
    }

    #[test]
    fn an_unknown_key_is_told_without_what_it_was_given() {
        let mut configuration = Configuration::new();
        for (key, value) in [("ECF_PASWORD", "sesame"), ("ECF_PASS=sesame", "1")] {
            let told = configuration.set(key.as_bytes(), value.as_bytes());
            let told = told
                .map_err(|why| why.to_string())
                .err()
                .unwrap_or_default();
            assert!(
                told.starts_with("\"ECF_PAS") && !told.contains("sesame"),
                "{told}"
            );
        }
    }

    #[test]
    fn the_policy_of_the_hostfile_is_read_in_any_case() {
        let mut configuration = Configuration::new();
        for (text, policy) in [
            ("ALL", HostfilePolicy::All),
            ("none", HostfilePolicy::None),
            ("Task", HostfilePolicy::Task),
        ] {
            assert_eq!(
                configuration.set(b"ECF_HOSTFILE_POLICY", text.as_bytes()),
                Ok(())
            );
            assert_eq!(configuration.settings().hostfile_policy, policy);
        }
    }
}
