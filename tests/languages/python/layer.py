"""The Python module against a real server (argv: its port) and a port that refuses."""

import asyncio
import gc
import os
import pathlib
import pickle
import signal
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
    error = expect(ecf_failover.Rejected, ecf.user, "--suspend", "/no/such")
    assert isinstance(error, Error) and str(error).startswith("ECF_ERR_REJECTED: 127.0.0.1:")
    assert pickle.loads(pickle.dumps(error)).status is Status.REJECTED
    assert error.status is Status.REJECTED and error.reply.host == "127.0.0.1"
    assert ecf.user("--nonsense", check=False).status is Status.ARGUMENT
    expect(ValueError, ecf.task, "--label=l", "a\0b")
    error = expect(Error, ecf.set, "ECF_NONSENSE", "1")
    assert error.reply is None and "ECF_NONSENSE" in str(error)
    error = expect(Error, ecf.set, "ECF_PASWORD", "sesame")
    assert "ECF_PASWORD" in str(error) and "sesame" not in str(error)
    error = expect(Error, ecf.set, "ECF_TIMEOUT", "soon")
    assert 'ECF_TIMEOUT="soon": not a duration' in str(error)
    expect(Error, ecf.get, "ECF_PASS")
    assert ecf.get("ECF_PORT") == port and ecf.check() == []
    assert len(ecf.explain(Kind.TASK)) > 4000

    ecf.post("--meter=m", 43)
    ecf.post("--label=l", "posted")
    assert ecf.flush(20).status is Status.OK and ecf.pending == 0
    assert ecf.user("--query", "meter", "/s/f/t:m").text == "43\n"
    assert ecf.user("--query", "label", "/s/f/t:l").text == "posted\n"
    assert "can be posted" in str(expect(ecf_failover.Argument, ecf.post, "--complete"))

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
    expect(ecf_failover.Caller, ecf.delegate, Kind.TASK, lambda one: Outcome.FATAL)
    ecf.task("--complete")
error = expect(ecf_failover.Argument, ecf.task, "--complete")
assert error.status is Status.ARGUMENT

with Client(ECF_HOST="127.0.0.1", ECF_PORT=refused, ECF_NAME="/s/f/t", ECF_PASS="x1y2") as ecf:
    threading.Timer(0.3, ecf.cancel).start()
    error = expect(ecf_failover.Cancelled, ecf.task, "--complete")
    assert error.status is Status.CANCELLED
    ecf.resume()
    ecf.set("ECF_TIMEOUT", "0.2")
    error = expect(ecf_failover.Timeout, ecf.task, "--complete")
    assert error.message.startswith(f"127.0.0.1:{refused}: ") and "refused" in error.message
    ecf.set("ECF_FAILOVER_RETRY_PERIOD", "0.01")
    expect(ecf_failover.Unreachable, ecf.user, "--ping")
    ecf.set("ECF_DENIED", "1")
    expect(ecf_failover.Denied, ecf.task, "--complete")
    ecf.set("ECF_DENIED", "")
    ecf.set("ECF_HOSTFILE", "/no/such/file")
    ecf.set("ECF_NAME", "")
    expect(ecf_failover.Config, ecf.task, "--complete")

# Ctrl-C and the program's own handlers act while a command waits.
with Client(ECF_HOST="127.0.0.1", ECF_PORT=int(refused), ECF_NAME="/s/f/t", ECF_PASS="x") as ecf:
    begin = time.monotonic()
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    expect(KeyboardInterrupt, ecf.task, "--meter=m", 42)
    assert time.monotonic() - begin < 5
    came = []
    signal.signal(signal.SIGUSR1, lambda *_: came.append(time.monotonic()))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    ecf.set("ECF_TIMEOUT", 2.5)
    expect(ecf_failover.Timeout, ecf.task, "--meter=m", 42)
    assert time.monotonic() - came[0] > 1, "at once, and the command went on"

    # A handler that raises inside an attempt ends it, too, and the attempt runs on this thread.
    def here(one):
        assert threading.current_thread() is threading.main_thread()
        raise KeyboardInterrupt

    expect(KeyboardInterrupt, ecf.delegate, Kind.TASK, here)

    lines = []
    ecf.set_log(lambda level, line: lines.append((level, line)))
    ecf.set("ECF_TIMEOUT", 0.2)
    expect(ecf_failover.Timeout, ecf.task, "--event=e")
    assert lines[0][0] is ecf_failover.Level.DEBUG and "command.start name=event" in lines[0][1]
    ecf.set_log(None)
    logged = len(lines)
    expect(ecf_failover.Timeout, ecf.task, "--event=e")
    assert len(lines) == logged
    expect(TypeError, ecf.set, "ECF_TIMEOUT", True)
    expect(TypeError, ecf.task, "--meter=m", None)

    hosts = []

    async def attempt_async(host, port, seconds):
        hosts.append((host, port, seconds > 0))
        await asyncio.sleep(0.01)
        return Outcome.NOT_SENT if len(hosts) < 3 else Outcome.OK

    settings = {"ECF_FAILOVER_RETRY_PERIOD": 0.05, "ECF_TIMEOUT": 20}
    plan = asyncio.run(ecf.delegate_async(Kind.TASK, attempt_async, **settings))
    assert plan.status is Status.OK and plan.number == 3
    assert hosts == [("127.0.0.1", int(refused), True)] * 3
    plan = ecf.plan(Kind.TASK, 0, ECF_TIMEOUT=5)
    assert plan.next(0) == (ecf_failover.Step.ATTEMPT, 5.0)
    assert plan.status is Status.IN_PROGRESS
    plan.outcome(Outcome.NOT_SENT, 1)
    assert plan.next(1)[0] is ecf_failover.Step.WAIT and plan.report["attempts_made"] == 1

# A signal at any moment of a command: it is raised, the command ends, and nothing hangs or crashes.
class Struck(Exception):
    pass


def strike(*_):
    raise Struck


signal.signal(signal.SIGUSR2, strike)
main = threading.main_thread().ident
struck = 0
for microseconds in range(0, 60_000, 150):
    with Client(ECF_HOST="127.0.0.1", ECF_PORT=refused, ECF_NAME="/s/f/t", ECF_PASS="x") as ecf:
        ecf.set("ECF_TIMEOUT", 0.03)
        shot = threading.Timer(microseconds / 1e6, signal.pthread_kill, (main, signal.SIGUSR2))
        try:
            shot.start()
            try:
                ecf.task("--event=e")
            except ecf_failover.Timeout:
                pass
            shot.join()
        except Struck:
            struck += 1
assert struck > 100, struck
signal.signal(signal.SIGUSR2, signal.SIG_IGN)

# It ends the command of the main thread and no other, and no cancel of the program's own.
with Client(ECF_HOST="127.0.0.1", ECF_PORT=refused, ECF_NAME="/s/f/t", ECF_PASS="x") as ecf:
    ecf.set("ECF_TIMEOUT", 1.5)
    others = []
    other = threading.Thread(target=lambda: others.append(ecf.task("--event=e", check=False)))
    other.start()
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    expect(KeyboardInterrupt, ecf.task, "--event=e")
    other.join()
    assert others[0].status is Status.TIMEOUT
    threading.Timer(0.2, ecf.cancel).start()
    threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT)).start()
    expect(ecf_failover.Cancelled, ecf.task, "--event=e")
    try:
        time.sleep(5)
    except KeyboardInterrupt:
        pass
    expect(ecf_failover.Cancelled, ecf.task, "--event=e")
    ecf.resume()

    # A plan keeps what it logs to, and the handle that it was made with.
    lines.clear()
    ecf.set_log(lambda level, line: lines.append(line))
    plan = ecf.plan(Kind.TASK, 0)
    ecf.set_log(lambda level, line: 1 / 0)
    expect(ecf_failover.Timeout, ecf.task, "--event=e")
del ecf
gc.collect()
plan.next(0)
assert any("command.start" in line for line in lines)

with Client(ECF_HOST="127.0.0.1", ECF_PORT=refused, ECF_NAME="/s/f/t", ECF_PASS="x") as ecf:
    expect(ecf_failover.Argument, ecf.plan, 7, 0)
    expect(ecf_failover.Argument, ecf.explain, Kind.TASK, -1)
    ecf.set("ECF_HOSTFILE", pathlib.Path("/no/such"))

    async def too_long(host, port, seconds):
        await asyncio.sleep(60)

    begin = time.monotonic()
    awaited = ecf.delegate_async(Kind.TASK, too_long, ECF_TIMEOUT=0.5)
    expect(ecf_failover.Timeout, asyncio.run, awaited)
    threading.Timer(0.2, ecf.cancel).start()
    expect(ecf_failover.Cancelled, asyncio.run, ecf.delegate_async(Kind.TASK, too_long))
    assert time.monotonic() - begin < 20
closed = expect(ecf_failover.Argument, ecf.get, "ECF_PORT")
assert closed.message == "the client is closed"
expect(ecf_failover.Argument, ecf.cancel)

# With connections of the library's: by a function, and in an event loop.
with Client(ECF_HOST="127.0.0.1", ECF_PORT=port, ECF_NAME="/s/f/t", ECF_PASS="_DJP_") as ecf:
    taken = []

    def speak(one):
        with one.take_socket() as sock:
            taken.append((one.host, one.port, sock.getpeername()[1], sock.getblocking()))
        expect(ecf_failover.Argument, one.take_socket)
        return Outcome.OK

    ecf.delegate_connected(Kind.TASK, speak)
    assert taken == [("127.0.0.1", int(port), int(port), False)]

    async def speak_async(sock, host, number, seconds):
        taken.append((host, number, sock.getpeername()[1], sock.getblocking()))
        sock.close()
        return Outcome.OK

    plan = asyncio.run(ecf.delegate_connected_async(Kind.TASK, speak_async))
    assert plan.status is Status.OK and taken[0] == taken[1]

    async def mute(sock, host, number, seconds):
        with sock:
            await asyncio.sleep(60)

    threading.Timer(0.2, ecf.cancel).start()
    expect(ecf_failover.Cancelled, asyncio.run, ecf.delegate_connected_async(Kind.TASK, mute))

# Every status that a command can end with has its own exception; one that a newer library may
# have is a failure, too.
for status in set(Status) - {Status.OK, Status.TOO_SMALL, Status.IN_PROGRESS}:
    name = "".join(part.capitalize() for part in status.name.split("_"))
    assert ecf_failover._error(status, "").__class__.__name__ == name
    assert name in ecf_failover.__all__
assert Status(99) == 99 and type(ecf_failover._error(Status(99), "x")) is Error
assert str(ecf_failover._error(Status(99), "x")) == "ECF_ERR_STATUS_99: x"

print("python", ecf_failover.version())
