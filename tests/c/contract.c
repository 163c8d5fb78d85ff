/*
 * What the header promises to a C program, without a server: NULL everywhere, buffers,
 * settings, a delegated command, a plan. Prints nothing when all is well.
 */
#include <stdio.h>
#include <string.h>

#include "ecf_failover.h"

static int failures = 0;

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
            ++failures;                                                           \
        }                                                                         \
    } while (0)

static void null_is_safe_everywhere(void)
{
    ecf_client *client = ecf_client_new();
    ecf_reply *reply = NULL;
    const char *argv[] = { "--ping", NULL };
    char buf[8];
    size_t needed = 99;
    uint64_t ms = 99;

    CHECK(client != NULL);
    ecf_client_free(NULL);
    ecf_reply_free(NULL);
    ecf_plan_free(NULL);
    CHECK(ecf_client_set(NULL, "ECF_PORT", "1") == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_set(client, NULL, "1") == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_set(client, "ECF_PORT", NULL) == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_get(NULL, "ECF_PORT", buf, 8, &needed) == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_get(client, NULL, buf, 8, &needed) == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_check(NULL, buf, 8, &needed) == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_refusal(NULL, buf, 8, &needed) == ECF_ERR_ARGUMENT);
    CHECK(needed == 0 && buf[0] == '\0');
    CHECK(ecf_client_refusal(client, buf, 8, &needed) == ECF_ERR_TOO_SMALL);
    CHECK(needed == strlen("the key or its value is NULL") + 1);
    CHECK(ECF_LOG_ERROR == 1 && ECF_LOG_WARN == 2 && ECF_LOG_INFO == 3 && ECF_LOG_DEBUG == 4);
    CHECK(ECF_FAILOVER_VERSION_NUMBER == ecf_version_number());
    CHECK(ECF_FAILOVER_VERSION_NUMBER == ECF_FAILOVER_VERSION_MAJOR * 10000
          + ECF_FAILOVER_VERSION_MINOR * 100 + ECF_FAILOVER_VERSION_PATCH);
    CHECK(ecf_client_explain(NULL, ECF_KIND_TASK, 1, buf, 8, &needed) == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_explain(client, 3, 1, buf, 8, &needed) == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_cancel(NULL) == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_resume(NULL) == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_set_log(NULL, NULL, NULL) == ECF_ERR_ARGUMENT);

    CHECK(ecf_send_user_cmd(NULL, 1, argv, &reply) == ECF_ERR_ARGUMENT);
    CHECK(reply != NULL && ecf_reply_status(reply) == ECF_ERR_ARGUMENT);
    CHECK(strstr(ecf_reply_error(reply), "NULL") != NULL);
    ecf_reply_free(reply);
    CHECK(ecf_send_user_cmd(client, 2, argv, NULL) == ECF_ERR_ARGUMENT);
    CHECK(ecf_send_task_cmd(client, -1, argv, NULL) == ECF_ERR_ARGUMENT);
    CHECK(ecf_send_task_cmd(client, 1, NULL, NULL) == ECF_ERR_ARGUMENT);
    CHECK(ecf_send_task_cmd(client, 0, NULL, NULL) == ECF_ERR_ARGUMENT);
    CHECK(ecf_delegate(client, ECF_KIND_TASK, NULL, NULL, NULL, &reply) == ECF_ERR_ARGUMENT);
    CHECK(reply != NULL && ecf_reply_attempts(reply) == 0);
    ecf_reply_free(reply);

    CHECK(ecf_reply_status(NULL) == ECF_ERR_ARGUMENT);
    CHECK(strcmp(ecf_reply_text(NULL), "") == 0 && ecf_reply_text_len(NULL) == 0);
    CHECK(strcmp(ecf_reply_error(NULL), "") == 0 && strcmp(ecf_reply_host(NULL), "") == 0);
    CHECK(ecf_reply_port(NULL) == 0 && ecf_reply_attempts(NULL) == 0);
    CHECK(strcmp(ecf_reply_report(NULL), "") == 0);
    CHECK(strcmp(ecf_attempt_host(NULL), "") == 0 && ecf_attempt_port(NULL) == 0);
    CHECK(ecf_attempt_number(NULL) == 0 && ecf_attempt_timeout_ms(NULL) == 0);
    CHECK(ecf_attempt_cancelled(NULL) == 0);
    ecf_attempt_note(NULL, "x");
    CHECK(ecf_plan_new(NULL, ECF_KIND_TASK, NULL, 0) == NULL);
    CHECK(ecf_plan_new(client, 7, NULL, 0) == NULL);
    CHECK(ecf_plan_next(NULL, 0, &ms) == ECF_PLAN_GIVE_UP && ms == 0);
    CHECK(strcmp(ecf_plan_host(NULL), "") == 0 && ecf_plan_port(NULL) == 0);
    CHECK(ecf_plan_number(NULL) == 0 && ecf_plan_status(NULL) == ECF_ERR_ARGUMENT);
    CHECK(ecf_plan_outcome(NULL, ECF_OUTCOME_OK, 0) == ECF_ERR_ARGUMENT);
    CHECK(strcmp(ecf_plan_report(NULL), "") == 0);
    ecf_client_free(client);
}

static void buffers_are_filled_and_measured(void)
{
    ecf_client *client = ecf_client_new();
    char buf[16], text[200];
    size_t needed = 0;

    CHECK(ecf_client_set(client, "ECF_HOST", "primary.site") == ECF_OK);
    CHECK(ecf_client_get(client, "ECF_HOST", NULL, 0, &needed) == ECF_OK && needed == 13);
    CHECK(ecf_client_get(client, "ECF_HOST", buf, 13, NULL) == ECF_OK);
    CHECK(strcmp(buf, "primary.site") == 0);
    memset(buf, 'x', sizeof buf);
    CHECK(ecf_client_get(client, "ECF_HOST", buf, 12, &needed) == ECF_ERR_TOO_SMALL);
    CHECK(strcmp(buf, "primary.sit") == 0 && needed == 13 && buf[12] == 'x');
    CHECK(ecf_client_get(client, "ECF_HOST", buf, 1, &needed) == ECF_ERR_TOO_SMALL);
    CHECK(buf[0] == '\0' && needed == 13);
    CHECK(ecf_client_get(client, "ECF_HOST", buf, 0, &needed) == ECF_ERR_TOO_SMALL);
    CHECK(ecf_client_get(client, "ECF_HOST", NULL, 5, &needed) == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_get(client, "ECF_PASS", buf, sizeof buf, &needed) == ECF_ERR_ARGUMENT);
    CHECK(needed == 0 && buf[0] == '\0');
    CHECK(ecf_client_get(client, "ECF_NO_SUCH", buf, sizeof buf, NULL) == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_get(client, "ECF_PORT", buf, sizeof buf, NULL) == ECF_OK);
    CHECK(strcmp(buf, "3141") == 0);
    CHECK(ecf_client_set(client, "ECF_PORT", "port") == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_refusal(client, text, sizeof text, &needed) == ECF_OK);
    CHECK(strncmp(text, "ECF_PORT=\"port\": ", 17) == 0 && needed == strlen(text) + 1);
    CHECK(ecf_client_set(client, "ECF_PASWORD", "sesame") == ECF_ERR_ARGUMENT);
    CHECK(ecf_client_refusal(client, text, sizeof text, NULL) == ECF_OK);
    CHECK(strstr(text, "ECF_PASWORD") != NULL && strstr(text, "sesame") == NULL);
    CHECK(ecf_client_set(client, "ECF_TIMEOUT", "60") == ECF_OK);
    CHECK(ecf_client_refusal(client, text, sizeof text, &needed) == ECF_OK);
    CHECK(text[0] == '\0' && needed == 1);
    CHECK(ecf_client_check(client, buf, sizeof buf, &needed) == ECF_OK);
    CHECK(strcmp(buf, "") == 0 && needed == 1);
    CHECK(ecf_client_explain(client, ECF_KIND_PING, 0, NULL, 0, &needed) == ECF_OK);
    CHECK(needed == strlen("0.000 primary.site:3141\n") + 1);
    ecf_client_free(client);
}

struct calls {
    int count;
    int cancelled;
    ecf_client *client;
};

static int32_t third_time_lucky(void *user, ecf_attempt *attempt)
{
    struct calls *calls = user;
    ecf_reply *reply = NULL;

    ++calls->count;
    CHECK(ecf_attempt_number(attempt) == (uint32_t)calls->count);
    CHECK(strcmp(ecf_attempt_host(attempt), "::1") == 0 && ecf_attempt_port(attempt) == 7);
    CHECK(ecf_attempt_timeout_ms(attempt) > 0 && ecf_attempt_timeout_ms(attempt) <= 5000);
    calls->cancelled += ecf_attempt_cancelled(attempt);
    ecf_attempt_note(attempt, "not yet");
    /* A callback may use any handle, also this one. */
    CHECK(ecf_client_set(calls->client, "ECF_RID", "1") == ECF_OK);
    CHECK(ecf_send_user_cmd(calls->client, 0, NULL, &reply) == ECF_ERR_ARGUMENT);
    ecf_reply_free(reply);
    return calls->count < 3 ? ECF_OUTCOME_NOT_SENT : ECF_OUTCOME_OK;
}

static void a_callback_makes_the_attempts(void)
{
    const char *settings[] = { "ECF_TIMEOUT", "5", "ECF_FAILOVER_RETRY_PERIOD", "0.01",
                               "ECF_FAILOVER_ATTEMPTS", "3", NULL };
    struct calls calls = { 0, 0, NULL };
    ecf_client *client = ecf_client_new();
    ecf_reply *reply = NULL;

    calls.client = client;
    CHECK(ecf_client_set(client, "ECF_HOST", "::1") == ECF_OK);
    CHECK(ecf_client_set(client, "ECF_PORT", "7") == ECF_OK);
    CHECK(ecf_delegate(client, ECF_KIND_TASK, settings, third_time_lucky, &calls, &reply)
          == ECF_OK);
    CHECK(calls.count == 3 && calls.cancelled == 0);
    CHECK(ecf_reply_attempts(reply) == 3 && ecf_reply_port(reply) == 7);
    CHECK(strcmp(ecf_reply_host(reply), "::1") == 0);
    CHECK(strcmp(ecf_reply_error(reply), "") == 0);
    CHECK(strstr(ecf_reply_report(reply), "\"note\":\"not yet\"") != NULL);
    /* A reply outlives its client. */
    ecf_client_free(client);
    CHECK(ecf_reply_status(reply) == ECF_OK);
    ecf_reply_free(reply);
}

static int32_t frees_its_client(void *user, ecf_attempt *attempt)
{
    struct calls *calls = user;

    if (++calls->count == 1)
        ecf_client_free(calls->client);
    calls->cancelled += ecf_attempt_cancelled(attempt);
    return calls->count < 2 ? ECF_OUTCOME_NOT_SENT : ECF_OUTCOME_OK;
}

static void a_callback_may_free_its_client(void)
{
    const char *settings[] = { "ECF_FAILOVER_RETRY_PERIOD", "0.01", NULL };
    struct calls calls = { 0, 0, NULL };

    calls.client = ecf_client_new();
    CHECK(ecf_delegate(calls.client, ECF_KIND_TASK, settings, frees_its_client, &calls, NULL)
          == ECF_OK);
    CHECK(calls.count == 2 && calls.cancelled == 0);
}

static void a_plan_is_the_policy_without_blocking(void)
{
    const char *settings[] = { "ECF_HOST", "primary", "ECF_TIMEOUT", "15", NULL };
    const char *odd[] = { "ECF_HOST", NULL };
    const char *bad[] = { "ECF_PORT", "x", NULL };
    ecf_client *client = ecf_client_new();
    ecf_plan *plan;
    uint64_t ms = 0;

    CHECK(ecf_plan_new(client, ECF_KIND_TASK, odd, 0) == NULL);
    plan = ecf_plan_new(client, ECF_KIND_TASK, bad, 0);
    CHECK(ecf_plan_next(plan, 0, &ms) == ECF_PLAN_GIVE_UP);
    CHECK(ecf_plan_status(plan) == ECF_ERR_ARGUMENT);
    CHECK(strstr(ecf_plan_report(plan), "ECF_PORT") != NULL);
    ecf_plan_free(plan);

    plan = ecf_plan_new(client, ECF_KIND_TASK, settings, 1000);
    ecf_client_free(client); /* a plan outlives its client */
    CHECK(ecf_plan_outcome(plan, ECF_OUTCOME_OK, 1000) == ECF_ERR_ARGUMENT);
    CHECK(ecf_plan_number(plan) == 0 && ecf_plan_status(plan) == ECF_IN_PROGRESS);
    CHECK(ecf_plan_next(plan, 1000, &ms) == ECF_PLAN_ATTEMPT && ms == 15000);
    CHECK(strcmp(ecf_plan_host(plan), "primary") == 0 && ecf_plan_port(plan) == 3141);
    CHECK(ecf_plan_number(plan) == 1);
    CHECK(ecf_plan_next(plan, 3000, &ms) == ECF_PLAN_ATTEMPT && ms == 13000);
    CHECK(ecf_plan_number(plan) == 1);
    CHECK(ecf_plan_outcome(plan, ECF_OUTCOME_NOT_SENT, 4000) == ECF_OK);
    CHECK(strstr(ecf_plan_report(plan), "\"status\":null") != NULL);
    CHECK(strstr(ecf_plan_report(plan), "under way") != NULL);
    CHECK(ecf_plan_outcome(plan, ECF_OUTCOME_NOT_SENT, 4000) == ECF_ERR_ARGUMENT);
    CHECK(ecf_plan_next(plan, 4000, &ms) == ECF_PLAN_WAIT && ms == 10000);
    CHECK(ecf_plan_next(plan, 0, &ms) == ECF_PLAN_WAIT && ms == 10000);
    CHECK(ecf_plan_next(plan, 14000, NULL) == ECF_PLAN_ATTEMPT);
    CHECK(ecf_plan_outcome(plan, 99, 14000) == ECF_ERR_ARGUMENT);
    CHECK(ecf_plan_next(plan, 14000, &ms) == ECF_PLAN_GIVE_UP && ms == 0);
    CHECK(ecf_plan_status(plan) == ECF_ERR_CALLER);
    CHECK(strstr(ecf_plan_report(plan), "\"attempts_made\":2") != NULL);
    ecf_plan_free(plan);
}

static void a_plan_names_the_host_that_confirmed(void)
{
    FILE *file = fopen("contract.hosts", "w");
    const char *settings[] = { "ECF_HOSTFILE", "contract.hosts", "ECF_FAILOVER_ATTEMPTS", "1",
                               NULL };
    ecf_client *client = ecf_client_new();
    ecf_plan *plan;
    uint64_t ms = 0;

    CHECK(file != NULL && fputs("b1:4444\n", file) >= 0 && fclose(file) == 0);
    plan = ecf_plan_new(client, ECF_KIND_TASK, settings, 0);
    CHECK(ecf_plan_next(plan, 0, &ms) == ECF_PLAN_ATTEMPT);
    CHECK(ecf_plan_outcome(plan, ECF_OUTCOME_NOT_SENT, 1) == ECF_OK);
    CHECK(ecf_plan_next(plan, 1, &ms) == ECF_PLAN_ATTEMPT);
    CHECK(ecf_plan_outcome(plan, ECF_OUTCOME_OK, 2) == ECF_OK);
    CHECK(strcmp(ecf_plan_host(plan), "b1") == 0 && ecf_plan_port(plan) == 4444);
    CHECK(ecf_plan_next(plan, 2, &ms) == ECF_PLAN_DONE);
    CHECK(strcmp(ecf_plan_host(plan), "b1") == 0 && ecf_plan_port(plan) == 4444);
    ecf_plan_free(plan);
    remove("contract.hosts");

    /* A cancel ends a plan at once; a confirmed reply of its attempt still counts. */
    plan = ecf_plan_new(client, ECF_KIND_TASK, NULL, 0);
    CHECK(ecf_plan_next(plan, 0, &ms) == ECF_PLAN_ATTEMPT);
    CHECK(ecf_client_cancel(client) == ECF_OK && ecf_client_resume(client) == ECF_OK);
    CHECK(ecf_plan_next(plan, 1, &ms) == ECF_PLAN_GIVE_UP);
    CHECK(ecf_plan_status(plan) == ECF_ERR_CANCELLED);
    CHECK(ecf_plan_outcome(plan, ECF_OUTCOME_OK, 2) == ECF_OK);
    CHECK(ecf_plan_status(plan) == ECF_OK && ecf_plan_next(plan, 2, &ms) == ECF_PLAN_DONE);
    ecf_plan_free(plan);

    /* Also when the cancel comes between the outcome and the next step. */
    plan = ecf_plan_new(client, ECF_KIND_TASK, NULL, 0);
    CHECK(ecf_plan_next(plan, 0, &ms) == ECF_PLAN_ATTEMPT);
    CHECK(ecf_plan_outcome(plan, ECF_OUTCOME_OK, 1) == ECF_OK);
    CHECK(ecf_client_cancel(client) == ECF_OK && ecf_client_resume(client) == ECF_OK);
    CHECK(ecf_plan_next(plan, 2, &ms) == ECF_PLAN_DONE && ecf_plan_status(plan) == ECF_OK);
    ecf_plan_free(plan);
    ecf_client_free(client);
}

static void numbers_have_names(void)
{
    CHECK(strcmp(ecf_version(), "") != 0 && ecf_version_number() > 0);
    CHECK(strcmp(ecf_status_name(ECF_ERR_TIMEOUT), "ECF_ERR_TIMEOUT") == 0);
    CHECK(strcmp(ecf_status_name(ECF_OK), "ECF_OK") == 0);
    CHECK(strcmp(ecf_status_name(99), "unknown") == 0);
    CHECK(strcmp(ecf_status_text(-1), "unknown") == 0);
    CHECK(strcmp(ecf_outcome_name(ECF_OUTCOME_FATAL), "ECF_OUTCOME_FATAL") == 0);
    CHECK(strcmp(ecf_outcome_name(8), "unknown") == 0);
}

int main(void)
{
    null_is_safe_everywhere();
    buffers_are_filled_and_measured();
    a_callback_makes_the_attempts();
    a_callback_may_free_its_client();
    a_plan_is_the_policy_without_blocking();
    a_plan_names_the_host_that_confirmed();
    numbers_have_names();
    return failures == 0 ? 0 : 1;
}
