"""TLS to a real TLS server: authorities, server names, client certificates, and that keys leave no trace."""

import os
import tempfile
from pathlib import Path

import pytest
from aiohttp import web

from fluxkit.kube import Client, ClusterConfig, errors
from fluxkit.kube.credentials import CertificateFiles, CertificatePair, Identity, StaticCredentials
from fluxkit.kube.tls import TLSConfig, build_context

from .pki import Authority, Pair, authority, encrypted, server_context, stranger
from .scripted import ScriptedServer, scripted


def as_user(pair: Pair) -> StaticCredentials:
    return StaticCredentials(Identity(certificate=CertificatePair(pair.certificate, pair.key)))


async def whoami(request: web.Request) -> web.StreamResponse:
    """The common name of the client's certificate."""
    assert request.transport is not None
    shown = request.transport.get_extra_info("peercert") or {}
    names = [value for part in shown.get("subject", ()) for key, value in part if key == "commonName"]
    return web.json_response({"user": names})


async def ask(server: ScriptedServer, tls: TLSConfig, **options: object) -> bytes:
    server.on("GET", "/whoami", whoami)
    async with Client(ClusterConfig(server=server.url, tls=tls, **options)) as client:  # type: ignore[arg-type]
        return await client.raw("GET", "/whoami")


async def test_the_given_authority_is_trusted_and_no_other(tmp_path: Path) -> None:
    context = server_context(tmp_path, authority().server("127.0.0.1"))
    ca_file = tmp_path / "ca.crt"
    ca_file.write_bytes(authority().pem)
    async with scripted(tls=context) as server:
        assert await ask(server, TLSConfig(ca=authority().pem)) == b'{"user": []}'
        assert await ask(server, TLSConfig(ca_file=str(ca_file)))
        assert await ask(server, TLSConfig(insecure=True))
        for config in (TLSConfig(ca=stranger().pem), TLSConfig()):
            with pytest.raises(errors.ConnectionFailed, match="certificate is not trusted: ") as caught:
                await ask(server, config)
            assert caught.value.permanent
            assert not caught.value.sent


async def test_an_intermediate_authority_may_be_the_one_that_is_trusted(tmp_path: Path) -> None:
    intermediate = Authority("intermediate", above=authority())
    async with scripted(tls=server_context(tmp_path, intermediate.server("127.0.0.1"))) as server:
        assert await ask(server, TLSConfig(ca=intermediate.pem))


async def test_server_name(tmp_path: Path) -> None:
    context = server_context(tmp_path, authority().server("kubernetes.default"))
    async with scripted(tls=context) as server:
        assert await ask(server, TLSConfig(ca=authority().pem, server_name="kubernetes.default"))
        with pytest.raises(errors.ConnectionFailed, match="not trusted: IP address mismatch"):
            await ask(server, TLSConfig(ca=authority().pem))


async def test_client_certificates_and_their_rotation(tmp_path: Path) -> None:
    context = server_context(tmp_path, authority().server("127.0.0.1"), clients=authority().pem)
    tls = TLSConfig(ca=authority().pem)
    certificate, key = tmp_path / "client.crt", tmp_path / "client.key"

    def rotate(user: str) -> None:
        pair = authority().client(user)
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)

    async with scripted(tls=context) as server:
        assert await ask(server, tls, credentials=as_user(authority().client("jane"))) == b'{"user": ["jane"]}'
        with pytest.raises(errors.ConnectionFailed):
            await ask(server, tls, credentials=as_user(stranger().client("mallory")))
        with pytest.raises(errors.ConnectionFailed):
            await ask(server, tls)
        rotate("first")
        credentials = CertificateFiles(certificate, key)
        server.on("GET", "/whoami", whoami)
        async with Client(ClusterConfig(server=server.url, tls=tls, credentials=credentials)) as client:
            assert await client.raw("GET", "/whoami") == b'{"user": ["first"]}'
            rotate("second")
            assert await client.raw("GET", "/whoami") == b'{"user": ["first"]}'
            credentials.reject(Identity())  # what a 401 does: the next request reads the files again
            assert await client.raw("GET", "/whoami") == b'{"user": ["second"]}'


@pytest.mark.parametrize("memory", [True, False])
def test_keys_leave_no_file_behind(memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not memory:
        monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pair = authority().client("jane")
    descriptors = set(os.listdir("/proc/self/fd"))
    build_context(TLSConfig(ca=authority().pem), CertificatePair(pair.certificate, pair.key))
    assert list(tmp_path.iterdir()) == []
    assert set(os.listdir("/proc/self/fd")) == descriptors


def test_what_cannot_be_used_is_named_without_being_shown() -> None:
    pair, other = authority().client("jane"), authority().client("joe")
    cases = [
        (CertificatePair(pair.certificate, other.key), "KEY_VALUES_MISMATCH"),
        (CertificatePair(pair.certificate, b"secret nonsense"), "client certificate and key: cannot be used"),
        (CertificatePair(b"secret nonsense", pair.key), "client certificate and key: cannot be used"),
        (CertificatePair(pair.certificate, encrypted(pair.key)), "encrypted with a passphrase"),
    ]
    for broken, expected in cases:
        with pytest.raises(errors.ConfigError, match=expected) as caught:
            build_context(TLSConfig(), broken)
        assert "secret" not in str(caught.value)
        assert "PRIVATE" not in repr(caught.value)
    with pytest.raises(errors.ConfigError, match="certificate-authority-data: not a PEM"):
        build_context(TLSConfig(ca=b"nonsense"))
    with pytest.raises(errors.ConfigError, match=r"/nowhere/ca\.crt: No such file"):
        build_context(TLSConfig(ca_file="/nowhere/ca.crt"))


async def test_plain_http_behind_https_is_said() -> None:
    async with scripted() as server:
        server.url = server.url.replace("http:", "https:")
        with pytest.raises(errors.ConnectionFailed, match="TLS handshake failed"):
            await ask(server, TLSConfig(insecure=True))
