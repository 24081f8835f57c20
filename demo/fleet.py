"""The Git side of the story: a bare repository made from ``examples/``, and a clone in which changes are made."""

import shutil
from pathlib import Path

from demo.narrator import Narrator

__all__ = ["Fleet"]

_IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")


class Fleet:
    """A developer's clone of the fleet repository."""

    def __init__(self, narrator: Narrator, bare: Path, clone: Path) -> None:
        self._narrator = narrator
        self.bare = bare
        self.clone = clone

    async def create(self, examples: Path) -> None:
        """Makes the bare repository with one commit that holds ``examples``."""
        self.bare.parent.mkdir(parents=True, exist_ok=True)
        await self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), cwd=self.bare.parent)
        await self._git("clone", "--quiet", str(self.bare), str(self.clone), cwd=self.bare.parent)
        await self._git("checkout", "--quiet", "-B", "main")
        shutil.copytree(examples, self.clone, dirs_exist_ok=True)
        await self.push("Start the fleet")

    def read(self, path: str) -> str:
        return (self.clone / path).read_text()

    def write(self, path: str, text: str) -> None:
        (self.clone / path).write_text(text)

    def remove(self, path: str) -> None:
        (self.clone / path).unlink()

    async def push(self, message: str) -> str:
        """Commits everything, pushes, and returns the revision as a source reports it."""
        await self._git("add", "--all")
        await self._git("commit", "--quiet", "--message", message)
        return await self._pushed()

    async def revert(self) -> str:
        """Reverts the last commit and pushes; returns the revision."""
        await self._git("revert", "--no-edit", "HEAD")
        return await self._pushed()

    async def _pushed(self) -> str:
        await self._git("push", "--quiet", "origin", "main")
        commit = (await self._git("rev-parse", "HEAD")).strip()
        return f"main@sha1:{commit}"

    async def _git(self, *arguments: str, cwd: Path | None = None) -> str:
        return await self._narrator.run("git", *_IDENTITY, *arguments, show=False, cwd=cwd or self.clone)
