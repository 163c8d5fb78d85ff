// A client that connects by itself: the name is looked up, a connection is made, and then the
// conversation. One timer stands over all of it, the look-up included.

#ifndef EXAMPLE_CONNECTION_HPP
#define EXAMPLE_CONNECTION_HPP

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "conversation.hpp"

class Connection : public std::enable_shared_from_this<Connection> {
public:
    using Done = Conversation::Done;

    /// Begins an attempt. `done` is called once, from the event loop or from `stop`, and not
    /// later than `limit` from now.
    static std::shared_ptr<Connection> start(asio::io_context& io, std::string_view host,
                                             std::uint16_t port, std::string request,
                                             std::chrono::milliseconds limit, Done done) {
        std::shared_ptr<Connection> self(
            new Connection(io, std::move(request), std::move(done)));
        self->timer_.expires_after(limit);
        self->timer_.async_wait([self](const boost::system::error_code& error) {
            if (!error) {
                self->stop(asio::error::timed_out);
            }
        });
        self->resolve(std::string(host), port);
        return self;
    }

    /// Ends the attempt now.
    void stop(const boost::system::error_code& why) {
        if (conversation_) {
            conversation_->stop(why);
        } else if (done_) {
            // getaddrinfo cannot be interrupted; it is left to a thread of `io`, whose
            // destructor waits for it.
            end(why);
        }
    }

private:
    Connection(asio::io_context& io, std::string request, Done done)
        : resolver_(io),
          socket_(io),
          timer_(io),
          request_(std::move(request)),
          done_(std::move(done)) {}

    void resolve(const std::string& host, std::uint16_t port) {
        using Endpoints = asio::ip::tcp::resolver::results_type;
        boost::system::error_code no_number;
        const auto address = asio::ip::make_address(host, no_number);
        if (!no_number) {
            // It need not queue behind a name whose look-up hangs.
            connect(Endpoints::create({address, port}, host, std::to_string(port)));
            return;
        }
        resolver_.async_resolve(
            host, std::to_string(port), asio::ip::resolver_base::numeric_service,
            [self = shared_from_this()](const boost::system::error_code& error,
                                        const Endpoints& endpoints) {
                if (self->goes_on(error)) {
                    self->connect(endpoints);
                }
            });
    }

    void connect(const asio::ip::tcp::resolver::results_type& endpoints) {
        stage_ = Stage::connect;
        asio::async_connect(socket_, endpoints,
                            [self = shared_from_this()](const boost::system::error_code& error,
                                                        const asio::ip::tcp::endpoint&) {
                                if (self->goes_on(error)) {
                                    self->converse();
                                }
                            });
    }

    void converse() {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            timer_.expiry() - std::chrono::steady_clock::now());
        timer_.cancel();
        conversation_ =
            Conversation::start(std::move(socket_), nullptr, std::move(request_), left,
                                std::exchange(done_, nullptr));
    }

    /// Whether the next stage may begin; otherwise it is over.
    bool goes_on(const boost::system::error_code& error) {
        if (done_ && error) {
            end(error);
        }
        return static_cast<bool>(done_);
    }

    void end(const boost::system::error_code& why) {
        boost::system::error_code ignored;
        socket_.close(ignored);
        timer_.cancel();
        std::exchange(done_, nullptr)({stage_, why, {}});
    }

    asio::ip::tcp::resolver resolver_;
    asio::ip::tcp::socket socket_;
    asio::steady_timer timer_;
    std::string request_;
    Stage stage_ = Stage::resolve;
    /// Empty once the attempt is over, or the conversation's.
    Done done_;
    std::shared_ptr<Conversation> conversation_;
};

/// An attempt that blocks, in a loop of its own.
inline Result exchange(asio::io_context& io, std::string_view host, std::uint16_t port,
                       const std::string& request, std::chrono::milliseconds limit,
                       const std::function<bool()>& is_over) {
    std::optional<Result> end;
    const auto connection = Connection::start(io, host, port, request, limit,
                                              [&end](const Result& result) { end = result; });
    return run_until(io, end, is_over, [&] { connection->stop(asio::error::operation_aborted); });
}

#endif  // EXAMPLE_CONNECTION_HPP
