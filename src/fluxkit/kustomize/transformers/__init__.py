"""The built-in transformers, one module each, none of which knows of another.

A transformer is an object with ``transform(resources)`` that changes a :class:`~fluxkit.kustomize.resmap.ResMap` in
place and raises :class:`~fluxkit.kustomize.errors.KustomizeError` (kustomize api ``internal/builtins``).
"""

from typing import Protocol

from fluxkit.kustomize.resmap import ResMap

__all__ = ["Transformer"]


class Transformer(Protocol):
    """Changes resources in place."""

    def transform(self, resources: ResMap) -> None: ...
