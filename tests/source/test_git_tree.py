"""From commit to directory: hostile trees, large files, sparse checkouts, submodules, damaged mirrors."""

import asyncio
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from fluxkit.api.source import GitReference
from fluxkit.source import GitAuth, GitClient, GitError, GitRemote, IgnoreRules, Storage, archive
from fluxkit.source.errors import UnsafeTree
from fluxkit.source.git import export
from fluxkit.source.git.mirror import MirrorCache
from fluxkit.source.git.submodules import auth_for, parse_modules, resolve_url
from testbed.githttp import GitHTTPServer, Trouble
from tests.source.conftest import Repository

MAIN = GitReference(branch="main")


@pytest.fixture
def remote(server: GitHTTPServer, client: GitClient, repository: Repository) -> GitRemote:
    return client.remote(server.url("fleet.git"))


def names(tree: Path) -> set[str]:
    return {path.relative_to(tree).as_posix() for path in tree.rglob("*")}


@pytest.mark.contract("SRC-078", "SRC-344")
async def test_symlinks_never_reach_the_disk(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    target = repository.blob(str(outside))
    link = repository.blob("/etc/passwd")
    evil = repository.blob("evil")
    # The second tree uses the name of the link as a directory: a naive checkout writes through it.
    repository.commit_tree(
        repository.tree([("120000", "dir", target), ("100644", "ok.yaml", evil), ("120000", "passwd", link)])
    )
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "1")
    assert names(tmp_path / "1") == {"ok.yaml"}
    inner = repository.tree([("100644", "pwned", evil)])
    repository.commit_tree(repository.tree([("120000", "dir", target), ("40000", "dir", inner)]))
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "2")
    assert list(outside.iterdir()) == []
    assert (tmp_path / "2" / "dir").is_dir()
    assert not (tmp_path / "2" / "dir").is_symlink()


@pytest.mark.parametrize(
    "name",
    ["..", ".", ".git", ".GIT", "git~1", ".git ", ".g\u200cit", ".git::$INDEX_ALLOCATION", "../x", "a/../../x", "/abs"],
)
async def test_names_that_must_not_be_written_fail_the_checkout(
    remote: GitRemote, repository: Repository, tmp_path: Path, name: str
) -> None:
    blob = repository.blob("evil")
    inner = repository.tree([("100644", "x", blob)])
    as_file = repository.tree([("100644", name, blob)])
    as_directory = repository.tree([("40000", name, inner)])
    for number, tree in enumerate((as_file, as_directory, repository.tree([("40000", "deep", as_file)]))):
        repository.commit_tree(tree)
        dest = tmp_path / "work" / "area" / str(number)
        with pytest.raises((UnsafeTree, GitError)):
            await remote.checkout(await remote.resolve(MAIN), dest)
        assert not [path for path in (tmp_path / "work").rglob("*") if path.is_file()]
    assert not Path("/abs").exists()
    repository.commit({"good.yaml": "1"})
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "good")
    assert names(tmp_path / "good") == {"good.yaml"}


async def test_entry_that_is_file_and_directory_fails(
    remote: GitRemote, repository: Repository, tmp_path: Path
) -> None:
    blob = repository.blob("x")
    inner = repository.tree([("100644", "y", blob)])
    repository.commit_tree(repository.tree([("100644", "a", blob), ("40000", "a", inner)]))
    with pytest.raises(UnsafeTree, match=r"'a'.*twice"):
        await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")


async def test_tree_that_multiplies_itself_ends_early(
    remote: GitRemote, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = repository.tree([("100644", "x", repository.blob("x"))])
    for _ in range(10):  # ten billion files out of a dozen objects
        tree = repository.tree([("40000", str(n), tree) for n in range(10)])
    repository.commit_tree(tree)
    monkeypatch.setattr(export, "_MAX_ENTRIES", 20_000)
    with pytest.raises(UnsafeTree, match="more than 20000 files"):
        await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


async def test_large_file_costs_little_memory(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    size = 200 << 20
    with (tmp_path / "large").open("wb") as sparse:
        sparse.truncate(size)
    blob = repository.git(
        "-c", "core.bigFileThreshold=1m", "-c", "core.compression=1", "hash-object", "-w", str(tmp_path / "large")
    )
    repository.commit_tree(repository.tree([("100644", "large.bin", blob)]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dest = tmp_path / "tree"
    await remote.checkout(await remote.resolve(MAIN), dest)
    assert (dest / "large.bin").stat().st_size == size
    info = await asyncio.to_thread(archive.build, dest, tmp_path / "a.tgz", IgnoreRules.load(dest))
    assert info.size < size // 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB


@pytest.mark.contract("SRC-350")
async def test_content_is_taken_as_it_is(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    blob = repository.blob("#!/bin/sh\n$Id$\n")
    attributes = repository.blob("* text eol=crlf ident filter=lfs export-subst\nhidden export-ignore\n")
    repository.commit_tree(
        repository.tree(
            [("100644", ".gitattributes", attributes), ("100644", "hidden", blob), ("100755", "run.sh", blob)]
        )
    )
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    assert (tmp_path / "tree" / "run.sh").read_bytes() == b"#!/bin/sh\n$Id$\n"
    assert (tmp_path / "tree" / "run.sh").stat().st_mode & 0o111
    assert (tmp_path / "tree" / "hidden").exists()


async def test_same_commit_gives_the_same_artifact(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    repository.commit(
        {
            "apps/a.yaml": "1",
            "logo.png": "x",
            ".github/w.yaml": "x",
            "ünïcode.yaml": "2",
            b"\xff".decode("latin-1"): "3",
        }
    )
    (tmp_path / "data").mkdir()
    storage = Storage(tmp_path / "data", "localhost")
    digests = set()
    for number in range(2):
        resolved = await remote.resolve(MAIN)
        dest = tmp_path / str(number)
        await remote.checkout(resolved, dest)
        made = storage.artifact_for("GitRepository", "a", "b", resolved.revision, f"{resolved.commit}.tar.gz")
        digests.add((await storage.store_tree(made, dest, IgnoreRules.load(dest))).digest)
    assert len(digests) == 1


# --- sparse ---


@pytest.mark.contract("SRC-184")
async def test_sparse_checkout(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    repository.commit({"root.yaml": "1", "apps/a/x": "1", "apps-old/x": "1", "infra/y": "1", "Infra/z": "1"})
    resolved = await remote.resolve(MAIN)
    await remote.checkout(resolved, tmp_path / "1", sparse=["./apps", "infra"])
    assert names(tmp_path / "1") == {"apps", "apps/a", "apps/a/x", "infra", "infra/y"}
    await remote.checkout(resolved, tmp_path / "2", sparse=["apps/a/"])
    assert names(tmp_path / "2") == {"apps", "apps/a", "apps/a/x"}


@pytest.mark.parametrize("directory", ["absent", "../fleet", "apps/../../etc"])
@pytest.mark.contract("SRC-185")
async def test_sparse_directory_must_exist(
    remote: GitRemote, repository: Repository, tmp_path: Path, directory: str
) -> None:
    repository.commit({"apps/x": "1"})
    with pytest.raises(GitError, match=r"^sparse checkout dir '") as caught:
        await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree", sparse=["apps", directory])
    expected = f"failed to sparse checkout directories : sparse checkout dir '{directory}' does not exist in repository"
    assert caught.value.condition_message.startswith(expected)
    assert caught.value.reason == "GitOperationFailed"


# --- submodules ---


@pytest.mark.contract("SRC-183")
async def test_submodules_are_checked_out_recursively(
    server: GitHTTPServer, client: GitClient, repository: Repository, repositories: Path, tmp_path: Path
) -> None:
    server.credentials = ("ada", "secret")
    deepest, middle = Repository(repositories / "deepest.git"), Repository(repositories / "middle.git")
    deep = deepest.commit({"deep.yaml": "1"})
    deepest.commit({"deep.yaml": "newer, not asked for"})
    modules = middle.blob('[submodule "d"]\n\tpath = lib/deep\n\turl = ../deepest.git\n')
    lib = middle.tree([("160000", "deep", deep)])
    mid = middle.commit_tree(middle.tree([("100644", ".gitmodules", modules), ("40000", "lib", lib)]))
    modules = repository.blob(f'[submodule "m"]\n\tpath = mid\n\turl = {server.url("middle.git")}\n')
    repository.commit_tree(
        repository.tree([("100644", ".gitmodules", modules), ("160000", "mid", mid), ("160000", "unknown", mid)])
    )
    remote = client.remote(server.url("fleet.git"), GitAuth.basic("ada", "secret"))
    resolved = await remote.resolve(MAIN)
    await remote.checkout(resolved, tmp_path / "with", submodules=True)
    assert (tmp_path / "with" / "mid" / "lib" / "deep" / "deep.yaml").read_text() == "1"
    assert not list((tmp_path / "with").rglob(".git"))
    await remote.checkout(resolved, tmp_path / "without")
    assert names(tmp_path / "without") == {".gitmodules", "mid", "unknown"}


async def test_submodule_loop_ends(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    # A commit cannot hold its own id, so the chain is built from the inside out, longer than the limit.
    commit = repository.commit({"end": "1"})
    modules = repository.blob('[submodule "s"]\n\tpath = s\n\turl = ../fleet.git\n')
    for _ in range(12):
        commit = repository.commit_tree(repository.tree([("100644", ".gitmodules", modules), ("160000", "s", commit)]))
    remote = client.remote(server.url("fleet.git"))
    with pytest.raises(GitError, match="nested deeper than 10"):
        await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree", submodules=True)


async def test_missing_submodule_commit_is_an_error(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    modules = repository.blob(f'[submodule "m"]\n\tpath = m\n\turl = {server.url("fleet.git")}\n')
    repository.commit_tree(repository.tree([("100644", ".gitmodules", modules), ("160000", "m", "1" * 40)]))
    remote = client.remote(server.url("fleet.git"))
    with pytest.raises(GitError):
        await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree", submodules=True)


async def test_submodule_cannot_read_local_files(server: GitHTTPServer, repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit({"secret": "1"})
    modules = repository.blob(f'[submodule "m"]\n\tpath = m\n\turl = file://{repository.path}\n')
    repository.commit_tree(repository.tree([("100644", ".gitmodules", modules), ("160000", "m", commit)]))
    async with GitClient(tmp_path / "m") as client:
        remote = client.remote(server.url("fleet.git"))
        with pytest.raises(GitError, match="file:// URLs are not allowed"):
            await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree", submodules=True)


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("../lib.git", "https://example.com/org/lib.git"),
        ("./sub", "https://example.com/org/fleet.git/sub"),
        ("../../../../etc", "https://example.com/etc"),
        ("git@github.com:org/lib.git", "ssh://git@github.com/org/lib.git"),
        ("https://other.example/x", "https://other.example/x"),
    ],
)
def test_submodule_urls(url: str, resolved: str) -> None:
    assert resolve_url(url, "https://example.com/org/fleet.git") == resolved


def test_submodule_on_another_server_gets_no_credentials() -> None:
    auth = GitAuth.basic("ada", "secret", ca=b"pem")
    parent = "https://example.com/org/fleet"
    assert auth_for("https://example.com/org/lib", parent, auth).authorization
    for url in ("https://evil.example/x", "http://example.com/org/lib", "https://example.com:8443/x"):
        assert not auth_for(url, parent, auth).authorization


def test_module_file() -> None:
    first = '[submodule "a \\"b\\""]\n  Path = "lib/a"\n  url = ../a ; why\n'
    text = f'{first}[core]\n  path = x\n[submodule "no-url"]\npath=y\n'
    assert parse_modules(text) == {"lib/a": "../a"}


# --- mirrors ---


def mirrors(root: Path) -> list[Path]:
    return sorted(root.glob("mirrors-*/*.git"))


@pytest.mark.parametrize("damage", ["objects", "head", "truncated", "everything"])
async def test_damaged_mirror_is_made_anew(
    remote: GitRemote, repository: Repository, tmp_path: Path, damage: str
) -> None:
    files: dict[str, str | bytes] = {f"apps/{n}.yaml": os.urandom(40) for n in range(150)}
    repository.commit(files)
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "1")
    (mirror,) = mirrors(tmp_path / "mirrors")
    objects = [path for path in (mirror / "objects").rglob("*") if path.is_file()]
    match damage:
        case "objects":
            for path in objects:
                path.unlink()
        case "head":
            (mirror / "HEAD").write_text("nonsense")
        case "truncated":
            for path in objects:
                path.chmod(0o600)
                path.write_bytes(path.read_bytes()[:20])
        case "everything":
            for path in mirror.rglob("*"):
                if path.is_file():
                    path.chmod(0o600)
                    path.write_bytes(b"\0" * 10)
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "2")
    repository.commit({**files, "new": "1"})
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "3")
    assert names(tmp_path / "2") == names(tmp_path / "1")
    assert names(tmp_path / "3") == names(tmp_path / "1") | {"new"}


async def test_one_lost_object_is_fetched_again(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a": "1", "b": "2"})
    resolved = await remote.resolve(MAIN)
    await remote.checkout(resolved, tmp_path / "1")
    (mirror,) = mirrors(tmp_path / "mirrors")
    blob = repository.blob("2")
    (mirror / "objects" / blob[:2] / blob[2:]).unlink()
    await remote.checkout(resolved, tmp_path / "2")
    assert (tmp_path / "2" / "b").read_text() == "2"
    assert names(tmp_path / "2") == {"a", "b"}


async def test_concurrent_checkouts_of_one_remote(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    commits = [repository.commit({"a": str(n)}, branch=f"b{n}") for n in range(6)]
    resolved = [await remote.resolve(GitReference(branch=f"b{n}")) for n in range(6)]
    await asyncio.gather(*(remote.checkout(one, tmp_path / str(n)) for n, one in enumerate(resolved)))
    assert [one.commit for one in resolved] == commits
    assert [(tmp_path / str(n) / "a").read_text() for n in range(6)] == [str(n) for n in range(6)]
    assert len(mirrors(tmp_path / "mirrors")) == 1


async def test_mirrors_are_bounded(server: GitHTTPServer, repositories: Path, tmp_path: Path) -> None:
    async with GitClient(tmp_path / "m") as client:
        for number in range(3):
            repository = Repository(repositories / f"{number}.git")
            repository.commit({"big": os.urandom(50_000)})
            remote = client.remote(server.url(f"{number}.git"))
            await remote.checkout(await remote.resolve(MAIN), tmp_path / str(number))
            os.utime(mirrors(tmp_path / "m")[0])
    ages = {path: number for number, path in enumerate(mirrors(tmp_path / "m"))}
    for path, number in ages.items():
        os.utime(path, (2_000_000_000 + number, 2_000_000_000 + number))
    bounded = MirrorCache(tmp_path / "m", max_bytes=150_000)
    assert await bounded.prune() == 1
    assert mirrors(tmp_path / "m") == list(ages)[1:]
    bounded.close()
    for path in mirrors(tmp_path / "m"):
        os.utime(path, (1, 1))
    aged = MirrorCache(tmp_path / "m", max_age=3600)
    assert await aged.prune() == 2
    aged.close()


async def test_second_process_gets_mirrors_of_its_own(tmp_path: Path) -> None:
    first, second = MirrorCache(tmp_path), MirrorCache(tmp_path)
    assert first.sessions != second.sessions
    (first.sessions / "left").write_text("credentials of a killed process")
    first.close()
    third = MirrorCache(tmp_path)
    assert list(third.sessions.iterdir()) == []
    second.close()
    third.close()


FETCHER = """
import asyncio, sys
from pathlib import Path
from fluxkit.api.source import GitReference
from fluxkit.source import GitClient

async def main() -> None:
    async with GitClient(Path(sys.argv[1])) as client:
        remote = client.remote(sys.argv[2])
        resolved = await remote.resolve(GitReference(branch="main"))
        print("resolved", flush=True)
        await remote.checkout(resolved, Path(sys.argv[3]))

asyncio.run(main())
"""


async def test_killed_controllers_leave_a_usable_cache(
    server: GitHTTPServer, repository: Repository, tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {f"{n}": os.urandom(2000) for n in range(200)}
    url = server.url("fleet.git")
    for attempt in range(3):
        files["changing"] = str(attempt)
        repository.commit(files)
        server.trouble = Trouble.HANG_PACK if attempt % 2 else Trouble.NONE
        server.hanging.clear()
        dest = tmp_path / f"killed-{attempt}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", FETCHER, str(tmp_path / "m"), url, str(dest), stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"resolved\n"
        if attempt % 2:
            await asyncio.wait_for(server.hanging.wait(), 20)
        process.kill()
        await process.wait()
        server.trouble = Trouble.NONE
        async with GitClient(tmp_path / "m") as client:
            remote = client.remote(url)
            await remote.checkout(await remote.resolve(MAIN), tmp_path / f"healed-{attempt}")
            assert names(tmp_path / f"healed-{attempt}") == set(files)
            assert (tmp_path / f"healed-{attempt}" / "changing").read_text() == str(attempt)
            assert list(client.mirrors.sessions.iterdir()) == []


async def test_lock_files_of_a_killed_fetch_do_not_stay_in_the_way(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"a": "1"})
    url = server.url("fleet.git")
    await client.remote(url).checkout(await client.remote(url).resolve(MAIN), tmp_path / "1")
    repository.commit({"a": "2"})
    server.trouble = Trouble.HANG_PACK
    resolved = await client.remote(url).resolve(MAIN)
    fetching = asyncio.create_task(client.remote(url).checkout(resolved, tmp_path / "2"))
    await asyncio.wait_for(server.hanging.wait(), 20)
    (mirror,) = mirrors(tmp_path / "mirrors")
    (mirror / "shallow.lock").touch()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    server.trouble = Trouble.NONE
    await client.remote(url).checkout(resolved, tmp_path / "3")
    assert (tmp_path / "3" / "a").read_text() == "2"
