/* One command of a job, in-process: the command line is ecflow_client's. */
#include <stdio.h>
#include <string.h>

#include "ecf_failover.h"

int main(int argc, char **argv)
{
    ecf_client *client = ecf_client_new();
    ecf_reply *reply = NULL;
    ecf_status status =
        ecf_send_task_cmd(client, argc - 1, (const char *const *)(argv + 1), &reply);
    fwrite(ecf_reply_text(reply), 1, ecf_reply_text_len(reply), stdout);
    if (status != ECF_OK)
        fprintf(stderr, "%s\n", ecf_reply_error(reply));
    ecf_reply_free(reply);
    ecf_client_free(client);
    return status;
}
