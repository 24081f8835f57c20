"""HelmReleases as what Kustomizations depend on: plain objects, watched from the first reference to one on.

Their controller may not be installed. Read with the controller's own rights, from whichever shard they belong to.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from fluxkit.kube import CacheEvent, CacheRegistry, Client, WatchCache
from fluxkit.kube.errors import KubeError
from fluxkit.objects import GroupVersionKind, Object, ObjectKey

__all__ = ["HelmReleases"]

_HELM_RELEASE = GroupVersionKind("helm.toolkit.fluxcd.io", "v2", "HelmRelease")
_PATIENCE = 10.0
"""Seconds for the first list; until it is there, no HelmRelease is found, which is tried again."""


class HelmReleases:
    """``changed`` hears of what happens to any of them."""

    def __init__(
        self, client: Client, caches: CacheRegistry, namespace: str, changed: Callable[[CacheEvent], None]
    ) -> None:
        self._client = client
        self._registry = caches
        self._namespace = namespace
        self._changed = changed
        self._cache: WatchCache | None = None

    async def follow(self) -> None:
        """From now on :meth:`get` answers, unless the kind is not installed."""
        if self._cache is None:
            try:
                await self._client.mapping(_HELM_RELEASE)
            except KubeError:
                return
        if self._cache is None:
            self._cache = self._registry.cache(_HELM_RELEASE, self._namespace)
            self._cache.subscribe(self._changed)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._cache.wait_synced()

    def get(self, key: ObjectKey) -> Object | None:
        return None if self._cache is None else self._cache.get(key.namespace, key.name)
