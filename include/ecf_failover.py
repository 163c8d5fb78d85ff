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
is called on a thread of its own, and what a handler raises cancels that command, and no other. An
attempt function runs on the thread that called ``delegate``. For asyncio there are
``delegate_async`` and ``delegate_connected_async``.
"""

from __future__ import annotations

import _thread
import asyncio
import collections
import ctypes
import enum
import functools
import json
import operator
import os
import queue
import socket
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import (
    Any,
    Awaitable,
    Callable,
    Deque,
    Generic,
    Mapping,
    Optional,
    SupportsFloat,
    SupportsIndex,
    Tuple,
    Type,
    TypeVar,
    Union,
)

__all__ = [
    "Argument",
    "Attempt",
    "Caller",
    "Cancelled",
    "Client",
    "Config",
    "Connected",
    "ConnectedPlan",
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

Text = Union[str, bytes, "os.PathLike[Any]", SupportsIndex, SupportsFloat]


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
    "ecf_plan_new_connected": (_Handle, [_Handle, ctypes.c_int32, _Words]),
    "ecf_plan_poll_fd": (ctypes.c_int32, [_Handle]),
    "ecf_plan_take_socket": (ctypes.c_int32, [_Handle]),
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
    "ecf_post_task_cmd": (ctypes.c_int32, [_Handle, ctypes.c_int32, _Words]),
    "ecf_client_flush": (ctypes.c_int32, [_Handle, ctypes.c_uint64, _Place]),
    "ecf_client_pending": (ctypes.c_uint32, [_Handle]),
    "ecf_delegate": (
        ctypes.c_int32,
        [_Handle, ctypes.c_int32, _Words, _AttemptFunction, ctypes.c_void_p, _Place],
    ),
    "ecf_delegate_connected": (
        ctypes.c_int32,
        [_Handle, ctypes.c_int32, _Words, _AttemptFunction, ctypes.c_void_p, _Place],
    ),
    "ecf_attempt_take_socket": (ctypes.c_int32, [_Handle]),
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
        try:
            entry = getattr(library, function)
        except AttributeError as error:
            raise ImportError(
                f"{path} is not the library that this file is for: it has no {function}; set "
                "ECF_FAILOVER_LIBRARY to the one of the same version"
            ) from error
        entry.restype = result
        entry.argtypes = arguments
    return library


_library = _load()


def _bytes(text: Text) -> bytes:
    if isinstance(text, bool):
        raise TypeError("text or a number is wanted, not bool")
    if isinstance(text, (str, bytes, os.PathLike)):
        encoded = os.fsencode(text)
    elif hasattr(text, "__index__"):
        encoded = str(operator.index(text)).encode()
    elif hasattr(text, "__float__"):
        encoded = repr(float(text)).encode()
    else:
        raise TypeError(f"text or a number is wanted, not {type(text).__name__}")
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
            freed, handle.value = ctypes.c_void_p(handle.value), None
            _library.ecf_reply_free(freed)

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
        """Seconds for the attempt."""
        return int(_library.ecf_attempt_timeout_ms(self._handle)) / 1000

    @property
    def cancelled(self) -> bool:
        """Whether the function should return soon: the command has been cancelled, or the server
        of a connection of the library's is proved to be gone."""
        return bool(_library.ecf_attempt_cancelled(self._handle))

    def note(self, text: Text) -> None:
        """Words for the report."""
        _library.ecf_attempt_note(self._handle, _bytes(text))

    def _close(self) -> None:
        """There is nothing to be closed."""


class Connected(Attempt):
    """One attempt on a connection that the library has made."""

    def __init__(self, handle: int) -> None:
        super().__init__(handle)
        # Here, on the thread that the library calls, no signal handler comes in between.
        self._socket: Optional[socket.socket] = _socket(_library.ecf_attempt_take_socket(handle))

    def take_socket(self) -> socket.socket:
        """The connection, once: the caller's from now on, and non-blocking (``settimeout`` makes
        it wait). One that is not taken is closed when the function returns."""
        if self._socket is None:
            raise _error(Status.ARGUMENT, "there is no connection, or it was taken before")
        taken, self._socket = self._socket, None
        return taken

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()


def _socket(descriptor: int) -> socket.socket:
    if descriptor < 0:
        raise _error(Status.ARGUMENT, "there is no connection, or it was taken before")
    taken = socket.socket(fileno=descriptor)
    # So it is; now the object knows, too.
    taken.setblocking(False)
    return taken


def _kind(kind: Kind) -> int:
    try:
        return int(Kind(kind))
    except ValueError:
        raise _error(Status.ARGUMENT, f"{kind!r} is no Kind") from None


def _pairs(settings: Mapping[str, Text]) -> list[bytes]:
    return [part for pair in settings.items() for part in map(_bytes, pair)]


class _Handles:
    """The library's handles of one client, freed when nobody uses them any more. Commands of the
    main thread have a handle of their own, so that a signal cancels these and no others."""

    def __init__(self) -> None:
        self.main: Optional[int] = None
        self.others: Optional[int] = _library.ecf_client_new()
        self.main = _library.ecf_client_new()
        if not self.main or not self.others:
            raise MemoryError("ecf_client_new")
        #: What ``set_log`` was given, for those who began with it.
        self.logs: list[Any] = []

    def __del__(self) -> None:
        for handle in (self.main, self.others):
            _library.ecf_client_free(handle)


_T = TypeVar("_T")


class _Task(Generic[_T]):
    """What the main thread runs for the thread that makes its call. Running it again gives the
    same answer again: the first may have been interrupted on its way."""

    def __init__(self, function: Callable[[], _T]) -> None:
        self._function = function
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answer: Optional[Tuple[Optional[_T], Optional[BaseException]]] = None

    def run(self) -> None:
        if self._answer is None:
            try:
                self._answer = (self._function(), None)
            except BaseException as error:  # noqa: B902 - raised again on the other thread
                self._answer = (None, error)
        self._answers.put(self._answer)

    def answer(self) -> _T:
        answer, error = self._answers.get()
        if error is not None:
            raise error
        return answer  # type: ignore[no-any-return]


class _Caller:
    """Calls the library so that Python's signal handlers act meanwhile: they run in the main
    thread only, and only while it is in Python. There a thread makes the call, and the main thread
    waits for it, runs what it is asked to run, and cancels the command when a handler raises.

    A handler may raise between any two steps of the main thread. So what must not be done half is
    one call of a function in C: ``extend(map(...))`` begins a thread, or takes the next task, and
    keeps what came of it, or does neither."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._handles = client._opened()
        self._is_main = threading.current_thread() is threading.main_thread()
        self._handle = self._handles.main if self._is_main else self._handles.others
        self._tasks: queue.SimpleQueue[Optional[_Task[Any]]] = queue.SimpleQueue()

    def use_main(self) -> None:
        """For what belongs to the handle of the main thread, as posts do."""
        self._handle = self._handles.main

    def call(self, function: Any, *arguments: Any) -> None:
        """Calls ``function`` with the client's handle and ``arguments``."""
        # Both are kept until the call is over, whoever leaves before.
        handles, tasks = self._handles, self._tasks
        if not self._is_main:
            function(self._handle, *arguments)
            return

        def body() -> None:
            try:
                function(handles.main, *arguments)
            finally:
                tasks.put(None)

        # One that was interrupted may have left it cancelled.
        self._client._allow(handles)
        thread: Deque[int] = collections.deque()
        next_task: Deque[Optional[_Task[Any]]] = collections.deque()
        raised: Optional[BaseException] = None
        is_over = False
        try:
            while not is_over:
                try:
                    if raised is not None:
                        if not thread:
                            break
                        _library.ecf_client_cancel(handles.main)
                    if not thread:
                        thread.extend(map(_thread.start_new_thread, (body,), ((),)))
                    while True:
                        if not next_task:
                            next_task.extend(map(tasks.get, (True,)))
                        task = next_task[0]
                        if task is None:
                            is_over = True
                            break
                        task.run()
                        next_task.clear()
                except BaseException as error:  # noqa: B902 - raised again below
                    raised = error
        finally:
            # A second signal at the very end of the first may lead here at once.
            if thread and not is_over:
                _library.ecf_client_cancel(handles.main)
        if raised is not None:
            self._client._allow(handles)
            raise raised

    def run(self, function: Callable[[], _T]) -> _T:
        """Runs ``function`` on the thread that called, and gives what it gives."""
        if not self._is_main:
            return function()
        task = _Task(function)
        self._tasks.put(task)
        return task.answer()


class _AnyPlan:
    """What both sorts of plans have."""

    def __init__(self, handles: _Handles, function: Any, *arguments: Any) -> None:
        # With the functions that the plan logs to.
        self._handles = handles
        # Made and kept, and freed, by one call in C each: a signal handler may raise in between.
        self._made: Deque[int] = collections.deque()
        self._made.extend(map(function, *((argument,) for argument in arguments)))

    @property
    def _handle(self) -> int:
        return self._made[0]

    def __del__(self) -> None:
        collections.deque(map(_library.ecf_plan_free, getattr(self, "_made", ())), 0)

    def _next(self, now_ms: int) -> Tuple[Step, float]:
        ms = ctypes.c_uint64()
        step = _library.ecf_plan_next(self._handle, now_ms, ctypes.byref(ms))
        return Step(step), ms.value / 1000

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


class Plan(_AnyPlan):
    """The policy as a state machine, for event loops; ``now`` is any clock in seconds."""

    def next(self, now: float) -> Tuple[Step, float]:
        """What is to be done, and for how many seconds: the pause, or the attempt's limit."""
        return self._next(_milliseconds(now))

    def outcome(self, outcome: Outcome, now: float) -> None:
        """Tells how the attempt ended."""
        _library.ecf_plan_outcome(self._handle, int(outcome), _milliseconds(now))


class ConnectedPlan(_AnyPlan):
    """The same with connections that the library makes, on its own clock. Ask ``next`` when a
    pause is over and whenever the plan's descriptor is readable."""

    def fileno(self) -> int:
        """The descriptor to watch for reading, for select, selectors and ``loop.add_reader``; -1
        where there is none: then ask every 20 to 200 ms while an attempt is under way. It is the plan's: stop watching it before the plan goes."""
        return int(_library.ecf_plan_poll_fd(self._handle))

    def next(self) -> Tuple[Step, float]:
        """What is to be done, and for how many seconds. An attempt that is under way is told
        again: with 0 s when its server is proved to be gone."""
        return self._next(0)

    def take_socket(self) -> socket.socket:
        """The connection of the attempt, once: the caller's from now on, and non-blocking."""
        return _socket(_library.ecf_plan_take_socket(self._handle))

    def outcome(self, outcome: Outcome) -> None:
        """Tells how the attempt ended."""
        _library.ecf_plan_outcome(self._handle, int(outcome), 0)


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 0)


class Client:
    """A configuration and what was learnt about hosts. Threads may share it."""

    def __init__(self, **settings: Text) -> None:
        """Reads the environment, then takes keys of ecf_failover_keys(5): ``ECF_HOST="b1"``."""
        self._handles: Optional[_Handles] = _Handles()
        # Not for long, and a signal handler may come in between.
        self._lock = threading.RLock()
        self._is_cancelled = False
        for key, value in settings.items():
            self.set(key, value)

    def _opened(self) -> _Handles:
        handles = self._handles
        if handles is None:
            raise _error(Status.ARGUMENT, "the client is closed")
        return handles

    def _allow(self, handles: _Handles) -> None:
        """Takes back the cancel of a signal, which is nothing to ``cancel``."""
        with self._lock:
            if not self._is_cancelled:
                _library.ecf_client_resume(handles.main)

    def close(self) -> None:
        """Ends the commands in progress; afterwards every call fails with Status.ARGUMENT."""
        handles, self._handles = self._handles, None
        if handles is not None:
            _library.ecf_client_cancel(handles.main)
            _library.ecf_client_cancel(handles.others)

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

    def set(self, key: Text, value: Text) -> None:
        """Sets a key for the commands that start from now on; '' brings back its default."""
        pair = (_bytes(key), _bytes(value))
        handles = self._opened()
        with self._lock:
            status = Status(_library.ecf_client_set(handles.others, *pair))
            if status is not Status.OK:
                raise _error(status, self._read(_library.ecf_client_refusal))
            _library.ecf_client_set(handles.main, *pair)

    def get(self, key: Text) -> str:
        """The value of a key."""
        return self._read(_library.ecf_client_get, _bytes(key))

    def check(self) -> list[str]:
        """Every problem of the settings and the hostfile."""
        return self._read(_library.ecf_client_check).splitlines()

    def explain(self, kind: Kind = Kind.TASK, horizon: float = 86400) -> list[str]:
        """The timetable of a command if every host refused at once; ``horizon`` in seconds."""
        if horizon < 0:
            raise _error(Status.ARGUMENT, "the horizon is negative")
        horizon_ms = _milliseconds(horizon)
        return self._read(_library.ecf_client_explain, _kind(kind), horizon_ms).splitlines()

    def cancel(self) -> None:
        """Ends every command in progress, and later ones at once, until ``resume``. Fit for a
        signal handler."""
        handles = self._opened()
        with self._lock:
            self._is_cancelled = True
            _library.ecf_client_cancel(handles.main)
            _library.ecf_client_cancel(handles.others)

    def resume(self) -> None:
        """Allows commands again."""
        handles = self._opened()
        with self._lock:
            self._is_cancelled = False
            _library.ecf_client_resume(handles.main)
            _library.ecf_client_resume(handles.others)

    def set_log(self, log: Optional[Callable[[Level, str], None]]) -> None:
        """Sends the log of the commands that start from now on to ``log``, or to nobody. It is
        called on the thread that runs the command; what it raises is dropped."""

        def line(_: Any, level: int, text: Optional[bytes]) -> None:
            if log is None:
                return
            try:
                log(Level(level), _string(text))
            except Exception:  # noqa: B902 - a log ends no command
                pass

        handles = self._opened()
        function = _LogFunction(line) if log is not None else _LogFunction()
        with self._lock:
            # Commands and plans that are in progress keep the function that they began with.
            handles.logs.append(function)
            _library.ecf_client_set_log(handles.main, function, None)
            _library.ecf_client_set_log(handles.others, function, None)

    def task(self, *words: Text, check: bool = True) -> Reply:
        """Sends a task command: the words of ecflow_client's command line."""
        return self._send(_library.ecf_send_task_cmd, words, check)

    def user(self, *words: Text, check: bool = True) -> Reply:
        """Sends a user command."""
        return self._send(_library.ecf_send_user_cmd, words, check)

    def post(self, *words: Text) -> None:
        """Queues an event, a meter or a label, and returns at once; a thread of the library's
        delivers it, in order. A send of the main thread waits for what was posted before. Call
        ``flush`` before the end: what is not delivered then is lost."""
        argv = [_bytes(word) for word in words]
        handles = self._opened()
        with self._lock:
            number = _library.ecf_post_task_cmd(handles.main, len(argv), _words(argv))
            status = Status(number)
            if status is not Status.OK:
                why = self._read(_library.ecf_client_refusal, handle=handles.main)
                raise _error(status, why)

    def flush(self, timeout: float, check: bool = True) -> Reply:
        """Waits until all that was posted is delivered, for so many seconds at most; tells what
        was not."""
        here = _Caller(self)
        here.use_main()
        reply = self._reply(here, _library.ecf_client_flush, _milliseconds(timeout))
        return self._judged(reply, check)

    @property
    def pending(self) -> int:
        """How many posts are not delivered yet."""
        return int(_library.ecf_client_pending(self._opened().main))

    def delegate(
        self,
        kind: Kind,
        attempt: Callable[[Attempt], Outcome],
        check: bool = True,
        **settings: Text,
    ) -> Reply:
        """Lets the library decide where, when and how often ``attempt`` is called. What it
        raises ends the command and is raised here again."""
        return self._delegate(_library.ecf_delegate, Attempt, kind, attempt, check, settings)

    def delegate_connected(
        self,
        kind: Kind,
        attempt: Callable[[Connected], Outcome],
        check: bool = True,
        **settings: Text,
    ) -> Reply:
        """The same with connections that the library makes: ``attempt`` takes the socket and
        speaks first on it."""
        function = _library.ecf_delegate_connected
        return self._delegate(function, Connected, kind, attempt, check, settings)

    def _delegate(
        self,
        function: Any,
        given: Callable[[int], Any],
        kind: Kind,
        attempt: Callable[[Any], Outcome],
        check: bool,
        settings: Mapping[str, Text],
    ) -> Reply:
        raised: list[BaseException] = []
        here = _Caller(self)

        def run(_: Any, handle: int) -> int:
            try:
                one = given(handle)
                try:
                    return int(here.run(lambda: attempt(one)))
                finally:
                    one._close()
            except BaseException as error:  # noqa: B902 - C cannot carry it
                raised.append(error)
                return int(Outcome.FATAL)

        arguments = (_kind(kind), _words(_pairs(settings)), _AttemptFunction(run), None)
        reply = self._reply(here, function, *arguments)
        if raised:
            raise raised[0]
        return self._judged(reply, check)

    def plan(self, kind: Kind, now: float, **settings: Text) -> Plan:
        """A delegated command as a state machine that starts at ``now``, in seconds."""
        handles, pairs = self._opened(), _words(_pairs(settings))
        arguments = (handles.others, _kind(kind), pairs, _milliseconds(now))
        return Plan(handles, _library.ecf_plan_new, *arguments)

    def plan_connected(self, kind: Kind, **settings: Text) -> ConnectedPlan:
        """The same with connections that the library makes; it starts now."""
        handles, pairs = self._opened(), _words(_pairs(settings))
        arguments = (handles.others, _kind(kind), pairs)
        return ConnectedPlan(handles, _library.ecf_plan_new_connected, *arguments)

    async def delegate_async(
        self,
        kind: Kind,
        attempt: Callable[[str, int, float], Awaitable[Outcome]],
        check: bool = True,
        **settings: Text,
    ) -> Plan:
        """The same as ``delegate`` for asyncio: awaits ``attempt(host, port, seconds)``. One that
        has not ended by then, or when the command is cancelled, is cancelled, and counts as
        unconfirmed."""
        plan = self.plan(kind, time.monotonic(), **settings)
        step, seconds = plan.next(time.monotonic())
        while step in (Step.ATTEMPT, Step.WAIT):
            if step is Step.ATTEMPT:

                def left() -> float:
                    step, seconds = plan.next(time.monotonic())
                    return seconds if step is Step.ATTEMPT else 0

                begin = functools.partial(attempt, plan.host, plan.port, seconds)
                outcome = await _bounded(begin, left, None)
                plan.outcome(outcome, time.monotonic())
            else:
                # A cancel from elsewhere is seen at the next step.
                await asyncio.sleep(min(max(seconds, 0.001), _GLANCE))
            step, seconds = plan.next(time.monotonic())
        self._end(plan, check)
        return plan

    async def delegate_connected_async(
        self,
        kind: Kind,
        speak: Callable[[socket.socket, str, int, float], Awaitable[Outcome]],
        check: bool = True,
        **settings: Text,
    ) -> ConnectedPlan:
        """The same as ``delegate_connected`` for asyncio: awaits ``speak(sock, host, port,
        seconds)`` for each connection, for ``loop.sock_sendall`` or ``asyncio.open_connection(
        sock=...)``. ``speak`` closes it. One that has not ended by then, when its server is gone, or
        when the command is cancelled, is cancelled, and counts as unconfirmed."""
        plan = self.plan_connected(kind, **settings)
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        descriptor = plan.fileno()
        if descriptor >= 0:
            loop.add_reader(descriptor, news.set)
        try:
            step, seconds = plan.next()
            while step in (Step.ATTEMPT, Step.WAIT):
                news.clear()
                if step is Step.ATTEMPT:

                    def left() -> float:
                        news.clear()
                        step, seconds = plan.next()
                        return seconds if step is Step.ATTEMPT else 0

                    taken = plan.take_socket()
                    begin = functools.partial(speak, taken, plan.host, plan.port, seconds)
                    told = news if descriptor >= 0 else None
                    plan.outcome(await _bounded(begin, left, told, taken.close))
                else:
                    await _any_of(news, seconds)
                step, seconds = plan.next()
        finally:
            if descriptor >= 0:
                loop.remove_reader(descriptor)
        self._end(plan, check)
        return plan

    @staticmethod
    def _end(plan: _AnyPlan, check: bool) -> None:
        if check and plan.status is not Status.OK:
            raise _error(plan.status, plan.report["summary"])

    def _send(self, function: Any, words: tuple[Text, ...], check: bool) -> Reply:
        argv = [_bytes(word) for word in words]
        reply = self._reply(_Caller(self), function, len(argv), _words(argv))
        return self._judged(reply, check)

    @staticmethod
    def _reply(here: _Caller, function: Any, *arguments: Any) -> Reply:
        place = ctypes.c_void_p()
        try:
            here.call(function, *arguments, ctypes.byref(place))
            return Reply(place)
        except BaseException:
            # Whatever it says, nobody will read it.
            _library.ecf_reply_free(place)
            raise

    @staticmethod
    def _judged(reply: Reply, check: bool) -> Reply:
        if check and reply.status is not Status.OK:
            raise _error(reply.status, reply.error, reply)
        return reply

    def _read(self, function: Any, *arguments: Any, handle: Optional[int] = None) -> str:
        handle = handle or self._opened().others
        needed = ctypes.c_size_t(1024)
        while True:
            buffer = ctypes.create_string_buffer(max(needed.value, 1))
            size = len(buffer)
            status = Status(
                function(handle, *arguments, buffer, size, ctypes.byref(needed))
            )
            if status is not Status.TOO_SMALL:
                break
        if status is not Status.OK:
            raise _error(status, _string(buffer.value) or "refused")
        return _string(buffer.value)


#: How often somebody looks for a cancel where nothing tells of it, in seconds.
_GLANCE = 0.02


async def _any_of(news: asyncio.Event, seconds: float) -> None:
    """Waits for news, and not longer than this."""
    try:
        await asyncio.wait_for(news.wait(), max(seconds, 0))
    except asyncio.TimeoutError:
        pass


async def _bounded(
    begin: Callable[[], Awaitable[Outcome]],
    left: Callable[[], float],
    news: Optional[asyncio.Event],
    never_begun: Callable[[], None] = lambda: None,
) -> Outcome:
    """Awaits an attempt as long as ``left`` says that there are seconds left; it is asked again
    when there is news, or from time to time."""
    has_begun = False

    async def attempt() -> Outcome:
        nonlocal has_begun
        has_begun = True
        return Outcome(await begin())

    running = asyncio.ensure_future(attempt())
    told: Optional[asyncio.Future[Any]] = None
    try:
        while not running.done():
            seconds = left()
            if seconds <= 0:
                running.cancel()
                await asyncio.wait({running})
                break
            if news is None:
                await asyncio.wait({running}, timeout=min(seconds, _GLANCE))
                continue
            told = told or asyncio.ensure_future(news.wait())
            await asyncio.wait(
                {running, told}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            told = None if told.done() else told
    finally:
        for task in (running, told):
            if task is not None and not running.get_loop().is_closed():
                task.cancel()
        if not has_begun:
            never_begun()
    if running.cancelled():
        return Outcome.UNCONFIRMED if has_begun else Outcome.NOT_SENT
    return running.result()
