// C++17 over ecf_failover.h: handles that free themselves, strings and durations of the
// standard library, any callable as the attempt. Header-only, and nothing but that: what a
// function does is told in ecf_failover.h, which has one of the same name.
//
//   ecf_failover::Client client;
//   client.send_task({"--meter=step", "42"});              // throws ecf_failover::Error
//   auto reply = client.try_send_user({"--ping"});         // tells by reply.status()
//
// Two styles: a function named try_* returns a Reply or a Status and throws nothing of its
// own but std::bad_alloc and std::invalid_argument (a NUL inside a word); the one without try_
// throws Error when the command did not succeed.
//
// Not for several versions of C++ standard libraries in one process: it is all inline.

#ifndef ECF_FAILOVER_HPP
#define ECF_FAILOVER_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <unistd.h>

#include "ecf_failover.h"

namespace ecf_failover {

/// How a command ended: ecf_status.
enum class Status : std::int32_t {
    ok = ECF_OK,
    argument = ECF_ERR_ARGUMENT,
    config = ECF_ERR_CONFIG,
    rejected = ECF_ERR_REJECTED,
    timeout = ECF_ERR_TIMEOUT,
    unreachable = ECF_ERR_UNREACHABLE,
    denied = ECF_ERR_DENIED,
    cancelled = ECF_ERR_CANCELLED,
    unknown_outcome = ECF_ERR_UNKNOWN_OUTCOME,
    internal = ECF_ERR_INTERNAL,
    caller = ECF_ERR_CALLER,
    too_small = ECF_ERR_TOO_SMALL,
    in_progress = ECF_IN_PROGRESS
};

/// What became of one attempt: ecf_outcome.
enum class Outcome : std::int32_t {
    ok = ECF_OUTCOME_OK,
    rejected = ECF_OUTCOME_REJECTED,
    wait = ECF_OUTCOME_WAIT,
    halted = ECF_OUTCOME_HALTED,
    zombie = ECF_OUTCOME_ZOMBIE,
    not_sent = ECF_OUTCOME_NOT_SENT,
    unconfirmed = ECF_OUTCOME_UNCONFIRMED,
    fatal = ECF_OUTCOME_FATAL
};

/// What sort of command is delegated: ecf_kind.
enum class Kind : std::int32_t {
    task = ECF_KIND_TASK,
    user = ECF_KIND_USER,
    ping = ECF_KIND_PING
};

/// "ECF_ERR_TIMEOUT".
inline const char* name(Status status) noexcept {
    return ecf_status_name(static_cast<std::int32_t>(status));
}
/// What it means, in one sentence.
inline const char* text(Status status) noexcept {
    return ecf_status_text(static_cast<std::int32_t>(status));
}
/// "ECF_OUTCOME_NOT_SENT".
inline const char* name(Outcome outcome) noexcept {
    return ecf_outcome_name(static_cast<std::int32_t>(outcome));
}
/// The version of the library that is running.
inline const char* version() noexcept { return ecf_version(); }

/// Words of a command line.
using Words = std::vector<std::string>;
/// Keys of the key table with their values, for one command.
using Settings = std::vector<std::pair<std::string, std::string>>;

namespace detail {

inline Status status(std::int32_t number) noexcept { return static_cast<Status>(number); }

inline void refuse_nul(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) {
        throw std::invalid_argument("ecf_failover: a NUL inside a word");
    }
}

inline std::string terminated(std::string_view text) {
    refuse_nul(text);
    return std::string(text);
}

inline std::vector<const char*> pointers(const Words& words) {
    std::vector<const char*> pointers;
    pointers.reserve(words.size());
    for (const std::string& word : words) {
        refuse_nul(word);
        pointers.push_back(word.c_str());
    }
    return pointers;
}

/// "key", "value", ..., NULL.
inline std::vector<const char*> pointers(const Settings& settings) {
    std::vector<const char*> pointers;
    pointers.reserve(2 * settings.size() + 1);
    for (const auto& [key, value] : settings) {
        refuse_nul(key);
        refuse_nul(value);
        pointers.push_back(key.c_str());
        pointers.push_back(value.c_str());
    }
    pointers.push_back(nullptr);
    return pointers;
}

/// A text by way of `fill(buffer, capacity, needed)`, which may grow between two calls.
template <typename Fill>
Status read(std::string& text, Fill fill) {
    std::size_t needed = 0;
    text.resize(256);
    for (;;) {
        // The buffer has one byte more than size(): the NUL.
        const Status status = detail::status(fill(text.data(), text.size() + 1, &needed));
        if (status != Status::too_small) {
            text.resize(needed == 0 ? 0 : needed - 1);
            return status;
        }
        text.resize(needed);
    }
}

template <typename T, void (*release)(T*)>
struct Release {
    void operator()(T* handle) const noexcept { release(handle); }
};

/// A negative time counts as 0.
inline std::uint64_t count(std::chrono::milliseconds time) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
}

inline std::chrono::milliseconds milliseconds(std::uint64_t count) noexcept {
    constexpr auto most = static_cast<std::uint64_t>(INT64_MAX);
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(count, most)));
}

}  // namespace detail

/// What became of one command. Cheap to move; its strings live as long as it does.
class Reply {
public:
    Status status() const noexcept { return detail::status(ecf_reply_status(handle_.get())); }
    explicit operator bool() const noexcept { return status() == Status::ok; }
    std::string_view text() const noexcept {
        return {ecf_reply_text(handle_.get()), ecf_reply_text_len(handle_.get())};
    }
    std::string_view error() const noexcept { return ecf_reply_error(handle_.get()); }
    std::string_view host() const noexcept { return ecf_reply_host(handle_.get()); }
    std::uint16_t port() const noexcept { return ecf_reply_port(handle_.get()); }
    std::uint32_t attempts() const noexcept { return ecf_reply_attempts(handle_.get()); }
    std::string_view report() const noexcept { return ecf_reply_report(handle_.get()); }

private:
    friend class Client;
    explicit Reply(ecf_reply* handle) : handle_(handle) {
        if (handle == nullptr) {
            throw std::bad_alloc();
        }
    }
    std::unique_ptr<ecf_reply, detail::Release<ecf_reply, ecf_reply_free>> handle_;
};

/// A command or a setting that did not succeed.
class Error : public std::runtime_error {
public:
    Error(Status status, const std::string& what) : std::runtime_error(what), status_(status) {}
    Error(Status status, const std::string& what, Reply reply)
        : std::runtime_error(what),
          status_(status),
          reply_(std::make_shared<const Reply>(std::move(reply))) {}

    Status status() const noexcept { return status_; }
    /// What became of the command; null for a setting.
    const Reply* reply() const noexcept { return reply_.get(); }

private:
    Status status_;
    // Shared, for an exception must be copyable.
    std::shared_ptr<const Reply> reply_;
};

namespace detail {

/// The milliseconds of a time that must not be negative.
inline std::uint64_t not_negative(std::chrono::milliseconds time, std::string_view what) {
    if (time.count() < 0) {
        throw Error(Status::argument,
                    "ecf_failover: " + std::string(what) + ": a negative duration");
    }
    return static_cast<std::uint64_t>(time.count());
}

}  // namespace detail

/// One attempt of a delegated command; valid only inside the callable that got it.
class Attempt {
public:
    std::string_view host() const noexcept { return ecf_attempt_host(handle_); }
    std::uint16_t port() const noexcept { return ecf_attempt_port(handle_); }
    std::uint32_t number() const noexcept { return ecf_attempt_number(handle_); }
    /// For the whole attempt, the command's deadline included.
    std::chrono::milliseconds timeout() const noexcept {
        return detail::milliseconds(ecf_attempt_timeout_ms(handle_));
    }
    bool cancelled() const noexcept { return ecf_attempt_cancelled(handle_) != 0; }
    /// The caller's words for the report; what stands behind a NUL is left out.
    void note(std::string_view words) { ecf_attempt_note(handle_, std::string(words).c_str()); }

protected:
    friend class Client;
    explicit Attempt(ecf_attempt* handle) noexcept : handle_(handle) {}
    ecf_attempt* handle_;
};

/// A connected TCP socket that is this object's, and closed with it. Non-blocking, close-on-exec.
class Socket {
public:
    static constexpr int none = -1;

    Socket() noexcept = default;
    explicit Socket(int descriptor) noexcept : descriptor_(descriptor) {}
    Socket(Socket&& other) noexcept : descriptor_(other.release()) {}
    Socket& operator=(Socket&& other) noexcept {
        if (this != &other) {
            close();
            descriptor_ = other.release();
        }
        return *this;
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { close(); }

    /// Whether there is one.
    explicit operator bool() const noexcept { return descriptor_ != none; }
    /// The descriptor, which stays this object's; `none` where there is none.
    int get() const noexcept { return descriptor_; }
    /// The descriptor, which is the caller's from now on: for Asio's `assign`, for OpenSSL, curl ...
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, none); }
    void close() noexcept {
        if (descriptor_ != none) {
            ::close(release());
        }
    }

private:
    int descriptor_ = none;
};

/// One attempt on a connection that the library has made; valid only inside the callable that got
/// it. `timeout` does not count connecting; `cancelled` tells, too, that the server is proved to be
/// gone.
class Connected : public Attempt {
public:
    /// The connection, once; afterwards, and where there is none, an empty one. One that is not
    /// taken is closed when the callable returns.
    [[nodiscard]] Socket take_socket() noexcept {
        return Socket(ecf_attempt_take_socket(handle_));
    }

private:
    friend class Client;
    using Attempt::Attempt;
};

/// A configuration and what was learnt about hosts. Movable; its const-ness says nothing about
/// threads: any number of them may use it, but for set_log and the destructor.
class Client {
public:
    Client() : handle_(ecf_client_new()) {
        if (!handle_) {
            throw std::bad_alloc();
        }
    }
    Client(Client&&) noexcept = default;
    /// The handle goes before the log that it writes to.
    Client& operator=(Client&& other) noexcept {
        if (this != &other) {
            handle_ = std::move(other.handle_);
            log_ = std::move(other.log_);
        }
        return *this;
    }
    ~Client() = default;

    /// The handle, for what this layer does not have. It stays this object's.
    ecf_client* get() noexcept { return handle_.get(); }

    Status try_set(std::string_view key, std::string_view value) {
        return detail::status(ecf_client_set(handle_.get(), detail::terminated(key).c_str(),
                                             detail::terminated(value).c_str()));
    }
    void set(std::string_view key, std::string_view value) {
        const Status status = try_set(key, value);
        if (status != Status::ok) {
            throw Error(status, "ecf_failover: " + refusal());
        }
    }
    /// A null pointer, or 0 for one, is no value.
    void set(std::string_view key, std::nullptr_t value) = delete;
    void set(std::string_view key, int value) = delete;
    /// A key whose value is in seconds; a negative one is refused.
    void set(std::string_view key, std::chrono::milliseconds value) {
        const std::uint64_t count = detail::not_negative(value, key);
        std::string fraction = std::to_string(1000 + count % 1000).substr(1);
        set(key, std::to_string(count / 1000) + '.' + fraction);
    }

    /// Why the last set was refused, with the key and what it takes; empty if it was taken.
    std::string refusal() const {
        std::string text;
        const Status status =
            detail::read(text, [&](char* buffer, std::size_t capacity, std::size_t* needed) {
                return ecf_client_refusal(handle_.get(), buffer, capacity, needed);
            });
        return status == Status::ok ? text : moved_from;
    }

    Status try_get(std::string_view key, std::string& value) const {
        const std::string name = detail::terminated(key);
        return detail::read(value, [&](char* buffer, std::size_t capacity, std::size_t* needed) {
            return ecf_client_get(handle_.get(), name.c_str(), buffer, capacity, needed);
        });
    }
    std::string get(std::string_view key) const {
        std::string value;
        const Status status = try_get(key, value);
        if (status != Status::ok) {
            throw Error(status, handle_ ? "ecf_failover: " + std::string(key) +
                                              ": an unknown key, or a secret one"
                                        : moved_from);
        }
        return value;
    }

    /// Every problem of the configuration and the hostfile, one a line; empty when all is well.
    std::string check() const {
        std::string text;
        const Status status =
            detail::read(text, [&](char* buffer, std::size_t capacity, std::size_t* needed) {
                return ecf_client_check(handle_.get(), buffer, capacity, needed);
            });
        return status == Status::ok ? text : moved_from + std::string("\n");
    }

    /// The timetable of a command if every host refused at once.
    std::string explain(Kind kind, std::chrono::milliseconds horizon) const {
        std::string text;
        const auto number = static_cast<std::int32_t>(kind);
        const std::uint64_t most = detail::not_negative(horizon, "the horizon");
        const Status status =
            detail::read(text, [&](char* buffer, std::size_t capacity, std::size_t* needed) {
                return ecf_client_explain(handle_.get(), number, most, buffer, capacity, needed);
            });
        if (status != Status::ok) {
            throw Error(status, text.empty() ? "ecf_failover: " + refusal() : text);
        }
        return text;
    }

    /// Ends every command in progress, and later ones at once, until resume.
    void cancel() noexcept { ecf_client_cancel(handle_.get()); }
    void resume() noexcept { ecf_client_resume(handle_.get()); }

    /// Sends the log to `log(level, line)`, or to nobody. No command may be in progress; a plan
    /// keeps the log that it began with. What `log` throws is dropped.
    void set_log(std::function<void(int, std::string_view)> log) {
        auto kept = std::make_shared<Log>(std::move(log));
        if (*kept) {
            ecf_client_set_log(handle_.get(), take_line, kept.get());
        } else {
            ecf_client_set_log(handle_.get(), nullptr, nullptr);
        }
        log_ = std::move(kept);
    }

    Reply try_send_task(const Words& words) { return send(ecf_send_task_cmd, words); }
    Reply send_task(const Words& words) { return succeeded(try_send_task(words)); }
    Reply try_send_user(const Words& words) { return send(ecf_send_user_cmd, words); }
    Reply send_user(const Words& words) { return succeeded(try_send_user(words)); }

    /// Queues an event, a meter or a label, and returns at once; a thread of the client's delivers it.
    Status try_post(const Words& words) {
        const std::vector<const char*> argv = detail::pointers(words);
        return detail::status(ecf_post_task_cmd(handle_.get(), static_cast<std::int32_t>(argv.size()),
                                                argv.data()));
    }
    void post(const Words& words) {
        const Status status = try_post(words);
        if (status != Status::ok) {
            throw Error(status, "ecf_failover: " + refusal());
        }
    }
    /// Waits until all that was posted is delivered; tells what was not.
    Reply try_flush(std::chrono::milliseconds timeout) {
        ecf_reply* handle = nullptr;
        ecf_client_flush(handle_.get(), detail::count(timeout), &handle);
        return Reply(handle);
    }
    Reply flush(std::chrono::milliseconds timeout) { return succeeded(try_flush(timeout)); }
    /// How many posts are not delivered yet.
    std::uint32_t pending() const noexcept { return ecf_client_pending(handle_.get()); }

    /// Lets the library decide where, when and how often; `attempt(Attempt&)` makes one attempt
    /// and returns an Outcome. It is not copied. What it throws ends the command and is thrown
    /// here again.
    template <typename F>
    Reply try_delegate(Kind kind, const Settings& settings, F&& attempt) {
        static_assert(std::is_invocable_r_v<Outcome, F&, Attempt&>,
                      "the attempt is called with an Attempt& and returns an Outcome");
        return run_delegate<Attempt>(ecf_delegate, kind, settings, attempt);
    }
    template <typename F>
    Reply try_delegate(Kind kind, F&& attempt) {
        return try_delegate(kind, Settings{}, std::forward<F>(attempt));
    }
    template <typename F>
    Reply delegate(Kind kind, const Settings& settings, F&& attempt) {
        return succeeded(try_delegate(kind, settings, std::forward<F>(attempt)));
    }
    template <typename F>
    Reply delegate(Kind kind, F&& attempt) {
        return succeeded(try_delegate(kind, std::forward<F>(attempt)));
    }

    /// The same with connections that the library makes: `attempt(Connected&)` takes the socket,
    /// speaks first on it, and returns an Outcome.
    template <typename F>
    Reply try_delegate_connected(Kind kind, const Settings& settings, F&& attempt) {
        static_assert(std::is_invocable_r_v<Outcome, F&, Connected&>,
                      "the attempt is called with a Connected& and returns an Outcome");
        return run_delegate<Connected>(ecf_delegate_connected, kind, settings, attempt);
    }
    template <typename F>
    Reply try_delegate_connected(Kind kind, F&& attempt) {
        return try_delegate_connected(kind, Settings{}, std::forward<F>(attempt));
    }
    template <typename F>
    Reply delegate_connected(Kind kind, const Settings& settings, F&& attempt) {
        return succeeded(try_delegate_connected(kind, settings, std::forward<F>(attempt)));
    }
    template <typename F>
    Reply delegate_connected(Kind kind, F&& attempt) {
        return succeeded(try_delegate_connected(kind, std::forward<F>(attempt)));
    }

private:
    friend class Plan;
    friend class ConnectedPlan;
    using Log = std::function<void(int, std::string_view)>;
    static constexpr const char* moved_from = "a client that was moved from";

    using Delegate = decltype(&ecf_delegate);
    template <typename Given, typename F>
    Reply run_delegate(Delegate function, Kind kind, const Settings& settings, F& attempt) {
        Call<Given, F> call{std::addressof(attempt), nullptr};
        const std::vector<const char*> pairs = detail::pointers(settings);
        ecf_reply* handle = nullptr;
        function(handle_.get(), static_cast<std::int32_t>(kind), pairs.data(),
                 Call<Given, F>::run, &call, &handle);
        Reply reply(handle);
        if (call.thrown) {
            std::rethrow_exception(call.thrown);
        }
        return reply;
    }

    template <typename Given, typename F>
    struct Call {
        F* attempt;
        std::exception_ptr thrown;

        static std::int32_t run(void* user, ecf_attempt* handle) noexcept {
            Call& call = *static_cast<Call*>(user);
            try {
                Given attempt(handle);
                const Outcome outcome = (*call.attempt)(attempt);
                return static_cast<std::int32_t>(outcome);
            } catch (...) {
                call.thrown = std::current_exception();
                return ECF_OUTCOME_FATAL;
            }
        }
    };

    static void take_line(void* user, std::int32_t level, const char* line) noexcept {
        try {
            (*static_cast<Log*>(user))(level, line);
        } catch (...) {
        }
    }

    using Send = ecf_status (*)(ecf_client*, std::int32_t, const char* const*, ecf_reply**);
    Reply send(Send function, const Words& words) {
        const std::vector<const char*> argv = detail::pointers(words);
        ecf_reply* handle = nullptr;
        function(handle_.get(), static_cast<std::int32_t>(argv.size()), argv.data(), &handle);
        return Reply(handle);
    }

    static Reply succeeded(Reply reply) {
        const Status status = reply.status();
        if (status == Status::ok) {
            return reply;
        }
        const std::string what = std::string(name(status)) + ": " + std::string(reply.error());
        throw Error(status, what, std::move(reply));
    }

    // Freed after the handle, which may still write to it, and so may plans.
    std::shared_ptr<Log> log_;
    std::unique_ptr<ecf_client, detail::Release<ecf_client, ecf_client_free>> handle_;
};

/// What a plan asks for now.
struct Step {
    enum class Do : std::int32_t {
        attempt = ECF_PLAN_ATTEMPT,
        wait = ECF_PLAN_WAIT,
        done = ECF_PLAN_DONE,
        give_up = ECF_PLAN_GIVE_UP
    };
    Do what;
    /// The pause, or how long the attempt may take.
    std::chrono::milliseconds time;
};

/// A delegated command without blocking, for event loops: ask next, make the attempt or let the
/// time pass, tell the outcome.
class Plan {
public:
    using Step = ecf_failover::Step;

    /// `now` is on any clock that goes forward. A negative one is refused here; in next and
    /// outcome, which throw nothing, it counts as time that stands still.
    Plan(Client& client, Kind kind, const Settings& settings, std::chrono::milliseconds now)
        : log_(client.log_),
          handle_(ecf_plan_new(client.get(), static_cast<std::int32_t>(kind),
                               detail::pointers(settings).data(),
                               detail::not_negative(now, "now"))) {
        if (!handle_) {
            throw Error(Status::argument,
                        "ecf_failover: no such kind, or a client that was moved from");
        }
    }

    Step next(std::chrono::milliseconds now) noexcept {
        std::uint64_t milliseconds = 0;
        const std::int32_t step = ecf_plan_next(handle_.get(), detail::count(now), &milliseconds);
        return {static_cast<Step::Do>(step), detail::milliseconds(milliseconds)};
    }
    std::string_view host() const noexcept { return ecf_plan_host(handle_.get()); }
    std::uint16_t port() const noexcept { return ecf_plan_port(handle_.get()); }
    std::uint32_t number() const noexcept { return ecf_plan_number(handle_.get()); }
    Status outcome(Outcome outcome, std::chrono::milliseconds now) noexcept {
        return detail::status(ecf_plan_outcome(handle_.get(), static_cast<std::int32_t>(outcome),
                                               detail::count(now)));
    }
    Status status() const noexcept { return detail::status(ecf_plan_status(handle_.get())); }
    std::string_view report() const noexcept { return ecf_plan_report(handle_.get()); }

private:
    std::shared_ptr<Client::Log> log_;
    std::unique_ptr<ecf_plan, detail::Release<ecf_plan, ecf_plan_free>> handle_;
};

/// The same with connections that the library makes, on its own clock. Ask next when a pause is over
/// and whenever `poll_fd` is readable, while an attempt is under way, too.
class ConnectedPlan {
public:
    using Step = ecf_failover::Step;

    ConnectedPlan(Client& client, Kind kind, const Settings& settings = {})
        : log_(client.log_),
          handle_(ecf_plan_new_connected(client.get(), static_cast<std::int32_t>(kind),
                                         detail::pointers(settings).data())) {
        if (!handle_) {
            throw Error(Status::argument,
                        "ecf_failover: no such kind, or a client that was moved from");
        }
    }

    /// The descriptor to watch for reading: the plan's, the same as long as it lives. Stop watching
    /// it before the plan goes. Socket::none: let the pauses be enough, and ask every 20 to 200 ms
    /// while an attempt is under way.
    int poll_fd() const noexcept { return ecf_plan_poll_fd(handle_.get()); }
    /// An attempt that is under way is told again, with what is left of its time: none when its
    /// server is proved to be gone.
    Step next() noexcept {
        std::uint64_t milliseconds = 0;
        const std::int32_t step = ecf_plan_next(handle_.get(), 0, &milliseconds);
        return {static_cast<Step::Do>(step), detail::milliseconds(milliseconds)};
    }
    /// The connection of the attempt, once.
    [[nodiscard]] Socket take_socket() noexcept {
        return Socket(ecf_plan_take_socket(handle_.get()));
    }
    std::string_view host() const noexcept { return ecf_plan_host(handle_.get()); }
    std::uint16_t port() const noexcept { return ecf_plan_port(handle_.get()); }
    std::uint32_t number() const noexcept { return ecf_plan_number(handle_.get()); }
    Status outcome(Outcome outcome) noexcept {
        return detail::status(
            ecf_plan_outcome(handle_.get(), static_cast<std::int32_t>(outcome), 0));
    }
    Status status() const noexcept { return detail::status(ecf_plan_status(handle_.get())); }
    std::string_view report() const noexcept { return ecf_plan_report(handle_.get()); }

private:
    std::shared_ptr<Client::Log> log_;
    std::unique_ptr<ecf_plan, detail::Release<ecf_plan, ecf_plan_free>> handle_;
};

/// For tests of a program that delegates: what became of a command whose attempts were scripted.
struct Rehearsal {
    /// One attempt, with the members of an Attempt, so that one callable that takes an `auto&` serves
    /// both.
    class Attempt {
    public:
        std::string_view host() const noexcept { return host_; }
        std::uint16_t port() const noexcept { return port_; }
        std::uint32_t number() const noexcept { return number_; }
        std::chrono::milliseconds timeout() const noexcept { return timeout_; }
        bool cancelled() const noexcept { return false; }
        void note(std::string_view words) {
            notes_.append(notes_.empty() ? "" : "; ").append(words.substr(0, words.find('\0')));
        }
        /// There is no connection.
        [[nodiscard]] Socket take_socket() noexcept { return Socket(); }

        /// When it began, counted from the begin of the command.
        std::chrono::milliseconds at() const noexcept { return at_; }
        /// How long it takes, on the clock of the rehearsal; nothing unless this says so.
        void takes(std::chrono::milliseconds time) noexcept { took_ = time; }
        std::string_view notes() const noexcept { return notes_; }

    private:
        template <typename F>
        friend Rehearsal rehearse(Client&, Kind, const Settings&, F&&);
        std::string host_;
        std::string notes_;
        std::uint16_t port_ = 0;
        std::uint32_t number_ = 0;
        std::chrono::milliseconds at_{0};
        std::chrono::milliseconds timeout_{0};
        std::chrono::milliseconds took_{0};
    };

    Status status = Status::in_progress;
    std::vector<Attempt> attempts;
    /// How long it all took, on its clock.
    std::chrono::milliseconds length{0};
    std::string report;
};

/// Runs a delegated command against scripted outcomes, on a clock that jumps from one attempt to the
/// next: no socket, no sleep, and nothing that others would remember of hosts. `attempt(Rehearsal::Attempt&)` returns an Outcome. A command that goes on
/// for ever ends with its deadline, or after 100,000 attempts with Status::in_progress.
template <typename F>
Rehearsal rehearse(Client& client, Kind kind, const Settings& settings, F&& attempt) {
    static_assert(std::is_invocable_r_v<Outcome, F&, Rehearsal::Attempt&>,
                  "the attempt is called with a Rehearsal::Attempt& and returns an Outcome");
    Rehearsal told;
    // What is made up is nothing for others to remember.
    Settings own{{"ECF_FAILOVER_MEMORY", "off"}};
    own.insert(own.end(), settings.begin(), settings.end());
    Plan plan(client, kind, own, std::chrono::milliseconds(0));
    constexpr std::size_t most = 100'000;
    while (told.attempts.size() < most) {
        const Step step = plan.next(told.length);
        if (step.what == Step::Do::wait) {
            told.length += step.time;
            continue;
        }
        if (step.what != Step::Do::attempt) {
            break;
        }
        Rehearsal::Attempt one;
        one.host_ = plan.host();
        one.port_ = plan.port();
        one.number_ = plan.number();
        one.at_ = told.length;
        one.timeout_ = step.time;
        const Outcome outcome = attempt(one);
        told.length += std::max(one.took_, std::chrono::milliseconds(0));
        told.attempts.push_back(std::move(one));
        plan.outcome(outcome, told.length);
    }
    told.status = plan.status();
    told.report = plan.report();
    return told;
}

}  // namespace ecf_failover

#endif  // ECF_FAILOVER_HPP
