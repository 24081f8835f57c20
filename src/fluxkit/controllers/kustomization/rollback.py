"""``fluxkit.dev/rollback: last-healthy``: which revision to go back to, what to keep for it, and how it is told.

A revision that fails its health checks is given up in the status before anything else happens, so that a process that
is killed goes on where it was: the same objects are not tried again until the source or the spec changes what they
would be. What passed its health checks is kept complete (:mod:`~.healthystore`) before the status
points to it, and what was kept before goes only afterwards.
"""

from collections.abc import Sequence

from fluxkit.api import Kustomization
from fluxkit.api.kustomize import HealthyRevision
from fluxkit.controllers.building.manifests import BuildInputs, Manifests
from fluxkit.controllers.failures import Held, StepFailed
from fluxkit.controllers.kustomization.attempt_status import AttemptStatus
from fluxkit.controllers.kustomization.findings import Finding, Findings
from fluxkit.controllers.kustomization.healthystore import HealthyStore, HealthyStoreError
from fluxkit.kube.errors import KubeError
from fluxkit.objects import Object
from fluxkit.runtime import conditions
from fluxkit.runtime.logging import Logger

__all__ = ["Rollback"]


class Rollback:
    """The side of one attempt that has to do with going back. ``wanted`` is whether the annotation asks for it."""

    def __init__(
        self, store: HealthyStore, status: AttemptStatus, findings: Findings, log: Logger, *, wanted: bool
    ) -> None:
        self._store = store
        self._status = status
        self._findings = findings
        self._log = log
        self._wanted = wanted and _checks_health(status.kustomization)

    @property
    def _kept(self) -> HealthyRevision | None:
        return self._status.kustomization.status.last_healthy

    def is_current(self, digest: str) -> bool:
        """Whether there is nothing to keep or to drop when the objects with this digest are applied and healthy."""
        kept = self._kept
        return kept is None if not self._wanted else kept is not None and kept.digest == digest

    def is_given_up(self, manifests: Manifests) -> bool:
        """Whether just these objects failed before, for this generation, and something better is kept."""
        kept = self._kept
        if not self._wanted or kept is None or kept.failed_digest != manifests.digest:
            return False
        return kept.failed_generation == self._status.kustomization.metadata.generation

    def is_possible(self, manifests: Manifests) -> bool:
        """Whether something else was healthy before."""
        return self._wanted and self._kept is not None and self._kept.digest != manifests.digest

    async def give_up(self, manifests: Manifests, problem: str) -> None:
        """The objects failed their health checks: from now on, and after a restart, the kept ones count."""
        kept = self._kept
        assert kept is not None
        kept.failed_digest = manifests.digest
        kept.failed_generation = self._status.kustomization.metadata.generation
        message = f"revision {self._status.revision} failed: {problem}; going back to {kept.revision}"
        conditions.mark_false(self._status.kustomization, conditions.READY, "RolledBack", message)
        self._findings.found(Finding.ROLLED_BACK, "RolledBack", message)
        self._log.error(message)
        await self._status.write()

    async def load(self) -> Manifests:
        """The objects to go back to. Raises :class:`StepFailed`."""
        kept = self._kept
        assert kept is not None
        try:
            objects = await self._store.load(self._status.kustomization, kept.content)
        except HealthyStoreError as error:
            problem = conditions.message_of(self._status.kustomization, Finding.ROLLED_BACK)
            raise StepFailed("RollbackFailed", f"{problem}, which is not possible: {error}") from error
        nothing: frozenset[str] = frozenset()
        return Manifests(objects, kept.digest, BuildInputs(nothing, nothing, nothing))

    def conclude(self) -> Held:
        """The kept objects are applied and healthy: how the attempt ends."""
        status, kept = self._status.kustomization.status, self._kept
        assert kept is not None
        status.last_applied_revision = kept.revision
        status.last_applied_origin_revision = kept.origin_revision
        message = conditions.message_of(self._status.kustomization, Finding.ROLLED_BACK)
        return Held("RolledBack", message or f"going back to {kept.revision}")

    def go_forward(self) -> None:
        """What the source has is applied again."""
        if self._kept is not None:
            self._kept.failed_digest, self._kept.failed_generation = "", 0
        self._findings.ended(
            Finding.ROLLED_BACK, f"revision {self._status.revision} is applied, no longer an earlier one"
        )

    async def keep(self, digest: str, objects: Sequence[Object] | None) -> None:
        """These objects are healthy at this revision; None are those that are kept already.

        Something that cannot be kept is told and does not fail what works.
        """
        kustomization, kept = self._status.kustomization, self._kept
        try:
            if not self._wanted:
                if kept is not None:
                    await self._store.drop(kustomization)
                    kustomization.status.last_healthy = None
                return
            content = kept.content if kept is not None else ""
            if objects is not None and (kept is None or kept.digest != digest):
                content = await self._store.keep(kustomization, objects)
            kustomization.status.last_healthy = HealthyRevision(
                revision=self._status.revision,
                origin_revision=self._status.origin_revision,
                digest=digest,
                content=content,
            )
            if kept is None or kept.content != content:
                await self._status.write()
                await self._store.drop(kustomization, but=content)
        except KubeError as error:
            self._log.error("unable to keep the healthy revision", error=error)
            self._findings.warn("RollbackUnavailable", f"unable to keep revision {self._status.revision}: {error}")


def _checks_health(kustomization: Kustomization) -> bool:
    return kustomization.spec.wait or bool(kustomization.spec.health_checks)
