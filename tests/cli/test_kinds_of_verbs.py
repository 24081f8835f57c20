"""Which kinds each verb takes, under which names."""

import pytest

from tests.cli.conftest import Flux

HUMAN = {
    "alert": "alert",
    "alert-provider": "alert provider",
    "helmrelease": "helmrelease",
    "hr": "helmrelease",
    "kustomization": "kustomization",
    "ks": "kustomization",
    "receiver": "receiver",
    "source git": "source git",
    "source oci": "source oci",
    "source bucket": "source bucket",
    "source helm": "source helm",
    "source chart": "source chart",
    "image repository": "image repository",
    "image policy": "image policy",
    "image update": "image update automation",
}


@pytest.mark.parametrize("verb", ["delete", "suspend", "resume"])
@pytest.mark.parametrize("words", HUMAN)
@pytest.mark.contract("CLI-135", "CLI-136", "CLI-137", "CLI-158")
def test_names_for_people(flux: Flux, verb: str, words: str) -> None:
    outcome = flux(verb, *words.split())
    assert (outcome.code, outcome.err) == (1, f"✗ {HUMAN[words]} name is required\n")


@pytest.mark.parametrize("words", [*HUMAN, "artifact generator", "source external"])
@pytest.mark.contract("CLI-138")
def test_kinds_to_export(flux: Flux, words: str) -> None:
    assert flux("export", *words.split()).err == "✗ name is required\n"


@pytest.mark.parametrize(
    "words",
    [
        "alerts", "alert", "alert-providers", "alert-provider", "artifacts generators", "artifact generator",
        "helmreleases", "hr", "helmrelease", "kustomizations", "ks", "kustomization", "receivers", "receiver",
        "sources all", "source bucket", "sources chart", "sources external", "sources git", "sources helm",
        "sources oci", "images all", "image policy", "images repository", "images update", "all",
    ],
)  # fmt: skip
@pytest.mark.contract("CLI-142")
def test_kinds_to_get(flux: Flux, words: str) -> None:
    outcome = flux("get", *words.split(), "--server=http://127.0.0.1:1", "--timeout=0s", "--status-selector=x=y")
    assert outcome.code == 1
    assert outcome.err.startswith("✗ context deadline exceeded")  # it got as far as the cluster
