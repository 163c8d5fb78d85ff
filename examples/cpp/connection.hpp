// One attempt: connect, send the request, take the reply. One timer stands over all of it, the
// look-up of the name included.

#ifndef EXAMPLE_CONNECTION_HPP
#define EXAMPLE_CONNECTION_HPP

#include <array>
#include <boost/asio.hpp>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace asio = boost::asio;

/// How far an attempt came. Up to `write`, the kernel never took the last byte of the request.
enum class Stage { resolve, connect, write, reply, done };

/// How an attempt ended: at `done` with the body of a reply, else with an error.
struct Result {
    Stage stage = Stage::resolve;
    boost::system::error_code error;
    std::string reply;
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
    using Done = std::function<void(const Result&)>;

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

    /// Ends the attempt now. What had already happened counts: bytes that are sent are sent,
    /// and a whole reply is a reply.
    void stop(const boost::system::error_code& why) {
        if (is_stopped_ || !done_) {
            return;
        }
        is_stopped_ = true;
        result_.error = why;
        if (result_.stage == Stage::resolve) {
            // getaddrinfo cannot be interrupted; it is left to a thread of `io`, whose
            // destructor waits for it.
            finish();
        } else {
            close();
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
        result_.stage = Stage::connect;
        asio::async_connect(socket_, endpoints,
                            [self = shared_from_this()](const boost::system::error_code& error,
                                                        const asio::ip::tcp::endpoint&) {
                                // A TLS handshake belongs here, under the same timer.
                                if (self->goes_on(error)) {
                                    self->write();
                                }
                            });
    }

    void write() {
        result_.stage = Stage::write;
        asio::async_write(
            socket_, asio::buffer(request_),
            [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                if (self->goes_on(error)) {
                    self->read_length();
                }
            });
    }

    void read_length() {
        result_.stage = Stage::reply;
        asio::async_read(
            socket_, asio::buffer(length_),
            [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                if (self->goes_on(error)) {
                    self->read_body();
                }
            });
    }

    void read_body() {
        constexpr std::size_t longest = 16 << 20;
        const std::string_view digits(length_.data(), length_.size());
        const std::size_t begin = digits.find_first_not_of(' ');
        std::size_t length = 0;
        if (begin != std::string_view::npos) {
            const char* end = digits.data() + digits.size();
            const auto read = std::from_chars(digits.data() + begin, end, length, 16);
            length = read.ptr == end ? length : 0;
        }
        if (length == 0 || length > longest) {
            // Another protocol: TLS, HTTP, SSH ...
            goes_on(boost::system::errc::make_error_code(boost::system::errc::protocol_error));
            return;
        }
        result_.reply.resize(length);
        asio::async_read(
            socket_, asio::buffer(result_.reply),
            [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                if (self->goes_on(error)) {
                    self->result_.stage = Stage::done;
                    self->result_.error = {};
                    self->finish();
                }
            });
    }

    /// Whether the next stage may begin; otherwise it is over.
    bool goes_on(const boost::system::error_code& error) {
        if (done_ && error) {
            result_.error = is_stopped_ ? result_.error : error;
            finish();
        }
        return static_cast<bool>(done_);
    }

    void close() {
        boost::system::error_code ignored;
        socket_.close(ignored);
    }

    void finish() {
        close();
        timer_.cancel();
        std::exchange(done_, nullptr)(result_);
    }

    asio::ip::tcp::resolver resolver_;
    asio::ip::tcp::socket socket_;
    asio::steady_timer timer_;
    std::string request_;
    std::array<char, 8> length_{};
    Result result_;
    bool is_stopped_ = false;
    /// Empty once the attempt is over.
    Done done_;
};

/// An attempt that blocks, in a loop of its own.
inline Result exchange(asio::io_context& io, std::string_view host, std::uint16_t port,
                       const std::string& request, std::chrono::milliseconds limit,
                       const std::function<bool()>& is_cancelled) {
    std::optional<Result> end;
    const auto connection = Connection::start(io, host, port, request, limit,
                                              [&end](const Result& result) { end = result; });
    io.restart();
    while (!end) {
        if (is_cancelled()) {
            connection->stop(asio::error::operation_aborted);
        }
        io.run_one_for(std::chrono::milliseconds(20));
    }
    return *end;
}

#endif  // EXAMPLE_CONNECTION_HPP
