"""What the checker of the gotemplate conformance kit asks for: one callable around the template engine."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fluxkit.template import Template
from fluxkit.template.values import Int64, Map, Slice, Uint8, Uint64, nil_map, nil_slice

__all__ = ["gotemplate"]

_TYPED: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "int64": Int64,
    "uint64": Uint64,
    "uint8": Uint8,
    "bytes": bytes,
    "[]string": lambda value: Slice("string", value),
    "[]int": lambda value: Slice("int", value),
    "map[string]string": lambda value: Map("string", value, zero=""),
    "nilmap": lambda _: nil_map(),
    "nilslice": lambda _: nil_slice(),
}


def gotemplate(
    template: str,
    data: Any,
    *,
    name: str = "t",
    missingkey: str = "zero",
    associated: Sequence[tuple[str, str]] = (),
    types: Mapping[str, str] | None = None,
) -> str:
    """``template`` executed with ``data``; ``types`` names the Go types of places in it, by JSON pointer."""
    main = Template(name).option(f"missingkey={missingkey}")
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
