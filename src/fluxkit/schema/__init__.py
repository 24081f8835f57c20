"""What Kubernetes' types are: fields, list and map topology, patch strategies, and how each kind is served.

Promises one shape, :class:`SchemaNode`, for the built-in types of Kubernetes 1.37 (:func:`type_for`) and for the
``openAPIV3Schema`` of a custom resource definition (:func:`from_crd_schema`), so that server-side apply, strategic
merge, validation and defaulting treat both alike. The built-in facts are one generated data file inside the package
(``scripts/generate_schema.py``), read on first use; descriptions are a second one, read only when asked for.

Refuses to know any other Kubernetes version, to fetch anything, and to judge an object: it states facts only.
"""

from fluxkit.schema.builtin import (
    KUBERNETES_VERSION,
    ResourceInfo,
    kinds,
    resource_for,
    resources,
    type_for,
    type_named,
)
from fluxkit.schema.crd import from_crd_schema
from fluxkit.schema.node import ANY, SchemaNode

__all__ = [
    "ANY",
    "KUBERNETES_VERSION",
    "ResourceInfo",
    "SchemaNode",
    "from_crd_schema",
    "kinds",
    "resource_for",
    "resources",
    "type_for",
    "type_named",
]
