import threading

import pytest

from tests.cli.cluster import GIT, KS, Cluster, condition
from tests.cli.conftest import Flux


@pytest.mark.contract("CLI-016", "CLI-017", "CLI-018", "CLI-141", "CLI-142", "CLI-144", "CLI-145")
def test_tables(flux: Flux, cluster: Cluster) -> None:
    cluster.git("fleet")
    cluster.kustomization("apps", {"conditions": [condition("False", "build failed")], "observedGeneration": 1})
    cluster.kustomization("waiting", ready=False, spec={"suspend": True})
    outcome = flux("get", "sources", "git")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "NAME \tREVISION          \tSUSPENDED\tREADY\tMESSAGE                                           \n"
        "fleet\tmain@sha1:696f056d\tFalse    \tTrue \tstored artifact for revision 'main@sha1:696f056d'\t\n"
    )
    expected = (
        "NAME   \tREVISION\tSUSPENDED\tREADY\tMESSAGE                  \n"
        "apps   \t        \tFalse    \tFalse\tbuild failed            \t\n"
        "waiting\t        \tTrue     \tFalse\twaiting to be reconciled\t\n"
    )
    for word in ("kustomizations", "ks", "kustomization"):
        assert flux("get", word).out == expected
    assert flux("get", "ks", "apps", "--no-header").out == "apps\t\tFalse\tFalse\tbuild failed\t\n"
    assert flux("get", "ks", "--status-selector=ready=false", "--no-header").out.startswith("apps\t")
    assert flux("get", "ks", "--show-source", "apps").out.splitlines()[1].split("\t")[1] == (
        f"GitRepository/{cluster.namespace}/fleet"
    )


@pytest.mark.contract("CLI-141", "CLI-143")
def test_all_namespaces_and_labels(flux: Flux, cluster: Cluster) -> None:
    cluster.git("fleet", labels={"team": cluster.namespace})
    cluster.git("other")
    rows = flux("get", "-A", "sources", "git", "-l", f"team={cluster.namespace}").out.splitlines()
    assert [row.split("\t")[:2] for row in rows] == [
        ["NAMESPACE".ljust(len(cluster.namespace)), "NAME "],
        [cluster.namespace, "fleet"],
    ]
    assert flux("get", "sources", "git", "-l", "team=none").code == 1


@pytest.mark.contract("CLI-143", "CLI-149")
def test_nothing_to_show(flux: Flux, cluster: Cluster) -> None:
    outcome = flux("get", "ks")
    assert (outcome.code, outcome.err) == (1, f'✗ no Kustomization objects found in "{cluster.namespace}" namespace\n')
    outcome = flux("get", "ks", "-A", "nobody")
    assert (outcome.code, outcome.err) == (1, "✗ Kustomization object 'nobody' not found in any namespace\n")
    cluster.kustomization("podinfo")
    outcome = flux("get", "ks", "podnifo")
    assert outcome.err == (
        f"✗ Kustomization object 'podnifo' not found in \"{cluster.namespace}\" namespace\nDid you mean: podinfo\n"
    )
    assert flux("get", "ks", "--status-selector=ready").err == (
        "✗ expected status selector in type=status or type!=status format, but found: ready\n"
    )


@pytest.mark.contract("CLI-148")
def test_all_skips_what_is_empty_or_not_installed(flux: Flux, cluster: Cluster) -> None:
    assert flux("get", "all").out == ""
    cluster.git("fleet")
    cluster.kustomization("apps")
    outcome = flux("get", "all")
    assert (outcome.code, outcome.err) == (0, "")
    first, second = outcome.out.split("\n\n")[:2]
    assert first.splitlines()[1].startswith("gitrepository/fleet\t")
    assert second.splitlines()[1].startswith("kustomization/apps\t")
    assert outcome.out.endswith("\t\n\n")
    assert flux("get", "sources", "all").out == first + "\n\n"


@pytest.mark.contract("CLI-213")
def test_completion_offers_the_names_of_objects(flux: Flux, cluster: Cluster) -> None:
    for name in ("apps", "api", "infra"):
        cluster.kustomization(name)
    assert flux("__complete", "get", "ks", "ap").out == "api\napps\n:4\n"
    assert flux("__complete", "suspend", "ks", "api", "").out == "apps\ninfra\n:4\n"
    assert f"{cluster.namespace}\n" in flux("__complete", "get", "ks", "-n", "test-").out


def test_objects_of_another_namespace_are_pointed_at(flux: Flux, cluster: Cluster) -> None:
    cluster.kustomization("only-here")
    outcome = flux("get", "ks", "only-here", "-n", "default")
    assert f"--namespace={cluster.namespace}" in outcome.err


class Seen(Exception):
    """Ends a command that would go on: the test has seen what it waited for."""


@pytest.mark.contract("CLI-150")
def test_watching_prints_the_header_once_and_a_row_for_each_change(
    flux: Flux, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.kustomization("apps", ready=False)
    printed = threading.Event()
    lines: list[str] = []

    def record(text: str, end: str = "\n", flush: bool = False) -> None:
        lines.extend(text.splitlines())
        printed.set()
        if len(lines) == 3:
            raise Seen

    monkeypatch.setattr("fluxkit.cli.get.print", record, raising=False)

    def change() -> None:
        assert printed.wait(10)
        cluster.report(KS, "apps", {"conditions": [condition("True", "done")], "observedGeneration": 1})

    changing = threading.Thread(target=change)
    changing.start()
    with pytest.raises(Seen):
        flux("get", "ks", "apps", "--watch", "--timeout=20s")
    changing.join()
    assert [line.split("\t")[0].strip() for line in lines] == ["NAME", "apps", "apps"]
    assert lines[-1].split("\t")[3:] == ["True", "done", ""]


@pytest.mark.contract("CLI-150")
def test_watching_ends_in_an_error_at_the_timeout(flux: Flux, cluster: Cluster) -> None:
    outcome = flux("get", "ks", "--watch", "--timeout=1s")
    assert outcome.code == 1
    assert outcome.err == "✗ context deadline exceeded: watching Kustomization objects took longer than 1s\n"


def test_a_label_selector_that_is_none_is_refused_by_the_server(flux: Flux, cluster: Cluster) -> None:
    cluster.git("fleet")
    outcome = flux("get", "sources", "git", "-l", "a=b=c")
    assert outcome.code == 1
    assert outcome.err.startswith("✗ ")
    assert cluster.exists(GIT, "fleet")
