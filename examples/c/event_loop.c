/*
 * Several commands at once in one thread, by poll: the library connects, this program speaks. For
 * each word a command is sent whose frame is that word's file: a length of eight hexadecimal
 * digits and a body, as ecFlow's servers read them.
 *
 *   cc event_loop.c -lecf_failover -o event_loop
 *   ./event_loop frame1 frame2 ...
 *
 * A line for each command: who confirmed it. Exit status: how many were not confirmed.
 */
#define _POSIX_C_SOURCE 200112L
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ecf_failover.h"

enum { MOST = 64, LONGEST = 1 << 16, HEAD = 8 };

struct command {
    const char *name;
    ecf_plan *plan;
    char frame[LONGEST];
    size_t length, sent, received;
    int socket;      /* -1: nothing is being said */
    uint64_t due_ms; /* when the plan is asked again, though nothing happened */
    char reply[HEAD + LONGEST];
    int is_over;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The attempt is over: the library is told, and the connection is closed. */
static void end_attempt(struct command *one, int32_t outcome)
{
    if (one->socket >= 0)
        close(one->socket);
    one->socket = -1;
    one->sent = one->received = 0;
    ecf_plan_outcome(one->plan, outcome, 0);
}

/* What was sent whole may have been applied; what was not, was not. */
static int32_t failure(const struct command *one)
{
    return one->sent < one->length ? ECF_OUTCOME_NOT_SENT : ECF_OUTCOME_UNCONFIRMED;
}

/* Whether a whole reply is there, and what it means; a real client decodes it. */
static int judge(const struct command *one, int32_t *outcome)
{
    char head[HEAD + 1] = "";
    if (one->received < HEAD)
        return 0;
    memcpy(head, one->reply, HEAD);
    if (one->received < HEAD + strtoul(head, NULL, 16))
        return 0;
    *outcome = strstr(one->reply + HEAD, "ErrorCmd") ? ECF_OUTCOME_REJECTED : ECF_OUTCOME_OK;
    return 1;
}

/* Writes or reads what is possible now. */
static void speak(struct command *one)
{
    int32_t outcome = ECF_OUTCOME_OK;
    ssize_t count;

    if (one->sent < one->length) {
        /* A peer that has closed raises no SIGPIPE here. */
        count = send(one->socket, one->frame + one->sent, one->length - one->sent, MSG_NOSIGNAL);
        if (count >= 0)
            one->sent += (size_t)count;
        else if (errno != EAGAIN && errno != EINTR)
            end_attempt(one, ECF_OUTCOME_NOT_SENT);
        return;
    }
    count = read(one->socket, one->reply + one->received, sizeof one->reply - 1 - one->received);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        end_attempt(one, ECF_OUTCOME_UNCONFIRMED);
        return;
    }
    one->received += (size_t)count;
    one->reply[one->received] = '\0';
    if (judge(one, &outcome))
        end_attempt(one, outcome);
}

/* Asks the plan what is to be done now. */
static void ask(struct command *one)
{
    for (;;) {
        uint64_t ms = 0;
        int32_t step = ecf_plan_next(one->plan, 0, &ms);

        /* Without a descriptor it is asked from time to time. */
        if (ecf_plan_poll_fd(one->plan) < 0 && ms > 20)
            one->due_ms = now_ms() + 20;
        else
            one->due_ms = now_ms() + (ms < 3600000 ? ms : 3600000);
        if (step == ECF_PLAN_WAIT)
            return;
        if (step != ECF_PLAN_ATTEMPT) {
            /* Cancelled, perhaps, while a server was waited for. */
            if (one->socket >= 0)
                close(one->socket);
            one->socket = -1;
            one->is_over = 1;
            return;
        }
        if (one->socket < 0) {
            one->socket = ecf_plan_take_socket(one->plan);
            if (one->socket < 0)
                end_attempt(one, ECF_OUTCOME_NOT_SENT);
            else
                return;
        } else if (ms == 0) {
            /* Its time is over, or its server is proved to be gone. */
            end_attempt(one, failure(one));
        } else {
            return;
        }
    }
}

static int read_frame(struct command *one)
{
    FILE *file = fopen(one->name, "rb");
    if (file == NULL)
        return 0;
    one->length = fread(one->frame, 1, sizeof one->frame, file);
    fclose(file);
    return one->length > 0;
}

/* Waits until something is to be done for a command, and does it. */
static void turn(struct command *commands, size_t count)
{
    struct pollfd ready[2 * MOST];
    uint64_t now = now_ms(), due = now + 60000;
    size_t i;

    for (i = 0; i < count; i++) {
        struct command *one = &commands[i];
        ready[2 * i].fd = one->is_over ? -1 : ecf_plan_poll_fd(one->plan);
        ready[2 * i].events = POLLIN;
        ready[2 * i + 1].fd = one->socket;
        ready[2 * i + 1].events = one->sent < one->length ? POLLOUT : POLLIN;
        if (!one->is_over && one->due_ms < due)
            due = one->due_ms;
    }
    if (poll(ready, (nfds_t)(2 * count), due > now ? (int)(due - now) : 0) < 0)
        return;
    now = now_ms();
    for (i = 0; i < count; i++) {
        struct command *one = &commands[i];
        if (one->is_over)
            continue;
        if (ready[2 * i + 1].fd >= 0 && ready[2 * i + 1].revents != 0)
            speak(one);
        if (ready[2 * i].revents != 0 || one->socket < 0 || one->due_ms <= now)
            ask(one);
    }
}

int main(int argc, char **argv)
{
    static struct command commands[MOST];
    size_t count = (size_t)(argc - 1);
    size_t i, left = count;
    int failed = 0;
    ecf_client *client = ecf_client_new();

    if (count > MOST) {
        fprintf(stderr, "%d frames at the most\n", MOST);
        return 2;
    }
    for (i = 0; i < count; i++) {
        struct command *one = &commands[i];
        one->name = argv[i + 1];
        one->socket = -1;
        one->plan = ecf_plan_new_connected(client, ECF_KIND_TASK, NULL);
        if (one->plan == NULL || !read_frame(one)) {
            fprintf(stderr, "%s: no frame\n", one->name);
            return 2;
        }
        ask(one);
    }
    while (left > 0) {
        turn(commands, count);
        for (left = 0, i = 0; i < count; i++)
            left += !commands[i].is_over;
    }
    for (i = 0; i < count; i++) {
        ecf_status status = ecf_plan_status(commands[i].plan);
        if (status == ECF_OK)
            printf("%s: %s:%u\n", commands[i].name, ecf_plan_host(commands[i].plan),
                   (unsigned)ecf_plan_port(commands[i].plan));
        else
            fprintf(stderr, "%s: %s\n%s\n", commands[i].name, ecf_status_text(status),
                    ecf_plan_report(commands[i].plan));
        failed += status != ECF_OK;
        ecf_plan_free(commands[i].plan);
    }
    ecf_client_free(client);
    return failed;
}
