"""``flux export``: objects as manifests, without status and what the server added (fluxcd/flux2 export*.go)."""

from functools import partial
from typing import Any

import click

from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import option
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL
from fluxkit.cli.kinds import KINDS, Kind, nested
from fluxkit.cli.settings import Settings
from fluxkit.cli.verbs import verb_group
from fluxkit.objects import GroupVersionKind, Object, annotations_of, key_of, labels_of

__all__ = ["export", "manifest_text"]

SECRET = GroupVersionKind("", "v1", "Secret")


def manifest_text(obj: Object) -> str:
    """One YAML document with its separator, without a line break at its end."""
    from fluxkit import yaml

    return "---\n" + yaml.dump(obj).strip()


def _export(settings: Settings, kind: Kind, name: str | None, all: bool, with_credentials: bool = False) -> None:
    if not name and not all:
        raise CommandError("name is required")
    run(settings, partial(_print, kind, None if all else name, with_credentials))


async def _print(kind: Kind, name: str | None, with_credentials: bool, session: Session) -> None:
    if name is not None:
        from fluxkit.cli.lookup import get_named

        objects = [await get_named(session, kind, name)]
    else:
        listed = await session.client.list(kind.gvk, session.namespace)
        objects = sorted(listed.items, key=key_of)
        if not objects:
            raise CommandError(f"no objects found in {session.namespace} namespace")
    for obj in objects:
        print(manifest_text(_exported(kind, obj)))
        if with_credentials:
            # Upstream stops after the first object of --all that has a Secret; all of them are meant.
            await _print_secret(session, obj)


def _exported(kind: Kind, obj: Object) -> Object:
    from fluxkit.api import canonical_spec, model_of

    metadata: dict[str, Any] = {"name": key_of(obj).name, "namespace": key_of(obj).namespace}
    if labels := labels_of(obj):
        metadata["labels"] = labels
    if annotations := annotations_of(obj):
        metadata["annotations"] = annotations
    spec = obj.get("spec") or {}
    model = model_of(kind.gvk)
    return {
        "apiVersion": kind.gvk.api_version,
        "kind": kind.kind,
        "metadata": metadata,
        "spec": canonical_spec(model, spec) if model else spec,
    }


async def _print_secret(session: Session, obj: Object) -> None:
    from fluxkit.kube import errors

    name = nested(obj, "spec", "secretRef", "name")
    if not name:
        return
    try:
        secret = await session.client.get(SECRET, name, session.namespace)
    except errors.APIError as error:
        raise CommandError(f"failed to retrieve secret {name}, error: {error}") from error
    exported: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": session.namespace},
    }
    for field in ("data", "type"):
        if field in secret:
            exported[field] = secret[field]
    print(manifest_text(exported))


def _flags(kind: Kind) -> list[click.Option]:
    if kind.verb_path[0] != "source":
        return []
    return [option("--with-credentials", type=BOOL, default=False, help="include credential secrets")]


export = verb_group(
    "export",
    _export,
    (kind.kind for kind in KINDS),
    summary="Export {kind} objects in YAML format",
    help="The export sub-commands export resources in YAML format.",
    example="Export all {kind} objects\n  flux export {words} --all > objects.yaml",
    persistent=[option("--all", type=BOOL, default=False, help="select all resources")],
    flags=_flags,
)
