import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Flux


def candidates(output: str) -> list[str]:
    return [line.partition("\t")[0] for line in output.splitlines()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("su",), ["suspend", ":4"]),
        (("get", "kus"), ["kustomizations", ":4"]),
        (("-n", "x", "get", "sources", "g"), ["git", ":4"]),
        (("create", "source", "git", "name", "--ssh-key-a"), ["--ssh-key-algorithm", ":4"]),
        (("create", "source", "git", "name", "--ssh-key-algorithm", "e"), ["ecdsa", "ed25519", ":4"]),
        (("create", "source", "git", "--ssh-key-algorithm=r"), ["--ssh-key-algorithm=rsa", ":4"]),
        (("get", "ks", "-A", "--no-h"), ["--no-header", ":4"]),
        (("get", "ks", ""), [":4"]),  # no cluster to ask, and no complaint
    ],
)
@pytest.mark.contract("CLI-213")
def test_answers(flux: Flux, words: tuple[str, ...], expected: list[str]) -> None:
    outcome = flux("__complete", *words)
    assert (outcome.code, outcome.err) == (0, "")
    assert candidates(outcome.out) == expected


def test_contexts_come_from_the_kubeconfig(flux: Flux, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("contexts:\n- {name: prod, context: {}}\n- {name: preview, context: {}}\n")
    outcome = flux("__complete", "get", "ks", "--kubeconfig", str(path), "--context", "p")
    assert candidates(outcome.out) == ["preview", "prod", ":4"]


@pytest.mark.contract("CLI-213")
def test_scripts(flux: Flux) -> None:
    for shell in ("bash", "fish", "powershell", "zsh"):
        assert "flux __complete" in flux("completion", shell).out
    assert flux("completion", "zsh").out.endswith("compdef _flux flux\n")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
def test_the_bash_script_offers_what_flux_answers(flux: Flux, tmp_path: Path) -> None:
    fake = tmp_path / "flux"
    fake.write_text("#!/bin/sh\n[ \"$*\" = '__complete get kus' ] && printf 'kustomizations\\tGet them\\n:4\\n'\n")
    fake.chmod(0o755)
    script = tmp_path / "completion.bash"
    script.write_text(flux("completion", "bash").out)
    body = f'. {script}; COMP_WORDS=(flux get kus); COMP_CWORD=2; _flux; echo "${{COMPREPLY[@]}}"'
    found = subprocess.run(
        ["bash", "-c", body], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert found.stdout == "kustomizations\n"
