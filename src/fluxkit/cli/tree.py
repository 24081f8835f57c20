"""``flux tree``: what a Kustomization applied, and what that applied in turn (fluxcd/flux2 cmd/flux/tree_*.go)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import click

from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import FluxCommand, FluxGroup, Lazy, flag, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.help import PREVIEW
from fluxkit.cli.kinds import BY_KIND, nested
from fluxkit.cli.settings import Settings
from fluxkit.objects import GroupKind, Object

__all__ = ["Node", "tree"]

KUSTOMIZATION = BY_KIND["Kustomization"]
HELM_RELEASE = BY_KIND["HelmRelease"]
FLUX_GROUPS = "toolkit.fluxcd.io"


@dataclass(slots=True)
class Node:
    """An object and those below it."""

    namespace: str
    name: str
    group_kind: GroupKind
    children: list["Node"] = field(default_factory=list)

    @property
    def label(self) -> str:
        return "/".join(filter(None, (self.group_kind.kind, self.namespace, self.name)))

    def lines(self) -> Iterator[str]:
        """The drawing, one line for each node."""
        yield self.label
        for index, child in enumerate(self.children):
            last = index == len(self.children) - 1
            first, *rest = child.lines()
            yield ("└── " if last else "├── ") + first
            for line in rest:
                yield ("    " if last else "│   ") + line

    def document(self) -> dict[str, Any]:
        """The shape of ``-o json`` and ``-o yaml``."""
        resource: dict[str, Any] = {
            "Namespace": self.namespace,
            "Name": self.name,
            "GroupKind": {"Group": self.group_kind.group, "Kind": self.group_kind.kind},
        }
        if not self.children:
            return {"resource": resource}
        return {"resource": resource, "resources": [child.document() for child in self.children]}


@click.command(
    "kustomization",
    cls=FluxCommand,
    help=f"The tree command prints the resource list reconciled by a Kustomization.\n\n{PREVIEW}",
    examples="""
  # Print the resources managed by the root Kustomization
  flux tree kustomization flux-system

  # Print the Flux resources managed by the root Kustomization
  flux tree kustomization flux-system --compact
""",
    aliases=("ks",),
    usage="[name]",
    object_kind=KUSTOMIZATION,
)
@click.argument("name", required=False)
@switch("--compact", help="list Flux resources only")
@flag("-o", "--output", help="the format in which the tree should be printed. can be 'json' or 'yaml'")
@click.pass_obj
def kustomization(settings: Settings, /, name: str | None, compact: bool, output: str) -> None:
    if not name:
        raise CommandError("kustomization name is required")
    run(settings, partial(_print, name, compact, output))


async def _print(name: str, compact: bool, output: str, session: Session) -> None:
    from fluxkit.cli.lookup import get_named

    obj = await get_named(session, KUSTOMIZATION, name)
    root = Node(session.namespace, name, KUSTOMIZATION.gvk.group_kind)
    await _grow(root, obj, compact, session, {(root.namespace, root.name)})
    if output == "json":
        print(json.dumps(root.document(), indent=2))
    elif output == "yaml":
        from fluxkit import yaml

        print(yaml.dump(root.document()))
    else:
        print("\n".join(root.lines()) + "\n")


async def _grow(node: Node, obj: Object, compact: bool, session: Session, above: set[tuple[str, str]]) -> None:
    """Add what the Kustomization's inventory lists; ``above`` are the Kustomizations on the way to the root.

    A Kustomization that applies to another cluster hides what is below its children: they are not objects of this one.
    """
    from fluxkit.apply.inventory import InventoryError, parse_id

    remote = bool(nested(obj, "spec", "kubeConfig"))
    for entry in nested(obj, "status", "inventory", "entries") or []:
        try:
            ref = parse_id(str(entry.get("id", "")), str(entry.get("v", "")))
        except InventoryError as error:
            raise CommandError(f"{node.label}: {error}") from error
        group_kind = ref.gvk.group_kind
        if compact and FLUX_GROUPS not in group_kind.group:
            continue
        is_kustomization = group_kind == KUSTOMIZATION.gvk.group_kind
        if is_kustomization and (ref.namespace, ref.name) == (node.namespace, node.name):
            continue
        child = Node(ref.namespace, ref.name, group_kind)
        node.children.append(child)
        if is_kustomization and not remote and (ref.namespace, ref.name) not in above:
            found = await _find(session, child)
            await _grow(child, found, compact, session, above | {(ref.namespace, ref.name)})
        elif group_kind == HELM_RELEASE.gvk.group_kind and not remote:
            from fluxkit.cli.helmstorage import release_objects

            found = await session.client.get(HELM_RELEASE.gvk, child.name, child.namespace)
            for below in await release_objects(session.client, found):
                if not compact or FLUX_GROUPS in below.gvk.group:
                    child.children.append(Node(below.namespace, below.name, below.gvk.group_kind))


async def _find(session: Session, node: Node) -> Object:
    from fluxkit.kube import errors

    try:
        return await session.client.get(KUSTOMIZATION.gvk, node.name, node.namespace)
    except errors.NotFound as error:
        raise CommandError(f"failed to find object: {error}") from error


tree = FluxGroup(
    "tree",
    {"kustomization": Lazy(lambda: kustomization, "Print the resource inventory of a Kustomization", ("ks",))},
    help=f"The tree command shows the resources reconciled by Flux.\n\n{PREVIEW}",
)
