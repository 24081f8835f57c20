"""The finalizer that keeps an object until its controller has cleaned up."""

from typing import Protocol

from fluxkit.api import ObjectMeta

__all__ = ["FINALIZER", "add", "has", "remove"]

FINALIZER = "finalizers.fluxcd.io"


class _HasMetadata(Protocol):
    metadata: ObjectMeta


def has(obj: _HasMetadata) -> bool:
    return FINALIZER in obj.metadata.finalizers


def add(obj: _HasMetadata) -> bool:
    """Adds the finalizer; tells whether that changed the object."""
    if has(obj):
        return False
    obj.metadata.finalizers = [*obj.metadata.finalizers, FINALIZER]
    return True


def remove(obj: _HasMetadata) -> bool:
    """Removes the finalizer; tells whether that changed the object."""
    if not has(obj):
        return False
    obj.metadata.finalizers = [name for name in obj.metadata.finalizers if name != FINALIZER]
    return True
