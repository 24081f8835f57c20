"""Jobs for worker processes: module-level functions, because they travel by name."""

import os
import signal
import sys
from pathlib import Path


class Refused(Exception):
    pass


class Unpicklable(Exception):
    def __init__(self, *, text: str) -> None:
        super().__init__(text)


def add(left: int, right: int) -> int:
    return left + right


def imported(module: str) -> bool:
    return module in sys.modules


def spin() -> None:
    while True:
        pass


def allocate(size: int) -> int:
    return len(bytearray(size))


def blob(size: int) -> bytes:
    return bytes(size)


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(status: int) -> None:
    os._exit(status)


def wait_for_line() -> str:
    return sys.stdin.readline()


def read(path: str) -> str:
    return Path(path).read_text()


def refuse(path: str) -> None:
    raise Refused(f"{path}: no such base")


def fail_unpicklably() -> None:
    raise Unpicklable(text="cannot travel")
