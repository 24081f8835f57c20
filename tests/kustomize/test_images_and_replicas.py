"""Images and replica counts."""

from pathlib import Path

import pytest

from fluxkit.kustomize import KustomizeError
from fluxkit.kustomize.transformers.images import split_image
from tests.kustomize.trees import DEPLOYMENT, one


def _with_image(image: str) -> str:
    return DEPLOYMENT.replace("nginx:1.0", f'"{image}"')


@pytest.mark.contract("KZB-098", "KZB-099", "KZB-100", "KZB-101", "KZB-102", "KZB-103")
@pytest.mark.parametrize(
    ("before", "images", "after"),
    [
        ("nginx:1.0", "[{name: nginx, newTag: '2'}]", "nginx:2"),
        ("nginx", "[{name: nginx, newTag: '2'}]", "nginx:2"),
        ("nginx:1@sha256:abc", "[{name: nginx, newTag: '2'}]", "nginx:2"),
        ("nginx:1", "[{name: nginx, digest: 'sha256:d'}]", "nginx@sha256:d"),
        ("nginx:1", "[{name: nginx, newTag: '2', digest: 'sha256:d'}]", "nginx:2@sha256:d"),
        ("nginx:1@sha256:abc", "[{name: nginx, newName: r.io/n}]", "r.io/n:1@sha256:abc"),
        ("r.io:5000/a/nginx:1", "[{name: 'r.io:5000/a/nginx', newTag: '2'}]", "r.io:5000/a/nginx:2"),
        ("nginxx:1", "[{name: nginx, newTag: '2'}]", "nginxx:1"),
        ("my/nginx:1", "[{name: nginx, newTag: '2'}]", "my/nginx:1"),
        ("my/nginx:1", "[{name: '.*/nginx', newTag: '2'}]", "my/nginx:2"),
        ("aXb:1", "[{name: a.b, newTag: '2'}]", "aXb:2"),
        ("redis:6", "[{name: redis, tagSuffix: -a}]", "redis:6-a-a"),
        ("a:1", "[{name: a, newName: b}, {name: b, newTag: '2'}]", "b:2"),
        ("nginx@sha512:abc", "[{name: nginx, newTag: '2'}]", "nginx@sha512:abc"),
    ],
)
def test_images(tmp_path: Path, before: str, images: str, after: str) -> None:
    found = one(tmp_path, f"images: {images}", _with_image(before))
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == after


@pytest.mark.contract("KZB-098")
def test_where_images_are_found(tmp_path: Path) -> None:
    resource = (
        "apiVersion: e.com/v1\nkind: A\nmetadata: {name: a}\nspec:\n  deep: {containers: [{image: x}], other: [{image: x}]}\n"  # noqa: E501
        "  volumes: [{image: {reference: x}}]\n  ephemeralContainers: [{image: x}]\n"
    )
    found = one(tmp_path, "images: [{name: x, newTag: '2'}]", resource)["spec"]
    assert found == {
        "deep": {"containers": [{"image": "x:2"}], "other": [{"image": "x"}]},
        "volumes": [{"image": {"reference": "x:2"}}],
        "ephemeralContainers": [{"image": "x"}],
    }
    crd = resource.replace("kind: A", "kind: CustomResourceDefinition")
    assert one(tmp_path, "images: [{name: x, newTag: '2'}]", crd)["spec"]["deep"]["containers"] == [{"image": "x"}]


@pytest.mark.contract("KZB-197")
def test_bad_patterns(tmp_path: Path) -> None:
    with pytest.raises(KustomizeError, match="error parsing regexp"):
        one(tmp_path, "images: [{name: 'a(', newTag: '2'}]", DEPLOYMENT)
    found = one(tmp_path, "images: [{name: 'a(', newTag: '2'}]", DEPLOYMENT, level="next")
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.0"


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("a", ("a", "", "")),
        ("h:5/a:t", ("h:5/a", "t", "")),
        ("a@sha256:d", ("a", "", "sha256:d")),
        ("a:t@sha256:d", ("a", "t", "sha256:d")),
    ],
)
def test_split_image(reference: str, parts: tuple[str, str, str]) -> None:
    assert split_image(reference) == parts


@pytest.mark.contract("KZB-104")
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"])
def test_replicas(tmp_path: Path, kind: str) -> None:
    resource = f"apiVersion: e.com/v1\nkind: {kind}\nmetadata: {{name: app}}\n"
    found = one(tmp_path, "namePrefix: x-\nreplicas: [{name: app, count: 3}]", resource)
    assert found["spec"] == {"replicas": 3}


@pytest.mark.contract("KZB-105")
def test_replicas_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(KustomizeError) as caught:
        one(tmp_path, "replicas: [{name: nope, count: 3}]", DEPLOYMENT)
    assert str(caught.value) == (
        "resource with name nope does not match a config with the following GVK [Deployment.[noVer].[noGrp] "
        "StatefulSet.[noVer].[noGrp] ReplicaSet.[noVer].[noGrp] ReplicationController.[noVer].[noGrp]]"
    )
