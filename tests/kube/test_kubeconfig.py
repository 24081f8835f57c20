"""kubeconfig files: where they are looked for, how they merge, what they mean, and what tenants may put into them."""

import base64
from pathlib import Path
from typing import Any

import pytest

from fluxkit import yaml
from fluxkit.kube import ClusterConfig, errors
from fluxkit.kube.config import Impersonation
from fluxkit.kube.credentials import (
    CertificateFiles,
    CertificatePair,
    Combined,
    Identity,
    StaticCredentials,
    TokenFile,
    basic,
    bearer,
)
from fluxkit.kube.exec import ExecCredentials

SECRET = "s3cr3t-value"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def document(
    user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None, **context: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "prod", "user": "jane", **context}}],
        "clusters": [{"name": "prod", "cluster": {"server": "https://prod:6443", **(cluster or {})}}],
        "users": [{"name": "jane", "user": user or {}}],
    }


def load(path: Path, **environ: str) -> ClusterConfig:
    return ClusterConfig.load(environ={"HOME": str(path.parent), **environ})


def written(path: Path, doc: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.dump(doc))
    return path


def test_cluster_fields() -> None:
    config = ClusterConfig.from_kubeconfig(
        document(
            cluster={
                "server": "https://prod:6443/clusters/c-1/",
                "certificate-authority-data": b64("PEM"),
                "tls-server-name": "kubernetes",
                "proxy-url": "http://proxy:3128",
                "disable-compression": True,
            },
            namespace="apps",
        )
    )
    assert config.server == "https://prod:6443/clusters/c-1"
    assert (config.context, config.namespace) == ("main", "apps")
    assert config.tls.ca == b"PEM"
    assert config.tls.server_name == "kubernetes"
    assert config.proxy_url == "http://proxy:3128"
    assert config.compression is False
    assert config.tls.insecure is False
    plain = ClusterConfig.from_kubeconfig(document())
    assert (plain.namespace, plain.compression, plain.credentials) == ("default", True, StaticCredentials())


async def test_users() -> None:
    async def identity(user: dict[str, Any]) -> Identity:
        return await ClusterConfig.from_kubeconfig(document(user)).credentials.identity()

    assert await identity({"token": SECRET}) == bearer(SECRET)
    assert await identity({"username": "jane", "password": SECRET}) == basic("jane", SECRET)
    pair = {"client-certificate-data": b64("CERT"), "client-key-data": b64("KEY")}
    assert await identity(pair) == Identity(certificate=CertificatePair(b"CERT", b"KEY"))
    both = await identity({**pair, "token": SECRET})
    assert both == Identity(f"Bearer {SECRET}", CertificatePair(b"CERT", b"KEY"))


async def test_files_are_relative_to_the_kubeconfig_and_read_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    user = {"tokenFile": "token", "token": "not this", "client-certificate": "crt", "client-key": "key"}
    written(home / ".kube" / "config", document(user, {"certificate-authority": "../ca.crt"}))
    for name in ("token", "crt", "key"):
        (home / ".kube" / name).write_text(f"the {name}\n")
    config = ClusterConfig.load(environ={"HOME": str(home)})
    assert config.tls.ca_file == str(home / ".kube" / "../ca.crt")
    assert isinstance(config.credentials, Combined)
    identity = await config.credentials.identity()
    assert identity == Identity("Bearer the token", CertificatePair(b"the crt\n", b"the key\n"))
    (home / ".kube" / "token").write_text("rotated")
    assert config.credentials.reject(identity) is True
    assert (await config.credentials.identity()).authorization == "Bearer rotated"
    assert config.credentials.reject(await config.credentials.identity()) is False


def test_impersonation_of_a_trusted_kubeconfig() -> None:
    user = {"as": "admin", "as-groups": ["a", "b"], "as-uid": "7", "as-user-extra": {"team": ["x"]}}
    config = ClusterConfig.from_kubeconfig(document(user))
    assert config.impersonate == Impersonation("admin", ("a", "b"), "7", (("team", ("x",)),))
    assert config.impersonating("bob").impersonate == Impersonation("bob")


def test_order_of_places(tmp_path: Path) -> None:
    explicit = written(tmp_path / "explicit", document(cluster={"server": "https://explicit"}))
    named = written(tmp_path / "named", document(cluster={"server": "https://named"}))
    written(tmp_path / ".kube" / "config", document(cluster={"server": "https://home"}))
    environ = {"HOME": str(tmp_path), "KUBECONFIG": str(named)}
    assert ClusterConfig.load(str(explicit), environ=environ).server == "https://explicit"
    assert ClusterConfig.load(environ=environ).server == "https://named"
    assert ClusterConfig.load(environ={"HOME": str(tmp_path)}).server == "https://home"
    with pytest.raises(errors.ConfigError, match="absent: does not exist"):
        ClusterConfig.load(str(tmp_path / "absent"), environ=environ)
    with pytest.raises(errors.ConfigError, match=r"no Kubernetes configuration: .*\.kube/config does not exist"):
        ClusterConfig.load(environ={"HOME": str(tmp_path / "nobody")})


def test_merging(tmp_path: Path) -> None:
    one = {
        "contexts": [{"name": "one", "context": {"cluster": "a", "user": "u", "namespace": "first"}}],
        "clusters": [{"name": "a", "cluster": {"server": "https://a-of-one"}}],
    }
    two = {
        "current-context": "two",
        "contexts": [
            {"name": "one", "context": {"cluster": "b", "user": "u"}},
            {"name": "two", "context": {"cluster": "b", "user": "u"}},
        ],
        "clusters": [
            {"name": "a", "cluster": {"server": "https://a-of-two"}},
            {"name": "b", "cluster": {"server": "https://b"}},
        ],
        "users": [{"name": "u", "user": {"tokenFile": "token"}}],
    }
    paths = [written(tmp_path / "x" / "one", one), tmp_path / "absent", written(tmp_path / "y" / "two", two)]
    environ = {"KUBECONFIG": ":".join(map(str, paths))}
    assert ClusterConfig.load(environ=environ).server == "https://b"
    chosen = ClusterConfig.load(context="one", environ=environ)
    assert (chosen.server, chosen.namespace) == ("https://a-of-one", "first")
    assert repr(chosen.credentials) == f"TokenFile('{tmp_path / 'y' / 'token'}')"
    assert ClusterConfig.load(context="one", cluster="b", environ=environ).server == "https://b"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"current-context": "other"}, 'kubeconfig: context "other" does not exist (there are: main)'),
        ({"current-context": ""}, "kubeconfig: current-context is not set (there are: main)"),
        ({"clusters": []}, 'kubeconfig: contexts[main].context: cluster "prod" does not exist'),
        ({"users": []}, 'kubeconfig: contexts[main].context: user "jane" does not exist'),
        ({"users": [{"user": {}}]}, "kubeconfig.users[0]: expected a mapping with name and user"),
        ({"users": {}}, "kubeconfig.users: expected a list, found a mapping"),
        ({"clusters": [{"name": "prod", "cluster": 5}]}, "clusters[prod].cluster: expected a mapping, found a number"),
        ({"clusters": [{"name": "prod", "cluster": {}}]}, "kubeconfig: clusters[prod].cluster.server: is required"),
        ({"kind": "Secret"}, 'kubeconfig: not a kubeconfig: kind is "Secret"'),
    ],
)
def test_broken_documents(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        ClusterConfig.from_kubeconfig({**document(), **change})
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"token": 5}, "users[jane].user.token: expected a string, found a number"),
        ({"client-certificate-data": SECRET + "!"}, "users[jane].user.client-certificate-data: is not base64"),
        ({"client-certificate-data": b64("x")}, "users[jane].user.client-key: is required"),
        ({"client-key": "x"}, "users[jane].user.client-certificate: is required"),
        ({"tokenFile": "x", "username": "u", "password": SECRET}, "exclude each other"),
        ({"auth-provider": {"name": "gcp"}}, '"gcp" is not supported; use an exec plugin'),
        ({"exec": {"command": "x"}}, 'users[jane].user.exec.apiVersion: "" is not one of'),
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}, "users[jane].user.exec.command: is required"),
        ({"as": "x", "as-groups": "g"}, "users[jane].user.as-groups: expected a list of strings"),
    ],
)
def test_broken_users(user: dict[str, Any], expected: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        ClusterConfig.from_kubeconfig(document(user))
    assert expected in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "server",
    ["prod:6443", "ftp://prod", "https://", f"https://jane:{SECRET}@prod", f"https://prod?token={SECRET}"],
)
def test_addresses_that_are_none(server: str) -> None:
    with pytest.raises(errors.ConfigError, match='server "') as caught:
        ClusterConfig(server=server)
    assert SECRET not in str(caught.value)


def test_a_file_that_is_not_yaml_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(f"users:\n- name: jane\n  user: {{token: {SECRET}\n  - [\n")
    with pytest.raises(errors.ConfigError, match=r"config: line \d+: is not valid YAML") as caught:
        ClusterConfig.load(str(path))
    assert SECRET not in str(caught.value)


def test_in_cluster(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(errors.ConfigError, match="token does not exist"):
        ClusterConfig.in_cluster(environ=environ, service_account_dir=tmp_path)
    (tmp_path / "token").write_text(SECRET)
    (tmp_path / "ca.crt").write_text("PEM")
    (tmp_path / "namespace").write_text("flux-system\n")
    config = ClusterConfig.in_cluster(environ=environ, service_account_dir=tmp_path)
    assert (config.server, config.namespace) == ("https://[fd00::1]:443", "flux-system")
    assert config.tls.ca_file == str(tmp_path / "ca.crt")
    assert isinstance(config.credentials, TokenFile)
    with pytest.raises(errors.ConfigError, match="KUBERNETES_SERVICE_HOST"):
        ClusterConfig.in_cluster(environ={}, service_account_dir=tmp_path)


# Kubeconfigs of tenants

EVERYTHING_USER = {
    "tokenFile": "/etc/token",
    "client-certificate": "/etc/crt",
    "client-key": "/etc/key",
    "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/steal"},
    "auth-provider": {"name": "gcp", "config": {"cmd-path": "/bin/steal"}},
    "as": "admin",
    "as-groups": ["system:masters"],
}
EVERYTHING_CLUSTER = {"certificate-authority": "/etc/ca", "insecure-skip-tls-verify": True}


@pytest.mark.contract("RUN-144")
async def test_what_a_tenant_may_not_do_is_dropped() -> None:
    config = ClusterConfig.from_untrusted_kubeconfig(document(EVERYTHING_USER, EVERYTHING_CLUSTER))
    assert config.credentials == StaticCredentials()
    assert config.impersonate is None
    assert config.tls.ca_file == ""
    assert config.tls.insecure is False
    assert config.timeout == 30


@pytest.mark.contract("RUN-144")
async def test_what_a_tenant_may_do_is_kept() -> None:
    allowed_user = {
        "token": SECRET,
        "client-certificate-data": b64("CERT"),
        "client-key-data": b64("KEY"),
    }
    allowed_cluster = {
        "server": "https://prod:6443/path",
        "tls-server-name": "name",
        "certificate-authority-data": b64("PEM"),
        "proxy-url": "http://proxy:1",
    }
    config = ClusterConfig.from_untrusted_kubeconfig(
        document({**EVERYTHING_USER, **allowed_user}, {**EVERYTHING_CLUSTER, **allowed_cluster})
    )
    assert config.server == "https://prod:6443/path"
    assert (config.tls.server_name, config.tls.ca, config.proxy_url) == ("name", b"PEM", "http://proxy:1")
    expected = Identity(f"Bearer {SECRET}", CertificatePair(b"CERT", b"KEY"))
    assert await config.credentials.identity() == expected
    basic_config = ClusterConfig.from_untrusted_kubeconfig(
        document({"username": "jane", "password": SECRET, "tokenFile": "/etc/token"})
    )
    assert await basic_config.credentials.identity() == basic("jane", SECRET)


@pytest.mark.contract("RUN-144")
def test_switches_for_tenants() -> None:
    doc = document(EVERYTHING_USER, EVERYTHING_CLUSTER)
    assert ClusterConfig.from_untrusted_kubeconfig(doc, allow_insecure_tls=True).tls.insecure is True
    with_exec = ClusterConfig.from_untrusted_kubeconfig(doc, allow_exec=True)
    assert isinstance(with_exec.credentials, ExecCredentials)
    assert with_exec.tls.insecure is False


def test_nothing_secret_is_printed(tmp_path: Path) -> None:
    user = {"token": SECRET, "client-certificate-data": b64(SECRET), "client-key-data": b64(SECRET)}
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "aws",
        "args": ["--token", SECRET],
        "env": [{"name": "KEY", "value": SECRET}],
    }
    configs = [
        ClusterConfig.from_kubeconfig(document(user, {"proxy-url": f"http://u:{SECRET}@proxy"})),
        ClusterConfig.from_kubeconfig(document({"username": "u", "password": SECRET})),
        ClusterConfig.from_kubeconfig(document({"exec": plugin})),
    ]
    for config in configs:
        shown = f"{config!r} {config} {config.credentials!r}"
        assert SECRET not in shown
        assert b64(SECRET) not in shown
        assert b64(f"u:{SECRET}") not in shown
    assert "Identity(authorization=set" in repr(bearer(SECRET))
    assert SECRET not in repr(CertificateFiles(SECRET.encode(), SECRET.encode()))
    assert SECRET not in repr(CertificatePair(SECRET.encode(), SECRET.encode()))
