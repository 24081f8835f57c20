"""Field specs: which kinds, which path, and whether to create it (api ``types/fieldspec.go``, ``filters/fieldspec``).

A path crosses lists implicitly, element by element. The last element of a path is visited as a slot (container and
key), so that setters can put a new value there.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from fluxkit.kustomize.decode import Context, Decoder, Record, boolean, list_of, string
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.identity import Gvk
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.tree import NULL_TAG, Node, Scalar, is_null

__all__ = ["FIELD_SPEC", "FIELD_SPECS", "FieldSpec", "Setter", "merge_all", "merge_one", "split_path", "visit"]

Setter = Callable[[Any, Any], None]
"""Called with a container (dict or list) and the key or index of the field that was found."""

Create = Literal["", "map", "scalar"]


class FieldSpec(NamedTuple):
    """Fields of some kinds: empty group, version or kind match any."""

    group: str = ""
    version: str = ""
    kind: str = ""
    path: str = ""
    create: bool = False

    @property
    def gvk(self) -> Gvk:
        return Gvk(self.group, self.version, self.kind)

    def matches(self, gvk: Gvk) -> bool:
        return (
            (not self.kind or self.kind == gvk.kind)
            and (not self.group or self.group == gvk.group)
            and (not self.version or self.version == gvk.version)
        )

    def covers(self, other: "FieldSpec") -> bool:
        """Upstream's ``effectivelyEquals``: ``other`` selects this one's kind, at the same path."""
        return self.path == other.path and self.gvk.selected_by(other.gvk)


FIELD_SPEC: Final = Record(
    FieldSpec,
    "types.FieldSpec",
    {
        "group": ("group", string),
        "version": ("version", string),
        "kind": ("kind", string),
        "path": ("path", string),
        "create": ("create", boolean),
    },
)
_DECODE_SPECS: Final = list_of(FIELD_SPEC, "types.FsSlice")


def FIELD_SPECS(value: Any, context: Context) -> tuple[FieldSpec, ...]:  # noqa: N802 - a decoder like the others
    """Decoder of a list of field specs."""
    return tuple(_DECODE_SPECS(value, context))


_: Decoder[tuple[FieldSpec, ...]] = FIELD_SPECS


def merge_one(specs: tuple[FieldSpec, ...], spec: FieldSpec) -> tuple[FieldSpec, ...]:
    """Add a spec unless it is there. Raises :class:`KustomizeError` if only ``create`` differs."""
    for known in specs:
        if known.covers(spec):
            if known.create != spec.create:
                raise KustomizeError("conflicting fieldspecs")
            return specs
    return (*specs, spec)


def merge_all(specs: tuple[FieldSpec, ...], others: Iterable[FieldSpec]) -> tuple[FieldSpec, ...]:
    for spec in others:
        specs = merge_one(specs, spec)
    return specs


@lru_cache(maxsize=4096)
def split_path(path: str, delimiter: str = "/") -> tuple[str, ...]:
    r"""The elements of a path; ``\/`` is a slash inside an element, a leading slash is ignored."""
    parts = path.split(delimiter)
    if len(parts) > 1 and parts[0] == "":
        parts = parts[1:]
    result = [parts[0]]
    for part in parts[1:]:
        if result[-1].endswith("\\"):
            result[-1] = result[-1][:-1] + delimiter + part
        else:
            result.append(part)
    return tuple(result)


class _Walk:
    """One traversal: what to create, what to call."""

    __slots__ = ("create", "parts", "setter")

    def __init__(self, parts: tuple[str, ...], setter: Setter, create: Create) -> None:
        self.parts = parts
        self.setter = setter
        self.create = create

    def descend(self, node: Node, position: int) -> None:
        """Go on from a node that is not the last one."""
        if type(node) is dict or isinstance(node, dict):
            self._map(node, position)
        elif type(node) is list:
            for index, item in enumerate(node):
                if type(item) is dict:
                    self._map(item, position)
                elif type(item) is list:
                    self.descend(item, position)
                elif not is_null(item):
                    raise KustomizeError(
                        f"visit traversal on path: [{' '.join(self.parts[position:])}]: "
                        f"expected sequence or mapping node (element {index})"
                    )
        elif not is_null(node):
            raise KustomizeError("expected sequence or mapping node")

    def _map(self, node: dict[str, Any], position: int) -> None:
        part = self.parts[position]
        name = part.removesuffix("[]")
        if not name:
            raise KustomizeError("cannot set or create an empty field name")
        if name == "*":
            raise KustomizeError("fieldName: *: wildcard is not supported in PathGetter")
        last = position + 1 == len(self.parts)
        create = self.create if name == part else ""
        field = node.get(name)
        if field is None:
            if not create:
                return
            node[name] = field = {} if not last or create == "map" else Scalar("", "")
        elif type(field) is Scalar and field.tag == NULL_TAG:
            if create:
                node[name] = field = {} if not last or create == "map" else field.text
            elif name != part:
                node[name] = field = []
        if last:
            self.setter(node, name)
        else:
            self.descend(field, position + 1)


def visit(resource: Resource, spec: FieldSpec, setter: Setter, create: Create = "") -> None:
    """Call ``setter`` on every field of a resource that a spec names, if the spec selects its kind.

    ``create`` is the kind of field to make where ``spec.create`` asks for it. Raises :class:`KustomizeError` naming
    path and resource.
    """
    if not spec.matches(resource.gvk):
        return
    visit_path(resource, spec, setter, create)


def visit_path(resource: Resource, spec: FieldSpec, setter: Setter, create: Create = "") -> None:
    """As :func:`visit`, for a resource whose kind is known to match."""
    try:
        _Walk(split_path(spec.path), setter, create if spec.create else "").descend(resource.tree, 0)
    except KustomizeError as error:
        raise error.wrap(f"considering field '{spec.path}' of object {resource.id}").at(
            resource=str(resource.id), field=spec.path
        ) from None
