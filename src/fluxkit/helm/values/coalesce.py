"""What a chart and each of its subcharts see: given values over the parent's, over the chart's own defaults.

Two ways: coalescing removes what a ``null`` takes away and gives the values for templates; merging keeps every ``null``
for a later coalescing. Both leave what they are given as it is.

Upstream: helm/helm ``pkg/chart/common/util/coalesce.go``.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from fluxkit.helm.chart.model import Chart
from fluxkit.helm.errors import ValuesError
from fluxkit.template.fmt import sprintf
from fluxkit.template.quoting import quote
from fluxkit.yaml.composer import copy_tree

__all__ = ["GLOBAL", "coalesce_tables", "coalesce_values", "merge_tables", "merge_values"]

GLOBAL: Final = "global"
"""The key whose table every chart shares."""

_log = logging.getLogger(__name__)


def coalesce_values(chart: Chart, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of ``chart`` and those below it, without what was nulled.

    Raises ValuesError where something other than a mapping is given to a subchart. What cannot be merged is told in
    warnings of this module's logger.
    """
    return _coalesce(chart, copy_tree(dict(values)), "", merge=False)


def merge_values(chart: Chart, values: Mapping[str, Any]) -> dict[str, Any]:
    """As :func:`coalesce_values`, but every ``null`` stays."""
    return _coalesce(chart, copy_tree(dict(values)), "", merge=True)


def coalesce_tables(over: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Fill ``over``, which wins, with what only ``base`` has, and return it; a ``null`` removes what ``base`` has.

    What is taken from ``base`` is not copied.
    """
    return _merge_tables(over, base, "", merge=False)


def merge_tables(over: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """As :func:`coalesce_tables`, but every ``null`` stays."""
    return _merge_tables(over, base, "", merge=True)


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _coalesce(chart: Chart, given: dict[str, Any], prefix: str, *, merge: bool) -> dict[str, Any]:
    _add_defaults(chart, given, prefix, merge=merge)
    below = _joined(prefix, chart.name)
    for subchart in chart.dependencies:
        name = subchart.name
        table = given.setdefault(name, {})
        if not isinstance(table, dict):
            raise ValuesError(f"type mismatch on {name}: {sprintf('%t', table)}")
        _pass_globals(table, given, below)
        given[name] = _coalesce(subchart, table, below, merge=merge)
    return given


def _add_defaults(chart: Chart, given: dict[str, Any], prefix: str, *, merge: bool) -> None:
    """Fill ``given`` with the chart's own values."""
    here = _joined(prefix, chart.name)
    subcharts = {subchart.name for subchart in chart.dependencies}
    for key, default in chart.values.items():
        if key not in given:
            if merge:
                given[key] = copy_tree(default)
            elif default is not None:
                # A null among the defaults must not hide a global, nor be printed.
                given[key] = _without_nulls(default)
            continue
        value = given[key]
        if value is None and not merge:
            del given[key]
        elif isinstance(value, dict):
            if isinstance(default, dict):
                keep = merge or key in subcharts
                source = copy_tree(default) if keep else _without_nulls(default)
                _merge_tables(value, source, _joined(here, key), merge=keep)
            elif default is not None:
                _log.warning("warning: skipped value for %s.%s: Not a table.", here, key)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return copy_tree(value)


def _pass_globals(table: dict[str, Any], parent: Mapping[str, Any], prefix: str) -> None:
    """Give a subchart's ``table`` the globals of its parent, which win."""
    own = table.get(GLOBAL, {})
    if not isinstance(own, dict):
        _log.warning("warning: skipping globals because destination %s is not a table.", GLOBAL)
        return
    shared = parent.get(GLOBAL, {})
    if not isinstance(shared, dict):
        _log.warning("warning: skipping globals because source %s is not a table.", GLOBAL)
        return
    for key, value in shared.items():
        known = own.get(key)
        if isinstance(value, dict):
            # As upstream, one level is copied and what lies below is the parent's own.
            passed = dict(value)
            if key not in own:
                own[key] = passed
            elif isinstance(known, dict):
                _merge_tables(passed, known, _joined(prefix, key), merge=True)
                own[key] = passed
            else:
                _log.warning("Conflict: cannot merge map onto non-map for %s. Skipping.", quote(key))
        elif isinstance(known, dict):
            _log.warning("key %s is table. Skipping", key)
        else:
            own[key] = value
    table[GLOBAL] = own


def _merge_tables(over: dict[str, Any], base: dict[str, Any], prefix: str, *, merge: bool) -> dict[str, Any]:
    nulls = [key for key, value in over.items() if value is None]
    # A null that takes nothing away stays.
    removed = [] if merge else [key for key in nulls if base.get(key) is not None]
    # Upstream writes the nulls into the other side, too; where that is shared, it shows.
    base.update(dict.fromkeys(nulls))
    for key, value in base.items():
        if key not in over:
            over[key] = value
            continue
        known = over[key]
        if known is None:
            continue
        if isinstance(value, dict):
            if isinstance(known, dict):
                _merge_tables(known, value, _joined(prefix, key), merge=merge)
            else:
                _log.warning(
                    "warning: cannot overwrite table with non table for %s (%s)",
                    _joined(prefix, key),
                    sprintf("%v", value),
                )
        elif isinstance(known, dict) and value is not None:
            _log.warning(
                "warning: destination for %s is a table. Ignoring non-table value (%s)",
                _joined(prefix, key),
                sprintf("%v", value),
            )
    for key in removed:
        del over[key]
    return over
