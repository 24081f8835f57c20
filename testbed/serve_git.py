"""``python -m testbed.serve_git DIRECTORY PORT``: serves Git until ended, and tells PORT where it listens."""

import asyncio
import os
import sys
from pathlib import Path

from testbed.githttp import GitHTTPServer

__all__: list[str] = []


async def _serve(directory: Path, announce: int) -> None:
    credentials = (os.environ["GIT_SERVER_USERNAME"], os.environ["GIT_SERVER_PASSWORD"])
    async with GitHTTPServer(directory, credentials=credentials) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", announce)
        writer.write(server.url("").rstrip("/").encode())
        await writer.drain()
        writer.close()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
