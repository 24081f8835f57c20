"""Another cluster: a second API server, with its own accounts, that comes and goes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fluxkit.api import Kustomization
from fluxkit.kube import Client, ClusterConfig, PatchKind
from fluxkit.kube.errors import NotFound
from fluxkit.objects import GroupVersionKind, Object
from testbed.cluster import Cluster
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map
from tests.integration.test_moving import entries, message

SECRET = GroupVersionKind("", "v1", "Secret")


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(tmp_path / "far")
    await cluster.start()
    yield cluster
    await cluster.stop()


async def admit(fleet: Fleet, text: str) -> None:
    """Puts a kubeconfig into the Secret that the Kustomization refers to."""
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "far", "namespace": fleet.namespace},
        "stringData": {"value.yaml": text},
    }
    await fleet.client.apply(secret, field_manager="test")


def connect(cluster: Cluster) -> Client:
    return Client(ClusterConfig.load(str(cluster.kubeconfig)), field_manager="test")


@pytest.mark.contract("KUS-310", "KUS-311", "KUS-324", "KUS-318")
async def test_a_second_cluster_that_comes_and_goes(fleet: Fleet, far: Cluster) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await admit(fleet, far.kubeconfig.read_text())
    await fleet.follow()
    reference = {"kubeConfig": {"secretRef": {"name": "far"}}, "retryInterval": "200ms", "interval": "1h"}
    await fleet.kustomize("app", "./app", **reference)
    told = await fleet.failed("app", "ReconciliationFailed")
    assert f'namespaces "{fleet.namespace}" not found' in told
    async with connect(far) as client:
        namespace: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": fleet.namespace}}
        await client.create(namespace)
        await fleet.applied("app", revision)
        assert (await client.get(CONFIG_MAP, "a", fleet.namespace))["data"] == {"key": "1"}
        assert not await fleet.exists(CONFIG_MAP, "a")
        # the same object for this cluster is another object: neither conflicts with the other
        await fleet.kustomize("here", "./app")
        here = await fleet.applied("here", revision)
        assert [each.type for each in here.status.conditions] == ["Ready"]
        await fleet.client.delete(Kustomization.GVK, "here", fleet.namespace)
        await fleet.rig.kustomizations.wait_for(lambda cache: cache.get(fleet.namespace, "here") is None, 30)
        assert not await fleet.exists(CONFIG_MAP, "a")
        assert await client.get(CONFIG_MAP, "a", fleet.namespace)
        # accounts are those of the other cluster
        patch = {"spec": {"serviceAccountName": "tenant"}}
        await fleet.client.patch(Kustomization.GVK, "app", fleet.namespace, patch=patch, kind=PatchKind.MERGE)
        told = await fleet.failed("app", "ReconciliationFailed")
        assert f"system:serviceaccount:{fleet.namespace}:tenant" in told
        patch = {"spec": {"serviceAccountName": ""}}
        await fleet.client.patch(Kustomization.GVK, "app", fleet.namespace, patch=patch, kind=PatchKind.MERGE)
        await fleet.applied("app", revision)
    await far.kill()
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "2"))
    revision = await fleet.push("change")
    told = await fleet.failed("app", "ReconciliationFailed")
    assert far.server in told
    kept = fleet.kustomization("app")
    assert kept is not None
    assert entries(kept) == {"a"}
    await far.start()
    await fleet.applied("app", revision)
    async with connect(far) as client:
        assert (await client.get(CONFIG_MAP, "a", fleet.namespace))["data"] == {"key": "2"}
        await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
        await fleet.rig.kustomizations.wait_for(lambda cache: cache.get(fleet.namespace, "app") is None, 30)
        with pytest.raises(NotFound):
            await client.get(CONFIG_MAP, "a", fleet.namespace)


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'SERVER'}}]
users: [{name: u, user: {USER}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


@pytest.mark.contract("KUS-312", "KUS-313", "KUS-317")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: [", "is not valid YAML at line 2"),
        ("- a", "does not contain a kubeconfig: expected a mapping"),
        ("{}", "cannot be used: "),
        (KUBECONFIG.replace("SERVER", "no-address"), "expected a URL such as https://host:6443"),
        # what is not allowed in a tenant's kubeconfig is left out: who remains is nobody
        (KUBECONFIG.replace("SERVER", "HERE").replace("USER", "tokenFile: /etc/hostname"), 'User "system:anonymous"'),
        (
            KUBECONFIG.replace("SERVER", "HERE").replace(
                "USER", "exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [/never]}"
            ),
            'User "system:anonymous"',
        ),
    ],
    ids=["yaml", "list", "empty", "address", "file", "exec"],
)
async def test_kubeconfigs_that_lead_nowhere(fleet: Fleet, text: str, told: str) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    await fleet.repository.push("start")
    if "HERE" in text:
        authority = next(
            line.split(": ")[1]
            for line in fleet.rig.cluster.kubeconfig.read_text().splitlines()
            if "certificate-authority-data" in line
        )
        text = text.replace("'HERE'", f"'{fleet.rig.cluster.server}', certificate-authority-data: {authority}")
    await admit(fleet, text.replace("USER", "token: none"))
    await fleet.follow()
    await fleet.kustomize("app", "./app", kubeConfig={"secretRef": {"name": "far"}})
    text = await fleet.failed("app", "ReconciliationFailed")
    assert told in text
    if "system:anonymous" not in told:
        assert (await fleet.event(f"failed to build kube client: {text}"))["type"] == "Warning"


@pytest.mark.contract("KUS-053", "KUS-317")
async def test_what_is_wrong_first_is_told_first(fleet: Fleet) -> None:
    """Path, cluster, build, apply: each is mended in turn and lets the next one show."""
    fleet.repository.write("app/a.yaml", "kind: [")
    await fleet.repository.push("start")
    await fleet.follow()
    await admit(fleet, "{}")
    await fleet.kustomize("app", "./nowhere", kubeConfig={"secretRef": {"name": "far"}})
    text = "kustomization path not found: ./nowhere: no such directory in the source"
    failed = await fleet.kustomization_where("app", lambda each: message(each, "Ready") == text)
    assert failed.status.last_attempted_revision == ""
    patch = {"spec": {"path": "./app"}}
    await fleet.client.patch(Kustomization.GVK, "app", fleet.namespace, patch=patch, kind=PatchKind.MERGE)
    assert "cannot be used: " in await fleet.failed("app", "ReconciliationFailed")
    await admit(fleet, fleet.rig.cluster.kubeconfig.read_text())
    await fleet.reconcile("app")
    assert "failed to decode Kubernetes YAML from app/a.yaml" in await fleet.failed("app", "BuildFailed")
    metadata = f"metadata:\n  name: s\n  namespace: {fleet.namespace}\n"
    fleet.repository.write("app/a.yaml", f"apiVersion: v1\nkind: Service\n{metadata}spec:\n  ports: 80\n")
    await fleet.push("decodes")
    assert f"Service/{fleet.namespace}/s dry-run failed" in await fleet.failed("app", "ReconciliationFailed")
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    await fleet.applied("app", await fleet.push("right"))
