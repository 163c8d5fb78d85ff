/*
 * A job that tells how far it is: steps 1 to argv[1] (10 unless given), then asks the server
 * what it has got. The environment says which task, and where its server is.
 *
 *   cc meter.c -lecf_failover -o meter
 *
 * Exit status: 0, or the ecf_status of the command that failed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ecf_failover.h"

/* Who was tried and why it failed; the report tells every attempt. */
static void tell(const char *command, const ecf_reply *reply)
{
    ecf_status status = ecf_reply_status(reply);
    fprintf(stderr, "%s: %s: %s\n%s\n%s\n", command, ecf_status_name(status),
            ecf_status_text(status), ecf_reply_error(reply), ecf_reply_report(reply));
}

static ecf_status send_meter(ecf_client *client, int step)
{
    char number[16];
    const char *argv[] = { "--meter=step", number };
    ecf_reply *reply = NULL;
    ecf_status status;

    snprintf(number, sizeof number, "%d", step);
    status = ecf_send_task_cmd(client, 2, argv, &reply);
    if (status != ECF_OK)
        tell("meter", reply);
    else if (ecf_reply_attempts(reply) > 1)
        fprintf(stderr, "step %d: taken by %s:%u, attempt %u\n", step, ecf_reply_host(reply),
                (unsigned)ecf_reply_port(reply), (unsigned)ecf_reply_attempts(reply));
    ecf_reply_free(reply);
    return status;
}

/* Prints the meter as the server has it. */
static ecf_status print_meter(ecf_client *client)
{
    char name[1024];
    char attribute[1040];
    const char *argv[] = { "--query", "meter", attribute };
    ecf_reply *reply = NULL;
    ecf_status status = ecf_client_get(client, "ECF_NAME", name, sizeof name, NULL);

    if (status != ECF_OK)
        return status;
    snprintf(attribute, sizeof attribute, "%s:step", name);
    status = ecf_send_user_cmd(client, 3, argv, &reply);
    if (status == ECF_OK)
        fwrite(ecf_reply_text(reply), 1, ecf_reply_text_len(reply), stdout);
    else
        tell("query", reply);
    ecf_reply_free(reply);
    return status;
}

int main(int argc, char **argv)
{
    int steps = argc > 1 ? atoi(argv[1]) : 10;
    ecf_status status = ECF_OK;
    int step;
    ecf_client *client = ecf_client_new();

    /* A dead server must not hold the model: half a minute for each meter, no more. */
    if (getenv("ECF_FAILOVER_PROGRESS_TIMEOUT") == NULL)
        status = ecf_client_set(client, "ECF_FAILOVER_PROGRESS_TIMEOUT", "30");
    for (step = 1; step <= steps && status == ECF_OK; ++step)
        status = send_meter(client, step);
    if (status == ECF_OK)
        status = print_meter(client);
    ecf_client_free(client);
    return status;
}
