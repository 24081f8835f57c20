"""What a reference means: every kind of it, over real HTTP and from files."""

from pathlib import Path

import pytest

from fluxkit.api.source import GitReference
from fluxkit.source import EmptyRepository, GitClient, GitError, GitRemote, RefNotFound, normalize_revision
from testbed.githttp import GitHTTPServer
from tests.source.conftest import Repository


@pytest.fixture(params=["http", "http-v0", "file"])
def remote(
    request: pytest.FixtureRequest, server: GitHTTPServer, client: GitClient, repository: Repository
) -> GitRemote:
    """The same repository over HTTP (protocol 2 and 0) and as a file URL, which takes git's own way."""
    server.only_version_zero = request.param == "http-v0"
    return client.remote(f"file://{repository.path}" if request.param == "file" else server.url("fleet.git"))


@pytest.mark.contract("SRC-144", "SRC-145", "SRC-146")
async def test_branches(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    main = repository.commit({"a.yaml": "main"})
    master = repository.commit({"a.yaml": "master"}, branch="master")
    feature = repository.commit({"a.yaml": "feature"}, branch="feature/x")
    assert (await remote.resolve(GitReference(branch="main"))).revision == f"main@sha1:{main}"
    assert (await remote.resolve()).revision == f"master@sha1:{master}"
    assert (await remote.resolve(GitReference())).commit == master
    resolved = await remote.resolve(GitReference(branch="feature/x"))
    assert resolved.revision == f"feature/x@sha1:{feature}"
    commit = await remote.checkout(resolved, tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "feature"
    assert commit.revision == resolved.revision


@pytest.mark.contract("SRC-145", "SRC-147")
async def test_tags(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    first = repository.commit({"a.yaml": "1"})
    second = repository.commit({"a.yaml": "2"})
    repository.tag("light", first)
    repository.tag("v1", second, annotated=True)
    assert (await remote.resolve(GitReference(tag="light"))).revision == f"light@sha1:{first}"
    resolved = await remote.resolve(GitReference(tag="v1"))
    assert resolved.revision == f"v1@sha1:{second}"
    assert resolved.tag == repository.git("rev-parse", "refs/tags/v1")
    await remote.checkout(resolved, tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "2"


@pytest.mark.contract("SRC-145", "SRC-150", "SRC-152")
async def test_ranges(remote: GitRemote, repository: Repository) -> None:
    commits = {}
    for tag in ("v1.0.0", "1.2.0", "v1.2.1-rc.1", "v2.0.0", "v3", "1.9", "latest", "v2024.01.02"):
        commits[tag] = repository.commit({"a.yaml": tag})
        repository.tag(tag, commits[tag], annotated=tag == "1.2.0")

    async def resolve(expression: str) -> str:
        return (await remote.resolve(GitReference(semver=expression))).revision

    assert await resolve("1.x") == f"1.2.0@sha1:{commits['1.2.0']}"
    assert await resolve(">=1.0.0-0 <2.0.0") == f"v1.2.1-rc.1@sha1:{commits['v1.2.1-rc.1']}"
    assert await resolve("<1000.0.0") == f"v2.0.0@sha1:{commits['v2.0.0']}"
    assert await resolve("*") == f"v2024.01.02@sha1:{commits['v2024.01.02']}"
    with pytest.raises(RefNotFound, match=r"^no match found for semver: >5000") as missing:
        await resolve(">5000")
    assert missing.value.reason == "GitOperationFailed"
    with pytest.raises(GitError, match=r"^semver parse error: improper constraint"):
        await resolve("not a range")


@pytest.mark.contract("SRC-151")
async def test_newest_commit_wins_between_equal_versions(remote: GitRemote, repository: Repository) -> None:
    repository.tag("1.0.0+zz", repository.commit({"a.yaml": "old"}))
    newest = repository.commit({"a.yaml": "new"})
    repository.tag("1.0.0+aa", newest)
    assert (await remote.resolve(GitReference(semver="1.x"))).revision == f"1.0.0+aa@sha1:{newest}"


@pytest.mark.contract("SRC-145", "SRC-153", "SRC-154", "SRC-155")
async def test_names(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    main = repository.commit({"a.yaml": "main"})
    repository.tag("v1", main, annotated=True)
    pull = repository.commit({"a.yaml": "pull"}, branch="to-be-deleted")
    repository.git("update-ref", "refs/pull/7/head", pull)
    repository.git("update-ref", "-d", "refs/heads/to-be-deleted")

    async def resolve(name: str) -> str:
        return (await remote.resolve(GitReference(name=name))).revision

    assert await resolve("refs/heads/main") == f"refs/heads/main@sha1:{main}"
    assert await resolve("refs/tags/v1") == f"refs/tags/v1@sha1:{main}"
    assert await resolve("refs/tags/v1^{}") == f"refs/tags/v1^{{}}@sha1:{main}"
    assert await resolve("refs/pull/7/head") == f"refs/pull/7/head@sha1:{pull}"
    await remote.checkout(await remote.resolve(GitReference(name="refs/pull/7/head")), tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "pull"
    with pytest.raises(RefNotFound, match=r"^unable to resolve ref 'refs/heads/gone' to a specific commit$"):
        await resolve("refs/heads/gone")
    for name in ("/refs/heads/main", "refs/heads/main/"):
        with pytest.raises(GitError, match="cannot begin or end with a slash"):
            await resolve(name)


@pytest.mark.contract("SRC-145", "SRC-148", "SRC-149")
async def test_commits(remote: GitRemote, repository: Repository, tmp_path: Path) -> None:
    old = repository.commit({"a.yaml": "old"})
    repository.commit({"a.yaml": "new"})
    other = repository.commit({"a.yaml": "other"}, branch="other")
    resolved = await remote.resolve(GitReference(commit=old))
    assert resolved.revision == f"sha1:{old}"
    await remote.checkout(resolved, tmp_path / "old")
    assert (tmp_path / "old" / "a.yaml").read_text() == "old"
    within = await remote.resolve(GitReference(commit=old, branch="main"))
    assert within.revision == f"main@sha1:{old}"
    await remote.checkout(within, tmp_path / "within")
    assert (tmp_path / "within" / "a.yaml").read_text() == "old"
    with pytest.raises(RefNotFound, match="object not found"):
        await remote.checkout(await remote.resolve(GitReference(commit=other, branch="main")), tmp_path / "outside")
    with pytest.raises(RefNotFound, match="object not found"):
        await remote.resolve(GitReference(commit=old[:10]))
    with pytest.raises(GitError):
        await remote.checkout(await remote.resolve(GitReference(commit="1" * 40)), tmp_path / "absent")


@pytest.mark.contract("SRC-143")
async def test_precedence(remote: GitRemote, repository: Repository) -> None:
    commit = repository.commit({"a.yaml": "1"})
    tagged = repository.commit({"a.yaml": "2"})
    repository.tag("v1.0.0", tagged)
    ranged = repository.commit({"a.yaml": "3"})
    repository.tag("v1.1.0", ranged)
    branch = repository.commit({"a.yaml": "4"})
    named = repository.commit({"a.yaml": "5"}, branch="named")
    full = {
        "branch": "main",
        "semver": "1.x",
        "tag": "v1.0.0",
        "name": "refs/heads/named",
        "commit": commit,
    }
    expected = {"commit": commit, "name": named, "tag": tagged, "semver": ranged, "branch": branch}
    for winner, sha in expected.items():
        assert (await remote.resolve(GitReference(**full))).commit == sha
        del full[winner]


@pytest.mark.contract("SRC-181")
async def test_missing_branch_and_tag_are_named(remote: GitRemote, repository: Repository) -> None:
    repository.commit({"a.yaml": "1"})
    with pytest.raises(RefNotFound, match='couldn\'t find remote ref "refs/heads/gone"') as missing:
        await remote.resolve(GitReference(branch="gone"))
    assert remote.url in str(missing.value)
    assert missing.value.condition_message.startswith("failed to checkout and determine revision: unable to clone '")
    assert missing.value.reason == "GitOperationFailed"
    with pytest.raises(RefNotFound, match='couldn\'t find remote ref "refs/tags/gone"'):
        await remote.resolve(GitReference(tag="gone"))


@pytest.mark.contract("SRC-182")
async def test_empty_repository(remote: GitRemote) -> None:
    with pytest.raises(EmptyRepository, match=r"^git repository is empty$") as empty:
        await remote.resolve(GitReference(branch="main"))
    assert empty.value.reason == "EmptyGitRepository"
    assert empty.value.condition_message == "git repository is empty"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("main/" + "a" * 40, "main@sha1:" + "a" * 40),
        ("feature/x/" + "a" * 40, "feature/x@sha1:" + "a" * 40),
        ("HEAD/" + "a" * 40, "sha1:" + "a" * 40),
        ("a" * 40, "sha1:" + "a" * 40),
        ("main@sha1:" + "a" * 40, "main@sha1:" + "a" * 40),
        ("sha1:" + "a" * 40, "sha1:" + "a" * 40),
        ("", ""),
    ],
)
@pytest.mark.contract("SRC-158")
def test_legacy_revisions(old: str, new: str) -> None:
    assert normalize_revision(old) == new
