"""Running the ``git`` binary: no configuration but ours, no terminal, no hooks, and an end at the deadline for sure.

Git, its transport helper and ``ssh`` run in a process group of their own, which is killed as a whole when the time is
up or the caller is cancelled; a hung server therefore holds nothing. The environment is built from nothing, so neither
the user's configuration nor credential helpers, agents or ``GIT_*`` variables take part.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeVar, cast

from fluxkit.source.errors import GitError, GitTimeout

__all__ = ["GitFailed", "git_environment", "read_git", "run_git"]

T = TypeVar("T")

_STDERR_LIMIT: Final = 64 << 10
_OUTPUT_LIMIT: Final = 256 << 20
_PROXY_VARIABLES: Final = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "protocol.version=2",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
    # Above this size objects are streamed instead of held in memory.
    "core.bigFileThreshold=4m",
)


@dataclass
class GitFailed(Exception):
    """Git ended with an error; ``stderr`` is what it said, at most 64 KiB, not yet masked."""

    status: int
    stderr: str


def git_environment(home: Path, *, allow_file: bool = False, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a git process. ``home`` holds our ``.gitconfig`` with credentials, or nothing."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "http:https:ssh:file" if allow_file else "http:https:ssh",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_ADVICE": "0",
        **(extra or {}),
    }
    for name in _PROXY_VARIABLES:
        if value := os.environ.get(name):
            environment[name] = value
    return environment


def _arguments(arguments: Sequence[str]) -> list[str]:
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    return ["git", *settings, *arguments]


async def run_git(
    arguments: Sequence[str], environment: Mapping[str, str], *, timeout: float, inherit: Sequence[int] = ()
) -> bytes:
    """Run git to its end and return its output. ``timeout`` in seconds.

    The descriptors ``inherit`` stay open in git: locks that must last while git still writes, should we be killed.
    Raises GitFailed for a failure, GitTimeout at the deadline, GitError when there is no git.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *_arguments(arguments),
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(inherit),
        )
    except FileNotFoundError:
        raise _no_git() from None
    ended = False
    try:
        async with asyncio.timeout(timeout):
            output, errors = await asyncio.gather(
                _read(process.stdout, _OUTPUT_LIMIT), _read(process.stderr, _STDERR_LIMIT)
            )
            status = await process.wait()
            ended = True
    except TimeoutError:
        raise GitTimeout(f"no answer within {timeout:g} seconds: context deadline exceeded") from None
    finally:
        if not ended:
            await _kill(process)
    if status:
        raise GitFailed(status, errors.decode("utf-8", "replace"))
    return output


async def _read(stream: asyncio.StreamReader | None, limit: int) -> bytes:
    """At most ``limit`` bytes; the rest is read and dropped, so that the writer never blocks."""
    assert stream is not None
    data = bytearray()
    while chunk := await stream.read(1 << 16):
        if len(data) < limit:
            data += chunk[: limit - len(data)]
    return bytes(data)


async def _kill(process: Process) -> None:
    """Kill the whole process group; one that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())


async def read_git(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    consume: Callable[[BinaryIO], T],
    *,
    stdin: BinaryIO | None = None,
    timeout: float,
) -> T:
    """Run git and let ``consume`` read its output in a thread, as it comes.

    Raises as :func:`run_git`, and whatever ``consume`` raises; git is killed then.
    """
    started: list[subprocess.Popen[bytes]] = []
    work = asyncio.ensure_future(asyncio.to_thread(_consume, arguments, environment, consume, stdin, started))
    try:
        async with asyncio.timeout(timeout):
            return await asyncio.shield(work)
    except TimeoutError:
        raise GitTimeout(f"not finished within {timeout:g} seconds: context deadline exceeded") from None
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        # The thread ends when its pipe does; nobody may remove the directories it writes to before.
        await asyncio.wait([work])
        work.exception()


def _consume(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    consume: Callable[[BinaryIO], T],
    stdin: BinaryIO | None,
    started: list[subprocess.Popen[bytes]],
) -> T:
    try:
        process = subprocess.Popen(
            _arguments(arguments),
            env=environment,
            cwd="/",
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=1 << 20,
        )
    except FileNotFoundError:
        raise _no_git() from None
    started.append(process)
    with process:
        output = cast(BinaryIO, process.stdout)
        try:
            result = consume(output)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise GitFailed(process.returncode, f"git {arguments[-1]} failed")
    return result


def _no_git() -> GitError:
    return GitError("the git command is not installed: install git and make sure that it is in PATH")
