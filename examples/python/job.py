"""A job that tells how far it is, then asks the server what it has got (argv: the steps).

PYTHONPATH holds the directory of ecf_failover.py; the environment says which task, and where its
server is. Exit status: 0, or the number of the status of the command that failed.
"""

import os
import sys

import ecf_failover


def main(steps: int) -> int:
    with ecf_failover.Client() as ecf:
        # A dead server must not hold the model: half a minute for each meter, no more.
        if not ecf.get("ECF_FAILOVER_PROGRESS_TIMEOUT"):
            ecf.set("ECF_FAILOVER_PROGRESS_TIMEOUT", "30")
        try:
            for step in range(1, steps + 1):
                ecf.task("--meter=step", str(step))
            reply = ecf.user("--query", "meter", os.environ["ECF_NAME"] + ":step")
            print(reply.text, end="")
        except ecf_failover.Timeout as error:
            print("no server within the time:", error, file=sys.stderr)
            for attempt in error.reply.report["attempts"] if error.reply else []:
                print(attempt["host"], attempt["port"], attempt["note"], file=sys.stderr)
            return error.status
        except ecf_failover.Error as error:
            print(error, file=sys.stderr)
            return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
