"""Checking values against the ``values.schema.json`` of a chart and those below it.

Upstream: helm/helm ``pkg/chart/common/util/jsonschema.go``.
"""

from collections.abc import Mapping
from typing import Any

from fluxkit.helm.chart.model import Chart
from fluxkit.helm.values.errors import SchemaError
from fluxkit.helm.values.jsonschema import violations
from fluxkit.template.values import type_name

__all__ = ["validate_against_schema"]


def validate_against_schema(chart: Chart, values: Mapping[str, Any]) -> None:
    """Check the coalesced ``values`` of ``chart``, and those of each subchart that has any.

    Raises SchemaError with all problems of all charts, each chart's under its name.
    """
    problems = _problems(chart, values)
    if problems:
        raise SchemaError(problems)


def _problems(chart: Chart, values: Mapping[str, Any]) -> str:
    text = ""
    if chart.schema is not None:
        found = violations(chart.schema, values)
        if found:
            text += f"{chart.name}:\n{found}"
    for subchart in chart.dependencies:
        below = values.get(subchart.name)
        if below is None:
            continue
        if isinstance(below, dict):
            text += _problems(subchart, below)
        else:
            text += f"{subchart.name}:\ninvalid type for values: expected object (map), got {type_name(below)}\n"
    return text
