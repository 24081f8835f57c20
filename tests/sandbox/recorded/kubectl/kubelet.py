"""A node for a control plane that has none: Pods are bound to it, and reported as running at once."""

import contextlib
import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

__all__ = ["NODE", "running_node"]

NODE = "sandbox"
_PAUSE = 0.1


class _Client:
    def __init__(self, server: str, token: str) -> None:
        self._server = server
        self._token = token
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    def send(self, method: str, path: str, body: Any = None, media: str = "application/json") -> Any:
        """The decoded answer; None for a refusal (somebody else was faster, or the object is gone)."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._server + path, data, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Content-Type", media)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:
            return None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(kind: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "lastTransitionTime": _now()}


def _running(pod: dict[str, Any], number: int) -> dict[str, Any]:
    address = f"10.244.0.{number % 250 + 1}"
    finishes = pod["spec"]["restartPolicy"] != "Always"
    ended = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": _now(), "finishedAt": _now()}}
    containers = [
        {
            "name": each["name"],
            "image": each["image"],
            "imageID": each["image"],
            "containerID": f"sandbox://{pod['metadata']['uid']}-{each['name']}",
            "ready": not finishes,
            "started": not finishes,
            "restartCount": 0,
            "state": ended if finishes else {"running": {"startedAt": _now()}},
        }
        for each in pod["spec"]["containers"]
    ]
    kinds = ["Initialized", "PodScheduled"] if finishes else ["Initialized", "Ready", "ContainersReady", "PodScheduled"]
    return {
        "phase": "Succeeded" if finishes else "Running",
        "hostIP": "127.0.0.1",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": _now(),
        "conditions": [_condition(kind) for kind in kinds],
        "containerStatuses": containers,
    }


def _step(client: _Client, seen: dict[str, int]) -> None:
    for pod in (client.send("GET", "/api/v1/pods") or {}).get("items") or ():
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        if "deletionTimestamp" in metadata:
            client.send("DELETE", path, {"gracePeriodSeconds": 0})
        elif not pod["spec"].get("nodeName"):
            client.send("POST", f"{path}/binding", {"metadata": {"name": metadata["name"]}, "target": {"name": NODE}})
        elif pod["status"]["phase"] == "Pending":
            number = seen.setdefault(metadata["uid"], len(seen) + 1)
            patch = {"status": _running(pod, number)}
            client.send("PATCH", f"{path}/status", patch, "application/strategic-merge-patch+json")


@contextlib.contextmanager
def running_node(server: str, token: str, node: dict[str, Any]) -> Iterator[None]:
    """Adds a node, and keeps Pods running on it until the end of the context."""
    client = _Client(server, token)
    client.send("POST", "/api/v1/nodes", node)
    path = f"/api/v1/nodes/{node['metadata']['name']}/status"
    client.send("PATCH", path, {"status": node["status"]}, "application/strategic-merge-patch+json")
    stop = threading.Event()
    seen: dict[str, int] = {}

    def run() -> None:
        while not stop.wait(_PAUSE):
            _step(client, seen)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
