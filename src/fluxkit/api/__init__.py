"""fluxkit's own custom resources: what users write, what the controllers report.

Each kind is a typed model (``msgspec`` structs, camelCase on the wire) with ``decode`` from and ``encode`` to the plain
objects that the Kubernetes API speaks. Decoding tells the object and the field when a document does not fit; encoding
leaves out everything that equals its default, as upstream's Go types do. Groups, versions, fields, defaults and
validation rules are upstream's (fluxcd/source-controller/api/v1, fluxcd/kustomize-controller/api/v1,
fluxcd/pkg/apis/meta); the CustomResourceDefinitions are generated from the models, so the two cannot disagree.

The package performs no I/O and knows nothing about clients or controllers.
"""

from fluxkit.api.canonical import canonical_spec
from fluxkit.api.crd import crds, model_of
from fluxkit.api.kustomize import Kustomization
from fluxkit.api.meta import Condition, ObjectMeta
from fluxkit.api.resource import DecodeError, Resource
from fluxkit.api.source import Artifact, GitRepository

__all__ = [
    "Artifact",
    "Condition",
    "DecodeError",
    "GitRepository",
    "Kustomization",
    "ObjectMeta",
    "Resource",
    "canonical_spec",
    "crds",
    "model_of",
]
