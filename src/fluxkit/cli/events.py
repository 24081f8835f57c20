"""``flux events``: Kubernetes events of Flux objects (fluxcd/flux2 cmd/flux/events.go)."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast

import click

from fluxkit.cli import progress, table
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import FluxCommand, flag, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import SLICE
from fluxkit.cli.help import PREVIEW
from fluxkit.cli.kinds import BY_KIND, nested
from fluxkit.cli.settings import Settings
from fluxkit.objects import GroupVersionKind, Object
from fluxkit.timestamps import now, parse_time

__all__ = ["events", "human_duration", "last_seen"]

EVENT = GroupVersionKind("", "v1", "Event")

# An ExternalArtifact has no controller that would tell about it.
EVENT_KINDS = {kind.lower(): kind for kind in BY_KIND if kind != "ExternalArtifact"}


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an object names the one that it depends on; an empty ``kind`` is read from the reference."""

    path: tuple[str, ...]
    kind: str = ""
    cross_namespace: bool = True


REFERENCES = {
    "Kustomization": Reference(("spec", "sourceRef")),
    "HelmRelease": Reference(("spec", "chart", "spec", "sourceRef")),
    "Alert": Reference(("spec", "providerRef"), "Provider", cross_namespace=False),
    "ImagePolicy": Reference(("spec", "imageRepositoryRef"), "ImageRepository"),
    "HelmChart": Reference(("spec", "sourceRef")),
}


@dataclass(frozen=True, slots=True)
class Query:
    """Events of one object or kind; an empty namespace is all of them, an empty kind all Flux kinds."""

    namespace: str
    kind: str = ""
    name: str = ""

    @property
    def field_selector(self) -> str:
        selectors = [f"involvedObject.kind={self.kind}"] if self.kind else []
        selectors += [f"involvedObject.name={self.name}"] if self.name else []
        return ",".join(selectors)


@click.command(
    "events",
    cls=FluxCommand,
    help=f"The events sub-command shows Kubernetes events from Flux resources.\n\n{PREVIEW}",
    examples="""
  # Display events for flux resources in default namespace
  flux events -n default

  # Display events for flux resources in all namespaces
  flux events -A

  # Display events for a Kustomization named podinfo
  flux events --for Kustomization/podinfo

  # Display warning events of all Kustomizations
  flux events --for Kustomization --types warning
""",
)
@switch("-A", "--all-namespaces", help="display events from Flux resources across all namespaces")
@switch("-w", "--watch", help="indicate if the events should be streamed")
@flag("--for", "for_selector", help="get events for a particular object, in the format <kind>[/<name>]")
@flag("--types", type=SLICE, help="filter events for certain types (valid types are: Normal, Warning)")
@click.pass_obj
def events(settings: Settings, /, all_namespaces: bool, watch: bool, for_selector: str, types: tuple[str, ...]) -> None:
    for type_ in types:
        if type_.lower() not in ("normal", "warning"):
            raise CommandError(f"type '{type_}' not supported. Supported types are Normal, Warning")
    kind, name = _selected(for_selector)
    query = Query("" if all_namespaces else settings.namespace, kind, name)
    wanted = tuple(type_.lower() for type_ in types)
    run(settings, partial(_watch if watch else _print, query, wanted))


def _selected(selector: str) -> tuple[str, str]:
    if not selector:
        return "", ""
    kind, _, name = selector.partition("/") if selector.count("/") == 1 else (selector, "", "")
    if not kind:
        raise CommandError("--for selector must be of format <kind>[/<name>]")
    if kind.lower() not in EVENT_KINDS:
        raise CommandError(f"'{kind}' is not a recognized Flux kind")
    return EVENT_KINDS[kind.lower()], name


async def _queries(query: Query, session: Session) -> list[Query]:
    """The query itself, and those for the objects that the named object depends on."""
    if query.kind not in REFERENCES or not query.name:
        return [query]
    from fluxkit.cli.lookup import get_named

    reference = REFERENCES[query.kind]
    obj = await get_named(session, BY_KIND[query.kind], query.name)
    target = nested(obj, *reference.path) or {}
    kind = reference.kind or target.get("kind")
    if not kind or not target.get("name"):
        if query.kind == "HelmRelease" and nested(obj, "spec", "chartRef"):
            target, kind = nested(obj, "spec", "chartRef"), nested(obj, "spec", "chartRef", "kind")
        else:
            field = ".".join((*reference.path, "name" if kind else "kind"))
            raise CommandError(f"field '{field}' for '{session.namespace}/{query.name}' not found")
    namespace = (target.get("namespace") if reference.cross_namespace else "") or session.namespace
    queries = [query, Query(namespace, kind, target["name"])]
    if query.kind == "HelmRelease":
        queries.append(Query(namespace, "HelmChart", f"{session.namespace}-{query.name}"))
    return queries


def _shows_namespace(queries: Sequence[Query]) -> bool:
    return not queries[0].namespace or any(query.namespace != queries[0].namespace for query in queries)


async def _print(query: Query, types: tuple[str, ...], session: Session) -> None:
    queries = await _queries(query, session)
    lists = await asyncio.gather(
        *(session.client.list(EVENT, each.namespace, field_selector=each.field_selector) for each in queries)
    )
    found = [event for listed in lists for event in listed.items if _is_wanted(event, types)]
    if not found:
        where = f" in {session.namespace} namespace" if query.namespace else ""
        progress.failure(f"No events found{where}.")
        return
    found.sort(key=_sort_time)
    with_namespace = _shows_namespace(queries)
    print(table.render(_header(with_namespace), [_row(event, with_namespace) for event in found]), end="")


async def _watch(query: Query, types: tuple[str, ...], session: Session) -> None:
    """Rows as events arrive, until the deadline, which is no error here."""
    queries = await _queries(query, session)
    with_namespace = _shows_namespace(queries)
    arrived: asyncio.Queue[Object] = asyncio.Queue()

    async def follow(each: Query) -> None:
        from fluxkit.cli.follow import changes

        stream = changes(session.client, EVENT, each.namespace, field_selector=each.field_selector)
        async with aclosing(cast("Any", stream)) as batches:
            async for batch in batches:
                shown = [change.object for change in batch if not change.deleted and _is_wanted(change.object, types)]
                for event in sorted(shown, key=_sort_time):
                    arrived.put_nowait(event)

    async def show() -> None:
        header = _header(with_namespace)
        while True:
            rows = [_row(await arrived.get(), with_namespace)]
            while not arrived.empty():
                rows.append(_row(arrived.get_nowait(), with_namespace))
            print(table.render(header, rows), end="", flush=True)
            header = []

    session.endless = True
    try:
        async with asyncio.TaskGroup() as tasks:
            for each in queries:
                tasks.create_task(follow(each))
            tasks.create_task(show())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def _is_wanted(event: Object, types: tuple[str, ...]) -> bool:
    if str(nested(event, "involvedObject", "kind") or "").lower() not in EVENT_KINDS:
        return False
    return not types or str(event.get("type", "")).lower() in types


def _header(with_namespace: bool) -> list[str]:
    columns = ["Last seen", "Type", "Reason", "Object", "Message"]
    return ["Namespace", *columns] if with_namespace else columns


def _row(event: Object, with_namespace: bool) -> list[str]:
    involved = event.get("involvedObject") or {}
    row = [
        last_seen(event, now()),
        str(event.get("type") or ""),
        str(event.get("reason") or ""),
        f"{involved.get('kind', '')}/{involved.get('name', '')}",
        str(event.get("message") or ""),
    ]
    return [str(nested(event, "metadata", "namespace") or ""), *row] if with_namespace else row


def _time(value: Any) -> datetime | None:
    return parse_time(value) if isinstance(value, str) and value else None


def _sort_time(event: Object) -> datetime:
    moment = (
        _time(nested(event, "series", "lastObservedTime"))
        or _time(event.get("lastTimestamp"))
        or _time(event.get("eventTime"))
    )
    return moment or datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def last_seen(event: Object, at: datetime) -> str:
    """``5m``, or ``5m (x3 over 10m)`` for an event that happened several times."""
    first = _since(event.get("eventTime") or event.get("firstTimestamp"), at)
    series = event.get("series")
    if isinstance(series, dict):
        return f"{_since(series.get('lastObservedTime'), at)} (x{series.get('count', 0)} over {first})"
    count = event.get("count") or 0
    if count > 1:
        return f"{_since(event.get('lastTimestamp'), at)} (x{count} over {first})"
    return first


def _since(value: Any, at: datetime) -> str:
    moment = _time(value)
    return human_duration((at - moment).total_seconds()) if moment else "<unknown>"


def human_duration(seconds: float) -> str:
    """Two units at most, the second only while it matters (kubernetes/apimachinery pkg/util/duration)."""
    whole = int(seconds)
    if seconds <= -2:
        return "<invalid>"
    if whole < 0:
        return "0s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    years = days // 365
    if years < 8:
        return f"{years}y{days % 365}d" if days % 365 else f"{years}y"
    return f"{years}y"
