import json
import threading

import pytest

from fluxkit import yaml
from tests.cli.cluster import KS, NOON, Cluster
from tests.cli.conftest import Flux


@pytest.mark.contract("CLI-196", "CLI-197")
def test_events(flux: Flux, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fluxkit.cli.events.now", lambda: NOON)
    ns = cluster.namespace
    outcome = flux("events")
    assert (outcome.code, outcome.err) == (0, f"✗ No events found in {ns} namespace.\n")
    cluster.git("fleet")
    cluster.kustomization("apps")
    cluster.event("e1", ("Kustomization", "apps"), minutes=10)
    cluster.event("e2", ("Kustomization", "apps"), minutes=5, type="Warning")
    cluster.event("e3", ("GitRepository", "fleet"), minutes=7)
    cluster.event("e4", ("Deployment", "apps"), minutes=1)
    assert flux("events").out == (
        "LAST SEEN\tTYPE   \tREASON\tOBJECT             \tMESSAGE       \n"
        "10m      \tNormal \tTested\tKustomization/apps \tmessage of e1\t\n"
        "7m       \tNormal \tTested\tGitRepository/fleet\tmessage of e3\t\n"
        "5m       \tWarning\tTested\tKustomization/apps \tmessage of e2\t\n"
    )
    with_source = flux("events", "--for", "kustomization/apps").out
    assert [line.rsplit("\t", 2)[1].strip() for line in with_source.splitlines()[1:]] == [
        "message of e1", "message of e3", "message of e2",
    ]  # fmt: skip
    only_kind = flux("events", "--for=Kustomization", "--types=warning").out.splitlines()[1:]
    assert [line.rsplit("\t", 2)[1] for line in only_kind] == ["message of e2"]
    everywhere = flux("events", "-A", "--for=GitRepository/fleet").out.splitlines()
    assert everywhere[0].startswith("NAMESPACE")
    assert any(line.startswith(ns) for line in everywhere)


@pytest.mark.contract("CLI-197")
def test_events_of_a_source_in_another_namespace_show_the_namespace(flux: Flux, cluster: Cluster) -> None:
    cluster.event("e1", ("Kustomization", "apps"))
    cluster.kustomization("apps", spec={"sourceRef": {"kind": "GitRepository", "name": "g", "namespace": "default"}})
    header, row = flux("events", "--for", "Kustomization/apps").out.splitlines()
    assert header.startswith("NAMESPACE")
    assert row.startswith(cluster.namespace)


class Seen(Exception):
    """Ends a command that would go on: the test has seen what it waited for."""


@pytest.mark.contract("CLI-196")
def test_watching_events_prints_them_as_they_happen(
    flux: Flux, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.event("e1", ("Kustomization", "apps"))
    printed = threading.Event()
    lines: list[str] = []

    def record(text: str, end: str = "\n", flush: bool = False) -> None:
        lines.extend(text.splitlines())
        printed.set()
        if len(lines) == 3:
            raise Seen

    monkeypatch.setattr("fluxkit.cli.events.print", record, raising=False)

    def happen() -> None:
        assert printed.wait(10)
        cluster.event("e2", ("Kustomization", "apps"))

    happening = threading.Thread(target=happen)
    happening.start()
    with pytest.raises(Seen):
        flux("events", "--watch", "--timeout=20s")
    happening.join()
    assert lines[0].startswith("LAST SEEN\t")
    assert [line.rsplit("\t")[-2].strip() for line in lines[1:]] == ["message of e1", "message of e2"]


def test_watching_events_ends_quietly_at_the_timeout(flux: Flux, cluster: Cluster) -> None:
    outcome = flux("events", "--watch", "--timeout=500ms")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


def inventory(*ids: str) -> dict[str, object]:
    return {"inventory": {"entries": [{"id": each, "v": "v1"} for each in ids]}}


@pytest.mark.contract("CLI-203", "CLI-204")
def test_tree(flux: Flux, cluster: Cluster) -> None:
    ns = cluster.namespace
    kustomization = "kustomize.toolkit.fluxcd.io_Kustomization"
    cluster.kustomization(
        "root",
        inventory(f"_{ns}__Namespace", f"{ns}_root_{kustomization}", f"{ns}_infra_{kustomization}",
                  f"{ns}_root_source.toolkit.fluxcd.io_GitRepository"),
    )  # fmt: skip
    cluster.kustomization("infra", inventory("_cert-manager__Namespace", f"{ns}_remote_{kustomization}"))
    remote = {"kubeConfig": {"secretRef": {"name": "elsewhere"}}}
    cluster.kustomization("remote", inventory(f"{ns}_gone_{kustomization}"), spec=remote)
    outcome = flux("tree", "ks", "root")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        f"Kustomization/{ns}/root\n"
        f"├── Namespace/{ns}\n"
        f"├── Kustomization/{ns}/infra\n"
        f"│   ├── Namespace/cert-manager\n"
        f"│   └── Kustomization/{ns}/remote\n"
        f"│       └── Kustomization/{ns}/gone\n"
        f"└── GitRepository/{ns}/root\n"
        "\n"
    )
    compact = flux("tree", "kustomization", "root", "--compact").out
    assert "Namespace" not in compact
    assert f"└── GitRepository/{ns}/root" in compact
    as_json = json.loads(flux("tree", "ks", "infra", "-o", "json").out)
    assert as_json["resource"]["GroupKind"] == {"Group": "kustomize.toolkit.fluxcd.io", "Kind": "Kustomization"}
    assert len(as_json["resources"]) == 2
    assert yaml.load(flux("tree", "ks", "infra", "-o", "yaml").out) == as_json


@pytest.mark.contract("CLI-204")
def test_a_tree_whose_child_is_gone(flux: Flux, cluster: Cluster) -> None:
    cluster.kustomization("root", inventory(f"{cluster.namespace}_gone_kustomize.toolkit.fluxcd.io_Kustomization"))
    outcome = flux("tree", "ks", "root")
    assert outcome.err == ('✗ failed to find object: kustomizations.kustomize.toolkit.fluxcd.io "gone" not found\n')
    assert cluster.exists(KS, "root")
