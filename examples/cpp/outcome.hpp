// What one attempt means for the command: the whole knowledge that ecf_failover asks for.

#ifndef EXAMPLE_OUTCOME_HPP
#define EXAMPLE_OUTCOME_HPP

#include <string>

#include "conversation.hpp"
#include "ecf_failover.hpp"
#include "wire.hpp"

/// An outcome, and the words for the report.
struct Told {
    ecf_failover::Outcome outcome;
    std::string words;
};

inline Told told(const Result& result, const wire::Request& request) {
    using ecf_failover::Outcome;
    using Says = wire::Response::Says;
    switch (result.stage) {
        case Stage::resolve: return {Outcome::not_sent, "look-up: " + result.error.message()};
        case Stage::connect: return {Outcome::not_sent, "connect: " + result.error.message()};
        case Stage::handshake: return {Outcome::not_sent, "TLS: " + result.error.message()};
        case Stage::write: return {Outcome::not_sent, "write: " + result.error.message()};
        case Stage::reply: return {Outcome::unconfirmed, "no reply: " + result.error.message()};
        case Stage::done: break;
    }
    const wire::Response response = wire::response(result.reply, request);
    switch (response.says) {
        case Says::ok: return {Outcome::ok, ""};
        case Says::error: return {Outcome::rejected, response.words};
        case Says::wait: return {Outcome::wait, "the expression is false"};
        case Says::halted: return {Outcome::halted, "the server is halted"};
        case Says::zombie: return {Outcome::zombie, "the server takes the task for a zombie"};
        case Says::nothing_legal: break;
    }
    return {Outcome::unconfirmed, "what came is no reply to this command"};
}

inline ecf_failover::Kind kind(const wire::Request& request) {
    switch (request.sender) {
        case wire::Request::Sender::job: return ecf_failover::Kind::task;
        case wire::Request::Sender::user: return ecf_failover::Kind::user;
        case wire::Request::Sender::ping: return ecf_failover::Kind::ping;
    }
    return ecf_failover::Kind::user;
}

#endif  // EXAMPLE_OUTCOME_HPP
