"""Content negotiation: which rendering of an object or list an ``Accept`` header asks for."""

from dataclasses import dataclass
from functools import lru_cache

from fluxkit.sandbox.status import not_acceptable

__all__ = ["Accepted", "negotiate"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """``kind`` is empty for plain objects, else Table, PartialObjectMetadata, APIGroupDiscoveryList, ..."""

    kind: str = ""
    group: str = ""
    version: str = ""
    yaml: bool = False

    @property
    def content_type(self) -> str:
        if self.kind == "APIGroupDiscoveryList":
            return f"application/json;g={self.group};v={self.version};as={self.kind}"
        return "application/yaml" if self.yaml else "application/json"


_TRANSFORMS = frozenset(["Table", "PartialObjectMetadata", "PartialObjectMetadataList"])


@lru_cache(maxsize=512)
def negotiate(accept: str, *, discovery: bool = False) -> Accepted:
    """The first acceptable clause; raises NotAcceptable."""
    if not accept:
        return Accepted()
    for clause in accept.split(","):
        media, *parameters = (part.strip() for part in clause.split(";"))
        values = dict(parameter.partition("=")[::2] for parameter in parameters)
        if media not in ("application/json", "application/yaml", "application/*", "*/*"):
            continue
        kind = values.get("as", "")
        group, version = values.get("g", ""), values.get("v", "")
        if not kind:
            return Accepted(yaml=media == "application/yaml")
        if discovery:
            if kind == "APIGroupDiscoveryList" and version == "v2":
                return Accepted(kind, group, version)
            continue
        if kind in _TRANSFORMS and group in ("", "meta.k8s.io") and version in ("v1", ""):
            name = "PartialObjectMetadata" if kind.startswith("Partial") else kind
            return Accepted(name, "meta.k8s.io", "v1")
    raise not_acceptable(["application/json", "application/yaml"])
