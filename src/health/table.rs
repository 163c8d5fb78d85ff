//! What is known of the hosts of a node.

use super::breaker::{Health, HostHealth, Observation, Others, Record};
use super::hash::fnv1a;
use super::leases::{Lease, Permission};
use super::retry_budget::RetryBudget;
use super::shared::SharedHealth;
use super::stagger::Stagger;
use crate::model::{Endpoint, HostIndex, Millis};

pub(super) const MOST_HOSTS: usize = 50;

/// A host as the table knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostKey(pub(super) u64);

impl HostKey {
    /// The key of a server.
    #[must_use]
    pub fn of(endpoint: &Endpoint) -> Self {
        Self(fnv1a(endpoint.to_string().to_ascii_lowercase().as_bytes()))
    }
}

/// What is known of the hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthTable {
    pub(super) stagger: Stagger,
    pub(super) retry_budget: RetryBudget,
    pub(super) hosts: Vec<Record>,
}

impl HealthTable {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for the hosts of a line-up, as a policy sees it.
    pub fn view<'a>(&'a mut self, keys: &'a [HostKey]) -> TableView<'a> {
        TableView { table: self, keys }
    }

    /// How a host is at `now`.
    #[must_use]
    pub fn host(&self, key: HostKey, now: Millis) -> HostHealth {
        let record = self.hosts.iter().find(|record| record.key == key);
        record.map_or_else(HostHealth::default, |record| record.at(now))
    }

    /// Whether [`HealthTable::observe`] would change anything that matters.
    #[must_use]
    pub fn is_news(&self, key: HostKey, observation: Observation, now: Millis) -> bool {
        let record = self.hosts.iter().find(|record| record.key == key);
        record.is_none_or(|record| record.is_news(observation, now))
    }

    /// Takes in what was seen of a host at `now`.
    pub fn observe(&mut self, key: HostKey, observation: Observation, now: Millis) {
        let mut others = self.hosts.iter().filter(|record| record.key != key);
        let others = if others.any(|r| r.health == Health::Good && r.answered_of_late(now)) {
            Others::Answer
        } else {
            Others::Silent
        };
        self.record(key, now).observe(observation, others, now);
    }

    /// Asks for a lease of a dead host, as [`SharedHealth::lease`] does.
    pub fn lease(&mut self, key: HostKey, lease: Lease, spread: Millis, now: Millis) -> Permission {
        self.record(key, now).lease(lease, spread, now)
    }

    /// One command more changes hosts; tells how many there are besides.
    pub fn join_stagger(&mut self, now: Millis) -> u32 {
        self.stagger.join(now)
    }

    /// One command has done so.
    pub fn leave_stagger(&mut self, now: Millis) {
        self.stagger.leave(now);
    }

    /// A command begins: it earns so many thousandths of a retry.
    pub fn earn_retries(&mut self, thousandths: u32, now: Millis) {
        self.retry_budget.earn(u64::from(thousandths), now);
    }

    /// Whether there is another retry; while nobody answers there always is.
    pub fn spend_retry(&mut self, now: Millis) -> bool {
        self.retry_budget.earn(0, now);
        let anybody_answers = self.hosts.iter().any(|r| r.answered_of_late(now));
        !anybody_answers || self.retry_budget.spend()
    }

    /// The record of a host; where there is no room the one that was not heard of for longest
    /// makes some.
    fn record(&mut self, key: HostKey, now: Millis) -> &mut Record {
        let known = self.hosts.iter().position(|record| record.key == key);
        let at = known.unwrap_or_else(|| {
            let new = Record::new(key, now);
            let oldest = (0..self.hosts.len()).min_by_key(|at| self.hosts[*at].seen);
            match oldest {
                Some(oldest) if self.hosts.len() >= MOST_HOSTS => {
                    self.hosts[oldest] = new;
                    oldest
                }
                _ => {
                    self.hosts.push(new);
                    self.hosts.len() - 1
                }
            }
        });
        &mut self.hosts[at]
    }
}

/// A table for the hosts of a line-up.
#[derive(Debug)]
pub struct TableView<'a> {
    table: &'a mut HealthTable,
    keys: &'a [HostKey],
}

impl SharedHealth for TableView<'_> {
    fn read(&mut self, hosts: &mut dyn Iterator<Item = &mut HostHealth>, now: Millis) {
        for (host, key) in hosts.zip(self.keys) {
            *host = self.table.host(*key, now);
        }
    }

    fn observe(&mut self, host: HostIndex, observation: Observation, now: Millis) {
        if let Some(key) = self.keys.get(host) {
            self.table.observe(*key, observation, now);
        }
    }

    fn lease(&mut self, host: HostIndex, lease: Lease, spread: Millis, now: Millis) -> Permission {
        let key = self.keys.get(host).copied().unwrap_or_default();
        self.table.lease(key, lease, spread, now)
    }

    fn join_stagger(&mut self, now: Millis) -> u32 {
        self.table.join_stagger(now)
    }

    fn leave_stagger(&mut self, now: Millis) {
        self.table.leave_stagger(now);
    }

    fn earn_retries(&mut self, thousandths: u32, now: Millis) {
        self.table.earn_retries(thousandths, now);
    }

    fn spend_retry(&mut self, now: Millis) -> bool {
        self.table.spend_retry(now)
    }
}
