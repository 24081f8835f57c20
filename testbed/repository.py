"""A Git repository to serve, and a clone of it in which changes are made and pushed."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["GitFailed", "Repository"]

_ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class GitFailed(RuntimeError):
    """A git command failed; the text has its output."""


class Repository:
    """``bare`` is what is served, ``clone`` a developer's checkout of its branch main."""

    def __init__(self, bare: Path, clone: Path) -> None:
        self.bare = bare
        self.clone = clone

    async def create(self) -> None:
        """Makes both, empty."""
        self.bare.parent.mkdir(parents=True, exist_ok=True)
        await self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), cwd=self.bare.parent)
        await self._git("clone", "--quiet", str(self.bare), str(self.clone), cwd=self.bare.parent)
        await self._git("checkout", "--quiet", "-B", "main")

    def read(self, path: str) -> str:
        return (self.clone / path).read_text()

    def write(self, path: str, text: str) -> None:
        target = self.clone / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def write_bytes(self, path: str, content: bytes) -> None:
        target = self.clone / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def remove(self, path: str) -> None:
        (self.clone / path).unlink()

    def copy(self, tree: Path) -> None:
        """Adds the files of a directory."""
        shutil.copytree(tree, self.clone, dirs_exist_ok=True)

    async def push(self, message: str) -> str:
        """Commits everything, pushes, and returns the revision as a source reports it."""
        await self._git("add", "--all")
        await self._git("commit", "--quiet", "--allow-empty", "--message", message)
        return await self._pushed()

    async def revert(self) -> str:
        """Reverts the last commit and pushes; returns the revision."""
        await self._git("revert", "--no-edit", "HEAD")
        return await self._pushed()

    async def _pushed(self) -> str:
        await self._git("push", "--quiet", "origin", "main")
        return f"main@sha1:{(await self._git('rev-parse', 'HEAD')).strip()}"

    async def _git(self, *arguments: str, cwd: Path | None = None) -> str:
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=cwd or self.clone,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode(errors="replace")
        if process.returncode:
            raise GitFailed(f"git {' '.join(arguments)} ended with status {process.returncode}:\n{output}")
        return output
