/* Sends a task command and tells how it ended. */
#include <stdio.h>

#include "ecf_failover.h"

int send_arguments(int argc, const char *const *argv);

int send_arguments(int argc, const char *const *argv)
{
    ecf_client *client = ecf_client_new();
    ecf_reply *reply = NULL;
    ecf_status status = ecf_send_task_cmd(client, argc, argv, &reply);
    printf("%s %s\n", ecf_status_name(ecf_reply_status(reply)), ecf_reply_error(reply));
    ecf_reply_free(reply);
    ecf_client_free(client);
    return (int)status;
}
