"""Threads for client libraries that block: few, and apart from those that the rest of the process needs."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final, ParamSpec, TypeVar

__all__ = ["in_thread"]

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = 8


async def in_thread(function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Awaits a blocking function, which has to bound itself: a cancelled one runs to its end."""
    future = _executor().submit(function, *arguments, **options)
    return await asyncio.wrap_future(future)


@lru_cache(maxsize=1)
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="key-service")
