"""``.gitmodules``: which remote each submodule of a tree comes from (git ``Documentation/gitmodules``)."""

import posixpath
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from fluxkit.source.errors import GitError
from fluxkit.source.git.auth import GitAuth, parse_url, without_userinfo

__all__ = ["MAX_DEPTH", "auth_for", "parse_modules", "resolve_url"]

MAX_DEPTH: Final = 10
"""Levels of submodules within submodules, as go-git's DefaultSubmoduleRecursionDepth."""

_SECTION: Final = re.compile(r'\[\s*submodule\s+"(?P<name>(?:[^"\\]|\\.)*)"\s*\]')
_SETTING: Final = re.compile(r"(?P<key>[A-Za-z][A-Za-z0-9-]*)\s*=\s*(?P<value>.*)")
_SCP: Final = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>[^/:\s]+):(?P<path>[^/\s].*|/[^/\s].*)")


def parse_modules(text: str) -> Mapping[str, str]:
    """URL by path of each submodule that has both."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            section = _SECTION.fullmatch(stripped)
            current = found.setdefault(section["name"], {}) if section else None
        elif current is not None and (setting := _SETTING.fullmatch(stripped)):
            value = setting["value"].split(" #", 1)[0].split(" ;", 1)[0].strip()
            if len(value) > 1 and value.startswith('"') and value.endswith('"'):
                value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
            current[setting["key"].lower()] = value
    return {
        facts["path"].strip("/"): facts["url"] for facts in found.values() if facts.get("path") and facts.get("url")
    }


def resolve_url(url: str, parent: str) -> str:
    """A submodule's URL: relative ones against the parent's, ``user@host:path`` as ``ssh``. Raises GitError."""
    if url.startswith(("./", "../")):
        parts = urlsplit(parent)
        path = posixpath.normpath(posixpath.join(parts.path.rstrip("/") or "/", url))
        return parts._replace(path=path).geturl()
    if "://" not in url and (found := _SCP.fullmatch(url)):
        return f"ssh://{found['user'] or 'git'}@{found['host']}/{found['path'].lstrip('/')}"
    parse_url(url)
    return url


def auth_for(url: str, parent: str, auth: GitAuth) -> GitAuth:
    """The parent's credentials for a submodule on the same server; for other servers none.

    Upstream sends the parent's credentials wherever ``.gitmodules`` points, which lets any committer collect them. SSH
    keys are an exception: known hosts decide where they may be used, and they are never handed over.
    """
    ours, theirs = urlsplit(parent), urlsplit(without_userinfo(url))
    if ours.scheme == "ssh":
        if theirs.scheme == "ssh":
            return GitAuth.from_secret(
                url,
                {"identity": auth.identity, "known_hosts": auth.known_hosts, "password": auth.password.encode()},
            )
        return GitAuth()
    if theirs.scheme == "ssh":
        raise GitError(f"submodule '{without_userinfo(url)}' needs SSH credentials, the repository has none")
    if (ours.scheme, ours.netloc.rpartition("@")[2]) == (theirs.scheme, theirs.netloc):
        return auth
    return GitAuth(ca=auth.ca)
