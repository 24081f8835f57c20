"""What Flux's code writes when a source has a new revision, counted in its source.

fluxcd/kustomize-controller v1.9 ``internal/controller/kustomization_controller.go``, for a Kustomization that is ready
and has no health checks, and whose objects the new revision leaves as they are (``reconcile`` and ``finalizeStatus``):

- "Fetching manifests ...": ``patchStatusConditions`` sends one request;
- "Building manifests ..." with ``status.lastAttemptedRevision``: ``patchStatusConditions`` and ``patchStatus``, two;
- "Detecting drift ...": one;
- the end, with ``Ready``, ``status.lastAppliedRevision`` and history: two (fluxcd/pkg ``runtime/patch/patch.go`` Patch
  sends conditions and the rest of the status apart);
- ``ApplyAllStaged`` dry-runs every object (fluxcd/pkg ``ssa/manager_apply.go`` ApplyAll);
- "Reconciliation finished in ..." is one event.
"""

from dataclasses import dataclass

__all__ = ["Writes", "upstream_writes"]

_STATUS_PATCHES = 6


@dataclass(frozen=True, slots=True)
class Writes:
    """Requests to the API server that write or try to."""

    managed: float
    """Server-side applies of managed objects, dry runs included."""
    status: float
    events: float


def upstream_writes(*, kustomizations: int, objects: int, changed: int) -> Writes:
    """For ``kustomizations`` with ``objects`` in all, of which ``changed``, each of another Kustomization, differ."""
    return Writes(
        managed=float(objects + changed),
        status=float(_STATUS_PATCHES * kustomizations),
        events=float(kustomizations + changed),  # a Kustomization that applies something says what
    )
