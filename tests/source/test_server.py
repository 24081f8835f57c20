"""The artifact server, asked by a real client."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from fluxkit.source import ArtifactServer, Storage


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Storage, str]]:
    (tmp_path / "data").mkdir()
    storage = Storage(tmp_path / "data", "localhost")
    async with ArtifactServer(storage, port=0) as server:
        storage.advertised = server.address
        yield storage, f"http://{server.address}"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as opened:
        yield opened


@pytest.mark.contract("SRC-097", "SRC-098")
async def test_files_and_their_absence(served: tuple[Storage, str], session: aiohttp.ClientSession) -> None:
    storage, base = served
    stored = await storage.store_bytes(storage.artifact_for("Bucket", "a", "b", "r", "x.tar.gz"), b"0123456789")
    async with session.get(stored.url) as answer:
        assert (answer.status, await answer.read()) == (200, b"0123456789")
        assert "Content-Encoding" not in answer.headers
        modified = answer.headers["Last-Modified"]
    async with session.head(stored.url) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, "10")
    async with session.get(stored.url, headers={"Range": "bytes=2-4"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"234")
    async with session.get(stored.url, headers={"If-Modified-Since": modified}) as answer:
        assert answer.status == 304
    async with session.get(f"{base}/bucket/a/b/absent.tar.gz") as answer:
        assert answer.status == 404
    async with session.get(f"{base}/") as answer:
        assert answer.status == 200
        assert "bucket/" in await answer.text()
    async with session.get(f"{base}/bucket/a/b") as answer:
        assert "x.tar.gz" in await answer.text()


@pytest.mark.contract("SRC-097", "SRC-071")
async def test_convenience_links_are_followed(served: tuple[Storage, str], session: aiohttp.ClientSession) -> None:
    storage, _ = served
    stored = await storage.store_bytes(storage.artifact_for("Bucket", "a", "b", "r", "x.tar.gz"), b"content")
    url = await storage.link_latest(stored, "latest.tar.gz")
    async with session.get(url) as answer:
        assert await answer.read() == b"content"


@pytest.mark.parametrize("path", ["../secret", "%2e%2e/secret", "out/secret", "file", "bucket/../../secret"])
async def test_nothing_outside_the_root_is_served(
    served: tuple[Storage, str], session: aiohttp.ClientSession, tmp_path: Path, path: str
) -> None:
    storage, base = served
    (tmp_path / "secret").write_text("secret")
    (storage.root / "out").symlink_to(tmp_path)
    (storage.root / "file").symlink_to(tmp_path / "secret")
    async with session.get(URL(f"{base}/{path}", encoded=True)) as answer:
        assert answer.status == 404
        assert b"secret" not in await answer.read()


async def test_unfinished_writes_are_invisible(served: tuple[Storage, str], session: aiohttp.ClientSession) -> None:
    storage, base = served
    (storage.root / "bucket").mkdir()
    (storage.root / "bucket" / ".writing-x.tar.gz~abc").write_text("half")
    async with session.get(f"{base}/bucket/.writing-x.tar.gz~abc") as answer:
        assert answer.status == 404
    async with session.get(f"{base}/bucket/") as answer:
        assert "writing" not in await answer.text()
