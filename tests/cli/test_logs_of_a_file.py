"""``flux logs --log-file``: filters and the shape of a line."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Flux

ENTRIES = [
    {"level": "info", "ts": "2022-08-02T12:55:34.419Z", "msg": "no changes", "controllerKind": "GitRepository",
     "name": "podinfo", "namespace": "default"},
    {"level": "error", "ts": "2022-08-02T12:56:04.679Z", "msg": "Reconciler error", "error": "build failed",
     "controllerKind": "Kustomization", "name": "podinfo", "namespace": "flux-system"},
    {"level": "info", "ts": "2022-08-02T12:57:00Z", "msg": "old style", "reconciler kind": "Kustomization",
     "name": "apps", "namespace": "flux-system"},
    {"level": "info", "ts": "2022-08-02T12:58:00Z", "msg": "starting manager", "logger": "setup"},
]  # fmt: skip
GIT = "2022-08-02T12:55:34.419Z info GitRepository/podinfo.default - no changes \n"
FAILED = "2022-08-02T12:56:04.679Z error Kustomization/podinfo.flux-system - Reconciler error build failed\n"
APPS = "2022-08-02T12:57:00Z info Kustomization/apps.flux-system - old style \n"
SETUP = "2022-08-02T12:58:00Z info  - starting manager \n"


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "controllers.log"
    path.write_text("not json\n" + "".join(json.dumps(entry) + "\n" for entry in ENTRIES))
    return f"--log-file={path}"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("-A",), GIT + FAILED + APPS + SETUP),
        ((), FAILED + APPS),  # entries without namespace are hidden
        (("-n", "default"), GIT),
        (("-A", "--kind=kustomization"), FAILED + APPS),
        (("-A", "--name=PODINFO"), GIT + FAILED),
        (("-A", "--level=error"), FAILED),
        (("-A", "--kind=Kustomization", "--name=apps", "--level=info"), APPS),
        (("-A", "--tail=2"), APPS + SETUP),
        (("-A", "--tail=0"), ""),
        (("-A", "--since-time=2022-08-02T12:56:30Z"), APPS + SETUP),
        (("-A", "--since=5m"), ""),
    ],
)
@pytest.mark.contract("CLI-194", "CLI-195")
def test_filters(flux: Flux, log: str, flags: tuple[str, ...], expected: str) -> None:
    outcome = flux("logs", log, *flags)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == expected


@pytest.mark.contract("CLI-193")
def test_flags_that_exclude_each_other(flux: Flux, log: str) -> None:
    outcome = flux("logs", log, "--since=1m", "--since-time=2022-08-02T12:56:30Z")
    assert outcome.err == "✗ at most one of `sinceTime` or `sinceDuration` may be specified\n"
    assert flux("logs", log, "--since-time=noon").err == "✗ noon is not a valid (RFC3339) time\n"


@pytest.mark.contract("CLI-195")
def test_following_ends_at_the_timeout(flux: Flux, log: str) -> None:
    assert flux("logs", log, "--follow", "--timeout=300ms").out == FAILED + APPS


def test_a_file_that_is_not_there(flux: Flux, tmp_path: Path) -> None:
    assert "cannot be read: No such file" in flux("logs", f"--log-file={tmp_path / 'none'}").err
