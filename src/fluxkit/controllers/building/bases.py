"""Remote bases of kustomizations: files over HTTP and Git repositories, for the build engine that never asks itself.

Blocking, for a worker process or the command line. Follows kubernetes-sigs/kustomize ``api/internal/git/cloner.go`` and
``api/internal/loader/fileloader.go``: a shallow fetch of one reference, submodules included unless switched off.
"""

import os
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fluxkit.kustomize import KustomizeError
from fluxkit.kustomize.errors import HTTPFailure, RemoteTimeout
from fluxkit.kustomize.remote import parse_repo_url

__all__ = ["RemoteBases"]

_FILE_SECONDS: Final = 27.0
_FILE_BYTES: Final = 32 << 20


class RemoteBases:
    """Fetches bases for one build; clones lie below ``directory``, which the caller removes.

    ``environment`` is that of the git processes: by default a closed one, in which neither the user's configuration nor
    credential helpers take part, and local repositories are refused.
    """

    def __init__(self, directory: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self._directory = directory
        self._environment = _closed_environment(directory) if environment is None else environment
        self.used = False
        """Whether anything was fetched: the result then depends on more than local files."""

    def fetch_file(self, url: str) -> bytes:
        """The body behind an HTTP(S) URL. Raises KustomizeError."""
        self.used = True
        try:
            with urllib.request.urlopen(url, timeout=_FILE_SECONDS) as answer:
                body: bytes = answer.read(_FILE_BYTES + 1)
        except urllib.error.HTTPError as error:
            if parse_repo_url(url) is not None:
                raise KustomizeError("URL is a git repository") from None  # the engine clones it next
            raise HTTPFailure(f"HTTP Error: status code {error.code} ({error.reason}): {url}") from None
        except TimeoutError:
            raise RemoteTimeout(f"no answer from {url} within {_FILE_SECONDS:g}s") from None
        except (urllib.error.URLError, OSError) as error:
            raise KustomizeError(f"Get {url}: {getattr(error, 'reason', error)}") from None
        if len(body) > _FILE_BYTES:
            raise KustomizeError(f"{url} is larger than {_FILE_BYTES} bytes")
        return body

    def clone(self, url: str, ref: str, submodules: bool, timeout: float) -> Path:
        """A checkout of a repository at ``ref`` (HEAD when empty). Raises KustomizeError."""
        self.used = True
        target = Path(tempfile.mkdtemp(prefix="kustomize-", dir=self._directory))
        self._git(target, timeout, "init", "--quiet")
        self._git(target, timeout, "remote", "add", "--", "origin", url)
        self._git(target, timeout, "fetch", "--quiet", "--depth=1", "--", "origin", ref or "HEAD")
        self._git(target, timeout, "checkout", "--quiet", "FETCH_HEAD")
        if submodules and (target / ".gitmodules").exists():
            self._git(target, timeout, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
        return target

    def _git(self, cwd: Path, timeout: float, *arguments: str) -> None:
        command = f"git {' '.join(arguments)}"
        try:
            subprocess.run(
                ["git", "-c", "core.hooksPath=/dev/null", *arguments],
                cwd=cwd,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise RemoteTimeout(f"hit {timeout:g}s timeout running '{command}'") from None
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip()
            raise KustomizeError(f"failed to run '{command}': {said}: exit status {error.returncode}") from None
        except FileNotFoundError:
            raise KustomizeError("no 'git' program on path: it is needed for remote bases") from None


def _closed_environment(home: Path) -> dict[str, str]:
    passed = ("PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY")
    return {
        **{name: value for name in passed if (value := os.environ.get(name))},
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "http:https:ssh",
    }
