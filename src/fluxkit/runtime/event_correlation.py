"""Keeping Kubernetes events few: counting repeats, combining similar ones, dropping spam.

client-go's ``tools/record/events_cache.go`` with its defaults: an identical event increments a count; from the tenth
distinct message with the same reason within ten minutes on, messages are combined into one event; and an object may
cause 25 events at once, then one every five minutes. State is bounded and local to the process.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from fluxkit import timestamps
from fluxkit.objects import Object, metadata_of

__all__ = ["Correlated", "EventCorrelator", "event_name"]

V = TypeVar("V")

_MAX_ENTRIES = 4096
_AGGREGATE_FROM = 10
_AGGREGATE_INTERVAL = 600.0
_SPAM_BURST = 25
_SPAM_PER_SECOND = 1.0 / 300.0
_COMBINED = "(combined from similar events): "


class _Recent(Generic[V]):
    """A mapping that forgets what was used longest ago."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: Hashable, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class _Similar:
    last: float
    messages: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Observation:
    name: str
    count: int
    first_timestamp: str


@dataclass(frozen=True, slots=True)
class Correlated:
    """What to write: the complete event, and the patch if it repeats one that the server has already."""

    event: Object
    patch: dict[str, Any] | None
    key: Hashable


def event_name(object_name: str, moment: datetime) -> str:
    """``<object>.<nanoseconds in hex>``; moments have microsecond precision."""
    return f"{object_name}.{_nanoseconds(moment):x}"


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


class EventCorrelator:
    """Decides for each core/v1 Event whether it is created, patched into an earlier one, or dropped."""

    def __init__(self) -> None:
        self._buckets: _Recent[_Bucket] = _Recent(_MAX_ENTRIES)
        self._similar: _Recent[_Similar] = _Recent(_MAX_ENTRIES)
        self._observed: _Recent[_Observation] = _Recent(_MAX_ENTRIES)

    def correlate(self, event: Object, moment: datetime) -> Correlated | None:
        """What to write for an event that happened at the given moment; None if it is spam."""
        now = moment.timestamp()
        event, key = self._combine(event, moment, now)
        observed = self._observed.get(key)
        patch: dict[str, Any] | None = None
        if observed is not None:
            event = {
                **event,
                "metadata": {**metadata_of(event), "name": observed.name},
                "firstTimestamp": observed.first_timestamp,
                "count": observed.count + 1,
            }
            patch = {
                "count": event["count"],
                "lastTimestamp": event["lastTimestamp"],
                "message": event["message"],
            }
        self._remember(key, event)
        if self._is_spam(event, now):
            return None
        return Correlated(event, patch, key)

    def written(self, correlated: Correlated, stored: Object) -> None:
        """Takes over the name and count that the server knows the event by."""
        self._remember(correlated.key, stored)

    def _remember(self, key: Hashable, event: Object) -> None:
        self._observed.put(
            key,
            _Observation(str(metadata_of(event).get("name", "")), int(event["count"]), str(event["firstTimestamp"])),
        )

    def _combine(self, event: Object, moment: datetime, now: float) -> tuple[Object, Hashable]:
        key = _similarity(event)
        message = str(event["message"])
        similar = self._similar.get(key)
        if similar is None or now - similar.last > _AGGREGATE_INTERVAL:
            similar = _Similar(now)
        similar.messages.add(message)
        similar.last = now
        self._similar.put(key, similar)
        if len(similar.messages) < _AGGREGATE_FROM:
            return event, (*key, message)
        similar.messages.pop()
        stamp = timestamps.format_time(moment)
        metadata = metadata_of(event)
        involved = event["involvedObject"]
        combined = {
            **event,
            "metadata": {"name": event_name(str(involved.get("name", "")), moment), "namespace": metadata["namespace"]},
            "message": _COMBINED + message,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
        return combined, key

    def _is_spam(self, event: Object, now: float) -> bool:
        key = _subject(event)
        bucket = self._buckets.get(key) or _Bucket(_SPAM_BURST, now)
        bucket.tokens = min(float(_SPAM_BURST), bucket.tokens + (now - bucket.at) * _SPAM_PER_SECOND)
        bucket.at = now
        self._buckets.put(key, bucket)
        if bucket.tokens < 1.0:
            return True
        bucket.tokens -= 1.0
        return False


def _subject(event: Object) -> tuple[str, ...]:
    involved = event["involvedObject"]
    return (
        str(event["source"].get("component", "")),
        *(str(involved.get(key, "")) for key in ("kind", "namespace", "name", "uid", "apiVersion")),
        str(event["type"]),
    )


def _similarity(event: Object) -> tuple[str, ...]:
    return (*_subject(event), str(event["reason"]))
