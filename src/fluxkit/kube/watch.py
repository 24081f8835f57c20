"""The events of a watch response: one JSON document per line, cut out of chunks of any size."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

import orjson

from fluxkit.kube.errors import BadResponse, from_status
from fluxkit.objects import Object

__all__ = ["EventType", "WatchEvent", "decode_events"]

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
_TYPES: Final[tuple[EventType, ...]] = get_args(EventType)
_LINE_LIMIT: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """A change of one object; a BOOKMARK holds nothing but a resourceVersion to resume from."""

    type: EventType
    object: Object

    @property
    def resource_version(self) -> str:
        version = self.object.get("metadata", {}).get("resourceVersion", "")
        return version if isinstance(version, str) else ""


async def decode_events(chunks: AsyncIterator[bytes], *, what: str) -> AsyncGenerator[WatchEvent, None]:
    """Events as they come; ends with the response. A line that breaks off at the end was never said.

    Raises the typed :class:`~fluxkit.kube.errors.APIError` of an ERROR event (Expired for 410), and
    :class:`BadResponse` for a line that is not a watch event.
    """
    pending: list[bytes] = []
    size = 0
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        pending.append(first)
        size += len(first)
        if size > _LINE_LIMIT:
            raise BadResponse(f"{what}: an event is larger than {_LINE_LIMIT >> 20} MiB")
        for following in others:
            line = b"".join(pending)
            pending, size = [following], len(following)
            if line.strip():
                yield _event(line, what)


def _event(line: bytes, what: str) -> WatchEvent:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise BadResponse(f"{what}: an event is not JSON") from None
    named, obj = (document.get("type"), document.get("object")) if isinstance(document, dict) else (None, None)
    if isinstance(obj, dict):
        if named == "ERROR":
            raise from_status(obj)
        for known in _TYPES:
            if named == known:
                return WatchEvent(known, obj)
    raise BadResponse(f"{what}: an event has neither a known type nor an object")
