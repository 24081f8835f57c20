"""git http-backend over real HTTP, in a process of its own."""

import asyncio
import sys
from pathlib import Path

from testbed.process import BackgroundProcess, ProcessFailed

__all__ = ["GitServer"]

_START_SECONDS = 20.0


class GitServer(BackgroundProcess):
    """Serves the bare repositories of a directory, with a user name and a password."""

    def __init__(self, directory: Path, *, username: str, password: str) -> None:
        super().__init__(directory, "server")
        self._directory = directory
        self._username = username
        self._password = password
        self._address = ""

    def url(self, repository: str) -> str:
        return f"{self._address}/{repository}"

    async def run(self) -> None:
        """Starts the server and waits until it listens."""
        self._directory.mkdir(parents=True, exist_ok=True)
        ready = await asyncio.start_server(self._on_ready, "127.0.0.1", 0)
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        port = ready.sockets[0].getsockname()[1]
        try:
            self.start(
                [sys.executable, "-m", "testbed.serve_git", str(self._directory), str(port)],
                {"GIT_SERVER_USERNAME": self._username, "GIT_SERVER_PASSWORD": self._password},
            )
            async with asyncio.timeout(_START_SECONDS):
                self._address = await self._ready
        except TimeoutError:
            self.check()
            raise ProcessFailed(f"the Git server did not start within {_START_SECONDS:.0f}s") from None
        finally:
            ready.close()

    async def _on_ready(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = (await reader.read()).decode()
        writer.close()
        if not self._ready.done():
            self._ready.set_result(address)
