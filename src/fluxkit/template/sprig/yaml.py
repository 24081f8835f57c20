"""toYaml and fromYaml with the bytes and errors of sigs.k8s.io/yaml, which goes through JSON both ways.

Upstream: helm ``pkg/engine/funcs.go``, sigs.k8s.io/yaml.
"""

import re
from typing import Any, Final

from fluxkit.template.errors import FunctionError, LimitError
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.json import Fields, cannot_unmarshal, plain
from fluxkit.template.sprig.prettyyaml import dump_pretty
from fluxkit.template.sprig.readyaml import load_first
from fluxkit.template.values import EMPTY_INTERFACE
from fluxkit.yaml import dump

__all__ = ["FUNCTIONS", "must_to_yaml", "to_yaml"]

# What the YAML reader does with raw characters in JSON's strings.
_ODD: Final = re.compile("[\x7f-\x9f\ud800-\udfff\ufffe\uffff]").search
_CONTROL: Final = re.compile("[\x7f-\x84\x86-\x9f\ufffe\uffff]").search
_INVALID: Final = re.compile("[\ud800-\udfff]")
_BREAKS: Final = re.compile(" *\x85[ \x85]*")


def _line_breaks(found: re.Match[str]) -> str:
    return "\n" * (found[0].count("\x85") - 1) or " "


def _text(text: str) -> str:
    if _ODD(text) is None:
        return text
    if _CONTROL(text):
        raise FunctionError("yaml: control characters are not allowed")
    return _BREAKS.sub(_line_breaks, _INVALID.sub("\ufffd", text))


def _through_json(value: Any) -> Any:
    """A plain value as it comes out of a trip through JSON text and its reading as YAML."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() and "\x7f" not in value else _text(value)
    if kind is dict or kind is Fields:
        if any("\x85" in key for key in value):
            # The break would make the key one of several lines.
            raise FunctionError("yaml: mapping values are not allowed in this context")
        return {_through_json(key): _through_json(item) for key, item in value.items()}
    if kind is list:
        return [_through_json(item) for item in value]
    return value


def must_to_yaml(value: Any) -> str:
    try:
        simple = plain(value)
    except LimitError:
        raise
    except FunctionError as problem:
        raise FunctionError(f"error marshaling into JSON: {problem}") from None
    try:
        return dump(_through_json(simple)).removesuffix("\n")
    except FunctionError:
        raise
    except ValueError as problem:
        name = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(str(problem).rpartition(" ")[2], str(problem))
        raise FunctionError(f"error marshaling into JSON: json: unsupported value: {name}") from None


def to_yaml(value: Any) -> str:
    try:
        return must_to_yaml(value)
    except FunctionError:
        return ""


def _to_yaml_pretty(value: Any) -> str:
    try:
        return dump_pretty(value).removesuffix("\n")
    except FunctionError:
        return ""


def _from_yaml(text: str) -> dict[str, Any]:
    try:
        value = load_first(text)
    except FunctionError as problem:
        return {"Error": str(problem)}
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    return {"Error": _wrong_shape(value, f"map[string]{EMPTY_INTERFACE}")}


def _from_yaml_array(text: str) -> list[Any]:
    try:
        value = load_first(text)
    except FunctionError as problem:
        return [str(problem)]
    if value is None:
        return []
    return value if isinstance(value, list) else [_wrong_shape(value, f"[]{EMPTY_INTERFACE}")]


def _wrong_shape(value: Any, wanted: str) -> str:
    return f"error unmarshaling JSON: while decoding JSON: {cannot_unmarshal(value, wanted)}"


FUNCTIONS = declare(
    {
        "fromYaml": ("func(string) map[string]interface {}", _from_yaml),
        "fromYamlArray": ("func(string) []interface {}", _from_yaml_array),
        "mustToYaml": ("func(interface {}) string", must_to_yaml),
        "toYaml": ("func(interface {}) string", to_yaml),
        "toYamlPretty": ("func(interface {}) string", _to_yaml_pretty),
    }
)
"""Name in templates -> Go signature and implementation."""
