/*
 * A program with networking of its own lets the library decide where, when and how often: here
 * an attempt is no more than a connection by TCP, which tells whether a server listens.
 *
 *   cc delegate.c -lecf_failover -o delegate
 *
 * Exit status: 0, or the ecf_status of the command.
 */
#define _POSIX_C_SOURCE 200112L
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ecf_failover.h"

/* Connects within a time; 0, or an errno. */
static int connect_within(const struct addrinfo *address, int timeout_ms)
{
    int error = 0;
    socklen_t size = sizeof error;
    struct pollfd ready = { -1, POLLOUT, 0 };

    ready.fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (ready.fd < 0)
        return errno;
    if (fcntl(ready.fd, F_SETFL, O_NONBLOCK) != 0
        || (connect(ready.fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS))
        error = errno;
    else if (poll(&ready, 1, timeout_ms) <= 0)
        error = ETIMEDOUT;
    else if (getsockopt(ready.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    close(ready.fd);
    return error;
}

/* One attempt at one host: what became of it, within the time that it has. */
static int32_t attempt(void *user, ecf_attempt *one)
{
    unsigned *count = user;
    uint64_t limit = ecf_attempt_timeout_ms(one);
    struct addrinfo hints;
    struct addrinfo *addresses = NULL;
    char port[8];
    int error;

    ++*count;
    if (ecf_attempt_cancelled(one))
        return ECF_OUTCOME_NOT_SENT;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    snprintf(port, sizeof port, "%u", (unsigned)ecf_attempt_port(one));
    error = getaddrinfo(ecf_attempt_host(one), port, &hints, &addresses);
    if (error != 0) {
        ecf_attempt_note(one, gai_strerror(error));
        return ECF_OUTCOME_NOT_SENT;
    }
    error = connect_within(addresses, limit < 5000 ? (int)limit : 5000);
    freeaddrinfo(addresses);
    if (error != 0) {
        /* Nothing was sent, so any other host may be tried. */
        ecf_attempt_note(one, strerror(error));
        return ECF_OUTCOME_NOT_SENT;
    }
    /* A real client sends its request here and reads the reply: ECF_OUTCOME_UNCONFIRMED is what
       it answers when all was written and no reply came. */
    return ECF_OUTCOME_OK;
}

int main(void)
{
    unsigned count = 0;
    ecf_reply *reply = NULL;
    ecf_client *client = ecf_client_new();
    ecf_status status = ecf_delegate(client, ECF_KIND_TASK, NULL, attempt, &count, &reply);

    if (status == ECF_OK)
        printf("%s:%u after %u attempts\n", ecf_reply_host(reply),
               (unsigned)ecf_reply_port(reply), count);
    else
        fprintf(stderr, "%s\n%s\n", ecf_status_text(status), ecf_reply_error(reply));
    ecf_reply_free(reply);
    ecf_client_free(client);
    return status;
}
