"""Operations that webhooks have to agree to: taken, interrupted while those are asked, and taken again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import orjson

from fluxkit.sandbox.admission import Journal, ReviewNeeded
from fluxkit.sandbox.registry import DeleteOptions, Registry, WriteOptions
from fluxkit.sandbox.status import conflict

__all__ = ["decided", "private"]

_ATTEMPTS = 20
"""An object that changes all the time, or webhooks that never agree, must end somewhere."""

Options = TypeVar("Options", WriteOptions, DeleteOptions)
T = TypeVar("T")


async def decided(registry: Registry, options: Options, attempt: Callable[[Options], T]) -> T:
    """The result of an operation of the registry; ``attempt`` may be called several times."""
    admission = registry.admission
    if admission is None or not admission.has_webhooks:
        return attempt(options)
    options = replace(options, journal=Journal())
    for _ in range(_ATTEMPTS):
        try:
            return attempt(options)
        except ReviewNeeded as needed:
            await needed.ask()
    raise conflict("", "", "", "the object kept changing while admission webhooks were asked; please try again")


def private(registry: Registry, obj: dict[str, Any]) -> dict[str, Any]:
    """An object for one attempt: a copy where there may be more attempts."""
    if registry.admission is None or not registry.admission.has_webhooks:
        return obj
    copied: dict[str, Any] = orjson.loads(orjson.dumps(obj))
    return copied
