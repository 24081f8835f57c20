"""What the Kustomization controller remembers between runs of one object. Losing it costs requests, nothing else."""

import math
from dataclasses import dataclass, field

from fluxkit.apply import AppliedState
from fluxkit.controllers.building.inputs import TreeIndex, fingerprint
from fluxkit.controllers.building.manifests import BuildInputs, Manifests
from fluxkit.objects import ObjectKey

__all__ = ["BuildRecord", "Memory", "MemoryStore"]


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """A build whose result is on the cluster: what it was asked, what it read, and the digest of its objects."""

    request: str
    """Digest over the parts of the spec, the variables and the options that went into the build."""
    inputs: BuildInputs
    fingerprint: str
    digest: str

    @classmethod
    def of(cls, request: str, manifests: Manifests, tree: TreeIndex) -> "BuildRecord":
        return cls(request, manifests.inputs, fingerprint(manifests.inputs, tree), manifests.digest)


@dataclass(slots=True)
class Memory:
    """Of one Kustomization (``uid``): the last build that was applied completely, and the objects as applied."""

    uid: str
    build: BuildRecord | None = None
    applied: AppliedState = field(default_factory=AppliedState)
    applied_at: float = -math.inf
    """When objects were last compared with the server, in seconds of the monotonic clock."""


class MemoryStore:
    """The memories of all Kustomizations, by key; an object that was recreated starts anew."""

    def __init__(self) -> None:
        self._memories: dict[ObjectKey, Memory] = {}

    def of(self, key: ObjectKey, uid: str) -> Memory:
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            memory = self._memories[key] = Memory(uid)
        return memory

    def forget(self, key: ObjectKey) -> None:
        self._memories.pop(key, None)
