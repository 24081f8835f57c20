"""The head of each document in a text of manifests, as the linter reads it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fluxkit.helm.chart.decoding import Decoder, Field, Struct, fill, text_field
from fluxkit.helm.errors import HelmError

__all__ = ["Head", "heads"]

_SEPARATOR: Final = re.compile(r"\n---[^\n]*\n")


@dataclass(slots=True)
class Head:
    """What the rules look at."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""


_METADATA: Final = Struct(
    "rules.k8sYamlMetadata", {"Namespace": Field("namespace", text_field), "Name": Field("name", text_field)}
)


def _metadata(decoder: Decoder, current: Any, value: Any) -> Any:
    decoder.fill(value, current, _METADATA)
    return current


class _Document:
    def __init__(self) -> None:
        self.api_version = ""
        self.kind = ""
        self.metadata = Head()


_DOCUMENT: Final = Struct(
    "rules.k8sYamlStruct",
    {
        "apiVersion": Field("api_version", text_field),
        "Kind": Field("kind", text_field),
        "Metadata": Field("metadata", _metadata),
    },
)


def heads(text: str) -> Iterator[Head | HelmError]:
    """One for each document that is not empty; an error where a document is none, behind which nothing follows."""
    for document in _documents(text):
        found = _Document()
        try:
            says_something = fill(document, found, _DOCUMENT)
        except HelmError as problem:
            yield problem
            return
        if says_something:
            yield Head(found.api_version, found.kind, found.metadata.name, found.metadata.namespace)


def _documents(text: str) -> list[str]:
    found = _SEPARATOR.split(text)
    last = found[-1]
    if last.endswith("\n---"):
        found[-1] = last[: -len("\n---")]
    return found
