"""Finding the source that a Kustomization refers to, and its artifact.

Sources are read as plain objects: of whatever kind, all that matters here is ``status.artifact``. GitRepositories come
from the shared watch cache; the kinds that other controllers own are asked for one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from fluxkit.api import Artifact, GitRepository, Kustomization
from fluxkit.api.source import GROUP
from fluxkit.kube import Client, WatchCache
from fluxkit.kube.errors import NoMatch, NotFound
from fluxkit.objects import GroupVersionKind, Object, ObjectKey, ref_of

__all__ = ["AccessDenied", "Source", "SourceNotFound", "SourceReader", "artifact_of", "source_key"]

_ORIGIN_REVISION = "org.opencontainers.image.revision"


class AccessDenied(Exception):
    """The reference is forbidden, whether the source exists or not."""


class SourceNotFound(Exception):
    """The source does not exist."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source as its consumers see it; without artifact it has not produced anything yet."""

    kind: str
    key: ObjectKey
    artifact: Artifact | None

    @property
    def origin_revision(self) -> str:
        return self.artifact.metadata.get(_ORIGIN_REVISION, "") if self.artifact else ""


def source_key(kustomization: Kustomization) -> tuple[str, ObjectKey]:
    """Kind and key of the source that a Kustomization refers to."""
    reference = kustomization.spec.source_ref
    return reference.kind, ObjectKey(reference.namespace or kustomization.metadata.namespace, reference.name)


def artifact_of(obj: Object) -> Artifact | None:
    """The artifact in the status of a source of any kind; None if there is none that can be used."""
    status = obj.get("status")
    artifact = status.get("artifact") if isinstance(status, dict) else None
    if artifact is None:
        return None
    try:
        return msgspec.convert(artifact, Artifact)
    except msgspec.ValidationError as error:
        raise SourceNotFound(f"{ref_of(obj)} has an artifact that cannot be read: {error}") from None


class SourceReader:
    """Reads sources with the controller's own rights, never those of a tenant."""

    def __init__(
        self, client: Client, repositories: Callable[[], WatchCache], *, no_cross_namespace_refs: bool
    ) -> None:
        self._client = client
        self._repositories = repositories
        self._no_cross_namespace_refs = no_cross_namespace_refs

    async def read(self, kustomization: Kustomization) -> Source:
        """Raises :class:`AccessDenied` before anything is read, :class:`SourceNotFound`, and what the API answers."""
        kind, key = source_key(kustomization)
        if self._no_cross_namespace_refs and key.namespace != kustomization.metadata.namespace:
            raise AccessDenied(f"can't access '{kind}/{key}', cross-namespace references have been blocked")
        if kind == "ExternalArtifact":
            raise AccessDenied(f"can't access '{kind}/{key}', ExternalArtifact feature gate is disabled")
        if kind == GitRepository.GVK.kind:
            obj = self._repositories().get(key.namespace, key.name)
        else:
            obj = await self._get(kind, key)
        if obj is None:
            raise SourceNotFound(f"Source '{kind}/{key}' not found")
        return Source(kind, key, artifact_of(obj))

    async def _get(self, kind: str, key: ObjectKey) -> Object | None:
        try:
            return await self._client.get(GroupVersionKind(GROUP, "v1", kind), key.name, key.namespace)
        except NotFound:
            return None
        except NoMatch as error:
            raise SourceNotFound(f"source `{key.name}` kind '{kind}' not supported: {error}") from None
