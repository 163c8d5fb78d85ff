// The library's connection as a socket of Boost.Asio.

#ifndef EXAMPLE_ADOPT_HPP
#define EXAMPLE_ADOPT_HPP

#include <sys/socket.h>

#include <boost/asio.hpp>

#include "ecf_failover.hpp"

inline boost::asio::ip::tcp::socket adopt(boost::asio::io_context& io,
                                          ecf_failover::Socket taken) {
    using boost::asio::ip::tcp;
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    ::getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &length);
    tcp::socket socket(io);
    socket.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), taken.get());
    // From here on it is Asio's.
    static_cast<void>(taken.release());
    return socket;
}

#endif  // EXAMPLE_ADOPT_HPP
