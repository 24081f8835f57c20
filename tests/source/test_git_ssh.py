"""Remotes over SSH, with a real sshd of our own on loopback."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fluxkit.api.source import GitReference
from fluxkit.source import GitAuth, GitAuthError, GitClient, GitError, GitTimeout, RefNotFound, RepositoryNotFound
from tests.source.conftest import Repository
from tests.source.proxy import Proxy

MAIN = GitReference(branch="main")
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))

pytestmark = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None, reason="needs sshd and ssh (Debian: openssh-server, openssh-client)"
)


def keygen(path: Path, passphrase: str = "", kind: str = "ed25519") -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-a", "1", "-N", passphrase, "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text()


@dataclass
class SSHServer:
    port: int
    directory: Path
    user: str

    def url(self, repository: Path) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{repository}"

    @property
    def host_key(self) -> str:
        return " ".join((self.directory / "host.pub").read_text().split()[:2])

    @property
    def known_hosts(self) -> bytes:
        return f"[127.0.0.1]:{self.port} {self.host_key}\n".encode()

    def auth(self, key: str = "client", *, known_hosts: bytes | None = None, password: str = "") -> GitAuth:
        known = self.known_hosts if known_hosts is None else known_hosts
        return GitAuth.ssh((self.directory / key).read_bytes(), known, password=password, username=self.user)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServer]:
    directory = tmp_path_factory.mktemp("sshd")
    keygen(directory / "host")
    keygen(directory / "stranger")
    public = [keygen(directory / "client"), keygen(directory / "locked", "opensesame")]
    (directory / "authorized_keys").write_text("".join(public))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (directory / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/authorized_keys\n"
        f"PidFile {directory}/pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nAcceptEnv GIT_PROTOCOL\n"
        "PermitRootLogin yes\nSubsystem sftp none\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    assert SSHD is not None
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(directory / "config")], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "Server listening" in line:
            break
    else:
        pytest.skip(f"sshd does not start here (exit status {process.wait()})")
    user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
    yield SSHServer(port, directory, user)
    process.terminate()
    process.wait()
    process.stderr.close()


@pytest.mark.contract("SRC-170")
async def test_branch_over_ssh(sshd: SSHServer, client: GitClient, repository: Repository, tmp_path: Path) -> None:
    first = repository.commit({"a.yaml": "1"})
    repository.tag("v1.0.0", first, annotated=True)
    remote = client.remote(sshd.url(repository.path), sshd.auth())
    resolved = await remote.resolve(MAIN)
    assert resolved.revision == f"main@sha1:{first}"
    await remote.checkout(resolved, tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "1"
    assert (await remote.resolve(GitReference(semver="1.x"))).revision == f"v1.0.0@sha1:{first}"
    assert list(client.mirrors.sessions.iterdir()) == []
    with pytest.raises(RefNotFound, match='refs/heads/gone"'):
        await remote.resolve(GitReference(branch="gone"))


@pytest.mark.contract("SRC-170", "SRC-171")
async def test_encrypted_key(sshd: SSHServer, client: GitClient, repository: Repository) -> None:
    repository.commit({"a.yaml": "1"})
    url = sshd.url(repository.path)
    await client.remote(url, sshd.auth("locked", password="opensesame")).resolve(MAIN)
    with pytest.raises(GitAuthError, match="is 'password' in the secret the passphrase of the key") as wrong:
        await client.remote(url, sshd.auth("locked", password="opensesamy")).resolve(MAIN)
    assert "opensesamy" not in str(wrong.value)


def hashed(sshd: SSHServer, tmp_path: Path) -> bytes:
    path = tmp_path / "hashed"
    path.write_bytes(sshd.known_hosts)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    return path.read_bytes()


@pytest.mark.parametrize("form", ["plain", "hashed", "wildcard", "authority"])
@pytest.mark.contract("SRC-172")
async def test_known_hosts_forms(
    sshd: SSHServer, client: GitClient, repository: Repository, tmp_path: Path, form: str
) -> None:
    repository.commit({"a.yaml": "1"})
    known = {
        "plain": sshd.known_hosts,
        "hashed": hashed(sshd, tmp_path),
        "wildcard": f"[127.0.0.*]:{sshd.port} {sshd.host_key}\n".encode(),
        "authority": b"# comment\n@cert-authority *.example.com ssh-ed25519 AAAA\n" + sshd.known_hosts,
    }[form]
    await client.remote(sshd.url(repository.path), sshd.auth(known_hosts=known)).resolve(MAIN)


@pytest.mark.parametrize("form", ["other host", "other key", "revoked", "negated", "other port"])
@pytest.mark.contract("SRC-172")
async def test_unlisted_host_is_refused(
    sshd: SSHServer, client: GitClient, repository: Repository, tmp_path: Path, form: str
) -> None:
    repository.commit({"a.yaml": "1"})
    stranger = " ".join((sshd.directory / "stranger.pub").read_text().split()[:2])
    address = f"[127.0.0.1]:{sshd.port}"
    known = {
        "other host": f"example.com {sshd.host_key}\n",
        "other key": f"{address} {stranger}\n",
        "revoked": f"@revoked {address} {sshd.host_key}\n{address} {sshd.host_key}\n",
        "negated": f"!127.0.0.1,!{address},* {sshd.host_key}\n",
        "other port": f"[127.0.0.1]:1 {sshd.host_key}\n",
    }[form]
    remote = client.remote(sshd.url(repository.path), sshd.auth(known_hosts=known.encode()))
    with pytest.raises(GitError, match="ssh: handshake failed: knownhosts: key") as caught:
        await remote.resolve(MAIN)
    assert ("mismatch" in str(caught.value)) == (form == "other key")


async def test_refused_key(sshd: SSHServer, client: GitClient, repository: Repository) -> None:
    repository.commit({"a.yaml": "1"})
    with pytest.raises(GitError, match="unable to authenticate"):
        await client.remote(sshd.url(repository.path), sshd.auth("stranger")).resolve(MAIN)


async def test_key_that_is_none(sshd: SSHServer, client: GitClient, repository: Repository) -> None:
    auth = GitAuth.ssh(b"-----BEGIN NONSENSE-----\n", sshd.known_hosts, username=sshd.user)
    with pytest.raises(GitError):
        await client.remote(sshd.url(repository.path), auth).resolve(MAIN)


async def test_users_keys_and_agent_are_not_consulted(
    sshd: SSHServer, client: GitClient, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"a.yaml": "1"})
    agent = subprocess.run(["ssh-agent", "-s"], check=True, capture_output=True, text=True).stdout
    socket_path, pid = (line.split("=", 1)[1].split(";", 1)[0] for line in agent.splitlines()[:2])
    monkeypatch.setenv("SSH_AUTH_SOCK", socket_path)
    subprocess.run(["ssh-add", "-q", str(sshd.directory / "client")], check=True)
    try:
        with pytest.raises(GitError, match="unable to authenticate"):
            await client.remote(sshd.url(repository.path), sshd.auth("stranger")).resolve(MAIN)
    finally:
        os.kill(int(pid), 15)


async def test_missing_repository(sshd: SSHServer, client: GitClient, repositories: Path) -> None:
    with pytest.raises(RepositoryNotFound, match="repository not found"):
        await client.remote(sshd.url(repositories / "absent.git"), sshd.auth()).resolve(MAIN)


@pytest.mark.contract("SRC-351")
async def test_silent_server_ends_at_the_timeout(client: GitClient, sshd: SSHServer) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"ssh://git@127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(GitTimeout, match="context deadline exceeded"):
            await client.remote(url, sshd.auth(), timeout=0.5).resolve(MAIN)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.contract("SRC-179")
async def test_ssh_through_a_proxy(
    sshd: SSHServer, client: GitClient, repository: Repository, proxy: Proxy, tmp_path: Path, scheme: str
) -> None:
    repository.commit({"a.yaml": "1"})
    address = f"{scheme}://ada:s%40cret@127.0.0.1:{proxy.port}"
    remote = client.remote(sshd.url(repository.path), sshd.auth(), proxy=address)
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "1"
    assert set(proxy.targets) == {f"127.0.0.1:{sshd.port}"}
    assert set(proxy.credentials) == {"ada:s@cret" if scheme == "socks5" else "YWRhOnNAY3JldA=="}
