"""TLS with private authorities and client certificates; HTTP and SOCKS5 proxies."""

import datetime
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fluxkit.api.source import GitReference
from fluxkit.source import GitAuth, GitAuthError, GitClient, GitError
from testbed.githttp import GitHTTPServer
from tests.source.conftest import Repository
from tests.source.proxy import Proxy

MAIN = GitReference(branch="main")


@dataclass(frozen=True)
class Identity:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def issue(name: str, issuer: Identity | None = None) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    signer = issuer or Identity(builder.sign(key, hashes.SHA256()), key)
    if issuer is not None:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(authority, critical=False)
    return Identity(builder.sign(signer.key, hashes.SHA256()), key)


@pytest.fixture(scope="module")
def authority() -> Identity:
    return issue("authority")


@pytest.fixture
async def secure(repositories: Path, authority: Identity, tmp_path: Path) -> AsyncIterator[GitHTTPServer]:
    """A server that wants a client certificate of our authority."""
    host = issue("127.0.0.1", authority)
    for name, content in (("crt", host.certificate_pem), ("key", host.key_pem), ("ca", authority.certificate_pem)):
        (tmp_path / f"server.{name}").write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    context.load_verify_locations(tmp_path / "server.ca")
    context.verify_mode = ssl.CERT_REQUIRED
    async with GitHTTPServer(repositories, tls=context) as running:
        yield running


@pytest.mark.contract("SRC-168", "SRC-349")
async def test_private_authority_and_client_certificate(
    secure: GitHTTPServer, client: GitClient, repository: Repository, authority: Identity, tmp_path: Path
) -> None:
    repository.commit({"a.yaml": "1"})
    url = secure.url("fleet.git")
    person = issue("ada", authority)
    data = {"ca.crt": authority.certificate_pem, "tls.crt": person.certificate_pem, "tls.key": person.key_pem}
    remote = client.remote(url, GitAuth.from_secret(url, data))
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "1"
    with pytest.raises(GitError, match="failed to verify certificate"):
        await client.remote(url, GitAuth.from_secret(url, {**data, "ca.crt": b""})).resolve(MAIN)
    with pytest.raises(GitError):
        await client.remote(url, GitAuth.from_secret(url, {"ca.crt": authority.certificate_pem})).resolve(MAIN)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"ca.crt": b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"}, "failed to parse CA"),
        ({"ca.crt": b"no certificate at all"}, "failed to parse CA"),
        ({"tls.crt": b"x", "tls.key": b"y"}, "failed to parse TLS certificate and key"),
    ],
)
@pytest.mark.contract("RUN-156")
async def test_unusable_tls_material(
    secure: GitHTTPServer, client: GitClient, data: dict[str, bytes], message: str
) -> None:
    url = secure.url("fleet.git")
    with pytest.raises(GitAuthError, match=message):
        await client.remote(url, GitAuth.from_secret(url, data)).resolve(MAIN)


# --- proxies ---


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.contract("SRC-179")
async def test_http_through_a_proxy(
    server: GitHTTPServer, client: GitClient, repository: Repository, proxy: Proxy, tmp_path: Path, scheme: str
) -> None:
    repository.commit({"a.yaml": "1"})
    remote = client.remote(server.url("fleet.git"), proxy=f"{scheme}://ada:s%40cret@127.0.0.1:{proxy.port}")
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "1"
    assert set(proxy.targets) == {server.address}
    assert set(proxy.credentials) == {"ada:s@cret" if scheme == "socks5" else "YWRhOnNAY3JldA=="}


@pytest.mark.contract("SRC-122")
async def test_environment_names_the_proxy_unless_the_object_does(
    server: GitHTTPServer,
    client: GitClient,
    repository: Repository,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    repository.commit({"a.yaml": "1"})
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    remote = client.remote(server.url("fleet.git"))
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    assert proxy.targets
    proxy.targets.clear()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    await remote.resolve(MAIN)
    assert proxy.targets == []
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with GitClient(tmp_path / "fresh") as fresh:
        own = fresh.remote(server.url("fleet.git"), proxy=f"http://127.0.0.1:{proxy.port}")
        await own.checkout(await own.resolve(MAIN), tmp_path / "own")
    assert set(proxy.targets) == {server.address}


async def test_proxy_that_is_down_is_named_without_its_credentials(server: GitHTTPServer, client: GitClient) -> None:
    for scheme in ("http", "socks5"):
        remote = client.remote(server.url("fleet.git"), proxy=f"{scheme}://ada:s%40cret@127.0.0.1:1")
        with pytest.raises(GitError, match=r"127\.0\.0\.1") as caught:
            await remote.resolve(MAIN)
        assert "cret" not in str(caught.value)
