"""Kubernetes objects as plain dicts: identities and the few accessors everybody needs.

Objects from the API server stay ``dict[str, Any]`` throughout the project; only fluxkit's own custom resources are
typed models (:mod:`fluxkit.api`). This leaf module names the identities (group-version-kind, key, reference) and
reads metadata without ever raising on a malformed object: absent or mistyped parts read as empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
"""An unstructured Kubernetes object, as decoded from JSON."""

__all__ = [
    "GroupKind",
    "GroupVersionKind",
    "Object",
    "ObjectKey",
    "ObjectRef",
    "annotations_of",
    "gvk_of",
    "key_of",
    "labels_of",
    "metadata_of",
    "ref_of",
    "subject",
]


@dataclass(frozen=True, slots=True, order=True)
class GroupKind:
    """A kind without its version; the core group is the empty string."""

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


@dataclass(frozen=True, slots=True, order=True)
class GroupVersionKind:
    """A kind as an object names it in ``apiVersion`` and ``kind``; the core group is the empty string."""

    group: str
    version: str
    kind: str

    @classmethod
    def parse(cls, api_version: str, kind: str) -> "GroupVersionKind":
        """``("apps/v1", "Deployment")`` or ``("v1", "Service")``."""
        group, _, version = api_version.rpartition("/")
        return cls(group, version, kind)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    def __str__(self) -> str:
        return f"{self.api_version}/{self.kind}"


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Namespace and name of an object whose kind is known from context; cluster-scoped objects have no namespace."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """A full reference to one object of a cluster."""

    gvk: GroupVersionKind
    namespace: str
    name: str

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(self.namespace, self.name)

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """(group, kind, namespace, name): two references with equal identity name one object, whatever the version."""
        return (self.gvk.group, self.gvk.kind, self.namespace, self.name)

    def __str__(self) -> str:
        """``Kind/namespace/name``, as upstream prints subjects (fluxcd/pkg ssa/utils FmtUnstructured)."""
        return f"{self.gvk.kind}/{self.key}"


def metadata_of(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata mapping of an object, empty if absent or mistyped."""
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def labels_of(obj: Mapping[str, Any]) -> dict[str, str]:
    labels = metadata_of(obj).get("labels")
    return labels if isinstance(labels, dict) else {}


def annotations_of(obj: Mapping[str, Any]) -> dict[str, str]:
    annotations = metadata_of(obj).get("annotations")
    return annotations if isinstance(annotations, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def gvk_of(obj: Mapping[str, Any]) -> GroupVersionKind:
    return GroupVersionKind.parse(_text(obj.get("apiVersion")), _text(obj.get("kind")))


def key_of(obj: Mapping[str, Any]) -> ObjectKey:
    metadata = metadata_of(obj)
    return ObjectKey(_text(metadata.get("namespace")), _text(metadata.get("name")))


def ref_of(obj: Mapping[str, Any]) -> ObjectRef:
    key = key_of(obj)
    return ObjectRef(gvk_of(obj), key.namespace, key.name)


def subject(obj: Mapping[str, Any]) -> str:
    """``Kind/namespace/name`` of an object, for messages."""
    return str(ref_of(obj))
