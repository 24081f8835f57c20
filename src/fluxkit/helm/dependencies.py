"""Which subcharts take part, under which names, and what their parents import from them.

Upstream: helm/helm ``pkg/chart/v2/util/dependencies.go``.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fluxkit.helm.chart import Chart, Dependency, Metadata
from fluxkit.helm.errors import HelmError, ValuesError
from fluxkit.helm.values.coalesce import coalesce_values, merge_tables, merge_values
from fluxkit.helm.values.errors import NoTable, NoValue
from fluxkit.helm.values.paths import path_value, table_at
from fluxkit.semver import Constraint, SemVerError, Version
from fluxkit.template.fmt import sprintf
from fluxkit.template.values import Map
from fluxkit.yaml.composer import copy_tree

__all__ = ["DependencyError", "is_compatible_range", "missing_dependencies", "process"]

_log = logging.getLogger(__name__)


class DependencyError(HelmError):
    """The subcharts that take part cannot be told, because something other than a mapping is given to one."""


def process(chart: Chart, values: Mapping[str, Any]) -> Chart:
    """The chart as it is to be rendered with ``values``; ``chart`` itself, which shares its files, stays as it is.

    Subcharts that tags, conditions or versions exclude are gone, those with an alias carry it, and imported values are
    among the defaults of the charts that import them. Raises DependencyError.
    """
    processed = _copy(chart)
    processed.parent = chart.parent
    try:
        _process_enabled(processed, values, "")
        _import_values(processed)
    except ValuesError as problem:
        raise DependencyError(str(problem)) from None
    return processed


def is_compatible_range(constraint: str, version: str) -> bool:
    """Whether ``version`` satisfies ``constraint``; False if either cannot be read."""
    try:
        return Constraint(constraint).check(Version.parse(version))
    except SemVerError:
        return False


def missing_dependencies(chart: Chart) -> list[str]:
    """The names of the dependencies that Chart.yaml declares and no subchart has."""
    present = {subchart.name for subchart in chart.dependencies}
    return [each.name for each in chart.metadata.dependencies if each.name not in present]


def _copy(chart: Chart) -> Chart:
    copied = replace(chart, metadata=_copy_metadata(chart.metadata), dependencies=[], parent=None)
    copied.set_dependencies([_copy(subchart) for subchart in chart.dependencies])
    return copied


def _copy_metadata(metadata: Metadata) -> Metadata:
    return replace(metadata, dependencies=[replace(dependency) for dependency in metadata.dependencies])


# --- tags and conditions ---------------------------------------------------------------------------------------------


def _process_enabled(chart: Chart, values: Mapping[str, Any], path: str) -> None:
    wanted = chart.metadata.dependencies
    if not wanted:
        return  # nor are the charts below looked at
    unlisted = [subchart for subchart in chart.dependencies if not any(_satisfies(subchart, each) for each in wanted)]
    listed: list[Chart] = []
    for dependency in wanted:
        found = _as_dependency(chart.dependencies, dependency)
        if found is not None:
            listed.append(found)
        dependency.name = dependency.alias or dependency.name
    chart.set_dependencies([*unlisted, *listed])

    for dependency in wanted:
        dependency.enabled = True
    # Upstream hands a chart its parent's values on every level: hence the path before its conditions.
    coalesced = coalesce_values(chart, values)
    _apply_tags(wanted, coalesced)
    _apply_conditions(wanted, coalesced, path)

    disabled = {dependency.name for dependency in wanted if not dependency.enabled}
    enabled = [subchart for subchart in chart.dependencies if subchart.name not in disabled]
    for subchart in enabled:
        _process_enabled(subchart, coalesced, f"{path}{subchart.name}.")
    chart.metadata.dependencies = [dependency for dependency in wanted if dependency.name not in disabled]
    chart.set_dependencies(enabled)


def _satisfies(chart: Chart, dependency: Dependency) -> bool:
    return chart.name == dependency.name and is_compatible_range(dependency.version, chart.metadata.version)


def _as_dependency(charts: Sequence[Chart], dependency: Dependency) -> Chart | None:
    """A copy of the first chart that fits, under the alias. Copied as deep as upstream does, which can be seen:

    what lies two levels further down still tells the path of the chart without its alias.
    """
    found = next((chart for chart in charts if _satisfies(chart, dependency)), None)
    if found is None:
        return None
    copied = replace(found, metadata=_copy_metadata(found.metadata), dependencies=[])
    copied.set_dependencies([replace(subchart) for subchart in found.dependencies])
    copied.metadata.name = dependency.alias or copied.metadata.name
    return copied


def _apply_tags(dependencies: Sequence[Dependency], values: Mapping[str, Any]) -> None:
    tags = values.get("tags")
    if not isinstance(tags, dict):
        return
    for dependency in dependencies:
        given = []
        for tag in dependency.tags:
            if tag not in tags:
                continue
            if isinstance(tags[tag], bool):
                given.append(tags[tag])
            else:
                _log.warning("returned non-bool value tag=%s chart=%s", tag, dependency.name)
        dependency.enabled = any(given) or not given


def _apply_conditions(dependencies: Sequence[Dependency], values: Mapping[str, Any], path: str) -> None:
    for dependency in dependencies:
        for condition in filter(None, dependency.condition.strip().split(",")):
            try:
                found = path_value(values, path + condition)
            except NoValue:
                continue
            if isinstance(found, bool):
                dependency.enabled = found
                break
            _log.warning("returned non-bool value path=%s chart=%s", condition, dependency.name)


# --- import-values ---------------------------------------------------------------------------------------------------


def _import_values(chart: Chart) -> None:
    """Add what charts import from their dependencies to their defaults, from the bottom up."""
    for subchart in chart.dependencies:
        _import_values(subchart)
    if not chart.metadata.dependencies:
        return
    values = merge_values(chart, {})
    imported: dict[str, Any] = {}
    for dependency in chart.metadata.dependencies:
        resolved: list[Any] = []
        for wanted in dependency.import_values:
            if isinstance(wanted, dict):
                child, parent = sprintf("%v", wanted.get("child")), sprintf("%v", wanted.get("parent"))
            elif isinstance(wanted, str):
                child, parent = f"exports.{wanted}", "."
            else:
                continue
            resolved.append(Map("string", {"child": child, "parent": parent}, zero=""))
            try:
                table = table_at(values, f"{dependency.name}.{child}")
            except NoTable as problem:
                _log.warning("ImportValues missing table from chart chart=%s error=%s", dependency.name, problem)
                continue
            # What several imports bring to one table, each of them sees: but for empty ones, tables are not copied.
            imported = merge_tables(imported, _below(parent, table or {}))
        dependency.import_values = resolved
    # The chart's own values win over what it imports.
    chart.values = merge_tables(copy_tree(values), imported)


def _below(path: str, table: dict[str, Any]) -> dict[str, Any]:
    """``table`` at ``path``, whose parts are separated by dots."""
    if path != ".":
        for name in reversed(path.split(".")):
            table = {name: table}
    return table
