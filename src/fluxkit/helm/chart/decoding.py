"""Chart.yaml and Chart.lock into their classes, as ``sigs.k8s.io/yaml.Unmarshal`` fills Go structs.

YAML becomes JSON, and JSON the struct: names of fields match in any letter case, scalars become texts where a text is
wanted, ``null`` leaves a field as it was, and a value of another kind is an error that names Go's type.

Upstream: kubernetes-sigs/yaml ``yaml.go``, golang/go ``src/encoding/json``.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fluxkit.helm.chart.errors import ChartError
from fluxkit.helm.chart.metadata import Dependency, Lock, Maintainer, Metadata
from fluxkit.template.errors import FunctionError
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.gotime import UTC_ZONE
from fluxkit.template.sprig.readyaml import read_first, with_floats
from fluxkit.template.sprig.timelayout import parse_time
from fluxkit.yaml.composer import ScalarRules
from fluxkit.yaml.loader import RULES
from fluxkit.yaml.scalars import ScalarKind, classify, float_text, float_value

__all__ = [
    "Decoder",
    "Field",
    "FieldReader",
    "Struct",
    "fill",
    "read_api_version",
    "read_lock",
    "read_metadata",
    "read_metadata_strictly",
    "text_field",
    "text_map_field",
]

_WRONG: Final = "error unmarshaling JSON: while decoding JSON: "


def read_api_version(text: str) -> str:
    """The ``apiVersion`` of a Chart.yaml, empty without one. Raises ChartError."""
    base = _Base()
    fill(text, base, _BASE)
    return base.api_version


def read_metadata(text: str, into: Metadata) -> None:
    """Fill ``into`` from a Chart.yaml or requirements.yaml. Raises ChartError."""
    fill(text, into, _METADATA)


def read_metadata_strictly(text: str) -> Metadata:
    """A Chart.yaml without unknown fields and with no field given twice. Raises ChartError."""
    repeated: list[str] = []

    def duplicate(key: str, line: int) -> None:
        repeated.append(f"  line {line}: key {quote(key)} already set in map")

    metadata = Metadata()
    try:
        value = read_first(text, replace(_RULES, duplicate=duplicate))
    except FunctionError as problem:
        raise ChartError(str(problem)) from None
    if repeated:
        raise ChartError("\n".join(["error converting YAML to JSON: yaml: unmarshal errors:", *repeated]))
    _decode(Decoder(strict=True), value, metadata, _METADATA)
    return metadata


def read_lock(text: str) -> Lock | None:
    """A Chart.lock, None for an empty one. Raises ChartError."""
    lock = Lock()
    return lock if fill(text, lock, _LOCK) else None


class _Base:
    """What decides which reader a chart gets."""

    def __init__(self) -> None:
        self.api_version = ""


def _plain(text: str) -> Any:
    """As :data:`RULES` has it, but floats stay floats: ``1e6`` as a text is not ``1000000``."""
    return _remembered(text) if len(text) < _SHORT else _resolved(text)


def _resolved(text: str) -> Any:
    return float_value(text) if text and classify(text) is ScalarKind.FLOAT else RULES.plain(text)


# Manifests repeat themselves.
_remembered: Final = lru_cache(maxsize=20_000)(_resolved)
_SHORT: Final = 100


_RULES: Final = ScalarRules(_plain, RULES.tagged, RULES.key, RULES.duplicate)


def fill(text: str, target: Any, shape: "Struct") -> bool:
    """Fill ``target`` from the first document of a YAML text, and tell whether it says anything. Raises ChartError."""
    try:
        value = read_first(text, _RULES)
        with_floats(value)  # refuses what JSON cannot hold
    except FunctionError as problem:
        raise ChartError(str(problem)) from None
    _decode(Decoder(), value, target, shape)
    return value is not None


def _decode(decoder: "Decoder", value: Any, target: Any, shape: "Struct") -> None:
    decoder.fill(value, target, shape)
    if decoder.problem:
        raise ChartError(_WRONG + decoder.problem)


FieldReader = Callable[["Decoder", Any, Any], Any]
"""From the decoder, the value a field has and the one in the file to the field's new value."""


class Field(NamedTuple):
    """Where the value of a field goes, and how it is read."""

    attribute: str
    read: FieldReader


class Struct(NamedTuple):
    """The fields of an object that is filled."""

    go_type: str
    """With its package."""
    fields: Mapping[str, Field]
    """By name in the file."""


class Decoder:
    """Fills objects and keeps the first problem, as encoding/json goes on behind a value of the wrong kind."""

    def __init__(self, *, strict: bool = False) -> None:
        self.problem = ""
        self._strict = strict
        self._struct = ""
        self._path: list[str] = []

    def fill(self, value: Any, target: Any, shape: Struct) -> None:
        """Set the attributes of ``target`` from a mapping."""
        if value is None:
            return
        if not isinstance(value, dict):
            self.mismatch(value, shape.go_type)
            return
        outer = self._struct
        self._struct = shape.go_type.rpartition(".")[2]
        for key in sorted(value, key=lambda name: name.encode("utf-8", "surrogateescape")):
            name = key if key in shape.fields else _ignoring_case(key, shape)
            if name is not None:
                field = shape.fields[name]
                self._path.append(name)
                setattr(target, field.attribute, field.read(self, getattr(target, field.attribute), value[key]))
                self._path.pop()
            elif self._strict:
                self.fail(f"json: unknown field {quote(key)}")
        self._struct = outer

    def mismatch(self, value: Any, go_type: str) -> None:
        """Note that a value is of another kind than ``go_type``."""
        place = f"struct field {self._struct}.{'.'.join(self._path)}" if self._path else "value"
        self.fail(f"json: cannot unmarshal {_json_kind(value)} into Go {place} of type {go_type}")

    def fail(self, problem: str) -> None:
        """Note a problem, unless there was one before."""
        self.problem = self.problem or problem


def _ignoring_case(name: str, shape: Struct) -> str | None:
    folded = name.lower()
    return next((known for known in shape.fields if known.lower() == folded), None)


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "number"


def text_field(decoder: Decoder, current: Any, value: Any) -> Any:
    """Scalars that are no texts in YAML are written as Go writes them."""
    if value is None:
        return current
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float32_text(value)
    decoder.mismatch(value, "string")
    return current


def _float32_text(value: float) -> str:
    """The shortest text that gives the same number of 32 bits: that many sigs.k8s.io/yaml keeps."""
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return "+Inf" if value > 0 else "-Inf"
    for precision in range(1, 10):
        text = f"{value:.{precision}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == single:
            return float_text(float(text))
    return float_text(single)


def _bool(decoder: Decoder, current: Any, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return current if value is None else value
    decoder.mismatch(value, "bool")
    return current


def _time(decoder: Decoder, current: Any, value: Any) -> Any:
    if value is None:
        return current
    if not isinstance(value, str):
        decoder.fail("Time.UnmarshalJSON: input is not a JSON string")
        return current
    try:
        parse_time("2006-01-02T15:04:05Z07:00", value, UTC_ZONE)
    except FunctionError as problem:
        decoder.fail(str(problem))
        return current
    return value


def _text_list(decoder: Decoder, current: Any, value: Any) -> Any:
    return _list(decoder, current, value, "[]string", lambda old, item: text_field(decoder, old or "", item))


def _list(decoder: Decoder, current: Any, value: Any, go_type: str, item_of: Callable[[Any, Any], Any]) -> Any:
    """Items are read into those already there, as Go does with the memory of a slice."""
    if value is None:
        return []
    if not isinstance(value, list):
        decoder.mismatch(value, go_type)
        return current
    return [item_of(current[at] if at < len(current) else None, item) for at, item in enumerate(value)]


def _list_of_anything(decoder: Decoder, current: Any, value: Any) -> Any:
    return _list(decoder, current, value, "[]interface {}", lambda old, item: with_floats(item))


def text_map_field(decoder: Decoder, current: Any, value: Any) -> Any:
    if value is None:
        return {}
    if not isinstance(value, dict):
        decoder.mismatch(value, "map[string]string")
        return current
    filled = dict(current)
    for key in sorted(value):
        filled[key] = text_field(decoder, "", value[key])
    return filled


def _list_of(new: Callable[[], Any], shape: Struct) -> FieldReader:
    def read(decoder: Decoder, current: Any, value: Any) -> Any:
        def item_of(old: Any, item: Any) -> Any:
            if item is None:
                return None
            target = old or new()
            decoder.fill(item, target, shape)
            return target

        return _list(decoder, current, value, f"[]*{shape.go_type}", item_of)

    return read


_BASE: Final = Struct("loader.chartBase", {"apiVersion": Field("api_version", text_field)})

_DEPENDENCY: Final = Struct(
    "v2.Dependency",
    {
        "name": Field("name", text_field),
        "version": Field("version", text_field),
        "repository": Field("repository", text_field),
        "condition": Field("condition", text_field),
        "tags": Field("tags", _text_list),
        "enabled": Field("enabled", _bool),
        "import-values": Field("import_values", _list_of_anything),
        "alias": Field("alias", text_field),
    },
)

_MAINTAINER: Final = Struct(
    "v2.Maintainer",
    {"name": Field("name", text_field), "email": Field("email", text_field), "url": Field("url", text_field)},
)

_METADATA: Final = Struct(
    "v2.Metadata",
    {
        "name": Field("name", text_field),
        "home": Field("home", text_field),
        "sources": Field("sources", _text_list),
        "version": Field("version", text_field),
        "description": Field("description", text_field),
        "keywords": Field("keywords", _text_list),
        "maintainers": Field("maintainers", _list_of(Maintainer, _MAINTAINER)),
        "icon": Field("icon", text_field),
        "apiVersion": Field("api_version", text_field),
        "condition": Field("condition", text_field),
        "tags": Field("tags", text_field),
        "appVersion": Field("app_version", text_field),
        "deprecated": Field("deprecated", _bool),
        "annotations": Field("annotations", text_map_field),
        "kubeVersion": Field("kube_version", text_field),
        "dependencies": Field("dependencies", _list_of(Dependency, _DEPENDENCY)),
        "type": Field("type", text_field),
    },
)

_LOCK: Final = Struct(
    "v2.Lock",
    {
        "generated": Field("generated", _time),
        "digest": Field("digest", text_field),
        "dependencies": Field("dependencies", _list_of(Dependency, _DEPENDENCY)),
    },
)
