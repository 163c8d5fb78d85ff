// Whom a client trusts: for each server the certificate <host>.<port>.crt, else server.crt, of
// ECF_SSL_DIR or $HOME/.ecflowrc/ssl.

#ifndef EXAMPLE_TLS_HPP
#define EXAMPLE_TLS_HPP

#include <boost/asio/ssl.hpp>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

class TlsContexts {
public:
    /// The context for a server; null where ECF_SSL is not set. Without a file nobody is trusted,
    /// and the handshake fails.
    boost::asio::ssl::context* find(std::string_view host, std::uint16_t port) {
        if (!is_wanted_) {
            return nullptr;
        }
        const std::string name = std::string(host) + '.' + std::to_string(port) + ".crt";
        const auto [place, is_new] =
            contexts_.try_emplace(name, boost::asio::ssl::context::tls_client);
        if (is_new) {
            const auto own = directory_ / name;
            const auto file = std::filesystem::exists(own) ? own : directory_ / "server.crt";
            boost::system::error_code ignored;
            place->second.load_verify_file(file.string(), ignored);
            place->second.set_verify_mode(boost::asio::ssl::verify_peer);
        }
        return &place->second;
    }

private:
    static std::string environment(const char* name) {
        const char* value = std::getenv(name);
        return value == nullptr ? "" : value;
    }

    static std::filesystem::path directory() {
        const std::string given = environment("ECF_SSL_DIR");
        return given.empty() ? environment("HOME") + "/.ecflowrc/ssl" : given;
    }

    bool is_wanted_ = std::getenv("ECF_SSL") != nullptr;
    std::filesystem::path directory_ = directory();
    std::map<std::string, boost::asio::ssl::context> contexts_;
};

#endif  // EXAMPLE_TLS_HPP
