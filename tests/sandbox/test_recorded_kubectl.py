"""kubectl prints against the sandbox what it printed against a real control plane; see ``recorded.kubectl``."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxkit.sandbox import Sandbox
from tests.sandbox.recorded.kubectl.differences import DIFFERENCES
from tests.sandbox.recorded.kubectl.session import SESSION
from tests.sandbox.recorded.kubectl.terminal import Output, minor_of, play

OUTPUTS: dict[str, list[tuple[str, int, list[str], list[str]]]] = json.loads(
    (Path(__file__).parent / "recorded/kubectl/outputs.json").read_text()
)
BUILT = Path(__file__).parents[2] / "tools/bin/kubectl"


def _kubectl() -> tuple[Path | None, str]:
    """The kubectl to play with: the one that tools/ builds, else that of the machine; and its minor version."""
    named = os.environ.get("KUBECTL") or (str(BUILT) if BUILT.exists() else shutil.which("kubectl"))
    if not named:
        return None, ""
    try:
        return Path(named), minor_of(Path(named))
    except (OSError, subprocess.SubprocessError):
        return None, ""


KUBECTL, MINOR = _kubectl()

pytestmark = pytest.mark.xdist_group("kubectl")  # one session of commands for all of them


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Output]]:
    if KUBECTL is None:
        pytest.skip("kubectl is not installed: what it prints against the sandbox is not checked here")
    if MINOR not in OUTPUTS:
        pytest.skip(f"kubectl is {MINOR}; outputs of {', '.join(OUTPUTS)} are recorded: set KUBECTL to one of those")
    home = tmp_path_factory.mktemp("kubectl")
    sandbox = Sandbox(home / "sandbox")
    sandbox.start()
    try:
        yield play(KUBECTL, sandbox.kubeconfig_path, "session", home, SESSION)
    finally:
        sandbox.stop()


@pytest.mark.parametrize("number", range(len(SESSION)), ids=lambda number: f"{number}: kubectl {SESSION[number].name}")
def test_prints_as_recorded(outputs: list[Output], number: int) -> None:
    name, *expected = OUTPUTS[MINOR][number]
    assert name == SESSION[number].name, "the session has changed: record it anew"
    if name in DIFFERENCES:
        assert list(outputs[number]) != expected, "prints the same now: take it off the list"
    else:
        assert list(outputs[number]) == expected


def test_every_difference_is_about_a_command() -> None:
    assert set(DIFFERENCES) <= {command.name for command in SESSION}
