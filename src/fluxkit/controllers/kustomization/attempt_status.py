"""What one attempt writes into the status of its Kustomization: steps, inventory, history, success."""

import time
from collections.abc import Iterable

from fluxkit import timestamps
from fluxkit.api import Artifact, Kustomization
from fluxkit.api.meta import ResourceInventory, ResourceRef
from fluxkit.apply import Inventory, InventoryError
from fluxkit.controllers.failures import StepFailed
from fluxkit.controllers.history import upsert_snapshot
from fluxkit.controllers.report import StatusReport
from fluxkit.controllers.timing import effective_timeout
from fluxkit.durations import format_duration
from fluxkit.objects import ObjectRef
from fluxkit.runtime import conditions

__all__ = ["AttemptStatus", "elapsed"]


class AttemptStatus:
    """The status of ``kustomization`` while ``artifact`` is being applied. ``timeout`` is in seconds."""

    def __init__(
        self, kustomization: Kustomization, artifact: Artifact, origin_revision: str, report: StatusReport
    ) -> None:
        self.kustomization = kustomization
        self.revision = artifact.revision
        self.timeout = effective_timeout(kustomization)
        self.new_revision = self.revision != kustomization.status.last_applied_revision
        self.origin_revision = origin_revision
        self._report = report
        self._started = time.monotonic()

    def begin(self) -> None:
        """Ready is open until the attempt has ended."""
        conditions.mark_unknown(self.kustomization, conditions.READY, "Progressing", "Reconciliation in progress")
        self.step("Fetching manifests")

    def step(self, what: str) -> str:
        """Names the step that begins, and returns the message that tells of it."""
        message = f"{what} for revision {self.revision} with a timeout of {format_duration(self.timeout)}"
        conditions.mark_reconciling(self.kustomization, "Progressing", message)
        self._report.progress()
        return message

    async def write(self) -> None:
        """Writes the status at once, because what follows must not happen before it is recorded."""
        await self._report.now()

    def inventory(self) -> Inventory:
        """The inventory as it is now. Raises :class:`StepFailed` if it cannot be read."""
        stored = self.kustomization.status.inventory
        try:
            return Inventory.from_status({"id": entry.id, "v": entry.v} for entry in (stored.entries if stored else ()))
        except InventoryError as error:
            raise StepFailed("ReconciliationFailed", str(error)) from error

    def set_inventory(self, refs: Iterable[ObjectRef]) -> None:
        entries = [ResourceRef(id=entry["id"], v=entry["v"]) for entry in Inventory(refs).encode()]
        self.kustomization.status.inventory = ResourceInventory(entries=entries)

    def record(self, digest: str, outcome: str, *, revision: str = "", origin_revision: str = "") -> None:
        """Adds the outcome to the history; ``digest`` is that of the built objects, at this revision by default."""
        metadata = {"revision": revision or self.revision}
        if origin := origin_revision if revision else self.origin_revision:
            metadata["originRevision"] = origin
        upsert_snapshot(
            self.kustomization.status.history,
            digest=digest,
            status=outcome,
            moment=timestamps.now(),
            seconds=elapsed(self._started),
            metadata=metadata,
        )

    def succeed(self, digest: str) -> None:
        status = self.kustomization.status
        status.last_applied_revision = self.revision
        status.last_applied_origin_revision = self.origin_revision
        message = f"Applied revision: {self.revision}"
        conditions.mark_true(self.kustomization, conditions.READY, "ReconciliationSucceeded", message)
        self.record(digest, "ReconciliationSucceeded")


def elapsed(started: float) -> float:
    """Seconds since a moment of the monotonic clock, to the microsecond."""
    return round(time.monotonic() - started, 6)
