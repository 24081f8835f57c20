"""Checking values against the ``values.schema.json`` of a chart and those below it.

Upstream: helm/helm ``pkg/chart/common/util/jsonschema.go``.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from fluxkit.helm.chart.model import Chart
from fluxkit.helm.values.errors import SchemaError
from fluxkit.helm.values.fetching import Fetch
from fluxkit.template.values import type_name

if TYPE_CHECKING:
    from fluxkit.helm.values.jsonschema.compiling import Schema

__all__ = ["schema_violations", "validate_against_schema"]

_HEADING: Final = "jsonschema validation failed with 'file:///values.schema.json#'\n"


def validate_against_schema(chart: Chart, values: Mapping[str, Any], *, fetch: Fetch | None = None) -> None:
    """Check the coalesced ``values`` of ``chart``, and those of each subchart that has any.

    ``fetch`` gets schemas that a schema refers to by http and https addresses, as Helm does; without it such a schema
    is an error. Raises SchemaError with all problems of all charts, each chart's under its name.
    """
    problems = _problems(chart, values, fetch)
    if problems:
        raise SchemaError(
            "values don't meet the specifications of the schema(s) in the following chart(s):\n" + problems
        )


def _problems(chart: Chart, values: Mapping[str, Any], fetch: Fetch | None) -> str:
    text = ""
    if chart.schema is not None:
        found = schema_violations(chart.schema, values, fetch=fetch)
        if found:
            text += f"{chart.name}:\n{found}"
    for subchart in chart.dependencies:
        below = values.get(subchart.name)
        if below is None:
            continue
        if isinstance(below, dict):
            text += _problems(subchart, below, fetch)
        else:
            text += f"{subchart.name}:\ninvalid type for values: expected object (map), got {type_name(below)}\n"
    return text


def schema_violations(data: bytes, values: Mapping[str, Any], *, fetch: Fetch | None = None) -> str:
    """What ``values`` violate of one schema, as text; also what is wrong with the schema. Empty if nothing."""
    from fluxkit.helm.values.jsonschema import SchemaProblem, check  # most charts have no schema

    try:
        schema = _schema(data, fetch)
        found = check(schema, dict(values))
    except SchemaProblem as problem:
        return str(problem)
    except RecursionError:
        return "unable to validate schema: schema and values are nested too deeply\n"
    return found.removeprefix(_HEADING) + "\n" if found else ""


def _schema(data: bytes, fetch: Fetch | None) -> "Schema":
    from fluxkit.helm.values.jsonschema import SchemaProblem, check, compile_schema

    try:
        return _compiled(data)
    except SchemaProblem:
        if fetch is None:
            raise
        return compile_schema(data, check, fetch)


@lru_cache(maxsize=32)
def _compiled(data: bytes) -> "Schema":
    from fluxkit.helm.values.jsonschema import check, compile_schema

    return compile_schema(data, check)
