"""Which kinds a server serves, and under which resource names: discovery, cached.

Everything is read in two requests where the server knows aggregated discovery (kubernetes/kubernetes
``apidiscovery.k8s.io``), and group by group, as needed, where it does not. What is known is kept until something says
that it may be stale: a kind that is not found is looked up once more in its own group, and a kind still missing is not
asked for again within a second.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
        self._started = False
        self._complete = False
        self._mappings: dict[GroupVersionKind, ResourceMapping] = {}
        self._versions: dict[str, tuple[str, ...]] = {}
        """Served versions of each group, preferred first."""
        self._missed: dict[GroupVersionKind | GroupKind, float] = {}
        self.changed = asyncio.Event()
        """Set, and replaced by a fresh one, at every :meth:`announce`."""

    async def mapping(self, wanted: GroupVersionKind | GroupKind) -> ResourceMapping:
        """The resource of a kind (of its preferred version, if none is named); raises :class:`NoMatch`."""
        if (found := self._known(wanted)) is not None:
            return found
        async with self._lock:
            while (found := self._known(wanted)) is None:
                now = asyncio.get_running_loop().time()
                if now < self._missed.get(wanted, 0.0):
                    raise NoMatch(wanted)
                changed = self.changed
                if not self._started:
                    await self._read_all()
                else:
                    await self._read_group(wanted.group)
                # What was announced while reading may have come too late to be read, so that it is read once more.
                if self._known(wanted) is None and self.changed is changed:
                    self._missed = {kind: until for kind, until in self._missed.items() if until > now}
                    self._missed[wanted] = now + _MISS_KEPT
            return found

    def knows(self, kind: GroupVersionKind) -> bool:
        """Whether a kind was read before; asks nobody."""
        return kind in self._mappings

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

    def invalidate(self) -> None:
        """Forget everything: kinds were installed or removed, nobody knows which."""
        self._mappings.clear()
        self._versions.clear()
        self._started = False
        self.announce()

    def forget(self, group: str) -> None:
        """Forget one group: the server did not know a path that discovery had named."""
        self._versions.pop(group, None)
        self._mappings = {gvk: mapping for gvk, mapping in self._mappings.items() if gvk.group != group}
        self._complete = False

    def announce(self) -> None:
        """A kind was installed or removed: look again for those that were missing. Known ones stay known."""
        self._missed.clear()
        self._complete = False
        self.changed.set()
        self.changed = asyncio.Event()

    def _known(self, wanted: GroupVersionKind | GroupKind) -> ResourceMapping | None:
        if isinstance(wanted, GroupVersionKind):
            return self._mappings.get(wanted)
        for version in self._versions.get(wanted.group, ()):
            found = self._mappings.get(GroupVersionKind(wanted.group, version, wanted.kind))
            if found is not None:
                return found
        return None

    def _resolved(self, text: str) -> ResourceMapping | None:
        name, _, rest = text.lower().partition(".")
        preferred = list(self._preferred())
        named = [mapping for mapping in preferred if name in _names(mapping)]
        named += [mapping for mapping in preferred if name in mapping.short_names]
        for mapping in named:
            if rest in ("", mapping.gvk.group):
                return mapping
        version, _, group = rest.partition(".")
        for mapping in self._mappings.values():
            if (version, group) == (mapping.gvk.version, mapping.gvk.group) and (
                name in _names(mapping) or name in mapping.short_names
            ):
                return mapping
        # The beginning of the group is enough: "kustomizations.kustomize".
        return next((mapping for mapping in named if mapping.gvk.group.startswith(rest)), None)

    def _preferred(self) -> Iterator[ResourceMapping]:
        """Each resource once, in its first served version, groups in the server's order (core first)."""
        by_group: dict[str, list[ResourceMapping]] = {}
        for mapping in self._mappings.values():
            by_group.setdefault(mapping.gvk.group, []).append(mapping)
        for group, versions in self._versions.items():
            seen: set[str] = set()
            mappings = by_group.get(group, [])
            for version in versions:
                for mapping in mappings:
                    if mapping.gvk.version == version and mapping.plural not in seen:
                        seen.add(mapping.plural)
                        yield mapping

    async def _read_all(self) -> None:
        changed = self.changed
        versions: dict[str, tuple[str, ...]] = {}
        mappings: list[ResourceMapping] = []
        for document in await asyncio.gather(self._get("/api", _AGGREGATED), self._get("/apis", _AGGREGATED)):
            if document is None:
                continue
            with _as_promised():
                if document.get("kind") == "APIGroupDiscoveryList":
                    for group in _dicts(document.get("items")):
                        name, served, found = _aggregated_group(group)
                        versions[name] = served
                        mappings += found
                    continue
                groups = _legacy_groups(document)
            versions.update(groups)
            reads = [self._read_version(name, version) for name, served in groups for version in served]
            for found in await asyncio.gather(*reads):
                mappings += found
        self._versions = versions
        self._mappings = {mapping.gvk: mapping for mapping in mappings}
        self._started = True
        self._complete = self.changed is changed

    async def _read_group(self, group: str) -> None:
        document = await self._get(f"/apis/{group}" if group else "/api", "application/json")
        with _as_promised():
            served = () if document is None else _served_versions(document)
        mappings = [mapping for version in served for mapping in await self._read_version(group, version)]
        complete = self._complete
        self.forget(group)
        self._complete = complete
        if served:
            self._versions[group] = served
            self._mappings.update((mapping.gvk, mapping) for mapping in mappings)

    async def _read_version(self, group: str, version: str) -> list[ResourceMapping]:
        document = await self._get(api_prefix(group, version), "application/json")
        with _as_promised():
            return [] if document is None else _legacy_resources(group, version, document)

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


@contextmanager
def _as_promised() -> Iterator[None]:
    """Discovery documents that break the API's own schema are the server's fault, not a bug of ours."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise BadResponse(f"discovery: a document does not have the promised form ({error!r})") from error


def _names(mapping: ResourceMapping) -> tuple[str, str, str]:
    return mapping.plural, mapping.singular, mapping.gvk.kind.lower()


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
