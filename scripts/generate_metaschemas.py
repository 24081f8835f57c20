"""Write the metaschemas of JSON Schema, as the PyPI package ``jsonschema-specifications`` carries them, into one file.

python scripts/generate_metaschemas.py
"""

import json
from pathlib import Path
from typing import Any

import jsonschema_specifications

_OUT = Path(__file__).parent.parent / "src/fluxkit/helm/values/jsonschema/data/metaschemas.json"
_DRAFTS = ("draft-04/", "draft-06/", "draft-07/", "draft/2019-09/", "draft/2020-12/")


def main() -> None:
    found = {
        url.rstrip("#"): json.loads(json.dumps(jsonschema_specifications.REGISTRY.contents(url)))
        for url in jsonschema_specifications.REGISTRY
        if url.split("json-schema.org/")[-1].startswith(_DRAFTS)
    }
    _as_first_published(found)
    _OUT.parent.mkdir(exist_ok=True)
    _OUT.write_text(json.dumps(found, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{len(found)} metaschemas, {_OUT.stat().st_size} bytes")


def _as_first_published(found: dict[str, Any]) -> None:
    """The drafts were touched up later; Helm's library has them as they were."""
    four, six, seven = (found[f"http://json-schema.org/draft-0{draft}/schema"]["properties"] for draft in (4, 6, 7))
    four["$ref"] = {"type": "string"}
    four["$schema"]["format"] = "uri"
    for properties in (six, seven):
        properties["enum"] |= {"minItems": 1, "uniqueItems": True}
    del six["examples"], six["patternProperties"]["propertyNames"]
    seven["writeOnly"] = {"type": "boolean", "default": False}


if __name__ == "__main__":
    main()
