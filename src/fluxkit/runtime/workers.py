"""Worker processes for work that must not block or endanger the controllers.

Building and rendering are CPU work on untrusted input. A worker is a separate process that imports its engine once and
takes one job after the other; a job that exceeds its time, memory or output ends alone, with its process, and the next
one gets a new process. Nothing is polled: workers block on their socket, the pool awaits it.

A worker is started afresh, never forked from this (threaded) process, and dies with it, ``kill -9`` included.
Results come back as pickles, so a job must not be able to run code of its input's choosing: the fence is against
exhaustion, not against arbitrary code.
"""

import asyncio
import os
import pickle
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

__all__ = [
    "WorkerCrashed",
    "WorkerError",
    "WorkerFailure",
    "WorkerMemory",
    "WorkerOutput",
    "WorkerPool",
    "WorkerTimeout",
]

T = TypeVar("T")

_SCRIPT = Path(__file__).with_name("worker_process.py")
_HEADER = struct.Struct(">Q")
_START_TIMEOUT = 60.0
_MEBIBYTE = 1 << 20


class WorkerError(Exception):
    """A job did not end as it should; its worker's other jobs are not affected."""


class WorkerTimeout(WorkerError):
    """The job ran longer than it may; its process was killed."""


class WorkerMemory(WorkerError):
    """The job needed more memory than it may; its process was replaced."""


class WorkerOutput(WorkerError):
    """The job's result is larger than it may be."""


class WorkerCrashed(WorkerError):
    """The process of the job ended before it answered."""


class WorkerFailure(WorkerError):
    """The job raised an exception that cannot be carried over; type, text and stack are kept."""

    def __init__(self, kind: str, text: str, stack: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.stack = stack


class _RemoteTraceback(Exception):
    """The stack of an exception as it was in the worker."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class _Worker:
    """One process and the stream to it."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, setup: bytes) -> "_Worker":
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",  # the script's folder must not shadow the standard library
                    str(_SCRIPT),
                    str(theirs.fileno()),
                    str(os.getpid()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=sys.stderr.fileno() if _has_descriptor() else asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
            except BaseException:
                ours.close()
                raise
        reader, writer = await asyncio.open_connection(sock=ours, limit=_MEBIBYTE)
        worker = cls(process, reader, writer)
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                await worker.exchange(setup)
        except TimeoutError:
            await worker.kill()
            raise WorkerCrashed(f"a worker process did not start within {_START_TIMEOUT:.0f}s") from None
        except asyncio.IncompleteReadError:
            raise WorkerCrashed(f"a worker process could not start: {await worker.kill()}") from None
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def exchange(self, message: bytes) -> bytes:
        self._writer.write(_HEADER.pack(len(message)) + message)
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise asyncio.IncompleteReadError(b"", None) from error
        header = await self._read(_HEADER.size)
        return await self._read(_HEADER.unpack(header)[0])

    async def _read(self, size: int) -> bytes:
        try:
            return await self._reader.readexactly(size)
        except ConnectionError as error:
            raise asyncio.IncompleteReadError(b"", size) from error

    async def kill(self) -> str:
        """Ends the process and tells how it ended."""
        self._writer.close()
        if self._process.returncode is None:
            try:
                self._process.kill()
            except ProcessLookupError:
                pass  # it ended by itself just now
        code = await self._process.wait()
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"

    async def end(self) -> str:
        """Waits for a process that closed its socket, and tells how it ended."""
        self._writer.close()
        code = await self._process.wait()
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"


class WorkerPool:
    """Up to ``size`` processes that run jobs.

    ``memory_limit_bytes`` bounds what a job may allocate beyond what a fresh worker holds (0: no bound),
    ``output_limit_bytes`` its pickled result. ``preload`` modules are imported when a worker starts. Processes start
    when they are first needed; :meth:`start` does so ahead of time.
    """

    def __init__(
        self,
        size: int,
        *,
        memory_limit_bytes: int = 512 * _MEBIBYTE,
        output_limit_bytes: int = 256 * _MEBIBYTE,
        preload: Sequence[str] = (),
    ) -> None:
        if size < 1:
            raise ValueError(f"a worker pool needs at least one process, got {size}")
        self.size = size
        self._memory_limit = memory_limit_bytes
        self._output_limit = output_limit_bytes
        self._preload = tuple(preload)
        self._idle: deque[_Worker] = deque()
        self._workers: set[_Worker] = set()
        self._seats = asyncio.Semaphore(size)
        self._closed = False

    async def __aenter__(self) -> "WorkerPool":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Starts all processes now, so that the first jobs need not wait for them."""
        for worker in await asyncio.gather(*(self._launch() for _ in range(self.size - len(self._workers)))):
            self._idle.append(worker)

    async def run(self, function: Callable[..., T], *args: Any, timeout: float) -> T:
        """Runs a module-level function in a worker and returns its result, or raises what it raised.

        ``timeout`` is in seconds from the moment the job is handed to a process. Function, arguments and result are
        pickled. Cancelling kills the job. Raises :class:`WorkerTimeout`, :class:`WorkerMemory`, :class:`WorkerOutput`,
        :class:`WorkerCrashed`, or :class:`WorkerFailure` for an exception that cannot be pickled.
        """
        job = pickle.dumps((function, args), pickle.HIGHEST_PROTOCOL)
        async with self._seats:
            if self._closed:
                raise WorkerError("the worker pool is closed")
            worker = self._idle.pop() if self._idle else await self._launch()
            reusable = False
            try:
                async with asyncio.timeout(timeout):
                    answer = await worker.exchange(job)
                status, value = pickle.loads(answer)
                reusable = status != "memory"
            except TimeoutError:
                raise WorkerTimeout(f"{_name(function)} did not end within {timeout:g}s") from None
            except asyncio.IncompleteReadError:
                raise WorkerCrashed(f"{_name(function)} ended its worker process: {await worker.end()}") from None
            finally:
                if reusable and not self._closed:
                    self._idle.append(worker)
                else:
                    self._workers.discard(worker)
                    await worker.kill()
        return self._result(function, status, value)

    async def close(self) -> None:
        """Kills all processes; jobs that are running end with :class:`WorkerCrashed`."""
        self._closed = True
        self._idle.clear()
        workers, self._workers = self._workers, set()
        await asyncio.gather(*(worker.kill() for worker in workers))

    async def _launch(self) -> _Worker:
        setup = pickle.dumps((sys.path, self._preload, self._memory_limit, self._output_limit))
        worker = await _Worker.start(setup)
        if self._closed:
            await worker.kill()
            raise WorkerError("the worker pool is closed")
        self._workers.add(worker)
        return worker

    def _result(self, function: Callable[..., T], status: str, value: Any) -> T:
        match status:
            case "ok":
                result: T = value
                return result
            case "memory":
                raise WorkerMemory(f"{_name(function)} needs more than {self._memory_limit // _MEBIBYTE} MiB of memory")
            case "output":
                raise WorkerOutput(
                    f"the result of {_name(function)} is larger than {self._output_limit // _MEBIBYTE} MiB"
                )
        pickled, kind, text, stack = value
        if pickled:
            error: Exception = pickle.loads(pickled)
            raise error from _RemoteTraceback(stack)
        raise WorkerFailure(kind, text, stack)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))


def _has_descriptor() -> bool:
    """Whether standard error is a real file; test runners and embedders replace it."""
    try:
        sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        return False
    return True
