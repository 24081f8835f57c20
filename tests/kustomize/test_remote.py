"""Remote bases and files, through real servers, as the command and Flux fetch them."""

import asyncio
from pathlib import Path

import pytest

from fluxkit.controllers.building.bases import RemoteBases
from fluxkit.kustomize import BuildOptions, BuildResult, KustomizeError, build
from testbed import Repository
from testbed.githttp import GitHTTPServer
from tests.kustomize.trees import CONFIG_MAP, write


@pytest.fixture
async def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "git" / "base.git", tmp_path / "clone")
    await made.create()
    made.write("app/a.yaml", CONFIG_MAP)
    made.write("app/kustomization.yaml", "resources: [a.yaml]\n")
    await made.push("base")
    return made


async def fetched(tmp_path: Path, *resources: str, allowed: bool = True) -> BuildResult:
    """A build as Flux does it, confined to its root, with clones beside that."""
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    root = write(tmp_path / "root", {"kustomization.yaml": f"resources: {list(resources)}\n"})
    options = BuildOptions(root=root, load_restrictor="none", allow_remote=allowed, fetcher=RemoteBases(scratch))
    return await asyncio.to_thread(build, root, options)


@pytest.mark.contract("KZB-004", "KZB-048")
async def test_clones_are_readable_beside_the_root_if_they_are_allowed(tmp_path: Path, repository: Repository) -> None:
    async with GitHTTPServer(repository.bare.parent) as server:
        url = f"{server.url('base.git')}//app"
        assert [obj["kind"] for obj in await fetched(tmp_path, url)] == ["ConfigMap"]
        with pytest.raises(KustomizeError, match=r"remote .* is not allowed"):
            await fetched(tmp_path, url, allowed=False)
        repository.write("app/a.yaml", CONFIG_MAP.replace("cm", "newer"))
        await repository.push("newer")
        for query in ("", "?ref=main", "?version=main&submodules=false"):
            assert (await fetched(tmp_path, url + query))[0]["metadata"]["name"] == "newer"
        with pytest.raises(KustomizeError, match=r"failed to run 'git fetch .* nowhere': fatal: .*: exit status 128"):
            await fetched(tmp_path, f"{url}?ref=nowhere")


@pytest.mark.contract("KZB-048")
async def test_a_server_that_does_not_answer_in_time(tmp_path: Path) -> None:
    released = asyncio.Event()

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(KustomizeError, match=r"hit 0.3s timeout running 'git fetch"):
            await asyncio.to_thread(RemoteBases(tmp_path).clone, f"http://127.0.0.1:{port}/base.git", "main", True, 0.3)
        released.set()


@pytest.mark.contract("KZB-044")
async def test_files_over_http(tmp_path: Path, repository: Repository) -> None:
    """An error of the server ends the build, unless the URL could be that of a repository: then that is tried."""
    async with GitHTTPServer(repository.bare.parent) as server:
        with pytest.raises(KustomizeError) as failed:
            await fetched(tmp_path, f"http://{server.address}/missing.yaml")
        assert "HTTP Error: status code 404 (Not Found)" in str(failed.value)
        assert "git" not in str(failed.value)
        with pytest.raises(KustomizeError) as tried:
            await fetched(tmp_path, f"http://{server.address}/org/missing.yaml")
        assert "URL is a git repository" in str(tried.value)
        assert "failed to run 'git fetch" in str(tried.value)
