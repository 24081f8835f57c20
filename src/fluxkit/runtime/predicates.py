"""Which changes of a watched object ask for a run.

Most changes do not: a controller's own status writes would wake it for ever. Upstream: controller-runtime
``pkg/predicate`` and fluxcd/pkg ``runtime/predicates``.
"""

from collections.abc import Callable

from fluxkit.kube import CacheEvent
from fluxkit.objects import annotations_of, metadata_of

__all__ = [
    "RECONCILE_REQUEST_ANNOTATION",
    "Predicate",
    "any_of",
    "deletion_started",
    "generation_changed",
    "reconcile_requested",
    "resource_version_changed",
    "spec_or_request",
]

RECONCILE_REQUEST_ANNOTATION = "reconcile.fluxcd.io/requestedAt"

Predicate = Callable[[CacheEvent], bool]
"""Decides about updates; creations and deletions pass in every predicate of this module."""


def generation_changed(event: CacheEvent) -> bool:
    if event.old is None or event.new is None:
        return True
    return bool(metadata_of(event.old).get("generation") != metadata_of(event.new).get("generation"))


def reconcile_requested(event: CacheEvent) -> bool:
    """The annotation appeared or has another value; its removal asks for nothing."""
    if event.old is None or event.new is None:
        return True
    requested = annotations_of(event.new).get(RECONCILE_REQUEST_ANNOTATION)
    return requested is not None and requested != annotations_of(event.old).get(RECONCILE_REQUEST_ANNOTATION)


def deletion_started(event: CacheEvent) -> bool:
    if event.old is None or event.new is None:
        return True
    return "deletionTimestamp" in metadata_of(event.new) and "deletionTimestamp" not in metadata_of(event.old)


def resource_version_changed(event: CacheEvent) -> bool:
    if event.old is None or event.new is None:
        return True
    return bool(metadata_of(event.old).get("resourceVersion") != metadata_of(event.new).get("resourceVersion"))


def any_of(*predicates: Predicate) -> Predicate:
    return lambda event: any(predicate(event) for predicate in predicates)


spec_or_request: Predicate = any_of(generation_changed, reconcile_requested, deletion_started)
"""The predicate of a controller's main watch: a new generation, a new reconcile request, or the start of deletion."""
