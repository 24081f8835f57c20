"""Reading YAML the way sigs.k8s.io/yaml does: the first document, with YAML 1.1 types, every number a float64.

The problems are go-yaml v2's, which counts lines in its own way (go.yaml.in/yaml ``decode.go``, ``parser.fail``).
"""

import math
import re
from dataclasses import replace
from typing import Any, Final

import yaml as libyaml

from fluxkit.template.errors import FunctionError
from fluxkit.template.fmt import sprintf, text_of
from fluxkit.template.sprig.text import runes
from fluxkit.template.values import type_name
from fluxkit.yaml import YAMLError
from fluxkit.yaml.composer import Parser, ScalarRules, compose_all
from fluxkit.yaml.loader import RULES

__all__ = ["load_first", "read_first", "with_floats"]

_FAILED: Final = "error converting YAML to JSON: "
_SHOWN: Final = 10_000
"""Characters in a text whose wrong key is shown: it is read anew by a reader that calls itself."""
_NULL_KEY: Final = "\0null"
_ESCAPED_SLASH: Final = re.compile(r"(?:[^\\]|\\[^/])*\\/", re.DOTALL)


def load_first(text: str) -> Any:
    """The first document, None for an empty text. Raises FunctionError with upstream's texts."""
    return with_floats(read_first(text, RULES))


def read_first(text: str, rules: ScalarRules) -> Any:
    """As :func:`load_first`, but with the scalars of ``rules``, and null keys that :func:`with_floats` refuses."""
    text = runes(text)
    try:
        if "\\/" in text:
            _refuse_escaped_slash(text)
        return next(compose_all(text, "", replace(rules, key=_key, merge_in_place=True)), None)
    except YAMLError as problem:
        raise FunctionError(f"{_FAILED}{_go_problem(problem, text)}") from None


def _key(value: Any) -> str:
    return _NULL_KEY if value is None else RULES.key(value)


def with_floats(value: Any) -> Any:
    """The value after a trip through JSON into Go: every number a float64. Raises FunctionError."""
    kind = type(value)
    if kind is dict:
        if _NULL_KEY in value:
            shown = sprintf("%#v", value[_NULL_KEY])
            raise FunctionError(f"{_FAILED}unsupported map key of type: %!s(<nil>), key: <nil>, value: {shown}")
        return {key: with_floats(item) for key, item in value.items()}
    if kind is list:
        return [with_floats(item) for item in value]
    if kind is int:
        return float(value)
    if kind is float and not math.isfinite(value):
        raise FunctionError(f"{_FAILED}json: unsupported value: {text_of(value)}")
    return value


def _refuse_escaped_slash(text: str) -> None:
    """``\\/`` is an escape in libyaml but not in go-yaml."""
    try:
        for event in libyaml.parse(text, Loader=Parser):
            if isinstance(event, libyaml.DocumentEndEvent):
                return
            if isinstance(event, libyaml.ScalarEvent) and event.style == '"':
                start, end = event.start_mark, event.end_mark
                slash = _ESCAPED_SLASH.match(text[start.index + 1 : end.index - 1]) if start and end else None
                if start and slash:
                    line = start.line + slash[0].count("\n")
                    place = f"line {line + 1}: " if line else ""
                    raise FunctionError(f"{_FAILED}yaml: {place}found unknown escape character")
    except libyaml.YAMLError:
        # Whatever is wrong with the text is told when it is read.
        return


def _go_problem(problem: YAMLError, text: str) -> str:
    cause = problem.__context__
    if isinstance(cause, libyaml.MarkedYAMLError):
        return _go_mark(cause)
    if problem.problem.startswith("invalid map key") and len(text) <= _SHOWN:
        try:
            return f"yaml: invalid map key: {_container_key(text)}"
        except libyaml.MarkedYAMLError as malformed:
            return _go_mark(malformed)
    return f"yaml: {problem.problem}"


def _go_mark(problem: libyaml.MarkedYAMLError) -> str:
    line = problem.problem_mark.line if problem.problem_mark else 0
    if line and isinstance(problem, libyaml.scanner.ScannerError):
        line += 1
    if not line and problem.context_mark:
        line = problem.context_mark.line
    return f"yaml: line {line}: {problem.problem}" if line else f"yaml: {problem.problem}"


def _container_key(text: str) -> str:
    """The first key that is a mapping or sequence, in Go's syntax."""
    pending = [libyaml.compose(text, Loader=libyaml.CSafeLoader)]
    while pending:
        node = pending.pop()
        if isinstance(node, libyaml.SequenceNode):
            pending += reversed(node.value)
        elif isinstance(node, libyaml.MappingNode):
            for key, value in reversed(node.value):
                pending += [value, key]
            for key, _ in node.value:
                if not isinstance(key, libyaml.ScalarNode):
                    return _go_syntax(key)
    return ""


def _go_syntax(node: Any) -> str:
    if isinstance(node, libyaml.SequenceNode):
        return "[]interface {}{" + ", ".join(map(_go_syntax, node.value)) + "}"
    if isinstance(node, libyaml.MappingNode):
        entries = [f"{_go_syntax(key)}:{_go_syntax(value)}" for key, value in node.value]
        return "map[interface {}]interface {}{" + ", ".join(entries) + "}"
    value = RULES.plain(node.value) if not node.style else node.value
    return "interface {}(nil)" if type_name(value) == "<nil>" else sprintf("%#v", value)
