// Requests and replies of four commands as ecFlow's servers have them: one frame each way,
// which is a length in eight hexadecimal digits and a JSON document.

#ifndef EXAMPLE_WIRE_HPP
#define EXAMPLE_WIRE_HPP

#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace wire {

// ---- requests ----

/// A command, ready to be sent. Every attempt sends the same bytes.
struct Request {
    enum class Sender { job, user, ping };
    Sender sender;
    /// Whether "the expression is false" is a legal answer.
    bool may_wait;
    std::string frame;
};

inline std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

inline std::string quoted(std::string_view text) {
    std::string json = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            json += '\\';
            json += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned>(c));
            json += escape;
        } else {
            json += c;
        }
    }
    return json + '"';
}

inline int number(const std::string& word) {
    int value = 0;
    const char* end = word.data() + word.size();
    const auto [rest, problem] = std::from_chars(word.data(), end, value);
    if (problem != std::errc() || rest != end) {
        throw std::invalid_argument(word + " is no number");
    }
    return value;
}

/// The frame of one command: its class, the members of its base, its own members.
inline std::string framed(const std::string& name, const std::string& base,
                          const std::string& members) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const std::string body =
        R"({"21ClientToServerRequest":{"cmd_":{"polymorphic_id":2147483649,"polymorphic_name":)" +
        quoted(name) +
        R"(,"ptr_wrapper":{"id":2147483649,"data":{"cereal_class_version":0,)"
        R"("value0":{"cereal_class_version":0,"value0":{"cereal_class_version":0,"cl_host_":)" +
        quoted(host) + "}," + base + "}," + members + "}}}}}";
    char length[9];
    std::snprintf(length, sizeof length, "%8x", static_cast<unsigned>(body.size()));
    return length + body;
}

inline std::string job_members() {
    const std::string try_number = environment("ECF_TRYNO");
    return "\"path_to_submittable_\":" + quoted(environment("ECF_NAME")) +
           ",\"jobs_password_\":" + quoted(environment("ECF_PASS")) +
           ",\"process_or_remote_id_\":" + quoted(environment("ECF_RID")) +
           ",\"try_no_\":" + std::to_string(try_number.empty() ? 1 : number(try_number));
}

inline std::string user_members() {
    const passwd* entry = getpwuid(getuid());
    return "\"user_\":" + quoted(entry == nullptr ? "" : entry->pw_name);
}

/// A request by words: `event NAME [clear]`, `meter NAME NUMBER`, `wait EXPRESSION`, `ping`.
inline Request request(const std::vector<std::string>& words) {
    const std::size_t count = words.size();
    const std::string command = count == 0 ? "" : words[0];
    if (command == "ping" && count == 1) {
        return {Request::Sender::ping, false, framed("CtsCmd", user_members(), "\"api_\":8")};
    }
    const auto job = [](const char* name, const std::string& members, bool may_wait) {
        return Request{Request::Sender::job, may_wait, framed(name, job_members(), members)};
    };
    if (command == "event" && (count == 2 || (count == 3 && words[2] == "clear"))) {
        const std::string clear = count == 3 ? ",\"value_\":false" : "";
        return job("EventCmd", "\"name_\":" + quoted(words[1]) + clear, false);
    }
    if (command == "meter" && count == 3) {
        const std::string value = std::to_string(number(words[2]));
        return job("MeterCmd", "\"name_\":" + quoted(words[1]) + ",\"value_\":" + value, false);
    }
    if (command == "wait" && count == 2) {
        return job("CtsWaitCmd", "\"expression_\":" + quoted(words[1]), true);
    }
    throw std::invalid_argument(
        "usage: event NAME [clear] | meter NAME NUMBER | wait EXPRESSION | ping");
}

// ---- replies ----

/// What a server says.
struct Response {
    enum class Says { ok, error, wait, halted, zombie, nothing_legal };
    Says says;
    /// The server's words of an error.
    std::string words;
};

/// The scalars of a JSON document by their paths, "a/b/c"; a string has a quote in front, so
/// that it is never taken for a number. What is no JSON throws std::invalid_argument.
class Scalars {
public:
    explicit Scalars(std::string_view json) : rest_(json) {
        value("", 0);
        if (peek() != '\0' || !rest_.empty()) {
            fail();
        }
    }

    std::string operator[](const std::string& path) const {
        const auto found = scalars_.find(path);
        return found == scalars_.end() ? "" : found->second;
    }

private:
    [[noreturn]] static void fail() { throw std::invalid_argument("no JSON"); }

    /// The next character that is no blank; NUL at the end.
    char peek() {
        const std::size_t blanks = rest_.find_first_not_of(" \t\r\n");
        rest_.remove_prefix(blanks == std::string_view::npos ? rest_.size() : blanks);
        return rest_.empty() ? '\0' : rest_.front();
    }

    bool take(char wanted) {
        const bool is_there = peek() == wanted;
        rest_.remove_prefix(is_there ? 1 : 0);
        return is_there;
    }

    void value(const std::string& path, int depth) {
        const char first = peek();
        if (depth > 100) {
            fail();
        } else if (first == '{' || first == '[') {
            elements(path, depth, first == '{' ? '}' : ']');
        } else if (first == '"') {
            scalars_[path] = '"' + text();
        } else {
            scalars_[path] = word();
        }
    }

    /// A number, true, false or null; leniently.
    std::string word() {
        const std::size_t end = rest_.find_first_not_of("+-.0123456789Eaeflnrstu");
        const std::string word(rest_.substr(0, end));
        rest_.remove_prefix(word.size());
        if (word.empty()) {
            fail();
        }
        return word;
    }

    void elements(const std::string& path, int depth, char close) {
        rest_.remove_prefix(1);
        if (take(close)) {
            return;
        }
        do {
            const std::string name = close == '}' ? member() : "";
            value(path.empty() ? name : path + '/' + name, depth + 1);
        } while (take(','));
        if (!take(close)) {
            fail();
        }
    }

    std::string member() {
        if (peek() != '"') {
            fail();
        }
        const std::string name = text();
        if (!take(':')) {
            fail();
        }
        return name;
    }

    char next() {
        if (rest_.empty()) {
            fail();
        }
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    std::string text() {
        std::string text;
        next();
        for (char c = next(); c != '"'; c = next()) {
            if (static_cast<unsigned char>(c) < 0x20) {
                fail();
            }
            text += c == '\\' ? escaped() : std::string(1, c);
        }
        return text;
    }

    std::string escaped() {
        const char c = next();
        static constexpr std::string_view letters = "\"\\/bfnrt";
        static constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
        const std::size_t place = letters.find(c);
        if (place != std::string_view::npos) {
            return std::string(1, meanings[place]);
        }
        const std::string digits(rest_.substr(0, 4));
        unsigned code = 0;
        const char* end = digits.data() + digits.size();
        const auto read = std::from_chars(digits.data(), end, code, 16);
        if (c != 'u' || digits.size() < 4 || read.ptr != end) {
            fail();
        }
        rest_.remove_prefix(4);
        // A server escapes control characters and nothing else.
        return std::string(1, code < 0x80 ? static_cast<char>(code) : '?');
    }

    std::string_view rest_;
    std::map<std::string, std::string> scalars_;
};

/// Reads the body of a reply. Only what is legal for the very request counts.
inline Response response(std::string_view body, const Request& request) try {
    using Says = Response::Says;
    const Scalars reply(body);
    const std::string place = "22ServerToClientResponse/stc_cmd_/";
    const std::string name = reply[place + "polymorphic_name"];
    const std::string number = reply[place + "ptr_wrapper/data/api_"];
    const bool is_job = request.sender == Request::Sender::job;
    if (name == "\"StcCmd" && number == "0") {
        return {Says::ok, ""};
    }
    if (name == "\"StcCmd" && number == "1" && is_job) {
        return {Says::halted, ""};
    }
    if (name == "\"StcCmd" && number == "2" && request.may_wait) {
        return {Says::wait, ""};
    }
    if (name == "\"BlockClientZombieCmd" && is_job) {
        return {Says::zombie, ""};
    }
    const std::string words = reply[place + "ptr_wrapper/data/error_msg_"];
    if (name == "\"ErrorCmd" && !words.empty()) {
        return {Says::error, words.substr(1)};
    }
    return {Says::nothing_legal, ""};
} catch (const std::invalid_argument&) {
    return {Response::Says::nothing_legal, ""};
}

}  // namespace wire

#endif  // EXAMPLE_WIRE_HPP
