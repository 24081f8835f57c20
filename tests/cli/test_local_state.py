import os
import subprocess
import sys
from pathlib import Path

import pytest

from fluxkit.cli.localstate import RunningControllers, announced, running_controllers, state_dir

SERVER = "https://127.0.0.1:6443"


def note(pid: int, health_addr: str = "127.0.0.1:9440") -> RunningControllers:
    return RunningControllers(pid, SERVER, "0.1.0", ["source-controller"], health_addr, "/tmp/log")


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_a_note_lives_as_long_as_its_block() -> None:
    assert running_controllers(SERVER) is None
    with announced(note(os.getpid())):
        assert running_controllers(SERVER) == note(os.getpid())
        assert running_controllers("https://elsewhere") is None
    assert running_controllers(SERVER) is None


def test_a_note_of_a_dead_process_counts_as_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    with announced(note(process.pid)):
        assert running_controllers(SERVER) == note(process.pid)
        process.kill()
        process.wait()
        assert running_controllers(SERVER) is None


def test_damaged_notes_count_as_none() -> None:
    with announced(note(os.getpid())):
        (path,) = (state_dir() / "controllers").iterdir()
        for text in ("", "[]", "{}", '{"pid": 1}'):
            path.write_text(text)
            assert running_controllers(SERVER) is None


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1:9440", "http://127.0.0.1:9440/readyz"),
        (":9440", "http://127.0.0.1:9440/readyz"),
        ("[::]:9440", "http://127.0.0.1:9440/readyz"),
        ("[::1]:9440", "http://[::1]:9440/readyz"),
        ("0", ""),
        ("", ""),
        ("127.0.0.1:0", ""),
    ],
)
def test_health_urls(address: str, url: str) -> None:
    assert note(1, address).health_url() == url
