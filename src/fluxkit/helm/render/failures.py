"""How Helm words what goes wrong in a template.

Upstream: helm/helm ``pkg/engine/engine.go`` (cleanupParseError, reformatExecErrorMsg).
"""

import re
from typing import Final, NamedTuple

__all__ = ["ERROR_END", "ERROR_START", "execution_failure", "parse_failure"]

ERROR_START: Final = "HELM_ERR_START"
ERROR_END: Final = "HELM_ERR_END"
"""Around a message that the chart's author wrote, for ``required`` and ``fail``."""

_WARNING: Final = re.compile(f"{ERROR_START}(.*){ERROR_END}", re.DOTALL)


class _Trace(NamedTuple):
    location: str
    function: str
    message: str

    def __str__(self) -> str:
        lines = f"{self.location}\n  " if self.location else ""
        if self.function:
            lines += f"{self.function}\n    "
        return lines + (f"{self.message}\n" if self.message else "")


def parse_failure(path: str, message: str) -> str:
    """``parse error at (file:line): problem``."""
    tokens = message.split(": ")
    if len(tokens) == 1:
        return f"parse error in ({path}): {message}"
    return f"parse error at ({tokens[1]}): {tokens[-1]}"


def execution_failure(path: str, error: BaseException) -> str:
    """One block for each template on the way to the problem, outermost first.

    A chain with anything else in it (a function's own error, ``tpl``) stays as it is, on one line.
    """
    message = str(error)
    tokens = message.split(": ", 2)
    if len(tokens) != 3:
        return f"execution error in ({path}): {message}"
    if warning := _WARNING.search(tokens[2]):
        return f"execution error at ({tokens[1]}): {warning[1]}"
    traces: list[_Trace] = []
    current: BaseException | None = error
    while current is not None:
        trace = _trace(str(current))
        if trace is None:
            return message
        if not traces or traces[-1] != trace:
            traces.append(trace)
        current = current.__cause__
    return "".join(map(str, traces)).strip()


def _trace(message: str) -> _Trace | None:
    if not message.startswith("template: "):
        return None
    rest = message.removeprefix("template: ")
    if rest.startswith("no template "):
        return _Trace("", "", message)
    return _executing(rest) or _simple(rest)


def _executing(rest: str) -> _Trace | None:
    location, found, after = rest.partition(": executing ")
    if not found or not after.startswith('"'):
        return None
    end = after.find('"', 1)
    if end < 0:
        return None
    name, after = after[1:end], after[end + 1 :]
    if not after.startswith(" at <"):
        return None
    context, found, problem = after.removeprefix(" at <").partition(">: ")
    if not found:
        return None
    return _Trace(location, f'executing "{name}" at <{context}>:', problem.partition(" template:")[0])


def _simple(rest: str) -> _Trace | None:
    location, found, problem = rest.rpartition(": ")
    return _Trace(location, "", problem.partition(" template:")[0]) if found else None
