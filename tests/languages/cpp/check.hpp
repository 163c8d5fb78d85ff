// What the C++ programs of the tests share. A program prints nothing when all is well.

#ifndef ECF_FAILOVER_TESTS_CHECK_HPP
#define ECF_FAILOVER_TESTS_CHECK_HPP

#include <atomic>
#include <cstdio>
#include <string>
#include <string_view>

inline std::atomic<int> failures{0};

inline void fail(const char* file, int line, const std::string& what) {
    std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
    ++failures;
}

#define CHECK(...)                                     \
    do {                                               \
        if (!(__VA_ARGS__)) {                          \
            fail(__FILE__, __LINE__, #__VA_ARGS__);    \
        }                                              \
    } while (false)

/// The same, with words that say which case it was.
#define CHECK_IN(place, ...)                                                      \
    do {                                                                          \
        if (!(__VA_ARGS__)) {                                                     \
            fail(__FILE__, __LINE__, std::string(place) + ": " + #__VA_ARGS__);   \
        }                                                                         \
    } while (false)

/// The E that `run` throws is handed to `look`; anything else is a failure.
template <typename E, typename Run, typename Look>
void expect(const char* file, int line, Run&& run, Look&& look) {
    try {
        run();
        fail(file, line, "nothing was thrown");
    } catch (const E& thrown) {
        look(thrown);
    } catch (...) {
        fail(file, line, "something else was thrown");
    }
}

#define THROWS(E, run) expect<E>(__FILE__, __LINE__, run, [](const E&) {})
#define THROWS_AND(E, run, look) expect<E>(__FILE__, __LINE__, run, look)

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

#endif  // ECF_FAILOVER_TESTS_CHECK_HPP
