"""Fetching artifacts: once per digest, verified, leased, and gone when nobody needs them."""

import asyncio
import hashlib
import io
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from fluxkit.api.source import Artifact
from fluxkit.source import (
    ArchiveError,
    ArtifactFetcher,
    ArtifactNotFound,
    DigestMismatch,
    DownloadError,
    FetchOptions,
)
from fluxkit.source.digest import new_hasher
from fluxkit.source.errors import InvalidDigest
from tests.source.dying import run_until_killed


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as out:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


class Server:
    """Serves bytes by path; answers with ``failures`` first, and waits at ``gate`` when it is closed."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.failures: list[int] = []
        self.requests = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.base = ""

    def publish(self, name: str, files: dict[str, bytes]) -> Artifact:
        data = packed(files)
        self.content[f"/{name}"] = data
        return self.artifact(name, "sha256:" + hashlib.sha256(data).hexdigest())

    def artifact(self, name: str, digest: str) -> Artifact:
        return Artifact(
            path=name, url=f"{self.base}/{name}", revision="r", digest=digest, last_update_time="2026-01-01T00:00:00Z"
        )

    async def serve(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.asked.set()
        await self.gate.wait()
        if self.failures and (status := self.failures.pop(0)):
            return web.Response(status=status)
        if request.path not in self.content:
            return web.Response(status=404)
        return web.Response(body=self.content[request.path])


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    running = Server()
    application = web.Application()
    application.router.add_get("/{path:.*}", running.serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    running.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield running
    await runner.cleanup()


class Waits(list[float]):
    """Records the waits between retries instead of waiting."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def trees(cache: Path) -> list[Path]:
    return [path for path in cache.glob("trees-*/*") if path.is_dir()]


async def test_tree_is_described_by_hash_and_directory(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"apps/x.yaml": b"kind: x\n", "y.yaml": b"kind: y\n"})
    async with ArtifactFetcher(tmp_path) as fetcher:
        with await fetcher.fetch(made) as tree:
            assert tree.files == {
                "apps/x.yaml": hashlib.sha256(b"kind: x\n").hexdigest(),
                "y.yaml": hashlib.sha256(b"kind: y\n").hexdigest(),
            }
            assert tree.directories == {"apps"}
            assert (tree.path / "apps/x.yaml").read_text() == "kind: x\n"
            assert (tree.path / "y.yaml").stat().st_mode & 0o222 == 0


async def test_two_hundred_consumers_cost_one_download(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    server.gate.clear()
    async with ArtifactFetcher(tmp_path) as fetcher:
        waiting = [asyncio.create_task(fetcher.fetch(made)) for _ in range(200)]
        await server.asked.wait()
        server.gate.set()
        leases = await asyncio.gather(*waiting)
        again = await fetcher.fetch(made)
        assert {lease.path for lease in [*leases, again]} == {again.path}
    assert server.requests == 1
    assert fetcher.downloads == 1


async def test_one_cancelled_consumer_does_not_stop_the_others(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    server.gate.clear()
    async with ArtifactFetcher(tmp_path) as fetcher:
        first, second = asyncio.create_task(fetcher.fetch(made)), asyncio.create_task(fetcher.fetch(made))
        await server.asked.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        server.gate.set()
        assert (await second).files.keys() == {"x"}


async def test_download_nobody_waits_for_ends(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    server.gate.clear()
    async with ArtifactFetcher(tmp_path) as fetcher:
        only = asyncio.create_task(fetcher.fetch(made))
        await server.asked.wait()
        only.cancel()
        with pytest.raises(asyncio.CancelledError):
            await only
        server.gate.set()
        with await fetcher.fetch(made) as tree:
            assert tree.files.keys() == {"x"}
        assert fetcher.downloads == 1


@pytest.mark.contract("SRC-109", "RUN-164")
async def test_server_errors_are_retried_with_growing_waits(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    server.failures = [500, 503, 502, 500]
    waits = Waits()
    async with ArtifactFetcher(tmp_path, wait=waits) as fetcher:
        with await fetcher.fetch(made):
            assert waits == [5.0, 10.0, 20.0, 30.0]


@pytest.mark.contract("SRC-109")
async def test_retries_end(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    server.failures = [500] * 10
    waits = Waits()
    async with ArtifactFetcher(tmp_path, FetchOptions(retries=2), wait=waits) as fetcher:
        with pytest.raises(DownloadError, match="500"):
            await fetcher.fetch(made)
    assert len(waits) == 2


@pytest.mark.contract("SRC-109")
async def test_refused_connection_is_retried(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    lost = Artifact(path="a", url="http://127.0.0.1:1/a", revision="r", digest=made.digest, last_update_time="")
    waits = Waits()
    async with ArtifactFetcher(tmp_path, FetchOptions(retries=3), wait=waits) as fetcher:
        with pytest.raises(DownloadError, match=r"127\.0\.0\.1"):
            await fetcher.fetch(lost)
        assert len(waits) == 3
        with await fetcher.fetch(made) as tree:
            assert tree.files


@pytest.mark.contract("SRC-098", "SRC-109", "RUN-164")
async def test_missing_file_is_told_apart_and_not_retried(server: Server, tmp_path: Path) -> None:
    waits = Waits()
    async with ArtifactFetcher(tmp_path, wait=waits) as fetcher:
        with pytest.raises(ArtifactNotFound):
            await fetcher.fetch(server.artifact("gone", "sha256:" + "0" * 64))
    assert waits == []
    assert server.requests == 1


@pytest.mark.contract("SRC-109")
async def test_other_statuses_are_errors(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    server.failures = [403]
    async with ArtifactFetcher(tmp_path) as fetcher:
        with pytest.raises(DownloadError, match=r"status: 403 Forbidden"):
            await fetcher.fetch(made)


@pytest.mark.parametrize("digest", ["", "md5:" + "0" * 32, "sha256:xyz", "sha256:" + "0" * 63])
@pytest.mark.contract("SRC-111", "RUN-165")
async def test_digest_is_mandatory(server: Server, tmp_path: Path, digest: str) -> None:
    async with ArtifactFetcher(tmp_path) as fetcher:
        with pytest.raises(InvalidDigest):
            await fetcher.fetch(server.artifact("a", digest))
    assert server.requests == 0


@pytest.mark.contract("SRC-111", "RUN-165")
async def test_digest_is_checked_before_anything_is_unpacked(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    server.content["/a"] = packed({"x": b"2"})
    async with ArtifactFetcher(tmp_path) as fetcher:
        with pytest.raises(DigestMismatch, match=made.digest):
            await fetcher.fetch(made)
        assert trees(tmp_path) == []


@pytest.mark.contract("SRC-111")
async def test_bare_digest_counts_as_sha256(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    async with ArtifactFetcher(tmp_path) as fetcher:
        with await fetcher.fetch(server.artifact("a", made.digest.removeprefix("sha256:"))) as tree:
            assert tree.digest == made.digest


@pytest.mark.contract("SRC-112")
async def test_download_limit_counts_what_arrives(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": os.urandom(5000)})
    async with ArtifactFetcher(tmp_path, FetchOptions(max_download=1000)) as fetcher:
        with pytest.raises(DownloadError, match="max download size of 1000 bytes"):
            await fetcher.fetch(made)


async def test_unpacking_limit(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": bytes(5000)})
    async with ArtifactFetcher(tmp_path, FetchOptions(max_unpacked=1000)) as fetcher:
        with pytest.raises(ArchiveError, match="max archive size"):
            await fetcher.fetch(made)
        assert trees(tmp_path) == []


@pytest.mark.contract("SRC-110", "RUN-164")
async def test_host_can_be_overridden(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    named = Artifact(path="a", url="http://source.invalid/a", revision="r", digest=made.digest, last_update_time="")
    options = FetchOptions(host_override=server.base.removeprefix("http://"))
    async with ArtifactFetcher(tmp_path, options) as fetcher:
        with await fetcher.fetch(named) as tree:
            assert tree.files.keys() == {"x"}


@pytest.mark.contract("KUS-066")
async def test_the_watchers_host_is_another(server: Server, tmp_path: Path) -> None:
    """The override of the one is nothing to the other."""
    made = server.publish("a", {"x": b"1"})
    address = server.base.removeprefix("http://")
    for url, options in (
        ("http://source-watcher.flux-system/a", FetchOptions(host_override="invalid:1", watcher_override=address)),
        ("http://source-controller.flux-system/a", FetchOptions(host_override=address, watcher_override="invalid:1")),
    ):
        named = Artifact(path="a", url=url, revision="r", digest=made.digest, last_update_time="")
        async with ArtifactFetcher(tmp_path / url.split("/")[2], options) as fetcher:
            with await fetcher.fetch(named) as tree:
                assert tree.files.keys() == {"x"}


@pytest.mark.contract("KUS-064")
@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "blake3"])
async def test_every_algorithm_is_verified(server: Server, tmp_path: Path, algorithm: str) -> None:
    server.publish("a", {"x": b"1"})
    hasher = new_hasher(algorithm)
    hasher.update(server.content["/a"])
    right = f"{algorithm}:{hasher.hexdigest()}"
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    async with ArtifactFetcher(tmp_path) as fetcher:
        with pytest.raises(DigestMismatch, match="failed to verify archive"):
            await fetcher.fetch(server.artifact("a", wrong))
        with await fetcher.fetch(server.artifact("a", right)) as tree:
            assert tree.files.keys() == {"x"}


@pytest.mark.contract("KUS-065")
@pytest.mark.parametrize(
    ("name", "link", "told"), [("../x", "", "invalid name"), ("x", "/etc/hostname", "entry x is a symlink")]
)
async def test_what_leads_out_of_the_tree_is_refused(
    server: Server, tmp_path: Path, name: str, link: str, told: str
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        if link:
            entry.type, entry.linkname = tarfile.SYMTYPE, link
        archive.addfile(entry)
    server.content["/a"] = buffer.getvalue()
    digest = f"sha256:{hashlib.sha256(buffer.getvalue()).hexdigest()}"
    async with ArtifactFetcher(tmp_path / "cache") as fetcher:
        with pytest.raises(ArchiveError, match=told):
            await fetcher.fetch(server.artifact("a", digest))
    assert [path.name for path in tmp_path.rglob("*") if path.name == "x"] == []


async def test_leased_trees_stay_and_idle_ones_make_room(server: Server, tmp_path: Path) -> None:
    made = [server.publish(str(n), {"x": bytes([n]) * 100}) for n in range(4)]
    async with ArtifactFetcher(tmp_path, FetchOptions(cache_trees=2)) as fetcher:
        held = await fetcher.fetch(made[0])
        for one in made[1:]:
            (await fetcher.fetch(one)).release()
        (await fetcher.fetch(made[3])).release()
        assert len(trees(tmp_path)) == 2
        assert (held.path / "x").exists()
        held.release()
        held.release()
        (await fetcher.fetch(made[1])).release()
        assert not held.path.exists()
    assert list(tmp_path.glob("trees-*")) == []


async def test_cache_is_bounded_by_bytes(server: Server, tmp_path: Path) -> None:
    made = [server.publish(str(n), {"x": bytes([n]) * 1000}) for n in range(3)]
    async with ArtifactFetcher(tmp_path, FetchOptions(cache_bytes=2500)) as fetcher:
        for one in made:
            with await fetcher.fetch(one) as tree:
                assert tree.files
        (await fetcher.fetch(made[2])).release()
        assert len(trees(tmp_path)) == 2


CONSUMER = """
import asyncio
from pathlib import Path
from fluxkit.api.source import Artifact
from fluxkit.source import ArtifactFetcher

async def main() -> None:
    fetcher = ArtifactFetcher(Path(sys.argv[1]))
    await fetcher.fetch(Artifact(path="a", url=sys.argv[2], revision="r", digest=sys.argv[3], last_update_time=""))

asyncio.run(main())
"""


@pytest.mark.parametrize(("function", "call"), [("os.utime", 50), ("os.rename", 1)])
async def test_killed_consumer_leaves_nothing_for_long(
    server: Server, tmp_path: Path, function: str, call: int
) -> None:
    made = server.publish("a", {f"d{n}/x": b"content" for n in range(100)})
    await run_until_killed(CONSUMER, str(tmp_path), made.url, made.digest, function=function, call=call)
    assert [path.name[:9] for path in trees(tmp_path)] == ["unpacking"]
    async with ArtifactFetcher(tmp_path) as fetcher:
        assert trees(tmp_path) == []
        with await fetcher.fetch(made) as tree:
            assert len(tree.files) == 100


async def test_living_neighbour_keeps_its_trees(server: Server, tmp_path: Path) -> None:
    made = server.publish("a", {"x": b"1"})
    async with ArtifactFetcher(tmp_path) as first:
        held = await first.fetch(made)
        async with ArtifactFetcher(tmp_path) as second:
            await second.fetch(made)
            assert (held.path / "x").exists()
        assert (held.path / "x").exists()
