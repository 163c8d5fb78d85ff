"""Gets an ecFlow command to a server, the primary or a backup, within a deadline.

    from ecf_failover import Client

    with Client() as ecf:                    # ECF_HOST, ECF_NAME, ECF_HOSTFILE ... of the environment
        ecf.task("--meter=step", "42")       # raises ecf_failover.Error when no server took it
        print(ecf.user("--query", "state", "/suite").text)

Every status has an exception of its own below ``Error``: ``except ecf_failover.Timeout``,
``except ecf_failover.Rejected``.

One file over ctypes, for Python 3.8 and later. It loads libecf_failover.so.0 from the path in
ECF_FAILOVER_LIBRARY, from beside this file, from the prefix that both were installed in, or as the
system finds it. What the commands and keys do is told in ecf_failover.h, ecf_client(1) and
ecf_failover_keys(5).

Ctrl-C and Python's own signal handlers act while a command waits: in the main thread the library
is called on a thread of its own, and what a handler raises cancels the command. An attempt
function runs on the thread that called ``delegate``. For asyncio there is ``delegate_async``.
"""

from __future__ import annotations

import ctypes
import asyncio
import enum
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Awaitable, Callable, Mapping, Optional, Tuple, Type, Union

__all__ = [
    "Argument",
    "Attempt",
    "Caller",
    "Cancelled",
    "Client",
    "Config",
    "Denied",
    "Error",
    "Internal",
    "Kind",
    "Level",
    "Outcome",
    "Plan",
    "Rejected",
    "Reply",
    "Status",
    "Step",
    "Timeout",
    "UnknownOutcome",
    "Unreachable",
    "version",
]

Text = Union[str, bytes, int, float]


class Status(enum.IntEnum):
    """How a command ended."""

    OK = 0
    ARGUMENT = 1
    CONFIG = 2
    REJECTED = 3
    TIMEOUT = 4
    UNREACHABLE = 5
    DENIED = 6
    CANCELLED = 7
    UNKNOWN_OUTCOME = 8
    INTERNAL = 9
    CALLER = 10
    TOO_SMALL = 11
    IN_PROGRESS = 12

    @classmethod
    def _missing_(cls, value: object) -> Optional[Status]:
        """A newer library may have a status that this file does not know: a failure, too."""
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"STATUS_{value}"
        member._value_ = value
        return member


class Outcome(enum.IntEnum):
    """What became of one attempt."""

    OK = 0
    REJECTED = 1
    WAIT = 2
    HALTED = 3
    ZOMBIE = 4
    NOT_SENT = 5
    UNCONFIRMED = 6
    FATAL = 7


class Kind(enum.IntEnum):
    """What sort of command is delegated."""

    TASK = 0
    USER = 1
    PING = 2


class Step(enum.IntEnum):
    """What a plan asks for."""

    ATTEMPT = 0
    WAIT = 1
    DONE = 2
    GIVE_UP = 3


class Level(enum.IntEnum):
    """How much a line of the log matters."""

    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4


_LogFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p)
_AttemptFunction = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
_Words = ctypes.POINTER(ctypes.c_char_p)
_Handle = ctypes.c_void_p
_Place = ctypes.POINTER(ctypes.c_void_p)
_Size = ctypes.POINTER(ctypes.c_size_t)

#: Every function that is used: what it returns and takes.
_FUNCTIONS: Mapping[str, tuple[Any, list[Any]]] = {
    "ecf_client_new": (_Handle, []),
    "ecf_client_free": (None, [_Handle]),
    "ecf_client_set": (ctypes.c_int32, [_Handle, ctypes.c_char_p, ctypes.c_char_p]),
    "ecf_client_get": (
        ctypes.c_int32,
        [_Handle, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, _Size],
    ),
    "ecf_client_refusal": (ctypes.c_int32, [_Handle, ctypes.c_char_p, ctypes.c_size_t, _Size]),
    "ecf_client_check": (ctypes.c_int32, [_Handle, ctypes.c_char_p, ctypes.c_size_t, _Size]),
    "ecf_client_explain": (
        ctypes.c_int32,
        [_Handle, ctypes.c_int32, ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t, _Size],
    ),
    "ecf_client_cancel": (ctypes.c_int32, [_Handle]),
    "ecf_client_resume": (ctypes.c_int32, [_Handle]),
    "ecf_client_set_log": (ctypes.c_int32, [_Handle, _LogFunction, ctypes.c_void_p]),
    "ecf_plan_new": (_Handle, [_Handle, ctypes.c_int32, _Words, ctypes.c_uint64]),
    "ecf_plan_next": (
        ctypes.c_int32,
        [_Handle, ctypes.c_uint64, ctypes.POINTER(ctypes.c_uint64)],
    ),
    "ecf_plan_host": (ctypes.c_char_p, [_Handle]),
    "ecf_plan_port": (ctypes.c_uint16, [_Handle]),
    "ecf_plan_number": (ctypes.c_uint32, [_Handle]),
    "ecf_plan_outcome": (ctypes.c_int32, [_Handle, ctypes.c_int32, ctypes.c_uint64]),
    "ecf_plan_status": (ctypes.c_int32, [_Handle]),
    "ecf_plan_report": (ctypes.c_char_p, [_Handle]),
    "ecf_plan_free": (None, [_Handle]),
    "ecf_send_task_cmd": (ctypes.c_int32, [_Handle, ctypes.c_int32, _Words, _Place]),
    "ecf_send_user_cmd": (ctypes.c_int32, [_Handle, ctypes.c_int32, _Words, _Place]),
    "ecf_delegate": (
        ctypes.c_int32,
        [_Handle, ctypes.c_int32, _Words, _AttemptFunction, ctypes.c_void_p, _Place],
    ),
    "ecf_attempt_host": (ctypes.c_char_p, [_Handle]),
    "ecf_attempt_port": (ctypes.c_uint16, [_Handle]),
    "ecf_attempt_number": (ctypes.c_uint32, [_Handle]),
    "ecf_attempt_timeout_ms": (ctypes.c_uint64, [_Handle]),
    "ecf_attempt_cancelled": (ctypes.c_int32, [_Handle]),
    "ecf_attempt_note": (None, [_Handle, ctypes.c_char_p]),
    "ecf_reply_status": (ctypes.c_int32, [_Handle]),
    "ecf_reply_text": (ctypes.c_void_p, [_Handle]),
    "ecf_reply_text_len": (ctypes.c_size_t, [_Handle]),
    "ecf_reply_error": (ctypes.c_char_p, [_Handle]),
    "ecf_reply_host": (ctypes.c_char_p, [_Handle]),
    "ecf_reply_port": (ctypes.c_uint16, [_Handle]),
    "ecf_reply_attempts": (ctypes.c_uint32, [_Handle]),
    "ecf_reply_report": (ctypes.c_char_p, [_Handle]),
    "ecf_reply_free": (None, [_Handle]),
    "ecf_version": (ctypes.c_char_p, []),
}


def _places(name: str) -> list[str]:
    """Where the library may be: as the user says, else beside this file, in the prefix in which
    CMake installed this file (share/ecf_failover), in the sources, or where the system looks."""
    named = os.environ.get("ECF_FAILOVER_LIBRARY")
    if named:
        return [named]
    here = Path(__file__).resolve().parent
    prefix = here.parent.parent
    multiarch = getattr(sys.implementation, "_multiarch", "")
    directories = [here]
    if here.parent.name == "share":
        directories += [prefix / "lib", prefix / "lib64"]
        directories += [prefix / "lib" / multiarch] if multiarch else []
    elif here.name == "include":
        directories.append(here.parent / "target" / "release")
    found = [directory / name for directory in directories]
    return [str(path) for path in found if path.exists()] + [name]


def _load() -> ctypes.CDLL:
    tried = []
    for path in _places("libecf_failover.so.0"):
        try:
            library = ctypes.CDLL(path)
            break
        except OSError as error:
            tried.append(f"{path}: {error}")
    else:
        raise ImportError(
            "libecf_failover.so.0 cannot be loaded; set ECF_FAILOVER_LIBRARY to its path. Tried: "
            + "; ".join(tried)
        )
    for function, (result, arguments) in _FUNCTIONS.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library


_library = _load()


def _bytes(text: Text) -> bytes:
    if isinstance(text, bool) or not isinstance(text, (str, bytes, int, float)):
        raise TypeError(f"text or a number is wanted, not {type(text).__name__}")
    if isinstance(text, (int, float)):
        text = str(int(text)) if isinstance(text, int) else repr(float(text))
    encoded = text if isinstance(text, bytes) else os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError("a NUL inside a word")
    return encoded


def _string(text: Optional[bytes]) -> str:
    """Bytes of any encoding, as Python shows the names of files."""
    return os.fsdecode(text or b"")


def _words(words: list[bytes]) -> Any:
    return (ctypes.c_char_p * (len(words) + 1))(*words, None)


def version() -> str:
    """The version of the library that is running."""
    return _string(_library.ecf_version())


class Reply:
    """What became of one command: plain data."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        try:
            address = _library.ecf_reply_text(handle)
            length = _library.ecf_reply_text_len(handle)
            #: How the command ended.
            self.status = Status(_library.ecf_reply_status(handle))
            #: What ecflow_client would print, byte for byte.
            self.data: bytes = ctypes.string_at(address, length)
            #: Why it failed, a line for each host.
            self.error = _string(_library.ecf_reply_error(handle))
            #: Who confirmed or refused it; '' and 0 if nobody did.
            self.host = _string(_library.ecf_reply_host(handle))
            self.port: int = _library.ecf_reply_port(handle)
            self.attempts: int = _library.ecf_reply_attempts(handle)
            #: Every attempt.
            self.report: dict[str, Any] = json.loads(_library.ecf_reply_report(handle))
        finally:
            _library.ecf_reply_free(handle)

    @property
    def text(self) -> str:
        """What ecflow_client would print, with os.fsdecode."""
        return os.fsdecode(self.data)


class Error(Exception):
    """A command that did not succeed, or a setting that was refused."""

    def __init__(self, status: Status, message: str, reply: Optional[Reply] = None) -> None:
        super().__init__(status, message, reply)
        #: How it ended.
        self.status = status
        #: Why: a line for each host.
        self.message = message
        #: What became of the command; None for a setting.
        self.reply = reply

    def __str__(self) -> str:
        return f"ECF_ERR_{self.status.name}: {self.message}"


class Argument(Error):
    """A word, a key or a value is unknown or malformed; nothing was sent."""


class Config(Error):
    """The environment, or a file that it names, cannot be used; nothing was sent."""


class Rejected(Error):
    """A server understood the command and refused it: final."""


class Timeout(Error):
    """The command's time was over before a server confirmed it; the message names the key."""


class Unreachable(Error):
    """No server took the command in the attempts that the policy allows."""


class Denied(Error):
    """ECF_DENIED is set and the server blocked the command or could not be reached."""


class Cancelled(Error):
    """``Client.cancel`` was called."""


class UnknownOutcome(Error):
    """Sent, not confirmed, and sending it again could apply it twice."""


class Internal(Error):
    """A bug in the library."""


class Caller(Error):
    """The attempt function asked to stop, or returned a number that is no outcome."""


_ERRORS: Mapping[Status, Type[Error]] = {
    Status.ARGUMENT: Argument,
    Status.CONFIG: Config,
    Status.REJECTED: Rejected,
    Status.TIMEOUT: Timeout,
    Status.UNREACHABLE: Unreachable,
    Status.DENIED: Denied,
    Status.CANCELLED: Cancelled,
    Status.UNKNOWN_OUTCOME: UnknownOutcome,
    Status.INTERNAL: Internal,
    Status.CALLER: Caller,
}


def _error(status: Status, message: str, reply: Optional[Reply] = None) -> Error:
    return _ERRORS.get(status, Error)(status, message, reply)


class Attempt:
    """One attempt of a delegated command; of use only inside the function that got it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @property
    def host(self) -> str:
        """The host to contact, an address of IPv6 without brackets."""
        return _string(_library.ecf_attempt_host(self._handle))

    @property
    def port(self) -> int:
        """The port to contact."""
        return int(_library.ecf_attempt_port(self._handle))

    @property
    def number(self) -> int:
        """1, 2, ... within this command."""
        return int(_library.ecf_attempt_number(self._handle))

    @property
    def timeout(self) -> float:
        """Seconds for the whole attempt."""
        return int(_library.ecf_attempt_timeout_ms(self._handle)) / 1000

    @property
    def cancelled(self) -> bool:
        """Whether the command has been cancelled and the function should return soon."""
        return bool(_library.ecf_attempt_cancelled(self._handle))

    def note(self, text: Text) -> None:
        """Words for the report."""
        _library.ecf_attempt_note(self._handle, _bytes(text))


def _pairs(settings: Mapping[str, Text]) -> list[bytes]:
    return [part for pair in settings.items() for part in map(_bytes, pair)]


class _Caller:
    """Calls the library so that Python's signal handlers act meanwhile: they run in the main
    thread only, and only while it is in Python. There a thread makes the call, and the main thread
    waits for it, runs what it is asked to run, and cancels the command when a handler raises."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tasks: Optional[queue.SimpleQueue[Any]] = None
        if threading.current_thread() is threading.main_thread():
            self._tasks = queue.SimpleQueue()

    def call(self, function: Any, *arguments: Any) -> None:
        """Calls ``function`` with the client's handle and ``arguments``."""
        handle = self._client._handle
        tasks = self._tasks
        if tasks is None:
            function(handle, *arguments)
            return

        def body() -> None:
            try:
                function(handle, *arguments)
            finally:
                tasks.put(None)

        raised: Optional[BaseException] = None
        threading.Thread(target=body, name="ecf_failover", daemon=True).start()
        while True:
            try:
                task = tasks.get()
                if task is None:
                    break
                task()
            except BaseException as error:  # noqa: B902 - raised again below
                raised = error
                _library.ecf_client_cancel(handle)
        if raised is not None:
            _library.ecf_client_resume(handle)
            raise raised

    def run(self, function: Callable[[], Any]) -> Any:
        """Runs ``function`` on the thread that called, and gives what it gives."""
        if self._tasks is None:
            return function()
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def task() -> None:
            try:
                answers.put((function(), None))
            except BaseException as error:  # noqa: B902 - raised again on the other thread
                answers.put((None, error))

        self._tasks.put(task)
        answer, error = answers.get()
        if error is not None:
            raise error
        return answer


class Plan:
    """The policy as a state machine, for event loops; ``now`` is any clock in seconds."""

    def __init__(self, handle: int) -> None:
        self._handle: Optional[int] = handle

    def __del__(self) -> None:
        handle, self._handle = getattr(self, "_handle", None), None
        if handle:
            _library.ecf_plan_free(handle)

    def next(self, now: float) -> Tuple[Step, float]:
        """What is to be done, and for how many seconds: the pause, or the attempt's limit."""
        ms = ctypes.c_uint64()
        step = _library.ecf_plan_next(self._handle, _milliseconds(now), ctypes.byref(ms))
        return Step(step), ms.value / 1000

    def outcome(self, outcome: Outcome, now: float) -> None:
        """Tells how the attempt ended."""
        _library.ecf_plan_outcome(self._handle, int(outcome), _milliseconds(now))

    @property
    def host(self) -> str:
        """The host of the attempt, or of the last one."""
        return _string(_library.ecf_plan_host(self._handle))

    @property
    def port(self) -> int:
        """Its port."""
        return int(_library.ecf_plan_port(self._handle))

    @property
    def number(self) -> int:
        """The number of the attempt: 1, 2, ..."""
        return int(_library.ecf_plan_number(self._handle))

    @property
    def status(self) -> Status:
        """How it ended; Status.IN_PROGRESS while it goes on."""
        return Status(_library.ecf_plan_status(self._handle))

    @property
    def report(self) -> dict[str, Any]:
        """Every attempt so far."""
        report: dict[str, Any] = json.loads(_library.ecf_plan_report(self._handle))
        return report


def _milliseconds(seconds: float) -> int:
    return max(int(seconds * 1000), 0)


class Client:
    """A configuration and what was learnt about hosts. Threads may share it."""

    def __init__(self, **settings: Text) -> None:
        """Reads the environment, then takes keys of ecf_failover_keys(5): ``ECF_HOST="b1"``."""
        self._log: Any = None
        self._handle: Optional[int] = _library.ecf_client_new()
        if not self._handle:
            raise MemoryError("ecf_client_new")
        for key, value in settings.items():
            self.set(key, value)

    def close(self) -> None:
        """Frees it; afterwards every call fails with Status.ARGUMENT."""
        handle, self._handle = self._handle, None
        _library.ecf_client_free(handle)

    def __enter__(self) -> Client:
        """For ``with``."""
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        """Frees it at the end of ``with``."""
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def set(self, key: Text, value: Text) -> None:
        """Sets a key for the commands that start from now on; '' brings back its default."""
        status = Status(_library.ecf_client_set(self._handle, _bytes(key), _bytes(value)))
        if status is not Status.OK:
            raise _error(status, self._read(_library.ecf_client_refusal))

    def get(self, key: Text) -> str:
        """The value of a key."""
        return self._read(_library.ecf_client_get, _bytes(key))

    def check(self) -> list[str]:
        """Every problem of the settings and the hostfile."""
        return self._read(_library.ecf_client_check).splitlines()

    def explain(self, kind: Kind = Kind.TASK, horizon: float = 86400) -> list[str]:
        """The timetable of a command if every host refused at once; ``horizon`` in seconds."""
        horizon_ms = int(horizon * 1000)
        return self._read(_library.ecf_client_explain, int(kind), horizon_ms).splitlines()

    def cancel(self) -> None:
        """Ends every command in progress, and later ones at once, until ``resume``."""
        _library.ecf_client_cancel(self._handle)

    def resume(self) -> None:
        """Allows commands again."""
        _library.ecf_client_resume(self._handle)

    def set_log(self, log: Optional[Callable[[Level, str], None]]) -> None:
        """Sends the log of the commands that start from now on to ``log``, or to nobody. It is
        called on the thread that runs the command; what it raises is dropped."""

        def line(_: Any, level: int, text: Optional[bytes]) -> None:
            if log is not None:
                log(Level(level), _string(text))

        before = self._log
        self._log = _LogFunction(line) if log is not None else _LogFunction()
        _library.ecf_client_set_log(self._handle, self._log, None)
        # Commands that are in progress keep the function that they started with.
        self._logs = [*getattr(self, "_logs", []), before]

    def task(self, *words: Text, check: bool = True) -> Reply:
        """Sends a task command: the words of ecflow_client's command line."""
        return self._send(_library.ecf_send_task_cmd, words, check)

    def user(self, *words: Text, check: bool = True) -> Reply:
        """Sends a user command."""
        return self._send(_library.ecf_send_user_cmd, words, check)

    def delegate(
        self,
        kind: Kind,
        attempt: Callable[[Attempt], Outcome],
        check: bool = True,
        **settings: Text,
    ) -> Reply:
        """Lets the library decide where, when and how often ``attempt`` is called. What it
        raises ends the command and is raised here again."""
        raised: list[BaseException] = []
        here = _Caller(self)

        def run(_: Any, handle: int) -> int:
            try:
                return int(here.run(lambda: attempt(Attempt(handle))))
            except BaseException as error:  # noqa: B902 - C cannot carry it
                raised.append(error)
                return int(Outcome.FATAL)

        place = ctypes.c_void_p()
        here.call(
            _library.ecf_delegate,
            int(kind),
            _words(_pairs(settings)),
            _AttemptFunction(run),
            None,
            ctypes.byref(place),
        )
        reply = Reply(place)
        if raised:
            raise raised[0]
        return self._judged(reply, check)

    def plan(self, kind: Kind, now: float, **settings: Text) -> Plan:
        """A delegated command as a state machine that starts at ``now``, in seconds."""
        pairs = _words(_pairs(settings))
        handle = _library.ecf_plan_new(self._handle, int(kind), pairs, _milliseconds(now))
        if not handle:
            raise _error(Status.ARGUMENT, "the client is closed")
        return Plan(handle)

    async def delegate_async(
        self,
        kind: Kind,
        attempt: Callable[[str, int, float], Awaitable[Outcome]],
        check: bool = True,
        **settings: Text,
    ) -> Plan:
        """The same as ``delegate`` for asyncio: awaits ``attempt(host, port, seconds)``."""
        plan = self.plan(kind, time.monotonic(), **settings)
        while True:
            step, seconds = plan.next(time.monotonic())
            if step is Step.ATTEMPT:
                outcome = await attempt(plan.host, plan.port, seconds)
                plan.outcome(outcome, time.monotonic())
            elif step is Step.WAIT:
                # A cancel from elsewhere is seen at the next step.
                await asyncio.sleep(min(max(seconds, 0.001), 0.1))
            else:
                break
        if check and plan.status is not Status.OK:
            raise _error(plan.status, plan.report["summary"])
        return plan

    def _send(self, function: Any, words: tuple[Text, ...], check: bool) -> Reply:
        argv = [_bytes(word) for word in words]
        place = ctypes.c_void_p()
        _Caller(self).call(function, len(argv), _words(argv), ctypes.byref(place))
        return self._judged(Reply(place), check)

    @staticmethod
    def _judged(reply: Reply, check: bool) -> Reply:
        if check and reply.status is not Status.OK:
            raise _error(reply.status, reply.error, reply)
        return reply

    def _read(self, function: Any, *arguments: Any) -> str:
        needed = ctypes.c_size_t(1024)
        while True:
            buffer = ctypes.create_string_buffer(max(needed.value, 1))
            size = len(buffer)
            status = Status(
                function(self._handle, *arguments, buffer, size, ctypes.byref(needed))
            )
            if status is not Status.TOO_SMALL:
                break
        if status is not Status.OK:
            raise _error(status, _string(buffer.value) or "refused")
        return _string(buffer.value)
