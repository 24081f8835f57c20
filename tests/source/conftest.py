"""Repositories that tests write to, and the servers that publish them."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from fluxkit.source import GitClient
from testbed.githttp import GitHTTPServer
from tests.source.proxy import Proxy


class Repository:
    """A bare repository that grows by plain commits, written with git's plumbing: fast, and able to write anything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._clock = 1_700_000_000
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(path), bare=False)

    def git(self, *arguments: str, data: bytes | None = None, bare: bool = True) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.com",
            "GIT_AUTHOR_DATE": f"{self._clock} +0100",
            "GIT_COMMITTER_DATE": f"{self._clock} +0100",
        }
        if bare:
            arguments = ("--git-dir", str(self.path), *arguments)
        done = subprocess.run(["git", *arguments], env=environment, input=data, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def blob(self, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        return self.git("hash-object", "-w", "--stdin", data=data)

    def tree(self, entries: list[tuple[str, str, str]]) -> str:
        """A tree of (mode, name, object id), written byte by byte: git would refuse the hostile ones."""
        data = b"".join(f"{mode} ".encode() + name.encode() + b"\0" + bytes.fromhex(sha) for mode, name, sha in entries)
        return self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=data)

    def commit_tree(self, tree: str, message: str = "change", branch: str = "main") -> str:
        self._clock += 60
        ref = f"refs/heads/{branch}"
        known = self.git("for-each-ref", "--format=%(objectname)", ref)
        commit = self.git("commit-tree", tree, "-m", message, *(["-p", known] if known else []))
        self.git("update-ref", ref, commit)
        return commit

    def commit(self, files: Mapping[str, str | bytes], message: str = "change", branch: str = "main") -> str:
        """A commit of exactly these files."""
        self._clock += 60
        stream = [f"commit refs/heads/{branch}", "mark :1", f"committer Ada <ada@example.com> {self._clock} +0100"]
        known = (self.path / "refs" / "heads" / branch).exists()
        head = "\n".join(
            [*stream, f"data {len(message.encode())}", message, *([f"from refs/heads/{branch}^0"] * known)]
        )
        data = [head.encode(), b"\ndeleteall\n"]
        for name, content in files.items():
            body = content.encode() if isinstance(content, str) else content
            data.append(f"M 100644 inline {name}\ndata {len(body)}\n".encode() + body + b"\n")
        data.append(b"get-mark :1\n")
        return self.git("fast-import", "--quiet", "--force", "--cat-blob-fd=1", data=b"".join(data))

    def tag(self, name: str, commit: str, *, annotated: bool = False) -> None:
        extra = ["-a", "-m", name] if annotated else []
        self.git("tag", *extra, name, commit)


@pytest.fixture
def repositories(tmp_path: Path) -> Path:
    root = tmp_path / "repositories"
    root.mkdir()
    return root


@pytest.fixture
def repository(repositories: Path) -> Repository:
    return Repository(repositories / "fleet.git")


@pytest.fixture
async def server(repositories: Path) -> AsyncIterator[GitHTTPServer]:
    async with GitHTTPServer(repositories) as running:
        yield running


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[GitClient]:
    async with GitClient(tmp_path / "mirrors", allow_file=True) as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests talk to loopback, whatever the machine's environment says."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    running = Proxy()
    server = await asyncio.start_server(running.handle, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    yield running
    server.close()
