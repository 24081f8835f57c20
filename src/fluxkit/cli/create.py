"""``flux create``: what all of its sub-commands share (fluxcd/flux2 cmd/flux/create.go)."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from fluxkit.cli import progress
from fluxkit.cli.command import FluxCommand, FluxGroup, Lazy, lazy, option
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL, DURATION, SLICE
from fluxkit.objects import GroupVersionKind, Object, gvk_of, key_of

if TYPE_CHECKING:
    from fluxkit.cli.cluster import Session

__all__ = ["CreateCommand", "create", "manifest", "parse_labels", "upsert"]

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]){0,61}[a-z0-9]")
_LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class CreateCommand(FluxCommand):
    """A command whose first argument is the name of the object to create."""

    checks_namespace = False

    def invoke(self, ctx: click.Context) -> Any:
        name = ctx.params.get("name")
        if not name:
            raise CommandError("name is required")
        if not _NAME.fullmatch(name):
            raise CommandError(
                f"name '{name}' is invalid, it should adhere to standard defined in RFC 1123, the name can only "
                "contain alphanumeric characters or '-'"
            )
        return super().invoke(ctx)


def parse_labels(labels: Sequence[str]) -> dict[str, str]:
    """``key=value`` texts, checked by the rules for labels (kubernetes/apimachinery pkg/util/validation)."""
    result: dict[str, str] = {}
    for label in labels:
        parts = label.split("=")
        if len(parts) != 2:
            raise CommandError(f"invalid label format '{label}', must be key=value")
        key, value = parts
        prefix, slash, name = key.rpartition("/")
        if slash and (len(prefix) > 253 or not _LABEL_PREFIX.fullmatch(prefix)):
            raise CommandError(f"invalid label '{key}': the prefix must be a lower-case DNS subdomain")
        if len(name) > 63 or not _LABEL_NAME.fullmatch(name):
            raise CommandError(
                f"invalid label '{key}': the name must be at most 63 alphanumeric characters, '-', '_' or '.', and "
                "must start and end with an alphanumeric character"
            )
        if value and (len(value) > 63 or not _LABEL_NAME.fullmatch(value)):
            raise CommandError(
                f"invalid label value '{value}': must be at most 63 alphanumeric characters, '-', '_' or '.', and "
                "must start and end with an alphanumeric character"
            )
        result[key] = value
    return result


def manifest(gvk: GroupVersionKind, name: str, namespace: str, labels: dict[str, str], spec: dict[str, Any]) -> Object:
    """An object as ``--export`` prints it: parts of the spec that are None or empty are left out."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = labels
    return {
        "apiVersion": gvk.api_version,
        "kind": gvk.kind,
        "metadata": metadata,
        "spec": {key: value for key, value in spec.items() if value is False or value not in (None, "", [], {})},
    }


async def upsert(session: "Session", obj: Object, what: str) -> None:
    """Create the object, or replace labels and spec of the one there is; annotations are kept."""
    from fluxkit.kube import errors

    key = key_of(obj)
    try:
        existing = await session.client.get(gvk_of(obj), key.name, key.namespace)
    except errors.NotFound:
        await session.client.create(obj)
        progress.success(f"{what} created")
        return
    metadata = {name: value for name, value in existing["metadata"].items() if name != "labels"}
    if labels := obj["metadata"].get("labels"):
        metadata["labels"] = labels
    await session.client.replace({**existing, "metadata": metadata, "spec": obj["spec"]})
    progress.success(f"{what} updated")


def _source_group() -> click.Command:
    return FluxGroup(
        "source",
        {"git": lazy("create_source_git", "git", "Create or update a GitRepository source")},
        help="The create source sub-commands generate sources.",
        persistent=[
            option(
                "--fetch-timeout",
                type=DURATION,
                default=0.0,
                help="set a timeout for fetch operations performed by source-controller (e.g. 'git clone')",
            ),
        ],
    )


def _secret_group() -> click.Command:
    return FluxGroup(
        "secret",
        {"sops": lazy("create_secret_sops", "sops", "Create a Kubernetes secret, or print it encrypted with SOPS")},
        help="The create secret sub-commands generate Kubernetes secrets.",
    )


create = FluxGroup(
    "create",
    {
        "kustomization": lazy(
            "create_kustomization", "kustomization", "Create or update a Kustomization resource", "ks"
        ),
        "secret": Lazy(_secret_group, "Create or update Kubernetes secrets"),
        "source": Lazy(_source_group, "Create or update sources"),
    },
    help="The create sub-commands generate sources and resources.",
    persistent=[
        option("--interval", type=DURATION, default=60.0, help="source sync interval"),
        option("--export", type=BOOL, default=False, help="export in YAML format to stdout"),
        option(
            "--label",
            type=SLICE,
            help="set labels on the resource (can specify multiple labels with commas: label1=value1,label2=value2)",
        ),
    ],
)
