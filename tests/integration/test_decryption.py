"""Encrypted files and Secrets through a whole controller: what reaches the cluster, and what reaches nobody else."""

import asyncio
import base64
import os
import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from fluxkit.api import Kustomization
from fluxkit.objects import GroupVersionKind, Object
from fluxkit.sops import Format, MasterKey, Rules, encrypt_file
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map
from tests.sops.fixture import SECRET, Case, key, needs_gpg
from tests.sops.owner import age_owner
from tests.sops.standins import StandIn, Vault, sealed_for_vault, serving

SECRETS = GroupVersionKind("", "v1", "Secret")
EVENTS = GroupVersionKind("", "v1", "Event")
DECRYPTION = {"provider": "sops", "secretRef": {"name": "keys"}}


async def create_keys(fleet: Fleet, *names: str, name: str = "keys", **entries: str) -> None:
    """A Secret with key files of the fixtures, and other entries."""
    data = {each: key(each) for each in names} | {
        each.replace("__", ".").replace("_", "-"): text for each, text in entries.items()
    }
    await fleet.client.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": fleet.namespace,
                "labels": {"reconcile.fluxcd.io/watch": "Enabled"},
            },
            "stringData": data,
        }
    )


async def replace_keys(fleet: Fleet, *names: str) -> None:
    secret = await fleet.client.get(SECRETS, "keys", fleet.namespace)
    encoded = {each: base64.b64encode(key(each).encode()).decode() for each in names}
    await fleet.client.replace({**secret, "data": encoded})


async def content(fleet: Fleet, name: str) -> dict[str, bytes]:
    secret = await fleet.client.get(SECRETS, name, fleet.namespace)
    return {field: base64.b64decode(value) for field, value in secret["data"].items()}


async def assert_nothing_shown(fleet: Fleet) -> None:
    """No log, event or condition, and no file of the unpacked sources, holds what was encrypted."""
    shown = fleet.rig.controllers.log_file.read_text()
    for gvk in (EVENTS, Kustomization.GVK):
        found = await fleet.client.list(gvk, fleet.namespace)
        shown += orjson.dumps(list(found.items)).decode()
    encoded = base64.b64encode(SECRET.encode()).decode()
    for secret in (SECRET, encoded, "AGE-SECRET-KEY-1"):
        assert secret not in shown
    unpacked = Path(tempfile.gettempdir()) / f"fluxkit-{os.getuid()}"
    assert unpacked.is_dir()
    for path in unpacked.rglob("*"):
        if path.is_file() and path.stat().st_size < 1_000_000:
            assert SECRET.encode() not in path.read_bytes(), path


def write_tree(fleet: Fleet) -> None:
    """Everything that is decrypted, each in its way."""
    write = fleet.repository.write
    case = {name: Case(name) for name in ("secret", "yaml", "json", "dotenv", "ini", "binary")}
    write("app/secret.yaml", case["secret"].encrypted.decode())
    for name, file in (("yaml", "values.yaml"), ("json", "config.json"), ("ini", "settings.ini")):
        write(f"app/files/{file}", case[name].encrypted.decode())
    write("app/files/raw", case["binary"].encrypted.decode())
    write("component/login.env", case["dotenv"].encrypted.decode())
    write(
        "component/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        "generatorOptions: {disableNameSuffixHash: true}\nsecretGenerator: [{name: login, envs: [login.env]}]\n",
    )
    write(
        "app/kustomization.yaml",
        f"namespace: {fleet.namespace}\n"
        "generatorOptions: {disableNameSuffixHash: true}\n"
        "resources: [secret.yaml]\ncomponents: [../component]\n"
        "secretGenerator: [{name: files, files: [files/values.yaml, config.json=files/config.json, "
        "files/settings.ini, files/raw]}]\n"
        "configMapGenerator: [{name: shared, files: [files/values.yaml]}]\n",
    )


@pytest.mark.contract("KUS-018", "KUS-110", "KUS-114", "KUS-115", "KUS-116", "KUS-118", "KUS-122")
async def test_everything_that_upstream_decrypts(fleet: Fleet) -> None:
    write_tree(fleet)
    revision = await fleet.repository.push("start")
    await create_keys(fleet, "age.agekey")
    await fleet.follow()
    await fleet.kustomize("app", "./app", decryption=DECRYPTION)
    await fleet.applied("app", revision)
    secret = await content(fleet, "credentials")
    assert secret == {"password": SECRET.encode(), "token": SECRET.encode()}
    files = await content(fleet, "files")
    assert files["values.yaml"] == Case("yaml").decrypted
    assert files["config.json"] == Case("json").decrypted
    assert files["settings.ini"] == Case("ini").decrypted
    assert files["raw"] == bytes(range(256))
    login = await content(fleet, "login")
    assert login["PASSWORD"] == SECRET.encode()
    shared = await fleet.client.get(CONFIG_MAP, "shared", fleet.namespace)
    assert shared["data"]["values.yaml"].encode() == Case("yaml").decrypted, "as upstream, which decrypts on disk"
    await assert_nothing_shown(fleet)


@pytest.mark.contract("KUS-107", "KUS-108", "KUS-109")
async def test_without_decryption_nothing_encrypted_is_applied(fleet: Fleet) -> None:
    fleet.repository.write("app/secret.yaml", Case("secret").encrypted.decode().replace("apps", fleet.namespace))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    message = await fleet.failed("app", "ReconciliationFailed")
    assert message == (
        f"Secret/{fleet.namespace}/credentials is SOPS encrypted, configuring decryption is required for this secret "
        "to be reconciled"
    )
    assert not await fleet.exists(SECRETS, "credentials")


@pytest.mark.contract("KUS-041", "KUS-126", "KUS-135")
async def test_keys_that_are_missing_wrong_or_malformed(fleet: Fleet) -> None:
    fleet.repository.write("app/secret.yaml", Case("secret").encrypted.decode().replace("apps", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", decryption=DECRYPTION)
    assert await fleet.failed("app", "BuildFailed") == 'secrets "keys" not found'
    await create_keys(fleet, "age-other.agekey")
    kustomization = await fleet.kustomization_where(
        "app", lambda each: any("cannot get sops data key" in c.message for c in each.status.conditions)
    )
    message = next(c.message for c in kustomization.status.conditions if c.type == "Ready")
    assert message.startswith(
        f"decryption failed for 'Secret.v1.[noGrp]/credentials': failed to decrypt and format "
        f"'{fleet.namespace}/credentials' Secret data: cannot get sops data key: Failed to get the data key"
    )
    secret = await fleet.client.get(SECRETS, "keys", fleet.namespace)
    bad = base64.b64encode(b"AGE-SECRET-KEY-1NONSENSE").decode()
    await fleet.client.replace({**secret, "data": {"bad.agekey": bad}})
    await fleet.kustomization_where(
        "app",
        lambda each: any(
            c.message.startswith(f"failed to import 'bad.agekey' data from sops decryption Secret '{each.key}'"[:52])
            for c in each.status.conditions
        ),
    )
    await replace_keys(fleet, "age.agekey")
    await fleet.applied("app", revision)
    await assert_nothing_shown(fleet)


@pytest.mark.contract("KUS-303")
async def test_other_keys_build_again_and_equal_files_do_not(fleet: Fleet) -> None:
    fleet.repository.write("app/secret.yaml", Case("secret").encrypted.decode().replace("apps", fleet.namespace))
    revision = await fleet.repository.push("start")
    await create_keys(fleet, "age.agekey")
    await fleet.follow()
    await fleet.kustomize("app", "./app", decryption=DECRYPTION)
    await fleet.applied("app", revision)
    before = await fleet.client.get(SECRETS, "credentials", fleet.namespace)
    fleet.repository.write("elsewhere/file", "x")
    revision = await fleet.push("nothing for app")
    await fleet.applied("app", revision)
    after = await fleet.client.get(SECRETS, "credentials", fleet.namespace)
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    await replace_keys(fleet, "age-other.agekey")
    message = await fleet.failed("app", "BuildFailed")
    assert "cannot get sops data key" in message
    await replace_keys(fleet, "age.agekey")
    await fleet.applied("app", revision)


@needs_gpg
@pytest.mark.contract("KUS-112", "KUS-134")
async def test_pgp_and_encrypted_fields(fleet: Fleet) -> None:
    """A field that a generator outside of the source tree would have made, and a Secret for a PGP key."""
    field = base64.b64encode(Case("dotenv").encrypted).decode()
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "fields", "namespace": fleet.namespace},
        "data": {"login.env": field, "plain": base64.b64encode(b"plain").decode()},
    }
    fleet.repository.write("app/fields.yaml", orjson.dumps(secret).decode())
    fleet.repository.write("app/pgp.yaml", Case("pgp").encrypted.decode().replace("apps", fleet.namespace))
    revision = await fleet.repository.push("start")
    await create_keys(fleet, "age.agekey", "pgp.asc")
    await fleet.follow()
    await fleet.kustomize("app", "./app", decryption=DECRYPTION)
    await fleet.applied("app", revision)
    fields = await content(fleet, "fields")
    assert fields == {"login.env": Case("dotenv").decrypted, "plain": b"plain"}
    assert (await content(fleet, "credentials"))["password"] == SECRET.encode()
    await assert_nothing_shown(fleet)


async def test_an_encrypted_patch(fleet: Fleet) -> None:
    patch: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"password": SECRET},
    }
    encrypted = encrypt_file(orjson.dumps(patch), Format.YAML, [[age_owner("age.agekey")]])
    write = fleet.repository.write
    write("app/patch.yaml", encrypted.decode())
    write("app/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n")
    write(
        "app/kustomization.yaml",
        f"namespace: {fleet.namespace}\nresources: [settings.yaml]\n"
        "patches: [{path: patch.yaml, target: {kind: ConfigMap}}]\n",
    )
    revision = await fleet.repository.push("start")
    await create_keys(fleet, "age.agekey")
    await fleet.follow()
    await fleet.kustomize("app", "./app", decryption=DECRYPTION)
    await fleet.applied("app", revision)
    settings = await fleet.client.get(CONFIG_MAP, "settings", fleet.namespace)
    assert settings["data"] == {"password": SECRET}


@pytest.mark.contract("KUS-049")
async def test_a_service_account_needs_the_gate(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", decryption={"provider": "sops", "serviceAccountName": "decrypter"})
    message = await fleet.failed("app", "FeatureGateDisabled")
    assert "please enable the ObjectLevelWorkloadIdentity feature gate" in message
    kustomization = fleet.kustomization("app")
    assert kustomization is not None
    stalled = [each for each in kustomization.status.conditions if each.type == "Stalled"]
    assert [(each.status, each.reason) for each in stalled] == [("True", "FeatureGateDisabled")]


def for_vault(vault: StandIn, namespace: str, text: str = SECRET) -> str:
    """A Secret whose data key only this server can decrypt."""

    def owner(data_key: bytes) -> MasterKey:
        fields = {"vault_address": vault.url, "engine_path": "sops", "key_name": "key"}
        return MasterKey("hc_vault", {**fields, "created_at": "2026-01-01T00:00:00Z"}, sealed_for_vault(data_key))

    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "credentials", "namespace": namespace},
        "stringData": {"password": text},
    }
    rules = Rules(encrypted_regex="^stringData$")
    return encrypt_file(orjson.dumps(secret), Format.YAML, [[owner]], rules).decode()


async def test_a_key_server_that_fails_and_recovers(fleet: Fleet) -> None:
    vault = Vault()
    async with serving(vault):
        fleet.repository.write("app/secret.yaml", for_vault(vault, fleet.namespace))
        revision = await fleet.repository.push("start")
        await create_keys(fleet, sops__vault_token=vault.token)
        await fleet.follow()
        for broken, told in (
            (web.Response(text="garbage"), "no decrypted data"),
            (web.Response(status=503, text="{}"), "the server answered 503"),
        ):
            vault.broken = broken
            if fleet.kustomization("app") is None:
                await fleet.kustomize("app", "./app", decryption=DECRYPTION)
            else:
                await fleet.reconcile("app")
            await fleet.kustomization_where("app", lambda each, told=told: told in _flat(each))
        vault.broken = None
        await fleet.reconcile("app")
        await fleet.applied("app", revision)
        assert (await content(fleet, "credentials"))["password"] == SECRET.encode()
        asked = len(vault.requests)
        fleet.repository.write("elsewhere", "x")
        await fleet.applied("app", await fleet.push("nothing for app"))
        assert len(vault.requests) == asked, "what has not changed is not decrypted again"
    await assert_nothing_shown(fleet)


def _flat(kustomization: Kustomization) -> str:
    """The text of the conditions without the line breaks of SOPS's layout."""
    text = " ".join(each.message for each in kustomization.status.conditions)
    return " ".join(word for word in text.split() if word not in ("|", "-"))


async def test_key_servers_that_never_answer_hold_nobody_up(fleet: Fleet) -> None:
    names = [f"stuck-{number}" for number in range(6)]
    release, all_asked = asyncio.Event(), asyncio.Event()

    class Silent(StandIn):
        async def answer(self, request: web.Request) -> web.StreamResponse:
            if len(self.requests) >= len(names):
                all_asked.set()
            await release.wait()
            return web.Response(status=503)

    silent = Silent()
    async with serving(silent):
        for name in names:
            fleet.repository.write(f"{name}/secret.yaml", for_vault(silent, fleet.namespace))
        fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
        revision = await fleet.repository.push("start")
        await create_keys(fleet, sops__vault_token="hvs.test-token")
        await fleet.follow()
        for name in names:
            await fleet.kustomize(name, f"./{name}", decryption=DECRYPTION)
        async with asyncio.timeout(30):
            await all_asked.wait()
        await fleet.kustomize("app", "./app")
        await fleet.applied("app", revision)
        assert all("no answer" not in _flat(found) for name in names if (found := fleet.kustomization(name)))
        release.set()
        for name in names:
            await fleet.failed(name, "BuildFailed")
            await fleet.client.delete(Kustomization.GVK, name, fleet.namespace)


@pytest.mark.contract("KUS-137")
async def test_variables_are_put_into_what_was_decrypted(fleet: Fleet) -> None:
    vault = Vault()
    async with serving(vault):
        fleet.repository.write("app/secret.yaml", for_vault(vault, fleet.namespace, "${greeting} and hello"))
        revision = await fleet.repository.push("start")
        await create_keys(fleet, sops__vault_token=vault.token)
        await fleet.follow()
        post_build = {"substitute": {"greeting": "good day"}}
        await fleet.kustomize("app", "./app", decryption=DECRYPTION, postBuild=post_build)
        await fleet.applied("app", revision)
    assert (await content(fleet, "credentials"))["password"] == b"good day and hello"
