"""Who else wants the objects that a Kustomization has or no longer has.

An object that moves from one Kustomization to another in one commit must survive, whoever reconciles first. The labels
of the live object settle it once the new owner has applied it. Until then the question is what the others want: of one
that is up to date its inventory tells; one of the same repository that has not got to the revision yet, or fails at it,
is asked by building it at that revision, if its files mention the object at all. So it does not matter whether the new
owner is suspended, waits for its dependencies, fails, or runs in another shard, and a restart loses nothing. One that
cannot be built may want anything that its files mention.

Nobody may keep alive what it could not apply: a claim counts only with the right to patch the object. Only
Kustomizations of the same cluster count. Upstream looks at the labels alone, and deletes what its new owner has yet to
apply.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from fluxkit.api import Artifact, DecodeError, Kustomization
from fluxkit.apply import Inventory, InventoryError
from fluxkit.apply.inventory import encode_id
from fluxkit.controllers.building.builder import Builder
from fluxkit.controllers.building.inputs import TreeIndexes, fingerprint
from fluxkit.controllers.failures import StepFailed
from fluxkit.controllers.kustomization.findings import Finding
from fluxkit.controllers.kustomization.memory import MemoryStore
from fluxkit.controllers.kustomization.mentions import mentioned
from fluxkit.controllers.kustomization.triggers import BY_OBJECT, BY_SOURCE
from fluxkit.controllers.sources import AccessDenied, SourceNotFound, SourceReader, source_key
from fluxkit.controllers.targets import TargetError, Targets
from fluxkit.kube import WatchCache
from fluxkit.kube.errors import KubeError, NoMatch
from fluxkit.objects import GroupVersionKind, Object, ObjectKey, ObjectRef, key_of, metadata_of, ref_of
from fluxkit.runtime import conditions
from fluxkit.source import ArtifactFetcher, ArtifactNotFound, SourceError, UnpackedTree

__all__ = ["Claims", "Verdict"]

Identity = tuple[str, str, str, str]

_REVIEW = GroupVersionKind("authorization.k8s.io", "v1", "SelfSubjectAccessReview")


@dataclass(slots=True)
class Verdict:
    """Who claims which object, and who may claim some but cannot be asked, with the problem.

    ``outdated`` says that the source has moved on, so that nobody was asked.
    """

    claimed: dict[Identity, ObjectKey] = field(default_factory=dict)
    unclear: dict[Identity, tuple[ObjectKey, str]] = field(default_factory=dict)
    outdated: bool = False


class Claims:
    """Answers from the shared watch cache, and by building where that does not tell."""

    def __init__(
        self,
        kustomizations: Callable[[], WatchCache],
        repositories: Callable[[], WatchCache],
        sources: SourceReader,
        fetcher: ArtifactFetcher,
        builder: Builder,
        targets: Targets,
        memories: MemoryStore,
        indexes: TreeIndexes,
    ) -> None:
        self._kustomizations = kustomizations
        self._repositories = repositories
        self._sources = sources
        self._fetcher = fetcher
        self._builder = builder
        self._targets = targets
        self._memories = memories
        self._indexes = indexes

    async def on(self, owner: Kustomization, refs: Sequence[ObjectRef], at: Artifact | None = None) -> Verdict:
        """What others say to objects that ``owner`` has no more use for. Raises :class:`TargetError`.

        The current artifact of the owner's source is what the others are asked at; without one, only inventories count.
        If it is another one than ``at``, nothing can be said: objects may have moved there and back again.
        """
        verdict = Verdict()
        cluster = await self._targets.cluster_of(owner)
        artifact, behind = await self._behind(owner)
        if at is not None and (artifact is None or artifact.digest != at.digest):
            verdict.outdated = True
            return verdict
        others = [other for other in behind if await self._is_on(other, cluster)]
        if artifact is not None and others:
            await self._ask_all(others, artifact, refs, verdict)
        asked = {other.key for other in others}
        for ref in refs:
            for other in self._holders(ref, owner):
                if ref.identity in verdict.claimed or other.key in asked or not await self._is_on(other, cluster):
                    continue
                await self._note(other, [ref], verdict)
        return verdict

    async def rivals(self, owner: Kustomization, refs: Iterable[ObjectRef]) -> dict[Identity, ObjectKey]:
        """Others that are up to date, want some of these objects as well, and so undo what the owner applies."""
        found: dict[Identity, ObjectKey] = {}
        for ref in refs:
            for other in self._holders(ref, owner):
                # what it has not pruned yet, it does not want
                pending = conditions.has(other, Finding.PRUNE_PENDING)
                if other.spec.suspend or pending or not await self._is_up_to_date(other):
                    continue
                with suppress(TargetError, KubeError):
                    # an inventory may say anything: without the right to apply the object it is no claim
                    on_same_cluster = await self._is_on(other, await self._targets.cluster_of(owner))
                    if on_same_cluster and await self._permitted(other, [ref]):
                        found.setdefault(ref.identity, other.key)
        return found

    # --- candidates ---

    def _holders(self, ref: ObjectRef, owner: Kustomization) -> Iterable[Kustomization]:
        """The others that have the object in their inventory."""
        for obj in self._kustomizations().index(BY_OBJECT, encode_id(ref)):
            # before decoding: asked about a thousand objects, the owner would be decoded a thousand times
            other = _decoded(obj) if key_of(obj) != owner.key else None
            if other is not None:
                yield other

    async def _behind(self, owner: Kustomization) -> tuple[Artifact | None, list[Kustomization]]:
        """The artifact of the owner's source, and the others of its repository that have not got to it.

        A source that has not got to the revision will: what it will have is what the owner's source has.
        """
        kind, key = source_key(owner)
        try:
            artifact = (await self._sources.read(owner)).artifact
        except (AccessDenied, SourceNotFound, KubeError):
            artifact = None
        if artifact is None:
            return None, []
        sources = (key, *self._same_repository(kind, key))
        objects = [obj for each in sources for obj in self._kustomizations().index(BY_SOURCE, f"{kind}/{each}")]
        # hundreds may refer to one source
        decoded = await asyncio.to_thread(lambda: [_decoded(obj) for obj in objects if key_of(obj) != owner.key])
        found = [other for other in decoded if other is not None]
        return artifact, [other for other in found if not await self._is_up_to_date(other, artifact.revision)]

    def _same_repository(self, kind: str, key: ObjectKey) -> list[ObjectKey]:
        """Other GitRepositories with the same address and reference."""
        own = self._repositories().get(key.namespace, key.name) if kind == "GitRepository" else None
        if own is None:
            return []
        wanted = _place(own)
        found = (ref_of(obj).key for obj in self._repositories().list() if _place(obj) == wanted)
        return [each for each in found if each != key]

    async def _is_up_to_date(self, other: Kustomization, revision: str = "") -> bool:
        """Whether it succeeded at its generation and its source's revision, so that its inventory is what it wants."""
        if not conditions.is_ready(other) or other.status.observed_generation != other.metadata.generation:
            return False
        if not revision:
            try:
                artifact = (await self._sources.read(other)).artifact
            except (AccessDenied, SourceNotFound, KubeError):
                return False
            revision = artifact.revision if artifact is not None else ""
        return other.status.last_applied_revision == revision

    async def _is_on(self, other: Kustomization, cluster: str) -> bool:
        try:
            return await self._targets.cluster_of(other) == cluster
        except TargetError:
            return False

    # --- asking ---

    async def _ask_all(
        self, others: Sequence[Kustomization], artifact: Artifact, refs: Sequence[ObjectRef], verdict: Verdict
    ) -> None:
        """What others want at a revision that they have not applied."""
        try:
            tree = await self._fetcher.fetch(artifact)
        except (ArtifactNotFound, SourceError) as error:
            for other in others:
                await self._doubt(other, refs, str(error), verdict)
            return
        with tree:
            possible = await asyncio.to_thread(mentioned, tree.path, list(tree.files), refs, others)
            for other in others:
                left = [ref for ref in possible if ref.identity not in verdict.claimed]
                if not left:
                    return
                await self._ask(other, tree, left, verdict)

    async def _ask(self, other: Kustomization, tree: UnpackedTree, refs: Sequence[ObjectRef], verdict: Verdict) -> None:
        """Builds another Kustomization to see which of the objects it wants."""
        try:
            wanted = await self._wants(other, tree)
        except StepFailed as failure:
            possible = await asyncio.to_thread(mentioned, tree.path, list(tree.files), refs, [other])
            await self._doubt(other, possible, str(failure), verdict)
            return
        await self._note(other, [ref for ref in refs if ref.identity in wanted], verdict)

    async def _doubt(self, other: Kustomization, refs: Sequence[ObjectRef], problem: str, verdict: Verdict) -> None:
        for ref in await self._permitted(other, refs):
            verdict.unclear.setdefault(ref.identity, (other.key, problem))

    async def _wants(self, other: Kustomization, tree: UnpackedTree) -> set[Identity]:
        build = await self._builder.prepare(other, await self._builder.resolve_path(other, tree))
        record = self._memories.of(other.key, other.metadata.uid).build
        index = self._indexes.of(tree.digest, tree.files)
        if (
            record is not None
            and record.request == build.request
            and record.fingerprint == fingerprint(record.inputs, index)
        ):
            return {ref.identity for ref in _inventory(other)}
        # what went back to an earlier revision still lives by that
        back = conditions.has(other, Finding.ROLLED_BACK)
        wanted: set[Identity] = {ref.identity for ref in _inventory(other)} if back else set()
        for obj in (await self._builder.run(build, tree)).objects:
            group, kind, namespace, name = ref_of(obj).identity
            # an object of the cluster may carry a namespace in Git; its inventory entry does not
            wanted |= {(group, kind, namespace, name), (group, kind, "", name)}
        return wanted

    async def _note(self, other: Kustomization, refs: Sequence[ObjectRef], verdict: Verdict) -> None:
        for ref in await self._permitted(other, refs):
            verdict.claimed.setdefault(ref.identity, other.key)

    async def _permitted(self, other: Kustomization, refs: Sequence[ObjectRef]) -> list[ObjectRef]:
        """Those that the other may apply: with the controller's own rights all, else what a review allows."""
        if not refs or not self._targets.account_of(other):
            return list(refs)
        allowed: list[ObjectRef] = []
        async with self._targets.open(other) as target:
            for ref in refs:
                try:
                    mapping = await target.client.mapping(ref.gvk)
                except NoMatch:
                    continue
                attributes = {
                    "verb": "patch",
                    "group": ref.gvk.group,
                    "resource": mapping.plural,
                    "namespace": ref.namespace,
                    "name": ref.name,
                }
                review: Object = {
                    "apiVersion": _REVIEW.api_version,
                    "kind": _REVIEW.kind,
                    "spec": {"resourceAttributes": attributes},
                }
                answer = await target.client.create(review)
                if (answer.get("status") or {}).get("allowed") is True:
                    allowed.append(ref)
        return allowed


def _decoded(obj: Object) -> Kustomization | None:
    """The Kustomization, None if it cannot be read or is on its way out and wants nothing any more."""
    if "deletionTimestamp" in metadata_of(obj):
        return None
    try:
        return Kustomization.decode(obj)
    except DecodeError:
        return None


def _inventory(kustomization: Kustomization) -> Inventory:
    stored = kustomization.status.inventory
    try:
        return Inventory.from_status({"id": entry.id, "v": entry.v} for entry in (stored.entries if stored else ()))
    except InventoryError:
        return Inventory()


def _place(repository: Object) -> tuple[object, object]:
    spec = repository.get("spec") or {}
    return spec.get("url"), spec.get("ref")
