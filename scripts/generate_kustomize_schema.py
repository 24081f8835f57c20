"""Make the schema facts that `fluxkit.kustomize` merges with: src/fluxkit/kustomize/data/schema-v1.21.2.json.

kustomize embeds the OpenAPI document of Kubernetes v1.21.2 in its module kyaml, as protocol buffers, and merges patches
by what that document says. Only these facts are taken: which fields exist, which lists merge, and by which keys.

    go mod download sigs.k8s.io/kustomize/kyaml@v0.21.1
    python scripts/generate_kustomize_schema.py "$(go env GOMODCACHE)/sigs.k8s.io/kustomize/kyaml@v0.21.1"
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

OUT = Path(__file__).parent.parent / "src/fluxkit/kustomize/data/schema-v1.21.2.json"

# Field numbers of gnostic's openapiv2.proto.
DOCUMENT_DEFINITIONS = 9
SCHEMA_REF, SCHEMA_ADDITIONAL, SCHEMA_TYPE, SCHEMA_ITEMS, SCHEMA_PROPERTIES, SCHEMA_EXTENSIONS = 1, 21, 22, 23, 25, 31


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The (number, value) pairs of a message; nested messages and strings are bytes."""
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(data):
        tag = varint()
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            yield number, varint()
        elif wire == 1:
            yield number, data[position : position + 8]
            position += 8
        elif wire == 2:
            length = varint()
            yield number, data[position : position + length]
            position += length
        else:
            raise ValueError(f"wire type {wire}")


def first(data: bytes, number: int) -> Any:
    return next((value for found, value in fields(data) if found == number), None)


def named(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The entries of a message that stands for a map."""
    for number, entry in fields(data):
        if number == 1:
            yield first(entry, 1).decode(), first(entry, 2) or b""


def extensions(schema: bytes) -> dict[str, Any]:
    found = {}
    for number, entry in fields(schema):
        if number == SCHEMA_EXTENSIONS:
            text = first(first(entry, 2) or b"", 2)
            found[first(entry, 1).decode()] = yaml.safe_load(text) if text else None
    return found


def compact(schema: bytes) -> dict[str, Any] | None:
    """A node as `fluxkit.kustomize.merge.schema` reads it, None for what cannot influence a merge."""
    reference = first(schema, SCHEMA_REF)
    if reference:
        return {"r": reference.decode().rpartition("/")[2]}
    types = [value.decode() for _, value in fields(first(schema, SCHEMA_TYPE) or b"")]
    node: dict[str, Any] = {}
    properties = first(schema, SCHEMA_PROPERTIES)
    if properties:
        node["p"] = {name: kept for name, value in named(properties) if (kept := compact(value)) is not None}
    additional = first(schema, SCHEMA_ADDITIONAL)
    if additional and (inner := first(additional, 1)) is not None and (kept := compact(inner)) is not None:
        node["a"] = kept
    facts = extensions(schema)
    if "merge" in str(facts.get("x-kubernetes-patch-strategy", "")).split(","):
        node["m"] = 1
        keys = facts.get("x-kubernetes-list-map-keys") or facts.get("x-kubernetes-patch-merge-key") or []
        if keys:
            node["k"] = keys if isinstance(keys, list) else [keys]
        items = first(schema, SCHEMA_ITEMS)
        if items and (kept := compact(first(items, 1))) is not None:
            node["i"] = kept
    if node or types == ["object"] or not types:
        return node
    return None


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "r" and isinstance(value, str):
                yield value
            else:
                yield from references(value)


def main(kyaml: Path) -> None:
    document = (kyaml / "openapi/kubernetesapi/v1_21_2/swagger.pb").read_bytes()
    definitions: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    for name, schema in named(first(document, DOCUMENT_DEFINITIONS)):
        definitions[name] = compact(schema) or {}
        for gvk in extensions(schema).get("x-kubernetes-group-version-kind") or []:
            version = f"{gvk['group']}/{gvk['version']}" if gvk.get("group") else gvk["version"]
            kinds[f"{version}/{gvk['kind']}"] = name
    own = json.loads((kyaml / "openapi/kustomizationapi/swagger.json").read_text())
    sys.path.insert(0, str(OUT.parents[3]))
    from fluxkit.kustomize.merge.schema import compact as compact_json

    for name, schema in own["definitions"].items():
        definitions[name] = compact_json(schema)
        for gvk in schema.get("x-kubernetes-group-version-kind") or []:
            kinds[f"{gvk['group']}/{gvk['version']}/{gvk['kind']}"] = name
    reachable: set[str] = set()
    waiting = list(kinds.values())
    while waiting:
        name = waiting.pop()
        if name not in reachable:
            reachable.add(name)
            waiting.extend(references(definitions[name]))
    names = {name: str(index) for index, name in enumerate(sorted(reachable))}

    def shorten(node: Any) -> Any:
        if isinstance(node, dict):
            return {
                key: names[value] if key == "r" and isinstance(value, str) else shorten(value)
                for key, value in node.items()
            }
        return node

    facts = {
        "names": names,
        "kinds": {kind: names[name] for kind, name in sorted(kinds.items())},
        "definitions": {names[name]: shorten(definitions[name]) for name in sorted(reachable)},
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(facts, separators=(",", ":"), sort_keys=True) + "\n")
    print(f"{OUT.name}: {len(kinds)} kinds, {len(reachable)} definitions, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
