//! The virtual world: a clock that jumps from event to event, servers, a network, and commands
//! that run the library's own policies. What is known on a node is the library's own, too.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ecf_failover::config::{Configuration, Millis, Profile, Repeat, Settings};
use ecf_failover::hosts::Endpoint;
use ecf_failover::policy::{
    Action, Ecflow, End, Fast, FastRules, Fault, HostKey, Kind, Knowledge, Means, News, Outcome,
    Policy, Rules, Sighting,
};

use super::chance::Chance;
use super::server::{BACKLOG, Condition, Server, Work};

pub type Micros = u64;
pub type ConnectionId = usize;
type CommandId = usize;

/// A kernel asks again after these times when a connection is not answered.
const SYN_RETRIES: [Micros; 5] = [1_000_000, 3_000_000, 7_000_000, 15_000_000, 31_000_000];
/// What a connection may take.
const CONNECT_LIMIT: Micros = 5_000_000;
/// What a task command's reply may take for the stock client, and so for profile ecflow.
const REPLY_LIMIT: Micros = 190_000_000;
/// A kernel notices that the way to a peer is gone.
const DEAD_PEER: Micros = 5_000_000;

/// A command that is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub at: Micros,
    pub node: usize,
    pub repeat: Repeat,
    pub timeout: Millis,
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Record {
    pub order: Order,
    pub end: Option<(Micros, End)>,
    /// Who answered.
    pub by: Option<usize>,
    pub connects: u32,
    /// How often each server applied it.
    pub copies: Vec<u8>,
    /// Connections or requests that began at or after the deadline.
    pub too_late: u32,
}

struct Command {
    policy: Box<dyn Policy>,
    record: Record,
    /// Wakes of an earlier wait are void.
    wait: u32,
    /// The exchange under way, if there is one.
    sending: Option<ConnectionId>,
    lanes: Vec<ConnectionId>,
}

struct Connection {
    command: CommandId,
    server: usize,
    life: u32,
    purpose: Purpose,
    is_open: bool,
    is_closed: bool,
    is_sent: bool,
    /// The server's kernel has the request.
    has_arrived: bool,
    /// The client's kernel knows that it is broken.
    is_broken: bool,
    tries: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// A whole attempt, for a policy that makes one after another.
    Attempt,
    /// A connection of a race.
    Lane,
    Probe,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Begin(CommandId),
    Wake(CommandId, u32),
    Syn(ConnectionId),
    SynAck(ConnectionId),
    Refused(ConnectionId, Fault),
    ConnectLimit(ConnectionId),
    Request(ConnectionId),
    Works(usize, u32, Work),
    Reply(ConnectionId, Outcome),
    Closed(ConnectionId),
    Reset(ConnectionId),
    /// The client's patience with a connected server is over.
    Silence(ConnectionId),
    /// The client's kernel has found that the way is gone.
    Vanished(ConnectionId),
    ProbeLimit(ConnectionId),
    ProbeSeen(ConnectionId),
    HalfClose(ConnectionId),
    Turn(usize, Condition),
}

pub struct World {
    now: Micros,
    events: BinaryHeap<Reverse<(Micros, u64, usize)>>,
    payloads: Vec<Option<Event>>,
    free: Vec<usize>,
    order: u64,
    pub servers: Vec<Server>,
    keys: Vec<HostKey>,
    nodes: Vec<Knowledge>,
    commands: Vec<Command>,
    connections: Vec<Connection>,
    settings: Settings,
    chance: Chance,
    /// Percent of packets that vanish.
    pub loss: u64,
    /// One way through the network to each server.
    pub latencies: Vec<Micros>,
    unfinished: usize,
    /// Every time at which a connection to a server was asked for.
    pub connect_times: Vec<(Micros, usize)>,
    pub probe_times: Vec<(Micros, usize)>,
}

impl World {
    pub fn new(keys: &[(&str, &str)], rates: &[u64], nodes: usize, seed: u64) -> Self {
        let mut configuration = Configuration::new();
        for (key, value) in keys {
            let set = configuration.set(key.as_bytes(), value.as_bytes());
            assert!(set.is_ok(), "{key}={value}");
        }
        let host = |number| {
            let endpoint = Endpoint::parse(format!("h{number}").as_bytes(), 3141);
            HostKey::of(&endpoint.expect("a name"))
        };
        Self {
            now: 0,
            events: BinaryHeap::new(),
            payloads: Vec::new(),
            free: Vec::new(),
            order: 0,
            servers: rates.iter().map(|rate| Server::new(*rate)).collect(),
            keys: (0..rates.len()).map(host).collect(),
            nodes: vec![Knowledge::new(); nodes],
            commands: Vec::new(),
            connections: Vec::new(),
            settings: configuration.settings().clone(),
            chance: Chance::new(seed),
            loss: 0,
            latencies: vec![100; rates.len()],
            unfinished: 0,
            connect_times: Vec::new(),
            probe_times: Vec::new(),
        }
    }

    /// The server gets into this condition at this time.
    pub fn turn(&mut self, at: Micros, server: usize, condition: Condition) {
        self.schedule(at, Event::Turn(server, condition));
    }

    pub fn command(&mut self, order: Order) {
        let policy: Box<dyn Policy> = self.policy(&order);
        let id = self.commands.len();
        self.commands.push(Command {
            policy,
            record: Record {
                order,
                end: None,
                by: None,
                connects: 0,
                copies: vec![0; self.servers.len()],
                too_late: 0,
            },
            wait: 0,
            sending: None,
            lanes: Vec::new(),
        });
        self.unfinished += 1;
        self.schedule(order.at, Event::Begin(id));
    }

    fn policy(&mut self, order: &Order) -> Box<dyn Policy> {
        let start = order.at / 1_000;
        let limit = (CONNECT_LIMIT + REPLY_LIMIT) / 1_000;
        let timeout = Some(order.timeout);
        match self.settings.profile {
            Profile::Ecflow => {
                let rules = Rules::ecflow(&self.settings, Kind::Task, order.repeat, limit);
                Box::new(Ecflow::new(rules.within(timeout), start))
            }
            Profile::Fast => {
                let rules = FastRules::new(&self.settings, Kind::Task, order.repeat, limit);
                let seed = self.chance.number();
                Box::new(Fast::new(rules.within(timeout), Means::Racing, seed, start))
            }
        }
    }

    /// Lets time go on until every command is over and the world is still, or until `end`.
    pub fn run(&mut self, end: Micros) {
        while let Some(Reverse((at, _, slot))) = self.events.pop() {
            let Some(event) = self.payloads[slot].take() else {
                continue;
            };
            self.free.push(slot);
            if at > end {
                break;
            }
            self.now = at;
            self.happen(event);
        }
    }

    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.commands.iter().map(|command| &command.record)
    }

    pub fn unfinished(&self) -> usize {
        self.unfinished
    }

    fn schedule(&mut self, at: Micros, event: Event) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.payloads[slot] = Some(event);
                slot
            }
            None => {
                self.payloads.push(Some(event));
                self.payloads.len() - 1
            }
        };
        self.order += 1;
        self.events
            .push(Reverse((at.max(self.now), self.order, slot)));
    }

    fn after(&mut self, delay: Micros, event: Event) {
        self.schedule(self.now + delay, event);
    }

    fn is_lost(&mut self) -> bool {
        self.loss > 0 && self.chance.happens(self.loss)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Begin(command) => self.pump(command),
            Event::Wake(command, wait) => {
                if self.commands[command].wait == wait {
                    self.pump(command);
                }
            }
            Event::Turn(server, condition) => self.turn_now(server, condition),
            Event::Syn(connection) => self.syn(connection),
            Event::SynAck(connection) => self.syn_ack(connection),
            Event::Refused(connection, fault) => self.refused(connection, fault),
            Event::ConnectLimit(connection) => {
                if !self.connections[connection].is_open {
                    self.refused(connection, Fault::Silent);
                }
            }
            Event::Request(connection) => self.request(connection),
            Event::Works(server, life, work) => self.worked(server, life, work),
            Event::Reply(connection, outcome) => self.ended(connection, outcome, Fault::Closed),
            Event::Closed(connection) => self.broken(connection),
            Event::Reset(connection) => self.broken(connection),
            Event::Silence(connection) => self.given_up(connection, Fault::Mute),
            Event::Vanished(connection) => self.given_up(connection, Fault::Vanished),
            Event::HalfClose(connection) => self.half_closed(connection),
            Event::ProbeLimit(connection) => self.probed(connection, Sighting::Nothing),
            Event::ProbeSeen(connection) => self.probed(connection, Sighting::Alive),
        }
    }

    fn given_up(&mut self, connection: ConnectionId, fault: Fault) {
        let outcome = match self.connections[connection].is_sent {
            true => Outcome::Unconfirmed,
            false => Outcome::NotSent,
        };
        self.ended(connection, outcome, fault);
    }

    // ---- servers ----

    fn turn_now(&mut self, server: usize, condition: Condition) {
        let before = self.servers[server].condition;
        self.servers[server].condition = condition;
        if condition == Condition::Down {
            self.servers[server].life += 1;
            self.servers[server].queue.clear();
            self.servers[server].unaccepted = 0;
            self.servers[server].is_working = false;
            for connection in 0..self.connections.len() {
                let of = &self.connections[connection];
                if of.server == server && of.is_open && !of.is_closed {
                    self.after(self.latencies[server], Event::Reset(connection));
                }
            }
        }
        // What was sent into a void is sent again by the kernel, if the client still wants it.
        if before == Condition::Blackhole {
            for connection in 0..self.connections.len() {
                let of = &self.connections[connection];
                if of.server == server && of.is_sent && !of.is_closed {
                    self.after(self.latencies[server], Event::Request(connection));
                }
            }
        }
        self.work(server);
    }

    fn syn(&mut self, id: ConnectionId) {
        let connection = &self.connections[id];
        if connection.is_closed {
            return;
        }
        let (server, tries) = (connection.server, connection.tries);
        let is_lost = self.is_lost();
        let target = &mut self.servers[server];
        let is_dropped = match target.condition {
            Condition::Down => {
                return self.after(self.latencies[server], Event::Refused(id, Fault::Refused));
            }
            Condition::Unreachable => {
                return self.after(
                    self.latencies[server],
                    Event::Refused(id, Fault::Unreachable),
                );
            }
            Condition::Blackhole => true,
            _ if target.unaccepted >= BACKLOG => {
                target.counts.backlog_drops += 1;
                true
            }
            _ => is_lost,
        };
        if is_dropped {
            if let Some(retry) = SYN_RETRIES.get(tries) {
                let before = tries.checked_sub(1).map_or(0, |last| SYN_RETRIES[last]);
                self.connections[id].tries += 1;
                self.after(retry - before, Event::Syn(id));
            }
            return;
        }
        target.unaccepted += 1;
        target.queue.push_back(Work::Accept);
        self.connections[id].life = self.servers[server].life;
        self.after(self.latencies[server], Event::SynAck(id));
        if self.servers[server].condition == Condition::ResetsAtAccept {
            self.after(2 * self.latencies[server], Event::Reset(id));
        }
        self.work(server);
    }

    fn request(&mut self, id: ConnectionId) {
        let connection = &self.connections[id];
        let server = connection.server;
        let target = &mut self.servers[server];
        // A request that is under way arrives, also when its client has gone meanwhile.
        if connection.life == target.life
            && !connection.has_arrived
            && !matches!(
                target.condition,
                Condition::Down | Condition::Blackhole | Condition::Unreachable
            )
        {
            target.queue.push_back(Work::Request(id));
            self.connections[id].has_arrived = true;
            self.work(server);
        }
    }

    fn half_closed(&mut self, id: ConnectionId) {
        let connection = &self.connections[id];
        let server = connection.server;
        let target = &mut self.servers[server];
        if connection.life == target.life {
            target.queue.push_back(Work::Close(id));
            self.work(server);
        }
    }

    fn work(&mut self, server: usize) {
        let target = &mut self.servers[server];
        if target.is_working || !target.runs() {
            return;
        }
        if let Some(work) = target.queue.pop_front() {
            target.is_working = true;
            let (cost, life) = (target.cost(work), target.life);
            self.after(cost, Event::Works(server, life, work));
        }
    }

    fn worked(&mut self, server: usize, life: u32, work: Work) {
        if self.servers[server].life != life {
            return;
        }
        self.servers[server].is_working = false;
        match work {
            Work::Accept => self.servers[server].unaccepted -= 1,
            Work::Close(id) => self.after(self.latencies[server], Event::ProbeSeen(id)),
            Work::Request(id) => self.serve(server, id),
        }
        self.work(server);
    }

    fn serve(&mut self, server: usize, id: ConnectionId) {
        let condition = self.servers[server].condition;
        let (applies, answer) = match condition {
            Condition::Well | Condition::Frozen | Condition::Down => {
                (true, Some(Event::Reply(id, Outcome::Ok)))
            }
            Condition::DropsRequests => (false, Some(Event::Closed(id))),
            Condition::AppliesAndCloses => (true, Some(Event::Closed(id))),
            Condition::AppliesAndBabbles => (true, Some(Event::Reply(id, Outcome::Unconfirmed))),
            Condition::LosesReplies | Condition::Blackhole | Condition::Unreachable => (true, None),
            Condition::ResetsAtAccept => (false, Some(Event::Reset(id))),
            Condition::Halted => (false, Some(Event::Reply(id, Outcome::Halted))),
            Condition::Zombie => (false, Some(Event::Reply(id, Outcome::Zombie))),
        };
        if applies {
            self.servers[server].counts.applied += 1;
            let command = self.connections[id].command;
            let copies = &mut self.commands[command].record.copies[server];
            *copies = copies.saturating_add(1);
        }
        if let Some(answer) = answer {
            let loss = match self.is_lost() {
                // The kernel sends it again.
                true => 300_000,
                false => 0,
            };
            self.after(self.latencies[server] + loss, answer);
        }
    }

    // ---- commands ----

    fn pump(&mut self, id: CommandId) {
        loop {
            let now = self.now / 1_000;
            let node = self.commands[id].record.order.node;
            let command = &mut self.commands[id];
            if command.record.end.is_some() {
                return;
            }
            match command.policy.next(now) {
                Action::ListBackups => command.policy.backups(self.servers.len() - 1),
                Action::Ask(question) => {
                    let answer = self.nodes[node].answer(question, &self.keys, now);
                    command.policy.tell(News::Answer(answer), now);
                }
                Action::Learn { host, lesson } => {
                    self.nodes[node].learn(self.keys[host], lesson, now);
                }
                Action::Wait { until } => {
                    command.wait += 1;
                    let wait = command.wait;
                    let at = (until * 1_000).max(self.now + 1);
                    return self.schedule(at, Event::Wake(id, wait));
                }
                Action::Attempt { host, limit } => {
                    if command.sending.is_some() {
                        return;
                    }
                    let connection = self.connect(id, host, Purpose::Attempt);
                    self.commands[id].sending = Some(connection);
                    self.after(limit * 1_000, Event::Silence(connection));
                    return;
                }
                Action::Connect { host } => {
                    let connections = &mut self.connections;
                    command.lanes.retain(|lane| {
                        connections[*lane].is_closed |= connections[*lane].server == host;
                        !connections[*lane].is_closed
                    });
                    let connection = self.connect(id, host, Purpose::Lane);
                    self.commands[id].lanes.push(connection);
                }
                Action::Probe { host, limit } => {
                    let connection = self.connect(id, host, Purpose::Probe);
                    self.after(limit * 1_000, Event::ProbeLimit(connection));
                }
                Action::Send {
                    host,
                    limit,
                    silence,
                } => self.send(id, host, limit.min(silence)),
                Action::GiveUp => {
                    if let Some(connection) = command.sending {
                        self.ended(connection, Outcome::Unconfirmed, Fault::Gone);
                    }
                }
                Action::End(end) => return self.end(id, end),
            }
        }
    }

    fn connect(&mut self, command: CommandId, server: usize, purpose: Purpose) -> ConnectionId {
        let id = self.connections.len();
        self.connections.push(Connection {
            command,
            server,
            life: 0,
            purpose,
            is_open: false,
            is_closed: false,
            is_sent: false,
            has_arrived: false,
            is_broken: false,
            tries: 0,
        });
        self.servers[server].counts.connects += 1;
        self.connect_times.push((self.now, server));
        match purpose {
            Purpose::Probe => {
                self.servers[server].counts.probes += 1;
                self.probe_times.push((self.now, server));
            }
            Purpose::Attempt | Purpose::Lane => {
                let record = &mut self.commands[command].record;
                record.connects += 1;
                if self.now / 1_000 >= record.order.at / 1_000 + record.order.timeout {
                    record.too_late += 1;
                }
                self.after(CONNECT_LIMIT, Event::ConnectLimit(id));
            }
        }
        self.after(self.latencies[server], Event::Syn(id));
        id
    }

    fn send(&mut self, id: CommandId, host: usize, limit: Millis) {
        let lanes = std::mem::take(&mut self.commands[id].lanes);
        let mut chosen = None;
        for lane in lanes {
            match self.connections[lane].server == host && self.connections[lane].is_open {
                true => chosen = Some(lane),
                false => self.connections[lane].is_closed = true,
            }
        }
        let Some(connection) = chosen else {
            return;
        };
        self.commands[id].sending = Some(connection);
        if self.connections[connection].is_broken {
            return self.ended(connection, Outcome::NotSent, Fault::Broken);
        }
        self.transmit(connection);
        self.after(limit * 1_000, Event::Silence(connection));
    }

    /// The kernel takes the request.
    fn transmit(&mut self, id: ConnectionId) {
        self.connections[id].is_sent = true;
        let server = self.connections[id].server;
        let is_cut = matches!(
            self.servers[server].condition,
            Condition::Blackhole | Condition::Unreachable
        );
        match (is_cut, self.settings.profile) {
            (true, Profile::Fast) => self.after(DEAD_PEER, Event::Vanished(id)),
            (true, Profile::Ecflow) => {}
            (false, _) => self.after(self.latencies[server], Event::Request(id)),
        }
    }

    fn syn_ack(&mut self, id: ConnectionId) {
        let connection = &mut self.connections[id];
        if connection.is_closed || connection.is_open {
            return;
        }
        connection.is_open = true;
        let (command, server) = (connection.command, connection.server);
        match connection.purpose {
            Purpose::Attempt => {
                self.transmit(id);
                self.after(REPLY_LIMIT, Event::Silence(id));
            }
            Purpose::Lane => {
                let now = self.now / 1_000;
                let policy = &mut self.commands[command].policy;
                policy.tell(News::Connected(server), now);
                self.pump(command);
            }
            Purpose::Probe => {
                let now = self.now / 1_000;
                let policy = &mut self.commands[command].policy;
                policy.tell(News::Probed(server, Sighting::Connected), now);
                self.after(self.latencies[server], Event::HalfClose(id));
                self.pump(command);
            }
        }
    }

    fn refused(&mut self, id: ConnectionId, fault: Fault) {
        let connection = &mut self.connections[id];
        if connection.is_closed || connection.is_open {
            return;
        }
        let (command, server) = (connection.command, connection.server);
        match connection.purpose {
            Purpose::Attempt => self.ended(id, Outcome::NotSent, fault),
            Purpose::Probe => self.probed(
                id,
                match fault {
                    Fault::Silent => Sighting::Nothing,
                    _ => Sighting::Nobody,
                },
            ),
            Purpose::Lane => {
                connection.is_closed = true;
                self.commands[command].lanes.retain(|lane| *lane != id);
                let now = self.now / 1_000;
                let policy = &mut self.commands[command].policy;
                policy.tell(News::Failed(server, fault), now);
                self.pump(command);
            }
        }
    }

    /// The server has closed or reset the connection.
    fn broken(&mut self, id: ConnectionId) {
        let connection = &mut self.connections[id];
        if connection.is_closed {
            return;
        }
        connection.is_broken = true;
        let is_sent = connection.is_sent;
        match connection.purpose {
            Purpose::Probe => self.probed(id, Sighting::Nobody),
            _ if is_sent => self.ended(id, Outcome::Unconfirmed, Fault::Closed),
            _ => {}
        }
    }

    fn ended(&mut self, id: ConnectionId, outcome: Outcome, fault: Fault) {
        let connection = &mut self.connections[id];
        let command = connection.command;
        if connection.is_closed || self.commands[command].sending != Some(id) {
            return;
        }
        connection.is_closed = true;
        let server = connection.server;
        let now = self.now / 1_000;
        let of = &mut self.commands[command];
        of.sending = None;
        if matches!(outcome, Outcome::Ok | Outcome::Rejected) {
            of.record.by = Some(server);
        }
        match connection.purpose {
            Purpose::Attempt => of.policy.outcome(outcome, now),
            Purpose::Lane | Purpose::Probe => of.policy.tell(News::Ended(outcome, fault), now),
        }
        self.pump(command);
    }

    fn probed(&mut self, id: ConnectionId, sighting: Sighting) {
        let connection = &mut self.connections[id];
        if connection.is_closed {
            return;
        }
        connection.is_closed = true;
        let (command, server) = (connection.command, connection.server);
        let now = self.now / 1_000;
        let policy = &mut self.commands[command].policy;
        policy.tell(News::Probed(server, sighting), now);
        self.pump(command);
    }

    fn end(&mut self, id: CommandId, end: End) {
        self.unfinished -= 1;
        let command = &mut self.commands[id];
        command.record.end = Some((self.now, end));
        for lane in std::mem::take(&mut command.lanes) {
            self.connections[lane].is_closed = true;
        }
    }
}
