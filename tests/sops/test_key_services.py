"""Key services: asked as their real APIs want it, and what becomes of a build when they fail."""

import asyncio
import base64
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from fluxkit.sops import Deferred, MasterKey, decrypt_file
from fluxkit.sops.answers import decrypter, identity
from fluxkit.sops.keyservices import KeyImportError, KeyMaterial, KeyServices, http
from tests.sops.fixture import SECRET, Case, key, needs_gpg
from tests.sops.standins import AWS, GCP, KEY_ARN, RESOURCE, ROLE_ARN, Azure, StandIn, Vault, sealed, serving

DATA_KEY = bytes(range(32))


async def answer(services: KeyServices, master: MasterKey) -> bytes | str:
    answers = await services.answers([master])
    return answers[identity(master)]


async def decrypt_case(name: str, services: KeyServices) -> bytes:
    """As the controller does: once without answers, once with."""
    case = Case(name)
    with pytest.raises(Deferred) as caught:
        case.decrypt(decrypter([], {}))
    return case.decrypt(decrypter([], await services.answers(caught.value.keys)))


def material(**entries: str | bytes) -> KeyMaterial:
    names = {each.replace("__", ".").replace("_", "-"): value for each, value in entries.items()}
    return KeyMaterial.from_secret({n: v.encode() if isinstance(v, str) else v for n, v in names.items()})


def left_behind() -> list[Path]:
    places = (Path("/dev/shm"), Path(tempfile.gettempdir()))
    return [path for place in places for path in place.glob("fluxkit-gpg-*") if path.is_dir()]


# --- PGP ---


@needs_gpg
@pytest.mark.contract("KUS-134")
async def test_pgp() -> None:
    before = set(left_behind())
    services = KeyServices(material(one__asc=key("pgp-other.asc"), two__asc=key("pgp.asc")))
    assert await decrypt_case("pgp", services) == Case("pgp").decrypted
    assert set(left_behind()) <= before
    deadline = time.monotonic() + 20
    while any("fluxkit-gpg-" in line for line in _command_lines()):
        assert time.monotonic() < deadline, "an agent was told to end, and did not"


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has just ended


@needs_gpg
@pytest.mark.contract("KUS-134")
async def test_pgp_without_the_right_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the user's own keyring has it, which must not count
    monkeypatch.setenv("GNUPGHOME", str(tmp_path))
    tmp_path.chmod(0o700)
    subprocess.run(["gpg", "--batch", "--quiet", "--import"], input=key("pgp.asc").encode(), check=True)
    subprocess.run(["gpgconf", "--kill", "all"], check=True)
    services = KeyServices(material(one__asc=key("pgp-other.asc")))
    with pytest.raises(Exception, match="GnuPG binary error") as caught:
        await decrypt_case("pgp", services)
    assert "No secret key" in str(caught.value)
    assert "fluxkit-gpg" not in str(caught.value)
    with pytest.raises(Exception, match=r"no PGP key was\s"):
        await decrypt_case("pgp", KeyServices(KeyMaterial()))
    broken = KeyServices(KeyMaterial(pgp=(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nxx\n",)))
    with pytest.raises(Exception, match="failed to import"):
        await decrypt_case("pgp", broken)


async def test_without_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Exception, match="no 'gpg' program on path"):
        await decrypt_case("pgp", KeyServices(material(one__asc=key("pgp.asc"))))


# --- Vault ---


def vault_key(vault: StandIn, encrypted: str = "") -> MasterKey:
    fields = {"vault_address": vault.url, "engine_path": "sops", "key_name": "key"}
    return MasterKey("hc_vault", fields, encrypted)


async def wrapped(vault: Vault) -> MasterKey:
    """A data key as the engine encrypts it."""
    body = {"plaintext": base64.b64encode(DATA_KEY).decode()}
    found = await http.ask("PUT", f"{vault.url}/v1/sops/encrypt/key", body, {"X-Vault-Token": vault.token})
    return vault_key(vault, found.body["data"]["ciphertext"])


@pytest.mark.contract("KUS-122", "KUS-131")
async def test_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault()
    async with serving(vault):
        master = await wrapped(vault)
        assert await answer(KeyServices(material(sops__vault_token=f" {vault.token}\n")), master) == DATA_KEY
        monkeypatch.setenv("VAULT_TOKEN", vault.token)
        assert await answer(KeyServices(KeyMaterial()), master) == DATA_KEY

        async def other(address: str) -> str:
            assert address == vault.url
            return "hvs.other"

        refused = await answer(KeyServices(KeyMaterial(), other), master)
        assert isinstance(refused, str)
        assert "403: permission denied for <redacted>" in refused
        assert await answer(KeyServices(material(sops__vault_token=vault.token), other), master) == DATA_KEY


async def test_vault_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault()
    async with serving(vault):
        services = KeyServices(material(sops__vault_token=vault.token))
        master = await wrapped(vault)
        tampered = await answer(services, replace(master, encrypted=master.encrypted[:-8] + "AAAAAAA="))
        assert isinstance(tampered, str)
        assert "400: cipher: message authentication failed" in tampered
        for broken, told in (
            (web.Response(text="<html>"), "no decrypted data"),
            (web.Response(text='{"data": {"plaintext": "%"}}'), "cannot decode base64"),
            (web.Response(status=503, text="[]"), "503: no reason given"),
            (web.Response(status=307, text="{}"), "307: no reason given"),
        ):
            vault.broken = broken
            assert told in str(await answer(services, master))
        monkeypatch.setenv("SOPS_HC_VAULT_ALLOWLIST", "https://vault.example.com")
        assert "Allowlist does not allow" in str(await answer(services, master))
        for fields in ({"vault_address": "file:///etc"}, {"engine_path": "../../v1/secret"}):
            odd = replace(master, fields={**master.fields, **fields})
            assert isinstance(await answer(services, odd), str)
    monkeypatch.delenv("SOPS_HC_VAULT_ALLOWLIST")
    assert "cannot reach" in str(await answer(services, master))


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SECONDS", 0.2)
    release = asyncio.Event()

    class Silent(StandIn):
        async def answer(self, request: web.Request) -> web.StreamResponse:
            await release.wait()
            return web.Response()

    silent = Silent()
    async with serving(silent):
        services = KeyServices(material(sops__vault_token="t"))
        told = await answer(services, vault_key(silent, "vault:v1:AAAA"))
        release.set()
    assert "within 0.2s" in str(told)


async def test_many_keys_are_asked_at_once_and_once_each() -> None:
    vault = Vault()
    async with serving(vault):
        master = await wrapped(vault)
        asked = len(vault.requests)
        services = KeyServices(material(sops__vault_token=vault.token))
        answers = await services.answers([master] * 20)
        assert list(answers.values()) == [DATA_KEY]
        assert len(vault.requests) == asked + 1


# --- clouds ---


def aws_key(**fields: str) -> MasterKey:
    return MasterKey("kms", {"arn": KEY_ARN, **fields}, "", {"app": "tests"})


async def aws_wrapped(aws: AWS, **fields: str) -> MasterKey:
    blob = sealed(DATA_KEY, b'{"app": "tests"}')
    return replace(aws_key(**fields), encrypted=base64.b64encode(blob).decode())


@pytest.mark.contract("KUS-123", "KUS-129")
async def test_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = AWS()
    async with serving(aws):
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        services = KeyServices(material(sops__aws_kms=orjson.dumps(AWS.CREDENTIALS)))
        master = await aws_wrapped(aws)
        assert await answer(services, master) == DATA_KEY
        assumed = await aws_wrapped(aws, role=ROLE_ARN)
        assert await answer(services, assumed) == DATA_KEY
        assert aws.callers[-2:] == ["AKIATEST", "ASIAROLE"]
        assert set(aws.regions) == {"eu-west-1"}
        assert aws.sessions[-1].startswith("sops@")
        other = replace(master, context={"app": "other"})
        assert "InvalidCiphertextException" in str(await answer(services, other))
        assert "no valid ARN" in str(await answer(services, replace(master, fields={"arn": "arn:aws:s3:::x"})))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", "/nonexistent")
        assert "Unable to locate credentials" in str(await answer(KeyServices(KeyMaterial()), master))
        for name, value in AWS.CREDENTIALS.items():
            monkeypatch.setenv(name.upper(), value)
        assert await answer(KeyServices(KeyMaterial()), master) == DATA_KEY, "the machine's own credentials"


@pytest.mark.contract("KUS-123")
async def test_gcp(monkeypatch: pytest.MonkeyPatch) -> None:
    gcp = GCP()
    async with serving(gcp):
        monkeypatch.setenv("SOPS_GCP_KMS_ENDPOINT", gcp.url)
        encrypted = base64.b64encode(sealed(DATA_KEY)).decode()
        master = MasterKey("gcp_kms", {"resource_id": RESOURCE}, encrypted)
        services = KeyServices(material(sops__gcp_kms=orjson.dumps(gcp.account())))
        assert await answer(services, master) == DATA_KEY
        assert "decryption failed" in str(await answer(services, replace(master, encrypted="AAAAAAAA")))
        assert "no valid resource ID" in str(await answer(services, replace(master, fields={"resource_id": "x"})))
        gcp.broken = web.Response(text="no JSON")
        assert isinstance(await answer(services, master), str)
    with pytest.raises(KeyImportError, match="type 'service_account'"):
        material(sops__gcp_kms=b'{"type": "external_account"}')


@pytest.mark.contract("KUS-123", "KUS-124", "KUS-125")
async def test_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    azure = Azure()
    context, certificate = azure.tls()
    async with serving(azure, context):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        master = MasterKey("azure_kv", {"vault_url": azure.url, "name": "one", "version": "v1"}, azure.wrap(DATA_KEY))
        config: dict[str, Any] = {
            "tenantId": Azure.TENANT,
            "clientId": Azure.CLIENT,
            "clientSecret": "test-client-secret",
            "authorityHost": f"https://localhost:{azure.url.rpartition(':')[2]}",
        }
        text = orjson.dumps(config).decode()
        for encoded in (text.encode(), text.encode("utf-16"), b"\xef\xbb\xbf" + text.encode()):
            assert await answer(KeyServices(material(sops__azure_kv=encoded)), master) == DATA_KEY
        named = {"tenant": Azure.TENANT, "appId": Azure.CLIENT, "password": "test-client-secret"}
        named["authorityHost"] = config["authorityHost"]
        assert await answer(KeyServices(material(sops__azure_kv=orjson.dumps(named))), master) == DATA_KEY
        wrong = KeyServices(material(sops__azure_kv=orjson.dumps(config | {"clientSecret": "wrong"})))
        refused = str(await answer(wrong, master))
        assert "failed to get Azure token credential" in refused
        services = KeyServices(material(sops__azure_kv=text))
        missing = replace(master, fields=dict(master.fields) | {"name": "two"})
        assert "404: no such key" in str(await answer(services, missing))
        azure.resource = "https://management.example.com"
        assert "none of its business" in str(await answer(services, master))
        plain = replace(master, fields=dict(master.fields) | {"vault_url": azure.url.replace("https", "http")})
        assert "no HTTPS address" in str(await answer(services, plain))
    os.unlink(certificate)
    for bad in ("{}", "tenantId: x", "- list", "a: ["):
        with pytest.raises(KeyImportError):
            material(sops__azure_kv=bad)


async def test_kinds_that_nobody_serves() -> None:
    told = await answer(KeyServices(KeyMaterial()), MasterKey("hckms", {"key_id": "eu:1"}, "x"))
    assert "hckms are not supported" in str(told)


# --- files of the real tools ---


@pytest.mark.parametrize("name", ["vault", "aws", "gcp"])
async def test_files_that_sops_made_with_a_key_service(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    standins: dict[str, StandIn] = {"vault": Vault(), "aws": AWS(), "gcp": GCP()}
    standin = standins[name]
    case = Case(name)
    async with serving(standin):
        monkeypatch.setenv("AWS_ENDPOINT_URL", standin.url)
        monkeypatch.setenv("SOPS_GCP_KMS_ENDPOINT", standin.url)
        entries: dict[str, str | bytes] = {
            "sops__vault_token": "hvs.test-token",
            "sops__aws_kms": orjson.dumps(AWS.CREDENTIALS),
        }
        if isinstance(standin, GCP):
            entries["sops__gcp_kms"] = orjson.dumps(standin.account())
        with pytest.raises(Deferred) as caught:
            case.decrypt(decrypter([], {}))
        (master,) = caught.value.keys
        # the file names the server that it was made with
        fields = dict(master.fields) | ({"vault_address": standin.url} if name == "vault" else {})
        found = await answer(KeyServices(material(**entries)), replace(master, fields=fields))
        plain = decrypt_file(case.encrypted, case.format, decrypter([], {identity(master): found}))
        assert plain == case.decrypted
        assert SECRET.encode() in plain


def test_material_is_not_shown() -> None:
    found = material(
        one__agekey=key("age.agekey"), sops__vault_token="hvs.secret", sops__aws_kms="aws_access_key_id: x"
    )
    assert "hvs" not in repr(found)
    assert "AGE" not in repr(found)
    assert found.digest() != material(sops__vault_token="hvs.secret").digest()
    assert material(other="ignored", age__txt="ignored") == KeyMaterial()
    only_age = KeyMaterial.from_secret({"a.agekey": key("age.agekey").encode(), "b.asc": b"x"}, age_only=True)
    assert only_age.age
    assert not only_age.pgp
