"""The built-in generators: objects with ``generate()`` that returns resources."""

from typing import Protocol

from fluxkit.kustomize.resource import Resource

__all__ = ["Generator"]


class Generator(Protocol):
    """Makes resources. Raises :class:`~fluxkit.kustomize.errors.KustomizeError`."""

    def generate(self) -> list[Resource]: ...
