/*
 * ecflow_light's functions, served by ecf_failover: each call queues an update of the job's task and
 * returns in microseconds; a thread of the library delivers it, to a backup where the primary is dead.
 *
 * The task and its servers come from the environment of the job: ECF_NAME, ECF_PASS, ECF_RID,
 * ECF_TRYNO, ECF_HOST, ECF_PORT, ECF_HOSTFILE, and the keys of ecf_failover_keys(5). It is read at the
 * first call. With NO_ECF every call succeeds and nothing is sent. What is still queued when the
 * process ends normally has five seconds; what a killed process has queued is lost.
 *
 * Any thread may call. Each function returns 0 when the update was queued, and something else when it
 * was not: NULL, an empty name, settings that cannot be used, a full queue.
 */
#ifndef ECFLOW_LIGHT_API_H
#define ECFLOW_LIGHT_API_H

#ifdef __cplusplus
extern "C" {
#endif

/* The value of a meter. */
int ecflow_light_update_meter(const char *name, int value);

/* The text of a label. */
int ecflow_light_update_label(const char *name, const char *value);

/* An event: 0 clears it, anything else sets it. */
int ecflow_light_update_event(const char *name, int value);

#ifdef __cplusplus
}
#endif

#endif /* ECFLOW_LIGHT_API_H */
