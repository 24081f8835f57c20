"""The one shape of a type, whoever declared it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

__all__ = ["ANY", "ListType", "MapType", "SchemaNode", "TypeName"]

TypeName = Literal["object", "array", "string", "integer", "number", "boolean", ""]
ListType = Literal["atomic", "set", "map"]
MapType = Literal["granular", "atomic"]

_NO_PROPERTIES: Mapping[str, "SchemaNode"] = {}


class SchemaNode:
    """One type in a schema: a field, a list item, or a whole object.

    ``type`` is a JSON schema type, or the empty string where any value is allowed. ``list_type`` and ``map_type`` are
    meaningful for arrays and objects only and already hold Kubernetes' defaults (atomic lists, granular maps).
    ``constraints`` holds the remaining JSON schema keywords of a custom resource (``minimum``, ``pattern``, ``oneOf``,
    ...) as written; built-in types have none. ``preserve_unknown_fields`` is inherited in effect by consumers that walk
    into undeclared fields: those have no node at all (:meth:`child` returns None).
    """

    __slots__ = (
        "_additional",
        "_describe",
        "_expand",
        "_items",
        "_properties",
        "constraints",
        "default",
        "embedded_resource",
        "enum",
        "format",
        "has_default",
        "int_or_string",
        "list_map_keys",
        "list_type",
        "map_type",
        "name",
        "nullable",
        "patch_merge_key",
        "patch_strategy",
        "preserve_unknown_fields",
        "required",
        "type",
        "validations",
    )

    def __init__(
        self,
        type: TypeName = "",
        *,
        name: str = "",
        properties: Mapping[str, "SchemaNode"] = _NO_PROPERTIES,
        items: "SchemaNode | None" = None,
        additional_properties: "SchemaNode | None" = None,
        required: Sequence[str] = (),
        enum: Sequence[Any] = (),
        format: str = "",
        default: Any = None,
        has_default: bool = False,
        nullable: bool = False,
        int_or_string: bool = False,
        list_type: ListType = "atomic",
        list_map_keys: Sequence[str] = (),
        map_type: MapType = "granular",
        patch_strategy: str = "",
        patch_merge_key: str = "",
        preserve_unknown_fields: bool = False,
        embedded_resource: bool = False,
        constraints: Mapping[str, Any] | None = None,
        validations: Sequence[Mapping[str, Any]] = (),
        describe: Callable[[], str] | None = None,
        expand: Callable[["SchemaNode"], None] | None = None,
    ) -> None:
        self.type: TypeName = type
        self.name = name
        self._properties = properties
        self._items = items
        self._additional = additional_properties
        self.required: tuple[str, ...] = tuple(required)
        self.enum: tuple[Any, ...] = tuple(enum)
        self.format = format
        self.default = default
        self.has_default = has_default
        self.nullable = nullable
        self.int_or_string = int_or_string
        self.list_type: ListType = list_type
        self.list_map_keys: tuple[str, ...] = tuple(list_map_keys)
        self.map_type: MapType = map_type
        self.patch_strategy = patch_strategy
        self.patch_merge_key = patch_merge_key
        self.preserve_unknown_fields = preserve_unknown_fields
        self.embedded_resource = embedded_resource
        self.constraints: Mapping[str, Any] = constraints or {}
        self.validations: tuple[Mapping[str, Any], ...] = tuple(validations)
        self._describe = describe
        self._expand = expand

    def _expanded(self) -> None:
        expand, self._expand = self._expand, None
        if expand is not None:
            expand(self)

    def fill(
        self, properties: Mapping[str, "SchemaNode"], items: "SchemaNode | None", additional: "SchemaNode | None"
    ) -> None:
        """Set the children of a node made with ``expand``; only the module that made the node calls this."""
        self._properties, self._items, self._additional = properties, items, additional

    @property
    def properties(self) -> Mapping[str, "SchemaNode"]:
        """Declared fields of an object."""
        if self._expand is not None:
            self._expanded()
        return self._properties

    @property
    def items(self) -> "SchemaNode | None":
        """The type of every item of an array."""
        if self._expand is not None:
            self._expanded()
        return self._items

    @property
    def additional_properties(self) -> "SchemaNode | None":
        """The type of every value of a map; None if the object has declared fields only."""
        if self._expand is not None:
            self._expanded()
        return self._additional

    @property
    def description(self) -> str:
        """What the field is for, as ``kubectl explain`` prints it; empty if not described."""
        return self._describe() if self._describe is not None else ""

    @property
    def patch_strategies(self) -> tuple[str, ...]:
        """``patch_strategy`` split at its commas: ``merge``, ``replace``, ``retainKeys``."""
        return tuple(self.patch_strategy.split(",")) if self.patch_strategy else ()

    def child(self, field: str) -> "SchemaNode | None":
        """The type of one field or map entry; None if the schema does not declare it."""
        if self._expand is not None:
            self._expanded()
        found = self._properties.get(field)
        return found if found is not None else self._additional

    def at(self, *path: str) -> "SchemaNode | None":
        """The type at a path of field names; a list is stepped into without naming an index."""
        node: SchemaNode | None = self
        for field in path:
            while node is not None and node.type == "array":
                node = node.items
            if node is None:
                return None
            node = node.child(field)
        return node

    def __repr__(self) -> str:
        return f"SchemaNode({self.name or self.type or 'any'})"


ANY = SchemaNode(preserve_unknown_fields=True, nullable=True)
"""Any value at all, fields undeclared."""
