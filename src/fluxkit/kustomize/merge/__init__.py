"""Strategic merge as kustomize does it: a schema decides which lists merge by key and which are replaced.

Upstream's results are reproduced also where they surprise (kyaml ``yaml/merge2``, ``yaml/walk``): people's patches
depend on them.
"""

from fluxkit.kustomize.merge.schema import Schema, SchemaNode
from fluxkit.kustomize.merge.strategic import merge_patch

__all__ = ["Schema", "SchemaNode", "merge_patch"]
