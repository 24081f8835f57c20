"""A real control plane on this machine, for as long as a context lasts: etcd, kube-apiserver, controller manager.

The programs are those that ``tools/control_plane.py`` builds. Everything listens on loopback and lives in a directory
of its own; the API server knows one administrator, by token.
"""

import base64
import contextlib
import json
import secrets
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

__all__ = ["Reference", "programs", "reference_control_plane"]

_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
_ADMINISTRATOR = "admin"
_DEADLINE = 120.0
_PAUSE = 0.1


def programs() -> Path:
    """The directory of the programs; builds them where they are missing, which takes Go and some minutes."""
    tools = Path(__file__).parents[3] / "tools"
    if not all((tools / "bin" / name).exists() for name in _PROGRAMS):
        subprocess.run([sys.executable, str(tools / "control_plane.py")], check=True)
    return tools / "bin"


@dataclass(frozen=True)
class Reference:
    """A running control plane."""

    server: str
    token: str
    kubeconfig: Path
    etcd: str
    """Address of etcd; empty for a cluster that somebody else runs."""

    def compact(self) -> None:
        """Makes etcd forget every revision before the current one."""
        current = self._etcd("/v3/kv/range", {"key": base64.b64encode(b"\0").decode(), "limit": 1})
        self._etcd("/v3/kv/compaction", {"revision": current["header"]["revision"], "physical": True})

    def _etcd(self, path: str, body: object) -> dict[str, dict[str, str]]:
        request = urllib.request.Request(self.etcd + path, json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, dict[str, str]] = json.load(response)
        return answer


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            found.append(int(listener.getsockname()[1]))
    return found


def _signing_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.write_bytes(pem)


def _kubeconfig(path: Path, server: str, token: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "reference", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
        "users": [{"name": _ADMINISTRATOR, "user": {"token": token}}],
        "contexts": [{"name": "reference", "context": {"cluster": "reference", "user": _ADMINISTRATOR}}],
        "current-context": "reference",
    }
    path.write_text(json.dumps(document))


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    deadline = time.monotonic() + _DEADLINE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5, context=context):
                return
        except (OSError, urllib.error.URLError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{url} does not become ready:\n{log.read_text()[-2000:]}") from None
            time.sleep(_PAUSE)


@contextlib.contextmanager
def reference_control_plane(
    programs: Path, directory: Path, *, controllers: bool = False, admission: Sequence[str] = ()
) -> Iterator[Reference]:
    """A fresh cluster without nodes; ``admission`` names plugins that are disabled.

    Raises ``RuntimeError`` with the end of a log when a program does not become ready.
    """
    etcd_port, peer_port, port, manager_port = _free_ports(4)
    etcd = f"http://127.0.0.1:{etcd_port}"
    peers = f"http://127.0.0.1:{peer_port}"
    server = f"https://127.0.0.1:{port}"
    token = secrets.token_hex(16)
    (directory / "tokens.csv").write_text(f'{token},{_ADMINISTRATOR},{_ADMINISTRATOR},"system:masters"\n')
    signing, kubeconfig, certificates = directory / "sa.key", directory / "kubeconfig", directory / "pki"
    _signing_key(signing)
    _kubeconfig(kubeconfig, server, token)
    with contextlib.ExitStack() as stack:

        def start(name: str, ready: str, *arguments: str) -> None:
            log = directory / f"{name}.log"
            stream = stack.enter_context(log.open("wb"))
            process = subprocess.Popen([programs / name, *arguments], stdout=stream, stderr=stream, cwd=directory)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            _wait(process, ready, log)

        start(
            "etcd",
            f"{etcd}/health",
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        )
        start(
            "kube-apiserver",
            f"{server}/readyz",
            f"--etcd-servers={etcd}",
            f"--secure-port={port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={certificates}",
            f"--token-auth-file={directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--allow-privileged",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={signing}",
            f"--service-account-signing-key-file={signing}",
            *([f"--disable-admission-plugins={','.join(admission)}"] if admission else []),
        )
        if controllers:
            start(
                "kube-controller-manager",
                f"https://127.0.0.1:{manager_port}/healthz",
                f"--kubeconfig={kubeconfig}",
                f"--secure-port={manager_port}",
                "--bind-address=127.0.0.1",
                f"--cert-dir={directory / 'manager'}",
                f"--service-account-private-key-file={signing}",
                f"--root-ca-file={certificates / 'apiserver.crt'}",
                "--leader-elect=false",
                "--controllers=*,-node-lifecycle-controller",
            )
        yield Reference(server, token, kubeconfig, etcd)
