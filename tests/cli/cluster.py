"""A sandbox with Flux's definitions, objects in any state, and a stand-in for the controllers."""

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from fluxkit.timestamps import format_time
from tests.sandbox_fixture import SandboxServer

__all__ = ["GIT", "KS", "NOON", "SHA1", "Cluster", "artifact", "condition"]

SHA1 = "696f056df216eea4f9401adbee0ff744d4df390f"
GIT = ("source.toolkit.fluxcd.io/v1", "GitRepository", "gitrepositories")
KS = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "kustomizations")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""When events happen, less the minutes that a test asks for."""
STAMP = "2026-01-01T00:00:00Z"

Kind = tuple[str, str, str]
Object = dict[str, Any]


def condition(status: str, message: str, *, type: str = "Ready", reason: str = "Test", generation: int = 1) -> Object:
    return {
        "type": type, "status": status, "reason": reason, "message": message, "lastTransitionTime": STAMP,
        "observedGeneration": generation,
    }  # fmt: skip


def artifact(revision: str) -> Object:
    return {
        "path": "p",
        "url": "http://localhost/p",
        "revision": revision,
        "digest": f"sha256:{'a' * 64}",
        "lastUpdateTime": STAMP,
    }


class Cluster:
    """Arranges and reads objects through the API, as a test sees it."""

    def __init__(self, server: SandboxServer, namespace: str) -> None:
        self.server = server
        self.namespace = namespace

    def path(self, kind: Kind, name: str = "", namespace: str = "") -> str:
        root = f"/apis/{kind[0]}" if "/" in kind[0] else f"/api/{kind[0]}"
        return f"{root}/namespaces/{namespace or self.namespace}/{kind[2]}" + (f"/{name}" if name else "")

    def create(self, kind: Kind, name: str, *, spec: Object, status: Object | None = None, **metadata: Any) -> Object:
        namespace = metadata.pop("namespace", self.namespace)
        metadata = {"name": name, "namespace": namespace, **metadata}
        obj = {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec}
        created: Object = self.server.ok("POST", self.path(kind, namespace=namespace), obj)
        return self.report(kind, name, status, namespace) if status is not None else created

    def git(self, name: str, status: Object | None = None, *, ready: bool = True, **metadata: Any) -> Object:
        if status is None and ready:
            revision = f"main@sha1:{SHA1}"
            ready_now = condition("True", f"stored artifact for revision '{revision}'")
            status = {"observedGeneration": 1, "artifact": artifact(revision), "conditions": [ready_now]}
        spec = {"url": "https://example.com/x", "interval": "1m", "ref": {"branch": "main"}}
        return self.create(GIT, name, spec=spec, status=status, **metadata)

    def kustomization(
        self,
        name: str,
        status: Object | None = None,
        *,
        ready: bool = True,
        spec: Object | None = None,
        **metadata: Any,
    ) -> Object:
        if status is None and ready:
            revision = f"main@sha1:{SHA1}"
            status = {
                "observedGeneration": 1, "lastAppliedRevision": revision,
                "conditions": [condition("True", f"Applied revision: {revision}")],
            }  # fmt: skip
        source = {"kind": "GitRepository", "name": "fleet"}
        whole = {"interval": "1m", "prune": True, "path": "./", "sourceRef": source, **(spec or {})}
        return self.create(KS, name, spec=whole, status=status, **metadata)

    def report(self, kind: Kind, name: str, status: Object, namespace: str = "") -> Object:
        path = self.path(kind, name, namespace) + "/status"
        body = {"status": status}
        reported: Object = self.server.ok("PATCH", path, body, content_type="application/merge-patch+json")
        return reported

    def get(self, kind: Kind, name: str) -> Object:
        found: Object = self.server.ok("GET", self.path(kind, name))
        return found

    def exists(self, kind: Kind, name: str) -> bool:
        return self.server.request("GET", self.path(kind, name))[0] == 200

    def event(
        self, name: str, involved: tuple[str, str], *, type: str = "Normal", minutes: int = 0, **more: Any
    ) -> None:
        seen = format_time(NOON - timedelta(minutes=minutes))
        involved_object = {"kind": involved[0], "name": involved[1], "namespace": self.namespace}
        body = {
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": self.namespace},
            "involvedObject": involved_object, "type": type, "reason": "Tested", "message": f"message of {name}",
            "firstTimestamp": seen, "lastTimestamp": seen, "count": 1, "source": {"component": "test"}, **more,
        }  # fmt: skip
        self.server.ok("POST", f"/api/v1/namespaces/{self.namespace}/events", body)

    @contextmanager
    def controller(self, kind: Kind, react: Callable[[Object], Object | None]) -> Iterator[None]:
        """While the block runs, answer every change of an object by writing the status that ``react`` returns."""
        stopping = threading.Event()
        failures: list[BaseException] = []
        path = f"{self.path(kind)}?watch=true"
        request = urllib.request.Request(self.server.url + path)
        request.add_header("Authorization", f"Bearer {self.server.token}")
        stream = urllib.request.urlopen(request, timeout=30, context=self.server.ssl_context())

        def follow() -> None:
            try:
                for line in stream:
                    obj = json.loads(line).get("object") or {}
                    if stopping.is_set():
                        return
                    status = react(obj) if obj.get("metadata", {}).get("name") else None
                    if status is not None:
                        self.report(kind, obj["metadata"]["name"], status)
            except (OSError, AssertionError) as error:
                failures.append(error)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            # one more change ends the loop
            self.create(kind, "the-end", spec={**END_SPEC[kind[1]]})
            thread.join(timeout=10)
            stream.close()
            assert not failures, failures


END_SPEC: dict[str, Object] = {
    "GitRepository": {"url": "https://example.com/x", "interval": "1m"},
    "Kustomization": {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}},
}
