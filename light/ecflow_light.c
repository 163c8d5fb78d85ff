/* ecflow_light's functions over ecf_post_task_cmd: one client for the process, made at the first call. */

#define _POSIX_C_SOURCE 200112L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ecf_failover.h"
#include "ecflow/light/API.h"

/* What is queued at the end of the process has so many milliseconds. */
enum { AT_THE_END = 5000 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static ecf_client *client;

static void begin(void)
{
    client = ecf_client_new();
}

/* `--option=name` and a value. */
static int post(const char *option, const char *name, const char *value)
{
    const char *argv[2];
    size_t length;
    char *word;
    int status;

    if (name == NULL || value == NULL)
        return 1;
    length = strlen(option) + strlen(name) + 4;
    word = malloc(length);
    if (word == NULL)
        return 1;
    snprintf(word, length, "--%s=%s", option, name);
    argv[0] = word;
    argv[1] = value;
    pthread_once(&once, begin);
    status = ecf_post_task_cmd(client, 2, argv);
    free(word);
    return status;
}

int ecflow_light_update_meter(const char *name, int value)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%d", value);
    return post("meter", name, digits);
}

int ecflow_light_update_label(const char *name, const char *value)
{
    return post("label", name, value);
}

int ecflow_light_update_event(const char *name, int value)
{
    return post("event", name, value != 0 ? "set" : "clear");
}

__attribute__((destructor)) static void end(void)
{
    if (client == NULL)
        return;
    ecf_client_flush(client, AT_THE_END, NULL);
    ecf_client_free(client);
    client = NULL;
}
