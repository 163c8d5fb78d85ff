// The client of after.cpp in an event loop: nothing blocks, and other work goes on meanwhile.
// SIGINT and SIGTERM end the command.
//
//   event_loop event e | meter m 42 | wait '/s/f/t == complete' | ping

#include <chrono>
#include <csignal>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adopt.hpp"
#include "conversation.hpp"
#include "ecf_failover.hpp"
#include "outcome.hpp"
#include "tls.hpp"
#include "wire.hpp"

using std::chrono::milliseconds;

/// One command on its way. It must live until `done` was called.
class Delivery {
public:
    using Done = std::function<void(const ecf_failover::ConnectedPlan&)>;

    Delivery(asio::io_context& io, ecf_failover::Client& client, wire::Request request, Done done)
        : io_(io),
          request_(std::move(request)),
          plan_(client, kind(request_)),
          pause_(io),
          glance_(io),
          news_(io),
          done_(std::move(done)) {
        if (plan_.poll_fd() != ecf_failover::Socket::none) {
            news_.assign(plan_.poll_fd());
            watch();
        } else {
            glance();
        }
        go_on();
    }

    /// The descriptor stays the plan's.
    ~Delivery() {
        if (news_.is_open()) {
            static_cast<void>(news_.release());
        }
    }

private:
    /// The plan is asked whenever it has news; a cancel of the client is news, too.
    void watch() {
        news_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [this](const boost::system::error_code& error) {
                             if (!error) {
                                 go_on();
                                 watch();
                             }
                         });
    }

    /// Without a descriptor it is asked from time to time.
    void glance() {
        glance_.expires_after(milliseconds(50));
        glance_.async_wait([this](const boost::system::error_code& error) {
            if (!error && done_) {
                go_on();
                glance();
            }
        });
    }

    /// Asks the plan what is to be done, and begins it.
    void go_on() {
        using Do = ecf_failover::Step::Do;
        const auto step = plan_.next();
        switch (step.what) {
            case Do::attempt:
                if (!conversation_) {
                    conversation_ = Conversation::start(
                        adopt(io_, plan_.take_socket()),
                        contexts_.find(plan_.host(), plan_.port()), request_.frame, step.time,
                        [this](const Result& result) { end_attempt(result); });
                } else if (step.time == milliseconds(0)) {
                    // Another connection has proved that the server is gone.
                    conversation_->stop(asio::error::connection_aborted);
                }
                break;
            case Do::wait:
                pause_.expires_after(step.time);
                pause_.async_wait([this](const boost::system::error_code& error) {
                    if (!error) {
                        go_on();
                    }
                });
                break;
            case Do::done:
            case Do::give_up:
                if (conversation_) {
                    // Cancelled meanwhile; what the server may have said still counts.
                    conversation_->stop(asio::error::operation_aborted);
                } else {
                    end();
                }
                break;
        }
    }

    void end_attempt(const Result& result) {
        const Told end = told(result, request_);
        if (!end.words.empty()) {
            std::cerr << plan_.host() << ':' << plan_.port() << ": " << end.words << '\n';
        }
        conversation_ = nullptr;
        plan_.outcome(end.outcome);
        go_on();
    }

    void end() {
        pause_.cancel();
        if (Done done = std::exchange(done_, nullptr)) {
            asio::post(io_, [this, done] { done(plan_); });
        }
    }

    asio::io_context& io_;
    TlsContexts contexts_;
    wire::Request request_;
    ecf_failover::ConnectedPlan plan_;
    asio::steady_timer pause_;
    asio::steady_timer glance_;
    asio::posix::stream_descriptor news_;
    std::shared_ptr<Conversation> conversation_;
    Done done_;
};

/// The other work: counts.
class Ticker {
public:
    explicit Ticker(asio::io_context& io) : timer_(io) { tick(); }
    int ticks() const { return ticks_; }

private:
    void tick() {
        timer_.expires_after(milliseconds(10));
        timer_.async_wait([this](const boost::system::error_code&) {
            ++ticks_;
            tick();
        });
    }

    asio::steady_timer timer_;
    int ticks_ = 0;
};

int main(int argc, char** argv) try {
    asio::io_context io;
    ecf_failover::Client client;
    Ticker ticker(io);
    asio::signal_set signals(io, SIGINT, SIGTERM);
    auto status = ecf_failover::Status::internal;
    Delivery delivery(io, client, wire::request(std::vector<std::string>(argv + 1, argv + argc)),
                      [&](const ecf_failover::ConnectedPlan& plan) {
                          status = plan.status();
                          if (status != ecf_failover::Status::ok) {
                              std::cerr << plan.report() << '\n';
                          }
                          io.stop();
                      });
    signals.async_wait([&](const boost::system::error_code&, int) { client.cancel(); });
    io.run();
    std::cout << "meanwhile " << ticker.ticks() << " ticks\n";
    return static_cast<int>(status);
} catch (const std::exception& why) {
    std::cerr << why.what() << '\n';
    return 1;
}
