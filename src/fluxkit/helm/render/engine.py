"""Executing the templates of a chart and its subcharts, which are one set of names.

Adds to the functions of :mod:`fluxkit.template.sprig` those that need to know the rendering: ``include``, ``tpl``,
``required``, ``fail`` and ``lookup``. They find it in the context of the execution: compiled templates serve any
number of renderings.

Upstream: helm/helm ``pkg/engine/engine.go``, ``lookup_func.go``.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fluxkit.helm.render.definitions import DefinitionCache
from fluxkit.helm.render.errors import RenderError, RenderLimitError, TemplateFailure
from fluxkit.helm.render.failures import ERROR_END, ERROR_START, execution_failure, parse_failure
from fluxkit.helm.render.scope import Source
from fluxkit.template import (
    Budget,
    ExecError,
    Function,
    FunctionError,
    LimitError,
    Limits,
    ParseError,
    Template,
    add_definitions,
)
from fluxkit.template.execution import Execution
from fluxkit.template.limits import quiet_collector
from fluxkit.template.quoting import quote
from fluxkit.template.sprig import functions as sprig_functions
from fluxkit.template.values import Int64

__all__ = ["RENDER_LIMITS", "Lookup", "Mode", "Randomness", "execute"]

Lookup = Callable[[str, str, str, str], Mapping[str, Any]]
"""Reads a cluster: apiVersion, kind, namespace, name -> the object, or a list when the name is empty; empty if there is
none. Raises FunctionError."""

RENDER_LIMITS: Final = Limits(depth=5_000, seconds=300)
"""What a chart may take unless told otherwise."""

_SET_NAME: Final = "gotpl"
_MAX_INCLUDES: Final = 1000
_MAX_TPL_DEPTH: Final = 500
_NO_VALUE: Final = "<no value>"
_SLOW: Final = (
    "bcrypt", "buildCustomCert", "decryptAES", "derivePassword", "encryptAES", "genCA", "genCAWithKey", "genPrivateKey",
    "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "htpasswd",
)  # fmt: skip
"""Functions that take so long that the clock is looked at before each call."""


@dataclass(frozen=True, slots=True)
class Mode:
    """``strict``: a missing key is an error. ``lint``: ``required`` and ``fail`` are satisfied, ``lookup`` is empty."""

    strict: bool = False
    lint: bool = False


@dataclass(frozen=True, slots=True)
class Randomness:
    """The sources of what differs from one rendering to the next; fixed ones make renderings repeatable."""

    now: Callable[[], int] = time.time_ns
    """Nanoseconds since 1970."""
    random: Callable[[int], bytes] = os.urandom


@dataclass(slots=True)
class _Rendering:
    """What the functions of one rendering share."""

    mode: Mode
    lookup: Lookup | None
    includes: dict[str, int] = field(default_factory=dict)
    tpl_depth: int = 0
    warnings: list[str] = field(default_factory=list)


def _include(run: Execution, name: str, data: Any) -> str:
    rendering: _Rendering = run.context
    count = rendering.includes.get(name, 0)
    if count > _MAX_INCLUDES:
        raise FunctionError(f"rendering template has a nested reference name: {name}: unable to execute template")
    definition = run.templates.get(name)
    if definition is None:
        raise FunctionError(f"template: no template {quote(name)} associated with template {quote(_SET_NAME)}")
    rendering.includes[name] = count + 1
    text = run.nested(run.templates, definition, data)
    rendering.includes[name] = count
    return text


def _tpl(run: Execution, text: str, data: Any) -> str:
    if "{{" not in text:
        return text.replace(_NO_VALUE, "")
    rendering: _Rendering = run.context
    if rendering.tpl_depth >= _MAX_TPL_DEPTH:
        raise LimitError(f"tpl is nested more than {_MAX_TPL_DEPTH} levels deep")
    try:
        defined = _DEFINITIONS.get(_SET_NAME, text, _NAMES)
    except ParseError as problem:
        raise FunctionError(f"cannot parse template {quote(text)}: {problem}") from problem
    templates: dict[str, Any] = {**run.templates}
    add_definitions(templates, defined)
    rendering.tpl_depth += 1
    try:
        output = run.nested(templates, defined[_SET_NAME], data)
    except ExecError as problem:
        raise FunctionError(f"error during tpl function execution for {quote(text)}: {problem}") from problem
    rendering.tpl_depth -= 1
    return output.replace(_NO_VALUE, "")


def _required(run: Execution, message: str, value: Any) -> Any:
    if value is None or (isinstance(value, str) and value == ""):
        rendering: _Rendering = run.context
        if not rendering.mode.lint:
            raise FunctionError(f"{ERROR_START}{message}{ERROR_END}")
        rendering.warnings.append(f"missing required value: {message}")
        return ""
    return value


def _fail(run: Execution, message: str) -> str:
    rendering: _Rendering = run.context
    if not rendering.mode.lint:
        raise FunctionError(f"{ERROR_START}{message}{ERROR_END}")
    rendering.warnings.append(f"fail: {message}")
    return ""


def _lookup(run: Execution, api_version: str, kind: str, namespace: str, name: str) -> Any:
    rendering: _Rendering = run.context
    if rendering.lookup is None or rendering.mode.lint:
        return {}
    run.budget.check_time()
    return _as_go(rendering.lookup(api_version, kind, namespace, name))


def _as_go(value: Any) -> Any:
    """An object from the API as Go has it: integers are int64."""
    if isinstance(value, Mapping):
        return {key: _as_go(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_go(item) for item in value]
    return Int64(value) if type(value) is int else value


_CONTEXTUAL: Final[Mapping[str, Function]] = {
    "include": Function(_include, ("string", "interface {}"), contextual=True),
    "tpl": Function(_tpl, ("string", "interface {}"), contextual=True),
    "required": Function(_required, ("string", "interface {}"), contextual=True),
    "fail": Function(_fail, ("string",), contextual=True),
    "lookup": Function(_lookup, ("string",) * 4, contextual=True),
}


def _timed(function: Function) -> Function:
    call = function.call

    def timed(run: Execution, *arguments: Any) -> Any:
        run.budget.check_time()
        return call(*arguments)

    return replace(function, call=timed, contextual=True)


def _functions(randomness: Randomness) -> dict[str, Function]:
    table = {**sprig_functions(now=randomness.now, random=randomness.random), **_CONTEXTUAL}
    return {name: _timed(function) if name in _SLOW else function for name, function in table.items()}


_FUNCTIONS: Final = _functions(Randomness())
_NAMES: Final = frozenset(Template("").funcs(_FUNCTIONS).function_names())
_DEFINITIONS: Final = DefinitionCache()


def execute(
    sources: Sequence[Source],
    *,
    mode: Mode = Mode(),
    lookup: Lookup | None = None,
    limits: Limits = RENDER_LIMITS,
    randomness: Randomness | None = None,
) -> tuple[dict[str, str], list[str]]:
    """The text of every file that is no partial, by path, and what lint mode let pass.

    ``sources`` come in Helm's order, see :func:`fluxkit.helm.render.scope.sources`; their dots may be changed. Raises
    TemplateFailure with Helm's text, or RenderLimitError.
    """
    with quiet_collector:
        return _execute(sources, mode, lookup, limits, randomness)


def _execute(
    sources: Sequence[Source], mode: Mode, lookup: Lookup | None, limits: Limits, randomness: Randomness | None
) -> tuple[dict[str, str], list[str]]:
    template = Template(_SET_NAME, limits=limits).option(f"missingkey={'error' if mode.strict else 'zero'}")
    template.funcs(_FUNCTIONS if randomness is None else _functions(randomness))
    for source in sources:
        try:
            template.add(_DEFINITIONS.get(source.path, source.text, _NAMES))
        except ParseError as problem:
            raise TemplateFailure(parse_failure(source.path, str(problem))) from problem
    budget = Budget(limits)
    rendering = _Rendering(mode, lookup)
    rendered: dict[str, str] = {}
    for source in sources:
        if source.is_partial:
            continue
        source.enter()
        failure: RenderError | None = None
        try:
            text = template.new(source.path).execute(source.dot, budget=budget, context=rendering)
        except ExecError as problem:
            failure = TemplateFailure(execution_failure(source.path, problem))
        except LimitError as problem:
            failure = RenderLimitError(f"{source.path}: {problem}")
        if failure is not None:
            # Without its causes: there is one for each level of nesting, with the message of all those below.
            raise failure
        rendered[source.path] = text.replace(_NO_VALUE, "")
    return rendered, rendering.warnings
