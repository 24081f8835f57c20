"""What the checkers of the conformance kits call: fluxkit's engines behind the kits' plain functions."""

from collections.abc import Mapping
from typing import Any

from fluxkit.cli.krmfunctions import Processes
from fluxkit.kustomize import BuildOptions, build
from tests.conformance.adapters_gotemplate import gotemplate
from tests.conformance.adapters_helm import charts, helm_template
from tests.conformance.adapters_semver import semver
from tests.conformance.adapters_sprig import sprig

__all__ = ["charts", "gotemplate", "helm_template", "kustomize", "kustomize_pinned", "semver", "sprig"]


def kustomize(path: str, options: Mapping[str, Any] | None = None) -> str:
    """``kustomize build`` with a case's options, at the level of the kit's snapshot of kustomize."""
    return _build(path, options, "next")


def kustomize_pinned(path: str, options: Mapping[str, Any] | None = None) -> str:
    """As :func:`kustomize`, at the level of the release that Flux pins."""
    return _build(path, options, "v5.8.1")


def _build(path: str, options: Mapping[str, Any] | None, level: Any) -> str:
    given = options or {}
    return build(
        path,
        BuildOptions(
            load_restrictor=given.get("load_restrictor", "rootOnly"),
            reorder=given.get("reorder", "none"),
            schema="replace",
            level=level,
            add_managed_by_label=given.get("add_managedby_label", False),
            enable_plugins=given.get("enable_plugins", False),
            enable_exec=given.get("enable_exec", False),
            functions=Processes(),
        ),
    ).text
