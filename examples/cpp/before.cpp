// A client with the loop that ecFlow's users know: two tries at a host, then the next one, and
// so on until a task command's 24 hours are over. after.cpp is the same without this loop.
//
//   before event e | meter m 42 | wait '/s/f/t == complete' | ping

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "connection.hpp"
#include "wire.hpp"

using Seconds = std::chrono::duration<double>;
using Clock = std::chrono::steady_clock;

/// Seconds from the environment.
static Seconds seconds(const char* name, double otherwise) {
    const std::string value = wire::environment(name);
    return Seconds(value.empty() ? otherwise : std::stod(value));
}

struct Host {
    std::string name;
    std::uint16_t port;
};

static Host host(const std::string& name, const std::string& port) {
    return {name, static_cast<std::uint16_t>(port.empty() ? 3141 : wire::number(port))};
}

/// The primary, and the backups of the hostfile.
static std::vector<Host> hosts() {
    const std::string primary = wire::environment("ECF_HOST");
    std::vector<Host> hosts{
        host(primary.empty() ? "localhost" : primary, wire::environment("ECF_PORT"))};
    std::ifstream file(wire::environment("ECF_HOSTFILE"));
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string name;
        if (words >> name) {
            const std::size_t colon = name.find(':');
            const bool has_port = colon != std::string::npos;
            hosts.push_back(host(name.substr(0, colon), has_port ? name.substr(colon + 1) : ""));
        }
    }
    return hosts;
}

class Invoker {
public:
    /// Sends a request; throws when it fails.
    void invoke(const wire::Request& request) {
        using Says = wire::Response::Says;
        for (;;) {
            const Result result = attempt(request);
            if (result.stage == Stage::reply && is_final(result.error)) {
                throw std::runtime_error("no reply: " + result.error.message());
            }
            if (result.stage == Stage::done) {
                const wire::Response response = wire::response(result.reply, request);
                switch (response.says) {
                    case Says::ok: return;
                    case Says::error: throw std::runtime_error(response.words);
                    case Says::nothing_legal: throw std::runtime_error("not decoded");
                    case Says::wait: sleep(retry_period_); continue;
                    case Says::halted: break;
                    case Says::zombie: break;
                }
            }
            std::cerr << current().name << ':' << current().port << ": "
                      << (result.error ? result.error.message() : "blocked") << '\n';
            next(request);
        }
    }

    const Host& current() const { return hosts_[host_]; }

private:
    Result attempt(const wire::Request& request) {
        const bool is_ping = request.sender == wire::Request::Sender::ping;
        return exchange(io_, current().name, current().port, request.frame,
                        std::chrono::seconds(is_ping ? 10 : 190), [] { return false; });
    }

    /// Whether the server closed, or is no ecFlow server.
    static bool is_final(const boost::system::error_code& error) {
        return error == asio::error::eof || error == boost::system::errc::protocol_error;
    }

    /// After a failure: sleeps, and chooses a host.
    void next(const wire::Request& request) {
        const bool is_job = request.sender == wire::Request::Sender::job;
        const bool is_denied = std::getenv("ECF_DENIED") != nullptr;
        if (++tries_ < 2) {
            const bool is_ping = request.sender == wire::Request::Sender::ping;
            sleep(is_ping ? Seconds(1) : retry_period_);
            return;
        }
        if (!is_job || is_denied || Clock::now() - start_ > timeout_) {
            throw std::runtime_error("no server is to be had");
        }
        tries_ = 0;
        host_ = (host_ + 1) % hosts_.size();
        if (changes_++ > 0) {
            sleep(host_period_);
        }
    }

    static void sleep(Seconds time) { std::this_thread::sleep_for(time); }

    asio::io_context io_;
    std::vector<Host> hosts_ = hosts();
    Seconds timeout_ = seconds("ECF_TIMEOUT", 24 * 3600);
    // Other names for these would do, too.
    Seconds retry_period_ = seconds("ECF_FAILOVER_RETRY_PERIOD", 10);
    Seconds host_period_ = seconds("ECF_FAILOVER_HOST_PERIOD", 30);
    Clock::time_point start_ = Clock::now();
    std::size_t host_ = 0;
    int tries_ = 0;
    int changes_ = 0;
};

int main(int argc, char** argv) try {
    const wire::Request request = wire::request(std::vector<std::string>(argv + 1, argv + argc));
    if (std::getenv("NO_ECF") != nullptr) {
        return 0;
    }
    Invoker invoker;
    invoker.invoke(request);
    if (request.sender == wire::Request::Sender::ping) {
        const Host& host = invoker.current();
        std::cout << "ping of " << host.name << ':' << host.port << " succeeded\n";
    }
    return 0;
} catch (const std::exception& why) {
    std::cerr << why.what() << '\n';
    return 1;
}
