"""What Helm reads of every document: apiVersion, kind, and of the metadata name and annotations.

The whole document must be YAML that JSON can hold. Upstream: helm/helm ``pkg/release/v1/util/manifest.go``
(SimpleHead), kubernetes-sigs/yaml.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from fluxkit.helm.chart.decoding import Decoder, Field, Struct, fill, text_field, text_map_field
from fluxkit.helm.chart.errors import ChartError
from fluxkit.helm.chart.yamltext import EncodingProblem, text_of_yaml

__all__ = ["Head", "HeadError", "read_head"]

_GO_METADATA: Final = 'struct { Name string "json:\\"name\\""; Annotations map[string]string "json:\\"annotations\\"" }'


class HeadError(ValueError):
    """A document is no YAML, or its head has values of the wrong kind; ``str`` is upstream's message."""


@dataclass(slots=True)
class Head:
    """Empty where the document says nothing; scalars that are no texts are written as texts."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


def _metadata(decoder: Decoder, current: Any, value: Any) -> Any:
    if value is None:
        return current
    if not isinstance(value, dict):
        decoder.mismatch(value, _GO_METADATA)
        return current
    found = current or Head()
    decoder.fill(value, found, _METADATA)
    return found


_METADATA: Final = Struct("", {"name": Field("name", text_field), "annotations": Field("annotations", text_map_field)})
_HEAD: Final = Struct(
    "util.SimpleHead",
    {
        "apiVersion": Field("api_version", text_field),
        "kind": Field("kind", text_field),
        "metadata": Field("metadata", _metadata),
    },
)


class _Document:
    def __init__(self) -> None:
        self.api_version = ""
        self.kind = ""
        self.metadata: Head | None = None


_MAX_KNOWN: Final = 8192
_known: dict[bytes, Head] = {}
"""Heads by the digest of their document: most documents of a release are the same from one rendering to the next."""


def read_head(document: str) -> Head:
    """The head of a document's text. Raises HeadError."""
    data = document.encode("utf-8", "surrogateescape")
    digest = sha256(data).digest()
    head = _known.get(digest)
    if head is None:
        head = _read(data)
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[digest] = head
    return head


def _read(document: bytes) -> Head:
    found = _Document()
    try:
        fill(text_of_yaml(document), found, _HEAD)
    except EncodingProblem as problem:
        raise HeadError(str(problem)) from None
    except ChartError as problem:
        raise HeadError(str(problem)) from None
    metadata = found.metadata or Head()
    return Head(found.api_version, found.kind, metadata.name, metadata.annotations)
