/*
 * Loads the library, sends a command and unloads it again, many times: what the process holds
 * afterwards must not have grown. `unload LIBRARY PORT COUNT CROWDS POSTS`:
 * CROWDS times with eight threads at once and a log, POSTS times with a thread of the library's,
 * and some more where only the unloading ends that thread.
 */
#define _POSIX_C_SOURCE 200112L
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ecf_failover.h"

typedef ecf_client *(*new_fn)(void);
typedef void (*free_fn)(ecf_client *);
typedef ecf_status (*set_fn)(ecf_client *, const char *, const char *);
typedef ecf_status (*log_fn)(ecf_client *, ecf_log_fn, void *);
typedef ecf_status (*post_fn)(ecf_client *, int32_t, const char *const *);
typedef ecf_status (*flush_fn)(ecf_client *, uint64_t, ecf_reply **);
typedef ecf_status (*send_fn)(ecf_client *, int32_t, const char *const *, ecf_reply **);

/* The only way to a function pointer that C99 allows. */
static void *find(void *library, const char *name, void *function, size_t size)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, size);
    return symbol;
}

static int cycle(const char *path, const char *port)
{
    const char *argv[] = { "--event=e" };
    void *library = dlopen(path, RTLD_NOW);
    new_fn make;
    free_fn release;
    set_fn set;
    send_fn send;
    ecf_client *client;
    int bad;

    if (library == NULL || !find(library, "ecf_client_new", &make, sizeof make)
        || !find(library, "ecf_client_free", &release, sizeof release)
        || !find(library, "ecf_client_set", &set, sizeof set)
        || !find(library, "ecf_send_task_cmd", &send, sizeof send)) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    client = make();
    bad = set(client, "ECF_HOST", "127.0.0.1") || set(client, "ECF_PORT", port)
          || set(client, "ECF_NAME", "/s/f/t") || set(client, "ECF_PASS", "sesame")
          || send(client, 1, argv, NULL);
    release(client);
    return bad || dlclose(library);
}

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long all = 0;
    long resident = 0;
    if (fscanf(file, "%ld %ld", &all, &resident) != 2)
        resident = -1;
    fclose(file);
    return resident * 4;
}

static long lines(const char *path)
{
    FILE *file = fopen(path, "r");
    long count = 0;
    int c;
    while ((c = fgetc(file)) != EOF)
        count += c == '\n';
    fclose(file);
    return count;
}

static long descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    long count = 0;
    while (readdir(directory) != NULL)
        ++count;
    closedir(directory);
    return count;
}

struct crowd {
    ecf_client *client;
    send_fn send;
    int bad;
};

static void count_line(void *user, int32_t level, const char *line)
{
    (void)user;
    (void)level;
    (void)line;
}

static void *send_ten(void *user)
{
    const char *argv[] = { "--event=e" };
    struct crowd *crowd = user;

    for (int i = 0; i < 10; ++i)
        if (crowd->send(crowd->client, 1, argv, NULL) != ECF_OK)
            crowd->bad = 1;
    return NULL;
}

/* Eight threads on one client, with a log, and then away with it all. */
static int crowded_cycle(const char *path, const char *port)
{
    pthread_t threads[8];
    void *library = dlopen(path, RTLD_NOW);
    struct crowd crowd = { NULL, NULL, 0 };
    new_fn make;
    free_fn release;
    set_fn set;
    log_fn set_log;

    if (library == NULL || !find(library, "ecf_client_new", &make, sizeof make)
        || !find(library, "ecf_client_free", &release, sizeof release)
        || !find(library, "ecf_client_set", &set, sizeof set)
        || !find(library, "ecf_client_set_log", &set_log, sizeof set_log)
        || !find(library, "ecf_send_task_cmd", &crowd.send, sizeof crowd.send))
        return 1;
    crowd.client = make();
    if (set(crowd.client, "ECF_HOST", "127.0.0.1") || set(crowd.client, "ECF_PORT", port)
        || set(crowd.client, "ECF_NAME", "/s/f/t") || set(crowd.client, "ECF_PASS", "sesame")
        || set_log(crowd.client, count_line, NULL))
        return 1;
    for (int i = 0; i < 8; ++i)
        pthread_create(&threads[i], NULL, send_ten, &crowd);
    for (int i = 0; i < 8; ++i)
        pthread_join(threads[i], NULL);
    release(crowd.client);
    return crowd.bad || dlclose(library);
}

static long threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    long count = -2;
    while (readdir(directory) != NULL)
        ++count;
    closedir(directory);
    return count;
}

/* A thread that is joined may be listed for a moment. */
static int is_alone(void)
{
    struct timespec moment = { 0, 1000000 };
    for (int i = 0; i < 2000 && threads() > 1; ++i)
        nanosleep(&moment, NULL);
    return threads() == 1;
}

/* Posts, and goes while the thread is still there: freed, or left to the unloading. */
static int posting_cycle(const char *path, const char *port, int is_freed)
{
    const char *argv[] = { "--meter=m", "1" };
    void *library = dlopen(path, RTLD_NOW);
    new_fn make;
    free_fn release;
    set_fn set;
    post_fn post;
    flush_fn flush;
    ecf_client *client;
    int bad;

    if (library == NULL || !find(library, "ecf_client_new", &make, sizeof make)
        || !find(library, "ecf_client_free", &release, sizeof release)
        || !find(library, "ecf_client_set", &set, sizeof set)
        || !find(library, "ecf_post_task_cmd", &post, sizeof post)
        || !find(library, "ecf_client_flush", &flush, sizeof flush))
        return 1;
    client = make();
    bad = set(client, "ECF_HOST", "127.0.0.1") || set(client, "ECF_PORT", port)
          || set(client, "ECF_NAME", "/s/f/t") || set(client, "ECF_PASS", "sesame")
          || post(client, 2, argv) || flush(client, 20000, NULL) || threads() != 2;
    if (is_freed)
        release(client);
    return dlclose(library) || bad || !is_alone();
}

/* Whether something keeps the library from being unloaded. */
static int is_still_mapped(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    char line[4096];
    int found = 0;
    while (fgets(line, sizeof line, file) != NULL)
        found |= strstr(line, "libecf_failover") != NULL;
    fclose(file);
    return found;
}

int main(int argc, char **argv)
{
    long count = argc > 3 ? atol(argv[3]) : 0;
    long crowds = argc > 4 ? atol(argv[4]) : 0;
    long posts = argc > 5 ? atol(argv[5]) : 0;
    long resident = 0;
    long maps = 0;
    long fds = 0;

    for (long i = 0; i < count; ++i) {
        if (cycle(argv[1], argv[2]) != 0) {
            fprintf(stderr, "cycle %ld failed\n", i);
            return 1;
        }
        if (i == count / 10) {
            resident = resident_kib();
            maps = lines("/proc/self/maps");
            fds = descriptors();
        }
    }
    if (is_still_mapped()) {
        fprintf(stderr, "the library is still mapped\n");
        return 1;
    }
    if (resident_kib() > resident + 512 || lines("/proc/self/maps") > maps + 2
        || descriptors() != fds) {
        fprintf(stderr, "grown: %ld KiB to %ld KiB, %ld to %ld mappings, %ld to %ld descriptors\n",
                resident, resident_kib(), maps, lines("/proc/self/maps"), fds, descriptors());
        return 1;
    }
    for (long i = 0; i < posts; ++i) {
        if (posting_cycle(argv[1], argv[2], 1) != 0) {
            fprintf(stderr, "posting cycle %ld failed\n", i);
            return 1;
        }
        if (i == posts / 10) {
            resident = resident_kib();
            maps = lines("/proc/self/maps");
        }
    }
    if (is_still_mapped() || resident_kib() > resident + 512
        || lines("/proc/self/maps") > maps + 2 || descriptors() != fds) {
        fprintf(stderr, "grown by posts: %ld KiB to %ld KiB\n", resident, resident_kib());
        return 1;
    }
    for (long i = 0; i < posts / 20; ++i)
        if (posting_cycle(argv[1], argv[2], 0) != 0) {
            fprintf(stderr, "posting cycle %ld without a free failed\n", i);
            return 1;
        }
    /* What contended locks leave in a thread may keep the library mapped, and no more. */
    for (long i = 0; i < crowds; ++i)
        if (crowded_cycle(argv[1], argv[2]) != 0) {
            fprintf(stderr, "crowded cycle %ld failed\n", i);
            return 1;
        }
    if (crowds > 0 && (resident_kib() > resident + 4096 || descriptors() != fds)) {
        fprintf(stderr, "grown by crowds: %ld KiB to %ld KiB\n", resident, resident_kib());
        return 1;
    }
    return 0;
}
