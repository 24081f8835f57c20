"""Logs of containers that do not run: when each started, what its Pod has it say, and how it ended.

Follows kubernetes/kubernetes ``pkg/registry/core/pod/strategy.go`` (LogLocation) and ``pkg/kubelet/kubelet_pods.go``
(validateContainerLogStatus).
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from fluxkit.objects import Object, annotations_of
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.http.envelope import headers
from fluxkit.sandbox.http.exchange import Exchange, flag, respond
from fluxkit.sandbox.http.request import RequestInfo
from fluxkit.sandbox.registry import Registry
from fluxkit.sandbox.status import bad_request
from fluxkit.timestamps import now, parse_time

__all__ = ["LOG", "read"]

LOG = "sandbox.fluxkit.dev/log"
"""Annotation of a Pod or its template: the lines that its containers print when they start."""

_Line = tuple[str, str]
"""When (RFC 3339), and what."""

_FOLLOW_SECONDS = 4 * 3600.0
"""As long as a kubelet keeps a stream open without traffic."""


async def read(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.StreamResponse:
    query = exchange.query
    record = registry.get(resource, info.namespace, info.name)
    await registry.store.durable(record.revision)
    pod = record.view()
    container = _container(pod, query.get("container", ""))
    previous = flag(query, "previous")
    _check_started(pod, container, previous)
    if not flag(query, "follow") or previous:
        text = _shown(_lines(pod, container, previous=previous), query)
        return respond(text, content_type="text/plain")
    return await _follow(registry, resource, info, exchange, container)


def _container(pod: Object, wanted: str) -> str:
    spec = pod["spec"]
    members = ("containers", "initContainers", "ephemeralContainers")
    names = [each["name"] for member in members for each in spec.get(member) or ()]
    name = pod["metadata"]["name"]
    if wanted:
        if wanted not in names:
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    own = [each["name"] for each in spec.get("containers") or ()]
    if len(own) == 1:
        return str(own[0])
    others = [each["name"] for each in spec.get("initContainers") or ()]
    choice = f"choose one of: [{' '.join(own)}]"
    if others:
        choice += f" or one of the init containers: [{' '.join(others)}]"
    raise bad_request(f"a container name must be specified for pod {name}, {choice}")


def _status(pod: Object, container: str) -> Mapping[str, Any]:
    status = pod.get("status") or {}
    for member in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for each in status.get(member) or ():
            if each.get("name") == container:
                found: Mapping[str, Any] = each
                return found
    return {}


def _check_started(pod: Object, container: str, previous: bool) -> None:
    """Raises BadRequest for a container that has nothing to say yet."""
    name = pod["metadata"]["name"]
    status = _status(pod, container)
    ended = "terminated" in (status.get("lastState") or {})
    if previous:
        if not ended:
            raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
        return
    if not pod["spec"].get("nodeName"):
        raise bad_request(f"pod {name} does not have a host assigned")
    state = status.get("state") or {}
    if ended or "running" in state or "terminated" in state:
        return
    head = f'container "{container}" in pod "{name}" is waiting to start'
    reason = (state.get("waiting") or {}).get("reason", "")
    if reason in ("ErrImagePull", "ImagePullBackOff"):
        reason = "trying and failing to pull image" if reason == "ImagePullBackOff" else "image can't be pulled"
    raise bad_request(f"{head}: {reason}" if reason else f"{head} - no logs yet")


def _lines(pod: Object, container: str, *, previous: bool = False) -> list[_Line]:
    status = _status(pod, container)
    last, current = status.get("lastState") or {}, status.get("state") or {}
    if previous or not ("running" in current or "terminated" in current):
        current = last
    out: list[_Line] = []
    started = (current.get("running") or current.get("terminated") or {}).get("startedAt", "")
    if started:
        out.append((started, f"sandbox: {status.get('image')} is simulated as running"))
        out += [(started, line) for line in annotations_of(pod).get(LOG, "").splitlines()]
    ended = current.get("terminated")
    if ended:
        out.append((ended.get("finishedAt", ""), f"sandbox: exited with status {ended.get('exitCode')}"))
    return out


def _shown(lines: list[_Line], query: Mapping[str, str]) -> bytes:
    """Lines as the options of a query ask for them; raises BadRequest."""
    since = query.get("sinceTime", "")
    try:
        if query.get("sinceSeconds"):
            moment = now() - timedelta(seconds=int(query["sinceSeconds"]))
            lines = [each for each in lines if parse_time(each[0]) >= moment]
        elif since:
            lines = [each for each in lines if parse_time(each[0]) >= parse_time(since)]
        tail = int(query["tailLines"]) if query.get("tailLines") else -1
        limit = int(query["limitBytes"]) if query.get("limitBytes") else -1
    except ValueError as error:
        raise bad_request(f"unable to decode query as PodLogOptions: {error}") from error
    if tail >= 0:
        lines = lines[len(lines) - tail :] if tail < len(lines) else lines
        lines = lines if tail else []
    stamped = flag(query, "timestamps")
    text = "".join(f"{moment} {line}\n" if stamped else f"{line}\n" for moment, line in lines).encode()
    return text if limit < 0 else text[:limit]


async def _follow(
    registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange, container: str
) -> web.StreamResponse:
    """Prints lines as they come, until the container has ended or its Pod is gone."""
    store = registry.store
    record = registry.get(resource, info.namespace, info.name)
    watcher = store.watch(resource.key, info.namespace, record.revision)
    response = web.StreamResponse(headers={"Content-Type": "text/plain", **headers(exchange.request)})
    response.enable_chunked_encoding()
    until = asyncio.get_running_loop().time() + _FOLLOW_SECONDS
    try:
        await response.prepare(exchange.request)
        pod = record.view()
        told = len(_lines(pod, container))
        first = _shown(_lines(pod, container), exchange.query)
        if first:
            await response.write(first)
        while "terminated" not in (_status(pod, container).get("state") or {}) and not watcher.closed:
            if not await watcher.wait(until):
                break
            gone = False
            while watcher.changes:
                change = watcher.changes.popleft()
                if change.record.key == record.key:
                    pod, gone = change.record.view(), change.deleted
            lines = _lines(pod, container)
            if len(lines) > told:
                stamped = {"timestamps": exchange.query.get("timestamps", "")}
                await response.write(_shown(lines[told:], stamped))
                told = len(lines)
            if gone:
                break
    except (ConnectionResetError, ConnectionAbortedError):
        return response
    finally:
        store.unwatch(watcher)
    return response
