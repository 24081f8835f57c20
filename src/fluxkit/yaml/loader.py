"""Reading YAML as kubectl and the controllers do: sigs.k8s.io/yaml's strict mode, one Python value per document."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from fluxkit.yaml.composer import ScalarRules, compose_all
from fluxkit.yaml.errors import YAMLError
from fluxkit.yaml.scalars import (
    YAML11_BOOLEANS,
    ScalarKind,
    classify,
    decode_binary,
    float_text,
    float_value,
    int_of,
    json_number,
)

__all__ = ["RULES", "load", "load_all"]


def value_of(text: str) -> Any:
    """The value of an untagged plain scalar under YAML 1.1 as go-yaml v2 reads it; timestamps stay text."""
    word = YAML11_BOOLEANS.get(text)
    if word is not None:
        return word
    kind = classify(text)
    if kind is ScalarKind.STRING or kind is ScalarKind.TIMESTAMP:
        return text
    if kind is ScalarKind.NULL:
        return None
    if kind is ScalarKind.BOOL:
        return text[0] in "tT"
    if kind is ScalarKind.INT:
        return int_of(text)
    value = float_value(text)
    if value != value or value in (float("inf"), float("-inf")):
        return value
    return json_number(value)


class _PlainValues(dict[str, Any]):
    """Resolved plain scalars by text: manifests repeat themselves, so most look-ups never leave C."""

    _LIMIT: Final = 20_000

    def __missing__(self, text: str) -> Any:
        value = value_of(text)
        if len(self) < self._LIMIT and len(text) < 100:
            self[text] = value
        return value


def _tagged(tag: str, text: str) -> Any:
    if tag == "!!binary":
        return decode_binary(text)
    if tag not in ("!!bool", "!!int", "!!float", "!!null", "!!timestamp"):
        return text
    value = value_of(text)
    found = type(value)
    accepted = {
        "!!bool": found is bool,
        "!!int": found is int,
        "!!float": found in (int, float),
        "!!null": value is None,
        "!!timestamp": classify(text) is ScalarKind.TIMESTAMP,
    }
    if not accepted[tag]:
        raise ValueError(f"cannot decode {classify(text).value} `{text}` as a {tag}")
    return value


def _key(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return float_text(value)
    raise ValueError("unsupported map key: null")


_PLAIN: Final = _PlainValues()


def _ignore(key: str, line: int) -> None:
    """The last of equal keys wins."""


RULES: Final = ScalarRules(_PLAIN.__getitem__, _tagged, _key, _ignore)
"""The typing of this module, tolerating duplicate keys as non-strict readers upstream do."""


def load_all(data: str | bytes, *, source: str = "<input>") -> list[Any]:
    """All documents of a stream, in order; a document without content is ``None``.

    Typing is that of sigs.k8s.io/yaml: ``yes/no/on/off/y/n`` are booleans, ``012`` is octal, ``1e3`` is 1000,
    timestamps stay strings, keys become strings, ``<<`` merges and aliases are expanded.

    Raises :class:`YAMLError` for malformed text, duplicate keys, excessive aliasing, nesting or size.
    """
    return list(_documents(data, source))


def _documents(data: str | bytes, source: str) -> Iterator[Any]:
    def duplicate(key: str, line: int) -> None:
        raise YAMLError(source, f'key "{key}" already set in map', line)

    return compose_all(data, source, replace(RULES, duplicate=duplicate))


def load(data: str | bytes, *, source: str = "<input>") -> Any:
    """The one document of a text, ``None`` when it is empty. Raises :class:`YAMLError`, also for a second document."""
    documents = _documents(data, source)
    first = next(documents, None)
    if next(documents, None) is not None:
        raise YAMLError(source, "expected a single document, found several")
    return first
