"""What a command imports decides how fast it starts; measured as modules, which no busy machine can blur."""

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "msgspec", "cryptography", "pygit2", "yaml", "asyncio", "click", "prometheus_client")


def imported_by(*args: str) -> set[str]:
    code = (
        "import sys; from fluxkit.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split()) & set(HEAVY)


def test_the_version_needs_nothing() -> None:
    assert imported_by("--version") == set()


@pytest.mark.parametrize("args", [("--help",), ("get", "--help"), ("get", "kustomizations", "--help")])
def test_help_needs_the_grammar_only(args: tuple[str, ...]) -> None:
    assert imported_by(*args) <= {"click", "asyncio"}


def test_exporting_a_source_needs_no_client() -> None:
    args = ("create", "source", "git", "podinfo", "--url=https://example.com/x", "--branch=main", "--export")
    assert not imported_by(*args) & {"aiohttp", "cryptography", "msgspec", "pygit2"}
