"""suspend, resume, reconcile, delete, export and create, against a server and a stand-in for the controllers."""

from typing import Any

import pytest

from fluxkit import yaml
from tests.cli.cluster import GIT, KS, SHA1, Cluster, artifact, condition
from tests.cli.conftest import Flux

REQUESTED = "reconcile.fluxcd.io/requestedAt"
REVISION = f"main@sha1:{SHA1}"


@pytest.mark.contract("CLI-158", "CLI-159")
def test_suspend(flux: Flux, cluster: Cluster) -> None:
    cluster.kustomization("apps")
    cluster.kustomization("infra")
    ns = cluster.namespace
    outcome = flux("suspend", "ks", "apps", "nobody", "apps")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == (
        f"► suspending kustomization apps in {ns} namespace\n✔ kustomization suspended\n"
        f"✗ Kustomization nobody not found in {ns} namespace\nThere are: apps, infra\n"
    )
    assert cluster.get(KS, "apps")["spec"]["suspend"] is True
    assert "suspend" not in cluster.get(KS, "infra")["spec"]
    assert flux("suspend", "ks", "--all").err.count("✔") == 2
    assert cluster.get(KS, "infra")["spec"]["suspend"] is True
    outcome = flux("suspend", "source", "git", "--all")
    assert (outcome.code, outcome.err) == (1, "✗ no objects found\n")


def settle(obj: dict[str, Any]) -> dict[str, Any] | None:
    """What kustomize-controller writes once it has reconciled the current generation and request."""
    requested = obj["metadata"].get("annotations", {}).get(REQUESTED, "")
    status = obj.get("status") or {}
    generation = obj["metadata"]["generation"]
    if obj["spec"].get("suspend") or (
        status.get("observedGeneration") == generation and status.get("lastHandledReconcileAt", "") == requested
    ):
        return None
    return {
        "observedGeneration": generation,
        "lastHandledReconcileAt": requested,
        "lastAppliedRevision": REVISION,
        "conditions": [condition("True", f"Applied revision: {REVISION}", generation=generation)],
    }


@pytest.mark.contract("CLI-102", "CLI-160", "CLI-161")
def test_resume_waits_for_one_name(flux: Flux, cluster: Cluster) -> None:
    cluster.kustomization("apps", spec={"suspend": True})
    with cluster.controller(KS, settle):
        outcome = flux("resume", "ks", "apps", "--timeout=20s")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == (
        f"► resuming kustomization apps in {cluster.namespace} namespace\n✔ kustomization resumed\n"
        "◎ waiting for Kustomization reconciliation\n✔ Kustomization apps reconciliation completed\n"
        f"✔ applied revision {REVISION}\n"
    )
    assert "suspend" not in cluster.get(KS, "apps")["spec"]


@pytest.mark.contract("CLI-160", "CLI-162")
def test_resume_does_not_wait_for_several_unless_told(flux: Flux, cluster: Cluster) -> None:
    for name in ("b", "a"):
        cluster.kustomization(name, spec={"suspend": True})
    ns = cluster.namespace
    outcome = flux("resume", "ks", "b", "nobody", "a")
    assert outcome.code == 0
    assert outcome.err == (
        f"► resuming kustomization b in {ns} namespace\n✔ kustomization resumed\n"
        f"✗ Kustomization object 'b' not found in {ns} namespace\n"  # upstream names the first argument
        f"► resuming kustomization a in {ns} namespace\n✔ kustomization resumed\n"
    )
    with cluster.controller(KS, settle):
        outcome = flux("resume", "ks", "--all", "--wait", "--timeout=20s")
    assert outcome.err.splitlines()[-4:] == [
        "✔ Kustomization a reconciliation completed",
        f"✔ applied revision {REVISION}",
        "✔ Kustomization b reconciliation completed",
        f"✔ applied revision {REVISION}",
    ]
    assert flux("resume", "source", "git", "--all").err == f"✗ no GitRepository objects found in {ns} namespace\n"


@pytest.mark.contract("CLI-162")
def test_resume_reports_what_failed(flux: Flux, cluster: Cluster) -> None:
    cluster.kustomization("apps", spec={"suspend": True})
    stalled = [
        condition("False", "path not found", generation=2),
        condition("True", "path not found", type="Stalled", generation=2),
    ]
    with cluster.controller(
        KS,
        lambda obj: None if obj["spec"].get("suspend") or obj["status"].get("observedGeneration") == 2
        else {"observedGeneration": 2, "conditions": stalled},
    ):  # fmt: skip
        outcome = flux("resume", "ks", "apps", "--timeout=20s")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-2:] == [
        "✗ Kustomization apps reconciliation failed: path not found",
        "✗ reconciliation failed for 1 Kustomization(s)",
    ]


@pytest.mark.contract("CLI-152", "CLI-154", "CLI-155")
def test_reconcile(flux: Flux, cluster: Cluster) -> None:
    cluster.kustomization("apps")
    with cluster.controller(KS, settle):
        outcome = flux("reconcile", "kustomization", "apps", "--timeout=20s")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == (
        f"► annotating Kustomization apps in {cluster.namespace} namespace\n✔ Kustomization annotated\n"
        f"◎ waiting for Kustomization reconciliation\n✔ applied revision {REVISION}\n"
    )
    requested = cluster.get(KS, "apps")["metadata"]["annotations"][REQUESTED]
    assert requested[10] == "T"
    assert requested.endswith("Z") or requested[-6] in "+-"


def settle_source(obj: dict[str, Any]) -> dict[str, Any] | None:
    status = settle(obj)
    return status and {**status, "lastAppliedRevision": None, "artifact": artifact("main@sha1:new")}


@pytest.mark.contract("CLI-154")
def test_reconcile_with_source(flux: Flux, cluster: Cluster) -> None:
    cluster.git("fleet")
    cluster.kustomization("apps")
    with cluster.controller(GIT, settle_source), cluster.controller(KS, settle):
        outcome = flux("reconcile", "ks", "apps", "--with-source", "--timeout=20s")
    ns = cluster.namespace
    assert outcome.err == (
        f"► annotating GitRepository fleet in {ns} namespace\n✔ GitRepository annotated\n"
        "◎ waiting for GitRepository reconciliation\n✔ fetched revision main@sha1:new\n"
        f"► annotating Kustomization apps in {ns} namespace\n✔ Kustomization annotated\n"
        f"◎ waiting for Kustomization reconciliation\n✔ applied revision {REVISION}\n"
    )
    assert outcome.code == 0


@pytest.mark.contract("CLI-153", "CLI-157")
def test_reconcile_refuses(flux: Flux, cluster: Cluster) -> None:
    cluster.kustomization("asleep", spec={"suspend": True})
    outcome = flux("reconcile", "ks", "asleep")
    assert outcome.code == 1
    assert outcome.err.startswith("✗ resource is suspended\n")
    assert "flux resume kustomization asleep" in outcome.err
    external = {"sourceRef": {"kind": "ExternalArtifact", "name": "x"}}
    cluster.kustomization("external", spec=external)
    outcome = flux("reconcile", "ks", "external", "--with-source")
    assert outcome.err == "✗ cannot reconcile source of kind ExternalArtifact\n"
    assert REQUESTED not in cluster.get(KS, "external")["metadata"].get("annotations", {})


@pytest.mark.contract("CLI-155", "CLI-157")
def test_a_failed_attempt_ends_the_command_with_its_message(flux: Flux, cluster: Cluster) -> None:
    cluster.git("fleet")
    cluster.kustomization("apps")

    def fail(obj: dict[str, Any]) -> dict[str, Any] | None:
        requested = obj["metadata"].get("annotations", {}).get(REQUESTED, "")
        if not requested or obj.get("status", {}).get("lastHandledReconcileAt") == requested:
            return None
        conditions = [
            condition("False", "no such branch"),
            condition("True", "will retry", type="Reconciling", reason="ProgressingWithRetry"),
        ]
        return {"lastHandledReconcileAt": requested, "conditions": conditions}

    with cluster.controller(GIT, fail), cluster.controller(KS, fail):
        source = flux("reconcile", "ks", "apps", "--with-source", "--timeout=20s")
        alone = flux("reconcile", "ks", "apps", "--timeout=20s")
    assert source.code == alone.code == 1
    assert source.err.endswith("✗ GitRepository reconciliation failed: 'no such branch'\n")
    assert "annotating Kustomization" not in source.err
    assert alone.err.endswith("✗ Kustomization reconciliation failed: no such branch\n")


def test_reconcile_without_controllers_says_what_it_waited_for(flux: Flux, cluster: Cluster) -> None:
    cluster.kustomization("apps", ready=False)
    outcome = flux("reconcile", "ks", "apps", "--timeout=2s")
    assert outcome.code == 1
    assert outcome.err.endswith(
        f"✗ context deadline exceeded: waiting for Kustomization/{cluster.namespace}/apps (are the controllers "
        "running?) took longer than 2s\n"
    )


@pytest.mark.contract("CLI-135", "CLI-136", "CLI-137")
def test_delete(flux: Flux, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    cluster.git("fleet")
    ns = cluster.namespace
    for answer in ("", "n\n", "no\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        outcome = flux("delete", "source", "git", "fleet")
        assert outcome.code == 1
        assert outcome.err.startswith("Are you sure you want to delete this source git? [y/N] ")
        assert outcome.err.endswith("✗ aborting\n")
    assert cluster.exists(GIT, "fleet")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    outcome = flux("delete", "source", "git", "fleet")
    assert outcome.err.endswith(f"► deleting source git fleet in {ns} namespace\n✔ source git deleted\n")
    assert not cluster.exists(GIT, "fleet")
    cluster.kustomization("apps")
    assert flux("delete", "ks", "apps", "--silent").code == 0
    outcome = flux("delete", "ks", "apps", "-s")
    assert outcome.err == '✗ kustomizations.kustomize.toolkit.fluxcd.io "apps" not found\n'


@pytest.mark.contract("CLI-138", "CLI-139", "CLI-140")
def test_export(flux: Flux, cluster: Cluster) -> None:
    labels, annotations = {"team": "web"}, {"note": "kept"}
    for name in ("one", "two"):
        cluster.git(name, labels=labels, annotations=annotations)
        secret = {"metadata": {"name": f"{name}-auth"}, "type": "Opaque", "data": {"password": "czNjcmV0"}}
        cluster.server.ok("POST", f"/api/v1/namespaces/{cluster.namespace}/secrets", secret)
        cluster.server.ok(
            "PATCH", cluster.path(GIT, name), {"spec": {"secretRef": {"name": f"{name}-auth"}}},
            content_type="application/merge-patch+json",
        )  # fmt: skip
    outcome = flux("export", "source", "git", "one")
    assert outcome.out.startswith("---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n")
    assert yaml.load(outcome.out) == {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "one", "namespace": cluster.namespace, "labels": labels, "annotations": annotations},
        "spec": {**cluster.get(GIT, "one")["spec"], "interval": "1m0s", "timeout": "1m0s"},
    }
    documents = yaml.load_all(flux("export", "source", "git", "--all", "--with-credentials").out)
    assert [(each["kind"], each["metadata"]["name"]) for each in documents] == [
        ("GitRepository", "one"), ("Secret", "one-auth"), ("GitRepository", "two"), ("Secret", "two-auth"),
    ]  # fmt: skip
    assert documents[1]["type"] == "Opaque"
    assert documents[1]["data"] == {"password": "czNjcmV0"}
    assert flux("export", "ks", "--all").err == f"✗ no objects found in {cluster.namespace} namespace\n"


@pytest.mark.contract("CLI-101", "CLI-102")
def test_create_kustomization_then_update_it(flux: Flux, cluster: Cluster) -> None:
    create = ("create", "ks", "apps", "--source=fleet", "--path=./apps", "--timeout=20s")
    with cluster.controller(KS, settle):
        first = flux(*create, "--label=a=1")
        cluster.server.ok(
            "PATCH", cluster.path(KS, "apps"), {"metadata": {"annotations": {"kept": "yes"}}},
            content_type="application/merge-patch+json",
        )  # fmt: skip
        second = flux(*create, "--prune", "--label=b=2")
    lines = [
        "✚ generating Kustomization", "► applying Kustomization", "✔ Kustomization created",
        "◎ waiting for Kustomization reconciliation", "✔ Kustomization apps is ready", f"✔ applied revision {REVISION}",
    ]  # fmt: skip
    assert first.err.splitlines() == lines
    lines[2] = "✔ Kustomization updated"
    assert second.err.splitlines() == lines
    found = cluster.get(KS, "apps")
    assert found["metadata"]["labels"] == {"b": "2"}
    assert found["metadata"]["annotations"] == {"kept": "yes"}
    assert found["spec"]["prune"] is True


def test_create_source_git_with_credentials(flux: Flux, cluster: Cluster) -> None:
    with cluster.controller(GIT, settle_source):
        outcome = flux(
            "create", "source", "git", "fleet", "--url=http://example.com/x", "--branch=main", "-u", "me", "-p", "pass",
            "--timeout=20s",
        )  # fmt: skip
    assert outcome.err.splitlines() == [
        "✚ generating GitRepository source",
        "⚠️ insecure configuration: credentials configured for an HTTP URL",
        "► applying secret with repository credentials",
        "✔ authentication configured",
        "► applying GitRepository source",
        "✔ GitRepository source created",
        "◎ waiting for GitRepository source reconciliation",
        "✔ GitRepository source reconciliation completed",
        "✔ fetched revision: main@sha1:new",
    ]
    assert cluster.get(GIT, "fleet")["spec"]["secretRef"] == {"name": "fleet"}
    secret = cluster.server.ok("GET", f"/api/v1/namespaces/{cluster.namespace}/secrets/fleet")
    assert secret["data"] == {"username": "bWU=", "password": "cGFzcw=="}


def test_a_source_that_is_ready_without_an_artifact(flux: Flux, cluster: Cluster) -> None:
    with cluster.controller(GIT, settle):
        outcome = flux("create", "source", "git", "fleet", "--url=https://x.y/z", "--branch=b", "--timeout=20s")
    assert outcome.code == 1
    assert outcome.err.endswith("✗ GitRepository source reconciliation completed but no artifact was found\n")
