"""The Python module against a real server (argv: its port) and a port that refuses."""

import os
import sys
import threading
import time

import ecf_failover
from ecf_failover import Client, Error, Kind, Outcome, Status

port, refused = sys.argv[1:3]


def expect(error_type, call, *words, **options):
    try:
        call(*words, **options)
    except error_type as error:
        return error
    raise AssertionError(f"{words} raised nothing")


with Client(ECF_HOST="127.0.0.1", ECF_PORT=port, ECF_NAME="/s/f/t", ECF_PASS="_DJP_") as ecf:
    ecf.task("--init=4711")
    ecf.task("--meter=m", "42")
    reply = ecf.user("--query", "meter", "/s/f/t:m")
    assert (reply.text, reply.port, reply.attempts) == ("42\n", int(port), 1)
    assert reply.report["status"] == "ECF_OK"
    ecf.task("--label=l", b"caf\xe9")
    assert ecf.user("--query", "label", "/s/f/t:l").data == b"caf\xe9\n"
    error = expect(Error, ecf.user, "--suspend", "/no/such")
    assert error.status is Status.REJECTED and error.reply.host == "127.0.0.1"
    assert ecf.user("--nonsense", check=False).status is Status.ARGUMENT
    expect(ValueError, ecf.task, "--label=l", "a\0b")
    error = expect(Error, ecf.set, "ECF_NONSENSE", "1")
    assert error.reply is None and "ECF_NONSENSE" in str(error)
    expect(Error, ecf.get, "ECF_PASS")
    assert ecf.get("ECF_PORT") == port and ecf.check() == []
    assert len(ecf.explain(Kind.TASK)) > 4000

    seen = []

    def attempt(one):
        seen.append((one.host, one.port, one.number, one.timeout > 0, one.cancelled))
        one.note("hm")
        return Outcome.NOT_SENT if one.number < 3 else Outcome.OK

    reply = ecf.delegate(Kind.TASK, attempt, ECF_FAILOVER_RETRY_PERIOD="0.01")
    assert [number for _, _, number, _, _ in seen] == [1, 2, 3] and reply.attempts == 3
    assert "hm" in str(reply.report)

    def fails(one):
        raise KeyError("mine")

    expect(KeyError, ecf.delegate, Kind.TASK, fails)
    ecf.task("--complete")
error = expect(Error, ecf.task, "--complete")
assert error.status is Status.ARGUMENT

with Client(ECF_HOST="127.0.0.1", ECF_PORT=refused, ECF_NAME="/s/f/t", ECF_PASS="x1y2") as ecf:
    threading.Timer(0.3, ecf.cancel).start()
    error = expect(Error, ecf.task, "--complete")
    assert error.status is Status.CANCELLED
    ecf.resume()

print("python", ecf_failover.version())
