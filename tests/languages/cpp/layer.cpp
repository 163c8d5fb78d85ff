// What ecf_failover.hpp adds to the C ABI: `layer DEAD OK REFUSING TEXT`, four ports of 127.0.0.1
// where nobody listens, and where peers confirm, refuse, and answer "5.9\0.2".

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "check.hpp"
#include "ecf_failover.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using ecf_failover::Attempt;
using ecf_failover::Client;
using ecf_failover::Connected;
using ecf_failover::ConnectedPlan;
using ecf_failover::Error;
using ecf_failover::Kind;
using ecf_failover::Outcome;
using ecf_failover::Plan;
using ecf_failover::Reply;
using ecf_failover::Settings;
using ecf_failover::Socket;
using ecf_failover::Status;
using ecf_failover::Words;
using Do = Plan::Step::Do;

// Handles move and do not copy; an exception copies, and none of it throws.
template <typename T>
constexpr bool only_moves = std::is_nothrow_move_constructible_v<T> &&
                            std::is_nothrow_move_assignable_v<T> &&
                            std::is_nothrow_destructible_v<T> &&
                            !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;
static_assert(only_moves<Client> && only_moves<Reply> && only_moves<Plan>);
static_assert(only_moves<Socket> && only_moves<ConnectedPlan>);
static_assert(!std::is_constructible_v<Connected, ecf_attempt*>);
static_assert(std::is_nothrow_copy_constructible_v<Error> &&
              std::is_base_of_v<std::runtime_error, Error>);
static_assert(std::is_default_constructible_v<Client> && !std::is_default_constructible_v<Reply>);
static_assert(!std::is_constructible_v<Reply, ecf_reply*> &&
              !std::is_constructible_v<Attempt, ecf_attempt*>);
static_assert(std::is_constructible_v<bool, Reply> && !std::is_convertible_v<Reply, bool>);
static_assert(!std::is_convertible_v<Status, int> && !std::is_convertible_v<Outcome, int>);

template <typename T>
T& a() noexcept;
constexpr std::chrono::milliseconds now{0};
static_assert(noexcept(a<const Reply>().status()) && noexcept(a<const Reply>().text()) &&
              noexcept(a<const Reply>().error()) && noexcept(a<const Reply>().host()) &&
              noexcept(a<const Reply>().port()) && noexcept(a<const Reply>().attempts()) &&
              noexcept(a<const Reply>().report()));
static_assert(noexcept(a<const Attempt>().host()) && noexcept(a<const Attempt>().port()) &&
              noexcept(a<const Attempt>().number()) && noexcept(a<const Attempt>().timeout()) &&
              noexcept(a<const Attempt>().cancelled()));
static_assert(noexcept(a<const Plan>().host()) && noexcept(a<const Plan>().port()) &&
              noexcept(a<const Plan>().number()) && noexcept(a<const Plan>().status()) &&
              noexcept(a<const Plan>().report()) && noexcept(a<Plan>().next(now)) &&
              noexcept(a<Plan>().outcome(Outcome::ok, now)));
static_assert(noexcept(a<Client>().cancel()) && noexcept(a<Client>().resume()) &&
              noexcept(a<Client>().get()));
static_assert(noexcept(a<const Error>().status()) && noexcept(a<const Error>().reply()));
static_assert(noexcept(name(Status::ok)) && noexcept(text(Status::ok)) &&
              noexcept(name(Outcome::ok)) && noexcept(ecf_failover::version()));
// A key's seconds, and nothing that a cast would have to guess.
template <typename T, typename = void>
struct can_set : std::false_type {};
template <typename T>
struct can_set<T, std::void_t<decltype(a<Client>().set("", std::declval<T>()))>>
    : std::true_type {};
static_assert(can_set<std::chrono::hours>() && can_set<std::string>() && can_set<const char*>());
static_assert(!can_set<int>() && !can_set<double>() && !can_set<std::chrono::microseconds>());

std::string dead_port, ok_port, refusing_port, text_port;

/// A client for the task /s/f/t at a port, with short periods.
Client quick(const std::string& port) {
    Client client;
    client.set("ECF_HOST", "127.0.0.1");
    client.set("ECF_PORT", port);
    client.set("ECF_NAME", "/s/f/t");
    client.set("ECF_PASS", "sesame");
    client.set("ECF_DENIED", "1");
    client.set("ECF_TIMEOUT", 60s);
    client.set("ECF_FAILOVER_RETRY_PERIOD", 10ms);
    return client;
}

Outcome confirm(Attempt&) { return Outcome::ok; }
Outcome confirm_quietly(Attempt&) noexcept { return Outcome::ok; }

void numbers_are_those_of_the_c_abi() {
    for (std::int32_t number = ECF_OK; number <= ECF_ERR_TOO_SMALL; ++number) {
        CHECK(name(static_cast<Status>(number)) == std::string(ecf_status_name(number)));
        CHECK(text(static_cast<Status>(number)) == std::string(ecf_status_text(number)));
    }
    const std::vector<std::pair<Status, std::string>> statuses{
        {Status::ok, "ECF_OK"},
        {Status::argument, "ECF_ERR_ARGUMENT"},
        {Status::config, "ECF_ERR_CONFIG"},
        {Status::rejected, "ECF_ERR_REJECTED"},
        {Status::timeout, "ECF_ERR_TIMEOUT"},
        {Status::unreachable, "ECF_ERR_UNREACHABLE"},
        {Status::denied, "ECF_ERR_DENIED"},
        {Status::cancelled, "ECF_ERR_CANCELLED"},
        {Status::unknown_outcome, "ECF_ERR_UNKNOWN_OUTCOME"},
        {Status::internal, "ECF_ERR_INTERNAL"},
        {Status::caller, "ECF_ERR_CALLER"},
        {Status::too_small, "ECF_ERR_TOO_SMALL"},
    };
    for (const auto& [status, its_name] : statuses) {
        CHECK_IN(its_name, name(status) == its_name);
    }
    const std::vector<std::pair<Outcome, std::string>> outcomes{
        {Outcome::ok, "ECF_OUTCOME_OK"},
        {Outcome::rejected, "ECF_OUTCOME_REJECTED"},
        {Outcome::wait, "ECF_OUTCOME_WAIT"},
        {Outcome::halted, "ECF_OUTCOME_HALTED"},
        {Outcome::zombie, "ECF_OUTCOME_ZOMBIE"},
        {Outcome::not_sent, "ECF_OUTCOME_NOT_SENT"},
        {Outcome::unconfirmed, "ECF_OUTCOME_UNCONFIRMED"},
        {Outcome::fatal, "ECF_OUTCOME_FATAL"},
    };
    for (const auto& [outcome, its_name] : outcomes) {
        CHECK_IN(its_name, name(outcome) == its_name);
    }
    CHECK(name(static_cast<Status>(99)) == "unknown"s);
    CHECK(ecf_failover::version() == std::string(ecf_version()));
}

void keys_are_set_and_read() {
    Client client;
    CHECK(client.get("ECF_TRYNO") == "7");  // of the environment
    client.set("ECF_HOST", "primary.site"sv.substr(0, 7));
    CHECK(client.get("ECF_HOST") == "primary");
    client.set("ECF_HOST", "");
    CHECK(client.get("ECF_HOST") == "localhost");
    client.set("ECF_TIMEOUT", 90s);
    CHECK(client.get("ECF_TIMEOUT") == "90.000");
    client.set("ECF_TIMEOUT", 1005ms);
    CHECK(client.get("ECF_TIMEOUT") == "1.005");
    client.set("ECF_TIMEOUT", 24h);
    CHECK(client.get("ECF_TIMEOUT") == "86400.000");
    CHECK(client.try_set("ECF_PORT", "4000") == Status::ok);
    CHECK(client.try_set("ECF_PORT", "port") == Status::argument);
    CHECK(client.get("ECF_PORT") == "4000");
    THROWS_AND(Error, [&] { client.set("ECF_PORT", "port"); }, [](const Error& why) {
        CHECK(why.status() == Status::argument && why.reply() == nullptr);
        CHECK(contains(why.what(), "ECF_PORT"));
    });
    for (const char* key : {"ECF_TIMEOUT", "ECF_CONNECT_TIMEOUT", "ECF_FAILOVER_HEDGE"}) {
        THROWS_AND(Error, [&] { client.set(key, -1ms); }, [&](const Error& why) {
            return why.status() == Status::argument && contains(why.what(), key) &&
                   contains(why.what(), "negative");
        });
    }
    THROWS(Error, [&] { client.explain(Kind::task, -1ms); });
    THROWS(Error, [&] { Plan(client, Kind::task, {}, -1ms); });
    CHECK(client.try_set("ECF_PORT", "4000") == Status::ok && client.refusal().empty());
    CHECK(client.try_set("ECF_TIMEOUT", "soon") == Status::argument);
    CHECK(contains(client.refusal(), "ECF_TIMEOUT=\"soon\": not a duration"));
    THROWS_AND(Error, [&] { client.set("ECF_PASWORD", "sesame"); }, [](const Error& why) {
        return contains(why.what(), "ECF_PASWORD") && !contains(why.what(), "sesame");
    });
    THROWS(Error, [&] { client.set("ECF_TIMEOUT", 0s); });
    THROWS(Error, [&] { client.set("ECF_NO_SUCH", 1s); });

    std::string value = "old";
    CHECK(client.try_get("ECF_NO_SUCH", value) == Status::argument && value.empty());
    THROWS_AND(Error, [&] { client.get("ECF_NO_SUCH"); }, [](const Error& why) {
        CHECK(why.status() == Status::argument && contains(why.what(), "ECF_NO_SUCH"));
    });
    client.set("ECF_PASS", "sesame");
    CHECK(client.try_get("ECF_PASS", value) == Status::argument && value.empty());
    THROWS(Error, [&] { client.get("ECF_PASS"); });
    // Around the size of the first buffer, and far beyond.
    for (const std::size_t size : {0u, 1u, 254u, 255u, 256u, 257u, 258u, 300u, 5000u}) {
        const std::string path(size, 'p');
        client.set("ECF_SSL_DIR", path);
        CHECK(client.get("ECF_SSL_DIR") == path);
    }
}

void long_texts_come_whole() {
    Client client;
    CHECK(!contains(client.check(), "ECF_PORT"));
    const std::string day = client.explain(Kind::task, 24h);
    CHECK(day.size() > 10'000);
    CHECK(day.rfind("0.000 localhost:3141\n10.000 localhost:3141\n", 0) == 0);
    CHECK(day.substr(day.size() - 29) == "\n86400.000 - ECF_ERR_TIMEOUT\n");
    CHECK(!contains(day, "\0"sv));
    CHECK(client.explain(Kind::ping, 10s) ==
          "0.000 localhost:3141\n1.000 localhost:3141\n1.000 - ECF_ERR_UNREACHABLE\n");
    CHECK(client.explain(Kind::user, 0ms) == "0.000 localhost:3141\n");
    CHECK(client.explain(Kind::user, std::chrono::milliseconds::max()).size() > 30);

    const std::string path = "/no/such/" + std::string(900, 'x');
    client.set("ECF_HOSTFILE", path);
    CHECK(contains(client.check(), path));
    ::setenv("ECF_ZOMBIE_TIMEOUT", "soon", 1);
    Client broken;
    ::unsetenv("ECF_ZOMBIE_TIMEOUT");
    const auto look = [](const Error& why) {
        CHECK(why.status() == Status::config && why.reply() == nullptr);
        CHECK(contains(why.what(), "ECF_ZOMBIE_TIMEOUT"));
    };
    THROWS_AND(Error, [&] { broken.explain(Kind::task, 1s); }, look);
}

void a_nul_inside_a_word_is_refused() {
    Client client = quick(dead_port);
    const std::string word("a\0b", 3);
    using Refused = std::invalid_argument;
    THROWS(Refused, [&] { client.try_set(word, "1"); });
    THROWS(Refused, [&] { client.try_set("ECF_HOST", word); });
    THROWS(Refused, [&] { client.set("ECF_HOST", word); });
    THROWS(Refused, [&] { client.get(word); });
    THROWS(Refused, [&] { client.try_send_task({"--label=l", word}); });
    THROWS(Refused, [&] { client.send_user({word}); });
    THROWS(Refused, [&] { client.try_delegate(Kind::task, {{"ECF_HOST", word}}, confirm); });
    THROWS(Refused, [&] { client.delegate(Kind::task, {{word, "1"}}, confirm); });
    THROWS(Refused, [&] { Plan(client, Kind::task, {{"ECF_HOST", word}}, 0ms); });
    CHECK(client.get("ECF_HOST") == "127.0.0.1");
}

void commands_are_sent() {
    Client client = quick(ok_port);
    const Reply reply = client.send_task({"--meter=m", "1"});
    CHECK(reply && reply.text().empty() && reply.error().empty() && reply.attempts() == 1);
    CHECK(reply.host() == "127.0.0.1" && std::to_string(reply.port()) == ok_port);
    CHECK(contains(reply.report(), "\"command\":\"meter\""));
    CHECK(client.send_user({"--ping"}) && client.try_send_user({"--ping"}));
    CHECK(client.try_send_task(Words{"--event=e"}));

    client.set("ECF_PORT", text_port);
    const Reply text = client.send_user({"--server_version"});
    CHECK(contains(text.text(), "5.9\0.2"sv));

    client.set("ECF_PORT", refusing_port);
    const Reply refused = client.try_send_task({"--event=e"});
    CHECK(refused.status() == Status::rejected && !refused && refused.text().empty());
    CHECK(contains(refused.error(), "no such node"));
    CHECK(std::to_string(refused.port()) == refusing_port);
    THROWS_AND(Error, [&] { client.send_task({"--event=e"}); }, [](const Error& why) {
        CHECK(why.status() == Status::rejected && contains(why.what(), "ECF_ERR_REJECTED"));
        CHECK(contains(why.what(), "no such node"));
        CHECK(why.reply() != nullptr && why.reply()->status() == Status::rejected);
    });
    THROWS_AND(Error, [&] { client.send_user({"--restart"}); }, [](const Error& why) {
        CHECK(why.status() == Status::rejected && why.reply()->attempts() == 1);
    });

    client.set("ECF_PORT", dead_port);
    CHECK(client.try_send_task({"--event=e"}).status() == Status::denied);
    CHECK(client.try_send_user({"--ping"}).status() == Status::unreachable);
    for (const Words& words : {Words{}, Words{""}, Words{"--no-such"}, Words{"--meter=m", "x"}}) {
        const Reply wrong = client.try_send_task(words);
        CHECK(wrong.status() == Status::argument && wrong.attempts() == 0);
        CHECK(!wrong.error().empty());
    }
    THROWS_AND(Error, [&] { client.send_user({}); }, [](const Error& why) {
        CHECK(why.status() == Status::argument && why.reply()->attempts() == 0);
    });
}

void an_error_outlives_its_client_and_its_copies() {
    std::unique_ptr<Error> kept;
    {
        Client client = quick(dead_port);
        THROWS_AND(Error, [&] { client.send_task({"--event=e"}); }, [&](const Error& why) {
            const Error copy = why;
            kept = std::make_unique<Error>(copy);
        });
    }
    CHECK(kept && kept->status() == Status::denied && kept->reply()->attempts() == 2);
    CHECK(contains(kept->reply()->error(), "127.0.0.1:" + dead_port));
    CHECK(contains(kept->what(), kept->reply()->error()));
    CHECK(!contains(kept->reply()->report(), "sesame"));
    const Error bare(Status::timeout, "mine");
    CHECK(bare.what() == "mine"s && bare.reply() == nullptr && bare.status() == Status::timeout);
}

void handles_move() {
    Client first = quick(dead_port);
    std::vector<std::string> lines;
    first.set_log([&](int, std::string_view line) { lines.emplace_back(line); });
    ecf_client* handle = first.get();
    Client second = std::move(first);
    CHECK(second.get() == handle && second.get("ECF_PORT") == dead_port);
    second.delegate(Kind::task, confirm);
    CHECK(!lines.empty());  // the log has moved, too
    lines.clear();
    Client third;
    third.set_log([](int, std::string_view) {});
    third = std::move(second);
    third.delegate(Kind::task, confirm);
    CHECK(!lines.empty() && third.get() == handle);

    // A client that was moved from says so and does no harm.
    CHECK(first.get() == nullptr && first.try_set("ECF_PORT", "1") == Status::argument);
    CHECK(first.try_send_user({"--ping"}).status() == Status::argument);
    CHECK(first.try_delegate(Kind::task, confirm).status() == Status::argument);
    THROWS(Error, [&] { first.get("ECF_PORT"); });
    THROWS(Error, [&] { first.explain(Kind::task, 1s); });
    THROWS(Error, [&] { Plan(first, Kind::task, {}, 0ms); });
    first.set_log([](int, std::string_view) {});
    first.cancel();
    first.resume();
    CHECK(first.check() == "a client that was moved from\n");

    Reply reply = third.try_delegate(Kind::task, confirm);
    const std::string_view report = reply.report();
    Reply moved = std::move(reply);
    CHECK(moved && moved.report().data() == report.data());
    CHECK(!reply && reply.status() == Status::argument && reply.report().empty());
    CHECK(reply.text().empty() && reply.error().empty());
    CHECK(reply.host().empty() && reply.port() == 0);

    Plan plan(third, Kind::task, {}, 0ms);
    CHECK(plan.next(0ms).what == Do::attempt);
    Plan other = std::move(plan);
    CHECK(other.number() == 1 && other.outcome(Outcome::ok, 1ms) == Status::ok);
    CHECK(other.next(1ms).what == Do::done);
    CHECK(plan.next(0ms).what == Do::give_up && plan.status() == Status::argument);
    CHECK(plan.host().empty() && plan.report().empty());
}

void the_log_is_any_callable() {
    Client client = quick(dead_port);
    std::vector<int> levels;
    std::string all;
    client.set_log([&](int level, std::string_view line) {
        levels.push_back(level);
        all.append(line).push_back('\n');
    });
    CHECK(client.try_set("ECF_PORT", "x") == Status::argument);
    CHECK(contains(all, "setting.refused") && levels == std::vector<int>{2});
    client.try_send_task({"--event=e"});
    CHECK(contains(all, "attempt.end") && !contains(all, "sesame"));
    for (const int level : levels) {
        CHECK(level >= 1 && level <= 4);
    }
    int calls = 0;
    client.set_log([&](int, std::string_view) {
        if (++calls % 2 == 0) {
            throw calls;
        }
        throw std::runtime_error("a log that throws");
    });
    all.clear();
    CHECK(client.delegate(Kind::task, confirm));
    CHECK(calls >= 2 && all.empty());
    calls = 0;
    for (int i = 0; i < 2; ++i) {
        client.set_log({});
        CHECK(client.delegate(Kind::task, confirm) && calls == 0);
        client.set_log(nullptr);
    }
    // It may use the client that it is the log of.
    client.set_log([&](int, std::string_view) { all = client.get("ECF_HOST"); });
    CHECK(client.delegate(Kind::task, confirm) && all == "127.0.0.1");
}

void a_plan_keeps_the_log_that_it_began_with() {
    auto lines = std::make_shared<std::vector<std::string>>();
    const auto log = [lines](int, std::string_view line) { lines->emplace_back(line); };
    auto client = std::make_unique<Client>();
    client->set_log(log);
    Plan plan(*client, Kind::task, {}, 0ms);
    Plan other(*client, Kind::task, {}, 0ms);
    client->set_log({});
    CHECK(plan.next(0ms).what == Do::attempt);
    client.reset();
    lines->clear();
    CHECK(plan.outcome(Outcome::ok, 1ms) == Status::ok && plan.next(1ms).what == Do::done);
    CHECK(!lines->empty());
    plan = std::move(other);
    lines->clear();
    CHECK(plan.next(0ms).what == Do::attempt && !lines->empty());
}

struct Counter {
    Counter() = default;
    Counter(const Counter&) = delete;
    Counter& operator=(const Counter&) = delete;
    Outcome operator()(Attempt&) {
        ++calls;
        return Outcome::ok;
    }
    int calls = 0;
};

struct ByValue {
    Outcome operator()(Attempt attempt) const {
        return attempt.port() == 0 ? Outcome::fatal : Outcome::ok;
    }
};

void any_callable_makes_the_attempts() {
    Client client = quick(dead_port);
    Counter counter;
    CHECK(client.delegate(Kind::task, counter) && counter.calls == 1);
    CHECK(client.try_delegate(Kind::user, {}, counter) && counter.calls == 2);
    CHECK(client.delegate(Kind::ping, Counter()));
    CHECK(client.delegate(Kind::task, ByValue()));
    const ByValue constant;
    CHECK(client.delegate(Kind::task, Settings{}, constant));
    CHECK(client.delegate(Kind::task, confirm) && client.delegate(Kind::task, &confirm));
    CHECK(client.delegate(Kind::task, confirm_quietly));
    Outcome (*const pointer)(Attempt&) = confirm;
    CHECK(client.delegate(Kind::task, pointer));
    const auto lambda = [](Attempt&) { return Outcome::ok; };
    CHECK(client.delegate(Kind::task, lambda) && client.delegate(Kind::task, {}, lambda));
    CHECK(client.delegate(Kind::task, [](auto& attempt) {
        return attempt.host() == "127.0.0.1" ? Outcome::ok : Outcome::fatal;
    }));
    auto only_once = [word = std::make_unique<int>(3), calls = 0](Attempt&) mutable {
        ++calls;
        return calls == *word ? Outcome::ok : Outcome::not_sent;
    };
    CHECK(client.delegate(Kind::task, {{"ECF_FAILOVER_ATTEMPTS", "3"}}, only_once).attempts() == 3);
    CHECK(client.delegate(Kind::task, [word = std::make_unique<int>(3)](Attempt&) {
        return word ? Outcome::ok : Outcome::fatal;
    }));
    std::function<Outcome(Attempt&)> function = lambda;
    CHECK(client.delegate(Kind::task, function) && client.delegate(Kind::task, std::ref(function)));
    THROWS(std::bad_function_call, [&] {
        client.delegate(Kind::task, std::function<Outcome(Attempt&)>());
    });
    const Reply nonsense =
        client.try_delegate(Kind::task, [](Attempt&) { return static_cast<Outcome>(77); });
    CHECK(nonsense.status() == Status::caller && contains(nonsense.report(), "77"));

    const Reply noted = client.try_delegate(Kind::task, [](Attempt& attempt) {
        attempt.note("handshake failed");
        attempt.note("cut\0off"sv);
        attempt.note("whole words"sv.substr(0, 5));
        attempt.note({});
        return Outcome::rejected;
    });
    CHECK(noted.status() == Status::rejected && contains(noted.error(), "handshake failed"));
    CHECK(contains(noted.report(), "cut") && !contains(noted.report(), "off\""));
    CHECK(contains(noted.report(), "whole") && !contains(noted.report(), "words"));
    const Reply wrong = client.try_delegate(static_cast<Kind>(9), confirm);
    CHECK(wrong.status() == Status::argument && wrong.attempts() == 0);
    THROWS(Error, [&] { Plan(client, static_cast<Kind>(9), {}, 0ms); });
    const auto give_up = [](Attempt&) { return Outcome::fatal; };
    THROWS_AND(Error, [&] { client.delegate(Kind::task, give_up); }, [](const Error& why) {
        CHECK(why.status() == Status::caller && why.reply()->attempts() == 1);
    });
}

struct Mine : std::logic_error {
    explicit Mine(int value) : std::logic_error("mine"), number(value) {}
    int number;
};

void exceptions_come_out_at_the_caller() {
    Client client = quick(dead_port);
    const auto usable = [&] {
        CHECK(client.get("ECF_HOST") == "127.0.0.1");
        CHECK(client.try_delegate(Kind::task, confirm));
    };
    const auto a_number = [](Attempt&) -> Outcome { throw 42; };
    THROWS_AND(int, [&] { client.try_delegate(Kind::task, a_number); },
               [](int thrown) { CHECK(thrown == 42); });
    usable();
    const auto a_text = [](Attempt&) -> Outcome { throw "text"s; };
    THROWS(std::string, [&] { client.delegate(Kind::user, a_text); });
    usable();
    int calls = 0;
    const auto third = [&](Attempt& attempt) -> Outcome {
        ++calls;
        if (attempt.number() == 3) {
            throw Mine(calls);
        }
        return Outcome::not_sent;
    };
    const Settings five{{"ECF_FAILOVER_ATTEMPTS", "5"}};
    THROWS_AND(Mine, [&] { client.try_delegate(Kind::task, five, third); },
               [](const Mine& thrown) { CHECK(thrown.number == 3); });
    CHECK(calls == 3);
    usable();
    // The very object comes back, not a copy of its base.
    auto token = std::make_shared<int>(1);
    const auto a_token = [&](Attempt&) -> Outcome { throw token; };
    THROWS_AND(std::shared_ptr<int>, [&] { client.delegate(Kind::ping, a_token); },
               [&](const std::shared_ptr<int>& thrown) { CHECK(thrown == token); });
    CHECK(token.use_count() == 1);
    usable();
    // What is caught inside is the callable's own business, and so is a client's Error.
    CHECK(client.delegate(Kind::task, [&](Attempt&) {
        try {
            throw 1;
        } catch (int) {
            return Outcome::ok;
        }
    }));
    const auto a_setting = [&](Attempt&) {
        client.set("ECF_PORT", "x");
        return Outcome::ok;
    };
    THROWS_AND(Error, [&] { client.try_delegate(Kind::task, a_setting); }, [](const Error& thrown) {
        CHECK(thrown.status() == Status::argument);
    });
    usable();
}

void delegates_may_be_nested() {
    Client client = quick(dead_port);
    Client other = quick(ok_port);
    const Reply reply = client.delegate(Kind::task, [&](Attempt& outer) {
        const Reply sent = other.try_send_task({"--event=e"});
        const Reply inner = client.try_delegate(Kind::user, [&](Attempt& attempt) {
            return attempt.number() == 1 ? Outcome::not_sent : Outcome::ok;
        });
        CHECK(inner.attempts() == 2 && outer.number() == 1);
        return sent && inner ? Outcome::ok : Outcome::fatal;
    });
    CHECK(reply.attempts() == 1);
    // An exception passes through all of them, or is caught between.
    int depth = 0;
    std::function<Outcome(Attempt&)> deeper = [&](Attempt&) -> Outcome {
        if (++depth == 5) {
            throw Mine(depth);
        }
        client.delegate(Kind::task, deeper);
        return Outcome::ok;
    };
    THROWS_AND(Mine, [&] { client.delegate(Kind::task, deeper); },
               [](const Mine& thrown) { CHECK(thrown.number == 5); });
    CHECK(client.delegate(Kind::task, [&](Attempt&) {
        THROWS(int, [&] { other.delegate(Kind::task, [](Attempt&) -> Outcome { throw 1; }); });
        const auto refuse = [](Attempt&) { return Outcome::rejected; };
        THROWS(Error, [&] { other.delegate(Kind::task, refuse); });
        return Outcome::ok;
    }));
}

void a_plan_goes_step_by_step() {
    Client client;
    client.set("ECF_HOST", "primary");
    const Settings settings{{"ECF_TIMEOUT", "15"}};
    Plan plan(client, Kind::task, settings, 1s);
    CHECK(plan.host() == "primary" && plan.port() == 3141 && plan.number() == 0);
    CHECK(plan.outcome(Outcome::ok, 1s) == Status::argument);
    Plan::Step step = plan.next(1s);
    CHECK(step.what == Do::attempt && step.time == 15s && plan.number() == 1);
    step = plan.next(3s);
    CHECK(step.what == Do::attempt && step.time == 13s && plan.number() == 1);
    CHECK(plan.outcome(Outcome::not_sent, 4s) == Status::ok && plan.status() == Status::in_progress);
    CHECK(plan.outcome(Outcome::not_sent, 4s) == Status::argument);
    CHECK(contains(plan.report(), "\"status\":null"));
    step = plan.next(4s);
    CHECK(step.what == Do::wait && step.time == 10s);
    step = plan.next(-5s);  // time that goes backwards stands still
    CHECK(step.what == Do::wait && step.time == 10s);
    step = plan.next(14s);
    CHECK(step.what == Do::attempt && step.time == 2s && plan.number() == 2);
    CHECK(plan.outcome(static_cast<Outcome>(99), 14s) == Status::argument);
    step = plan.next(14s);
    CHECK(step.what == Do::give_up && step.time == 0ms && plan.status() == Status::caller);
    CHECK(contains(plan.report(), "\"attempts_made\":2"));

    Plan wrong(client, Kind::task, {{"ECF_PORT", "x"}}, 0ms);
    CHECK(wrong.next(0ms).what == Do::give_up && wrong.status() == Status::argument);
    CHECK(contains(wrong.report(), "ECF_PORT"));

    // A cancel ends it at once; a confirmation of its attempt still counts.
    Plan cancelled(client, Kind::task, {}, 0ms);
    CHECK(cancelled.next(0ms).what == Do::attempt);
    client.cancel();
    client.resume();
    CHECK(cancelled.next(1ms).what == Do::give_up && cancelled.status() == Status::cancelled);
    CHECK(cancelled.outcome(Outcome::ok, 2ms) == Status::ok && cancelled.status() == Status::ok);
    CHECK(cancelled.next(2ms).what == Do::done);
    client.cancel();
    Plan late(client, Kind::user, {}, 0ms);
    CHECK(late.next(0ms).what == Do::give_up && late.status() == Status::cancelled);
    CHECK(client.try_delegate(Kind::task, confirm).status() == Status::cancelled);
    client.resume();
    CHECK(client.try_delegate(Kind::task, confirm));
    // A plan outlives its client.
    auto gone = std::make_unique<Client>();
    Plan orphan(*gone, Kind::ping, {}, std::chrono::milliseconds::max());
    gone.reset();
    CHECK(orphan.next(0ms).what == Do::attempt && orphan.next(0ms).time > 0ms);
    CHECK(orphan.outcome(Outcome::ok, 0ms) == Status::ok && orphan.next(0ms).what == Do::done);
}

bool is_open(int descriptor) { return fcntl(descriptor, F_GETFD) != -1; }

void a_socket_closes_what_it_has() {
    const int first = dup(0), second = dup(0);
    {
        Socket socket(first);
        CHECK(socket && socket.get() == first);
        Socket moved = std::move(socket);
        CHECK(!socket && socket.get() == Socket::none && moved.get() == first);
        moved = Socket(second);
        CHECK(!is_open(first) && moved.get() == second);
        Socket& same = moved;
        moved = std::move(same);
        CHECK(is_open(second));
    }
    CHECK(!is_open(second));
    const int third = dup(0);
    {
        Socket socket(third);
        CHECK(socket.release() == third && !socket);
        Socket none;
        none.close();
    }
    CHECK(is_open(third));
    Socket(third).close();
    CHECK(!is_open(third));
}

void the_attempt_speaks_on_a_connection_of_the_librarys() {
    Client client = quick(ok_port);
    int taken = Socket::none, calls = 0;
    const auto speak = [&](Connected& attempt) {
        ++calls;
        Socket socket = attempt.take_socket();
        taken = socket.get();
        CHECK(socket && taken > 2 && !attempt.take_socket());
        CHECK((fcntl(taken, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(taken, F_GETFD) & FD_CLOEXEC) != 0);
        CHECK(attempt.host() == "127.0.0.1" && std::to_string(attempt.port()) == ok_port);
        CHECK(attempt.timeout() > 0ms && !attempt.cancelled() && attempt.number() == 1);
        attempt.note("spoken");
        return Outcome::ok;
    };
    const Reply reply = client.try_delegate_connected(Kind::task, speak);
    CHECK(reply && calls == 1 && contains(reply.report(), "spoken") && !is_open(taken));
    CHECK(client.delegate_connected(Kind::task, {{"ECF_TIMEOUT", "30"}}, speak));
    // What is thrown comes out here, and the connection is closed.
    try {
        client.try_delegate_connected(Kind::task, [&](Connected& attempt) -> Outcome {
            const Socket socket = attempt.take_socket();
            taken = socket.get();
            throw std::out_of_range("mine");
        });
        CHECK(false);
    } catch (const std::out_of_range&) {
        CHECK(!is_open(taken));
    }
    // Nobody is there: the callable is not called.
    client.set("ECF_PORT", dead_port);
    THROWS(Error, [&] { client.delegate_connected(Kind::task, speak); });
    CHECK(calls == 2);
}

void a_plan_connects_by_itself() {
    Client client = quick(ok_port);
    ConnectedPlan plan(client, Kind::task);
    ConnectedPlan other = std::move(plan);
    plan = std::move(other);
    const int news = plan.poll_fd();
    CHECK(news > 2);
    for (int turn = 0; turn < 100; ++turn) {
        const auto step = plan.next();
        if (step.what == Do::wait) {
            pollfd ready{news, POLLIN, 0};
            poll(&ready, 1, static_cast<int>(step.time.count()));
        } else if (step.what == Do::attempt) {
            CHECK(std::to_string(plan.port()) == ok_port && plan.number() == 1);
            CHECK(plan.take_socket() && !plan.take_socket());
            CHECK(plan.outcome(Outcome::ok) == Status::ok);
            CHECK(plan.status() == Status::ok);
        } else {
            break;
        }
    }
    CHECK(plan.next().what == Do::done && plan.poll_fd() == news);
    CHECK(contains(plan.report(), "\"attempts_made\":1"));
    THROWS(Error, [&] { ConnectedPlan(client, static_cast<Kind>(7)); });
}

void what_is_posted_is_delivered_and_a_flush_tells() {
    Client client = quick(ok_port);
    client.post({"--meter=m", "1"});
    CHECK(client.try_post({"--event=e", "clear"}) == Status::ok);
    CHECK(client.flush(20s) && client.pending() == 0);
    const auto says_why = [](const Error& error) {
        CHECK(contains(error.what(), "only --event, --meter and --label can be posted"));
    };
    THROWS_AND(Error, [&] { client.post({"--complete"}); }, says_why);
    CHECK(client.try_post({"--meter=m", "x"}) == Status::argument);
    client.set("ECF_PORT", dead_port);
    client.set("ECF_DENIED", "");
    client.post({"--meter=m", "2"});
    const Reply late = client.try_flush(50ms);
    CHECK(late.status() == Status::timeout && contains(late.error(), "not delivered: --meter=m 2"));
    CHECK(client.pending() == 1);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        return 2;
    }
    dead_port = argv[1];
    ok_port = argv[2];
    refusing_port = argv[3];
    text_port = argv[4];
    numbers_are_those_of_the_c_abi();
    keys_are_set_and_read();
    long_texts_come_whole();
    a_nul_inside_a_word_is_refused();
    commands_are_sent();
    an_error_outlives_its_client_and_its_copies();
    handles_move();
    the_log_is_any_callable();
    a_plan_keeps_the_log_that_it_began_with();
    any_callable_makes_the_attempts();
    exceptions_come_out_at_the_caller();
    delegates_may_be_nested();
    a_plan_goes_step_by_step();
    a_socket_closes_what_it_has();
    the_attempt_speaks_on_a_connection_of_the_librarys();
    a_plan_connects_by_itself();
    what_is_posted_is_delivered_and_a_flush_tells();
    return failures == 0 ? 0 : 1;
}
