// The client of before.cpp, its loop handed to ecf_failover; it connects by itself, so a host that
// swallows packets holds it up. after.cpp leaves connecting to the library, too. SIGTERM ends the
// command.
//
//   plain event e | meter m 42 | wait '/s/f/t == complete' | ping

#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "connection.hpp"
#include "ecf_failover.hpp"
#include "outcome.hpp"
#include "wire.hpp"

/// Never destroyed: its destructor would wait for look-ups that hang.
static asio::io_context& io = *new asio::io_context;

/// Gets requests to a server. One thread at a time.
class Invoker {
public:
    /// Hosts, periods and deadline are keys of this client, read from the environment.
    ecf_failover::Client& client() { return client_; }

    /// Sends a request; what the servers said of it is in the reply.
    ecf_failover::Reply invoke(const wire::Request& request) {
        return client_.try_delegate(kind(request), [&](ecf_failover::Attempt& attempt) {
            const Result result =
                exchange(io, attempt.host(), attempt.port(), request.frame, attempt.timeout(),
                         [&attempt] { return attempt.cancelled(); });
            const Told end = told(result, request);
            attempt.note(end.words);
            return end.outcome;
        });
    }

private:
    ecf_failover::Client client_;
};

static ecf_failover::Client* to_cancel = nullptr;

int main(int argc, char** argv) try {
    const wire::Request request = wire::request(std::vector<std::string>(argv + 1, argv + argc));
    Invoker invoker;
    to_cancel = &invoker.client();
    std::signal(SIGTERM, [](int) { to_cancel->cancel(); });
    const ecf_failover::Reply reply = invoker.invoke(request);
    std::cout << reply.text();
    if (!reply) {
        std::cerr << ecf_failover::text(reply.status()) << '\n' << reply.error() << '\n';
    } else if (request.sender == wire::Request::Sender::ping && reply.attempts() > 0) {
        std::cout << "ping of " << reply.host() << ':' << reply.port() << " succeeded\n";
    }
    return static_cast<int>(reply.status());
} catch (const std::exception& why) {
    std::cerr << why.what() << '\n';
    return 1;
}
