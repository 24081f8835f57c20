"""Values: what users give, what charts bring, and what templates see of both.

Promises: the merging rules of Helm with every corner kept (``null`` takes away, globals pass down, a table is not
overwritten by something else), the ``--set`` grammar, the order of the flags, and schema validation with Helm's texts.
Numbers from files are floats and numbers from ``--set`` are int64, as templates see them.

Refuses: schemas that refer to anything outside themselves.

Upstream: helm/helm ``pkg/chart/common/util``, ``pkg/strvals``, ``pkg/cli/values``.
"""

from fluxkit.helm.chart.valuesfile import load_values, merge_maps
from fluxkit.helm.errors import ValuesError
from fluxkit.helm.values.coalesce import coalesce_tables, coalesce_values, merge_tables, merge_values
from fluxkit.helm.values.errors import SchemaError, SetError
from fluxkit.helm.values.fetching import Fetch
from fluxkit.helm.values.options import ValueOptions
from fluxkit.helm.values.schema import schema_violations, validate_against_schema
from fluxkit.helm.values.strvals import (
    parse_set,
    parse_set_file,
    parse_set_json,
    parse_set_literal,
    parse_set_string,
)

__all__ = [
    "Fetch",
    "SchemaError",
    "SetError",
    "ValueOptions",
    "ValuesError",
    "coalesce_tables",
    "coalesce_values",
    "load_values",
    "merge_maps",
    "merge_tables",
    "merge_values",
    "parse_set",
    "parse_set_file",
    "parse_set_json",
    "parse_set_literal",
    "parse_set_string",
    "schema_violations",
    "validate_against_schema",
]
