// A delegation neither allocates for its callable, however large, nor makes a copy of it.

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>

#include "check.hpp"
#include "ecf_failover.hpp"

namespace {
std::atomic<long> allocations{0};
}

// Not inline, or a compiler that sees both sides takes them for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) {
        return memory;
    }
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using ecf_failover::Attempt;
using ecf_failover::Client;
using ecf_failover::Connected;
using ecf_failover::Kind;
using ecf_failover::Outcome;
using ecf_failover::Settings;
using ecf_failover::Socket;

struct Uncopied {
    Uncopied() = default;
    Uncopied(const Uncopied&) = delete;
    Uncopied& operator=(const Uncopied&) = delete;
    Outcome operator()(Attempt&) { return Outcome::ok; }
};

/// A port of 127.0.0.1 where the kernel takes connections.
class Listener {
public:
    Listener() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address_;
        const auto address = reinterpret_cast<sockaddr*>(&address_);
        CHECK(::bind(socket_.get(), address, length) == 0 && ::listen(socket_.get(), 8) == 0);
        CHECK(::getsockname(socket_.get(), address, &length) == 0);
    }
    int port() const { return ntohs(address_.sin_port); }

private:
    Socket socket_;
    sockaddr_in address_{};
};

template <typename F>
long allocated_for(Client& client, F&& callable) {
    const Settings none;
    const long before = allocations;
    CHECK(client.try_delegate(Kind::task, none, callable));
    return allocations - before;
}

}  // namespace

int main() {
    Client client;
    const std::array<char, 100'000> ballast{};
    const long tiny = allocated_for(client, [](Attempt&) { return Outcome::ok; });
    const auto large = [ballast](Attempt&) {
        return ballast.back() == 0 ? Outcome::ok : Outcome::fatal;
    };
    CHECK(allocated_for(client, large) == tiny);
    Uncopied uncopied;
    CHECK(allocated_for(client, uncopied) == tiny);
    CHECK(tiny == 1);  // the list of settings
    const Listener listener;
    client.set("ECF_HOST", "127.0.0.1");
    client.set("ECF_PORT", std::to_string(listener.port()));
    client.set("ECF_FAILOVER_RETRY_PERIOD", "0.001");
    const Settings none;
    const long connected_before = allocations;
    const auto thrice = [](Connected& attempt) {
        const Socket socket = attempt.take_socket();
        return socket && attempt.number() == 3 ? Outcome::ok : Outcome::not_sent;
    };
    CHECK(client.try_delegate_connected(Kind::task, none, thrice));
    CHECK(allocations - connected_before == 1);  // the same, however many attempts
    const long before = allocations;
    ::operator delete(::operator new(1));
    CHECK(allocations == before + 1);  // they are counted
    return failures == 0 ? 0 : 1;
}
