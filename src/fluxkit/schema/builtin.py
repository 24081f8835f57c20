"""Kubernetes' own types and resources, from the generated data files of this package."""

import lzma
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from fluxkit.objects import GroupVersionKind
from fluxkit.schema.node import SchemaNode, TypeName

__all__ = ["KUBERNETES_VERSION", "ResourceInfo", "kinds", "resource_for", "resources", "type_for", "type_named"]

KUBERNETES_VERSION = "1.37"

_TYPES: dict[str, TypeName] = {
    "o": "object",
    "a": "array",
    "s": "string",
    "i": "integer",
    "n": "number",
    "b": "boolean",
    "": "",
}


@dataclass(frozen=True, slots=True)
class ResourceInfo:
    """How a kind is served. ``subresources`` maps each subresource's name to its verbs."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    subresources: dict[str, tuple[str, ...]]
    verbs: tuple[str, ...]

    @property
    def gvk(self) -> GroupVersionKind:
        return GroupVersionKind(self.group, self.version, self.kind)

    @property
    def enabled_by_default(self) -> bool:
        """Whether an API server with no flags serves it: alpha and beta versions are off since Kubernetes 1.24."""
        return "alpha" not in self.version and "beta" not in self.version


def _read(name: str) -> Any:
    return orjson.loads(lzma.decompress(files("fluxkit.schema").joinpath("data", name).read_bytes()))


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = _read("types.json.xz")
    return data


@cache
def _descriptions() -> list[tuple[str, dict[str, str]]]:
    data: list[tuple[str, dict[str, str]]] = _read("descriptions.json.xz")
    return data


def _describe(number: int, field: str = "") -> Callable[[], str]:
    def describe() -> str:
        own, fields = _descriptions()[number]
        return fields.get(field, "") if field else own

    return describe


@cache
def _definition(number: int) -> SchemaNode:
    data = _data()
    return _node(data["types"][number], name=data["names"][number], number=number)


def _node(raw: dict[str, Any], *, name: str = "", number: int = -1, field: str = "") -> SchemaNode:
    """A node from its one-letter form (written by ``scripts/generate_schema.py``); children are made when asked for."""
    reference = raw.get("R")
    target: SchemaNode | None = None
    if reference is not None:
        if len(raw) == 1 and not field:
            return _definition(reference)
        target = _definition(reference)
        base: dict[str, Any] = _data()["types"][reference]
        name = target.name
    else:
        base = raw
    facts = base if base is raw else {**base, **raw}

    def expand(node: SchemaNode) -> None:
        if target is not None:
            node.fill(target.properties, target.items, target.additional_properties)
            return
        properties = {
            key: _node(child, number=number if name else -1, field=key) for key, child in raw.get("p", {}).items()
        }
        items = _node(raw["i"]) if "i" in raw else None
        additional = _node(raw["x"]) if "x" in raw else None
        node.fill(properties, items, additional)

    kind = _TYPES[facts.get("t", "")]
    leaf = not any(letter in base for letter in "pix")
    return SchemaNode(
        kind,
        name=name,
        required=facts.get("r", ()),
        enum=facts.get("e", ()),
        format=facts.get("f", ""),
        default=raw.get("d"),
        has_default="d" in raw,
        nullable=True,
        int_or_string="I" in facts,
        list_type=facts.get("L", "atomic"),
        list_map_keys=facts.get("K", ()),
        map_type=facts.get("M", "granular"),
        patch_strategy=raw.get("S", ""),
        patch_merge_key=raw.get("G", ""),
        # A bare object (RawExtension, FieldsV1) and an untyped value (JSON) hold what they like.
        preserve_unknown_fields=leaf and kind in ("", "object") and "I" not in facts,
        describe=_describe(number, field) if number >= 0 else None,
        expand=None if leaf else expand,
    )


@cache
def resources() -> Sequence[ResourceInfo]:
    """Every resource that a Kubernetes 1.37 API server can serve, alpha and beta versions included."""
    return tuple(
        ResourceInfo(
            group=each["group"],
            version=each["version"],
            kind=each["kind"],
            plural=each["plural"],
            singular=each["kind"].lower(),
            namespaced=each["namespaced"],
            short_names=tuple(each["short"]),
            categories=tuple(each["categories"]),
            subresources={name: tuple(verbs) for name, verbs in each["subresources"]},
            verbs=tuple(each["verbs"]),
        )
        for each in _data()["resources"]
    )


@cache
def _by_kind() -> dict[GroupVersionKind, ResourceInfo]:
    return {each.gvk: each for each in resources()}


def resource_for(gvk: GroupVersionKind) -> ResourceInfo | None:
    """How a built-in kind is served; None if it is not built in or is only the body of a subresource."""
    return _by_kind().get(gvk)


@cache
def kinds() -> frozenset[GroupVersionKind]:
    """Every built-in kind that has a type, lists and subresource bodies included."""
    return frozenset(GroupVersionKind(*identity.split("/")) for identity in _data()["kinds"])


def type_for(gvk: GroupVersionKind) -> SchemaNode | None:
    """The type of a built-in kind; None if it is not built in."""
    number = _data()["kinds"].get(f"{gvk.group}/{gvk.version}/{gvk.kind}")
    return None if number is None else _definition(number)


@cache
def _numbers() -> dict[str, int]:
    return {name: number for number, name in enumerate(_data()["names"])}


def type_named(name: str) -> SchemaNode:
    """A type by its OpenAPI name, such as ``io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta``; raises ``KeyError``."""
    return _definition(_numbers()[name])
