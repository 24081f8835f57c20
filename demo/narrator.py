"""What the audience sees: chapters, sentences, and the output of real commands."""

import asyncio
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["DemoFailed", "Narrator"]

_BIN = Path(sys.executable).parent


class DemoFailed(Exception):
    """A step of the story did not hold; the text is the reason."""


class Narrator:
    """Prints the story and runs its commands with the environment given at the start."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment, "PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
        self._colours = sys.stdout.isatty()
        self._chapter = 0

    def chapter(self, title: str) -> None:
        self._chapter += 1
        self._print(f"\n{self._bold(f'{self._chapter}. {title}')}")

    def say(self, text: str) -> None:
        self._print(f"   {text}")

    def holds(self, condition: bool, fact: str, otherwise: str) -> None:
        """States a fact that was checked, or ends the story with what is the case instead."""
        if not condition:
            raise DemoFailed(f"expected: {fact}\n   but: {otherwise}")
        self.reached(fact)

    def reached(self, fact: str) -> None:
        """States what a wait that has ended shows."""
        self._print(f"   ✔ {fact}")

    async def run(self, *command: str, show: bool = True, cwd: Path | None = None) -> str:
        """Runs a command, shows it with its output, and returns the output. A failing command ends the story."""
        if show:
            self._print(f"\n   {self._bold('$ ' + shlex.join(command))}")
        process = await asyncio.create_subprocess_exec(
            *command,
            env=self._environment,
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        if show:
            for line in output.splitlines():
                self._print(f"     {line}")
        if process.returncode != 0:
            raise DemoFailed(f"{shlex.join(command)} ended with status {process.returncode}:\n{output}")
        return output

    def _bold(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self._colours else text

    def _print(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
