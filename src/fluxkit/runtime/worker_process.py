"""The program of a worker process: takes jobs from a socket, one at a time, and answers each.

Run as a script by :mod:`fluxkit.runtime.workers`, it imports the standard library only, so that a worker holds no more
than what its jobs import. Messages both ways are a length (8 bytes, big endian) and that many bytes of pickle.

The first message is the :class:`Setup` as a tuple; every further one a ``(function, args)`` pair. Answers are
``(status, value)`` with the statuses ``ready``, ``ok``, ``error``, ``memory`` and ``output``. The process ends when the
socket does, and on Linux the kernel kills it with its parent, even in the middle of a job.
"""

import contextlib
import ctypes
import importlib
import io
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PR_SET_PDEATHSIG = 1
_HEADER = struct.Struct(">Q")


class _OutputTooLarge(Exception):
    pass


class _Bounded(io.BytesIO):
    """A buffer that refuses to grow beyond a limit, so that an oversized result is not even built."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: "ReadableBuffer", /) -> int:
        if self.tell() + memoryview(data).nbytes > self._limit:
            raise _OutputTooLarge
        return super().write(data)


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _limit_memory(limit: int) -> None:
    """Bounds the private memory of the process; what the interpreter and the preloaded modules hold comes on top."""
    if not limit:
        return
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    _, hard = resource.getrlimit(kind)
    wanted = limit + _data_in_use()
    resource.setrlimit(kind, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _raise_memory_limit() -> None:
    """Makes room for the answer of a job that ran out of memory; the process ends after it."""
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (hard, hard))


def _data_in_use() -> int:
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0


def _receive(channel: socket.socket) -> bytes | None:
    header = _receive_exactly(channel, _HEADER.size)
    if header is None:
        return None
    return _receive_exactly(channel, _HEADER.unpack(header)[0])


def _receive_exactly(channel: socket.socket, size: int) -> bytes | None:
    chunks = bytearray(size)
    view = memoryview(chunks)
    while view:
        received = channel.recv_into(view)
        if not received:
            return None
        view = view[received:]
    return bytes(chunks)


def _send(channel: socket.socket, body: bytes) -> None:
    channel.sendall(_HEADER.pack(len(body)) + body)


def _answer(job: bytes, output_limit: int) -> bytes:
    try:
        function, args = pickle.loads(job)
        result = function(*args)
        buffer = _Bounded(output_limit)
        pickle.dump(("ok", result), buffer, pickle.HIGHEST_PROTOCOL)
        return buffer.getvalue()
    except MemoryError:
        _raise_memory_limit()
        return pickle.dumps(("memory", None))
    except _OutputTooLarge:
        return pickle.dumps(("output", None))
    except Exception as error:  # noqa: BLE001 - boundary: the job's failure is the answer
        return _failure(error)


def _failure(error: Exception) -> bytes:
    """The exception itself if it survives pickling, and its type, text and stack in any case."""
    description = (type(error).__name__, str(error), "".join(traceback.format_exception(error)))
    try:
        body = pickle.dumps(error)
        pickle.loads(body)
    except Exception:  # noqa: BLE001 - boundary: whatever a foreign exception's pickling does
        body = b""
    return pickle.dumps(("error", (body, *description)))


def main(descriptor: int, parent: int) -> None:
    _die_with_parent(parent)
    # the console belongs to the parent, which alone handles its signals
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=descriptor)
    setup = _receive(channel)
    if setup is None:
        return
    path, preload, memory_limit, output_limit = pickle.loads(setup)
    sys.path[:] = path
    for module in preload:
        importlib.import_module(module)
    _limit_memory(memory_limit)
    _send(channel, pickle.dumps(("ready", None)))
    while (job := _receive(channel)) is not None:
        _send(channel, _answer(job, output_limit))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
