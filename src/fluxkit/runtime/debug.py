"""A look into the running process: where every task and thread stands.

Served beside the metrics under the paths where upstream serves Go's profiles (fluxcd/pkg ``runtime/pprof``), with what
Python can tell without slowing the process down: the command line, and the stacks of tasks (``goroutine``) and threads
(``threadcreate``). Stacks hold code positions only, never values.
"""

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping

__all__ = ["PROFILES", "command_line", "task_stacks", "thread_stacks"]


def command_line() -> str:
    """The arguments of the process, separated by NUL as Go does."""
    return "\0".join(sys.argv)


def task_stacks() -> str:
    """The stack of every asyncio task of the running loop, by name."""
    parts = []
    for task in sorted(asyncio.all_tasks(), key=lambda each: each.get_name()):
        parts.append("\n".join([f"task {task.get_name()}:", *_awaits(task.get_coro())]))
    return "\n\n".join(parts) + "\n"


def _awaits(awaited: object) -> Iterator[str]:
    """What a task waits for, outermost first: its own coroutine, the one that this awaits, and so on."""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            yield f'  File "{frame.f_code.co_filename}", line {frame.f_lineno}, in {frame.f_code.co_name}'
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


def thread_stacks() -> str:
    """The stack of every thread, by name."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in sys._current_frames().items():
        lines = "".join(traceback.format_stack(frame)).rstrip()
        parts.append(f"thread {names.get(ident, ident)}:\n{lines}")
    return "\n\n".join(parts) + "\n"


PROFILES: Mapping[str, Callable[[], str]] = {
    "cmdline": command_line,
    "goroutine": task_stacks,
    "threadcreate": thread_stacks,
}
