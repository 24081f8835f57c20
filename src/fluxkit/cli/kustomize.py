"""``flux kustomize build``: what ``kustomize build`` prints, without a cluster (:mod:`fluxkit.kustomize`).

Flags are kustomize's own (kubernetes-sigs/kustomize kustomize/commands/build).
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import click

from fluxkit.cli import progress
from fluxkit.cli.command import FluxCommand, FluxGroup, Lazy, flag, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import OneOf
from fluxkit.objects import Object, gvk_of, key_of

__all__ = ["kustomize"]

_RESTRICTORS = ("LoadRestrictionsRootOnly", "LoadRestrictionsNone")
_REORDERS: Mapping[str, Literal["none", "legacy", "unspecified"]] = {
    "none": "none",
    "legacy": "legacy",
    "unspecified": "unspecified",
}


@click.command(
    "build",
    cls=FluxCommand,
    help="Build a set of KRM resources using a 'kustomization.yaml' file.\nDIR is a path to a directory containing "
    "'kustomization.yaml', the current directory by default.",
    examples="""
  # Build the current working directory
  flux kustomize build

  # Build some shared configuration directory
  flux kustomize build apps/production
""",
    usage="DIR",
)
@click.argument("directory", required=False)
@flag("-o", "--output", help="if specified, write output to this path")
@flag(
    "--load-restrictor",
    default="LoadRestrictionsRootOnly",
    type=OneOf(_RESTRICTORS, "illegal flag value {value}; legal values: {choices}"),
    help="if set to 'LoadRestrictionsNone', local kustomizations may load files from outside their root",
)
@flag(
    "--reorder",
    default="unspecified",
    type=OneOf(tuple(_REORDERS), "illegal flag value {value}; legal values: {choices}"),
    help="reorder the resources just before output: 'legacy' sorts namespaces and definitions first, 'none' does not",
)
@switch("--enable-managedby-label", help="add the label app.kubernetes.io/managed-by to all objects")
@switch("--enable-helm", help="not supported: charts are not inflated")
def build(
    directory: str | None,
    output: str,
    load_restrictor: str,
    reorder: str,
    enable_managedby_label: bool,
    enable_helm: bool,
) -> None:
    if enable_helm:
        raise CommandError("--enable-helm is not supported: fluxkit does not inflate charts in kustomizations")
    from fluxkit import kustomize as engine
    from fluxkit.controllers.bases import RemoteBases

    with tempfile.TemporaryDirectory(prefix="kustomize-") as scratch:
        options = engine.BuildOptions(
            load_restrictor="none" if load_restrictor == "LoadRestrictionsNone" else "rootOnly",
            reorder=_REORDERS[reorder],
            schema="replace",
            allow_remote=True,
            fetcher=RemoteBases(Path(scratch), environment=os.environ),
            add_managed_by_label=enable_managedby_label,
        )
        try:
            result = engine.build(directory or ".", options)
        except engine.KustomizeError as error:
            raise CommandError(str(error)) from error
    for warning in result.warnings:
        progress.line(warning)
    target = Path(output) if output else None
    if target is None:
        print(result.text, end="")
        return
    try:
        if target.is_dir():
            _write_each(target, list(result))
        else:
            target.write_text(result.text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {error.filename}: {error.strerror}") from error


def _write_each(directory: Path, objects: list[Object]) -> None:
    """One file for each object, named after its kind and name, and its namespace if there are several."""
    from fluxkit import yaml

    several = len({key_of(obj).namespace for obj in objects}) > 1
    for obj in objects:
        gvk, key = gvk_of(obj), key_of(obj)
        parts = [key.namespace if several else "", gvk.group, gvk.version, gvk.kind, key.name]
        name = "_".join(filter(None, parts)).lower() + ".yaml"
        (directory / name.replace("/", "_")).write_text(yaml.dump(obj), encoding="utf-8")


kustomize = FluxGroup(
    "kustomize",
    {"build": Lazy(lambda: build, "Build a kustomization target from a directory")},
    help="The kustomize sub-commands work on directories with a kustomization.yaml, as the kustomize tool does.",
)
