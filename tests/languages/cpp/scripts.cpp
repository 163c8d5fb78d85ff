// One table of outcome scripts, driven three ways: a scripted callable with short periods, a
// Plan with the default ones on a clock that is a mere number, and a rehearsal. Order, numbers, pauses and end
// must be those of the row; then exceptions, cancels, and clients in threads.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.hpp"
#include "ecf_failover.hpp"

namespace {

using namespace std::chrono_literals;
using ecf_failover::Attempt;
using ecf_failover::Client;
using ecf_failover::Kind;
using ecf_failover::Outcome;
using ecf_failover::Plan;
using ecf_failover::Reply;
using ecf_failover::Settings;
using ecf_failover::Status;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

const std::string P = "primary:4001";
const std::string B1 = "b1:4002";
const std::string B2 = "::1:4003";
const std::string B3 = "b3:3141";
const std::vector<std::string> ENDPOINTS{P, B1, B2, B3};

/// Hostfiles by their names, which are those of the files, too.
const std::map<std::string, std::string> HOSTFILES{
    {"one", "b1:4002\n"},
    {"two", "# backups\n\n\tb1:4002  # the first\r\n[::1]:4003"},
    {"three", "b1:4002\n[::1]:4003\nb3\n"},
    {"one and bad", "b1:99999\n:4002\nb1:4002\n"},
    {"empty", ""},
};

using Outcomes = std::vector<Outcome>;
constexpr Outcome OK = Outcome::ok;
constexpr Outcome REJECTED = Outcome::rejected;
constexpr Outcome WAIT = Outcome::wait;
constexpr Outcome HALTED = Outcome::halted;
constexpr Outcome ZOMBIE = Outcome::zombie;
constexpr Outcome NOT_SENT = Outcome::not_sent;
constexpr Outcome UNCONFIRMED = Outcome::unconfirmed;
constexpr Outcome FATAL = Outcome::fatal;

struct Script {
    const char* name;
    Kind kind;
    Settings settings;
    /// One of HOSTFILES, or none.
    std::string hostfile;
    /// What each of ENDPOINTS does with its first, second, ... attempt; the last repeats.
    std::vector<Outcomes> hosts;
    std::vector<std::string> order;
    /// Before each attempt but the first: 0 no pause, r the retry period, h the host period.
    std::string pauses;
    Status end;
    /// The key of the deadline that ends it: then the order is that of 95 seconds of attempts
    /// that take one each, and the start of it with short periods.
    const char* deadline = nullptr;
};

const std::vector<Script>& scripts() {
    static const std::vector<Script> table{
        {"the primary confirms at once", Kind::task, {}, "one", {{OK}, {OK}}, {P}, "", Status::ok},
        {"the primary confirms at its second try", Kind::task, {}, "one",
         {{NOT_SENT, OK}, {OK}}, {P, P}, "r", Status::ok},
        {"the primary is dead, the first backup confirms", Kind::task, {}, "two",
         {{NOT_SENT}, {OK}, {OK}}, {P, P, B1}, "r0", Status::ok},
        {"dead entries stand before the live one", Kind::task, {}, "three",
         {{NOT_SENT}, {NOT_SENT}, {UNCONFIRMED}, {OK}},
         {P, P, B1, B1, B2, B2, B3}, "r0rhrh", Status::ok},
        {"round and round until the primary is back", Kind::task, {}, "one",
         {{NOT_SENT, NOT_SENT, NOT_SENT, OK}, {NOT_SENT}},
         {P, P, B1, B1, P, P}, "r0rhr", Status::ok},
        {"laps without backups have the same rhythm", Kind::task, {}, "",
         {{NOT_SENT, NOT_SENT, NOT_SENT, NOT_SENT, NOT_SENT, NOT_SENT, OK}},
         {P, P, P, P, P, P, P}, "r0rhrh", Status::ok},
        {"so do laps with an empty hostfile", Kind::task, {}, "empty",
         {{NOT_SENT, NOT_SENT, NOT_SENT, OK}}, {P, P, P, P}, "r0r", Status::ok},
        {"a bad line of the hostfile is skipped", Kind::task, {}, "one and bad",
         {{NOT_SENT}, {OK}}, {P, P, B1}, "r0", Status::ok},
        {"a refusal is final, also from a backup", Kind::task, {}, "two",
         {{NOT_SENT}, {REJECTED}, {OK}}, {P, P, B1}, "r0", Status::rejected},
        {"wait stays at its host and uses up no try", Kind::task, {}, "one",
         {{NOT_SENT, WAIT, WAIT, WAIT, OK}, {OK}}, {P, P, P, P, P}, "rrrr", Status::ok},
        {"halted makes the next host be tried", Kind::task, {}, "one",
         {{HALTED}, {OK}}, {P, P, B1}, "r0", Status::ok},
        {"halted stays where it is told to", Kind::task,
         {{"ECF_FAILOVER_ON_HALTED", "stay"}}, "one",
         {{HALTED, HALTED, HALTED, OK}, {OK}}, {P, P, P, P}, "rrr", Status::ok},
        {"halted everywhere rotates", Kind::task, {}, "two",
         {{HALTED, HALTED, OK}, {HALTED}, {HALTED}},
         {P, P, B1, B1, B2, B2, P}, "r0rhrh", Status::ok},
        {"a zombie makes the next host be tried", Kind::task, {}, "one",
         {{ZOMBIE}, {OK}}, {P, P, B1}, "r0", Status::ok},
        {"a zombie stays where it is told to", Kind::task,
         {{"ECF_FAILOVER_ON_ZOMBIE", "stay"}}, "one",
         {{ZOMBIE, ZOMBIE, ZOMBIE, OK}, {OK}}, {P, P, P, P}, "rrr", Status::ok},
        {"zombies everywhere rotate", Kind::task, {}, "one",
         {{ZOMBIE, ZOMBIE, OK}, {ZOMBIE}}, {P, P, B1, B1, P}, "r0rh", Status::ok},
        {"unconfirmed goes on like not sent", Kind::task, {}, "one",
         {{UNCONFIRMED}, {OK}}, {P, P, B1}, "r0", Status::ok},
        {"unconfirmed ends what must not be repeated", Kind::task,
         {{"ECF_FAILOVER_REPEATABLE", "no"}}, "one",
         {{NOT_SENT, UNCONFIRMED}, {OK}}, {P, P}, "r", Status::unknown_outcome},
        {"what cannot have arrived is repeated all the same", Kind::task,
         {{"ECF_FAILOVER_REPEATABLE", "no"}}, "one",
         {{NOT_SENT, HALTED}, {OK}}, {P, P, B1}, "r0", Status::ok},
        {"one try per host", Kind::task, {{"ECF_FAILOVER_ATTEMPTS", "1"}}, "two",
         {{NOT_SENT}, {NOT_SENT}, {OK}}, {P, B1, B2}, "0h", Status::ok},
        {"three tries per host", Kind::task, {{"ECF_FAILOVER_ATTEMPTS", "3"}}, "one",
         {{NOT_SENT}, {NOT_SENT, NOT_SENT, OK}}, {P, P, P, B1, B1, B1}, "rr0rr", Status::ok},
        {"denied ends after the primary", Kind::task, {{"ECF_DENIED", "1"}}, "one",
         {{NOT_SENT}, {OK}}, {P, P}, "r", Status::denied},
        {"denied ends at a halted server", Kind::task,
         {{"ECF_DENIED", "1"}, {"ECF_FAILOVER_ON_HALTED", "stay"}}, "one",
         {{HALTED}, {OK}}, {P, P}, "r", Status::denied},
        {"denied takes a refusal as it is", Kind::task, {{"ECF_DENIED", "1"}}, "one",
         {{NOT_SENT, REJECTED}, {OK}}, {P, P}, "r", Status::rejected},
        {"policy none stays at the primary", Kind::task, {{"ECF_HOSTFILE_POLICY", "none"}}, "one",
         {{NOT_SENT}, {OK}}, {P, P}, "r", Status::unreachable},
        {"policy all is the same for a task command", Kind::task,
         {{"ECF_HOSTFILE_POLICY", "all"}}, "one",
         {{NOT_SENT}, {OK}}, {P, P, B1}, "r0", Status::ok},
        {"policy task by its name, in any case", Kind::task,
         {{"ECF_HOSTFILE_POLICY", "TASK"}}, "one",
         {{NOT_SENT}, {OK}}, {P, P, B1}, "r0", Status::ok},
        {"a callable may stop the command", Kind::task, {}, "one",
         {{NOT_SENT, FATAL}, {OK}}, {P, P}, "r", Status::caller},
        {"nothing is attempted without ecFlow", Kind::task, {{"NO_ECF", "1"}}, "one",
         {{NOT_SENT}, {NOT_SENT}}, {}, "", Status::ok},
        {"a key that there is not ends it before the first attempt", Kind::task,
         {{"ECF_NO_SUCH", "1"}}, "one", {{OK}, {OK}}, {}, "", Status::argument},
        {"until the deadline", Kind::task, {}, "one",
         {{NOT_SENT}, {UNCONFIRMED}}, {P, P, B1, B1, P, P}, "r0rhr", Status::timeout,
         "ECF_TIMEOUT"},
        {"a zombie until the zombie's deadline", Kind::task, {}, "one",
         {{ZOMBIE}, {ZOMBIE}}, {P, P, B1, B1, P, P}, "r0rhr", Status::timeout,
         "ECF_ZOMBIE_TIMEOUT"},
        {"waiting until the deadline", Kind::task, {}, "one",
         {{WAIT}, {OK}}, {P, P, P, P, P, P, P, P, P}, "rrrrrrrr", Status::timeout,
         "ECF_FAILOVER_WAIT_TIMEOUT"},
        {"a user command stays at the primary", Kind::user, {}, "one",
         {{NOT_SENT}, {OK}}, {P, P}, "r", Status::unreachable},
        {"a user command under policy all goes on to the backup", Kind::user,
         {{"ECF_HOSTFILE_POLICY", "all"}}, "one",
         {{UNCONFIRMED}, {OK}}, {P, P, B1}, "r0", Status::ok},
        {"a user command under policy none stays at the primary", Kind::user,
         {{"ECF_HOSTFILE_POLICY", "none"}}, "one",
         {{UNCONFIRMED}, {OK}}, {P, P}, "r", Status::unreachable},
        {"a refused user command is final", Kind::user, {{"ECF_HOSTFILE_POLICY", "all"}}, "one",
         {{REJECTED}, {OK}}, {P}, "", Status::rejected},
        {"a ping stays at the primary", Kind::ping, {}, "one",
         {{NOT_SENT}, {OK}}, {P, P}, "r", Status::unreachable},
        {"a ping under policy all goes once round", Kind::ping,
         {{"ECF_HOSTFILE_POLICY", "all"}}, "two",
         {{NOT_SENT}, {NOT_SENT}, {NOT_SENT}},
         {P, P, B1, B1, B2, B2}, "r0rhr", Status::unreachable},
    };
    return table;
}

std::string endpoint(std::string_view host, unsigned port) {
    return std::string(host) + ':' + std::to_string(port);
}

/// What the host of the last attempt does with it.
Outcome answer(const Script& script, const std::vector<std::string>& seen) {
    const auto host = std::find(ENDPOINTS.begin(), ENDPOINTS.end(), seen.back());
    const auto index = static_cast<std::size_t>(host - ENDPOINTS.begin());
    if (index >= script.hosts.size()) {
        fail(__FILE__, __LINE__, std::string(script.name) + ": " + seen.back());
        return FATAL;
    }
    const Outcomes& outcomes = script.hosts[index];
    const auto visits = static_cast<std::size_t>(std::count(seen.begin(), seen.end(), *host));
    return outcomes[std::min(visits, outcomes.size()) - 1];
}

Settings settings(const Script& script, const std::string& directory) {
    Settings all{{"ECF_HOST", "primary"}, {"ECF_PORT", "4001"}};
    if (!script.hostfile.empty()) {
        all.emplace_back("ECF_HOSTFILE", directory + '/' + script.hostfile);
    }
    all.insert(all.end(), script.settings.begin(), script.settings.end());
    return all;
}

constexpr milliseconds RETRY = 10ms;
constexpr milliseconds HOST = 30ms;
constexpr milliseconds DEADLINE = 200ms;

Settings quick(const Script& script, const std::string& directory) {
    Settings all = settings(script, directory);
    all.emplace_back("ECF_FAILOVER_RETRY_PERIOD", "0.01");
    all.emplace_back("ECF_FAILOVER_HOST_PERIOD", "0.03");
    if (script.deadline != nullptr) {
        all.emplace_back(script.deadline, "0.2");
    }
    return all;
}

std::string listed(const std::vector<std::string>& seen) {
    std::string text;
    for (const std::string& one : seen) {
        text += ' ' + one;
    }
    return text;
}

milliseconds pause(char letter, milliseconds retry, milliseconds host) {
    switch (letter) {
        case 'r': return retry;
        case 'h': return host;
        default: return 0ms;
    }
}

void check_reply(const Script& script, const std::string& place, const Reply& reply,
                 const std::vector<std::string>& seen) {
    CHECK_IN(place, reply.status() == script.end);
    CHECK_IN(place, static_cast<bool>(reply) == (script.end == Status::ok));
    CHECK_IN(place, reply.attempts() == seen.size());
    CHECK_IN(place, reply.error().empty() == (script.end == Status::ok));
    const bool is_answered =
        !seen.empty() && (script.end == Status::ok || script.end == Status::rejected);
    CHECK_IN(place, endpoint(reply.host(), reply.port()) == (is_answered ? seen.back() : ":0"));
    const std::string made = "\"attempts_made\":" + std::to_string(seen.size());
    CHECK_IN(place, contains(reply.report(), made));
    CHECK_IN(place, contains(reply.report(), name(script.end)));
}

/// A callable with a script, and the time as it is: a pause is never too short.
void delegated(Client& client, const Script& script, const std::string& directory) {
    std::vector<std::string> seen;
    Clock::time_point ended;
    const Clock::time_point begin = Clock::now();
    const std::string name = script.name;
    const Reply reply = client.try_delegate(
        script.kind, quick(script, directory), [&](Attempt& attempt) {
            const milliseconds waited =
                std::chrono::duration_cast<milliseconds>(Clock::now() - ended);
            if (!seen.empty() && seen.size() <= script.pauses.size()) {
                const char letter = script.pauses[seen.size() - 1];
                CHECK_IN(name, waited >= pause(letter, RETRY, HOST) - 2ms && waited < 10s);
            }
            seen.push_back(endpoint(attempt.host(), attempt.port()));
            CHECK_IN(name, attempt.number() == seen.size());
            CHECK_IN(name, attempt.timeout() > 0ms && !attempt.cancelled());
            CHECK_IN(name, script.deadline == nullptr || attempt.timeout() <= DEADLINE ||
                               std::string(script.deadline) != "ECF_TIMEOUT");
            const Outcome outcome = answer(script, seen);
            ended = Clock::now();
            return outcome;
        });
    const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
    const std::string place = name + ", delegated:" + listed(seen);
    check_reply(script, place, reply, seen);
    if (script.deadline == nullptr) {
        CHECK_IN(place, seen == script.order);
    } else {
        const auto common = static_cast<std::ptrdiff_t>(std::min(seen.size(), script.order.size()));
        CHECK_IN(place, common >= 1 && std::equal(seen.begin(), seen.begin() + common,
                                                  script.order.begin()));
        CHECK_IN(place, took >= DEADLINE - 2ms);
    }
    CHECK_IN(place, took < 20s);
}

/// The default periods, on a clock that is a number: pauses and deadline are exact.
void planned(Client& client, const Script& script, const std::string& directory) {
    constexpr milliseconds start = 77s;
    Settings all = settings(script, directory);
    if (script.deadline != nullptr) {
        all.emplace_back(script.deadline, "95");
    }
    milliseconds now = start;
    milliseconds waited = 0ms;
    std::vector<std::string> seen;
    std::string pauses;
    Plan plan(client, script.kind, all, now);
    Plan::Step step = plan.next(now);
    for (; step.what == Plan::Step::Do::attempt || step.what == Plan::Step::Do::wait;
         step = plan.next(now)) {
        if (step.what == Plan::Step::Do::wait) {
            waited += step.time;
            now += step.time;
            continue;
        }
        if (!seen.empty()) {
            const milliseconds retry = script.kind == Kind::ping ? 1s : 10s;
            pauses += waited == retry ? 'r' : waited == 30s ? 'h' : waited == 0ms ? '0' : '?';
        }
        seen.push_back(endpoint(plan.host(), plan.port()));
        CHECK_IN(script.name, plan.number() == seen.size() && step.time > 0ms);
        CHECK_IN(script.name, plan.status() == Status::in_progress);
        waited = 0ms;
        now += 1s;
        const Outcome outcome = answer(script, seen);
        const Status taken = plan.outcome(outcome, now);
        CHECK_IN(script.name, taken == Status::ok);
        if (seen.size() > 100) {
            break;
        }
    }
    const std::string place = std::string(script.name) + ", planned:" + listed(seen) + ' ' + pauses;
    const bool is_done = step.what == Plan::Step::Do::done;
    CHECK_IN(place, is_done == (script.end == Status::ok) && step.time == 0ms);
    CHECK_IN(place, plan.status() == script.end);
    CHECK_IN(place, seen == script.order && pauses == script.pauses);
    // That of waiting is counted from the first "wait", which came after a second.
    const bool is_of_waiting = script.hosts[0][0] == WAIT;
    const milliseconds end = start + 95s + (is_of_waiting ? 1s : 0s);
    CHECK_IN(place, script.deadline == nullptr || now == end);
    const std::string made = "\"attempts_made\":" + std::to_string(seen.size());
    CHECK_IN(place, contains(plan.report(), made));
}

struct Thrown {
    std::size_t attempt;
};

/// An exception instead of the last outcome comes out where the command was delegated.
void thrown(Client& client, const Script& script, const std::string& directory) {
    std::size_t calls = 0;
    std::vector<std::string> seen;
    try {
        client.try_delegate(script.kind, quick(script, directory), [&](Attempt& attempt) {
            seen.push_back(endpoint(attempt.host(), attempt.port()));
            if (++calls == script.order.size()) {
                throw Thrown{calls};
            }
            return answer(script, seen);
        });
        CHECK_IN(script.name, script.order.empty());
    } catch (const Thrown& caught) {
        CHECK_IN(script.name, caught.attempt == script.order.size());
    }
    CHECK_IN(script.name, seen == script.order);
}

/// The same by rehearse, as a program's own tests have it.
void rehearsed(Client& client, const Script& script, const std::string& directory) {
    if (script.deadline != nullptr) {
        return;
    }
    std::vector<std::string> seen;
    const auto told = ecf_failover::rehearse(
        client, script.kind, settings(script, directory), [&](auto& attempt) {
            seen.push_back(endpoint(attempt.host(), attempt.port()));
            CHECK_IN(script.name, attempt.number() == seen.size() && attempt.timeout() > 0ms);
            attempt.note("x");
            attempt.takes(1s);
            return answer(script, seen);
        });
    const std::string place = std::string(script.name) + ", rehearsed:" + listed(seen);
    CHECK_IN(place, told.status == script.end && seen == script.order);
    CHECK_IN(place, told.attempts.size() == seen.size() && contains(told.report, name(script.end)));
    milliseconds at = 0ms;
    for (std::size_t one = 0; one < seen.size(); ++one) {
        const milliseconds retry = script.kind == Kind::ping ? 1s : 10s;
        at += one == 0 ? 0ms : 1s + pause(script.pauses[one - 1], retry, 30s);
        CHECK_IN(place, told.attempts[one].at() == at && told.attempts[one].notes() == "x");
    }
}

/// The one that docs/delegating.md shows.
void a_rehearsal(const std::string& hostfile) {
    ecf_failover::Client client;
    client.set("ECF_HOST", "primary");
    client.set("ECF_HOSTFILE", hostfile);  // b1
    const auto told = ecf_failover::rehearse(
        client, Kind::task, {}, [](auto& attempt) {
            attempt.takes(10ms);
            return attempt.host() == "b1" ? Outcome::ok : Outcome::not_sent;
        });
    // primary at 0 s, primary at 10 s, b1 at once; Status::ok

    CHECK(told.status == Status::ok && told.attempts.size() == 3);
    CHECK(told.attempts[1].at() == 10'010ms && told.attempts[2].at() == 10'020ms);
    CHECK(told.attempts[2].host() == "b1" && told.length == 10'030ms);
    // What is made up is not remembered of hosts.
    client.set("ECF_FAILOVER_PROFILE", "fast");
    for (int round = 0; round < 3; ++round) {
        const auto fast = ecf_failover::rehearse(client, Kind::task, {}, [](auto& attempt) {
            return attempt.host() == "b1" ? Outcome::ok : Outcome::not_sent;
        });
        CHECK(fast.attempts.size() == 2 && fast.attempts[0].host() == "primary");
    }
    client.set("ECF_FAILOVER_PROFILE", "ecflow");
    // One that nobody ever confirms ends with its deadline.
    const auto never = ecf_failover::rehearse(client, Kind::task, {{"ECF_TIMEOUT", "86400"}},
                                              [](auto&) { return Outcome::not_sent; });
    CHECK(never.status == Status::timeout && never.length == 24h);
}

void all_scripts(Client& client, const std::string& directory) {
    for (const Script& script : scripts()) {
        delegated(client, script, directory);
        planned(client, script, directory);
        rehearsed(client, script, directory);
    }
}

void all_scripts_with_exceptions(Client& client, const std::string& directory) {
    for (const Script& script : scripts()) {
        if (script.deadline == nullptr) {
            thrown(client, script, directory);
        }
    }
}

/// What an attempt brings home counts when the cancel came during it; nothing else goes on.
void cancels_during_a_callback() {
    struct Row {
        Outcome outcome;
        const char* repeatable;
        Status end;
    };
    const Row rows[]{
        {OK, "yes", Status::ok},
        {REJECTED, "yes", Status::rejected},
        {WAIT, "yes", Status::cancelled},
        {HALTED, "yes", Status::cancelled},
        {ZOMBIE, "yes", Status::cancelled},
        {NOT_SENT, "yes", Status::cancelled},
        {UNCONFIRMED, "yes", Status::cancelled},
        {NOT_SENT, "no", Status::cancelled},
        {UNCONFIRMED, "no", Status::unknown_outcome},
        {FATAL, "yes", Status::caller},
    };
    for (const Row& row : rows) {
        const std::string place = std::string(name(row.outcome)) + ' ' + row.repeatable;
        Client client;
        int calls = 0;
        const Settings once{{"ECF_FAILOVER_REPEATABLE", row.repeatable}};
        const auto attempt = [&](Attempt& now) {
            ++calls;
            CHECK_IN(place, !now.cancelled());
            client.cancel();
            CHECK_IN(place, now.cancelled());
            return row.outcome;
        };
        const Reply reply = client.try_delegate(Kind::task, once, attempt);
        CHECK_IN(place, reply.status() == row.end && calls == 1);
        const Reply later = client.try_delegate(Kind::task, once, attempt);
        CHECK_IN(place, later.status() == Status::cancelled && calls == 1);
        CHECK_IN(place, later.attempts() == 0);
        client.resume();
        CHECK_IN(place, client.try_delegate(Kind::task, [](Attempt&) { return OK; }));
    }
    // An exception beats the cancel.
    Client client;
    THROWS(std::runtime_error, [&] {
        client.delegate(Kind::task, [&](Attempt&) -> Outcome {
            client.cancel();
            throw std::runtime_error("mine");
        });
    });
}

void cancels_during_a_pause() {
    Client client;
    Client other;
    client.set("ECF_FAILOVER_RETRY_PERIOD", 30s);
    std::atomic<int> calls{0};
    std::thread canceller([&] {
        while (calls == 0) {
            std::this_thread::sleep_for(1ms);
        }
        std::this_thread::sleep_for(30ms);
        client.cancel();
    });
    const Clock::time_point begin = Clock::now();
    const Reply reply = client.try_delegate(Kind::task, [&](Attempt&) {
        ++calls;
        return NOT_SENT;
    });
    CHECK(Clock::now() - begin < 15s);
    canceller.join();
    CHECK(reply.status() == Status::cancelled && calls == 1 && reply.attempts() == 1);
    CHECK(other.try_delegate(Kind::task, [](Attempt&) { return OK; }));
    client.resume();
    CHECK(client.try_delegate(Kind::task, [](Attempt&) { return OK; }));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        return 2;
    }
    const std::string directory = argv[1];
    for (const auto& [file, text] : HOSTFILES) {
        std::ofstream(directory + '/' + file, std::ios::binary) << text;
    }
    // Two clients in two threads, and one of them in two more.
    Client one;
    Client other;
    std::vector<std::thread> threads;
    threads.emplace_back([&] { all_scripts(one, directory); });
    threads.emplace_back([&] { all_scripts(other, directory); });
    threads.emplace_back([&] { all_scripts_with_exceptions(one, directory); });
    threads.emplace_back([&] { all_scripts(one, directory); });
    for (std::thread& thread : threads) {
        thread.join();
    }
    a_rehearsal(directory + "/one");
    cancels_during_a_callback();
    cancels_during_a_pause();
    return failures == 0 ? 0 : 1;
}
