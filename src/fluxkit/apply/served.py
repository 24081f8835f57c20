"""Waiting until new kinds can be used: a definition that is established may not be in discovery yet."""

import asyncio
from collections.abc import Collection, Sequence

from fluxkit.kube import Client
from fluxkit.kube.errors import NoMatch
from fluxkit.objects import GroupVersionKind, Object

__all__ = ["defined_kinds", "wait_served"]

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.5


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
    client: Client, definitions: Sequence[Object], wanted: Collection[GroupVersionKind], timeout: float
) -> None:
    """Return when discovery has every wanted kind that these definitions serve; raises :class:`NoMatch` otherwise.

    Discovery cannot be watched, hence the short, growing pauses: it normally follows within milliseconds.
    """
    kinds: set[GroupVersionKind] = set()
    for definition in definitions:
        kinds |= defined_kinds(definition) & set(wanted)
    deadline = asyncio.get_running_loop().time() + timeout
    for kind in sorted(kinds):
        pause = _FIRST_PAUSE
        while True:
            try:
                await client.mapping(kind)
                break
            except NoMatch:
                if asyncio.get_running_loop().time() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
