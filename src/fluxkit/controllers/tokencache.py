"""Tokens that were issued to us and still hold, with upstream's metrics (fluxcd/pkg ``cache``)."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from fluxkit.objects import ObjectKey

__all__ = ["Token", "TokenCache", "TokenUser"]

_SHARE_OF_LIFE = 0.8


@dataclass(frozen=True, slots=True)
class Token:
    """``value`` is secret; ``expires`` is Unix time in seconds."""

    value: str
    expires: float

    def __repr__(self) -> str:
        return "Token(...)"


@dataclass(frozen=True, slots=True)
class TokenUser:
    """The object on whose behalf a token is used, and what for, such as ``fetch_kubeconfig``."""

    kind: str
    key: ObjectKey
    operation: str


@dataclass(frozen=True, slots=True)
class _Entry:
    token: Token
    until: float


class TokenCache:
    """Keeps up to ``size`` tokens for 80 % of their life and at most ``duration`` seconds; size 0 keeps none."""

    def __init__(self, registry: CollectorRegistry, *, size: int = 100, duration: float = 3600.0) -> None:
        self._size = size
        self._duration = duration
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._events = Counter(
            "gotk_token_cache_events_total",
            "Total number of cache retrieval events for a Gitops Toolkit resource reconciliation.",
            ["event_type", "kind", "name", "namespace", "operation"],
            registry=registry,
        )
        self._items = Gauge("gotk_token_cached_items", "Total number of items in the cache.", registry=registry)
        self._requests = Counter(
            "gotk_token_cache_requests_total",
            "Total number of cache requests partitioned by success or failure.",
            ["status"],
            registry=registry,
        )
        self._evictions = Counter(
            "gotk_token_cache_evictions_total", "Total number of cache evictions.", registry=registry
        )
        self._users: dict[ObjectKey, set[tuple[str, ...]]] = {}

    async def get(self, key: Hashable, user: TokenUser, issue: Callable[[], Awaitable[Token]]) -> Token:
        """The token under ``key``, issued if need be; raises what ``issue`` raises."""
        entry = self._entries.get(key)
        if entry is not None and entry.until > time.time():
            self._entries.move_to_end(key)
            self._count(user, "cache_hit")
            return entry.token
        self._entries.pop(key, None)
        try:
            token = await issue()
        except Exception:
            self._requests.labels("failure").inc()
            raise
        self._count(user, "cache_miss")
        now = time.time()
        until = now + min((token.expires - now) * _SHARE_OF_LIFE, self._duration)
        if self._size:
            self._entries[key] = _Entry(token, until)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
                self._evictions.inc()
        self._items.set(len(self._entries))
        return token

    def reject(self, key: Hashable, token: str) -> None:
        """The server did not accept a token: it is not used again."""
        entry = self._entries.get(key)
        if entry is not None and entry.token.value == token:
            del self._entries[key]
            self._items.set(len(self._entries))

    def forget(self, key: ObjectKey) -> None:
        """Drops the series of an object that no longer exists."""
        for labels in self._users.pop(key, ()):
            self._events.remove(*labels)

    def _count(self, user: TokenUser, event: str) -> None:
        labels = (event, user.kind, user.key.name, user.key.namespace, user.operation)
        self._users.setdefault(user.key, set()).add(labels)
        self._events.labels(*labels).inc()
        self._requests.labels("success").inc()
