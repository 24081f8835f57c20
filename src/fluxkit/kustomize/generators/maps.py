"""ConfigMaps and Secrets (ConfigMapGenerator, SecretGenerator; kyaml ``yaml/datamap.go``)."""

import base64
from typing import Any, Final, Literal

from msgspec import Struct

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.generators.sources import load_pairs
from fluxkit.kustomize.identity import Scopes
from fluxkit.kustomize.kustomization import GeneratorArgs, GeneratorOptions
from fluxkit.kustomize.loader import Loader
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.tree import Quoted, Scalar, new_value

__all__ = ["MapGenerator", "wrapped_base64"]

_LINE: Final = 70
_BEHAVIORS: Final = frozenset(("create", "merge", "replace"))


class MapGenerator(Struct, frozen=True):
    """Makes one ConfigMap or Secret from an entry whose options are complete."""

    kind: Literal["ConfigMap", "Secret"]
    args: GeneratorArgs
    loader: Loader
    scopes: Scopes

    def generate(self) -> list[Resource]:
        args = self.args
        if not args.name:
            raise KustomizeError("a configmap must have a name", field="name")
        options = args.options or GeneratorOptions()
        metadata: dict[str, Any] = {"name": args.name}
        if args.namespace:
            metadata["namespace"] = args.namespace
        tree: dict[str, Any] = {"apiVersion": "v1", "kind": self.kind, "metadata": metadata}
        pairs = load_pairs(self.loader, args)
        if self.kind == "Secret":
            tree["type"] = args.type or "Opaque"
            tree["data"] = {key: new_value(wrapped_base64(value)) for key, value in sorted(pairs.items())}
        else:
            for key, value in sorted(pairs.items()):
                try:
                    tree.setdefault("data", {})[key] = new_value(value.decode())
                except UnicodeDecodeError:
                    tree.setdefault("binaryData", {})[key] = wrapped_base64(value)
            if tree.get("data") == {}:
                del tree["data"]
        if options.labels:
            metadata["labels"] = {name: Quoted(text) for name, text in options.labels.items()}
        if options.annotations:
            metadata["annotations"] = {name: Quoted(text) for name, text in options.annotations.items()}
        if options.immutable:
            tree["immutable"] = Scalar("true", "!!bool")
        resource = Resource(tree, self.scopes)
        resource.needs_hash = not options.disable_name_suffix_hash
        resource.behavior = args.behavior if args.behavior in _BEHAVIORS else "unspecified"
        return [resource]


def wrapped_base64(content: bytes) -> str:
    """Base64; beyond 70 characters in lines of 70, each with a newline."""
    text = base64.b64encode(content).decode()
    # Upstream counts lines from the length, so a text of exactly 70 characters counts as two.
    if len(text) < _LINE:
        return text
    return "".join(text[start : start + _LINE] + "\n" for start in range(0, len(text), _LINE))
