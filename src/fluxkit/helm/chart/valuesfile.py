"""Values files: YAML of one or more documents, merged in order.

Upstream: helm/helm ``pkg/chart/v2/loader/load.go`` (LoadValues, MergeMaps), k8s.io/apimachinery ``pkg/util/yaml``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fluxkit.helm.chart.yamltext import EncodingProblem, text_of_yaml
from fluxkit.helm.errors import ValuesError
from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.json import cannot_unmarshal
from fluxkit.template.sprig.readyaml import load_first

__all__ = ["load_values", "merge_maps"]

_SEPARATOR: Final = "---"
_LINE_END: Final = re.compile("\r?\n")


def load_values(data: bytes) -> dict[str, Any]:
    """The values of a file; later documents win. Numbers are floats, keys texts. Raises ValuesError."""
    try:
        # Upstream ends the last line, which matters for a text that stops within a character.
        text = text_of_yaml(data if data.endswith(b"\n") else data + b"\n")
    except EncodingProblem as problem:
        raise ValuesError(f"cannot unmarshal yaml document: {problem}") from None
    values: dict[str, Any] = {}
    for document in _documents(text):
        try:
            found = load_first(document)
        except FunctionError as problem:
            raise ValuesError(f"cannot unmarshal yaml document: {problem}") from None
        if found is None:
            continue
        if not isinstance(found, dict):
            problem_text = cannot_unmarshal(found, "map[string]interface {}")
            raise ValuesError(
                f"cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: {problem_text}"
            )
        values = merge_maps(values, found) if values else found
    return values


def _documents(text: str) -> Iterator[str]:
    """Split at lines that begin with ``---``; only a comment may follow there."""
    if _SEPARATOR not in text:
        if text:
            yield text
        return
    lines: list[str] = []
    for line in _lines(text):
        if line.startswith(_SEPARATOR):
            rest = line[len(_SEPARATOR) :].strip()
            if rest and not rest.startswith("#"):
                raise ValuesError(f"error reading yaml document: invalid Yaml document separator: {rest}")
            if lines:
                yield "\n".join(lines) + "\n"
                lines = []
                continue
        lines.append(line)
    if lines:
        yield "\n".join(lines) + "\n"


def _lines(text: str) -> list[str]:
    lines = _LINE_END.split(text)
    return lines if lines[-1] else lines[:-1]


def merge_maps(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A new mapping: mappings merge, everything else in ``over`` replaces; ``null`` as well."""
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            merged[key] = merge_maps(known, value)
        else:
            merged[key] = value
    return merged
