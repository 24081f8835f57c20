"""``create ... --export``: manifests without any cluster."""

import pytest

from tests.cli.conftest import Flux

GIT = ("create", "source", "git", "podinfo", "--export")
URL = "--url=https://example.com/podinfo"
KS = ("create", "kustomization", "podinfo", "--export", "--source=podinfo")


def spec_of(output: str) -> str:
    return output.partition("\nspec:\n")[2]


@pytest.mark.contract("CLI-100", "CLI-118", "CLI-119")
def test_a_git_source(flux: Flux) -> None:
    outcome = flux(*GIT, URL, "--branch=master", "--interval=1m", "--label=team=web,tier=front", "--label=env=dev")
    assert (outcome.code, outcome.err) == (0, "")
    assert (
        outcome.out
        == """---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  labels:
    env: dev
    team: web
    tier: front
  name: podinfo
  namespace: flux-system
spec:
  interval: 1m0s
  ref:
    branch: master
  url: https://example.com/podinfo
"""
    )


@pytest.mark.parametrize(
    ("flags", "reference"),
    [
        (("--branch=b", "--tag=t"), "tag: t"),
        (("--tag=t", "--tag-semver=1.x"), "semver: 1.x"),
        (("--tag-semver=1.x", "--ref-name=refs/pull/1/head"), "name: refs/pull/1/head"),
        (("--ref-name=r", "--commit=c88a2f41"), "commit: c88a2f41"),
        (("--branch=main", "--commit=c88a2f41", "--tag=t"), "branch: main\n    commit: c88a2f41"),
    ],
)
@pytest.mark.contract("CLI-119")
def test_precedence_of_git_references(flux: Flux, flags: tuple[str, ...], reference: str) -> None:
    assert f"  ref:\n    {reference}\n  url" in flux(*GIT, URL, *flags).out


@pytest.mark.contract("CLI-117", "CLI-118")
def test_everything_a_git_source_can_say(flux: Flux) -> None:
    outcome = flux(
        *GIT, URL, "--branch=main", "--fetch-timeout=90s", "--secret-ref=auth", "--proxy-secret-ref=proxy",
        "--provider=github", "--recurse-submodules", "--ignore-paths=a,b", "--sparse-checkout-paths=c",
    )  # fmt: skip
    assert (
        spec_of(outcome.out)
        == """  ignore: |-
    a
    b
  interval: 1m0s
  provider: github
  proxySecretRef:
    name: proxy
  recurseSubmodules: true
  ref:
    branch: main
  secretRef:
    name: auth
  sparseCheckout:
  - c
  timeout: 1m30s
  url: https://example.com/podinfo
"""
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "url is required"),
        (("--url=ftp://x/y", "--branch=b"), "git URL scheme 'ftp' not supported, can be: ssh, http and https"),
        ((URL,), "a Git ref is required, use one of the following: --branch, --tag, --commit, --ref-name or "
         "--tag-semver"),
        (("--url=ssh://git@x/y", "--branch=b", "--ca-file=ca.crt"),
         "specifying a CA file is not supported for Git over SSH"),
        ((URL, "--branch=b", "--label=a"), "invalid label format 'a', must be key=value"),
        ((URL, "--branch=b", "--label=-a=b"), "invalid label '-a': "),
        ((URL, "--branch=b", "--label=a=-b"), "invalid label value '-b': "),
        ((URL, "--branch=b", "--provider=gcp"), 'invalid argument "gcp" for "--provider" flag: source Git provider '
         "'gcp' is not supported, must be one of: generic|azure|github|aws"),
    ],
)  # fmt: skip
@pytest.mark.contract("CLI-098", "CLI-119")
def test_git_sources_that_are_refused(flux: Flux, flags: tuple[str, ...], message: str) -> None:
    outcome = flux(*GIT, *flags)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"✗ {message}")


@pytest.mark.parametrize("name", ["x", "a.b", "Upper", "-a", "a" * 64])
@pytest.mark.contract("CLI-099")
def test_names_that_are_refused(flux: Flux, name: str) -> None:
    outcome = flux("create", "source", "git", URL, "--branch=b", "--export", "--", name)
    assert outcome.err == (
        f"✗ name '{name}' is invalid, it should adhere to standard defined in RFC 1123, the name can only contain "
        "alphanumeric characters or '-'\n"
    )
    assert flux("create", "source", "git", URL, "--branch=b", "--export").err == "✗ name is required\n"


@pytest.mark.contract("CLI-100", "CLI-105")
def test_a_kustomization_as_tutorials_write_it(flux: Flux) -> None:
    outcome = flux(
        "create", "kustomization", "podinfo", "--target-namespace=default", "--source=podinfo", "--path=./kustomize",
        "--prune=true", "--interval=10m", "--export",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    assert (
        outcome.out
        == """---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: podinfo
  namespace: flux-system
spec:
  interval: 10m0s
  path: ./kustomize
  prune: true
  sourceRef:
    kind: GitRepository
    name: podinfo
  targetNamespace: default
"""
    )


@pytest.mark.contract("CLI-028", "CLI-105", "CLI-106", "RUN-129")
def test_everything_a_kustomization_can_say(flux: Flux) -> None:
    outcome = flux(
        *KS[:-1], "--source=OCIRepository/podinfo.sources", "--path=../deploy", "--depends-on=infra,other/db@dep.ok",
        "--service-account=sa", "--decryption-provider=sops", "--decryption-secret=keys", "--retry-interval=2m",
        "--kubeconfig-secret-ref=remote", "--health-check=Deployment/a.b", "--health-check=HelmRelease/c.d",
        "--health-check-timeout=3m",
    )  # fmt: skip
    assert (
        spec_of(outcome.out)
        == """  decryption:
    provider: sops
    secretRef:
      name: keys
  dependsOn:
  - name: infra
  - name: db
    namespace: other
    readyExpr: dep.ok
  healthChecks:
  - kind: Deployment
    name: a
    namespace: b
  - apiVersion: helm.toolkit.fluxcd.io/v2
    kind: HelmRelease
    name: c
    namespace: d
  interval: 1m0s
  kubeConfig:
    secretRef:
      name: remote
  path: ./deploy
  prune: false
  retryInterval: 2m0s
  serviceAccountName: sa
  sourceRef:
    kind: OCIRepository
    name: podinfo
    namespace: sources
  timeout: 3m0s
"""
    )


@pytest.mark.contract("CLI-106")
def test_waiting_for_everything_replaces_health_checks(flux: Flux) -> None:
    text = spec_of(flux(*KS, "--wait", "--health-check=Deployment/a.b").out)
    assert "  timeout: 2m0s\n  wait: true\n" in text
    assert "healthChecks" not in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--health-check=Deployment",), "invalid health check 'Deployment' must be in the format "
         "'kind/name.namespace'"),
        (("--health-check=Deployment/a",), "invalid health check 'Deployment/a' must be in the format "
         "'kind/name.namespace'"),
        (("--health-check=Job/a.b",), "invalid health check kind 'Job' can be HelmRelease, Deployment, DaemonSet or "
         "StatefulSet"),
        (("--decryption-provider=vault",), 'invalid argument "vault" for "--decryption-provider" flag: decryption '
         "provider 'vault' is not supported, must be one of: sops"),
    ],
)  # fmt: skip
@pytest.mark.contract("CLI-106")
def test_kustomizations_that_are_refused(flux: Flux, flags: tuple[str, ...], message: str) -> None:
    outcome = flux(*KS, *flags)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == f"✗ {message}\n"


@pytest.mark.contract("CLI-106")
def test_a_kustomization_needs_a_source(flux: Flux) -> None:
    assert flux("create", "ks", "podinfo", "--export").err == "✗ source is required\n"


@pytest.mark.contract("CLI-106")
def test_the_deprecated_validation_is_ignored_with_a_word(flux: Flux) -> None:
    outcome = flux(*KS, "--validation=client")
    assert outcome.code == 0
    assert outcome.err.startswith("Flag --validation has been deprecated")
    assert "validation" not in outcome.out
