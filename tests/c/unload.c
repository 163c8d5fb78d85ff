/*
 * Loads the library, sends a command and unloads it again, many times: what the process holds
 * afterwards must not have grown. `unload LIBRARY PORT COUNT`.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ecf_failover.h"

typedef ecf_client *(*new_fn)(void);
typedef void (*free_fn)(ecf_client *);
typedef ecf_status (*set_fn)(ecf_client *, const char *, const char *);
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
    return 0;
}
