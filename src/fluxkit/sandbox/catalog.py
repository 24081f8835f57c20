"""What the server serves: built-in resources and those of CustomResourceDefinitions, by group, version and plural.

The built-in ones come from :mod:`fluxkit.schema`; definitions are added and removed while the server runs and are in
force for the very next request.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fluxkit.objects import GroupVersionKind
from fluxkit.sandbox.status import qualified

__all__ = ["Catalog", "CustomVersion", "Resource"]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class CustomVersion:
    """What a CustomResourceDefinition says about one of its versions."""

    definition: str
    """Name of the definition: ``<plural>.<group>``."""
    schema: dict[str, Any]
    """The OpenAPI v3 schema, empty when the version has none."""
    printer_columns: tuple[dict[str, Any], ...] = ()
    selectable_fields: tuple[str, ...] = ()
    status: bool = False
    scale: dict[str, str] | None = None
    deprecation_warning: str = ""
    storage_schema: dict[str, Any] = field(default_factory=dict)
    """The schema of the version that is stored."""
    terminating: bool = False
    """The definition is being deleted: nothing new may be created."""


@dataclass(frozen=True)
class Resource:
    """One resource in one served version."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Verbs by subresource."""
    storage_version: str = ""
    custom: CustomVersion | None = None
    list_kind: str = ""
    """Kind of a list of these; empty for ``<kind>List``."""
    shared_storage: str = ""
    """Key of the collection of another group that this resource is a view of (events.k8s.io on core events)."""

    @cached_property
    def key(self) -> str:
        """``deployments.apps``: the identity of the stored collection, whatever the version."""
        return self.shared_storage or qualified(self.plural, self.group)

    @cached_property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def storage_api_version(self) -> str:
        version = self.storage_version or self.version
        if self.shared_storage:
            return version
        return f"{self.group}/{version}" if self.group else version

    @cached_property
    def gvk(self) -> GroupVersionKind:
        return GroupVersionKind(self.group, self.version, self.kind)

    @cached_property
    def has_status(self) -> bool:
        return "status" in self.subresources


@dataclass
class _Group:
    versions: list[str] = field(default_factory=list)
    """Served versions, preferred first."""


class Catalog:
    """All served resources; lookups are by path parts, kind or storage key."""

    def __init__(self, builtins: Iterable[Resource]) -> None:
        self._builtins = tuple(builtins)
        self._definitions: dict[str, tuple[Resource, ...]] = {}
        self.generation = 0
        """Grows with every change; discovery documents are cached by it."""
        self._rebuild()

    def _rebuild(self) -> None:
        self.generation += 1
        self._by_path: dict[tuple[str, str, str], Resource] = {}
        self._by_kind: dict[tuple[str, str, str], Resource] = {}
        self._by_key: dict[str, Resource] = {}
        self._groups: dict[str, _Group] = {}
        for resource in self:
            self._by_path.setdefault((resource.group, resource.version, resource.plural), resource)
            self._by_kind.setdefault((resource.group, resource.version, resource.kind), resource)
            group = self._groups.setdefault(resource.group, _Group())
            if resource.version not in group.versions:
                group.versions.append(resource.version)
            known = self._by_key.get(resource.key)
            if known is None or (resource.version == resource.storage_version and not resource.shared_storage):
                self._by_key[resource.key] = resource
        for group in self._groups.values():
            group.versions.sort(key=version_priority)

    def __iter__(self) -> Iterator[Resource]:
        yield from self._builtins
        for resources in self._definitions.values():
            yield from resources

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._by_path.get((group, version, plural))

    def find_kind(self, gvk: GroupVersionKind) -> Resource | None:
        return self._by_kind.get((gvk.group, gvk.version, gvk.kind))

    def stored(self, key: str) -> Resource | None:
        """The resource of a storage key in its storage version."""
        return self._by_key.get(key)

    def groups(self) -> list[str]:
        """Groups in the order of discovery: core first, built-in before custom ones."""
        return list(self._groups)

    def versions(self, group: str) -> list[str]:
        """Served versions of a group, preferred first; empty for an unknown group."""
        found = self._groups.get(group)
        return list(found.versions) if found else []

    def resources(self, group: str, version: str) -> list[Resource]:
        return [item for item in self if item.group == group and item.version == version]

    def stored_resources(self) -> list[Resource]:
        """Each stored collection once, in its storage version."""
        return list(self._by_key.values())

    def define(self, name: str, resources: Iterable[Resource]) -> None:
        """Adds or replaces the resources of a CustomResourceDefinition."""
        found = tuple(resources)
        if self._definitions.get(name) != found:
            self._definitions[name] = found
            self._rebuild()

    def undefine(self, name: str) -> None:
        if self._definitions.pop(name, None) is not None:
            self._rebuild()


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Sort key of kubernetes/apimachinery ``pkg/version.CompareKubeAwareVersionStrings``, best first."""
    rest = version[1:] if version.startswith("v") else ""
    major, mark, minor = rest, "", ""
    for word in ("alpha", "beta"):
        before, found, after = rest.partition(word)
        if found:
            major, mark, minor = before, word, after
    if not major.isdigit() or (mark and minor and not minor.isdigit()):
        return (3, 0, 0, version)
    rank = {"": 0, "beta": 1, "alpha": 2}[mark]
    return (rank, -int(major), -int(minor or 0), version)
