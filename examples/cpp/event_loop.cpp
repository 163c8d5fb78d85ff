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

#include "connection.hpp"
#include "ecf_failover.hpp"
#include "outcome.hpp"
#include "wire.hpp"

using std::chrono::milliseconds;

/// One command on its way. It must live until `done` was called.
class Delivery {
public:
    using Done = std::function<void(const ecf_failover::Plan&)>;

    Delivery(asio::io_context& io, ecf_failover::Client& client, wire::Request request, Done done)
        : io_(io),
          request_(std::move(request)),
          plan_(client, kind(request_), {}, now()),
          pause_(io),
          done_(std::move(done)) {
        go_on();
    }

    /// After a cancel of the client: does not wait for what is under way.
    void stop() {
        pause_.cancel();
        if (const auto connection = connection_) {
            connection->stop(asio::error::operation_aborted);
        }
    }

private:
    static milliseconds now() {
        const auto time = std::chrono::steady_clock::now().time_since_epoch();
        return std::chrono::duration_cast<milliseconds>(time);
    }

    /// Asks the plan what is to be done, and begins it.
    void go_on() {
        using Do = ecf_failover::Plan::Step::Do;
        const auto step = plan_.next(now());
        switch (step.what) {
            case Do::attempt:
                connection_ = Connection::start(io_, plan_.host(), plan_.port(), request_.frame,
                                                step.time, [this](const Result& result) {
                                                    end_attempt(result);
                                                });
                break;
            case Do::wait:
                pause_.expires_after(step.time);
                pause_.async_wait([this](const boost::system::error_code&) { go_on(); });
                break;
            case Do::done:
            case Do::give_up:
                asio::post(io_, [this] { done_(plan_); });
                break;
        }
    }

    void end_attempt(const Result& result) {
        const Told end = told(result, request_);
        if (!end.words.empty()) {
            std::cerr << plan_.host() << ':' << plan_.port() << ": " << end.words << '\n';
        }
        connection_ = nullptr;
        plan_.outcome(end.outcome, now());
        go_on();
    }

    asio::io_context& io_;
    wire::Request request_;
    ecf_failover::Plan plan_;
    asio::steady_timer pause_;
    std::shared_ptr<Connection> connection_;
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
    // Never destroyed: its destructor would wait for look-ups that hang.
    static asio::io_context& io = *new asio::io_context;
    ecf_failover::Client client;
    Ticker ticker(io);
    asio::signal_set signals(io, SIGINT, SIGTERM);
    auto status = ecf_failover::Status::internal;
    Delivery delivery(io, client, wire::request(std::vector<std::string>(argv + 1, argv + argc)),
                      [&](const ecf_failover::Plan& plan) {
                          status = plan.status();
                          if (status != ecf_failover::Status::ok) {
                              std::cerr << plan.report() << '\n';
                          }
                          io.stop();
                      });
    signals.async_wait([&](const boost::system::error_code&, int) {
        client.cancel();
        delivery.stop();
    });
    io.run();
    std::cout << "meanwhile " << ticker.ticks() << " ticks\n";
    return static_cast<int>(status);
} catch (const std::exception& why) {
    std::cerr << why.what() << '\n';
    return 1;
}
