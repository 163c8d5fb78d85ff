"""A program with networking of its own lets the library decide where, when and how often.

Here an attempt is no more than a connection by TCP, which tells whether a server listens. Exit
status: 0, or the number of the command's status.
"""

import socket
import sys

from ecf_failover import Attempt, Client, Error, Kind, Outcome


def attempt(one: Attempt) -> Outcome:
    """One attempt at one host, within the time that it has."""
    try:
        with socket.create_connection((one.host, one.port), min(one.timeout, 5)):
            # A real client sends its request here and reads the reply.
            return Outcome.OK
    except OSError as error:
        # Nothing was sent, so any other host may be tried.
        one.note(str(error))
        return Outcome.NOT_SENT


def main() -> int:
    with Client() as ecf:
        try:
            reply = ecf.delegate(Kind.TASK, attempt)
        except Error as error:
            print(error, file=sys.stderr)
            return error.status
        print(f"{reply.host}:{reply.port} after {reply.attempts} attempts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
