// What a client says on a connection that is there: the TLS handshake where there is one, the
// request, the reply. One timer stands over all of it.

#ifndef EXAMPLE_CONVERSATION_HPP
#define EXAMPLE_CONVERSATION_HPP

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace asio = boost::asio;

/// How far an attempt came. Up to `write`, the kernel never took the last byte of the request.
enum class Stage { resolve, connect, handshake, write, reply, done };

/// How an attempt ended: at `done` with the body of a reply, else with an error.
struct Result {
    Stage stage = Stage::resolve;
    boost::system::error_code error;
    std::string reply;
};

class Conversation : public std::enable_shared_from_this<Conversation> {
public:
    using Done = std::function<void(const Result&)>;

    /// Begins on a connected socket; `tls` is null where bytes go as they are. `done` is called
    /// once, from the event loop or from `stop`, and not later than `limit` from now.
    static std::shared_ptr<Conversation> start(asio::ip::tcp::socket socket,
                                               asio::ssl::context* tls, std::string request,
                                               std::chrono::milliseconds limit, Done done) {
        std::shared_ptr<Conversation> self(new Conversation(
            std::move(socket), tls, std::move(request), std::move(done)));
        self->timer_.expires_after(limit);
        self->timer_.async_wait([self](const boost::system::error_code& error) {
            if (!error) {
                self->stop(asio::error::timed_out);
            }
        });
        self->shake_hands();
        return self;
    }

    /// Ends it now. What had already happened counts: bytes that are sent are sent, and a whole
    /// reply is a reply.
    void stop(const boost::system::error_code& why) {
        if (!is_stopped_ && done_) {
            is_stopped_ = true;
            result_.error = why;
            close();
        }
    }

private:
    Conversation(asio::ip::tcp::socket socket, asio::ssl::context* tls, std::string request,
                 Done done)
        : socket_(std::move(socket)),
          timer_(socket_.get_executor()),
          request_(std::move(request)),
          done_(std::move(done)) {
        if (tls != nullptr) {
            tls_.emplace(socket_, *tls);
        }
    }

    void shake_hands() {
        result_.stage = Stage::handshake;
        if (!tls_) {
            write();
            return;
        }
        tls_->async_handshake(
            asio::ssl::stream_base::client,
            [self = shared_from_this()](const boost::system::error_code& error) {
                if (self->goes_on(error)) {
                    self->write();
                }
            });
    }

    void write() {
        result_.stage = Stage::write;
        with_stream([this](auto& stream) {
            asio::async_write(stream, asio::buffer(request_),
                              [self = shared_from_this()](const boost::system::error_code& error,
                                                          std::size_t) {
                                  if (self->goes_on(error)) {
                                      self->read_length();
                                  }
                              });
        });
    }

    void read_length() {
        result_.stage = Stage::reply;
        with_stream([this](auto& stream) {
            asio::async_read(stream, asio::buffer(length_),
                             [self = shared_from_this()](const boost::system::error_code& error,
                                                         std::size_t) {
                                 if (self->goes_on(error)) {
                                     self->read_body();
                                 }
                             });
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
        with_stream([this](auto& stream) {
            asio::async_read(stream, asio::buffer(result_.reply),
                             [self = shared_from_this()](const boost::system::error_code& error,
                                                         std::size_t) {
                                 if (self->goes_on(error)) {
                                     self->result_.stage = Stage::done;
                                     self->result_.error = {};
                                     self->finish();
                                 }
                             });
        });
    }

    template <typename F>
    void with_stream(F call) {
        if (tls_) {
            call(*tls_);
        } else {
            call(socket_);
        }
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

    asio::ip::tcp::socket socket_;
    std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;
    asio::steady_timer timer_;
    std::string request_;
    std::array<char, 8> length_{};
    Result result_;
    bool is_stopped_ = false;
    /// Empty once the attempt is over.
    Done done_;
};

/// Lets `io` run until `end` is there, and asks from time to time whether `is_over`: then `stop` is
/// called.
inline Result run_until(asio::io_context& io, const std::optional<Result>& end,
                        const std::function<bool()>& is_over, const std::function<void()>& stop) {
    io.restart();
    while (!end) {
        if (is_over()) {
            stop();
        }
        io.run_one_for(std::chrono::milliseconds(20));
    }
    return *end;
}

/// A conversation that blocks, in a loop of its own.
inline Result converse(asio::io_context& io, asio::ip::tcp::socket socket, asio::ssl::context* tls,
                       const std::string& request, std::chrono::milliseconds limit,
                       const std::function<bool()>& is_over) {
    std::optional<Result> end;
    const auto conversation = Conversation::start(
        std::move(socket), tls, request, limit, [&end](const Result& result) { end = result; });
    return run_until(io, end, is_over,
                     [&] { conversation->stop(asio::error::operation_aborted); });
}

#endif  // EXAMPLE_CONVERSATION_HPP
