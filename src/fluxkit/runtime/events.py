"""Telling the world what a controller did: Kubernetes events and, if configured, the notification controller.

Each event goes to the core/v1 events API and by HTTP POST to the events address (fluxcd/pkg
``runtime/events/recorder.go``, client-go ``tools/record``). Recording returns at once: bounded queues in the background
do the writing, so that no API server and no receiver can delay or fail a reconcile. What does not fit or cannot be
delivered is logged and dropped.
"""

import asyncio
import random
import socket
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit
from zlib import crc32

import orjson

from fluxkit import timestamps
from fluxkit.api import ObjectMeta
from fluxkit.kube import Client, PatchKind, errors
from fluxkit.objects import GroupVersionKind, Object, annotations_of, gvk_of, metadata_of
from fluxkit.runtime.event_correlation import Correlated, EventCorrelator, event_name
from fluxkit.runtime.logging import Logger, get_logger, mask_credentials

if TYPE_CHECKING:
    import aiohttp

__all__ = ["ANNOTATION_PREFIX", "EventRecorder", "EventType", "InvolvedObject", "TypedObject"]

ANNOTATION_PREFIX = "event.toolkit.fluxcd.io/"
"""Annotations of an object under this prefix are added to its events, overriding what the controller says."""

EventType = Literal["Normal", "Warning", "Trace"]
_SEVERITIES: dict[EventType, str] = {"Normal": "info", "Warning": "error", "Trace": "trace"}

MAX_MESSAGE_LENGTH = 39000
_WORKERS = 4
_MAX_QUEUED = 1000
"""Events waiting per worker."""
_EVENT_GVK = GroupVersionKind("", "v1", "Event")
_MAX_NAME_LENGTH = 253

_API_ATTEMPTS = 12
_API_RETRY_DELAY = 10.0

_POST_TIMEOUT = 5.0
_POST_RETRIES = 4
_POST_WAIT_MIN = 1.0
_POST_WAIT_MAX = 30.0

Pause = Callable[[float], Awaitable[None]]


class TypedObject(Protocol):
    """A kind of :mod:`fluxkit.api`."""

    metadata: ObjectMeta

    @property
    def GVK(self) -> GroupVersionKind: ...  # noqa: N802 - the models' own name


@dataclass(frozen=True, slots=True)
class InvolvedObject:
    """The object that an event is about (``corev1.ObjectReference``)."""

    kind: str
    namespace: str
    name: str
    uid: str
    api_version: str
    resource_version: str

    def encode(self) -> dict[str, str]:
        parts = {
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "apiVersion": self.api_version,
            "resourceVersion": self.resource_version,
        }
        return {key: value for key, value in parts.items() if value}


@dataclass(frozen=True, slots=True)
class _Recorded:
    involved: InvolvedObject
    type: EventType
    reason: str
    message: str
    annotations: dict[str, str]
    moment: datetime


class EventRecorder:
    """Records events about objects in the name of a controller.

    ``controller`` is the reporting controller, for example ``kustomize-controller``. ``events_addr`` is an HTTP URL,
    empty for none; ``ValueError`` if it is not one. Background work starts with the first event and ends with
    :meth:`drain`. ``pause`` waits between delivery attempts.
    """

    def __init__(
        self,
        client: Client,
        controller: str,
        events_addr: str = "",
        *,
        pause: Pause = asyncio.sleep,
        now: Callable[[], datetime] = timestamps.now,
    ) -> None:
        if events_addr and urlsplit(events_addr).scheme not in ("http", "https"):
            raise ValueError(f"events address {events_addr!r} is not an http or https URL")
        self._controller = controller
        self._now = now
        self._log = get_logger(controller)
        self._sink = _APISink(client, controller, self._log, pause)
        self._webhook = _Webhook(events_addr, controller, self._log, pause) if events_addr else None

    def info(
        self, obj: TypedObject | Object, reason: str, message: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        """A change or a recovery: type Normal, severity info."""
        self.record(obj, "Normal", reason, message, metadata)

    def warning(
        self, obj: TypedObject | Object, reason: str, message: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        """A failed attempt: type Warning, severity error."""
        self.record(obj, "Warning", reason, message, metadata)

    def trace(
        self, obj: TypedObject | Object, reason: str, message: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        """A detail of a run: stored in Kubernetes as Normal, never posted."""
        self.record(obj, "Trace", reason, message, metadata)

    def record(
        self,
        obj: TypedObject | Object,
        type: EventType,
        reason: str,
        message: str,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Queues an event; ``metadata`` keys are given with their prefix, as they go into the event's annotations.

        Needs a running event loop. Never raises on account of the object, the server or the receiver.
        """
        involved, own = _reference(obj)
        annotations = dict(metadata or {})
        annotations.update((key, value) for key, value in own.items() if key.startswith(ANNOTATION_PREFIX))
        event = _Recorded(involved, type, reason, mask_credentials(message), annotations, self._now())
        self._narrate(event)
        self._sink.put(event)
        if self._webhook is not None and type != "Trace":
            self._webhook.put(event)

    async def drain(self, timeout: float) -> None:
        """Delivers what is queued, for at most ``timeout`` seconds, and ends the background work."""
        parts = [self._sink.drain(timeout)]
        if self._webhook is not None:
            parts.append(self._webhook.drain(timeout))
        await asyncio.gather(*parts)

    def _narrate(self, event: _Recorded) -> None:
        if not self._log.enabled("trace"):
            return
        log = self._log.bind(
            {
                "name": event.involved.name,
                "namespace": event.involved.namespace,
                "reconciler kind": event.involved.kind,
            }
        )
        if event.type == "Warning":
            log.error(event.message, {"annotations": event.annotations}, error=event.reason)
        else:
            log.info(event.message, {"reason": event.reason, "annotations": event.annotations})


def _reference(obj: TypedObject | Object) -> tuple[InvolvedObject, Mapping[str, str]]:
    if isinstance(obj, dict):
        gvk, meta = gvk_of(obj), metadata_of(obj)
        namespace, name, uid, version = (
            str(meta.get(key, "")) for key in ("namespace", "name", "uid", "resourceVersion")
        )
        return InvolvedObject(gvk.kind, namespace, name, uid, gvk.api_version, version), annotations_of(obj)
    typed = obj.metadata
    return (
        InvolvedObject(
            obj.GVK.kind, typed.namespace, typed.name, typed.uid, obj.GVK.api_version, typed.resource_version
        ),
        typed.annotations,
    )


class _Worker:
    """A bounded queue and the task that empties it, started when there is something to do."""

    def __init__(self, name: str, log: Logger, deliver: Callable[[_Recorded], Awaitable[None]]) -> None:
        self._name = name
        self._log = log
        self._deliver = deliver
        self._queue: asyncio.Queue[_Recorded] = asyncio.Queue(_MAX_QUEUED)
        self._task: asyncio.Task[None] | None = None

    def put(self, event: _Recorded) -> None:
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._log.error("unable to record event", {"reason": event.reason}, error="too many queued events")
            return
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name=self._name)

    async def drain(self, timeout: float) -> None:
        if self._task is None:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._queue.join()
        except TimeoutError:
            self._log.error("unable to record event", error=f"{self._queue.qsize()} events were dropped at shutdown")
        self._task.cancel()
        await asyncio.wait({self._task})
        self._task = None

    async def _work(self) -> None:
        while True:
            event = await self._queue.get()
            try:
                await self._deliver(event)
            except Exception as error:  # noqa: BLE001 - boundary: events never fail the process
                self._log.error("unable to record event", {"reason": event.reason}, error=error)
            finally:
                self._queue.task_done()


class _Workers:
    """Several workers, one for each object: its events stay in order, and few others wait for its retries."""

    def __init__(self, name: str, log: Logger, deliver: Callable[[_Recorded], Awaitable[None]]) -> None:
        self._workers = [_Worker(f"{name} {number}", log, deliver) for number in range(_WORKERS)]

    def put(self, event: _Recorded) -> None:
        involved = event.involved
        identity = f"{involved.kind}/{involved.namespace}/{involved.name}".encode()
        self._workers[crc32(identity) % len(self._workers)].put(event)

    async def drain(self, timeout: float) -> None:
        await asyncio.gather(*(worker.drain(timeout) for worker in self._workers))


class _APISink:
    """Writes events to the Kubernetes API."""

    def __init__(self, client: Client, controller: str, log: Logger, pause: Pause) -> None:
        self._client = client
        self._controller = controller
        self._pause = pause
        self._log = log
        self._correlator = EventCorrelator()
        self._workers = _Workers("kubernetes events", log, self._deliver)

    def put(self, event: _Recorded) -> None:
        self._workers.put(event)

    async def drain(self, timeout: float) -> None:
        await self._workers.drain(timeout)

    async def _deliver(self, recorded: _Recorded) -> None:
        correlated = self._correlator.correlate(self._event(recorded), recorded.moment)
        if correlated is None:
            return
        for attempt in range(_API_ATTEMPTS):
            if attempt:
                # the first wait is random so that many clients do not return in step after an outage
                await self._pause(_API_RETRY_DELAY * (random.random() if attempt == 1 else 1.0))
            try:
                self._correlator.written(correlated, await self._write(correlated))
                return
            except errors.APIError as error:
                self._log.debug("Server rejected event (will not retry!)", {"error": str(error)})
                return
            except errors.ConnectionFailed as error:
                failure = error
        raise failure

    async def _write(self, correlated: Correlated) -> Object:
        event = correlated.event
        if correlated.patch is not None:
            metadata = metadata_of(event)
            try:
                return await self._client.patch(
                    _EVENT_GVK,
                    metadata["name"],
                    metadata["namespace"],
                    patch=correlated.patch,
                    kind=PatchKind.STRATEGIC,
                )
            except errors.NotFound:
                pass  # events expire: what is repeated may be gone already
        return await self._client.create(event)

    def _event(self, recorded: _Recorded) -> Object:
        involved = recorded.involved
        stamp = timestamps.format_time(recorded.moment)
        name = event_name(involved.name, recorded.moment)
        metadata: dict[str, Any] = {
            "name": name if len(name) <= _MAX_NAME_LENGTH else str(uuid.uuid4()),
            "namespace": involved.namespace or "default",
        }
        if recorded.annotations:
            metadata["annotations"] = recorded.annotations
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": metadata,
            "involvedObject": involved.encode(),
            "type": "Normal" if recorded.type == "Trace" else recorded.type,
            "reason": recorded.reason,
            "message": recorded.message,
            "source": {"component": self._controller},
            "reportingComponent": self._controller,
            "reportingInstance": "",
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }


class _Webhook:
    """Posts events to the notification controller."""

    def __init__(self, url: str, controller: str, log: Logger, pause: Pause) -> None:
        self._url = url
        self._controller = controller
        self._host = socket.gethostname()
        self._log = log
        self._pause = pause
        self._session: aiohttp.ClientSession | None = None
        self._workers = _Workers("event webhook", log, self._deliver)

    def put(self, event: _Recorded) -> None:
        involved = event.involved
        missing = next((part for part in ("kind", "name", "namespace") if not getattr(involved, part)), None)
        if missing is not None:
            self._log.error("unable to record event", error=f"failed to get object {missing}")
            return
        self._workers.put(event)

    async def drain(self, timeout: float) -> None:
        await self._workers.drain(timeout)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _deliver(self, recorded: _Recorded) -> None:
        involved = recorded.involved
        event: dict[str, Any] = {
            "involvedObject": involved.encode(),
            "severity": _SEVERITIES[recorded.type],
            "timestamp": timestamps.format_time(recorded.moment),
            "message": recorded.message[:MAX_MESSAGE_LENGTH],
            "reason": recorded.reason,
            "reportingController": self._controller,
            "reportingInstance": self._host,
        }
        if recorded.annotations:
            event["metadata"] = recorded.annotations
        failure = await self._post(orjson.dumps(event))
        if failure:
            self._log.error(
                "unable to record event",
                {"name": involved.name, "namespace": involved.namespace, "reconciler kind": involved.kind},
                error=failure,
            )

    async def _post(self, body: bytes) -> str:
        """Delivers a body; returns why it could not be delivered, empty on success."""
        for attempt in range(_POST_RETRIES + 1):
            failure, retry_after = await self._attempt(body)
            if not failure:
                return ""
            if attempt < _POST_RETRIES:
                await self._pause(retry_after or min(_POST_WAIT_MAX, _POST_WAIT_MIN * 2.0**attempt))
        return f"POST {mask_credentials(self._url)} giving up after {_POST_RETRIES + 1} attempt(s): {failure}"

    async def _attempt(self, body: bytes) -> tuple[str, float]:
        """One POST: why it has to be repeated (empty: it need not), and the wait that the answer asks for."""
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_POST_TIMEOUT))
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(self._url, data=body, headers=headers) as response:
                # 429 means that the receiver has seen this event; other 4xx would be refused again
                if response.status < 500 or response.status == 501:
                    return "", 0.0
                wait = response.headers.get("Retry-After", "")
                delay = float(wait) if response.status == 503 and wait.isdecimal() else 0.0
                return f"unexpected HTTP status {response.status} {response.reason}", min(delay, _POST_WAIT_MAX)
        except TimeoutError:
            return f"no answer within {_POST_TIMEOUT:.0f}s", 0.0
        except aiohttp.ClientError as error:
            return str(error), 0.0
