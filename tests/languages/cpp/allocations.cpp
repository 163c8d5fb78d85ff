// A delegation neither allocates for its callable, however large, nor makes a copy of it.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

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
using ecf_failover::Kind;
using ecf_failover::Outcome;
using ecf_failover::Settings;

struct Uncopied {
    Uncopied() = default;
    Uncopied(const Uncopied&) = delete;
    Uncopied& operator=(const Uncopied&) = delete;
    Outcome operator()(Attempt&) { return Outcome::ok; }
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
    const long before = allocations;
    ::operator delete(::operator new(1));
    CHECK(allocations == before + 1);  // they are counted
    return failures == 0 ? 0 : 1;
}
