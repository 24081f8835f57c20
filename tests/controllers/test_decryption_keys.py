"""Where a Kustomization's keys come from: its Secret, the controller's settings, and Vault by a Kubernetes token."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from fluxkit.api import Kustomization
from fluxkit.controllers.accounts import account_of, own_account
from fluxkit.controllers.building.decryption_keys import DecryptionKeysError, KeySource, load_key_source
from fluxkit.controllers.options import ControllersOptions, OptionsError
from fluxkit.controllers.tokencache import TokenCache
from fluxkit.kube import Client, ClusterConfig
from fluxkit.objects import ObjectKey
from fluxkit.sops import MasterKey
from fluxkit.sops.answers import identity
from fluxkit.sops.keyservices import identity as keyservices_identity
from tests.sandbox_fixture import SandboxServer, namespace, sandbox  # noqa: F401
from tests.sops.fixture import key
from tests.sops.standins import AWS, GCP, KEY_ARN, RESOURCE, ROLE_ARN, Azure, Vault, sealed, serving
from tests.sops.test_key_services import DATA_KEY, wrapped


def kustomization(namespace: str, **decryption: Any) -> Kustomization:  # noqa: F811
    spec = {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}}
    if decryption:
        spec["decryption"] = {"provider": "sops", **decryption}
    return Kustomization.decode(
        {
            "apiVersion": Kustomization.GVK.api_version,
            "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": namespace},
            "spec": spec,
        }
    )


class Rig:
    def __init__(self, client: Client, namespace: str) -> None:  # noqa: F811
        self.client = client
        self.namespace = namespace

    async def create(self, kind: str, name: str, **content: Any) -> None:
        metadata = {"name": name, "namespace": self.namespace}
        await self.client.create({"apiVersion": "v1", "kind": kind, "metadata": metadata, **content})

    async def account(self, name: str, annotations: Mapping[str, str]) -> None:
        metadata = {"name": name, "namespace": self.namespace, "annotations": dict(annotations)}
        await self.client.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})

    async def secret(self, name: str, data: Mapping[str, str]) -> None:
        encoded = {entry: base64.b64encode(value.encode()).decode() for entry, value in data.items()}
        await self.create("Secret", name, data=encoded)

    async def load(
        self, options: ControllersOptions | None = None, cache: TokenCache | None = None, **decryption: Any
    ) -> KeySource:
        options = options or ControllersOptions(runtime_namespace=self.namespace)
        found = await load_key_source(self.client, kustomization(self.namespace, **decryption), options, cache)
        assert found is not None
        return found


@pytest.fixture
async def rig(sandbox: SandboxServer, namespace: str) -> AsyncIterator[Rig]:  # noqa: F811
    async with Client(ClusterConfig.load(str(sandbox.kubeconfig)), field_manager="test") as client:
        yield Rig(client, namespace)


REF = {"secretRef": {"name": "keys"}}


@pytest.mark.contract("KUS-126")
async def test_what_is_wrong_with_a_secret(rig: Rig) -> None:
    with pytest.raises(DecryptionKeysError, match=r'^secrets "keys" not found$'):
        await rig.load(**REF)
    await rig.secret("keys", {"a.agekey": "AGE-SECRET-KEY-1NONSENSE"})
    with pytest.raises(DecryptionKeysError) as caught:
        await rig.load(**REF)
    assert str(caught.value) == (
        f"failed to import 'a.agekey' data from sops decryption Secret '{rig.namespace}/keys': failed to parse and add "
        "to age identities: malformed secret key: invalid character"
    )
    assert await load_key_source(rig.client, kustomization(rig.namespace), ControllersOptions()) is None


@pytest.mark.contract("KUS-130")
async def test_a_secret_for_all(rig: Rig) -> None:
    await rig.secret("keys", {"own.agekey": key("age-other.agekey")})
    await rig.secret("global", {"all.agekey": key("age.agekey"), "broken.asc": "not looked at", "sops.aws-kms": "a: ["})
    options = ControllersOptions(runtime_namespace=rig.namespace, sops_age_secret="global")
    assert (await rig.load(options, serviceAccountName="")).age == (key("age.agekey"),)
    assert (await rig.load(options, **REF)).age == (key("age-other.agekey"),)


async def test_the_environment_of_the_controller(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(key("age.agekey"))
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(file))
    assert (await rig.load(serviceAccountName="")).age == (key("age.agekey"),)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", "/nonexistent")
    with pytest.raises(DecryptionKeysError, match="failed to open SOPS_AGE_KEY_FILE file"):
        await rig.load(serviceAccountName="")


async def test_other_keys_are_another_request(rig: Rig) -> None:
    await rig.secret("keys", {"a.agekey": key("age.agekey")})
    await rig.secret("others", {"a.agekey": key("age-other.agekey")})
    first, again = await rig.load(**REF), await rig.load(**REF)
    other = await rig.load(secretRef={"name": "others"})
    assert first.digest == again.digest != other.digest
    assert "AGE-SECRET" not in repr(first)


@asynccontextmanager
async def vault_for(rig: Rig, listed: bool = True) -> AsyncIterator[Vault]:
    vault = Vault()
    async with serving(vault):
        address = vault.url if listed else "https://vault.example.com"
        instances = f"instances:\n  - address: {address}\n    loginPath: auth/kubernetes/login\n"
        await rig.create("ConfigMap", "vaults", data={"config.yaml": instances})
        yield vault


def with_vault(rig: Rig, **options: Any) -> ControllersOptions:
    gates = {"ObjectLevelWorkloadIdentity": True}
    return ControllersOptions(
        runtime_namespace=rig.namespace, sops_vault_configmap="vaults", feature_gates=gates, **options
    )


@pytest.mark.contract("KUS-128", "KUS-131", "KUS-133")
@pytest.mark.parametrize("by_default", [False, True])
async def test_vault_by_a_service_account(rig: Rig, by_default: bool) -> None:
    await rig.create("ServiceAccount", "decrypter")
    async with vault_for(rig) as vault:
        master = await wrapped(vault)
        options = with_vault(rig, default_decryption_service_account="decrypter" if by_default else "")
        source = await rig.load(options, **({} if by_default else {"serviceAccountName": "decrypter"}), secretRef=None)
        for _ in range(2):
            answers = await source.services.answers([master])
            assert answers[identity(master)] == DATA_KEY
        (login,) = vault.logins
    assert login["role"] == f"{rig.namespace}_decrypter"
    assert account_of(login["jwt"]) == ObjectKey(rig.namespace, "decrypter")
    claims = login["jwt"].split(".")[1]
    assert vault.url in base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)).decode()


@pytest.mark.contract("KUS-345", "KUS-346")
async def test_tokens_are_kept_and_counted(rig: Rig) -> None:
    await rig.create("ServiceAccount", "decrypter")
    registry = CollectorRegistry()
    cache = TokenCache(registry)
    async with vault_for(rig) as vault:
        master = await wrapped(vault)
        for _ in range(2):
            source = await rig.load(with_vault(rig), cache, serviceAccountName="decrypter")
            assert (await source.services.answers([master]))[identity(master)] == DATA_KEY
        first, second = vault.logins
    assert first["jwt"] == second["jwt"]
    labels = {"kind": "Kustomization", "name": "app", "namespace": rig.namespace, "operation": "decrypt_with_vault"}
    for event in ("cache_miss", "cache_hit"):
        count = registry.get_sample_value("gotk_token_cache_events_total", {**labels, "event_type": event})
        assert count == 1


@pytest.mark.contract("KUS-131")
async def test_a_static_token_comes_first(rig: Rig) -> None:
    await rig.secret("keys", {"sops.vault-token": "hvs.test-token"})
    async with vault_for(rig) as vault:
        master = await wrapped(vault)
        answers = await (await rig.load(with_vault(rig), **REF)).services.answers([master])
        assert answers[identity(master)] == DATA_KEY
        assert not vault.logins


@pytest.mark.contract("KUS-132")
async def test_only_listed_servers_get_a_token(rig: Rig) -> None:
    await rig.create("ServiceAccount", "decrypter")
    async with vault_for(rig, listed=False) as vault:
        master = await wrapped(vault)
        asked = len(vault.requests)
        source = await rig.load(with_vault(rig), serviceAccountName="decrypter")
        told = (await source.services.answers([master]))[identity(master)]
        assert told == (
            f"no Vault login path configured for address '{vault.url}' in ConfigMap '{rig.namespace}/vaults'"
        )
        assert len(vault.requests) == asked


async def test_without_an_account_or_a_config_map(rig: Rig) -> None:
    async with vault_for(rig) as vault:
        master = await wrapped(vault)
        source = await rig.load(with_vault(rig), serviceAccountName="gone")
        told = (await source.services.answers([master]))[identity(master)]
        assert "failed to issue Kubernetes token for Vault authentication" in str(told)
        assert "gone" in str(told)
        source = await rig.load(with_vault(rig), serviceAccountName="")
        told = (await source.services.answers([master]))[identity(master)]
        assert "the controllers have no ServiceAccount of their own here" in str(told)
        options = ControllersOptions(runtime_namespace=rig.namespace, sops_vault_configmap="missing")
        source = await rig.load(options, serviceAccountName="")
        told = (await source.services.answers([master]))[identity(master)]
        assert "failed to get Vault ConfigMap" in str(told)


@pytest.mark.contract("KUS-128", "KUS-129")
async def test_aws_by_a_service_account(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.account("decrypter", {"eks.amazonaws.com/role-arn": ROLE_ARN})
    aws = AWS()
    async with serving(aws):
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        master = MasterKey("kms", {"arn": KEY_ARN}, base64.b64encode(sealed(DATA_KEY, b"{}")).decode())
        source = await rig.load(with_vault(rig), serviceAccountName="decrypter")
        assert (await source.services.answers([master]))[identity(master)] == DATA_KEY
    assert aws.callers == ["ASIAROLE"]
    assert aws.sessions == [f"decrypter.{rig.namespace}.eu-west-1.fluxcd.io"]
    assert account_of(aws.tokens[0]) == ObjectKey(rig.namespace, "decrypter")


@pytest.mark.contract("KUS-128")
async def test_gcp_by_a_service_account(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    annotations = {
        "gcp.auth.fluxcd.io/workload-identity-provider": (
            "projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
        ),
        "iam.gke.io/gcp-service-account": "decrypter@fluxkit.iam.gserviceaccount.com",
    }
    await rig.account("decrypter", annotations)
    gcp = GCP()
    async with serving(gcp):
        monkeypatch.setenv("SOPS_GCP_KMS_ENDPOINT", gcp.url)
        monkeypatch.setattr(keyservices_identity, "_GOOGLE_STS", f"{gcp.url}/v1/token")
        monkeypatch.setattr(keyservices_identity, "_GOOGLE_IAM", f"{gcp.url}/v1/projects/-/serviceAccounts")
        master = MasterKey("gcp_kms", {"resource_id": RESOURCE}, base64.b64encode(sealed(DATA_KEY)).decode())
        source = await rig.load(with_vault(rig), serviceAccountName="decrypter")
        assert (await source.services.answers([master]))[identity(master)] == DATA_KEY
    assert account_of(gcp.exchanged[0]) == ObjectKey(rig.namespace, "decrypter")


@pytest.mark.contract("KUS-128")
async def test_azure_by_a_service_account(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    annotations = {
        "azure.workload.identity/tenant-id": Azure.TENANT,
        "azure.workload.identity/client-id": Azure.CLIENT,
    }
    await rig.account("decrypter", annotations)
    azure = Azure()
    context, certificate = azure.tls()
    async with serving(azure, context):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"https://localhost:{azure.url.rpartition(':')[2]}")
        master = MasterKey("azure_kv", {"vault_url": azure.url, "name": "one", "version": "v1"}, azure.wrap(DATA_KEY))
        source = await rig.load(with_vault(rig), serviceAccountName="decrypter")
        answer = (await source.services.answers([master]))[identity(master)]
    certificate.unlink()
    assert answer == DATA_KEY
    assert account_of(azure.assertions[0]) == ObjectKey(rig.namespace, "decrypter")


@pytest.mark.contract("KUS-127", "KUS-128")
async def test_an_account_never_uses_what_the_controllers_may_do(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.create("ServiceAccount", "decrypter")
    aws = AWS()
    async with serving(aws):
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        for name, value in AWS.CREDENTIALS.items():
            monkeypatch.setenv(name.upper(), value)
        master = MasterKey("kms", {"arn": KEY_ARN}, "AAAA")
        source = await rig.load(with_vault(rig), serviceAccountName="decrypter")
        told = (await source.services.answers([master]))[identity(master)]
        assert "invalid eks.amazonaws.com/role-arn annotation" in str(told)
        assert not aws.callers
        await rig.secret("keys", {"sops.aws-kms": str(AWS.CREDENTIALS)})
        source = await rig.load(with_vault(rig), serviceAccountName="decrypter", **REF)
        await source.services.answers([master])
        assert aws.callers == ["AKIATEST"], "static credentials win"


@pytest.mark.contract("KUS-358", "RUN-170")
def test_a_default_account_needs_the_gate() -> None:
    with pytest.raises(OptionsError, match="ObjectLevelWorkloadIdentity"):
        ControllersOptions(default_decryption_service_account="decrypter")


async def test_an_account_needs_the_gate(rig: Rig) -> None:
    with pytest.raises(DecryptionKeysError, match="ObjectLevelWorkloadIdentity is off"):
        await rig.load(ControllersOptions(), serviceAccountName="decrypter")


def test_whose_token_it_is(tmp_path: Path) -> None:
    def token(subject: str) -> str:
        claims = base64.urlsafe_b64encode(f'{{"sub": "{subject}"}}'.encode()).decode().rstrip("=")
        return f"e30.{claims}.x"

    (tmp_path / "token").write_text(token("system:serviceaccount:flux-system:kustomize-controller"))
    assert own_account(tmp_path) == ObjectKey("flux-system", "kustomize-controller")
    for odd in (token("somebody"), token("system:serviceaccount:x:"), "no token", "a.%.c"):
        with pytest.raises(ValueError, match=r"token"):
            account_of(odd)
