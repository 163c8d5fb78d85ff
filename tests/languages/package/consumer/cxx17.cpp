// Sends a task command by the C++ header and tells how it ended.
#include <iostream>

#include "ecf_failover.hpp"

int main(int argc, char** argv) {
    ecf_failover::Client client;
    const auto reply = client.try_send_task(ecf_failover::Words(argv + 1, argv + argc));
    std::cout << ecf_failover::name(reply.status()) << ' ' << reply.error() << '\n';
    return static_cast<int>(reply.status());
}
