"""Reading YAML the way sigs.k8s.io/yaml does: the first document, with YAML 1.1 types, every number a float64."""

import math
from typing import Any

from fluxkit.template.errors import FunctionError
from fluxkit.template.fmt import text_of
from fluxkit.template.sprig.text import runes
from fluxkit.yaml import YAMLError
from fluxkit.yaml.composer import compose_all
from fluxkit.yaml.loader import RULES

__all__ = ["load_first"]


def load_first(text: str) -> Any:
    """The first document, None for an empty text. Raises FunctionError with upstream's texts."""
    try:
        return _floats(next(compose_all(runes(text), "", RULES), None))
    except YAMLError as problem:
        raise FunctionError(f"error converting YAML to JSON: {_go_text(problem)}") from None
    except RecursionError:
        raise FunctionError("error converting YAML to JSON: exceeded max depth") from None


def _floats(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return {key: _floats(item) for key, item in value.items()}
    if kind is list:
        return [_floats(item) for item in value]
    if kind is int:
        return float(value)
    if kind is float and not math.isfinite(value):
        raise FunctionError(f"error converting YAML to JSON: json: unsupported value: {text_of(value)}")
    return value


def _go_text(problem: YAMLError) -> str:
    place = f"line {problem.line}: " if problem.line else ""
    return f"yaml: {place}{problem.problem}"
