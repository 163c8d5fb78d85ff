// The client of before.cpp, its loop and its connecting handed to ecf_failover: it speaks on a
// connection that is there. SIGTERM ends the command.
//
//   after event e | meter m 42 | wait '/s/f/t == complete' | ping

#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "adopt.hpp"
#include "conversation.hpp"
#include "ecf_failover.hpp"
#include "outcome.hpp"
#include "tls.hpp"
#include "wire.hpp"

/// Gets requests to a server. One thread at a time.
class Invoker {
public:
    /// Hosts, periods and deadline are keys of this client, read from the environment.
    ecf_failover::Client& client() { return client_; }

    /// Sends a request; what the servers said of it is in the reply.
    ecf_failover::Reply invoke(const wire::Request& request) {
        const auto speak = [&](ecf_failover::Connected& attempt) {
            const Result result =
                converse(io_, adopt(io_, attempt.take_socket()),
                         contexts_.find(attempt.host(), attempt.port()), request.frame,
                         attempt.timeout(), [&attempt] { return attempt.cancelled(); });
            const Told end = told(result, request);
            attempt.note(end.words);
            return end.outcome;
        };
        return client_.try_delegate_connected(kind(request), speak);
    }

private:
    asio::io_context io_;
    TlsContexts contexts_;
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
