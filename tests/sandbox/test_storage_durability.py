"""The database: what was acknowledged survives SIGKILL; revisions go on; files are private."""

import resource
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fluxkit.sandbox import Sandbox, SandboxError
from fluxkit.sandbox.storage import Batch, Storage, StorageError
from tests.sandbox.watching import eventually
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


def test_rollouts_go_on_after_sigkill(own_sandbox: SandboxServer) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments"
    labels = {"app": "w"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    for number in range(10):
        own_sandbox.ok("POST", path, {"metadata": {"name": f"w{number}"}, "spec": spec})
    own_sandbox.process.kill()
    own_sandbox.process.start()

    def available() -> list[int]:
        return [each["status"].get("availableReplicas", 0) for each in own_sandbox.ok("GET", path)["items"]]

    eventually(lambda: available() == [3] * 10, 20)
    assert len(own_sandbox.ok("GET", "/api/v1/namespaces/default/pods")["items"]) == 30


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
    bad = Batch({("r", "", "b"): (2, b"{}"), ("r", "", "c"): (None, b"{}")}, {"r": 3}, 3)  # type: ignore[dict-item]
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


def _filled(path: Path, count: int = 200) -> None:
    """A database with that many objects, everything in its main file."""
    storage = Storage(path)
    rows = {("things", "", f"n{number:04}"): (number, b'{"n": "%04d"}' % number * 20) for number in range(1, count)}
    storage.commit(Batch(rows, {"things": count}, count))  # type: ignore[arg-type]
    storage.close()


def test_a_damaged_object_is_named_instead_of_served(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    _filled(path)
    data = path.read_bytes()
    assert b'"0042"' in data
    path.write_bytes(data.replace(b'"0042"', b'"0O42"', 1))
    storage = Storage(path)
    with pytest.raises(StorageError, match=r"state\.db: things/n0042 is damaged; .* reset the sandbox"):
        list(storage.rows())
    storage.close()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    _filled(path)
    data = bytearray(path.read_bytes())
    data[8192:20480] = b"\xff" * (20480 - 8192)
    path.write_bytes(data)

    def read() -> None:
        storage = Storage(path)
        try:
            list(storage.rows())
        finally:
            storage.close()

    with pytest.raises(StorageError, match=r"state\.db: .*reset the sandbox"):
        read()


def test_a_server_with_a_damaged_file_says_so_and_leaves_it_alone(own_sandbox: SandboxServer) -> None:
    own_sandbox.ok("POST", PATH, {"metadata": {"name": "a"}, "data": {"marker": "here-it-is"}})
    own_sandbox.process.stop()
    path = own_sandbox.process.layout.database
    data = path.read_bytes()
    assert b"here-it-is" in data
    path.write_bytes(data.replace(b"here-it-is", b"here-it-was"[:10]))
    damaged = path.read_bytes()
    with pytest.raises(SandboxError, match="configmaps/default/a is damaged"):
        own_sandbox.process.start()
    assert path.read_bytes() == damaged


def test_files_without_checksums_are_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    _filled(path, 3)
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE objects DROP COLUMN checksum")
        connection.execute("UPDATE meta SET value = 1 WHERE name = 'format'")
    connection.close()
    storage = Storage(path)
    assert [row[2] for row in storage.rows()] == ["n0001", "n0002"]
    storage.close()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process can be set on Linux only")
def test_a_disk_that_is_full_ends_the_server_and_loses_nothing(own_sandbox: SandboxServer) -> None:
    process = own_sandbox.process
    pid, size = process.pid(), process.layout.database.stat().st_size
    wal = process.layout.database.with_name(process.layout.database.name + "-wal")
    limit = max(size, wal.stat().st_size) + 512 * 1024
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, limit))
    acknowledged: list[str] = []
    refusal = ""
    for number in range(100):
        body = {"metadata": {"name": f"n{number}"}, "data": {"k": f"{number}" * 20_000}}
        try:
            status, answer = own_sandbox.request("POST", PATH, body)
        except OSError:
            break
        if status != 201:
            refusal = answer["message"]
            break
        acknowledged.append(f"n{number}")
    assert 0 < len(acknowledged) < 100
    assert "storage failed" in refusal
    process.stop()
    assert "sandbox: " in process.layout.log.read_text()
    assert "state.db: " in process.layout.log.read_text()
    process.start()
    stored = {item["metadata"]["name"] for item in own_sandbox.ok("GET", PATH)["items"]}
    assert set(acknowledged) <= stored


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
