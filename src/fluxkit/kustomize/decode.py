"""Decoding configuration into typed records as Go's ``encoding/json`` does.

Field names match without regard to case, null leaves a default, unknown fields are errors in a kustomization file
(``json: unknown field "x"``) and ignored in plugin configurations, where scalars are also turned into strings on
demand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.yaml.scalars import float_text

__all__ = [
    "Context",
    "Decoder",
    "Record",
    "any_value",
    "boolean",
    "integer",
    "json_type",
    "list_of",
    "map_of",
    "string",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Context:
    """Where decoding stands: the outermost type's name, the path below it, and how strict it is."""

    type_name: str
    path: str = ""
    strict: bool = True
    coerce: bool = False

    def below(self, field: str) -> "Context":
        path = f"{self.path}.{field}" if self.path else field
        return Context(self.type_name, path, self.strict, self.coerce)

    def mismatch(self, value: Any, expected: str) -> KustomizeError:
        field = f"Go struct field {self.type_name}.{self.path}" if self.path else "Go value"
        return KustomizeError(f"json: cannot unmarshal {json_type(value)} into {field} of type {expected}").at(
            field=self.path
        )


Decoder = Callable[[Any, Context], T]


def json_type(value: Any) -> str:
    """What Go's decoder calls a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def string(value: Any, context: Context) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if context.coerce and isinstance(value, bool):
        return "true" if value else "false"
    if context.coerce and isinstance(value, int):
        return str(value)
    if context.coerce and isinstance(value, float):
        return float_text(value)
    raise context.mismatch(value, "string")


def boolean(value: Any, context: Context) -> bool:
    if isinstance(value, bool):
        return value
    if value is None:
        return False
    raise context.mismatch(value, "bool")


def integer(value: Any, context: Context) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value is None:
        return 0
    raise context.mismatch(value, "int64")


def any_value(value: Any, _context: Context) -> Any:
    return value


def list_of(item: Decoder[T], go_type: str = "[]string") -> Decoder[list[T]]:
    def decode(value: Any, context: Context) -> list[T]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise context.mismatch(value, go_type)
        return [item(entry, context) for entry in value]

    return decode


def map_of(item: Decoder[T], go_type: str = "map[string]string") -> Decoder[dict[str, T]]:
    def decode(value: Any, context: Context) -> dict[str, T]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise context.mismatch(value, go_type)
        return {key: item(entry, context.below(key)) for key, entry in value.items()}

    return decode


def optional(item: Decoder[T]) -> Decoder[T | None]:
    """A pointer: null stays None."""

    def decode(value: Any, context: Context) -> T | None:
        return None if value is None else item(value, context)

    return decode


class Record(Generic[T]):
    """A decoder of mappings into a dataclass: JSON field name to (attribute, decoder)."""

    def __init__(self, factory: Callable[..., T], go_type: str, fields: Mapping[str, tuple[str, Decoder[Any]]]) -> None:
        self._factory = factory
        self._go_type = go_type
        self._fields: Final = dict(fields)
        self._folded: Final = {name.lower(): name for name in fields}

    def __call__(self, value: Any, context: Context) -> T:
        if value is None:
            return self._factory()
        if not isinstance(value, dict):
            raise context.mismatch(value, self._go_type)
        arguments: dict[str, Any] = {}
        for key, entry in value.items():
            name = key if key in self._fields else self._folded.get(key.lower())
            if name is None:
                if context.strict:
                    raise KustomizeError(f'json: unknown field "{key}"', field=context.below(key).path)
                continue
            attribute, decoder = self._fields[name]
            arguments[attribute] = decoder(entry, context.below(name))
        return self._factory(**arguments)
