"""Remote bases through real servers: Git over HTTP, and files over HTTP."""

import asyncio
from pathlib import Path

import pytest

from fluxkit.controllers.building.bases import RemoteBases
from fluxkit.controllers.building.manifests import BuildFailed, BuildRequest, Manifests, build_manifests
from fluxkit.kustomize import KustomizeError
from testbed import Repository
from testbed.githttp import GitHTTPServer
from tests.controllers.test_manifests import config
from tests.controllers.test_overlay import spec, write


@pytest.fixture
async def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "git" / "base.git", tmp_path / "clone")
    await made.create()
    made.write("app/a.yaml", config("remote"))
    made.write("app/kustomization.yaml", "resources: [a.yaml]\n")
    await made.push("base")
    return made


async def built(root: Path, *, allowed: bool = True) -> Manifests:
    request = BuildRequest(root, "", spec(), allow_remote_bases=allowed)
    return await asyncio.to_thread(build_manifests, request)


@pytest.mark.contract("KUS-100")
async def test_a_base_in_another_repository(tmp_path: Path, repository: Repository) -> None:
    async with GitHTTPServer(repository.bare.parent) as server:
        url = f"{server.url('base.git')}//app?ref=main"
        write(tmp_path, **{"root/kustomization.yaml": f"namePrefix: my-\nresources: ['{url}']\n"})
        manifests = await built(tmp_path / "root")
    assert [obj["metadata"]["name"] for obj in manifests.objects] == ["my-remote"]
    assert manifests.inputs.remote


@pytest.mark.contract("KUS-101", "KUS-362")
async def test_remote_bases_can_be_refused(tmp_path: Path) -> None:
    write(tmp_path, **{"root/kustomization.yaml": "resources: ['https://git.example.com/org/base.git//app']\n"})
    with pytest.raises(BuildFailed, match=r"remote .* is not allowed"):
        await built(tmp_path / "root", allowed=False)


async def test_a_build_without_remote_bases_depends_on_its_files_only(tmp_path: Path) -> None:
    write(tmp_path, **{"root/a.yaml": config()})
    assert not (await built(tmp_path / "root")).inputs.remote


async def test_a_missing_reference_and_a_missing_file_are_named(tmp_path: Path, repository: Repository) -> None:
    async with GitHTTPServer(repository.bare.parent) as server:
        bases = RemoteBases(tmp_path)
        with pytest.raises(KustomizeError, match=r"failed to run 'git fetch .* nowhere'"):
            await asyncio.to_thread(bases.clone, server.url("base.git"), "nowhere", True, 10.0)
        with pytest.raises(KustomizeError, match=r"HTTP Error: status code 404"):
            await asyncio.to_thread(bases.fetch_file, f"http://{server.address}/missing")


async def test_local_repositories_are_refused(tmp_path: Path, repository: Repository) -> None:
    with pytest.raises(KustomizeError, match=r"transport 'file' not allowed"):
        await asyncio.to_thread(RemoteBases(tmp_path).clone, f"file://{repository.bare}", "main", True, 10.0)
