"""The loop of an in-process controller: de-duplicated keys, one at a time, never hogging the event loop."""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from fluxkit.sandbox.status import StatusError

__all__ = ["Controller", "Pace"]

_log = logging.getLogger("fluxkit.sandbox")

K = TypeVar("K", bound=Hashable)

_SLICE = 0.001
"""Seconds of work after which other tasks get their turn."""

_REST = 8
"""How many times as long as it has worked a controller rests while clients wait for answers."""


class Pace:
    """How many requests are being answered: clients go first, the simulation catches up when they are done."""

    def __init__(self) -> None:
        self.requests = 0

    def __enter__(self) -> None:
        self.requests += 1

    def __exit__(self, *_: object) -> None:
        self.requests -= 1


class Controller(Generic[K]):
    """Calls ``handle`` for each enqueued key; a key enqueued again while it waits is handled once."""

    def __init__(self, name: str, handle: Callable[[K], None], pace: Pace | None = None) -> None:
        self.name = name
        self._pace = pace or Pace()
        self._handle = handle
        self._keys: dict[K, None] = {}
        self._wake = asyncio.Event()

    def enqueue(self, key: K) -> None:
        self._keys[key] = None
        self._wake.set()

    async def run(self) -> None:
        """Handles keys until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            started = time.monotonic()
            while self._keys:
                key = next(iter(self._keys))
                del self._keys[key]
                try:
                    self._handle(key)
                except StatusError as error:
                    # State moved on since the key was enqueued; the change that moved it enqueues again.
                    _log.info("%s: %s: %s", self.name, key, error)
                except Exception:  # noqa: BLE001 - the boundary of a controller: one bad object must not stop it
                    _log.exception("%s: %s", self.name, key)
                worked = time.monotonic() - started
                if worked > _SLICE:
                    await asyncio.sleep(_REST * worked if self._pace.requests else 0)
                    started = time.monotonic()
