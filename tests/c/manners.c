/*
 * How the library behaves inside somebody else's process. `manners CASE PORT` runs one case
 * against a server on 127.0.0.1:PORT and prints nothing when all is well.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ecf_failover.h"

static int failures = 0;

/* Descriptor 2 may be closed: failures go to the exit status, too. */
#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
            ++failures;                                                           \
        }                                                                         \
    } while (0)

static const char *const EVENT[] = { "--event=e" };

static ecf_client *new_client(const char *host, const char *port)
{
    ecf_client *client = ecf_client_new();
    CHECK(ecf_client_set(client, "ECF_HOST", host) == ECF_OK);
    CHECK(ecf_client_set(client, "ECF_PORT", port) == ECF_OK);
    CHECK(ecf_client_set(client, "ECF_NAME", "/s/f/t") == ECF_OK);
    CHECK(ecf_client_set(client, "ECF_PASS", "sesame") == ECF_OK);
    CHECK(ecf_client_set(client, "ECF_FAILOVER_RETRY_PERIOD", "0.05") == ECF_OK);
    CHECK(ecf_client_set(client, "ECF_FAILOVER_HOST_PERIOD", "0.05") == ECF_OK);
    CHECK(ecf_client_set(client, "ECF_TIMEOUT", "20") == ECF_OK);
    return client;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(directory) != NULL)
        ++count;
    closedir(directory);
    return count;
}

/* A peer that closes while a large request is written raises no SIGPIPE. */
static void sigpipe(const char *port)
{
    ecf_client *client = new_client("127.0.0.1", port);
    size_t size = 16u << 20;
    char *text = malloc(size + 1);
    const char *argv[] = { "--label=l", NULL };
    int ends[2];

    memset(text, 'x', size);
    text[size] = '\0';
    argv[1] = text;
    CHECK(signal(SIGPIPE, SIG_DFL) == SIG_DFL);
    CHECK(ecf_client_set(client, "ECF_DENIED", "1") == ECF_OK);
    CHECK(ecf_send_task_cmd(client, 2, argv, NULL) == ECF_ERR_DENIED);
    /* Nor does a log that nobody reads any more. */
    CHECK(pipe(ends) == 0 && dup2(ends[1], 2) == 2);
    close(ends[0]);
    CHECK(ecf_client_set(client, "ECF_DEBUG_CLIENT", "1") == ECF_OK);
    CHECK(ecf_send_task_cmd(client, 2, argv, NULL) == ECF_ERR_DENIED);
    free(text);
    ecf_client_free(client);
}

static volatile sig_atomic_t is_over = 0;
static int strays = 0;

static void *watch_standard_descriptors(void *unused)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    (void)unused;
    while (!is_over)
        for (int fd = 0; fd < 3; ++fd)
            if (getpeername(fd, (struct sockaddr *)&address, &length) == 0)
                ++strays;
    return NULL;
}

/* What a host that closed 0, 1 and 2 prints never goes to a server. */
static void standard_descriptors(const char *port)
{
    pthread_t watcher;
    ecf_client *client;

    for (int fd = 0; fd < 3; ++fd)
        close(fd);
    pthread_create(&watcher, NULL, watch_standard_descriptors, NULL);
    client = new_client("127.0.0.1", port);
    /* A file without a name of a host: the C library's resolver takes the first free descriptor. */
    if (ecf_client_set(client, "ECF_FAILOVER_REPLY_TIMEOUT", "0.2") != ECF_OK
        || ecf_client_set(client, "ECF_HOSTFILE", "/proc/self/cgroup") != ECF_OK
        || ecf_client_set(client, "ECF_TIMEOUT", "0.6") != ECF_OK
        || ecf_send_task_cmd(client, 1, EVENT, NULL) != ECF_ERR_TIMEOUT)
        ++failures;
    ecf_client_free(client);
    is_over = 1;
    pthread_join(watcher, NULL);
    if (strays != 0)
        ++failures;
}

static void count_signal(int number)
{
    (void)number;
}

static void storm(long microseconds)
{
    struct sigaction action;
    struct itimerval timer;

    memset(&action, 0, sizeof action);
    action.sa_handler = count_signal; /* without SA_RESTART */
    sigaction(SIGALRM, &action, NULL);
    memset(&timer, 0, sizeof timer);
    timer.it_interval.tv_usec = microseconds;
    timer.it_value.tv_usec = microseconds;
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* A signal every millisecond neither shortens a wait nor loses a command. */
static void signals(const char *mute, const char *live)
{
    ecf_client *client = new_client("127.0.0.1", mute);
    double begin;

    storm(1000);
    CHECK(ecf_client_set(client, "ECF_TIMEOUT", "1") == ECF_OK);
    begin = now();
    CHECK(ecf_send_task_cmd(client, 1, EVENT, NULL) == ECF_ERR_TIMEOUT);
    CHECK(now() - begin >= 1.0 && now() - begin < 3.0);
    CHECK(ecf_client_set(client, "ECF_PORT", live) == ECF_OK);
    CHECK(ecf_send_task_cmd(client, 1, EVENT, NULL) == ECF_OK);
    storm(0);
    ecf_client_free(client);
}

static void forked(const char *port)
{
    char name[256];
    const char *hosts[3];

    CHECK(gethostname(name, sizeof name) == 0);
    hosts[0] = "127.0.0.1";
    hosts[1] = "localhost";
    hosts[2] = name; /* is looked up: glibc has a thread for that, which a fork loses */
    for (int i = 0; i < 3; ++i) {
        ecf_client *client = new_client(hosts[i], port);
        int status = -1;
        pid_t child;

        CHECK(ecf_send_task_cmd(client, 1, EVENT, NULL) == ECF_OK);
        child = fork();
        if (child == 0) {
            alarm(15);
            _exit(ecf_send_task_cmd(client, 1, EVENT, NULL));
        }
        CHECK(ecf_send_task_cmd(client, 1, EVENT, NULL) == ECF_OK);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == ECF_OK);
        ecf_client_free(client);
    }
}

/* Without a descriptor left it says so, leaks none, and works again when there are some. */
static void no_descriptors(const char *port)
{
    ecf_client *client = new_client("127.0.0.1", port);
    ecf_reply *reply = NULL;
    struct rlimit limit = { 64, 64 };
    int fds[64];
    int count = 0;
    int before = open_descriptors();

    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while (count < 64 && (fds[count] = open("/dev/null", O_RDONLY)) != -1)
        ++count;
    CHECK(ecf_client_set(client, "ECF_DENIED", "1") == ECF_OK);
    CHECK(ecf_send_task_cmd(client, 1, EVENT, &reply) == ECF_ERR_DENIED);
    CHECK(ecf_reply_attempts(reply) == 2);
    CHECK(strstr(ecf_reply_error(reply), "ulimit -n") != NULL);
    CHECK(strstr(ecf_reply_report(reply), "\"errno\":24") != NULL);
    ecf_reply_free(reply);
    while (count > 0)
        close(fds[--count]);
    CHECK(ecf_send_task_cmd(client, 1, EVENT, NULL) == ECF_OK);
    CHECK(open_descriptors() == before);
    ecf_client_free(client);
}

/* A reply that does not fit into what memory is left is refused; the process lives on. */
static void no_memory(const char *port)
{
    const char *argv[] = { "--queue=q", "no_of_aborted" };
    ecf_client *client = new_client("127.0.0.1", port);
    ecf_reply *reply = NULL;
    struct rlimit limit;
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    limit.rlim_cur = limit.rlim_max = pages * 4096ul + (20ul << 20);
    CHECK(ecf_client_set(client, "ECF_DENIED", "1") == ECF_OK);
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    CHECK(ecf_send_task_cmd(client, 2, argv, &reply) == ECF_ERR_DENIED);
    CHECK(strstr(ecf_reply_error(reply), "memory") != NULL);
    ecf_reply_free(reply);
    ecf_client_free(client);
}

/* In a sandbox that refuses socket options and IPv6 a command still arrives. */
static void sandboxed(const char *port)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_setsockopt, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };
    ecf_client *client = new_client("localhost", port);
    char text[4000];
    const char *argv[] = { "--label=l", text };

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    CHECK(socket(AF_INET6, SOCK_STREAM, 0) == -1 && errno == EPERM);
    CHECK(ecf_send_task_cmd(client, 2, argv, NULL) == ECF_OK);
    CHECK(ecf_client_set(client, "ECF_HOST", "::1") == ECF_OK);
    CHECK(ecf_client_set(client, "ECF_DENIED", "1") == ECF_OK);
    CHECK(ecf_send_task_cmd(client, 2, argv, NULL) == ECF_ERR_DENIED);
    ecf_client_free(client);
}

static ecf_client *to_cancel = NULL;

static void cancel_in_handler(int number)
{
    (void)number;
    ecf_client_cancel(to_cancel);
}

/* A cancel from a signal handler on the very thread that sends. */
static void cancelled(const char *mute, const char *dead)
{
    const char *ports[2];

    ports[0] = mute;
    ports[1] = dead;
    signal(SIGALRM, cancel_in_handler);
    for (int i = 0; i < 2; ++i) {
        struct itimerval timer;
        double begin;

        to_cancel = new_client("127.0.0.1", ports[i]);
        CHECK(ecf_client_set(to_cancel, "ECF_FAILOVER_RETRY_PERIOD", "30") == ECF_OK);
        memset(&timer, 0, sizeof timer);
        timer.it_value.tv_usec = 200000;
        begin = now();
        setitimer(ITIMER_REAL, &timer, NULL);
        CHECK(ecf_send_task_cmd(to_cancel, 1, EVENT, NULL) == ECF_ERR_CANCELLED);
        CHECK(now() - begin < 2.0);
        ecf_client_free(to_cancel);
    }
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const char *port = argc > 2 ? argv[2] : "";
    const char *other = argc > 3 ? argv[3] : "";

    alarm(50); /* never for ever */
    if (strcmp(name, "sigpipe") == 0)
        sigpipe(port);
    else if (strcmp(name, "standard_descriptors") == 0)
        standard_descriptors(port);
    else if (strcmp(name, "signals") == 0)
        signals(port, other);
    else if (strcmp(name, "forked") == 0)
        forked(port);
    else if (strcmp(name, "no_descriptors") == 0)
        no_descriptors(port);
    else if (strcmp(name, "no_memory") == 0)
        no_memory(port);
    else if (strcmp(name, "sandboxed") == 0)
        sandboxed(port);
    else if (strcmp(name, "cancelled") == 0)
        cancelled(port, other);
    else
        failures = 1;
    return failures == 0 ? 0 : 1;
}
