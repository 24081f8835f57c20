"""Finding the source that a Kustomization refers to, and its artifact.

Sources are read as plain objects: of whatever kind, all that matters here is ``status.artifact``. They come from watch
caches. Kinds that other controllers own may not be installed, so they are watched from the first reference on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from fluxkit.api import Artifact, GitRepository, Kustomization
from fluxkit.api.source import GROUP
from fluxkit.kube import CacheEvent, CacheRegistry, Client, WatchCache
from fluxkit.kube.errors import NoMatch, NotFound
from fluxkit.objects import GroupVersionKind, Object, ObjectKey, ref_of

__all__ = ["AccessDenied", "OtherSources", "Source", "SourceNotFound", "SourceReader", "artifact_of", "source_key"]

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


class OtherSources:
    """The sources of kinds that other controllers own. ``changed`` hears of what happens to them later."""

    def __init__(
        self, client: Client, caches: CacheRegistry, namespace: str, changed: Callable[[CacheEvent], None]
    ) -> None:
        self._client = client
        self._registry = caches
        self._namespace = namespace
        self._changed = changed
        self._caches: dict[str, WatchCache] = {}

    async def get(self, kind: str, key: ObjectKey) -> Object | None:
        """The source, None if there is none. Raises :class:`SourceNotFound` for an unknown kind."""
        gvk = GroupVersionKind(GROUP, "v1", kind)
        cache = self._caches.get(kind)
        if cache is not None and cache.synced:
            return cache.get(key.namespace, key.name)
        try:
            source = await self._client.get(gvk, key.name, key.namespace)
        except NotFound:
            source = None
        except NoMatch as error:
            raise SourceNotFound(f"source `{key.name}` kind '{kind}' not supported: {error}") from None
        if kind not in self._caches:
            self._follow(gvk)
        return source

    def _follow(self, gvk: GroupVersionKind) -> None:
        cache = self._caches[gvk.kind] = self._registry.cache(gvk, self._namespace)
        # the first list is no news: who asked has just read what is in it
        cache.subscribe(lambda event: self._changed(event) if cache.synced else None)


class SourceReader:
    """Reads sources with the controller's own rights, never those of a tenant."""

    def __init__(
        self,
        repositories: Callable[[], WatchCache],
        others: OtherSources,
        *,
        no_cross_namespace_refs: bool,
        external_artifacts: bool,
        direct: Client | None = None,
    ) -> None:
        """``direct`` reads sources from the server where the caches are not trusted to be current."""
        self._direct = direct
        self._repositories = repositories
        self._others = others
        self._no_cross_namespace_refs = no_cross_namespace_refs
        self._external_artifacts = external_artifacts

    async def read(self, kustomization: Kustomization) -> Source:
        """Raises :class:`AccessDenied` before anything is read, :class:`SourceNotFound`, and what the API answers."""
        kind, key = source_key(kustomization)
        if self._no_cross_namespace_refs and key.namespace != kustomization.metadata.namespace:
            raise AccessDenied(f"can't access '{kind}/{key}', cross-namespace references have been blocked")
        if kind == "ExternalArtifact" and not self._external_artifacts:
            raise AccessDenied(f"can't access '{kind}/{key}', ExternalArtifact feature gate is disabled")
        if kind == GitRepository.GVK.kind:
            obj = self._repositories().get(key.namespace, key.name)
        else:
            obj = await self._others.get(kind, key)  # which follows the kind from then on
        if self._direct is not None:
            obj = await self._read(self._direct, GroupVersionKind(GROUP, "v1", kind), key)
        if obj is None:
            raise SourceNotFound(f"Source '{kind}/{key}' not found")
        return Source(kind, key, artifact_of(obj))

    @staticmethod
    async def _read(client: Client, gvk: GroupVersionKind, key: ObjectKey) -> Object | None:
        try:
            return await client.get(gvk, key.name, key.namespace)
        except NotFound:
            return None
        except NoMatch as error:
            raise SourceNotFound(f"source `{key.name}` kind '{gvk.kind}' not supported: {error}") from None
