"""Waiting until new kinds can be used: a definition that is established may not be served yet."""

import asyncio
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

from fluxkit.apply.sharedwatch import Scope, SharedWatches
from fluxkit.kube import Client
from fluxkit.kube.errors import APIError, NoMatch, NotFound
from fluxkit.objects import GroupVersionKind, Object

__all__ = ["defined_kinds", "wait_served"]

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 2.0
# A definition becomes an API service once the server has its paths; both are told before or as a kind can be used.
_SIGNS = (
    GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
    GroupVersionKind("apiregistration.k8s.io", "v1", "APIService"),
)
_PROBE = "fluxkit-probe"


def defined_kinds(definition: Object) -> set[GroupVersionKind]:
    """The kinds that a CustomResourceDefinition serves; empty for other objects."""
    if definition.get("kind") != "CustomResourceDefinition":
        return set()
    spec = definition.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("names"), dict):
        return set()
    group, kind = str(spec.get("group", "")), str(spec["names"].get("kind", ""))
    versions = spec.get("versions")
    return {
        GroupVersionKind(group, str(version.get("name", "")), kind)
        for version in (versions if isinstance(versions, list) else [])
        if isinstance(version, dict) and version.get("served")
    }


async def wait_served(
    client: Client,
    watches: SharedWatches,
    definitions: Iterable[Object],
    wanted: Collection[GroupVersionKind],
    timeout: float,
) -> None:
    """Return when every wanted kind that these definitions serve can be used; raises :class:`NoMatch` otherwise.

    Kinds that discovery knows already cost nothing. A new one has to be in discovery, and its path has to answer: the
    two follow the definition independently. What is watched wakes the next look; a server behind a balancer may be late
    with either, hence the growing pauses that end without a sign. ``timeout`` is in seconds.
    """
    kinds: set[GroupVersionKind] = set()
    for definition in definitions:
        kinds |= defined_kinds(definition) & set(wanted)
    missing = [kind for kind in sorted(kinds) if not client.knows(kind) and not await _is_served(client, kind)]
    if not missing:
        return
    with _signs(watches) as sign:
        try:
            async with asyncio.timeout(timeout):
                while missing:
                    pause = _FIRST_PAUSE
                    while not await _is_served(client, missing[0]):
                        with suppress(TimeoutError):
                            async with asyncio.timeout(pause):
                                await sign.wait()
                        sign.clear()
                        pause = min(2 * pause, _LONGEST_PAUSE)
                    missing.pop(0)
        except TimeoutError:
            raise NoMatch(missing[0]) from None


@contextmanager
def _signs(watches: SharedWatches) -> Iterator[asyncio.Event]:
    """An event that is set whenever a definition or an API service changes."""
    sign = asyncio.Event()
    acquired = [watches.acquire(Scope(kind, metadata_only=True)) for kind in _SIGNS]
    stops = [watch.listen(None, sign.set) for watch in acquired]
    try:
        yield sign
    finally:
        for stop in stops:
            stop()
        for watch in acquired:
            watches.release(watch)


async def _is_served(client: Client, kind: GroupVersionKind) -> bool:
    try:
        mapping = await client.mapping(kind)
        await client.get(kind, _PROBE, "default" if mapping.namespaced else "", metadata_only=True)
    except NoMatch:
        return False
    except NotFound as error:
        # Without a name it is the path that does not exist.
        return bool(error.details.get("name"))
    except APIError:
        # Any other answer, such as that we may not read it, comes from a kind that is served.
        return True
    return True
