"""Which kinds a server serves, and under which resource names: discovery, cached.

Everything is read in two requests where the server knows aggregated discovery (kubernetes/kubernetes
``apidiscovery.k8s.io``), and group by group, as needed, where it does not. What is known is kept until something says
that it may be stale: a kind that is not found is looked up once more in its own group, and a kind still missing is not
asked for again within a second.
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from fluxkit.kube.errors import BadResponse, NoMatch, NotFound, UnsupportedMediaType
from fluxkit.kube.paths import ResourceMapping, api_prefix
from fluxkit.kube.requests import Request, Sender
from fluxkit.objects import GroupKind, GroupVersionKind

__all__ = ["Discovery"]

_AGGREGATED: Final = ",".join(
    [f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")]
    + ["application/json"]
)
_MISS_KEPT: Final = 1.0


class Discovery:
    """The kinds of one server, for all clients that share its connection."""

    def __init__(self, sender: Sender) -> None:
        self._send = sender
        self._lock = asyncio.Lock()
        self._complete = False
        self._mappings: dict[GroupVersionKind, ResourceMapping] = {}
        self._versions: dict[str, tuple[str, ...]] = {}
        """Served versions of each group, preferred first."""
        self._missed: dict[GroupVersionKind | GroupKind, float] = {}

    async def mapping(self, wanted: GroupVersionKind | GroupKind) -> ResourceMapping:
        """The resource of a kind (of its preferred version, if none is named); raises :class:`NoMatch`."""
        if (found := self._known(wanted)) is not None:
            return found
        async with self._lock:
            if (found := self._known(wanted)) is not None:
                return found
            now = asyncio.get_running_loop().time()
            if now < self._missed.get(wanted, 0.0):
                raise NoMatch(wanted)
            if not self._complete:
                await self._read_all()
            else:
                await self._read_group(wanted.group)
            if (found := self._known(wanted)) is None:
                self._missed = {kind: until for kind, until in self._missed.items() if until > now}
                self._missed[wanted] = now + _MISS_KEPT
                raise NoMatch(wanted)
            return found

    async def all(self) -> list[ResourceMapping]:
        """Every resource of every served version."""
        async with self._lock:
            if not self._complete:
                await self._read_all()
        return list(self._mappings.values())

    async def resolve(self, text: str) -> ResourceMapping:
        """What a person calls a resource: plural, singular, short name or kind, with ``.group`` or ``.version.group``.

        As kubectl: the core group wins, then groups in the order in which the server lists them.
        """
        for again in (False, True):
            if again:
                self.invalidate()
            await self.all()
            if (found := self._resolved(text)) is not None:
                return found
        raise NoMatch(text)

    def invalidate(self, group: str | None = None) -> None:
        """Forget what is known, of one group if it is named: something was installed or removed."""
        self._missed.clear()
        self._complete = False
        if group is None:
            self._mappings.clear()
            self._versions.clear()
        else:
            self._forget_group(group)

    def _known(self, wanted: GroupVersionKind | GroupKind) -> ResourceMapping | None:
        if isinstance(wanted, GroupVersionKind):
            return self._mappings.get(wanted)
        for version in self._versions.get(wanted.group, ()):
            found = self._mappings.get(GroupVersionKind(wanted.group, version, wanted.kind))
            if found is not None:
                return found
        return None

    def _resolved(self, text: str) -> ResourceMapping | None:
        name, _, rest = text.partition(".")
        version, _, group_of_version = rest.partition(".")
        for mapping in self._preferred():
            called = (mapping.plural, mapping.singular, mapping.gvk.kind.lower(), *mapping.short_names)
            if name.lower() not in called:
                continue
            if not rest or rest == mapping.gvk.group:
                return mapping
            if mapping.gvk.version == version and group_of_version == mapping.gvk.group:
                return mapping
        # A prefix of the group is enough ("kustomizations.kustomize"), and any served version may be named.
        for mapping in self._mappings.values():
            called = (mapping.plural, mapping.singular, mapping.gvk.kind.lower(), *mapping.short_names)
            if name.lower() in called and rest:
                if (version, group_of_version) == (mapping.gvk.version, mapping.gvk.group):
                    return mapping
                if mapping.gvk.group.startswith(rest) and mapping.gvk.version == self._versions[mapping.gvk.group][0]:
                    return mapping
        return None

    def _preferred(self) -> Iterator[ResourceMapping]:
        """Each resource once, in its first served version, groups in the server's order (core first)."""
        by_group: dict[str, list[ResourceMapping]] = {}
        for mapping in self._mappings.values():
            by_group.setdefault(mapping.gvk.group, []).append(mapping)
        for group, versions in self._versions.items():
            seen: set[str] = set()
            mappings = by_group.get(group, [])
            for mapping in sorted(mappings, key=lambda m, order=versions: order.index(m.gvk.version)):  # type: ignore[misc]
                if mapping.plural not in seen:
                    seen.add(mapping.plural)
                    yield mapping

    async def _read_all(self) -> None:
        versions: dict[str, tuple[str, ...]] = {}
        mappings: list[ResourceMapping] = []
        for path in ("/api", "/apis"):
            document = await self._get(path, _AGGREGATED)
            if document is None:
                continue
            if document.get("kind") == "APIGroupDiscoveryList":
                for group in _dicts(document.get("items")):
                    name, served, found = _aggregated_group(group)
                    versions[name] = served
                    mappings += found
            else:
                for name, served in _legacy_groups(document):
                    versions[name] = served
                    for version in served:
                        mappings += await self._read_version(name, version)
        self._versions = versions
        self._mappings = {mapping.gvk: mapping for mapping in mappings}
        self._complete = True

    async def _read_group(self, group: str) -> None:
        document = await self._get(f"/apis/{group}" if group else "/api", "application/json")
        served = () if document is None else _served_versions(document)
        mappings = [mapping for version in served for mapping in await self._read_version(group, version)]
        self._forget_group(group)
        if served:
            self._versions[group] = served
            self._mappings.update((mapping.gvk, mapping) for mapping in mappings)

    async def _read_version(self, group: str, version: str) -> list[ResourceMapping]:
        document = await self._get(api_prefix(group, version), "application/json")
        return [] if document is None else _legacy_resources(group, version, document)

    def _forget_group(self, group: str) -> None:
        self._versions.pop(group, None)
        self._mappings = {gvk: mapping for gvk, mapping in self._mappings.items() if gvk.group != group}

    async def _get(self, path: str, accept: str) -> dict[str, Any] | None:
        try:
            body = await self._send(Request(verb="discovery", method="GET", path=path, accept=accept, compress=True))
        except NotFound:
            return None
        except UnsupportedMediaType:
            if accept == "application/json":
                raise
            return await self._get(path, "application/json")
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise BadResponse(f"discovery of {path}: the answer is not JSON") from None
        if not isinstance(document, dict):
            raise BadResponse(f"discovery of {path}: the answer is not an object")
        return document


def _aggregated_group(group: dict[str, Any]) -> tuple[str, tuple[str, ...], list[ResourceMapping]]:
    name = group.get("metadata", {}).get("name") or ""
    served: list[str] = []
    mappings: list[ResourceMapping] = []
    for version in _dicts(group.get("versions")):
        served.append(version["version"])
        for resource in _dicts(version.get("resources")):
            kind = resource.get("responseKind") or {}
            if not kind.get("kind"):
                continue
            mappings.append(
                ResourceMapping(
                    gvk=GroupVersionKind(name, version["version"], kind["kind"]),
                    plural=resource["resource"],
                    namespaced=resource.get("scope") == "Namespaced",
                    verbs=frozenset(resource.get("verbs") or ()),
                    singular=resource.get("singularResource") or "",
                    short_names=tuple(resource.get("shortNames") or ()),
                    categories=tuple(resource.get("categories") or ()),
                    subresources=frozenset(s["subresource"] for s in _dicts(resource.get("subresources"))),
                )
            )
    return name, tuple(served), mappings


def _legacy_groups(document: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    if document.get("kind") == "APIVersions":
        return [("", _served_versions(document))]
    return [(group["name"], _served_versions(group)) for group in _dicts(document.get("groups"))]


def _served_versions(document: dict[str, Any]) -> tuple[str, ...]:
    if document.get("kind") == "APIVersions":
        return tuple(document.get("versions") or ())
    served = [version["version"] for version in _dicts(document.get("versions"))]
    preferred = (document.get("preferredVersion") or {}).get("version")
    return tuple(sorted(served, key=lambda version: version != preferred))


def _legacy_resources(group: str, version: str, document: dict[str, Any]) -> list[ResourceMapping]:
    resources = list(_dicts(document.get("resources")))
    subresources: dict[str, set[str]] = {}
    for resource in resources:
        plural, slash, subresource = resource["name"].partition("/")
        if slash:
            subresources.setdefault(plural, set()).add(subresource)
    return [
        ResourceMapping(
            gvk=GroupVersionKind(group, version, resource["kind"]),
            plural=resource["name"],
            namespaced=bool(resource.get("namespaced")),
            verbs=frozenset(resource.get("verbs") or ()),
            singular=resource.get("singularName") or resource["kind"].lower(),
            short_names=tuple(resource.get("shortNames") or ()),
            categories=tuple(resource.get("categories") or ()),
            subresources=frozenset(subresources.get(resource["name"], ())),
        )
        for resource in resources
        if "/" not in resource["name"]
    ]


def _dicts(value: object) -> Iterable[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()
