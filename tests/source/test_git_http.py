"""Remotes over HTTP: what an idle check costs, credentials, redirects, and servers in trouble."""

import asyncio
import os
from pathlib import Path

import pytest

from fluxkit.api.source import GitReference
from fluxkit.source import GitAuth, GitClient, GitError, GitTimeout, RepositoryNotFound
from testbed.githttp import GitHTTPServer, Trouble
from tests.source.conftest import Repository

MAIN = GitReference(branch="main")
SECRET = "s3cret/with+special=chars&%"


def children() -> list[str]:
    """Command lines of this process's living git and ssh descendants."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (process / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state[0] != "Z" and "upload-pack" not in command and ("git-remote-http" in command or " fetch " in command):
            found.append(command)
    return found


async def test_idle_check_is_one_request_on_a_kept_connection(
    server: GitHTTPServer, client: GitClient, repository: Repository
) -> None:
    repository.commit({"a.yaml": "1"})
    for number in range(50):
        repository.git("update-ref", f"refs/heads/other-{number}", "refs/heads/main")
    remote = client.remote(server.url("fleet.git"))
    first = await remote.resolve(MAIN)
    server.requests.clear()
    assert await client.remote(server.url("fleet.git")).resolve(MAIN) == first
    assert server.requests == [("POST", "/fleet.git/git-upload-pack")]
    moved = repository.commit({"a.yaml": "2"})
    assert (await remote.resolve(MAIN)).commit == moved


async def test_fetch_costs_what_changed(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    big = os.urandom(2_000_000)
    repository.commit({"big": big, "a.yaml": "1"})
    remote = client.remote(server.url("fleet.git"))
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "1")
    before = _bytes(tmp_path / "mirrors")
    repository.commit({"big": big, "a.yaml": "2"})
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "2")
    assert (tmp_path / "2" / "big").read_bytes() == big
    assert (tmp_path / "2" / "a.yaml").read_text() == "2"
    assert _bytes(tmp_path / "mirrors") - before < 100_000


async def test_known_commit_is_not_fetched_again(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"a.yaml": "1"})
    remote = client.remote(server.url("fleet.git"))
    resolved = await remote.resolve(MAIN)
    await remote.checkout(resolved, tmp_path / "1")
    server.requests.clear()
    await remote.checkout(resolved, tmp_path / "2")
    assert server.requests == []
    assert (tmp_path / "2" / "a.yaml").read_text() == "1"


def _bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


async def test_commit_facts(server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path) -> None:
    sha = repository.commit_tree(
        repository.tree([]), "Raise the limit of everything that has a limit to a higher one\n\nBody"
    )
    remote = client.remote(server.url("fleet.git"))
    commit = await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    assert commit.sha == sha
    assert commit.subject == "Raise the limit of everything that has a limit to ..."
    assert (commit.author.name, commit.author.email) == ("Ada", "ada@example.com")
    assert commit.when.isoformat() == "2023-11-14T23:14:20+01:00"
    assert commit.encoded.startswith(b"tree ")


# --- credentials ---


@pytest.mark.contract("SRC-166", "SRC-169")
async def test_basic_auth(server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path) -> None:
    server.credentials = ("ada", SECRET)
    repository.commit({"a.yaml": "1"})
    auth = GitAuth.from_secret(
        server.url("fleet.git"), {"username": b"ada", "password": SECRET.encode()}, "flux-system/git"
    )
    remote = client.remote(server.url("fleet.git"), auth)
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "1"


@pytest.mark.contract("SRC-167")
async def test_bearer_token(server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path) -> None:
    server.bearer_token = SECRET
    repository.commit({"a.yaml": "1"})
    data = {"bearerToken": SECRET.encode(), "username": b"ada", "password": b"wrong"}
    remote = client.remote(server.url("fleet.git"), GitAuth.from_secret(server.url("fleet.git"), data))
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "1"


@pytest.mark.contract("SRC-166", "SRC-349")
async def test_credentials_in_the_url_work_and_are_not_shown(
    server: GitHTTPServer, client: GitClient, repository: Repository
) -> None:
    server.credentials = ("ada", "p@ss")
    repository.commit({"a.yaml": "1"})
    remote = client.remote(server.url("fleet.git").replace("http://", "http://ada:p%40ss@"))
    assert "p@ss" not in remote.url
    assert "ada" not in remote.url
    await remote.resolve(MAIN)
    server.credentials = ("ada", "other")
    with pytest.raises(GitError) as refused:
        await remote.resolve(MAIN)
    assert "p%40ss" not in str(refused.value)


@pytest.mark.contract("SRC-181", "SRC-349")
async def test_other_credentials_are_refused_without_being_shown(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"a.yaml": "1"})
    server.credentials = ("ada", "right")
    auth = GitAuth.basic("ada", SECRET)
    remote = client.remote(server.url("fleet.git"), auth)
    for remote in (client.remote(server.url("fleet.git"), auth), client.remote(server.url("fleet.git"))):
        with pytest.raises(
            GitError, match=r"unable to list remote for 'http.*fleet\.git': authentication required"
        ) as no:
            await remote.resolve(MAIN)
        assert no.value.reason == "GitOperationFailed"
        assert SECRET not in str(no.value)


async def test_credentials_that_expire_before_the_fetch(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"a.yaml": "1"})
    server.credentials = ("ada", SECRET)
    remote = client.remote(server.url("fleet.git"), GitAuth.basic("ada", SECRET))
    resolved = await remote.resolve(MAIN)
    server.credentials = ("ada", "new")
    with pytest.raises(GitError, match="authentication required"):
        await remote.checkout(resolved, tmp_path / "tree")


@pytest.mark.contract("SRC-349")
async def test_credentials_are_in_no_process_list_and_no_file_afterwards(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"a.yaml": "1"})
    server.credentials = ("ada", SECRET)
    remote = client.remote(server.url("fleet.git"), GitAuth.basic("ada", SECRET))
    resolved = await remote.resolve(MAIN)
    server.trouble = Trouble.HANG_PACK
    fetching = asyncio.create_task(remote.checkout(resolved, tmp_path / "tree"))
    await asyncio.wait_for(server.hanging.wait(), 20)
    header = GitAuth.basic("ada", SECRET).authorization.split()[1]
    seen = [_visible(process) for process in Path("/proc").iterdir() if process.name.isdigit()]
    running = [text for text in seen if "git-remote-http" in text]
    assert running
    assert not [text for text in running if SECRET in text or header in text]
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    left = [
        path for path in (tmp_path / "mirrors").rglob("*") if path.is_file() and header in path.read_text("latin-1")
    ]
    assert left == []


def _visible(process: Path) -> str:
    """Command line and environment of a process."""
    try:
        return ((process / "cmdline").read_bytes() + (process / "environ").read_bytes()).decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


async def test_mirrors_are_not_shared_between_identities(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "1"})
    server.credentials = ("ada", SECRET)
    url = server.url("fleet.git")
    allowed = client.remote(url, GitAuth.basic("ada", SECRET))
    resolved = await allowed.resolve(GitReference(commit=commit))
    await allowed.checkout(resolved, tmp_path / "1")
    with pytest.raises(GitError, match="authentication required"):
        await client.remote(url, GitAuth.basic("eve", "guess")).checkout(resolved, tmp_path / "2")


async def test_users_git_configuration_is_not_consulted(
    server: GitHTTPServer,
    client: GitClient,
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repository.commit({"a.yaml": "1"})
    home = tmp_path / "home"
    home.mkdir()
    marker = tmp_path / "consulted"
    script = tmp_path / "helper"
    script.write_text(f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o755)
    (home / ".gitconfig").write_text(
        f'[credential]\n\thelper = {script}\n[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://\n'
    )
    (home / ".netrc").write_text("machine 127.0.0.1 login ada password right\n")
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("GIT_ASKPASS", str(script))
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    remote = client.remote(server.url("fleet.git"))
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    server.credentials = ("ada", "right")
    with pytest.raises(GitError, match="authentication required"):
        await client.remote(server.url("fleet.git")).resolve(MAIN)
    assert not marker.exists()


# --- redirects ---


async def test_redirect_on_the_same_host_keeps_credentials(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"a.yaml": "1"})
    server.credentials = ("ada", SECRET)
    server.redirects["old.git"] = server.url("fleet.git")
    remote = client.remote(server.url("old.git"), GitAuth.basic("ada", SECRET))
    await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "1"
    assert ("GET", "/old.git/info/refs") in server.requests


async def test_redirect_to_another_host_gets_no_credentials(
    server: GitHTTPServer, client: GitClient, repository: Repository, repositories: Path, tmp_path: Path
) -> None:
    repository.commit({"a.yaml": "1"})
    async with GitHTTPServer(repositories) as public:
        server.credentials = ("ada", SECRET)
        server.redirects["fleet.git"] = public.url("fleet.git")
        remote = client.remote(server.url("fleet.git"), GitAuth.basic("ada", SECRET))
        await remote.checkout(await remote.resolve(MAIN), tmp_path / "tree")
        assert (tmp_path / "tree" / "a.yaml").read_text() == "1"
        public.credentials = ("ada", SECRET)
        with pytest.raises(GitError, match="authentication required"):
            await remote.resolve(MAIN)


async def test_endless_redirects_end(server: GitHTTPServer, client: GitClient) -> None:
    server.redirects["fleet.git"] = server.url("fleet.git")
    with pytest.raises(GitError, match="stopped after 5 redirects"):
        await client.remote(server.url("fleet.git")).resolve(MAIN)


# --- trouble ---


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (Trouble.GARBAGE, "malformed"),
        (Trouble.HTML, "content type 'text/html'"),
        (Trouble.FORBIDDEN, "authorization failed"),
        (Trouble.UNAVAILABLE, "unexpected HTTP status 503"),
        (Trouble.RESET, "unable to list remote"),
    ],
)
@pytest.mark.contract("SRC-181", "SRC-351")
async def test_server_in_trouble_is_a_typed_error_and_heals(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path, trouble: Trouble, message: str
) -> None:
    repository.commit({"a.yaml": "1"})
    remote = client.remote(server.url("fleet.git"))
    for warm in (False, True):
        server.trouble = trouble
        with pytest.raises(GitError, match=message) as caught:
            await remote.resolve(MAIN)
        assert caught.value.reason == "GitOperationFailed"
        assert server.url("fleet.git") in str(caught.value)
        server.trouble = Trouble.NONE
        resolved = await remote.resolve(MAIN)
        server.trouble = trouble
        with pytest.raises(GitError):
            await client.remote(server.url("fleet.git")).checkout(
                await remote.resolve(GitReference(commit="1" * 40)), tmp_path / f"broken-{warm}"
            )
        server.trouble = Trouble.NONE
        await remote.checkout(resolved, tmp_path / f"good-{warm}")
        assert (tmp_path / f"good-{warm}" / "a.yaml").read_text() == "1"


async def test_dead_kept_connection_is_no_failure(
    server: GitHTTPServer, client: GitClient, repository: Repository
) -> None:
    repository.commit({"a.yaml": "1"})
    remote = client.remote(server.url("fleet.git"))
    resolved = await remote.resolve(MAIN)
    server.trouble = Trouble.DROP_ONCE
    assert await remote.resolve(MAIN) == resolved
    assert server.trouble is Trouble.NONE


async def test_moved_repository_is_followed_and_remembered(
    server: GitHTTPServer, client: GitClient, repository: Repository, repositories: Path
) -> None:
    repository.commit({"a.yaml": "1"})
    remote = client.remote(server.url("old.git"))
    server.redirects["old.git"] = server.url("fleet.git")
    resolved = await remote.resolve(MAIN)
    server.requests.clear()
    assert await remote.resolve(MAIN) == resolved
    assert server.requests == [("POST", "/fleet.git/git-upload-pack")]
    (repositories / "fleet.git").rename(repositories / "newest.git")
    server.redirects["old.git"] = server.url("newest.git")
    assert await remote.resolve(MAIN) == resolved


async def test_server_down(client: GitClient) -> None:
    with pytest.raises(GitError, match=r"unable to list remote for 'http://127.0.0.1:1/x': dial tcp 127.0.0.1:1: "):
        await client.remote("http://127.0.0.1:1/x").resolve(MAIN)


async def test_unknown_host(client: GitClient) -> None:
    with pytest.raises(GitError, match="no such host"):
        await client.remote("http://git.invalid/x").resolve(MAIN)


async def test_unknown_repository(server: GitHTTPServer, client: GitClient) -> None:
    with pytest.raises(RepositoryNotFound, match="repository not found"):
        await client.remote(server.url("absent.git")).resolve(MAIN)


@pytest.mark.contract("SRC-137", "SRC-351")
async def test_hung_listing_ends_at_the_timeout(server: GitHTTPServer, client: GitClient) -> None:
    server.trouble = Trouble.HANG
    remote = client.remote(server.url("fleet.git"), timeout=0.3)
    with pytest.raises(GitTimeout, match=r"no answer within 0\.3s: context deadline exceeded"):
        await remote.resolve(MAIN)


@pytest.mark.contract("SRC-137", "SRC-351")
async def test_hung_transfer_is_killed_at_the_timeout(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"a.yaml": "1"})
    server.trouble = Trouble.HANG_PACK
    remote = client.remote(server.url("fleet.git"), timeout=1.0)
    resolved = await remote.resolve(MAIN)
    with pytest.raises(GitTimeout, match="unable to clone"):
        await remote.checkout(resolved, tmp_path / "tree")
    assert server.hanging.is_set()
    assert not [command for command in children() if server.address in command]
    server.trouble = Trouble.NONE
    await client.remote(server.url("fleet.git")).checkout(resolved, tmp_path / "tree")
    assert (tmp_path / "tree" / "a.yaml").read_text() == "1"


async def test_cancelled_transfer_is_killed(
    server: GitHTTPServer, client: GitClient, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"a.yaml": "1"})
    server.trouble = Trouble.HANG_PACK
    remote = client.remote(server.url("fleet.git"))
    fetching = asyncio.create_task(remote.checkout(await remote.resolve(MAIN), tmp_path / "tree"))
    await asyncio.wait_for(server.hanging.wait(), 20)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert not [command for command in children() if server.address in command]
    assert list(client.mirrors.sessions.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["git@github.com:a/b", "ftp://x/y", "http://", "ssh://-oProxyCommand=x/y", "http://a b/c", "http://h:x/"]
)
@pytest.mark.contract("SRC-137", "SRC-180")
def test_unusable_urls(client: GitClient, url: str) -> None:
    with pytest.raises(GitError, match="failed to parse url") as caught:
        client.remote(url, GitAuth())
    assert caught.value.reason == "URLInvalid"


async def test_file_urls_need_the_switch(tmp_path: Path) -> None:
    async with GitClient(tmp_path / "m") as client:
        with pytest.raises(GitError, match="file:// URLs are not allowed"):
            client.remote("file:///tmp/x")
