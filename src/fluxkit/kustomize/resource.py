"""One resource: its tree, and what the build remembers about it.

Upstream keeps the build's memory (previous names, prefixes, generator behaviour) in annotations that it strips at the
end; here it lives beside the tree, so that no transformer has to skip it. Where somebody can see those annotations (a
JSON patch into ``/metadata/annotations`` finds them there, a strategic merge patch that deletes all annotations deletes
the memory with them) they are shown for the time being. Input that carries those annotations loses them, as upstream's
output does (api ``resource/resource.go``).
"""

from typing import Any, Final

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.identity import CLUSTER_NAMESPACE, DEFAULT_NAMESPACE, Gvk, ResId, Scopes, parse_group_version
from fluxkit.kustomize.tree import Duplicate, Node, copy_tree, is_empty, is_null, kind_name, plain, text_of

__all__ = ["BUILD_ANNOTATIONS", "ORIGIN_ANNOTATION", "TRANSFORMATIONS_ANNOTATION", "Resource"]

_INTERNAL: Final = "internal.config.kubernetes.io/"
ORIGIN_ANNOTATION: Final = "config.kubernetes.io/origin"
TRANSFORMATIONS_ANNOTATION: Final = "alpha.config.kubernetes.io/transformations"
HELM_ANNOTATION: Final = "internal.config.kubernetes.io/helm-generated"
_MEMORY: Final = tuple(
    _INTERNAL + name
    for name in (
        *("previousNames", "previousNamespaces", "previousKinds", "prefixes", "suffixes"),
        *("generatorBehavior", "needsHashSuffix", "allowNameChange", "allowKindChange"),
    )
)
LOCAL_CONFIG_ANNOTATION: Final = "config.kubernetes.io/local-config"

BUILD_ANNOTATIONS: Final = frozenset(
    {
        *(
            _INTERNAL + name
            for name in [
                "previousKinds",
                "previousNames",
                "prefixes",
                "suffixes",
                "previousNamespaces",
                "allowNameChange",
                "allowKindChange",
                "refBy",
                "generatorBehavior",
                "needsHashSuffix",
                "path",
                "index",
                "seqindent",
                "id",
                "annotations-migration-resource-id",
            ]
        ),
        HELM_ANNOTATION,
        "config.kubernetes.io/path",
        "config.kubernetes.io/index",
        "config.k8s.io/id",
    }
)
"""Annotations that never reach the output."""


class Resource:
    """A resource under construction.

    ``node`` is its tree, or None once a patch has deleted it. ``previous`` holds the (effective namespace, name, kind)
    triples it had before, oldest first. ``behavior`` and ``needs_hash`` come from generators.
    """

    __slots__ = (
        "allow_kind_change",
        "allow_name_change",
        "behavior",
        "needs_hash",
        "node",
        "prefixes",
        "previous",
        "scopes",
        "suffixes",
        "var_names",
    )

    def __init__(self, node: dict[str, Any], scopes: Scopes) -> None:
        self.node: dict[str, Any] | None = node
        self.scopes = scopes
        self.previous: list[tuple[str, str, str]] = []
        self.prefixes: list[str] = []
        self.suffixes: list[str] = []
        self.var_names: list[str] = []
        self.behavior = ""
        self.needs_hash = False
        self.allow_name_change = False
        self.allow_kind_change = False
        self._adopt_internal_annotations()

    def _adopt_internal_annotations(self) -> None:
        """Take over the memory that a previous kustomize left in annotations, e.g. in the output of a function."""
        metadata = self.metadata
        annotations = metadata.get("annotations") if metadata else None
        if isinstance(annotations, dict) and any(key.startswith(_INTERNAL) for key in annotations):
            self._remember(annotations)

    def _remember(self, annotations: dict[str, Any]) -> None:

        def values(name: str) -> list[str]:
            text = text_of(annotations.get(_INTERNAL + name, ""))
            return text.split(",") if text else []

        names, namespaces, kinds = values("previousNames"), values("previousNamespaces"), values("previousKinds")
        if not len(names) == len(namespaces) == len(kinds):
            raise KustomizeError(
                "number of previous names, number of previous namespaces, number of previous kinds not equal"
            )
        self.previous = list(zip(namespaces, names, kinds, strict=True))
        self.prefixes = values("prefixes")
        self.suffixes = values("suffixes")
        self.behavior = text_of(annotations.get(_INTERNAL + "generatorBehavior", ""))
        self.needs_hash = text_of(annotations.get(_INTERNAL + "needsHashSuffix", "")) == "enabled"
        self.allow_name_change = text_of(annotations.get(_INTERNAL + "allowNameChange", "")) == "enabled"
        self.allow_kind_change = text_of(annotations.get(_INTERNAL + "allowKindChange", "")) == "enabled"

    def _memory(self) -> dict[str, str]:
        memory = {
            "previousNamespaces": ",".join(namespace for namespace, _, _ in self.previous),
            "previousNames": ",".join(name for _, name, _ in self.previous),
            "previousKinds": ",".join(kind for _, _, kind in self.previous),
            "prefixes": ",".join(self.prefixes),
            "suffixes": ",".join(self.suffixes),
            "generatorBehavior": self.behavior,
            "needsHashSuffix": "enabled" if self.needs_hash else "",
            "allowNameChange": "enabled" if self.allow_name_change else "",
            "allowKindChange": "enabled" if self.allow_kind_change else "",
        }
        return {_INTERNAL + name: text for name, text in memory.items() if text}

    def show_memory(self) -> None:
        """Write the build's memory into the annotations, until :meth:`hide_memory`."""
        memory = self._memory()
        if memory and self.node:
            metadata = self.node.setdefault("metadata", {})
            annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
            if isinstance(annotations, dict):
                annotations.update(memory)
            elif isinstance(metadata, dict):
                metadata["annotations"] = dict(memory)

    def hide_memory(self, *, protected: bool = False) -> None:
        """Take the memory out of the annotations; what was deleted there is forgotten, unless it is protected."""
        annotations = self.metadata.get("annotations")
        shown = annotations if isinstance(annotations, dict) else {}
        if not protected:
            self._remember(shown)
        for name in _MEMORY:
            shown.pop(name, None)

    # What it is.

    @property
    def tree(self) -> dict[str, Any]:
        """The tree of a resource that is known to exist."""
        return self.node if self.node is not None else {}

    @property
    def empty(self) -> bool:
        return not self.node

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata mapping; a throw-away empty one if there is none."""
        metadata = self.tree.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def api_version(self) -> str:
        return text_of(self.tree.get("apiVersion", ""))

    @property
    def kind(self) -> str:
        return text_of(self.tree.get("kind", ""))

    @property
    def name(self) -> str:
        value = self.metadata.get("name", "")
        return "" if is_null(value) else text_of(value)

    @property
    def namespace(self) -> str:
        value = self.metadata.get("namespace", "")
        return "" if is_null(value) else text_of(value)

    @property
    def gvk(self) -> Gvk:
        group, version = parse_group_version(self.api_version)
        return Gvk(group, version, self.kind)

    @property
    def id(self) -> ResId:
        """The current id."""
        api_version, kind = self.api_version, self.kind
        group, version = parse_group_version(api_version)
        return ResId(group, version, kind, self.name, self.namespace, self.scopes.is_cluster(api_version, kind))

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What must be unique in a build: group, version, kind, name, effective namespace."""
        tree = self.node or {}
        api_version = text_of(tree.get("apiVersion", ""))
        kind = text_of(tree.get("kind", ""))
        group, version = parse_group_version(api_version)
        namespace = (
            CLUSTER_NAMESPACE if self.scopes.is_cluster(api_version, kind) else self.namespace or DEFAULT_NAMESPACE
        )
        return (group, version, kind, self.name, namespace)

    @property
    def cluster_scoped(self) -> bool:
        return self.scopes.is_cluster(self.api_version, self.kind)

    @property
    def previous_ids(self) -> list[ResId]:
        if not self.previous:
            return []
        group, version = parse_group_version(self.api_version)
        return [ResId(group, version, kind, name, namespace) for namespace, name, kind in self.previous]

    @property
    def all_ids(self) -> list[ResId]:
        """Previous ids, oldest first, then the current one."""
        return [*self.previous_ids, self.id]

    @property
    def original_id(self) -> ResId:
        if not self.previous:
            return self.id
        group, version = parse_group_version(self.api_version)
        namespace, name, kind = self.previous[0]
        return ResId(group, version, kind, name, namespace)

    def store_previous_id(self) -> None:
        """Remember the current id before a change of name, namespace or kind."""
        current = self.id
        if not current.name.count(",") == current.effective_namespace.count(",") == current.kind.count(","):
            # Upstream keeps them in lists with commas, and panics; encrypted metadata gets here.
            raise KustomizeError(
                "recovered from kustomize build panic: number of previous names, number of previous namespaces, number "
                "of previous kinds not equal",
                resource=str(current),
            )
        self.previous.append((current.effective_namespace, current.name, current.kind))

    # Metadata as upstream reads and writes it: string maps.

    def string_map(self, field: str) -> dict[str, str]:
        """``metadata.labels`` or ``metadata.annotations`` as text by key, as a new dict."""
        value = self.metadata.get(field)
        return {key: str(text_of(item)) for key, item in value.items()} if isinstance(value, dict) else {}

    def set_string_map(self, field: str, values: dict[str, str]) -> None:
        """Replace labels or annotations; an empty map removes the field."""
        metadata = self.tree.get("metadata")
        if metadata is None or is_null(metadata):
            if not values:
                return
            metadata = self.tree["metadata"] = {}
        if not isinstance(metadata, dict):
            raise KustomizeError(f"wrong node kind: expected MappingNode but got {kind_name(metadata)}")
        if values:
            metadata[field] = dict(values)
        else:
            metadata.pop(field, None)

    def set_name(self, name: Node) -> None:
        metadata = self.tree.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            raise KustomizeError(f"wrong node kind: expected MappingNode but got {kind_name(metadata)}")
        metadata["name"] = name

    def set_namespace(self, namespace: str) -> None:
        """Set the namespace; an empty one removes the field."""
        if namespace:
            self.tree.setdefault("metadata", {})["namespace"] = namespace
        else:
            self.metadata.pop("namespace", None)

    def strip_build_annotations(self) -> None:
        annotations = self.string_map("annotations")
        if annotations:
            self.set_string_map(
                "annotations", {key: value for key, value in annotations.items() if key not in BUILD_ANNOTATIONS}
            )

    def copy(self) -> "Resource":
        other = Resource.__new__(Resource)
        other.node = copy_tree(self.node)
        if isinstance(self.node, Duplicate):
            duplicate = Duplicate(other.node or {})
            duplicate.key, duplicate.line = self.node.key, self.node.line
            other.node = duplicate
        other.scopes = self.scopes
        other.previous = list(self.previous)
        other.prefixes = list(self.prefixes)
        other.suffixes = list(self.suffixes)
        other.var_names = list(self.var_names)
        other.behavior = self.behavior
        other.needs_hash = self.needs_hash
        other.allow_name_change = self.allow_name_change
        other.allow_kind_change = self.allow_kind_change
        return other

    def object(self) -> dict[str, Any]:
        """The resource as JSON values. Raises :class:`KustomizeError` if it cannot be written."""
        node = self.node
        if isinstance(node, Duplicate):
            raise KustomizeError(
                f'yaml: unmarshal errors:\n  line {node.line}: mapping key "{node.key}" already defined',
                resource=str(self.id),
            )
        try:
            return plain(node) if node is not None and not is_empty(node) else {}
        except KustomizeError as error:
            raise error.at(resource=str(self.id)) from None
