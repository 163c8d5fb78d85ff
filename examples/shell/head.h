#!%JOB_SHELL:/bin/bash%
# The head of every job: which task it is, how it tells its server, and what happens when it fails.
set -e          # stop at the first error
set -u          # and at a variable that is not set

# What the server knows of this job.
export ECF_HOST=%ECF_HOST% ECF_PORT=%ECF_PORT%
export ECF_NAME=%ECF_NAME% ECF_PASS=%ECF_PASS% ECF_TRYNO=%ECF_TRYNO%
export ECF_RID=$$
# The list of backups, where there is one.
[ -z "%ECF_HOSTFILE:%" ] || export ECF_HOSTFILE="%ECF_HOSTFILE:%"

# ecflow_client in the shell itself where that works, else ecf_client, else the stock client.
# Whatever is there, the lines of the job are the same.
if [ -n "${BASH_VERSION:-}" ] && [ -r "%ECF_LIBRARY:%" ] &&
    enable -f "%ECF_LIBRARY:%" ecflow_client 2>/dev/null; then
    :
elif command -v ecf_client >/dev/null 2>&1; then
    ecflow_client() { command ecf_client "$@"; }
fi
# What runs programs (timeout, env, nohup, xargs) knows no builtin and no function: it finds the
# same client first in PATH.
if [ -x "%ECF_PROGRAMS:%/ecflow_client" ]; then
    export PATH="%ECF_PROGRAMS:%:$PATH"
fi

ecflow_client --init=$$

# A failure, or a signal, tells the server, and the job ends here.
ERROR() {
    set +e
    wait                                # for what runs in the background
    ecflow_client --abort="$1"
    trap 0                              # no second time
    exit 0
}
trap 'ERROR "failed, see the output"' 0
for signal in 1 2 15; do
    # shellcheck disable=SC2064 # the number of now
    trap "ERROR 'signal $signal'" "$signal"
done
