"""Waiting until new kinds can be used: a definition that is established may not be served yet."""

import asyncio
from collections.abc import Collection, Iterable

from fluxkit.kube import Client
from fluxkit.kube.errors import APIError, NoMatch, NotFound
from fluxkit.objects import GroupVersionKind, Object

__all__ = ["defined_kinds", "wait_served"]

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.5
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
    client: Client, definitions: Iterable[Object], wanted: Collection[GroupVersionKind], timeout: float
) -> None:
    """Return when every wanted kind that these definitions serve can be used; raises :class:`NoMatch` otherwise.

    Kinds that discovery knows already cost nothing. A new one has to be in discovery, and its path has to answer: the
    two follow the definition independently. Neither can be watched, hence the short, growing pauses; both normally
    follow within milliseconds. ``timeout`` is in seconds.
    """
    kinds: set[GroupVersionKind] = set()
    for definition in definitions:
        kinds |= defined_kinds(definition) & set(wanted)
    deadline = asyncio.get_running_loop().time() + timeout
    for kind in sorted(kinds):
        pause = _FIRST_PAUSE
        new = False
        while not await _is_served(client, kind, probe=new):
            new = True
            if asyncio.get_running_loop().time() + pause > deadline:
                raise NoMatch(kind)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


async def _is_served(client: Client, kind: GroupVersionKind, *, probe: bool) -> bool:
    try:
        mapping = await client.mapping(kind)
        if probe:
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
