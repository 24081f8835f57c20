"""Specs as upstream's types write them out again."""

from typing import Any

import pytest

from fluxkit.api import GitRepository, Kustomization, canonical_spec
from fluxkit.api.resource import Resource

SOURCE = {"kind": "GitRepository", "name": "fleet"}


@pytest.mark.parametrize(
    ("model", "stored", "written"),
    [
        (
            Kustomization,
            {"interval": "10m", "retryInterval": "90s", "timeout": "2m", "prune": True, "sourceRef": SOURCE},
            {"interval": "10m0s", "retryInterval": "1m30s", "timeout": "2m0s", "prune": True, "sourceRef": SOURCE},
        ),
        # a required field stays although it is empty, an optional one goes
        (
            Kustomization,
            {"interval": "1h", "prune": False, "force": False, "path": "", "sourceRef": SOURCE, "components": []},
            {"interval": "1h0m0s", "prune": False, "sourceRef": SOURCE},
        ),
        # within lists and parts
        (
            Kustomization,
            {"interval": "1s", "prune": True, "sourceRef": {**SOURCE, "namespace": ""}, "dependsOn": [
                {"name": "a", "namespace": ""}, {"name": "b", "readyExpr": "true"}]},
            {"interval": "1s", "prune": True, "sourceRef": SOURCE, "dependsOn": [
                {"name": "a"}, {"name": "b", "readyExpr": "true"}]},
        ),
        # the content of mappings is the user's own
        (
            Kustomization,
            {"interval": "1s", "prune": True, "sourceRef": SOURCE, "postBuild": {"substitute": {"empty": ""}}},
            {"interval": "1s", "prune": True, "sourceRef": SOURCE, "postBuild": {"substitute": {"empty": ""}}},
        ),
        # an empty part says something, a field of another version says nothing
        (
            GitRepository,
            {"interval": "1m", "timeout": "60s", "url": "https://x/y", "ref": {}, "gitImplementation": "libgit2"},
            {"interval": "1m0s", "timeout": "1m0s", "url": "https://x/y", "ref": {}},
        ),
        # what no version accepts is shown as it is
        (
            GitRepository,
            {"interval": "soon", "url": 3, "ref": "main"},
            {"interval": "soon", "url": 3, "ref": "main"},
        ),
    ],
)  # fmt: skip
def test_canonical_specs(model: type[Resource], stored: dict[str, Any], written: dict[str, Any]) -> None:
    assert canonical_spec(model, stored) == written
