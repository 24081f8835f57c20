"""The artifact storage: names, atomic writes, retention, and what a killed writer leaves."""

import asyncio
import fcntl
import hashlib
import os
import stat
import time
from pathlib import Path

import msgspec
import pytest

from fluxkit.api.source import Artifact
from fluxkit.source import DigestMismatch, IgnoreRules, Storage, StorageError
from fluxkit.source.errors import InvalidDigest, PathError
from fluxkit.source.retention import TEMPORARY_PREFIX
from tests.source.dying import run_until_killed

REVISION = "main@sha1:" + "a" * 40


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    (tmp_path / "data").mkdir()
    return Storage(tmp_path / "data", "source-controller.flux-system.svc.cluster.local.")


def artifact(storage: Storage, filename: str = "a.tar.gz") -> Artifact:
    return storage.artifact_for("GitRepository", "apps", "fleet", REVISION, filename)


def stored_files(storage: Storage) -> list[str]:
    return sorted(p.name for p in storage.root.rglob("*") if p.is_file() and not p.name.endswith(".lock"))


@pytest.mark.contract("SRC-022")
def test_root_must_exist(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"invalid dir path: .*absent"):
        Storage(tmp_path / "absent", "localhost")
    assert not (tmp_path / "absent").exists()


@pytest.mark.contract("SRC-067", "SRC-069")
def test_names_and_urls(storage: Storage) -> None:
    made = artifact(storage, "abc.tar.gz")
    assert made.path == "gitrepository/apps/fleet/abc.tar.gz"
    assert made.url == f"http://source-controller.flux-system.svc.cluster.local./{made.path}"
    assert made.revision == REVISION
    storage.advertised = "https://flux.example.com"
    assert storage.url(made.path) == f"https://flux.example.com/{made.path}"


@pytest.mark.contract("SRC-056")
def test_url_follows_the_advertised_address(storage: Storage) -> None:
    made = artifact(storage)
    assert storage.with_current_url(made) is made
    storage.advertised = "localhost:9090"
    assert storage.with_current_url(made).url == f"http://localhost:9090/{made.path}"


@pytest.mark.contract("SRC-066", "SRC-075")
async def test_stored_content_is_described(storage: Storage) -> None:
    made = await storage.store_bytes(artifact(storage), b"content")
    path = storage.local_path(made)
    assert path.read_bytes() == b"content"
    assert made.digest == "sha256:" + hashlib.sha256(b"content").hexdigest()
    assert made.size == 7
    assert made.last_update_time.endswith("Z")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for parent in list(path.parents)[:3]:
        assert stat.S_IMODE(parent.stat().st_mode) == 0o700
    assert storage.exists(made)
    await storage.verify(made)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512", "blake3"])
@pytest.mark.contract("SRC-021")
async def test_digest_algorithms(storage: Storage, algorithm: str) -> None:
    storage.algorithm = algorithm
    made = await storage.store_bytes(artifact(storage), b"content")
    assert made.digest.startswith(f"{algorithm}:")
    await storage.verify(made)
    storage.local_path(made).write_bytes(b"changed")
    with pytest.raises(DigestMismatch):
        await storage.verify(made)


def test_unknown_digest_algorithm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDigest, match="md5"):
        Storage(tmp_path, "localhost", algorithm="md5")


@pytest.mark.contract("SRC-054")
async def test_tampering_is_noticed(storage: Storage) -> None:
    made = await storage.store_bytes(artifact(storage), b"content")
    facts = storage.local_path(made).stat()
    storage.local_path(made).write_bytes(b"CONTENT")
    os.utime(storage.local_path(made), ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(DigestMismatch, match="computed digest doesn't match 'sha256:"):
        await storage.verify(made)
    with pytest.raises(InvalidDigest, match="no digest"):
        await storage.verify(msgspec.structs.replace(made, digest=""))
    await storage.remove(made)
    assert not storage.exists(made)
    with pytest.raises(StorageError, match="unable to read"):
        await storage.verify(made)


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "gitrepository/../../../x/y", "link/x"])
@pytest.mark.contract("SRC-067")
def test_paths_stay_below_the_root(storage: Storage, tmp_path: Path, path: str) -> None:
    os.symlink("/etc", storage.root / "link")
    made = msgspec.structs.replace(artifact(storage), path=path)
    assert storage.local_path(made).is_relative_to(storage.root)
    assert not storage.exists(made)


@pytest.mark.parametrize("name", ["", "..", "a/.."])
def test_path_that_names_no_file_is_refused(storage: Storage, name: str) -> None:
    with pytest.raises(PathError):
        storage.local_path(msgspec.structs.replace(artifact(storage), path=name))


@pytest.mark.contract("SRC-074")
async def test_failed_write_leaves_what_was_there(storage: Storage, tmp_path: Path) -> None:
    made = await storage.store_bytes(artifact(storage), b"good")
    with pytest.raises(StorageError):
        await storage.store_file(made, tmp_path / "absent")
    await storage.verify(made)
    assert stored_files(storage) == ["a.tar.gz"]


@pytest.mark.contract("SRC-073")
async def test_writers_of_one_artifact_take_turns(storage: Storage, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / str(number)).write_bytes(bytes([number]) * 300_000)
    made = await asyncio.gather(*(storage.store_file(artifact(storage), tmp_path / str(n)) for n in range(8)))
    left = hashlib.sha256(storage.local_path(made[0]).read_bytes()).hexdigest()
    assert f"sha256:{left}" in {one.digest for one in made}
    assert stored_files(storage) == ["a.tar.gz"]


@pytest.mark.contract("SRC-071")
async def test_latest_link(storage: Storage) -> None:
    made = await storage.store_bytes(artifact(storage), b"x")
    url = await storage.link_latest(made, "latest.tar.gz")
    assert url.endswith("/gitrepository/apps/fleet/latest.tar.gz")
    link = storage.root / "gitrepository/apps/fleet/latest.tar.gz"
    assert Path(os.readlink(link)) == storage.local_path(made)


# --- retention ---


async def aged(storage: Storage, *ages: float) -> list[Artifact]:
    made = []
    for number, age in enumerate(ages):
        one = await storage.store_bytes(artifact(storage, f"{number}.tar.gz"), b"x")
        moment = time.time() - age
        os.utime(storage.local_path(one), (moment, moment))
        made.append(one)
    return made


@pytest.mark.parametrize(
    ("ages", "kept"),
    [
        ((0,), ["0"]),
        ((0, 30), ["0", "1"]),
        ((0, 90), ["0"]),
        ((0, 10, 20, 30), ["0", "1"]),
        ((0, 10, 90, 20), ["0", "1"]),
        ((9000, 10, 20), ["0", "1"]),  # the current one counts, however old
        ((0, 10, 10, 10), ["0", "3"]),  # equal times: each is handled
    ],
)
@pytest.mark.contract("SRC-102", "SRC-103", "SRC-104", "SRC-106")
async def test_garbage(storage: Storage, ages: tuple[float, ...], kept: list[str]) -> None:
    made = await aged(storage, *ages)
    if len({*ages}) < len(ages):
        moment = time.time() - 10
        for one in made[1:]:
            os.utime(storage.local_path(one), (moment, moment))
    await storage.link_latest(made[0], "latest.tar.gz")
    removed = await storage.collect_garbage(made[0])
    # The link to the current one is listed too: symlinks are never garbage.
    assert stored_files(storage) == [*(f"{name}.tar.gz" for name in kept), "latest.tar.gz"]
    assert len(removed) == len(ages) - len(kept)
    locks = {p.name for p in storage.root.rglob("*.lock")}
    assert locks == {f"{name}.tar.gz.lock" for name in kept}


@pytest.mark.contract("SRC-105")
async def test_garbage_pass_is_bounded(storage: Storage) -> None:
    current = await storage.store_bytes(artifact(storage), b"x")
    directory = storage.local_path(current).parent
    for number in range(1100):
        (directory / f"old-{number:04}").touch()
        os.utime(directory / f"old-{number:04}", (1, 1))
    assert len(await storage.collect_garbage(current)) <= 1000
    await storage.collect_garbage(current)
    assert stored_files(storage) == ["a.tar.gz"]


@pytest.mark.contract("SRC-108")
async def test_everything_of_an_object_goes_at_once(storage: Storage) -> None:
    await aged(storage, 0, 1)
    other = await storage.store_bytes(storage.artifact_for("GitRepository", "apps", "other", REVISION, "x"), b"x")
    assert await storage.remove_all("GitRepository", "apps", "fleet")
    assert not await storage.remove_all("GitRepository", "apps", "fleet")
    assert not (storage.root / "gitrepository/apps/fleet").exists()
    assert storage.exists(other)


# --- killed writers ---

WRITER = """
import asyncio
from pathlib import Path
from fluxkit.source import IgnoreRules, Storage

storage = Storage(Path(sys.argv[1]), "localhost")
artifact = storage.artifact_for("GitRepository", "apps", "fleet", "r", "a.tar.gz")
asyncio.run(storage.store_tree(artifact, Path(sys.argv[2]), IgnoreRules()))
"""


@pytest.mark.parametrize(
    ("function", "call", "whole"),
    [
        ("zlib.crc32", 1, False),  # nothing written yet
        ("zlib.crc32", 3, False),  # in the middle of the content
        ("os.fchmod", 1, False),
        ("os.fsync", 1, False),
        ("os.rename", 1, False),
        ("os.fsync", 2, True),  # renamed, the directory not synced
    ],
)
@pytest.mark.contract("SRC-073", "SRC-074")
async def test_killed_writer_leaves_no_half_artifact(
    storage: Storage, tmp_path: Path, function: str, call: int, whole: bool
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "data").write_bytes(os.urandom(3_000_000))
    old = await storage.store_tree(artifact(storage), tree, IgnoreRules())
    (tree / "data").write_bytes(os.urandom(3_000_000))
    new = await storage.store_tree(artifact(storage, "expected.tar.gz"), tree, IgnoreRules())
    await run_until_killed(WRITER, str(storage.root), str(tree), function=function, call=call)
    await storage.verify(msgspec.structs.replace(new, path=old.path) if whole else old)
    assert len(stored_files(storage)) == (2 if whole else 3)
    assert await storage.sweep() == (0 if whole else 1)
    assert stored_files(storage) == ["a.tar.gz", "expected.tar.gz"]
    assert (await storage.store_tree(artifact(storage), tree, IgnoreRules())).digest == new.digest


async def test_sweep_leaves_living_writers_alone(storage: Storage) -> None:
    made = await storage.store_bytes(artifact(storage), b"x")
    temporary = storage.local_path(made).with_name(f"{TEMPORARY_PREFIX}a.tar.gz~abc")
    temporary.touch()
    with open(f"{storage.local_path(made)}.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert await storage.sweep() == 0
        assert temporary.exists()
    assert await storage.sweep() == 1
    assert not temporary.exists()
