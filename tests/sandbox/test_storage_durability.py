"""The database: what was acknowledged survives SIGKILL; revisions go on; files are private."""

import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fluxkit.sandbox import Sandbox, SandboxError
from fluxkit.sandbox.storage import Batch, Storage, StorageError
from tests.sandbox_fixture import SandboxServer

PATH = "/api/v1/namespaces/default/configmaps"


def test_acknowledged_writes_survive_sigkill(own_sandbox: SandboxServer) -> None:
    acknowledged: dict[str, str] = {}
    progress = threading.Semaphore(0)

    def write(worker: int) -> None:
        for number in range(1000):
            name = f"w{worker}-{number}"
            try:
                status, answer = own_sandbox.request("POST", PATH, {"metadata": {"name": name}})
            except OSError:
                return
            if status == 201:
                acknowledged[name] = answer["metadata"]["resourceVersion"]
                progress.release()

    for _ in range(3):
        before = len(acknowledged)
        workers = [threading.Thread(target=write, args=(number + before,)) for number in range(4)]
        for worker in workers:
            worker.start()
        for _ in range(40):
            assert progress.acquire(timeout=20)
        own_sandbox.process.kill()
        for worker in workers:
            worker.join()
        own_sandbox.process.start()
        listed = own_sandbox.ok("GET", PATH)
        stored = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in listed["items"]}
        lost = {name for name, version in acknowledged.items() if stored.get(name) != version}
        assert not lost
        versions = [int(version) for version in stored.values()]
        assert len(set(versions)) == len(versions)
        assert int(listed["metadata"]["resourceVersion"]) >= max(versions)


def test_restart_keeps_identity_and_continues_revisions(own_sandbox: SandboxServer) -> None:
    created = own_sandbox.ok("POST", PATH, {"metadata": {"name": "a"}})
    url, token, authority = own_sandbox.url, own_sandbox.token, own_sandbox.ca_path.read_bytes()
    own_sandbox.process.stop()
    assert not own_sandbox.process.status().running
    own_sandbox.process.start()
    assert (own_sandbox.url, own_sandbox.token, own_sandbox.ca_path.read_bytes()) == (url, token, authority)
    assert own_sandbox.ok("GET", f"{PATH}/a") == created
    later = own_sandbox.ok("POST", PATH, {"metadata": {"name": "b"}})
    assert int(later["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])


def test_start_is_idempotent_and_reset_forgets_objects(own_sandbox: SandboxServer) -> None:
    running = own_sandbox.process.status()
    assert running.ready
    assert own_sandbox.process.start().pid == running.pid
    own_sandbox.ok("POST", PATH, {"metadata": {"name": "a"}})
    again = own_sandbox.process.reset()
    assert (again.ready, again.port) == (True, running.port)
    assert own_sandbox.request("GET", f"{PATH}/a")[0] == 404


def test_credentials_are_private(own_sandbox: SandboxServer) -> None:
    root = own_sandbox.process.directory
    for name in ("kubeconfig", "token", "pki/ca.key", "pki/server.key", "pki/admin.key", "pki/sa.key"):
        assert stat.S_IMODE((root / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_a_taken_port_is_reported(own_sandbox: SandboxServer, tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "other")
    with pytest.raises(SandboxError, match="address already in use"):
        other.start(own_sandbox.process.status().port)
    assert not other.status().running


def test_a_stale_pid_file_is_no_running_server(tmp_path: Path) -> None:
    server = Sandbox(tmp_path)
    server.layout.create()
    server.layout.pid.write_text("1")
    assert not server.status().running
    assert server.stop() is False


def test_batches_are_all_or_nothing(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "state.db")
    storage.commit(Batch({("r", "", "a"): (1, b"{}")}, {"r": 1}, 1))
    bad = Batch({("r", "", "b"): (2, b"{}"), ("r", "", "c"): (3, None)}, {"r": 3}, 3)  # type: ignore[dict-item]
    with pytest.raises(StorageError):
        storage.commit(bad)
    assert [row[2] for row in storage.rows()] == ["a"]
    assert storage.revision == 1
    storage.commit(Batch({("r", "", "a"): None}, {"r": 4}, 4))
    storage.close()
    reopened = Storage(tmp_path / "state.db")
    assert (list(reopened.rows()), reopened.revision, reopened.resource_revisions()) == ([], 4, {"r": 4})
    reopened.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database, certainly not one" * 100)
    with pytest.raises(StorageError, match=r"state\.db"):
        Storage(tmp_path / "state.db")


def test_a_directory_has_one_server(own_sandbox: SandboxServer) -> None:
    root = own_sandbox.process.directory
    second = subprocess.run(
        [sys.executable, "-m", "fluxkit.sandbox", "--dir", str(root), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 1
    assert "another server uses this directory" in second.stderr
