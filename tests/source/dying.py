"""Python programs that kill themselves with SIGKILL at an exact point: the nth call of a function."""

import asyncio
import signal
import subprocess
import sys

__all__ = ["run_until_killed"]

_PREAMBLE = """
import importlib, os, signal, sys

def die_at(target, nth):
    module, name = target.rsplit(".", 1)
    owner = importlib.import_module(module)
    real = getattr(owner, name)
    calls = 0

    def dying(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    setattr(owner, name, dying)

die_at(sys.argv[1], int(sys.argv[2]))
del sys.argv[1:3]
"""


async def run_until_killed(program: str, *arguments: str, function: str, call: int = 1) -> None:
    """Run a program in which the ``call``-th use of ``function`` (``module.name``) is SIGKILL; asserts that it came."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PREAMBLE + program, function, str(call), *arguments, stderr=subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == -signal.SIGKILL, errors.decode()
