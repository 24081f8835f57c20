"""JSON Schema as Helm checks values with it, in the words of its library.

Promises: drafts 4, 6, 7, 2019-09 and 2020-12 (the default), references within the schema and to the drafts, and the
texts of upstream, with the properties of an object in byte order where upstream's order changes from run to run.

Refuses: to read files or fetch anything a schema refers to, unless given a way to do so; metaschemas of one's own.

Upstream: santhosh-tekuri/jsonschema v6, helm/helm ``pkg/chart/common/util/jsonschema.go``.
"""

from fluxkit.helm.values.jsonschema.checking import check
from fluxkit.helm.values.jsonschema.compiling import compile_schema
from fluxkit.helm.values.jsonschema.documents import Fetch, SchemaProblem

__all__ = ["Fetch", "SchemaProblem", "check", "compile_schema"]
