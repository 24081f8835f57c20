import asyncio
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from fluxkit.api import GitRepository
from fluxkit.kube import Client, ClusterConfig
from fluxkit.objects import GroupVersionKind
from fluxkit.runtime import EventRecorder
from fluxkit.runtime.events import ANNOTATION_PREFIX
from fluxkit.runtime.logging import setup
from fluxkit.timestamps import now, parse_time
from tests.runtime.conftest import SandboxServer
from tests.runtime.objects import git_repository
from tests.runtime.running import repository

EVENT = GroupVersionKind("", "v1", "Event")
DRAIN = 20.0


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the process logs, at level trace."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    setup("trace", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def no_pause(seconds: float) -> None:
    pauses.append(seconds)


pauses: list[float] = []


@pytest.fixture(autouse=True)
def forget_pauses() -> None:
    pauses.clear()


class Receiver:
    """A notification controller that answers as told and keeps what it got."""

    def __init__(self, *answers: int | Callable[[], Any]) -> None:
        self.answers = list(answers)
        self.bodies: list[dict[str, Any]] = []

    async def receive(self, request: web.Request) -> web.Response:
        assert request.headers["Content-Type"] == "application/json"
        self.bodies.append(await request.json())
        answer = self.answers.pop(0) if self.answers else 202
        if callable(answer):
            answer()
            answer = 202
        return web.Response(status=answer)


@asynccontextmanager
async def serving(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", receiver.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def events_in(client: Client, namespace: str) -> list[Any]:
    return sorted((await client.list(EVENT, namespace)).items, key=lambda each: str(each["metadata"]["name"]))


def ticking() -> Callable[[], datetime]:
    moment = datetime(2024, 5, 1, tzinfo=UTC)

    def tick() -> datetime:
        nonlocal moment
        moment += timedelta(seconds=1)
        return moment

    return tick


@pytest.mark.contract("RUN-054", "RUN-055")
async def test_events_are_stored_in_kubernetes(client: Client, namespace: str) -> None:
    obj = GitRepository.decode(await client.create(repository(namespace, "podinfo")))
    recorder = EventRecorder(client, "source-controller", now=ticking())
    recorder.info(obj, "NewArtifact", "stored artifact", {"source.toolkit.fluxcd.io/revision": "main@sha1:1"})
    recorder.warning(obj, "GitOperationFailed", "no such ref")
    recorder.trace(obj, "GarbageCollectionSucceeded", "removed 1 file")
    await recorder.drain(DRAIN)
    first, second, third = await events_in(client, namespace)
    assert [each["type"] for each in (first, second, third)] == ["Normal", "Warning", "Normal"]
    assert first["metadata"]["name"].startswith("podinfo.")
    assert int(first["metadata"]["name"].removeprefix("podinfo."), 16) == 1714521601 * 10**9
    assert first["metadata"]["annotations"] == {"source.toolkit.fluxcd.io/revision": "main@sha1:1"}
    assert first["involvedObject"] == {
        "kind": "GitRepository",
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "namespace": namespace,
        "name": "podinfo",
        "uid": obj.metadata.uid,
        "resourceVersion": obj.metadata.resource_version,
    }
    assert (first["reason"], first["message"], first["count"]) == ("NewArtifact", "stored artifact", 1)
    assert first["source"] == {"component": "source-controller"}
    assert first["reportingComponent"] == "source-controller"
    assert first["firstTimestamp"] == first["lastTimestamp"] == "2024-05-01T00:00:01Z"


async def test_a_repeated_event_is_counted_by_a_patch(client: Client, namespace: str) -> None:
    obj = git_repository(namespace=namespace)
    recorder = EventRecorder(client, "source-controller", now=ticking())
    for _ in range(3):
        recorder.warning(obj, "GitOperationFailed", "no such ref")
    await recorder.drain(DRAIN)
    (event,) = await events_in(client, namespace)
    assert event["count"] == 3
    assert (event["firstTimestamp"], event["lastTimestamp"]) == ("2024-05-01T00:00:01Z", "2024-05-01T00:00:03Z")

    # events expire; a repeat of one that is gone is written anew
    await client.delete(EVENT, event["metadata"]["name"], namespace)
    recorder.warning(obj, "GitOperationFailed", "no such ref")
    await recorder.drain(DRAIN)
    (event,) = await events_in(client, namespace)
    assert event["count"] == 4


@pytest.mark.contract("RUN-054", "RUN-055", "RUN-056", "KUS-331")
async def test_events_are_posted_to_the_events_address(client: Client, namespace: str) -> None:
    receiver = Receiver()
    raw = repository(namespace, "raw", uid="u-1", resourceVersion="5")
    async with serving(receiver) as url:
        recorder = EventRecorder(client, "source-controller", url, now=ticking())
        recorder.info(raw, "NewArtifact", "stored artifact", {"source.toolkit.fluxcd.io/revision": "main@sha1:1"})
        recorder.warning(raw, "GitOperationFailed", "x" * 40000)
        recorder.trace(raw, "GarbageCollectionSucceeded", "removed 1 file")
        await recorder.drain(DRAIN)
    assert receiver.bodies[0] == {
        "involvedObject": {
            "kind": "GitRepository",
            "namespace": namespace,
            "name": "raw",
            "uid": "u-1",
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "resourceVersion": "5",
        },
        "severity": "info",
        "timestamp": "2024-05-01T00:00:01Z",
        "message": "stored artifact",
        "reason": "NewArtifact",
        "metadata": {"source.toolkit.fluxcd.io/revision": "main@sha1:1"},
        "reportingController": "source-controller",
        "reportingInstance": socket.gethostname(),
    }
    assert [body["severity"] for body in receiver.bodies] == ["info", "error"], "traces are not posted"
    assert "metadata" not in receiver.bodies[1]
    assert len(receiver.bodies[1]["message"]) == 39000


@pytest.mark.contract("RUN-057")
async def test_annotations_of_the_object_override_the_controllers_metadata(client: Client, namespace: str) -> None:
    receiver = Receiver()
    annotations = {f"{ANNOTATION_PREFIX}summary": "user's", f"{ANNOTATION_PREFIX}team": "blue", "other/key": "ignored"}
    obj = git_repository(namespace=namespace, annotations=annotations)
    expected = {
        f"{ANNOTATION_PREFIX}summary": "user's",
        f"{ANNOTATION_PREFIX}team": "blue",
        "source.toolkit.fluxcd.io/revision": "main@sha1:1",
    }
    async with serving(receiver) as url:
        recorder = EventRecorder(client, "source-controller", url)
        given = {f"{ANNOTATION_PREFIX}summary": "controller's", "source.toolkit.fluxcd.io/revision": "main@sha1:1"}
        recorder.info(obj, "NewArtifact", "stored artifact", given)
        await recorder.drain(DRAIN)
    assert receiver.bodies[0]["metadata"] == expected
    (event,) = await events_in(client, namespace)
    assert event["metadata"]["annotations"] == expected


@pytest.mark.contract("RUN-060", "RUN-061", "KUS-331")
@pytest.mark.parametrize(
    ("answers", "attempts", "waits", "failed"),
    [
        pytest.param([500, 503], 3, [1.0, 2.0], False, id="server errors are retried"),
        pytest.param([502] * 5, 5, [1.0, 2.0, 4.0, 8.0], True, id="until the retries are used up"),
        pytest.param([429], 1, [], False, id="429 is a duplicate"),
        pytest.param([400], 1, [], False, id="what is refused would be refused again"),
    ],
)
async def test_delivery_is_retried(
    client: Client,
    namespace: str,
    log: io.StringIO,
    answers: list[int],
    attempts: int,
    waits: list[float],
    failed: bool,
) -> None:
    receiver = Receiver(*answers)
    async with serving(receiver) as url:
        recorder = EventRecorder(client, "source-controller", url, pause=no_pause)
        recorder.info(git_repository(namespace=namespace), "NewArtifact", "stored artifact")
        await recorder.drain(DRAIN)
    assert len(receiver.bodies) == attempts
    assert pauses == waits
    errors = [line for line in lines(log) if line["msg"] == "unable to record event"]
    assert len(errors) == failed
    if failed:
        assert errors[0]["name"] == "podinfo"
        assert "giving up after 5 attempt(s): unexpected HTTP status 502" in errors[0]["error"]


@pytest.mark.contract("RUN-061")
async def test_nobody_listening_is_logged_and_nothing_else(client: Client, namespace: str, log: io.StringIO) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        url = f"http://user:secret@127.0.0.1:{reserved.getsockname()[1]}/"
    recorder = EventRecorder(client, "source-controller", url, pause=no_pause)
    recorder.info(git_repository(namespace=namespace), "NewArtifact", "stored artifact")
    await recorder.drain(DRAIN)
    assert len(pauses) == 4
    (error,) = [line for line in lines(log) if line["msg"] == "unable to record event"]
    assert "giving up after 5 attempt(s)" in error["error"]
    assert "secret" not in log.getvalue()
    assert len(await events_in(client, namespace)) == 1


@pytest.mark.contract("RUN-061")
async def test_an_object_without_a_namespace_is_not_posted(client: Client, log: io.StringIO) -> None:
    receiver = Receiver()
    obj = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "uid": "u-node"}}
    async with serving(receiver) as url:
        recorder = EventRecorder(client, "source-controller", url)
        recorder.info(obj, "Reason", "about a node")
        await recorder.drain(DRAIN)
    assert receiver.bodies == []
    assert "failed to get object namespace" in log.getvalue()
    assert "about a node" in [each["message"] for each in await events_in(client, "default")]


@pytest.mark.contract("RUN-061")
async def test_a_server_that_is_down_delays_nobody_and_gets_the_event_later(
    own_sandbox: SandboxServer, log: io.StringIO
) -> None:
    async with Client(ClusterConfig.load(str(own_sandbox.kubeconfig))) as client:
        await client.mapping(EVENT)
        waiting = asyncio.Event()
        resume = asyncio.Event()

        async def pause(seconds: float) -> None:
            waiting.set()
            await resume.wait()

        recorder = EventRecorder(client, "source-controller", pause=pause)
        await asyncio.to_thread(own_sandbox.process.kill)
        recorder.info(git_repository(namespace="default"), "NewArtifact", "stored artifact")
        async with asyncio.timeout(DRAIN):
            await waiting.wait()
        await asyncio.to_thread(own_sandbox.process.start)
        resume.set()
        await recorder.drain(DRAIN)
        assert [each["message"] for each in await events_in(client, "default")] == ["stored artifact"]


async def test_refused_events_are_dropped(client: Client, log: io.StringIO) -> None:
    recorder = EventRecorder(client, "source-controller", pause=no_pause)
    recorder.info(git_repository(namespace="no-such-namespace"), "NewArtifact", "stored artifact")
    await recorder.drain(DRAIN)
    assert pauses == []
    assert "Server rejected event (will not retry!)" in log.getvalue()


async def test_a_backlog_that_cannot_be_delivered_does_not_hold_up_the_end(
    client: Client, namespace: str, log: io.StringIO
) -> None:
    receiver = Receiver(*[500] * 100)

    async def forever(seconds: float) -> None:
        await asyncio.Event().wait()

    async with serving(receiver) as url:
        recorder = EventRecorder(client, "source-controller", url, pause=forever)
        for number in range(1100):
            recorder.info(git_repository(namespace=namespace), "NewArtifact", f"stored artifact {number}")
        await recorder.drain(0.2)
    assert "too many queued events" in log.getvalue()
    assert "events were dropped at shutdown" in log.getvalue()


@pytest.mark.contract("RUN-062")
async def test_events_are_narrated_at_trace_level_only(client: Client, namespace: str, log: io.StringIO) -> None:
    recorder = EventRecorder(client, "source-controller")
    obj = git_repository(namespace=namespace)
    recorder.warning(obj, "GitOperationFailed", "no such ref", {"a": "b"})
    recorder.info(obj, "NewArtifact", "stored artifact")
    warned, told = (line for line in lines(log) if "annotations" in line)
    assert warned["level"] == "error"
    assert (warned["error"], warned["msg"], warned["annotations"]) == ("GitOperationFailed", "no such ref", {"a": "b"})
    assert (told["reason"], told["name"], told["namespace"]) == ("NewArtifact", "podinfo", namespace)
    assert told["reconciler kind"] == "GitRepository"
    setup("debug", stream=log)
    before = len(lines(log))
    recorder.info(obj, "NewArtifact", "stored artifact")
    assert not [line for line in lines(log)[before:] if "annotations" in line]
    await recorder.drain(DRAIN)


async def test_credentials_in_messages_are_masked(client: Client, namespace: str) -> None:
    recorder = EventRecorder(client, "source-controller")
    recorder.warning(git_repository(namespace=namespace), "Failed", "cannot clone https://bob:hunter2@example.com/a")
    await recorder.drain(DRAIN)
    (event,) = await events_in(client, namespace)
    assert event["message"] == "cannot clone https://*****@example.com/a"
    assert abs((now() - parse_time(event["firstTimestamp"])).total_seconds()) < 60


@pytest.mark.parametrize("address", ["notification-controller", "ftp://example.com/"])
def test_an_address_that_is_no_url_is_refused(client: Client, address: str) -> None:
    with pytest.raises(ValueError, match="is not an http or https URL"):
        EventRecorder(client, "source-controller", address)
