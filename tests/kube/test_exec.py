"""Credential plugins, as real programs."""

import base64
import json
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fluxkit.kube import Client, ClusterConfig, errors
from fluxkit.kube.credentials import CertificatePair, Identity

from .scripted import answer, scripted, status

API = "client.authentication.k8s.io/v1"


class Plugin:
    """A program that prints what the test wrote into ``answer`` and notes each call."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "plugin"
        self.path.write_text(
            f"#!{sys.executable}\n"
            "import json, os, pathlib, sys\n"
            f"here = pathlib.Path({str(directory)!r})\n"
            "with open(here / 'calls', 'a') as calls:\n"
            "    info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
            "    call = {'args': sys.argv[1:], 'extra': os.environ.get('EXTRA'), 'info': info}\n"
            "    calls.write(json.dumps(call) + '\\n')\n"
            "sys.stdout.write((here / 'answer').read_text())\n"
            "sys.exit(int((here / 'code').read_text()))\n"
        )
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)
        self.exits(0)

    def exits(self, code: int) -> None:
        (self.directory / "code").write_text(str(code))

    def says(self, text: str) -> None:
        (self.directory / "answer").write_text(text)

    def gives(self, **status: Any) -> None:
        self.says(json.dumps({"apiVersion": API, "kind": "ExecCredential", "status": status}))

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.directory / "calls").read_text().splitlines()]

    def config(self, server: str = "https://prod", **plugin: Any) -> ClusterConfig:
        entry = {"apiVersion": API, "command": "./plugin", "args": [str(self.directory)], **plugin}
        return ClusterConfig.from_kubeconfig(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority-data": _b64("CA")}}],
                "users": [{"name": "u", "user": {"exec": entry}}],
            },
            base_dir=self.directory,
        )


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def at(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_token_is_kept_and_shared_until_it_expires(plugin: Plugin) -> None:
    plugin.gives(token="one", expirationTimestamp=at(3600))
    config = plugin.config(env=[{"name": "EXTRA", "value": "x"}])
    assert await config.credentials.identity() == Identity("Bearer one")
    again = plugin.config(env=[{"name": "EXTRA", "value": "x"}])
    assert await again.credentials.identity() == Identity("Bearer one")
    (call,) = plugin.calls
    assert call["args"] == [str(plugin.directory)]
    assert call["extra"] == "x"
    assert call["info"] == {"apiVersion": API, "kind": "ExecCredential", "spec": {"interactive": False}}


async def test_an_expired_token_is_asked_for_again(plugin: Plugin) -> None:
    plugin.gives(token="one", expirationTimestamp=at(-1))
    config = plugin.config()
    assert await config.credentials.identity() == Identity("Bearer one")
    plugin.gives(token="two", expirationTimestamp=at(3600))
    assert await config.credentials.identity() == Identity("Bearer two")
    assert len(plugin.calls) == 2


async def test_a_refused_token_is_asked_for_again_even_for_a_write(plugin: Plugin) -> None:
    plugin.gives(token="one")
    async with scripted() as server:
        config = plugin.config(server.url)
        await config.credentials.identity()
        plugin.gives(token="two")
        server.on("POST", "/x", answer(status(401, "Unauthorized"), 401), answer({"ok": True}))
        async with Client(config) as client:
            assert await client.raw("POST", "/x", body=b"{}") == b'{"ok":true}'
            used = [seen.headers["Authorization"] for seen in server.asked("POST", "/x")]
            assert used == ["Bearer one", "Bearer two"]
            # A token that stays refused is not asked for without end.
            server.on("POST", "/x", answer(status(401, "Unauthorized"), 401))
            with pytest.raises(errors.Unauthorized):
                await client.raw("POST", "/x", body=b"{}")
            assert len(server.asked("POST", "/x")) == 4


async def test_certificates_and_cluster_info(plugin: Plugin) -> None:
    plugin.gives(clientCertificateData="CERT", clientKeyData="KEY")
    config = plugin.config(provideClusterInfo=True)
    assert await config.credentials.identity() == Identity(certificate=CertificatePair(b"CERT", b"KEY"))
    assert plugin.calls[0]["info"]["spec"]["cluster"] == {
        "server": "https://prod",
        "certificate-authority-data": _b64("CA"),
    }


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("s3cret", 0, "printed something that is not JSON"),
        ('{"kind": "Other", "x": "s3cret"}', 0, "not an ExecCredential"),
        (json.dumps({"apiVersion": API, "kind": "ExecCredential"}), 0, "gave no status"),
        (json.dumps({"apiVersion": "other/v1", "kind": "ExecCredential"}), 0, "another apiVersion"),
        (json.dumps({"apiVersion": API, "kind": "ExecCredential", "status": {}}), 0, "neither a token nor"),
        (json.dumps({"apiVersion": API, "kind": "ExecCredential", "status": {"token": 5}}), 0, "is not a string"),
        (
            json.dumps({"apiVersion": API, "kind": "ExecCredential", "status": {"clientKeyData": "s3cret"}}),
            0,
            "only one of clientCertificateData and clientKeyData",
        ),
        (
            json.dumps(
                {"apiVersion": API, "kind": "ExecCredential", "status": {"token": "s3cret", "expirationTimestamp": "x"}}
            ),
            0,
            "not an RFC 3339 time",
        ),
        ("s3cret", 3, "failed with exit code 3"),
    ],
)
async def test_plugins_that_fail_are_named_and_never_quoted(
    plugin: Plugin, text: str, code: int, expected: str
) -> None:
    plugin.says(text)
    plugin.exits(code)
    with pytest.raises(errors.ConfigError, match=expected) as caught:
        await plugin.config().credentials.identity()
    assert f'users[u].user.exec: credential plugin "{plugin.path}"' in str(caught.value).replace("/./", "/")
    assert "s3cret" not in str(caught.value)


async def test_plugins_that_cannot_be_run(plugin: Plugin) -> None:
    with pytest.raises(errors.ConfigError, match=r"executable not found on PATH\. Install it with care"):
        await plugin.config(command="no-such-plugin", installHint="Install it with care\n").credentials.identity()
    plugin.path.chmod(0o600)
    with pytest.raises(errors.ConfigError, match="cannot be run: Permission denied"):
        await plugin.config().credentials.identity()
    with pytest.raises(errors.ConfigError, match="needs a terminal"):
        await plugin.config(interactiveMode="Always").credentials.identity()
    with pytest.raises(errors.ConfigError, match="interactiveMode"):
        plugin.config(interactiveMode="Sometimes")


async def test_a_plugin_that_hangs_is_ended(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fluxkit.kube.exec._TIMEOUT", 0.2)
    plugin.path.write_text(f"#!{sys.executable}\nimport threading\nthreading.Event().wait()\n")
    with pytest.raises(errors.ConfigError, match="did not answer within"):
        await plugin.config().credentials.identity()
