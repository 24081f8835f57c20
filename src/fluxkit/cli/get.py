"""``flux get``: tables of objects and their status (fluxcd/flux2 cmd/flux/get*.go)."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from fluxkit.cli import progress, table
from fluxkit.cli.cluster import NOT_INSTALLED, Session, run
from fluxkit.cli.command import FluxCommand, FluxGroup, Lazy, option, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL
from fluxkit.cli.help import PREVIEW
from fluxkit.cli.kinds import KINDS, Kind, conditions_of, nested
from fluxkit.cli.settings import Settings
from fluxkit.objects import Object, key_of

__all__ = ["get"]


@dataclass(frozen=True, slots=True)
class View:
    """What to list and how to print it."""

    all_namespaces: bool = False
    no_header: bool = False
    watch: bool = False
    status_selector: str = ""
    label_selector: str = ""
    show_source: bool = False
    qualified: bool = False
    """Names are ``<kind>/<name>``, and kinds without objects are left out: the table is one of several."""

    def header(self, kind: Kind) -> list[str]:
        if self.no_header:
            return []
        columns = ["Name", *(["Source"] if self.show_source else []), *kind.columns]
        return ["Namespace", *columns] if self.all_namespaces else columns

    def row(self, kind: Kind, obj: Object) -> list[str]:
        key = key_of(obj)
        name = f"{kind.kind.lower()}/{key.name}" if self.qualified else key.name
        cells = [name, *([_source(obj)] if self.show_source else []), *kind.row(obj)]
        return [key.namespace, *cells] if self.all_namespaces else cells

    def selects(self, obj: Object) -> bool:
        """Whether the status selector (``type=status``, ``type!=status``) lets the object through."""
        if not self.status_selector:
            return True
        separator = "!=" if "!=" in self.status_selector else "="
        type_, given, status = self.status_selector.partition(separator)
        if not given:
            raise CommandError(
                "expected status selector in type=status or type!=status format, but found: " + self.status_selector
            )
        return _has_status(obj, type_, status) is (separator == "=")

    def render(self, kind: Kind, objects: Iterable[Object], *, header: bool = True) -> str:
        rows = [self.row(kind, obj) for obj in objects if self.selects(obj)]
        if self.qualified and not rows:
            return ""
        return table.render(self.header(kind) if header else [], rows)


def _source(obj: Object) -> str:
    reference = nested(obj, "spec", "sourceRef") or {}
    namespace = reference.get("namespace") or key_of(obj).namespace
    return f"{reference.get('kind', '')}/{namespace}/{reference.get('name', '')}"


def _has_status(obj: Object, type_: str, status: str) -> bool:
    found = [each for each in conditions_of(obj) if str(each.get("type", "")).lower() == type_.lower()]
    return bool(found) and str(found[-1].get("status", "")).lower() == status.lower()


async def _list(session: Session, kind: Kind, name: str | None, view: View) -> list[Object]:
    namespace = "" if view.all_namespaces else session.namespace
    listed = await session.client.list(
        kind.gvk,
        namespace,
        label_selector=view.label_selector,
        field_selector=f"metadata.name={name}" if name else "",
    )
    return sorted(listed.items, key=key_of)


async def _print_one(kind: Kind, name: str | None, view: View, session: Session) -> None:
    """The table of one kind."""
    if view.watch:
        await _print_changes(kind, name, view, session)
        return
    objects = await _list(session, kind, name, view)
    if not objects:
        where = "any" if view.all_namespaces else f'"{session.namespace}"'
        if name is None:
            raise CommandError(f"no {kind.kind} objects found in {where} namespace")
        from fluxkit.cli.lookup import similar_names

        raise CommandError(
            f"{kind.kind} object '{name}' not found in {where} namespace",
            advice=await similar_names(session, kind, name),
        )
    print(view.render(kind, objects), end="")


async def _print_changes(kind: Kind, name: str | None, view: View, session: Session) -> None:
    from fluxkit.cli.follow import changes

    session.awaiting = f"watching {kind.kind} objects"
    header = True
    async for batch in changes(
        session.client,
        kind.gvk,
        "" if view.all_namespaces else session.namespace,
        label_selector=view.label_selector,
        field_selector=f"metadata.name={name}" if name else "",
    ):
        shown = sorted((change.object for change in batch), key=key_of)
        if any(view.selects(obj) for obj in shown):
            print(view.render(kind, shown, header=header), end="", flush=True)
            header = False


async def _print_many(kinds: tuple[Kind, ...], view: View, session: Session) -> None:
    """The tables of all kinds that have objects; kinds that the cluster does not serve are silently left out."""
    import asyncio

    from fluxkit.kube import errors

    lists = await asyncio.gather(*(_list(session, kind, None, view) for kind in kinds), return_exceptions=True)
    served = False
    for kind, found in zip(kinds, lists, strict=True):
        if isinstance(found, errors.NoMatch):
            continue
        if isinstance(found, errors.APIError):
            progress.failure(str(found))
        elif isinstance(found, BaseException):
            raise found
        elif found and (text := view.render(kind, found)):
            print(text)
        served = True
    if not served:
        progress.warning("the cluster serves none of these kinds")
        progress.line(*NOT_INSTALLED)


PERSISTENT = [
    option(
        "-A",
        "--all-namespaces",
        type=BOOL,
        default=False,
        help="list the requested object(s) across all namespaces",
    ),
    option("--no-header", type=BOOL, default=False, help="skip the header when printing the results"),
    option(
        "-w",
        "--watch",
        type=BOOL,
        default=False,
        help="after listing/getting the requested object, watch for changes",
    ),
    option(
        "--status-selector",
        help="specify the status condition name and the desired state to filter the get result, e.g. ready=false or "
        "ready!=true",
    ),
    option("-l", "--label-selector", help="filter objects by label selector"),
]


def _kind_command(kind: Kind) -> click.Command:
    words = " ".join(kind.get_path)

    @click.pass_obj
    def callback(settings: Settings, /, name: str | None, **flags: Any) -> None:
        run(settings, partial(_print_one, kind, name, View(**flags)))

    if kind.verb_path in (("kustomization",), ("helmrelease",)):
        callback = switch("--show-source", help=f"show the source reference for each {kind.human}")(callback)
    params = [click.Argument(["name"], required=False), *reversed(callback.__dict__.get("__click_params__", []))]
    return FluxCommand(
        kind.get_path[-1],
        callback=callback,
        params=params,
        aliases=kind.get_aliases,
        usage="[name]",
        help=f"The get {words} command prints the statuses of the {kind.kind} objects.",
        examples=f"  # List all {kind.kind} objects and their status\n  flux get {words}\n\n"
        f"  # List those of all namespaces that are not ready\n  flux get {words} -A --status-selector ready=false",
        object_kind=kind,
    )


def _all_command(words: str, kinds: tuple[Kind, ...]) -> click.Command:
    @click.pass_obj
    def callback(settings: Settings, /, watch: bool, **flags: Any) -> None:
        if watch:
            raise CommandError("expected a single resource type, but found all")
        run(settings, partial(_print_many, kinds, View(qualified=True, **flags)))

    return FluxCommand(
        "all",
        callback=callback,
        help=f"The get {words} command prints the statuses of all resources.\n\n{PREVIEW}",
        examples=f"  # List all resources in a namespace\n  flux get {words} --namespace=flux-system\n\n"
        f"  # List all resources in all namespaces\n  flux get {words} --all-namespaces",
    )


def _entries(prefix: tuple[str, ...]) -> dict[str, Lazy]:
    """The kinds below a word, such as all sources below ``sources``."""
    return {
        kind.get_path[-1]: Lazy(partial(_kind_command, kind), f"Get {kind.kind} statuses", kind.get_aliases)
        for kind in KINDS
        if kind.get_path[:-1] == prefix
    }


def _group(word: str, alias: str, *, everything: bool = True) -> Lazy:
    kinds = tuple(kind for kind in KINDS if kind.get_path[0] == word)
    entries = _entries((word,))
    if everything:
        load = partial(_all_command, f"{word} all", kinds)
        entries = {"all": Lazy(load, f"Get all {alias} statuses"), **entries}
    text = f"The get {word} sub-commands print the statuses of the {word}."
    return Lazy(partial(FluxGroup, word, entries, help=text, aliases=(alias,)), f"Get {alias} statuses", (alias,))


_IN_GET_ALL = tuple(kind for kind in KINDS if kind.kind != "ArtifactGenerator")

get = FluxGroup(
    "get",
    {
        "all": Lazy(partial(_all_command, "all", _IN_GET_ALL), "Get all resources and statuses"),
        **_entries(()),
        "artifacts": _group("artifacts", "artifact", everything=False),
        "images": _group("images", "image"),
        "sources": _group("sources", "source"),
    },
    help="The get sub-commands print the statuses of Flux resources.",
    persistent=PERSISTENT,
)
