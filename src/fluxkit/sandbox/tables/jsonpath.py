"""The part of Kubernetes' JSONPath that printer columns and selectable fields use.

Fields (``.a.b``, ``\\.`` escapes a dot, ``['x']``), indexes, ``[*]``, and filters (``[?(@.type=="Ready")]``), as
kubernetes/client-go ``util/jsonpath`` evaluates them. Recursive descent, slices and unions are refused.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

__all__ = ["JSONPathError", "compile_path"]

Step = Callable[[Any], Iterable[Any]]


class JSONPathError(ValueError):
    """The expression is malformed or uses what is not supported here."""


_FIELD = re.compile(r"\.((?:\\.|[^.\[\\])+)")
_BRACKET = re.compile(r"\[(?:'([^']*)'|\"([^\"]*)\"|(-?\d+)|(\*))\]")
_FILTER = re.compile(
    r"\[\?\(\s*@((?:\.(?:\\.|[^.\s\[=!<>)\\])+)+)\s*(?:(==|!=)\s*(\"[^\"]*\"|'[^']*'|[^\s)]+))?\s*\)\]"
)


def _field(name: str) -> Step:
    def step(value: Any) -> Iterable[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _index(position: int) -> Step:
    def step(value: Any) -> Iterable[Any]:
        if isinstance(value, list) and -len(value) <= position < len(value):
            yield value[position]

    return step


def _every(value: Any) -> Iterable[Any]:
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()


def _literal(text: str) -> Any:
    if text[0] in "\"'":
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text


def _filter(path: str, operator: str, wanted: str) -> Step:
    find = compile_path(path)
    literal = _literal(wanted) if operator else None

    def step(value: Any) -> Iterable[Any]:
        for item in value if isinstance(value, list) else ():
            found = find(item)
            if not operator:
                matches = bool(found)
            else:
                matches = bool(found) and (found[0] == literal) is (operator == "==")
            if matches:
                yield item

    return step


@lru_cache(maxsize=1024)
def compile_path(expression: str) -> Callable[[Any], list[Any]]:
    """A function from a value to all results of the expression; raises :class:`JSONPathError`."""
    text = expression.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    text = text.removeprefix("$")
    if text and text[0] not in ".[":
        text = f".{text}"
    steps: list[Step] = []
    position = 0
    while position < len(text):
        if found := _FILTER.match(text, position):
            steps.append(_filter(found[1], found[2] or "", found[3] or ""))
        elif found := _BRACKET.match(text, position):
            if found[4]:
                steps.append(_every)
            elif found[3] is not None:
                steps.append(_index(int(found[3])))
            else:
                steps.append(_field(found[1] if found[1] is not None else found[2]))
        elif text.startswith(".[", position):
            position += 1
            continue
        elif found := _FIELD.match(text, position):
            name = re.sub(r"\\(.)", r"\1", found[1])
            steps.append(_every if name == "*" else _field(name))
        elif text[position:] == ".":
            break
        else:
            raise JSONPathError(f"unsupported JSONPath {expression!r} at {text[position:]!r}")
        position = found.end() if found else position + 1

    def evaluate(value: Any) -> list[Any]:
        results = [value]
        for step in steps:
            results = [item for result in results for item in step(result)]
        return results

    return evaluate
