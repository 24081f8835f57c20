"""What the checker of the sprig conformance kit asks for: the template engine with Helm's functions in scope."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fluxkit.template import Template, function
from fluxkit.template import values as go
from fluxkit.template.sprig import functions
from fluxkit.template.sprig.durations import Duration

__all__ = ["sprig"]

_TYPED: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "int8": go.Int8,
    "int16": go.Int16,
    "int32": go.Int32,
    "int64": go.Int64,
    "uint": go.Uint,
    "uint8": go.Uint8,
    "uint16": go.Uint16,
    "uint32": go.Uint32,
    "uint64": go.Uint64,
    "duration": Duration,
    "bytes": bytes,
    "[]string": lambda value: go.Slice("string", value),
    "[]int": lambda value: go.Slice("int", value),
    "map[string]string": lambda value: go.Map("string", value, zero=""),
    "nilmap": lambda _: go.nil_map(),
    "nilslice": lambda _: go.nil_slice(),
}
# The chart engine's own functions, as they are without a chart.
_PLACEHOLDERS = {
    "include": function("string", "interface {}")(lambda name, data: "not implemented"),
    "lookup": function("string", "string", "string", "string")(lambda version, kind, namespace, name: {}),
    "required": function("string", "interface {}")(lambda message, value: "not implemented"),
    "tpl": function("string", "interface {}")(lambda text, data: "not implemented"),
}
_FUNCTIONS = {**functions(), **_PLACEHOLDERS}


def sprig(
    template: str,
    data: Any,
    *,
    name: str = "t",
    missingkey: str = "zero",
    associated: Sequence[tuple[str, str]] = (),
    types: Mapping[str, str] | None = None,
) -> str:
    """``template`` executed with ``data``; ``types`` names the Go types of places in it, by JSON pointer."""
    main = Template(name).option(f"missingkey={missingkey}").funcs(_FUNCTIONS)
    for other, text in associated:
        main.new(other).parse(text)
    return main.parse(template).execute(_typed(data, types or {}, ""))


def _typed(value: Any, types: Mapping[str, str], pointer: str) -> Any:
    if wrap := _TYPED.get(types.get(pointer, "")):
        return wrap(value)
    if isinstance(value, list):
        return [_typed(item, types, f"{pointer}/{index}") for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {
            key: _typed(item, types, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
            for key, item in value.items()
        }
    return value
