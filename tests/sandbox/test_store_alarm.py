"""The moment until which a watch waits, on both event loops: it may be past when it is set."""

import asyncio

import pytest
import uvloop

from fluxkit.sandbox.store import Watcher


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_moments_that_are_past(run: object) -> None:
    async def wait() -> list[bool]:
        watcher = Watcher("configmaps", "")
        now = asyncio.get_running_loop().time()
        async with asyncio.timeout(10):
            # a busy server comes to it late, and may ask again for the same moment or for another
            return [await watcher.wait(moment) for moment in (now - 1, now - 1, now - 2, now)]

    assert callable(run)
    assert run(wait()) == [False] * 4
