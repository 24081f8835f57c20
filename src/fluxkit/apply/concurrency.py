"""Doing the same to many objects, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

__all__ = ["map_bounded"]

T = TypeVar("T")
R = TypeVar("R")


async def map_bounded(function: Callable[[T], Awaitable[R]], items: Sequence[T], limit: int) -> list[R]:
    """``function`` of every item, at most ``limit`` at once, results in order.

    The first exception cancels what is running, keeps the rest from starting, and is raised as it is.
    """
    results: dict[int, R] = {}
    numbered = iter(enumerate(items))

    async def work() -> None:
        for index, item in numbered:
            results[index] = await function(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limit, len(items))):
                group.create_task(work())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures.exceptions[0].__cause__
    return [results[index] for index in range(len(items))]
