"""Load on the sandbox's API server, beside a kube-apiserver with etcd where their binaries are given.

Both get one core; rates are also told per second of CPU that the server itself used, which is what remains comparable
on a busy machine.
"""

import asyncio
import copy
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from benchmarks import control_plane
from benchmarks.control_plane import Server
from benchmarks.load import Request, Session, run, watching
from benchmarks.report import Figure, announce, show

__all__ = ["sandbox"]

_CONNECTIONS = 16
_OBJECTS = 10_000
_WATCHERS = 100
_REST_SECONDS = 0.5
_CHANGES = 200
_ROLLOUTS = 200
_APPLY = "application/apply-patch+yaml"


def deployment(name: str, image: str = "nginx:1.27", replicas: int = 0) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name}
    if replicas:
        labels["rolled"] = "yes"
    container = {
        "name": "web",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": f"SETTING_{number}", "value": str(number)} for number in range(5)],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": "default", "containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def _applies(count: int, prefix: str, **more: Any) -> Iterator[Request]:
    for number in range(count):
        name = f"{prefix}-{number:04}"
        path = f"/apis/apps/v1/namespaces/default/deployments/{name}?fieldManager=kustomize-controller&force=true"
        yield Request("PATCH", path, orjson.dumps(deployment(name, **more)), _APPLY)


def _config_maps(count: int, namespace: str) -> Iterator[Request]:
    for number in range(count):
        body = {"metadata": {"name": f"settings-{number:05}"}, "data": {f"key-{n}": "value " * 10 for n in range(5)}}
        yield Request("POST", f"/api/v1/namespaces/{namespace}/configmaps", orjson.dumps(body))


def _repeated(request: Request, count: int) -> Iterator[Request]:
    for _ in range(count):
        yield copy.copy(request)


_Measured = dict[str, tuple[float, str]]


async def _rates(server: Server, name: str, requests: Iterator[Request], connections: int = _CONNECTIONS) -> _Measured:
    before = server.cpu_seconds()
    answers = await run(server.address, requests, connections)
    # What the requests set in motion (rollouts, in the sandbox) is a part of what they cost.
    await _settled(server)
    used = server.cpu_seconds() - before
    if answers.refused:
        raise RuntimeError(
            f"{server.name}: {name}: {answers.refused} of {len(answers.latencies)} requests were refused"
        )
    return {
        f"{name}": (answers.rate, "/s"),
        f"{name}: per CPU second of the server": (len(answers.latencies) / used if used else 0.0, "/s"),
        f"{name}: p50": (answers.percentile(0.5), "ms"),
        f"{name}: p99": (answers.percentile(0.99), "ms"),
    }


async def _settled(server: Server) -> None:
    """Until the server has done next to nothing for a while."""
    before = -1.0
    while (now := server.cpu_seconds()) - before > _REST_SECONDS / 20:
        before = now
        await asyncio.sleep(_REST_SECONDS)


async def _watch_latency(server: Server) -> _Measured:
    """From sending a change to its arrival at each of a hundred watchers, one change at a time."""
    path = "/api/v1/namespaces/watched/configmaps"
    latencies: list[float] = []
    async with Session.open(server.address) as session:
        await session.ask(Request("POST", path, orjson.dumps({"metadata": {"name": "seen"}})))
        async with watching(server.address, f"{path}?watch=true&resourceVersion=0", _WATCHERS) as arrivals:
            initial = len(orjson.loads(await session.ask(Request("GET", path)))["items"])
            await arrivals.take(_WATCHERS * initial)
            for turn in range(_CHANGES):
                body = orjson.dumps({"data": {"turn": str(turn)}})
                started = time.perf_counter()
                await session.ask(Request("PATCH", f"{path}/seen", body, "application/merge-patch+json"))
                latencies += [moment - started for moment in await arrivals.take(_WATCHERS)]
    latencies.sort()
    return {
        f"events to {_WATCHERS} watchers: p50 from request to arrival": (1000 * latencies[len(latencies) // 2], "ms"),
        f"events to {_WATCHERS} watchers: p99 from request to arrival": (
            1000 * latencies[len(latencies) * 99 // 100],
            "ms",
        ),
    }


async def _measure(server: Server) -> _Measured:
    found: _Measured = {}
    spaces = ("thousand", "many", "watched")
    made = (Request("POST", "/api/v1/namespaces", orjson.dumps({"metadata": {"name": name}})) for name in spaces)
    await run(server.address, made, 1)
    await run(server.address, _config_maps(1000, "thousand"), _CONNECTIONS)
    await run(server.address, _applies(50, "warm"), _CONNECTIONS)
    one = Request("GET", "/api/v1/namespaces/thousand/configmaps/settings-00500")
    found |= await _rates(server, "get", _repeated(one, 5000))
    everything = Request("GET", "/api/v1/namespaces/thousand/configmaps")
    found |= await _rates(server, "list of 1,000", _repeated(everything, 200), 4)
    found |= await _rates(server, "apply of a Deployment: create", _applies(1000, "web"))
    found |= await _rates(server, "apply of a Deployment: no change", _applies(1000, "web"))
    found |= await _rates(server, "apply of a Deployment: change", _applies(1000, "web", image="nginx:1.28"))
    found |= await _watch_latency(server)
    await run(server.address, _config_maps(_OBJECTS, "many"), _CONNECTIONS)
    found[f"memory with {_OBJECTS:,} more objects"] = (server.memory(), "MiB")
    before, started = server.cpu_seconds(), time.perf_counter()
    await asyncio.sleep(10)
    found["CPU of the idle server"] = (100 * (server.cpu_seconds() - before) / (time.perf_counter() - started), "%")
    return found


async def sandbox() -> None:
    """Requests per second and latencies of the API server."""
    announce(f"the sandbox's API server on one core, {_CONNECTIONS} connections over TLS")
    with tempfile.TemporaryDirectory(prefix="fluxkit-bench-") as directory:
        with control_plane.sandbox(Path(directory)) as server:
            ours = await _measure(server)
            connected = await _rollouts(server)
        started = time.perf_counter()
        with control_plane.sandbox(Path(directory)) as server:
            restart, cpu = time.perf_counter() - started, server.cpu_seconds()
            memory = server.memory()
    theirs: _Measured = {}
    binaries = control_plane.peer_binaries()
    if binaries is not None:
        with control_plane.peer(*binaries) as server:
            theirs = await _measure(server)
    for what, (value, unit) in ours.items():
        if what in theirs:
            show(Figure(what, value, unit, "kube-apiserver and etcd", theirs[what][0]))
        else:
            show(Figure(what, value, unit))
    show(
        Figure("200 Deployments of 2 replicas, applied to all available", connected, "s"),
        Figure(f"start with more than {_OBJECTS:,} objects", restart, "s", "target", 2.0),
        Figure("CPU of that start", cpu, "s"),
        Figure("memory after that start", memory, "MiB", "target", 200.0),
    )


async def _rollouts(server: Server) -> float:
    """Seconds from the first apply until every Deployment is available."""
    path = "/apis/apps/v1/namespaces/default/deployments?labelSelector=rolled%3Dyes"
    started = time.perf_counter()
    await run(server.address, _applies(_ROLLOUTS, "rolled", replicas=2), _CONNECTIONS)
    async with Session.open(server.address) as session:
        while True:
            items = orjson.loads(await session.ask(Request("GET", path)))["items"]
            if sum(each["status"].get("availableReplicas", 0) == 2 for each in items) == _ROLLOUTS:
                return time.perf_counter() - started
            await asyncio.sleep(0.05)
