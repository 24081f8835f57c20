"""Clusters that a ConfigMap describes, with a second API server that trusts the tokens of the first."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from fluxkit.api import Kustomization
from fluxkit.controllers.clusters import ClusterError, ClusterTokens, parse_address
from fluxkit.controllers.targets import TargetError, Targets
from fluxkit.controllers.tokencache import Token, TokenCache, TokenUser
from fluxkit.kube import Client, ClusterConfig
from fluxkit.kube.errors import Forbidden, NotFound
from fluxkit.objects import GroupVersionKind, Object, ObjectKey
from fluxkit.sandbox import Sandbox

NAMESPACE = "tenant"
CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
RBAC = "rbac.authorization.k8s.io"


@dataclass
class Pair:
    """``far`` knows the accounts and the issuer of ``near``."""

    near: Sandbox
    far: Sandbox

    def description(self, **data: str) -> Object:
        values = {"provider": "generic", "address": self.far.url, "ca.crt": self.far.ca_path.read_text()}
        values |= {"serviceAccountName": "deployer"} | data
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "far", "namespace": NAMESPACE},
            "data": {key: value for key, value in values.items() if value},
        }


async def _prepare(near: Sandbox) -> None:
    async with Client(ClusterConfig.load(str(near.kubeconfig_path)), field_manager="test") as client:
        metadata = {"name": "deployer", "namespace": NAMESPACE}
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]
        subjects = [{"kind": "ServiceAccount", **metadata}]
        reference = {"apiGroup": RBAC, "kind": "Role", "name": "deployer"}
        for obj in (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
            {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": reference,
                "subjects": subjects,
            },
        ):
            await client.create(obj)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    root = tmp_path_factory.mktemp("clusters")
    near, far = Sandbox(root / "near"), Sandbox(root / "far")
    near.start()
    asyncio.run(_prepare(near))
    # the same issuer and the same accounts, as federation would give: a copy of the state and of the keys
    far.layout.root.mkdir()
    shutil.copytree(near.layout.pki, far.layout.pki)
    with sqlite3.connect(near.layout.database) as source, sqlite3.connect(far.layout.database) as target:
        source.backup(target)
    far.start()
    yield Pair(near, far)
    far.stop()
    near.stop()


@dataclass
class Fixture:
    client: Client
    cache: TokenCache
    registry: CollectorRegistry
    targets: Targets


def make(client: Client, *, per_object: bool = True, default_account: str = "", size: int = 100) -> Fixture:
    registry = CollectorRegistry()
    cache = TokenCache(registry, size=size)
    clusters = ClusterTokens(client, cache, default_account=default_account, per_object=per_object)
    targets = Targets(client, clusters, default_service_account="", allow_exec=False, allow_insecure_tls=False)
    return Fixture(client, cache, registry, targets)


def remote(**spec: Any) -> Kustomization:
    return Kustomization.decode(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": NAMESPACE},
            "spec": {
                "interval": "1m",
                "prune": True,
                "sourceRef": {"kind": "GitRepository", "name": "fleet"},
                "kubeConfig": {"configMapRef": {"name": "far"}},
                **spec,
            },
        }
    )


@pytest.fixture
async def near(pair: Pair) -> Any:
    async with Client(ClusterConfig.load(str(pair.near.kubeconfig_path)), field_manager="test") as client:
        yield client


@pytest.mark.contract("KUS-314", "KUS-316", "KUS-345", "KUS-346", "RUN-073", "RUN-178")
async def test_another_cluster_by_a_token_of_this_one(pair: Pair, near: Client) -> None:
    fixture = make(near)
    await near.apply(pair.description(), field_manager="test")
    for _ in range(2):
        async with fixture.targets.open(remote()) as target:
            assert not target.local
            applied: Object = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "there", "namespace": NAMESPACE},
                "data": {"key": "1"},
            }
            await target.client.apply(applied, field_manager="test")
            with pytest.raises(Forbidden, match=f"system:serviceaccount:{NAMESPACE}:deployer"):
                await target.client.get(GroupVersionKind("", "v1", "Secret"), "any", NAMESPACE)
    assert await fixture.targets.cluster_of(remote()) == pair.far.url
    async with Client(ClusterConfig.load(str(pair.far.kubeconfig_path))) as far:
        assert (await far.get(CONFIG_MAP, "there", NAMESPACE))["data"] == {"key": "1"}
    with pytest.raises(NotFound):
        await near.get(CONFIG_MAP, "there", NAMESPACE)
    text = generate_latest(fixture.registry).decode()
    labels = f'kind="Kustomization",name="app",namespace="{NAMESPACE}",operation="fetch_kubeconfig"'
    assert f'gotk_token_cache_events_total{{event_type="cache_miss",{labels}}} 1.0' in text
    assert f'gotk_token_cache_events_total{{event_type="cache_hit",{labels}}}' in text
    assert "gotk_token_cached_items 1.0" in text
    assert "gotk_token_cache_evictions_total 0.0" in text
    fixture.cache.forget(ObjectKey(NAMESPACE, "app"))
    assert labels not in generate_latest(fixture.registry).decode()


@pytest.mark.contract("KUS-314", "KUS-315", "KUS-317", "RUN-146")
@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"provider": "other"}, "provider 'other' not implemented"),
        ({"provider": ""}, "provider '' not implemented"),
        (
            {"provider": "aws"},
            "provider 'aws' needs the credentials of that cloud, which comes with the extra fluxkit[",
        ),
        ({"provider": "gcp"}, "fluxkit[gcp]"),
        ({"address": ""}, "cluster address is required to create a REST config"),
        ({"address": "http://plain"}, "the Kubernetes API server address 'http://plain' must use https scheme"),
        ({"address": "https://host:port"}, "failed to parse cluster address https://host:port"),
        ({"serviceAccountName": "nobody"}, f"failed to get service account '{NAMESPACE}/nobody'"),
        ({"serviceAccountName": ""}, "the controllers have no ServiceAccount of their own here"),
    ],
)
async def test_descriptions_that_lead_nowhere(pair: Pair, near: Client, data: dict[str, str], told: str) -> None:
    await near.apply(pair.description(**data), field_manager="test")
    with pytest.raises(TargetError, match=f"^KubeConfig configmap '{NAMESPACE}/far': ") as raised:
        async with make(near).targets.open(remote()):
            pass
    assert told in str(raised.value)


async def test_a_missing_description(near: Client) -> None:
    with pytest.raises(TargetError, match=f"^failed to get configmap {NAMESPACE}/missing: "):
        async with make(near).targets.open(remote(kubeConfig={"configMapRef": {"name": "missing"}})):
            pass


@pytest.mark.contract("KUS-316")
async def test_the_default_account_and_the_gate(pair: Pair, near: Client) -> None:
    await near.apply(pair.description(serviceAccountName=""), field_manager="test")
    async with make(near, default_account="deployer").targets.open(remote()) as target:
        await target.client.list(CONFIG_MAP, NAMESPACE)
    with pytest.raises(TargetError, match="the default service account was not found"):
        async with make(near, default_account="missing").targets.open(remote()):
            pass
    await near.apply(pair.description(), field_manager="test")
    with pytest.raises(TargetError, match="ObjectLevelWorkloadIdentity feature gate is not enabled"):
        async with make(near, per_object=False).targets.open(remote()):
            pass


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("host", "https://host:443"),
        ("Host.Example.COM:6443", "https://host.example.com:6443"),
        ("https://host", "https://host:443"),
        ("https://host:6443/ignored/path", "https://host:6443"),
        ("[::1]:6443", "https://[::1]:6443"),
    ],
)
@pytest.mark.contract("KUS-315")
def test_addresses(given: str, expected: str) -> None:
    assert parse_address(given) == expected


def test_an_empty_address() -> None:
    with pytest.raises(ClusterError):
        parse_address("")


@pytest.mark.contract("KUS-346")
async def test_tokens_are_kept_for_most_of_their_life_and_forgotten_when_refused() -> None:
    cache = TokenCache(CollectorRegistry(), size=1)
    issued: list[Token] = []
    user = TokenUser("Kustomization", ObjectKey("ns", "app"), "fetch_kubeconfig")

    def issuing(seconds: float) -> Any:
        async def issue() -> Token:
            issued.append(Token(f"token-{len(issued)}", time.time() + seconds))
            return issued[-1]

        return issue

    first = await cache.get("a", user, issuing(600))
    assert await cache.get("a", user, issuing(600)) is first
    cache.reject("a", "another")
    assert await cache.get("a", user, issuing(600)) is first
    cache.reject("a", first.value)
    second = await cache.get("a", user, issuing(0))
    assert second is not first
    assert await cache.get("a", user, issuing(600)) is not second  # it had no life left
    await cache.get("b", user, issuing(600))
    assert len(issued) == 4
    await cache.get("a", user, issuing(600))  # there is room for one
    assert len(issued) == 5
    assert "token-" not in repr(first)
