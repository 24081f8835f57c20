"""YAML as the Kubernetes world reads and writes it.

Promises: the typing rules of go-yaml and sigs.k8s.io/yaml, so that a manifest means here what it means to kubectl, Flux
and kustomize; texts written byte for byte as ``sigs.k8s.io/yaml.Marshal`` writes them; errors that name source and
line.

Refuses: duplicate keys, alias bombs, nesting beyond 250 levels, texts beyond 64 MiB, and anything that JSON cannot hold
when writing. It never constructs Python objects from tags.

Reading is PyYAML's binding of libyaml at the level of events (about 3 MB/s); typing and writing are this package's own.
"""

from fluxkit.yaml.emitter import dump, dump_all
from fluxkit.yaml.errors import YAMLError
from fluxkit.yaml.loader import load, load_all

__all__ = ["YAMLError", "dump", "dump_all", "load", "load_all"]
