"""What holds of the server whatever it is asked: watches tell what lists show, patches leave whole objects."""

import http.client
import itertools
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.bare import bare_sandbox

_numbers = itertools.count(1)

MEDIA = ("application/merge-patch+json", "application/strategic-merge-patch+json", "application/json-patch+json")


class Client:
    """One kept connection, for requests whose refusals are answers too."""

    def __init__(self, server: str, token: str) -> None:
        self._address = urlsplit(server).netloc
        self._headers = {"Authorization": f"Bearer {token}"}
        self._connection = http.client.HTTPConnection(self._address, timeout=10)

    def send(self, method: str, path: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, {**self._headers, "Content-Type": media})
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def events_until(self, path: str, name: str) -> list[Any]:
        """The events of a watch up to the one about an object of this name."""
        connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            connection.request("GET", path, headers=self._headers)
            response = connection.getresponse()
            found = []
            while not found or found[-1]["object"]["metadata"]["name"] != name:
                found.append(json.loads(response.readline()))
            return found
        finally:
            connection.close()

    def namespace(self) -> str:
        name = f"p{next(_numbers)}"
        self.send("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def close(self) -> None:
        self._connection.close()


WRITES = st.lists(
    st.tuples(
        st.sampled_from(["POST", "PATCH", "DELETE"]),
        st.sampled_from("abc"),
        st.sampled_from(["in", "out", None]),
        st.booleans(),
    ),
    max_size=12,
)
"""Method, name, label, and whether the object is held by a finalizer."""


def test_a_watch_replays_to_what_a_list_shows(tmp_path: Path) -> None:
    with bare_sandbox(tmp_path) as (server, token):
        client = Client(server, token)

        @given(WRITES, st.sampled_from(["", "side=in", "side!=in", "!side"]))
        @settings(max_examples=40, deadline=None)
        def replays(writes: list[Any], selector: str) -> None:
            path = f"/api/v1/namespaces/{client.namespace()}/configmaps"
            _, before = client.send("GET", path)
            for method, name, side, held in writes:
                metadata = {
                    "name": name,
                    "labels": {"side": side},
                    "finalizers": ["example.com/hold"] if held else None,
                }
                where = path if method == "POST" else f"{path}/{name}"
                body = {"metadata": metadata} if method != "DELETE" else None
                client.send(method, where, body, MEDIA[0] if method == "PATCH" else "application/json")
            ends = [
                {"metadata": {"name": "end-in", "labels": {"side": "in"}}},
                {"metadata": {"name": "end"}},
            ]
            for end in ends:
                client.send("POST", path, end)
            _, after = client.send("GET", f"{path}?{urlencode({'labelSelector': selector})}")
            last = "end-in" if selector == "side=in" else "end"
            query = {
                "watch": "true",
                "resourceVersion": before["metadata"]["resourceVersion"],
                "labelSelector": selector,
            }
            state: dict[str, Any] = {}
            for event in client.events_until(f"{path}?{urlencode(query)}", last):
                obj = event["object"]
                name = obj["metadata"]["name"]
                assert (name in state) is (event["type"] != "ADDED"), event["type"]
                state[name] = obj
                if event["type"] == "DELETED":
                    del state[name]
            assert sorted(state) == [item["metadata"]["name"] for item in after["items"]]
            assert all(state[item["metadata"]["name"]] == {**WHOLE, **item} for item in after["items"])

        replays()
        client.close()


WHOLE = {"kind": "ConfigMap", "apiVersion": "v1"}

FIELDS = st.sampled_from(
    [
        *("metadata", "data", "spec", "status", "labels", "finalizers", "ownerReferences", "managedFields", "name"),
        *("kind", "uid", "replicas", "template", "containers", "selector", "$patch", "$retainKeys", "a"),
    ]
)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "delete", "replace", "A b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3),
    max_leaves=8,
)
OPERATIONS = st.lists(
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "remove", "replace", "copy", "move", "test"]),
            "path": st.sampled_from(
                ["", "/metadata", "/metadata/labels", "/data/a", "/spec/replicas", "/kind", "/spec/-"]
            ),
            "value": VALUES,
            "from": st.sampled_from(["/metadata", "/data", "/spec"]),
        }
    ),
    max_size=3,
)
PATCHES = st.one_of(
    st.tuples(st.sampled_from(MEDIA[:2]), st.dictionaries(FIELDS, VALUES, max_size=3)),
    st.tuples(st.just(MEDIA[2]), OPERATIONS),
)


def _kinds(namespace: str) -> list[tuple[str, Any]]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    return [
        (f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "x"}, "data": {"a": "1"}}),
        (f"/apis/apps/v1/namespaces/{namespace}/deployments", {"metadata": {"name": "x"}, "spec": spec}),
    ]


def test_random_patches_leave_whole_objects_that_survive_a_restart(tmp_path: Path) -> None:
    kept: dict[str, Any] = {}
    with bare_sandbox(tmp_path) as (server, token):
        client = Client(server, token)

        @given(st.lists(PATCHES, max_size=4))
        @settings(max_examples=60, deadline=None)
        def stay_whole(patches: list[Any]) -> None:
            for collection, body in _kinds(client.namespace()):
                status, live = client.send("POST", collection, body)
                assert status == 201
                for media, patch in patches:
                    status, answer = client.send("PATCH", f"{collection}/x", patch, media)
                    assert answer.get("reason") != "InternalError", answer
                    code, now = client.send("GET", f"{collection}/x")
                    assert code == 200
                    assert now["metadata"]["uid"] == live["metadata"]["uid"]
                    assert (now["kind"], now["apiVersion"]) == (live["kind"], live["apiVersion"])
                    changed = now["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]
                    assert status == 200 or not changed
                    live = now
                kept[f"{collection}/x"] = live

        stay_whole()
        client.close()
    with bare_sandbox(tmp_path) as (server, token):
        client = Client(server, token)
        assert kept
        for path, live in kept.items():
            assert client.send("GET", path) == (200, live)
        client.close()
