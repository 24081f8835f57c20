"""One tenant of the shared rig: a namespace, a repository, and ways to wait for what becomes of them."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson

from fluxkit.api import Condition, GitRepository, Kustomization
from fluxkit.kube import Client, WatchCache
from fluxkit.kube.errors import NotFound
from fluxkit.objects import GroupVersionKind, Object
from testbed import Repository, Rig, git_repository, kustomization

__all__ = ["CONFIG_MAP", "DEPLOYMENT", "SOURCE", "Fleet", "config_map", "definition", "deployment"]

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
SOURCE = "fleet"
_DEADLINE = 30.0


class Fleet:
    """``namespace`` holds the source, the Kustomizations and the objects."""

    def __init__(self, rig: Rig, namespace: str, repository: Repository) -> None:
        self.rig = rig
        self.namespace = namespace
        self.repository = repository

    @property
    def client(self) -> Client:
        return self.rig.client

    async def follow(self, url: str = "", **spec: Any) -> None:
        """Creates the GitRepository."""
        address = url or self.rig.url(self.repository)
        await self.client.create(git_repository(SOURCE, self.namespace, address, **spec))

    async def kustomize(self, name: str, path: str, **spec: Any) -> None:
        await self.client.create(kustomization(name, self.namespace, SOURCE, path, **spec))

    async def push(self, message: str = "change") -> str:
        """Pushes and asks for a reconcile of the source; returns the revision."""
        revision = await self.repository.push(message)
        await self.reconcile_source()
        return revision

    async def reconcile_source(self) -> None:
        await self.rig.reconcile(GitRepository.GVK, SOURCE, self.namespace)

    async def reconcile(self, name: str) -> None:
        await self.rig.reconcile(Kustomization.GVK, name, self.namespace)

    def kustomization(self, name: str) -> Kustomization | None:
        obj = self.rig.kustomizations.get(self.namespace, name)
        return None if obj is None else Kustomization.decode(obj)

    def source(self) -> GitRepository | None:
        obj = self.rig.sources.get(self.namespace, SOURCE)
        return None if obj is None else GitRepository.decode(obj)

    async def applied(self, name: str, revision: str) -> Kustomization:
        """Waits until the Kustomization is ready at the revision."""

        def ready(kustomization: Kustomization) -> bool:
            condition = _condition(kustomization.status.conditions, "Ready")
            at_revision = kustomization.status.last_applied_revision == revision
            return at_revision and condition is not None and condition.status == "True"

        return await self.kustomization_where(name, ready)

    async def failed(self, name: str, reason: str) -> str:
        """Waits until the Kustomization is not ready for this reason; returns the message."""

        def not_ready(kustomization: Kustomization) -> bool:
            condition = _condition(kustomization.status.conditions, "Ready")
            return condition is not None and (condition.status, condition.reason) == ("False", reason)

        kustomization = await self.kustomization_where(name, not_ready)
        condition = _condition(kustomization.status.conditions, "Ready")
        assert condition is not None
        return condition.message

    async def kustomization_where(self, name: str, predicate: Callable[[Kustomization], bool]) -> Kustomization:
        def matches(_: WatchCache) -> bool:
            kustomization = self.kustomization(name)
            return kustomization is not None and predicate(kustomization)

        try:
            await self.rig.kustomizations.wait_for(matches, _DEADLINE)
        except TimeoutError:
            self.rig.controllers.check()
            found = self.kustomization(name)
            raise AssertionError(f"{name} is {found.status if found else 'missing'}") from None
        found = self.kustomization(name)
        assert found is not None
        return found

    async def source_where(self, predicate: Callable[[GitRepository], bool]) -> GitRepository:
        def matches(_: WatchCache) -> bool:
            source = self.source()
            return source is not None and predicate(source)

        try:
            await self.rig.sources.wait_for(matches, _DEADLINE)
        except TimeoutError:
            self.rig.controllers.check()
            found = self.source()
            raise AssertionError(f"the source is {found.status if found else 'missing'}") from None
        found = self.source()
        assert found is not None
        return found

    async def source_failed(self, reason: str) -> str:
        """Waits until fetching fails for this reason; returns the message."""

        def failing(source: GitRepository) -> bool:
            condition = _condition(source.status.conditions, "FetchFailed")
            return condition is not None and condition.reason == reason

        source = await self.source_where(failing)
        condition = _condition(source.status.conditions, "Ready")
        assert condition is not None
        assert condition.status == "False"
        return condition.message

    async def source_ready(self, revision: str) -> GitRepository:
        def ready(source: GitRepository) -> bool:
            condition = _condition(source.status.conditions, "Ready")
            artifact = source.status.artifact
            is_ready = condition is not None and condition.status == "True"
            return is_ready and artifact is not None and artifact.revision == revision

        return await self.source_where(ready)

    async def exists(self, gvk: GroupVersionKind, name: str) -> bool:
        try:
            await self.client.get(gvk, name, self.namespace)
        except NotFound:
            return False
        return True

    async def object_where(self, gvk: GroupVersionKind, predicate: Callable[[WatchCache], bool]) -> None:
        """Waits for a state of the namespace's objects of a kind."""
        cache = WatchCache(self.client, gvk, self.namespace)
        following = asyncio.create_task(cache.run())
        try:
            await cache.wait_for(predicate, _DEADLINE)
        finally:
            following.cancel()
            await asyncio.wait({following})

    async def event(self, message: str) -> Object:
        """Waits for an event with this message, which reaches the server after what it tells of."""
        found: list[Object] = []

        def told(cache: WatchCache) -> bool:
            found[:] = [event for event in cache.list() if event["message"] == message]
            return bool(found)

        await self.object_where(GroupVersionKind("", "v1", "Event"), told)
        return found[0]

    async def metrics(self) -> str:
        """The controllers' metrics."""
        lines = [line for line in self.rig.controllers.log_file.read_text().splitlines() if "metrics server" in line]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{orjson.loads(lines[-1])['port']}/metrics") as answer,
        ):
            return await answer.text()

    async def told(self, name: str, beginning: str) -> None:
        """Waits until an event about an object begins like this."""

        def found(cache: WatchCache) -> bool:
            return any(
                event["involvedObject"]["name"] == name and event["message"].startswith(beginning)
                for event in cache.list()
            )

        await self.object_where(GroupVersionKind("", "v1", "Event"), found)

    async def warnings(self, name: str) -> list[str]:
        """Messages of the warning events about an object."""
        events = await self.client.list(GroupVersionKind("", "v1", "Event"), self.namespace)
        return [
            event["message"]
            for event in events.items
            if event["involvedObject"]["name"] == name and event["type"] == "Warning"
        ]


def _condition(conditions: list[Condition], type: str) -> Condition | None:
    return next((condition for condition in conditions if condition.type == type), None)


def config_map(name: str, namespace: str, value: str = "1") -> str:
    metadata = f"  name: {name}\n  namespace: {namespace}\n"
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n{metadata}data:\n  key: '{value}'\n"


def deployment(name: str, namespace: str, *, replicas: int = 1, annotations: Object | None = None) -> str:
    lines = [f"    {key}: {value!r}" for key, value in (annotations or {}).items()]
    metadata = f"  name: {name}\n  namespace: {namespace}\n"
    if lines:
        metadata += "  annotations:\n" + "\n".join(lines) + "\n"
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n{metadata}"
        f"spec:\n  replicas: {replicas}\n  selector:\n    matchLabels: {{app: {name}}}\n"
        f"  template:\n    metadata:\n      labels: {{app: {name}}}\n"
        f"    spec:\n      containers: [{{name: app, image: 'example.com/app:1'}}]\n"
    )


def definition(gvk: GroupVersionKind, plural: str) -> Object:
    """A definition without rules, as another controller might have installed it."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": gvk.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    names = {"kind": gvk.kind, "plural": plural, "singular": plural[:-1], "listKind": f"{gvk.kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{gvk.group}"},
        "spec": {"group": gvk.group, "names": names, "scope": "Namespaced", "versions": [version]},
    }
